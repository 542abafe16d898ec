"""The Avatar type: content hash, coefficients, validation."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_files import box, write_obj

from vfa.avatar import Avatar, load_avatar
from vfa.avatar.avatar import content_hash
from vfa.errors import InputError, MeshError
from vfa.render.appearance import Appearance


def test_the_hash_depends_on_content_alone(tmp_path):
    vertices, triangles = box()
    first = load_avatar(write_obj(tmp_path / "a.obj", vertices, triangles), orient=False)
    copy = load_avatar(write_obj(tmp_path / "b.obj", vertices, triangles), orient=False)
    moved = load_avatar(write_obj(tmp_path / "c.obj", vertices * 1.001, triangles), orient=False)
    assert first.content_hash == copy.content_hash != moved.content_hash
    red = Appearance(vertex_colors=np.full((8, 3), (255, 0, 0), np.uint8))
    blue = Appearance(vertex_colors=np.full((8, 3), (0, 0, 255), np.uint8))
    hashes = {content_hash(first.vertices, first.triangles, look) for look in (Appearance(), red, blue)}
    assert len(hashes) == 3


def test_appearance_must_fit():
    vertices, triangles = box()
    with pytest.raises(MeshError, match="vertex_colors"):
        Avatar("a", vertices, triangles, Appearance(vertex_colors=np.zeros((3, 3), np.uint8)), np.zeros(8))


def test_arrays_have_the_promised_types(tmp_path):
    avatar = load_avatar(write_obj(tmp_path / "a.obj", *box()), orient=False)
    assert (avatar.vertices.dtype, avatar.triangles.dtype, avatar.parts.dtype) == (np.float32, np.int32, np.int32)


def test_importing_stays_light():
    import subprocess
    import sys
    from pathlib import Path

    code = "import sys, vfa.avatar; print([m for m in ('torch', 'mediapipe', 'trimesh', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "[]", done.stderr


class TestCoefficients:
    @pytest.fixture(scope="class")
    def model(self):
        BFM = pytest.importorskip("BFM")
        return BFM.load_model()

    def write(self, path, numbers):
        np.save(path, numbers)
        return path

    def test_expression_pose_and_light_do_not_matter(self, tmp_path, model):
        numbers = np.random.default_rng(0).normal(size=257).astype(np.float32) * 0.5
        rest = numbers.copy()
        rest[80:144] = 0
        rest[224:] = 0
        a = load_avatar(self.write(tmp_path / "a.npy", numbers))
        b = load_avatar(self.write(tmp_path / "b.npy", rest[None]))
        assert a.content_hash == b.content_hash
        np.testing.assert_array_equal(a.landmark_vertices, model.keypoints)

    def test_identity_moves_the_surface_linearly(self, tmp_path, model):
        numbers = np.zeros(257)
        numbers[3] = 2.0
        avatar = load_avatar(self.write(tmp_path / "a.npy", numbers))
        expected = model.mean_shape + 2 * model.id_base[:, 3].reshape(-1, 3)
        np.testing.assert_allclose(avatar.vertices, expected, atol=1e-5)

    def test_eyes_follow_identity(self, tmp_path, model):
        if not model.eyes:
            pytest.skip("the licensed model has no eyeballs")
        numbers = np.zeros(257)
        numbers[:80] = np.random.default_rng(1).normal(size=80) * 0.7
        avatar = load_avatar(self.write(tmp_path / "a.npy", numbers))
        for eye in avatar.eyes:
            distance = np.linalg.norm(avatar.vertices[eye.vertices] - eye.center, axis=1)
            assert distance.max() == pytest.approx(eye.radius, rel=0.06)
        low, high = avatar.face_box
        assert (avatar.vertices[avatar.landmark_vertices] >= low).all()
        assert (avatar.vertices[avatar.landmark_vertices] <= high).all()

    @pytest.mark.parametrize(
        "numbers", [np.zeros(256), np.zeros((2, 257)), np.full(257, np.nan), np.array(["x"] * 257)],
        ids=["short", "two", "nan", "text"],
    )  # fmt: skip
    def test_bad_numbers(self, tmp_path, numbers):
        with pytest.raises(InputError, match="coefficients"):
            load_avatar(self.write(tmp_path / "a.npy", numbers))

    def test_absurd_numbers(self, tmp_path, model):
        with pytest.raises(MeshError, match="no face"):
            load_avatar(self.write(tmp_path / "a.npy", np.full(257, 1e6)))

    def test_objects_are_never_loaded(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
        with pytest.raises(InputError):
            load_avatar(tmp_path / "a.npy")

    @pytest.mark.parametrize("content", [b"", b"<html>", b"version https://git-lfs", b"\x93NUMPY\x01\x00"])
    def test_not_a_npy_file(self, tmp_path, content):
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npy"):
            load_avatar(tmp_path / "a.npy")
