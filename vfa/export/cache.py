"""Write and read `animation.npz`: the animation as plain arrays, without the rounding of times that glTF has.

Arrays: `vertices` float32 [V,3] at rest, `triangles` int32 [F,3], `basis` float32 [R,V,3], `weights` float32 [T,R],
`poses` float64 [T,4,4], `times_numerator` and `times_denominator` int64 [T] (seconds), `max_error` float64 (mesh
units).
The vertices of frame t in head space are vertices + sum_r weights[t, r] basis[r]; the pose is applied after that.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from vfa.errors import DecodeError
from vfa.export.basis import ReducedMotion
from vfa.media.atomic import write_bytes

_FIELDS = ("vertices", "triangles", "basis", "weights", "poses", "times_numerator", "times_denominator", "max_error")


def write_cache(path: str | Path, triangles: np.ndarray, motion: ReducedMotion) -> float:
    """Write a reduced animation; the file is complete or absent.

    Args:
        path: the `.npz` file.
        triangles: int32 `[F, 3]`.
        motion: the reduced animation.

    Returns:
        The largest distance of any vertex in any frame from where it was before the reduction, in mesh units.

    Raises:
        VFAError: if the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        vertices=motion.base,
        triangles=np.asarray(triangles, np.int32),
        basis=motion.targets,
        weights=motion.weights,
        poses=motion.poses,
        times_numerator=np.array([time.numerator for time in motion.times], np.int64),
        times_denominator=np.array([time.denominator for time in motion.times], np.int64),
        max_error=np.float64(motion.max_error),
    )
    write_bytes(Path(path), buffer.getvalue())
    return motion.max_error


def read_cache_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an `animation.npz`, named as above.

    Raises:
        DecodeError: if the file is damaged, holds objects instead of numbers, or arrays are missing.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in _FIELDS if name not in archive]
            if not missing:
                return {name: archive[name] for name in _FIELDS}
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DecodeError("cannot read this animation", path=path, expected="an .npz archive of numbers",
                          found=str(error)) from error  # fmt: skip
    raise DecodeError("this is no animation", path=path, expected=", ".join(_FIELDS), found=f"no {', '.join(missing)}")
