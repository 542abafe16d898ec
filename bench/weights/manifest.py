"""The one manifest of files with learned parameters that may not be redistributed here.

Nothing in it is downloaded on import or while scoring. Sizes are approximate. A hash is given where its publisher
states it, in whole (`sha256`) or by its first digits in the file name (`sha256_prefix`).
"""

from __future__ import annotations

from bench.weights import face_files, image_files, theval_files, video_files
from bench.weights.weight_file import WeightFile

__all__ = ["MANIFEST", "WeightFile", "files_of"]

MANIFEST: tuple[WeightFile, ...] = (
    *image_files.FILES,
    *video_files.FILES,
    *face_files.FILES,
    *theval_files.FILES,
)


def files_of(network: str) -> tuple[WeightFile, ...]:
    """Files that a network can be built from, the usual one first; empty for an unknown name.

    >>> [entry.key for entry in files_of("musiq")]
    ['musiq_spaq', 'musiq_koniq']
    """
    return tuple(entry for entry in MANIFEST if network in entry.networks)
