"""animation.glb in Blender: the importer takes it, and playing it moves every vertex where it belongs.

Needs a Python with the package bpy, named by BLENDER_PYTHON; skipped otherwise.
"""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from animation_cases import ball_avatar, moving_frames, textured_look

from vfa.export.animation import Animation
from vfa.export.recorder import export_animation

PLAY = """
import os, sys
import bpy, numpy as np
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 25
bpy.ops.import_scene.gltf(filepath=sys.argv[1])
mesh = [o for o in bpy.data.objects if o.type == "MESH"][0]
out = {"keys": len(mesh.data.shape_keys.key_blocks), "materials": len(mesh.data.materials)}
source = np.arange(len(mesh.data.vertices), dtype=np.float32)
if "_SOURCE" in mesh.data.attributes:
    mesh.data.attributes["_SOURCE"].data.foreach_get("value", source)
out["source"] = source
for frame in range(0, 20, 4):
    bpy.context.scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    shown = mesh.evaluated_get(graph)
    shape = shown.to_mesh()
    points = np.empty(3 * len(shape.vertices), np.float32)
    shape.vertices.foreach_get("co", points)
    world = np.array(shown.matrix_world)
    x, y, z = (points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]).T
    out[f"frame{frame}"] = np.stack([x, z, -y], 1)
np.savez(sys.argv[2], **out)
os._exit(0)  # bpy as a package may crash while Python shuts down
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clay", "textures"])
def test_blender_plays_the_same_vertices(tmp_path, kind):
    python = os.environ.get("BLENDER_PYTHON")
    if not python:
        pytest.skip("set BLENDER_PYTHON to a Python with the package bpy")
    ball = ball_avatar()
    avatar = ball if kind == "clay" else ball_avatar(textured_look(ball.triangles, ball.vertices))
    frames = list(moving_frames(avatar, 20, rate=Fraction(25)))
    report = export_animation(Animation(avatar, iter(frames)), glb=tmp_path / "a.glb")
    (tmp_path / "play.py").write_text(PLAY)
    command = [python, tmp_path / "play.py", tmp_path / "a.glb", tmp_path / "out.npz"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, timeout=120)
    with np.load(tmp_path / "out.npz") as played:
        assert played["keys"] == report.n_targets + 2  # Basis and the counter motion
        assert played["materials"] == avatar.appearance.n_materials
        source = played["source"].astype(int)
        for frame in range(0, 20, 4):
            error = np.linalg.norm(played[f"frame{frame}"] - frames[frame].posed()[source], axis=1).max()
            assert error <= report.max_error + 1e-5
