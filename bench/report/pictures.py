"""Pictures for the report: worst frames and strips, decoded again from the videos where they still are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.features.reader import VideoReader, resized_frame
from bench.report.model import MetricLine, Report, Run
from vfa.errors import VFAError

HEIGHT = 150
STRIP_FRAMES = 7
STRIP_VIDEOS = 4
WORST = 3
WORST_METRICS = ("psnr_rgb", "ssim_wang", "lmd_centered")


@dataclass
class Picture:
    """An image as a data address, and what it shows."""

    source: str
    caption: str


@dataclass
class Worst:
    """One of the worst frames of a method by a metric: prediction, and truth where there is one."""

    value: float
    caption: str
    images: list[Picture]


@dataclass
class Strip:
    """Frames of one video at the same times: truth first, then methods."""

    video: str
    rows: list[tuple[str, list[Picture]]]


def data_address(image: np.ndarray) -> str:
    """A JPEG of an RGB image, HEIGHT pixels high, as a data address."""
    import cv2

    height, width = image.shape[:2]
    scale = HEIGHT / height
    small = cv2.resize(
        image, (max(1, round(width * scale)), HEIGHT), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    done, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode() if done else ""


def frames_at(path: Path, wanted: Sequence[int]) -> dict[int, np.ndarray]:
    """Some frames of a video by number, in one pass; empty when it is gone or damaged."""
    found: dict[int, np.ndarray] = {}
    left = set(wanted)
    try:
        for frame in VideoReader(path, {"frames"}):
            if frame.index in left:
                found[frame.index] = frame.features["frames"]
                left.discard(frame.index)
                if not left:
                    break
    except (VFAError, OSError):
        return found
    return found


def _arrays(report: Report) -> list[tuple[Run, dict[str, Any], dict[str, np.ndarray]]]:
    return [(run, video, run.arrays(video)) for run in report.runs for video in run.videos]


def worst_frames(report: Report) -> list[tuple[MetricLine, list[tuple[str, list[Worst]]]]]:
    """For some metrics and each method: the frames with the worst values, at most two of one video, a second apart."""
    chosen = [line for name in WORST_METRICS for line in report.lines if line.id.split("@")[0] == name]
    rows = _arrays(report)
    picks: list[tuple[MetricLine, str, list[tuple[float, dict[str, Any], int, int]]]] = []
    for line in chosen:
        for method in line.cells:
            candidates = []
            for _, video, arrays in rows:
                if video["label"] == method:
                    candidates += _candidates(video, arrays, line)
            up = bool(line.about["higher_is_better"])
            candidates.sort(key=lambda c: c[0] if up else -c[0])
            picks.append((line, method, candidates[:WORST]))
    needed: dict[Path, set[int]] = {}
    for _, _, some in picks:
        for _, video, p, t in some:
            needed.setdefault(Path(video["prediction"]), set()).add(p)
            if video["truth"]:
                needed.setdefault(Path(video["truth"]), set()).add(t)
    decoded = {path: frames_at(path, sorted(index)) for path, index in needed.items()}
    result: dict[str, tuple[MetricLine, list[tuple[str, list[Worst]]]]] = {}
    for line, method, some in picks:
        shown = [w for c in some if (w := _worst(c, decoded)) is not None]
        if shown:
            result.setdefault(line.id, (line, []))[1].append((method, shown))
    return list(result.values())


def _candidates(
    video: dict[str, Any], arrays: dict[str, np.ndarray], line: MetricLine
) -> list[tuple[float, dict[str, Any], int, int]]:
    values, pairs = arrays.get(line.id.split("@")[0]), arrays.get("pairs")
    if values is None or pairs is None or len(values) != len(pairs) or not np.isfinite(values).any():
        return []
    order = np.argsort(values if line.about["higher_is_better"] else -values, kind="stable")
    picked: list[int] = []
    for i in order:
        if np.isfinite(values[i]) and all(abs(int(i) - other) >= 12 for other in picked):
            picked.append(int(i))
        if len(picked) == 2:
            break
    return [(float(values[i]), video, int(pairs[i, 0]), int(pairs[i, 1])) for i in picked]


def _worst(
    candidate: tuple[float, dict[str, Any], int, int], decoded: dict[Path, dict[int, np.ndarray]]
) -> Worst | None:
    value, video, p, t = candidate
    image = decoded[Path(video["prediction"])].get(p)
    if image is None:
        return None
    images = [Picture(data_address(image), "prediction")]
    truth = decoded.get(Path(video["truth"]), {}).get(t) if video["truth"] else None
    if truth is not None:
        images.append(Picture(data_address(truth), "truth"))
        same = resized_frame(image, truth.shape[1], truth.shape[0]).astype(np.int16)
        change = np.clip(128 + 2 * (same - truth), 0, 255).astype(np.uint8)
        images.append(Picture(data_address(change), "difference ×2"))
    return Worst(value, f"{video['video']}, frame {p}", images)


def strips(report: Report) -> list[Strip]:
    """For the first videos: the truth and each method at the same evenly spaced times."""
    rows = _arrays(report)
    names = list(dict.fromkeys(video["video"] for _, video, arrays in rows if "pairs" in arrays))[:STRIP_VIDEOS]
    result = []
    for name in names:
        strip = Strip(name, [])
        for _, video, arrays in rows:
            if video["video"] != name or "pairs" not in arrays or not len(arrays["times"]):
                continue
            pairs = arrays["pairs"]
            if not len(pairs):
                pairs = np.repeat(np.arange(len(arrays["times"]))[:, None], 2, 1)
            picked = np.unique(np.linspace(0, len(pairs) - 1, STRIP_FRAMES).round().astype(int))
            if video["truth"] and not strip.rows:
                strip.rows.append(("ground truth", _row(Path(video["truth"]), pairs[picked, 1], arrays["times"])))
            strip.rows.append((video["label"], _row(Path(video["prediction"]), pairs[picked, 0], None)))
        strip.rows = [(label, pictures) for label, pictures in strip.rows if pictures]
        if strip.rows:
            result.append(strip)
    return result


def _row(path: Path, index: np.ndarray, times: np.ndarray | None) -> list[Picture]:
    frames = frames_at(path, [int(i) for i in index])
    row = []
    for i in index:
        if int(i) in frames:
            caption = f"{times[i]:.2f} s" if times is not None and i < len(times) else ""
            row.append(Picture(data_address(frames[int(i)]), caption))
    return row
