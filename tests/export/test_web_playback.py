"""animation.glb in a browser: three.js in headless Chromium moves every vertex where it belongs.

Needs chromium, and a folder with `npm install three gltf-validator` named by GLTF_VALIDATOR; skipped otherwise.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from animation_cases import ball_avatar, moving_frames, textured_look

from vfa.export.animation import Animation
from vfa.export.recorder import export_animation

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--virtual-time-budget=30000",
    "--dump-dom",
]
PAGE = """<!doctype html><body><script type="importmap">
{"imports": {"three": "/node_modules/three/build/three.module.js",
             "three/addons/": "/node_modules/three/examples/jsm/"}}</script>
<script type="module">
import * as THREE from 'three';
import {GLTFLoader} from 'three/addons/loaders/GLTFLoader.js';
const query = new URLSearchParams(location.search), out = document.createElement('pre');
out.id = 'out';
new GLTFLoader().load('/animation.glb', gltf => {
  const mixer = new THREE.AnimationMixer(gltf.scene), result = {};
  mixer.clipAction(gltf.animations[0]).play();
  for (const time of query.get('times').split(',')) {
    mixer.setTime(+time);
    gltf.scene.updateMatrixWorld(true);
    result[time] = [];
    gltf.scene.traverse(mesh => {
      if (!mesh.isMesh) return;
      const source = mesh.geometry.attributes._source, point = new THREE.Vector3();
      for (let i = 0; i < mesh.geometry.attributes.position.count; i += 7) {
        mesh.getVertexPosition(i, point).applyMatrix4(mesh.matrixWorld);
        result[time].push([source ? source.getX(i) : i, point.x, point.y, point.z]);
      }
    });
  }
  out.textContent = JSON.stringify(result);
  document.body.append(out);
}, undefined, error => { out.textContent = 'error ' + error; document.body.append(out); });
</script></body>"""


@pytest.fixture
def web(tmp_path):
    """A folder served on this machine, with the packages of npm in it; gives the folder and its address."""
    packages = Path(os.environ.get("GLTF_VALIDATOR", "")) / "node_modules"
    if not (packages / "three").is_dir() or not shutil.which("chromium"):
        pytest.skip("needs chromium, and GLTF_VALIDATOR = a folder where `npm install three` was run")
    (tmp_path / "node_modules").symlink_to(packages.resolve())
    (tmp_path / "page.html").write_text(PAGE)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clay", "textures"])
def test_browser_plays_the_same_vertices(web, tmp_path_factory, kind):
    folder, address = web
    ball = ball_avatar()
    avatar = ball if kind == "clay" else ball_avatar(textured_look(ball.triangles, ball.vertices))
    frames = list(moving_frames(avatar, 30))
    report = export_animation(Animation(avatar, iter(frames)), glb=folder / "animation.glb")
    shown = [3, 17, 28]
    times = ",".join(f"{float(frames[index].time):.9f}" for index in shown)
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    command = [shutil.which("chromium"), *FLAGS, profile, f"{address}/page.html?times={times}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    played = json.loads(unescape(re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL).group(1)))
    for index, points in zip(shown, played.values(), strict=True):
        points = np.array(points)
        assert len(points) > 50
        true = frames[index].posed()[points[:, 0].astype(int)]
        assert np.linalg.norm(points[:, 1:] - true, axis=1).max() <= report.max_error + 1e-5
