"""`--profile theval` on a real clip with seeded weights: all eight columns, and the final score of the truth itself."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from seeded_files import write_weights
from typer.testing import CliRunner

from bench.cli import app
from bench.features.reader import VideoReader

CLIP = Path(__file__).parents[3].parent / "shared" / "real" / "performance_rgb_256.mp4"
N, RATE = 8, 10
"""Half of the clip is silent: four frames, of which three are as far from speech as THEval asks for (0.3 s)."""
WEIGHTS = (
    "topiq_iaa", "musiq_koniq", "topiq_face", "retinaface", "retinaface_preact", "facexformer", "silero_vad",
)  # fmt: skip

pytestmark = pytest.mark.slow


def write_clip(path: Path) -> None:
    """The first frames of the clip as 10 frames a second, the second half silent."""
    import av
    import cv2

    path.parent.mkdir(parents=True)
    reader = VideoReader(CLIP, {"frames"})
    frames = [frame.features["frames"] for frame, _ in zip(reader, range(N), strict=False)]
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 160, 160, "yuv420p"
        for frame in frames:
            image = cv2.resize(frame, (160, 160), interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    samples = np.arange(16000 * N // RATE)
    loud = samples < len(samples) // 2
    tone = np.sin(2 * np.pi * 200 * samples / 16000) * np.linspace(1, 0.3, len(samples))
    with wave.open(str(path.with_suffix(".wav")), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes((loud * 9000 * tone).astype(np.int16).tobytes())


@pytest.mark.skipif(not CLIP.is_file(), reason="needs the real clips")
def test_truth_against_itself_has_the_final_score_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    # The detector enlarges frames to 1024 pixels, which takes seconds for each.
    monkeypatch.setattr("bench.networks.retinaface_preact.SHORTER", 256)
    write_weights(tmp_path / "weights", *WEIGHTS)
    for side in ("pred", "gt"):
        write_clip(tmp_path / side / "a.mkv")
    runner = CliRunner()
    assert runner.invoke(app, ["doctor", "--profile", "theval"]).exit_code == 0
    arguments = ["--pred", str(tmp_path / "pred"), "--gt", str(tmp_path / "gt"), "--out", str(tmp_path / "out")]
    result = runner.invoke(app, ["evaluate", *arguments, "--profile", "theval"])
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "out" / "theval.md").read_text().splitlines()
    head, raw, close = ([cell.strip() for cell in lines[i].strip("|").split("|")] for i in (2, 4, 5))
    assert [name.rstrip(" ↑↓≈") for name in head] == [
        "method", "Global aesthetics", "Mouth quality", "Face quality", "Lip dynamics", "Head motion",
        "Eyebrow dynamics", "Silent lip stability", "Lip-sync", "Final",
    ]  # fmt: skip
    assert "–" not in raw
    assert close[0].endswith("closeness")
    assert [cell.rstrip("†") for cell in close[1:]] == ["1"] * 9
