"""Odd names of files and folders: nothing is written outside the output folder, and no name is taken for anything else.

The avatar is a ball, the clip the first frames of the built-in performance.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from vfa.export.paths import output_folder, safe_name, save_picture

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "dataset" / "demo_driving" / "color" / "demo.mp4"
NAMES = (
    "-rf",
    "--help",
    " spaces  and\ttabs ",
    "line\nbreak",
    "quote'\"`$(touch hacked)`;&|<>",
    "%s{}[]*?~!#",
    "ünïcödé 顔",
    "..",
    "x" * 250,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    import trimesh

    from vfa.export.movie import MovieWriter
    from vfa.media import open_clip

    folder = tmp_path_factory.mktemp("inputs")
    trimesh.creation.icosphere(subdivisions=2).export(folder / "ball.ply")
    with open_clip(DEMO, with_depth=False) as clip:
        pictures = [frame.color for frame in islice(clip, 2)]
    height, width = pictures[0].shape[:2]
    with MovieWriter(folder / "clip.mp4", width=width, height=height, rate=Fraction(30)) as movie:
        for index, picture in enumerate(pictures):
            movie.write(picture, Fraction(index, 30))
    return folder / "ball.ply", folder / "clip.mp4"


def everything(folder: Path) -> set[str]:
    return {os.fsdecode(os.path.relpath(path, folder)) for path in folder.rglob("*")}


class TestSafeNames:
    @pytest.mark.parametrize(
        "name", [*NAMES, "../../etc/passwd", "/etc/passwd", "", ".", "a/../../b", "\x00", "\udcff"]
    )
    def test_one_plain_component(self, name: str) -> None:
        safe = safe_name(name)
        assert safe and len(safe) <= 80 and safe.isascii()
        assert not set(safe) & set("/\\ \n\t\x00'\"$`;&|<>*?~!#") and safe[0] not in "-."

    @pytest.mark.parametrize("name", ["demo_driver_0", "Face.v2-final", "A" * 80])
    def test_plain_names_stay(self, name: str) -> None:
        assert safe_name(name) == name

    @pytest.mark.parametrize(("model", "run"), [("../..", "../../etc"), ("/etc", "/etc/passwd"), ("", "")])
    def test_folders_stay_inside(self, tmp_path: Path, model: str, run: str) -> None:
        made = output_folder(tmp_path / "out", model, run)
        assert made.resolve().is_relative_to((tmp_path / "out").resolve()) and made.is_dir()
        assert not list(made.iterdir()) and [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != ".."])
def test_files_of_any_name_are_read(tmp_path: Path, inputs: tuple[Path, Path], name: str) -> None:
    """In the process itself: clip and mesh are found and the run's folder is a plain one."""
    from vfa.avatar.meshes import read_mesh
    from vfa.media import open_clip

    for given, suffix in zip(inputs, (".ply", ".mp4"), strict=True):
        shutil.copy(given, tmp_path / f"{name[: 250 - len(suffix)]}{suffix}")
    mesh, clip = sorted(tmp_path.iterdir(), key=lambda p: p.suffix)[::-1]
    assert len(read_mesh(mesh).triangles) == 320
    with open_clip(clip) as opened:
        assert len(list(opened)) == 2
        folder = output_folder(tmp_path / "out", "landmarks", f"{mesh.stem}_{opened.name}_0")
    assert folder.parent == tmp_path / "out" / "landmarks"


def test_a_whole_run_with_shell_characters_everywhere(tmp_path: Path, inputs: tuple[Path, Path]) -> None:
    """Source, driving and output names that a shell, an option parser or a format string would trip over."""
    mesh = tmp_path / "-in put'\"$(touch hacked)\n;%s{0}.ply"
    clip = tmp_path / "--help $(touch hacked)`&.mp4"
    shutil.copy(inputs[0], mesh)
    shutil.copy(inputs[1], clip)
    out = tmp_path / "-o $(touch hacked) \n'\""
    before = everything(tmp_path)
    done = subprocess.run(
        [sys.executable, str(ROOT / "infer.py"), "--source_path", mesh.name, "--driving_path", clip.name,
         "--save_folder", out.name, "--render_size", "64"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = everything(tmp_path) - before
    assert all(path.startswith((out.name, "weights")) for path in made), made
    (record,) = out.rglob("run.json")
    assert json.loads(record.read_text())["options"]["source_path"] == mesh.name
    assert "hacked" not in {Path(path).name for path in made}


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
def test_a_name_that_is_no_text_is_recorded(tmp_path: Path) -> None:
    from vfa.export.record import write_text

    name = os.fsdecode(b"face\xff.ply")
    write_text(tmp_path / "run.json", json.dumps({"path": name}, ensure_ascii=False))
    assert json.loads((tmp_path / "run.json").read_text())["path"] == name


def test_a_picture_is_complete_or_absent(tmp_path: Path) -> None:
    from vfa.errors import VFAError

    image = np.zeros((4, 4, 3), np.uint8)
    assert save_picture(tmp_path / "a.png", image).stat().st_size > 0
    (tmp_path / "taken").mkdir()
    with pytest.raises(VFAError, match="cannot be written"):
        save_picture(tmp_path / "taken", image)
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "taken"}
