"""Synthetic inputs for metric tests: what a clip, its landmarks, pose, sound, tables and meshes look like."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.features.base import Planes

SIZE = 128
N_FRAMES = 60


@lru_cache
def frames(n: int = 12, size: int = SIZE, *, start: float = 0.0) -> np.ndarray:
    """A textured scene with a face-like disc that moves one pixel a frame; uint8 `[n, size, size, 3]`."""
    import cv2

    texture = np.random.default_rng(7).normal(size=(size + 64, size + 64, 3))
    texture = cv2.GaussianBlur(texture, (0, 0), 3.0)
    texture = (texture - texture.min()) / np.ptp(texture) * 160 + 40
    rows, columns = np.mgrid[:size, :size]
    clip = []
    for t in range(n):
        offset = start + t
        shift = np.float32([[1, 0, -offset], [0, 1, -offset / 2]])
        image = cv2.warpAffine(texture, shift, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        disc = (columns - size / 2 - offset) ** 2 + (rows - size / 2) ** 2 < (size / 4) ** 2
        image[disc] = 0.5 * image[disc] + (100, 60, 40)
        clip.append(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    return np.stack(clip)


@lru_cache
def sharp_frames(n: int = 6, size: int = 256) -> np.ndarray:
    """Hard-edged rectangles that move; uint8 `[n, size, size, 3]`."""
    import cv2

    generator = np.random.default_rng(5)
    clip = np.full((n, size, size, 3), 90, np.uint8)
    for _ in range(60):
        x, y = generator.integers(0, size, 2)
        width, height = generator.integers(8, 60, 2)
        colour = generator.integers(0, 256, 3)
        for t in range(n):
            clip[t, y : y + height, x + t : x + t + width] = colour
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6) for frame in clip])


def planes(clip: np.ndarray) -> list[Planes]:
    """Planes of RGB frames."""
    from bench.features.reader import planes_from_rgb

    return [planes_from_rgb(frame) for frame in clip]


def landmarks68(n: int = N_FRAMES, *, delay: float = 0.0, rate: float = 25.0) -> np.ndarray:
    """A face whose mouth opens and shuts while the head sways; float64 `[n, 68, 2]`."""
    base = np.zeros((68, 2))
    base[:17] = [(100 + 80 * np.cos(a), 100 + 90 * np.sin(a)) for a in np.linspace(np.pi, 0, 17)]
    base[17:27] = [(x, 60) for x in (40, 50, 60, 70, 80, 120, 130, 140, 150, 160)]
    base[27:36] = [
        (100, 80),
        (100, 90),
        (100, 100),
        (100, 110),
        (88, 118),
        (94, 119),
        (100, 120),
        (106, 119),
        (112, 118),
    ]
    for start, x in ((36, 65), (42, 135)):
        base[start : start + 6] = [(x + 14 * np.cos(a), 82 + 5 * np.sin(a)) for a in np.arange(6) * np.pi / 3 + np.pi]
    base[48:60] = [(100 + 26 * np.cos(a), 145 + 10 * np.sin(a)) for a in np.arange(12) * np.pi / 6 + np.pi]
    base[60:68] = [(100 + 18 * np.cos(a), 145 + 4 * np.sin(a)) for a in np.arange(8) * np.pi / 4 + np.pi]
    points = np.repeat(base[None], n, axis=0)
    time = np.arange(n) / rate - delay
    opening = 6 * (1 + np.sin(2 * np.pi * 1.7 * time) * np.cos(2 * np.pi * 0.23 * time))
    below = points[:, 48:, 1] > 145
    points[:, 48:, 1] += opening[:, None] * below
    points[..., 0] += (4 * np.sin(2 * np.pi * 0.4 * time))[:, None]
    return points


def mouth_opening_wave(n: int, *, rate: float, delay: float = 0.0) -> np.ndarray:
    """The opening that `landmarks68` follows, sampled at another rate."""
    time = np.arange(n) / rate - delay
    return 6 * (1 + np.sin(2 * np.pi * 1.7 * time) * np.cos(2 * np.pi * 0.23 * time))


def landmarks478(n: int = N_FRAMES, *, amplitude: float = 1.0) -> np.ndarray:
    """MediaPipe-like points in which lips and eyebrows move; float64 `[n, 478, 3]`."""
    from bench.metrics.functional import theval

    points = np.repeat(np.random.default_rng(3).uniform(60, 190, (1, 478, 3)), n, axis=0)
    for index, place in ((theval.LEFT_EYE, (160.0, 90.0)), (theval.RIGHT_EYE, (95.0, 90.0))):
        ring = np.arange(16) * np.pi / 8
        points[:, index, :2] = np.stack([place[0] + 12 * np.cos(ring), place[1] + 4 * np.sin(ring)], axis=1)
    # The corners of both eyes lie level, their midpoints 65 pixels apart.
    for index, x in zip((*theval.LEFT_CORNERS, *theval.RIGHT_CORNERS), (148, 172, 83, 107), strict=True):
        points[:, index, :2] = (x, 90.0)
    points[:, theval.LEFT_BROW, 0], points[:, theval.RIGHT_BROW, 0] = 160.0, 95.0
    time = np.arange(n) / 25.0
    points[:, theval.LEFT_BROW, 1] = (60 + amplitude * 5 * np.sin(2 * np.pi * 0.9 * time))[:, None]
    points[:, theval.RIGHT_BROW, 1] = (60 + amplitude * 5 * np.sin(2 * np.pi * 0.9 * time))[:, None]
    lips = list(theval.LIPS)
    points[:, lips[::2], 1] += (amplitude * 6 * np.sin(2 * np.pi * 1.5 * time))[:, None]
    return points


def pose(n: int = 200, *, amplitude: float = 10.0) -> np.ndarray:
    """Yaw, pitch, roll in degrees; float64 `[n, 3]`."""
    time = np.arange(n) / 25.0
    return amplitude * np.stack(
        [
            np.sin(2 * np.pi * 0.7 * time),
            0.6 * np.sin(2 * np.pi * 0.5 * time + 1),
            0.3 * np.cos(2 * np.pi * 0.3 * time),
        ],
        axis=1,
    )


def action_units(n: int = 40) -> dict[str, np.ndarray]:
    """An OpenFace table."""
    from bench.metrics.functional.affect import UNITS

    time = np.arange(n)
    table = {f"{unit}_r": 2 + np.sin(time / (3.0 + i)) for i, unit in enumerate(UNITS)}
    return {"frame": time + 1, "success": np.ones(n), "confidence": np.full(n, 0.98), **table}


def affect(n: int = 50) -> dict[str, np.ndarray]:
    """Valence and arousal series."""
    time = np.arange(n)
    return {"valence": 0.5 * np.sin(time / 4 + 0.3), "arousal": 0.4 * np.cos(time / 5 + 0.2)}


def vertices(n: int = 60, count: int = 40) -> np.ndarray:
    """A vertex sequence whose first quarter goes down and up; float64 `[n, count, 3]`."""
    base = np.random.default_rng(11).normal(size=(1, count, 3))
    sequence = np.repeat(base, n, axis=0)
    sequence[:, : count // 4, 1] -= 1.0 + mouth_opening_wave(n, rate=25.0)[:, None] / 8
    sequence[:, count // 2 :, 2] += 0.1 * np.sin(np.arange(n) / 6)[:, None]
    return sequence
