"""Write `animation.glb`: mesh, colours, named morph targets and one animation track, for Blender and web viewers.

glTF 2.0 core only. Targets are float32, sparse where that is smaller; quantised targets would need an extension that
few importers read. The rigid head pose moves the parent node, so that shape and pose can be edited apart.
Weights lie in 0..1, because Blender clamps shape keys to that range while it plays: one more target, against all the
others, makes room below zero, and the mesh with all weights 0 is still the mesh at rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.errors import InputError, MeshError
from vfa.export.basis import ReducedMotion
from vfa.export.glb_mesh import encode_image, linear_vertex_colors, material_look, split
from vfa.media.atomic import write_bytes
from vfa.render.rasterizer import check_triangles

if TYPE_CHECKING:
    from pygltflib import GLTF2

    from vfa.avatar.avatar import Avatar

FLOAT, UINT16, UINT32 = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
LINEAR, LINEAR_MIPMAP, CLAMP, REPEAT = 9729, 9987, 33071, 10497
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


def write_glb(path: str | Path, avatar: Avatar, motion: ReducedMotion) -> float:
    """Write an animated avatar; the file is complete or absent.

    Args:
        path: the `.glb` file.
        avatar: the mesh at rest with its appearance; its name becomes the name of mesh and node.
        motion: the reduced animation of that mesh.

    Returns:
        The largest distance, in mesh units, of any animated vertex from where it was before the reduction, head pose
        included. It is also in the mesh's extras as `maxError`.

    Raises:
        MeshError: if the animation belongs to another mesh.
        InputError: if a pose is not rigid (up to a uniform scale) or the first time is negative.
        VFAError: if the file cannot be written.
    """
    path = Path(path)
    if not np.array_equal(motion.base, avatar.vertices):
        raise MeshError(
            "the animation belongs to another mesh",
            expected=f"the avatar's {len(avatar.vertices)} vertices at rest",
            found=f"{len(motion.base)} vertices",
        )
    triangles = check_triangles(avatar.triangles, len(motion.base))
    writer = _Writer()
    max_error = motion.max_error + _pose_error(motion)
    names, targets, weights = slider_targets(motion)
    gltf = writer.gltf
    mesh = _add_mesh(writer, avatar, triangles, targets)
    writer.gltf.meshes[mesh].extras = {"vertexCount": len(motion.base), "maxError": max_error}
    if names:
        writer.gltf.meshes[mesh].extras["targetNames"] = names
    name = avatar.name or "avatar"
    nodes = writer.types.Node
    gltf.nodes = [nodes(name=f"{name} pose", children=[1]), nodes(name=name, mesh=mesh)]
    gltf.scenes, gltf.scene = [writer.types.Scene(nodes=[0])], 0
    _add_animation(writer, motion, weights)
    writer.save(path)
    return max_error


class _Writer:
    """A glTF document and its binary buffer."""

    def __init__(self) -> None:
        import pygltflib

        self.types = pygltflib
        self.gltf: GLTF2 = pygltflib.GLTF2(asset=pygltflib.Asset(version="2.0", generator="versatile-face-animator"))
        self._parts: list[bytes] = []
        self._length = 0

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes; the index of their buffer view."""
        self.gltf.bufferViews.append(
            self.types.BufferView(buffer=0, byteOffset=self._length, byteLength=len(data), target=target)
        )
        padding = -len(data) % 4
        self._parts += [data, b"\0" * padding]
        self._length += len(data) + padding
        return len(self.gltf.bufferViews) - 1

    def accessor(
        self, array: np.ndarray, component: int, *, target: int | None = None, bounds: bool = False, unit: bool = False
    ) -> int:
        """Append an array `[N]` or `[N, C]`; the index of its accessor. unit: integers mean 0..1."""
        width = 1 if array.ndim == 1 else array.shape[1]
        self.gltf.accessors.append(
            self.types.Accessor(
                bufferView=self.view(np.ascontiguousarray(array).tobytes(), target),
                componentType=component,
                count=len(array),
                type=_TYPES[width],
                normalized=unit or None,
                **(_bounds(array) if bounds else {}),
            )
        )
        return len(self.gltf.accessors) - 1

    def displacement(self, array: np.ndarray) -> int:
        """Append a morph target float32 `[N, 3]`, sparse where that is smaller."""
        moving = np.flatnonzero(array.any(1))
        index_size = 2 if len(array) <= 65535 else 4
        if (12 + index_size) * len(moving) >= 12 * len(array):
            return self.accessor(array, FLOAT, target=ARRAY_BUFFER, bounds=True)
        moving = moving if len(moving) else np.array([0])
        types = self.types
        indices = moving.astype(np.uint16 if index_size == 2 else np.uint32)
        self.gltf.accessors.append(
            types.Accessor(
                byteOffset=None,
                componentType=FLOAT,
                count=len(array),
                type="VEC3",
                sparse=types.Sparse(
                    count=len(moving),
                    indices=types.AccessorSparseIndices(
                        bufferView=self.view(indices.tobytes()), componentType=UINT16 if index_size == 2 else UINT32
                    ),
                    values=types.AccessorSparseValues(bufferView=self.view(array[moving].tobytes())),
                ),
                **_bounds(array),
            )
        )
        return len(self.gltf.accessors) - 1

    def save(self, path: Path) -> None:
        """Write everything; the file is complete or absent."""
        self.gltf.buffers = [self.types.Buffer(byteLength=self._length)]
        self.gltf.set_binary_blob(b"".join(self._parts))
        write_bytes(path, b"".join(self.gltf.save_to_bytes()))


