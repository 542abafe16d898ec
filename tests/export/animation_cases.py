"""Small avatars and animations for the export tests, and a glTF reader that shares no code with the package."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from vfa.avatar.avatar import Avatar
from vfa.export.animation import AnimationFrame
from vfa.render import Appearance


def ball_avatar(appearance=None, *, name="ball", scale=1.0, offset=0.0, subdivisions=3):
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions)
    vertices = (ball.vertices * scale + offset).astype(np.float32)
    return Avatar(
        name=name,
        vertices=vertices,
        triangles=ball.faces.astype(np.int32),
        appearance=appearance or Appearance(),
        parts=np.zeros(len(vertices), np.int32),
    )


def textured_look(triangles, vertices):
    """Two textured materials and one plain; corner UVs that disagree along seams."""
    rng = np.random.default_rng(0)
    material = (np.arange(len(triangles)) % 3).astype(np.int32)
    uv = (vertices[triangles][..., :2] * 0.45 + 0.5).astype(np.float32)
    uv[material == 1] = uv[material == 1][..., ::-1]
    large = np.full((300, 300, 3), 120, np.uint8)
    large[:150] = (200, 60, 60)
    small = rng.integers(0, 256, (16, 16, 4), np.uint8)
    small[..., 3] = 255
    small[:4, :4, 3] = 0
    base = np.array([[255, 255, 255, 255], [255, 255, 255, 255], [40, 90, 200, 255]], np.uint8)
    return Appearance(corner_uv=uv, material=material, textures=(large, small, None), base_colors=base)


def bumps(vertices, n_modes, rng):
    """Smooth local displacement fields [n_modes, V, 3], each as long as 1 at its centre."""
    size = np.ptp(vertices, axis=0).max()
    modes = []
    for _ in range(n_modes):
        centre = vertices[rng.integers(len(vertices))]
        fall = np.exp(-((vertices - centre) ** 2).sum(1) / (0.25 * size) ** 2)
        fall[fall < 1e-4] = 0
        direction = rng.normal(size=3)
        modes.append(fall[:, None] * direction / np.linalg.norm(direction))
    return np.array(modes)


def moving_frames(avatar, n_frames=40, n_modes=6, *, noise=0.0, posed=True, rate=Fraction(30000, 1001), seed=3):
    rng = np.random.default_rng(seed)
    rest = avatar.vertices.astype(np.float64)
    size = np.ptp(rest, axis=0).max()
    modes = bumps(rest, n_modes, rng) * size * 0.2
    phases = rng.uniform(0, 6, n_modes)
    for index in range(n_frames):
        weights = np.sin(phases + index * np.linspace(0.1, 0.4, n_modes))
        vertices = rest + np.tensordot(weights, modes, 1) + noise * size * rng.normal(size=rest.shape)
        pose = np.eye(4)
        if posed:
            a, b = 0.5 * np.sin(index / 7), 0.3 * np.cos(index / 5)
            turn_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
            turn_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
            pose[:3, :3] = turn_y @ turn_x
            pose[:3, 3] = size * np.array([0.1 * a, 0.2, -0.1 * b])
        yield AnimationFrame(Fraction(index) / rate, vertices.astype(np.float32), pose)


def plain_accessor(gltf, index):
    """Decode an accessor from the specification alone."""
    blob = gltf.binary_blob()
    accessor = gltf.accessors[index]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor.type]
    types = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}

    def view(number, kind, count):
        at = gltf.bufferViews[number]
        return np.frombuffer(blob[at.byteOffset : at.byteOffset + at.byteLength], types[kind])[:count]

    out = np.zeros((accessor.count, width), types[accessor.componentType])
    if accessor.bufferView is not None:
        out[:] = view(accessor.bufferView, accessor.componentType, accessor.count * width).reshape(-1, width)
    if accessor.sparse:
        where = view(accessor.sparse.indices.bufferView, accessor.sparse.indices.componentType, accessor.sparse.count)
        values = view(accessor.sparse.values.bufferView, accessor.componentType, accessor.sparse.count * width)
        out[where] = values.reshape(-1, width)
    return out


def play_glb(gltf, n_vertices):
    """World positions [T, V, 3] of the mesh's original vertices at every key frame, in float64."""
    animation = gltf.animations[0]
    tracks = {c.target.path: plain_accessor(gltf, animation.samplers[c.sampler].output) for c in animation.channels}
    count = gltf.accessors[animation.samplers[0].input].count
    world = np.full((count, n_vertices, 3), np.nan)
    for primitive in gltf.meshes[0].primitives:
        base = plain_accessor(gltf, primitive.attributes.POSITION).astype(np.float64)
        targets = []
        for target in primitive.targets or []:
            entry = target if isinstance(target, dict) else vars(target)
            targets.append(plain_accessor(gltf, entry["POSITION"]).astype(np.float64))
        place = getattr(primitive.attributes, "_SOURCE", None)
        source = np.arange(len(base)) if place is None else plain_accessor(gltf, place)[:, 0].astype(int)
        for t in range(count):
            points = base.copy()
            for r, target in enumerate(targets):
                points += float(tracks["weights"].reshape(count, -1)[t, r]) * target
            if "scale" in tracks:
                points = points * tracks["scale"][t].astype(np.float64)
            x, y, z, w = tracks["rotation"][t].astype(np.float64)
            u = np.array([x, y, z])
            points = points + 2 * np.cross(u, np.cross(u, points) + w * points)  # the quaternion acts on the points
            world[t, source] = points + tracks["translation"][t].astype(np.float64)
    return world
