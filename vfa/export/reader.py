"""Read an exported animation back: `animation.glb` or `animation.npz`, vertex for vertex in the order of the avatar."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.errors import DecodeError, InputError
from vfa.export.animation import AnimationFrame
from vfa.export.cache import read_cache_arrays
from vfa.export.glb import FLOAT, UINT16, UINT32, compose_poses

if TYPE_CHECKING:
    from pygltflib import GLTF2

_DTYPES: dict[int, np.dtype] = {FLOAT: np.dtype("<f4"), UINT16: np.dtype("<u2"), UINT32: np.dtype("<u4")}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass(frozen=True)
class RecordedAnimation:
    """An animation read from a file.

    Attributes:
        vertices: float32 `[V, 3]` at rest.
        triangles: int32 `[F, 3]`.
        targets: float32 `[R, V, 3]`.
        weights: float32 `[T, R]`.
        times: seconds; exact from `.npz`, the float32 of the file from `.glb`.
        poses: float64 `[T, 4, 4]`.
        max_error: the error that the file states, in mesh units.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    times: tuple[Fraction, ...]
    poses: np.ndarray
    max_error: float

    def __len__(self) -> int:
        return len(self.times)

    def frame(self, index: int) -> AnimationFrame:
        """One frame, as it was given to the writer."""
        offset = np.tensordot(self.weights[index].astype(np.float64), self.targets, axes=1)
        return AnimationFrame(self.times[index], (self.vertices + offset).astype(np.float32), self.poses[index])


def read_animation(path: str | Path) -> RecordedAnimation:
    """Read an animation written by this package.

    Raises:
        InputError: if the file's ending is neither `.glb` nor `.npz`.
        DecodeError: if the file is damaged or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", path=path)
    if path.suffix.lower() == ".npz":
        return _from_cache(path)
    if path.suffix.lower() == ".glb":
        return _from_glb(path)
    raise InputError("not an animation", path=path, expected=".glb or .npz", found=path.suffix)


def _from_cache(path: Path) -> RecordedAnimation:
    arrays = read_cache_arrays(path)
    times = zip(arrays["times_numerator"].tolist(), arrays["times_denominator"].tolist(), strict=True)
    return RecordedAnimation(
        arrays["vertices"],
        arrays["triangles"],
        arrays["basis"],
        arrays["weights"],
        tuple(Fraction(numerator, denominator) for numerator, denominator in times),
        arrays["poses"],
        float(arrays["max_error"]),
    )


def _from_glb(path: Path) -> RecordedAnimation:
    from pygltflib import GLTF2

    try:
        gltf = GLTF2.load_binary(str(path))
        return _decode(gltf, gltf.binary_blob())
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, OSError, struct.error) as error:
        raise DecodeError("cannot read this animation", path=path, expected="a GLB written by this package",
                          found=f"{type(error).__name__}: {error}") from error  # fmt: skip


def _decode(gltf: GLTF2, blob: bytes) -> RecordedAnimation:
    mesh = gltf.meshes[0]
    count, number = int(mesh.extras["vertexCount"]), len(mesh.primitives[0].targets or [])
    vertices, targets = np.zeros((count, 3), np.float32), np.zeros((number, count, 3), np.float32)
    triangles = []
    for primitive in mesh.primitives:
        positions = read_accessor(gltf, blob, primitive.attributes.POSITION)
        place = getattr(primitive.attributes, "_SOURCE", None)
        source = np.arange(len(positions)) if place is None else read_accessor(gltf, blob, place).astype(np.int64)
        vertices[source] = positions
        triangles.append(source[read_accessor(gltf, blob, primitive.indices)].reshape(-1, 3))
        for index, target in enumerate(primitive.targets or []):
            entry = target if isinstance(target, dict) else vars(target)
            targets[index, source] = read_accessor(gltf, blob, entry["POSITION"])
    tracks = {}
    animation = gltf.animations[0]
    for channel in animation.channels:
        tracks[channel.target.path] = read_accessor(gltf, blob, animation.samplers[channel.sampler].output)
    times = read_accessor(gltf, blob, animation.samplers[0].input)
    scale = tracks["scale"][:, 0] if "scale" in tracks else np.ones(len(times))
    poses = compose_poses(
        *(np.asarray(part, np.float64) for part in (tracks["translation"], tracks["rotation"], scale))
    )
    return RecordedAnimation(
        vertices,
        np.concatenate(triangles).astype(np.int32),
        targets,
        tracks["weights"].reshape(len(times), number) if number else np.zeros((len(times), 0), np.float32),
        tuple(Fraction(float(time)) for time in times),
        poses,
        float(mesh.extras["maxError"]),
    )


def read_accessor(gltf: GLTF2, blob: bytes, index: int) -> np.ndarray:
    """The values of an accessor, dense or sparse: `[N]` for scalars, `[N, C]` otherwise."""
    accessor = gltf.accessors[index]
    width = _WIDTHS[accessor.type]
    if accessor.bufferView is None:
        values = np.zeros((accessor.count, width), _DTYPES[accessor.componentType])
    else:
        values = _view(gltf, blob, accessor.bufferView, accessor.componentType, accessor.count * width)
        values = values.reshape(-1, width).copy()
    if accessor.sparse is not None:
        number = accessor.sparse.count
        places = accessor.sparse.indices
        where = _view(gltf, blob, places.bufferView, places.componentType, number)
        values[where] = _view(
            gltf, blob, accessor.sparse.values.bufferView, accessor.componentType, number * width
        ).reshape(-1, width)
    return values[:, 0] if width == 1 else values


def _view(gltf: GLTF2, blob: bytes, index: int, component: int, count: int) -> np.ndarray:
    view = gltf.bufferViews[index]
    return np.frombuffer(blob, _DTYPES[component], count, view.byteOffset or 0)