def _bounds(array: np.ndarray) -> dict[str, list[float]]:
    return {
        "min": np.atleast_1d(array.min(0)).astype(float).tolist(),
        "max": np.atleast_1d(array.max(0)).astype(float).tolist(),
    }


def slider_targets(motion: ReducedMotion) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The motion with weights in 0..1: names, targets float32 `[R, V, 3]` and weights float32 `[T, R]`.

    With s_j how far weight j goes below zero, and t_0 = -sum s_j t_j, each frame adds c s_j to weight j and c to that
    of t_0, which changes nothing; the smallest c that leaves no weight negative is at most 1.
    """
    targets, weights = motion.targets.astype(np.float64), motion.weights.astype(np.float64)
    names = [f"motion_{number:02d}" for number in range(1, len(targets) + 1)]
    below = np.maximum(-weights.min(0, initial=0), 0)
    if (below > 0).any():
        share = np.divide(-weights, below, out=np.zeros_like(weights), where=below > 0)
        counter = np.maximum(share.max(1), 0)
        weights = np.c_[np.maximum(weights + counter[:, None] * below, 0), counter]
        targets = np.concatenate([targets, -np.tensordot(below, targets, 1)[None]])
        names.append("counter_motion")
    peaks = weights.max(0, initial=0)
    peaks[peaks == 0] = 1
    return names, (targets * peaks[:, None, None]).astype(np.float32), (weights / peaks).astype(np.float32)


def _add_mesh(writer: _Writer, avatar: Avatar, triangles: np.ndarray, targets: np.ndarray) -> int:
    types, look, vertices = writer.types, avatar.appearance, avatar.vertices
    parts = split(len(vertices), triangles, look)
    normals = _normals(vertices, triangles)
    primitives = []
    for part in parts:
        attributes = types.Attributes(
            POSITION=writer.accessor(vertices[part.source], FLOAT, target=ARRAY_BUFFER, bounds=True),
            NORMAL=writer.accessor(normals[part.source], FLOAT, target=ARRAY_BUFFER),
        )
        if look.vertex_colors is not None:
            colors = linear_vertex_colors(look.vertex_colors)[part.source]
            attributes.COLOR_0 = writer.accessor(colors, UINT16, target=ARRAY_BUFFER, unit=True)
        if part.uv is not None:
            attributes.TEXCOORD_0 = writer.accessor(part.uv, FLOAT, target=ARRAY_BUFFER)
        if len(parts) > 1 or len(part.source) > len(vertices):
            source = part.source.astype(np.float32)  # exact up to 16 million vertices
            attributes._SOURCE = writer.accessor(source, FLOAT, target=ARRAY_BUFFER)
        index_type, component = (np.uint16, UINT16) if len(part.source) <= 65535 else (np.uint32, UINT32)
        corners = part.triangles.ravel().astype(index_type)
        primitives.append(
            types.Primitive(
                attributes=attributes,
                indices=writer.accessor(corners, component, target=ELEMENT_BUFFER),
                material=_add_material(writer, avatar, part.material),
                targets=[types.Attributes(POSITION=writer.displacement(t[part.source])) for t in targets],
            )
        )
    writer.gltf.meshes.append(types.Mesh(name=avatar.name or "avatar", primitives=primitives))
    return len(writer.gltf.meshes) - 1


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    from vfa.render import kernels

    normals = np.empty((len(vertices), 3), np.float32)
    kernels.vertex_normals(vertices, triangles, normals)
    normals[~normals.any(1)] = (0, 0, 1)
    return normals


def _add_material(writer: _Writer, avatar: Avatar, index: int) -> int:
    types, gltf = writer.types, writer.gltf
    look = material_look(avatar.appearance, index)
    shading = types.PbrMetallicRoughness(baseColorFactor=list(look.factor), metallicFactor=0.0, roughnessFactor=0.85)
    if look.image is not None:
        data, mime = encode_image(look.image)
        wrap = CLAMP if look.clamp else REPEAT
        gltf.samplers.append(types.Sampler(magFilter=LINEAR, minFilter=LINEAR_MIPMAP, wrapS=wrap, wrapT=wrap))
        gltf.images.append(types.Image(bufferView=writer.view(data), mimeType=mime))
        gltf.textures.append(types.Texture(source=len(gltf.images) - 1, sampler=len(gltf.samplers) - 1))
        shading.baseColorTexture = types.TextureInfo(index=len(gltf.textures) - 1)
    material = types.Material(
        name=f"material {index}", pbrMetallicRoughness=shading, doubleSided=True, alphaMode=look.alpha
    )
    material.alphaCutoff = 0.5 if look.alpha == "MASK" else None
    gltf.materials.append(material)
    return len(gltf.materials) - 1


def _add_animation(writer: _Writer, motion: ReducedMotion, weights: np.ndarray) -> None:
    types = writer.types
    if motion.times[0] < 0:
        raise InputError("glTF knows no negative times", found=f"first frame at {motion.times[0]} s")
    times = np.array([float(time) for time in motion.times], np.float32)
    if len(times) > 1 and not (np.diff(times) > 0).all():
        raise InputError("frames are too close in time for glTF's float32 seconds")
    clock = writer.accessor(times, FLOAT, bounds=True)
    animation = types.Animation(name="performance", samplers=[], channels=[])

    def track(node: int, path: str, values: np.ndarray) -> None:
        output = writer.accessor(values.astype(np.float32), FLOAT)
        animation.samplers.append(types.AnimationSampler(input=clock, output=output, interpolation="LINEAR"))
        target = types.AnimationChannelTarget(node=node, path=path)
        animation.channels.append(types.AnimationChannel(sampler=len(animation.samplers) - 1, target=target))

    if weights.size:
        track(1, "weights", weights.ravel())
    translation, rotation, scale = decompose_poses(motion.poses)
    track(0, "translation", translation)
    track(0, "rotation", rotation)
    if np.abs(scale - 1).max() > 1e-7:
        track(0, "scale", np.repeat(scale[:, None], 3, axis=1))
    writer.gltf.animations.append(animation)


def decompose_poses(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rigid poses as translation `[T, 3]`, unit quaternion x, y, z, w `[T, 4]` and uniform scale `[T]`, in float64.

    Neighbouring quaternions lie in the same half, so that interpolation takes the short way.

    Raises:
        InputError: if a pose has shear, a mirror image or different scales per axis.
    """
    from scipy.spatial.transform import Rotation

    linear_part, translation = poses[:, :3, :3], poses[:, :3, 3]
    determinant = np.linalg.det(linear_part)
    scale = np.cbrt(np.where(determinant > 0, determinant, np.nan))
    matrices = linear_part / scale[:, None, None]
    deviation = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    bad = np.flatnonzero(~(deviation < 1e-4))
    if len(bad):
        raise InputError(
            f"the head pose of frame {bad[0]} is not rigid",
            expected="a rotation, a translation and at most a uniform scale",
            found=str(poses[bad[0]].tolist()),
        )
    quaternion = Rotation.from_matrix(matrices).as_quat()
    flips = np.where((quaternion[1:] * quaternion[:-1]).sum(1) < 0, -1.0, 1.0)
    quaternion[1:] *= np.cumprod(flips)[:, None]
    return translation, quaternion, scale


def compose_poses(translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The inverse of `decompose_poses`: float64 `[T, 4, 4]`."""
    from scipy.spatial.transform import Rotation

    poses = np.tile(np.eye(4), (len(translation), 1, 1))
    poses[:, :3, :3] = Rotation.from_quat(rotation).as_matrix() * np.reshape(scale, (-1, 1, 1))
    poses[:, :3, 3] = translation
    return poses


def _pose_error(motion: ReducedMotion) -> float:
    """How far float32 translations and quaternions move the corners of the box around all positions."""
    reach = np.abs(motion.targets).sum(0) if len(motion.targets) else 0
    lowest, highest = (motion.base - reach).min(0), (motion.base + reach).max(0)
    corners = np.stack(np.meshgrid(*np.stack([lowest, highest], 1), indexing="ij"), -1).reshape(-1, 3)
    stored = compose_poses(*(part.astype(np.float32).astype(np.float64) for part in decompose_poses(motion.poses)))
    difference = motion.poses - stored
    moved = np.einsum("tij,nj->tni", difference[:, :3, :3], corners) + difference[:, None, :3, 3]
    return float(np.linalg.norm(moved, axis=-1).max())
