"""animation.glb and animation.npz: read back by independent code, validated, and complete or absent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from animation_cases import ball_avatar, moving_frames, plain_accessor, play_glb, textured_look

from vfa.avatar.avatar import Avatar
from vfa.errors import DecodeError, InputError, MeshError, VFAError
from vfa.export.animation import Animation, AnimationFrame
from vfa.export.basis import MotionReducer
from vfa.export.glb import write_glb
from vfa.export.reader import read_animation
from vfa.export.recorder import AnimationRecorder, export_animation
from vfa.render import Appearance, Light, frame_mesh, render_mesh

VALIDATE = """
const validator = require('gltf-validator'), fs = require('fs');
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1])), {maxIssues: 20})
  .then(report => console.log(JSON.stringify(report.issues)));
"""


def load(path):
    import pygltflib

    return pygltflib.GLTF2.load_binary(str(path))


def case(kind):
    """Avatar and frames for one kind of export."""
    plain = ball_avatar()
    looks = {
        "colors": Appearance(np.random.default_rng(0).integers(0, 256, (len(plain.vertices), 3), np.uint8)),
        "textures": textured_look(plain.triangles, plain.vertices),
    }
    avatar = ball_avatar(looks.get(kind), scale=1e-4 if kind == "small" else 1, offset=500 if kind == "far" else 0)
    frames = {
        "static": lambda: moving_frames(avatar, 10, 0, posed=False),
        "one": lambda: moving_frames(avatar, 1),
        "local": lambda: moving_frames(avatar, 20, 1),
    }.get(kind, lambda: moving_frames(avatar, 20))
    return avatar, list(frames())


KINDS = ["clay", "colors", "textures", "static", "one", "small", "local", "far"]


@pytest.mark.parametrize("kind", KINDS)
def test_glb_plays_the_same_vertices_within_the_stated_error(tmp_path, kind):
    avatar, frames = case(kind)
    report = export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    gltf = load(tmp_path / "a.glb")
    stated = gltf.meshes[0].extras["maxError"]
    assert stated == report.max_error <= report.tolerance
    world = play_glb(gltf, len(avatar.vertices))
    assert len(world) == len(frames)
    for played, frame in zip(world, frames, strict=True):
        true = frame.vertices.astype(np.float64) @ frame.pose[:3, :3].T + frame.pose[:3, 3]
        assert np.linalg.norm(played - true, axis=1).max() <= stated
    times = plain_accessor(gltf, gltf.animations[0].samplers[0].input).ravel()
    np.testing.assert_allclose(times, [float(frame.time) for frame in frames], rtol=1e-6)


@pytest.mark.parametrize("suffix", ["glb", "npz"])
@pytest.mark.parametrize("kind", KINDS)
def test_read_animation(tmp_path, kind, suffix):
    avatar, frames = case(kind)
    path = tmp_path / f"animation.{suffix}"
    export_animation(Animation(avatar, iter(frames)), **{suffix: path})
    read = read_animation(path)
    assert len(read) == len(frames)
    order = np.lexsort(avatar.triangles.T), np.lexsort(read.triangles.T)  # materials may reorder triangles
    np.testing.assert_array_equal(avatar.triangles[order[0]], read.triangles[order[1]])
    for index, frame in enumerate(frames):
        back = read.frame(index)
        error = np.linalg.norm(back.vertices - frame.vertices, axis=1).max()
        assert error <= read.max_error
        np.testing.assert_allclose(back.pose, frame.pose, atol=1e-6)
        if suffix == "npz":
            assert back.time == frame.time
        else:
            assert float(back.time) == pytest.approx(float(frame.time), rel=1e-6)


def test_npz_holds_plain_numbers_and_states_its_error(tmp_path):
    avatar, frames = case("colors")
    export_animation(Animation(avatar, iter(frames)), npz=tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as data:
        posed = data["vertices"] + np.tensordot(data["weights"].astype(np.float64), data["basis"], 1)
        error = max(np.linalg.norm(p - f.vertices, axis=1).max() for p, f in zip(posed, frames, strict=True))
        assert error <= data["max_error"]
        exact = [
            Fraction(int(n), int(d)) for n, d in zip(data["times_numerator"], data["times_denominator"], strict=True)
        ]
    assert exact == [frame.time for frame in frames]


def test_targets_have_names(tmp_path):
    avatar, frames = case("clay")
    report = export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    mesh = load(tmp_path / "a.glb").meshes[0]
    names = mesh.extras["targetNames"]
    assert len(names) == len(set(names)) == len(mesh.primitives[0].targets)
    assert report.n_targets == 6 and names[:2] == ["motion_01", "motion_02"] and names[6:] == ["counter_motion"]


def test_weights_stay_within_the_range_of_a_slider(tmp_path):
    """Blender clamps shape keys to 0..1 while it plays; the mesh at rest has all of them at 0."""
    avatar, frames = case("clay")
    rest = AnimationFrame(frames[-1].time + 1, avatar.vertices, np.eye(4))
    export_animation(Animation(avatar, iter([*frames, rest])), glb=tmp_path / "a.glb")
    gltf = load(tmp_path / "a.glb")
    animation = gltf.animations[0]
    channel = next(c for c in animation.channels if c.target.path == "weights")
    weights = plain_accessor(gltf, animation.samplers[channel.sampler].output).reshape(len(frames) + 1, -1)
    assert weights.min() == 0 and weights.max() == 1
    np.testing.assert_allclose(weights[-1], 0, atol=1e-5)
    positions = plain_accessor(gltf, gltf.meshes[0].primitives[0].attributes.POSITION)
    np.testing.assert_array_equal(positions, avatar.vertices)


def test_each_part_carries_its_own_vertices_only(tmp_path):
    avatar, frames = case("textures")
    export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    gltf = load(tmp_path / "a.glb")
    assert len(gltf.meshes[0].primitives) == 3
    for primitive in gltf.meshes[0].primitives:
        used = np.unique(plain_accessor(gltf, primitive.indices))
        assert len(used) == gltf.accessors[primitive.attributes.POSITION].count


def test_vertices_without_triangles_are_kept(tmp_path):
    avatar, _ = case("textures")
    loose = Avatar(
        name="loose",
        vertices=np.concatenate([avatar.vertices, avatar.vertices[:5] * 2]),
        triangles=avatar.triangles,
        appearance=avatar.appearance,
        parts=np.zeros(len(avatar.vertices) + 5, np.int32),
    )
    frames = list(moving_frames(loose, 4))
    export_animation(Animation(loose, iter(frames)), glb=tmp_path / "a.glb")
    read = read_animation(tmp_path / "a.glb")
    error = np.linalg.norm(read.frame(3).vertices - frames[3].vertices, axis=1).max()
    assert error <= read.max_error


def test_local_motion_is_stored_sparse(tmp_path):
    avatar, frames = case("local")
    export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    gltf = load(tmp_path / "a.glb")
    entry = gltf.meshes[0].primitives[0].targets[0]
    accessor = gltf.accessors[(entry if isinstance(entry, dict) else vars(entry))["POSITION"]]
    assert accessor.sparse is not None and accessor.sparse.count < accessor.count / 2


@pytest.mark.parametrize("kind", ["colors", "textures"])
def test_trimesh_shows_the_same_picture(tmp_path, kind):
    """Loaded by trimesh and rendered again, the rest pose looks as before: colours, textures, UVs, materials."""
    import trimesh

    avatar, frames = case(kind)
    export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    camera = frame_mesh(avatar.vertices, width=96, height=96)
    before = render_mesh(avatar.vertices, avatar.triangles, avatar.appearance, camera, light=Light.flat())
    drawn = np.zeros((96, 96, 3))
    depth = np.full((96, 96), np.inf)
    for part in trimesh.load(tmp_path / "a.glb", process=False).geometry.values():
        visual = part.visual
        if kind == "colors":
            values = np.asarray(visual.vertex_attributes["color"])[:, :3] / 65535
            display = np.where(
                values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055
            )
            look = Appearance(vertex_colors=np.rint(display * 255).astype(np.uint8))
        else:
            material, image = visual.material, visual.material.baseColorTexture
            base = np.full(4, 255) if image is not None else avatar.appearance.base_colors[2]
            if image is None:  # the factor in the file is linear
                factor = np.asarray(material.baseColorFactor, float)[:3] / 255
                np.testing.assert_allclose(factor, (base[:3] / 255) ** 2.2, atol=0.03)
            look = Appearance(
                corner_uv=None if image is None else visual.uv[part.faces].astype(np.float32),
                textures=(None if image is None else np.asarray(image),),
                base_colors=base[None].astype(np.uint8),
            )
        seen = render_mesh(part.vertices, part.faces, look, camera, light=Light.flat())
        nearer = seen.mask & (seen.depth < depth - 1e-6)
        drawn[nearer], depth[nearer] = seen.color[nearer], seen.depth[nearer]
    difference = np.abs(drawn - before.color)[before.mask & np.isfinite(depth)]
    assert np.isfinite(depth)[before.mask].mean() > 0.99
    assert np.median(difference) <= 3 and difference.mean() < 12  # the rest is JPEG, edges and cut-out borders


def test_validator_finds_no_fault(tmp_path):
    """The Khronos validator, where node and the package are at hand (GLTF_VALIDATOR = folder with node_modules)."""
    folder = os.environ.get("GLTF_VALIDATOR", "")
    node = shutil.which("node")
    if not node or not (Path(folder) / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("set GLTF_VALIDATOR to a folder where `npm install gltf-validator` was run")
    for kind in KINDS:
        avatar, frames = case(kind)
        export_animation(Animation(avatar, iter(frames)), glb=tmp_path / f"{kind}.glb")
        command = [node, "-e", VALIDATE, str(tmp_path / f"{kind}.glb")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
        issues = json.loads(done.stdout)
        assert issues["numErrors"] == issues["numWarnings"] == 0, f"{kind}: {issues['messages']}"


@pytest.mark.parametrize("name", ['quote" \\ back', "../../etc/passwd", "new\nline", "Ünïcødé 頭", "", "a" * 300])
def test_any_avatar_name(tmp_path, name):
    avatar = ball_avatar(name=name, subdivisions=1)
    export_animation(Animation(avatar, moving_frames(avatar, 3)), glb=tmp_path / "a.glb")
    assert load(tmp_path / "a.glb").meshes[0].name == (name or "avatar")


def test_scaled_pose_round_trip(tmp_path):
    avatar = ball_avatar(subdivisions=1)
    frames = list(moving_frames(avatar, 8))
    for frame in frames:
        frame.pose[:3, :3] *= 1.5
    export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    world = play_glb(load(tmp_path / "a.glb"), len(avatar.vertices))
    for played, frame in zip(world, frames, strict=True):
        np.testing.assert_allclose(played, frame.posed(), atol=5e-3)


def test_rotation_never_takes_the_long_way(tmp_path):
    """A head that turns all around: neighbouring quaternions stay on one side."""
    avatar = ball_avatar(subdivisions=1)

    def frames():
        for index in range(40):
            a = index * 2 * np.pi / 20
            pose = np.eye(4)
            pose[:3, :3] = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
            yield AnimationFrame(Fraction(index, 25), avatar.vertices, pose)

    export_animation(Animation(avatar, frames()), glb=tmp_path / "a.glb")
    gltf = load(tmp_path / "a.glb")
    animation = gltf.animations[0]
    channel = next(c for c in animation.channels if c.target.path == "rotation")
    quaternion = plain_accessor(gltf, animation.samplers[channel.sampler].output)
    assert ((quaternion[1:] * quaternion[:-1]).sum(1) > 0.9).all()


def test_pose_with_shear_is_refused(tmp_path):
    avatar = ball_avatar(subdivisions=1)
    for bad in (np.diag([1, 2, 1, 1.0]), np.diag([-1, 1, 1, 1.0]), np.zeros((4, 4))):
        frames = iter([AnimationFrame(Fraction(0), avatar.vertices, bad)])
        with pytest.raises(InputError, match="not rigid"):
            export_animation(Animation(avatar, frames), glb=tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


def test_animation_of_another_mesh_is_refused(tmp_path):
    small = ball_avatar(subdivisions=1)
    reducer = MotionReducer(small.vertices, tolerance=1)
    reducer.add(Fraction(0), small.vertices)
    motion = reducer.finish()
    for other in (ball_avatar(subdivisions=2), ball_avatar(subdivisions=1, scale=2)):
        with pytest.raises(MeshError, match="another mesh"):
            write_glb(tmp_path / "a.glb", other, motion)


@pytest.mark.parametrize("suffix", ["glb", "npz"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, suffix):
    (tmp_path / "file").write_text("not a folder")
    avatar = ball_avatar(subdivisions=1)
    with pytest.raises(VFAError, match=f"a.{suffix}: the file cannot be written"):
        export_animation(Animation(avatar, moving_frames(avatar, 3)), **{suffix: tmp_path / "file" / f"a.{suffix}"})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_half_way_leaves_nothing(tmp_path):
    avatar = ball_avatar(subdivisions=1)

    def failing():
        with AnimationRecorder(avatar, glb=tmp_path / "a.glb", npz=tmp_path / "a.npz") as recorder:
            for frame in moving_frames(avatar, 5):
                recorder.add(frame)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        failing()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"glTF\x02\0\0\0", b"not a model at all" * 20, b"PK\x03\x04 broken"])
@pytest.mark.parametrize("suffix", [".glb", ".npz"])
def test_damaged_files(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=f"a{suffix}"):
        read_animation(path)


def test_npz_with_objects_or_without_the_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", vertices=np.array([{"a": 1}], object))
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    for name in ("objects.npz", "other.npz"):
        with pytest.raises(DecodeError):
            read_animation(tmp_path / name)
    with pytest.raises(InputError):
        read_animation(tmp_path / "absent.glb")
