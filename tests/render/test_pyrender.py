"""The OpenGL backend: the same picture as the CPU's where it is installed, a clear message where it is not."""

from __future__ import annotations

import builtins
import ctypes
import importlib.util

import numpy as np
import pytest

from vfa.errors import AssetError
from vfa.render import Appearance, Camera, Light, create_renderer, frame_mesh, render_mesh
from vfa.render.pyrender_backend import PyrenderRenderer

TRIANGLE = (np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), Appearance(), Camera())


def test_missing_package_is_named(monkeypatch):
    genuine = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pyrender":
            raise ModuleNotFoundError("No module named 'pyrender'", name="pyrender")
        return genuine(name, *args, **kwargs)

    monkeypatch.setenv("PYOPENGL_PLATFORM", "egl")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(AssetError, match="pyrender") as caught:
        render_mesh(*TRIANGLE, renderer="pyrender")
    assert caught.value.exit_code == 4 and "cpu" in str(caught.value)


def test_missing_opengl_is_named(monkeypatch):
    def refuse(name, *args, **kwargs):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(AssetError, match="libEGL or libOSMesa"):
        PyrenderRenderer(*TRIANGLE[1:])


@pytest.mark.skipif(importlib.util.find_spec("pyrender") is None, reason="the optional package pyrender is absent")
@pytest.mark.parametrize("kind", ["clay", "colors", "texture", "flat"])
@pytest.mark.parametrize("scale", [1.0, 1e-5])
def test_same_picture_as_on_the_cpu(kind, scale):
    import trimesh

    ball = trimesh.creation.icosphere(4)
    rng = np.random.default_rng(0)
    uv = (ball.vertices[ball.faces][..., :2] / 2 + 0.5).astype(np.float32)
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32, :32], image[:32, 32:], image[32:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    smooth = ((ball.vertices + 1) * 120).astype(np.uint8)
    look = {
        "clay": Appearance(),
        "colors": Appearance(vertex_colors=smooth),
        "flat": Appearance(vertex_colors=rng.permutation(smooth)),
        "texture": Appearance(corner_uv=uv, textures=(image,)),
    }[kind]
    vertices = (ball.vertices * scale).astype(np.float32)
    options = {"light": Light.flat() if kind == "flat" else None, "background": ((10, 20, 30), (200, 150, 100))}
    camera = frame_mesh(vertices, width=96, height=80)
    try:
        backend = create_renderer(ball.faces, look, camera, renderer="pyrender", **options)
    except AssetError as error:
        pytest.skip(f"no OpenGL here: {error}")
    gpu, cpu = backend.render(vertices), render_mesh(vertices, ball.faces, look, camera, **options)
    difference = np.abs(gpu.color.astype(int) - cpu.color)
    assert difference.mean() < 2
    assert (difference.max(-1) > 24).mean() < 0.02
    np.testing.assert_array_equal(gpu.triangle, cpu.triangle)
