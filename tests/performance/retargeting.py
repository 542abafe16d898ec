"""How well an avatar follows its driver: landmarks measured on both movies, correlation and slope.

    python -m tests.performance.retargeting DRIVER.mp4 AVATAR.mp4

All lengths are over the distance of the outer eye corners of the same frame; yaw is in degrees.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np

from vfa.face.landmarks import FaceLandmarker
from vfa.media import open_clip


def landmarks(path: Path, frames: int | None = None) -> np.ndarray:
    """Landmarks float64 `[T, 478, 3]` of a movie (or its first frames) in pixels, NaN where no face is found."""
    out = []
    with FaceLandmarker() as landmarker, open_clip(path, with_depth=False) as clip:
        for frame in islice(clip, frames):
            found = landmarker.detect(frame.color)
            out.append(np.full((478, 3), np.nan) if found is None else found.points.astype(np.float64))
    return np.stack(out)


def features(points: np.ndarray) -> dict[str, np.ndarray]:
    """Lip gap, mouth width, eye opening and yaw `[T]` of landmarks `[T, 478, 3]`."""
    flat = points[..., :2]
    eyes = np.linalg.norm(flat[:, 33] - flat[:, 263], axis=1)

    def length(i: int, j: int) -> np.ndarray:
        return np.linalg.norm(flat[:, i] - flat[:, j], axis=1) / eyes

    across = points[:, 263] - points[:, 33]
    return {
        "lip gap": length(13, 14),
        "mouth width": length(61, 291),
        "eye opening": (length(159, 145) + length(386, 374)) / 2,
        "yaw": np.degrees(np.arctan2(across[:, 2], across[:, 0])),
    }


def agreement(driver: np.ndarray, result: np.ndarray) -> tuple[float, float]:
    """Pearson correlation, and slope of the least-squares line of `result` over `driver`."""
    both = np.isfinite(driver) & np.isfinite(result)
    a, b = driver[both], result[both]
    return float(np.corrcoef(a, b)[0, 1]), float(np.polyfit(a, b, 1)[0])


def report(driver: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """Figures for landmarks of the driver and of the result, both `[T, 478, 3]`; the shorter one counts."""
    count = min(len(driver), len(result))
    driver, result = driver[:count], result[:count]
    a, b = features(driver), features(result)
    out = {"detected": float(np.isfinite(result[:, 0, 0]).mean())}
    for name in a:
        out[f"{name} correlation"], out[f"{name} slope"] = agreement(a[name], b[name])
    closed = a["lip gap"] <= np.nanpercentile(a["lip gap"], 25)
    out["lip gap where the driver's lips are closed, 95th percentile"] = float(
        np.nanpercentile(b["lip gap"][closed], 95)
    )
    shut = a["eye opening"] <= np.nanpercentile(a["eye opening"], 10)
    out["eye opening in the driver's most closed tenth, median"] = float(np.nanmedian(b["eye opening"][shut]))
    return out


def main() -> None:
    """Prints the figures for two movies."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    for name, value in report(landmarks(Path(sys.argv[1])), landmarks(Path(sys.argv[2]))).items():
        print(f"{value:8.3f}  {name}")


if __name__ == "__main__":
    main()
