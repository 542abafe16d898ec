"""Fréchet distances without a network, of frames, edges, expressions and motion: stand-ins for FID, E-FID and FVD."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench.features.base import Chunk, Extractor, SampleFeatures, VideoFeatures
from bench.features.registry import register_extractor
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.descriptors import FRAME_FEATURES, edge_image, expression_shape, frame_descriptor
from bench.metrics.functional.frechet import Moments, frechet_distance, frechet_from_moments
from bench.metrics.registry import register_metric

MOTION_SIDE = 64
MOTION_GRID = 4
CLIP_LENGTH = 16


@register_extractor
class FrameDescriptor(Extractor):
    """Colours and edges of each frame, `[T, 63]`."""

    name = "frame_descriptor"
    provides = ("frame_descriptor",)
    cost = 0.6

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        return {"frame_descriptor": np.array([frame_descriptor(frame) for frame in chunk["frames"]], np.float32)}


@register_extractor
class FaceEdgeDescriptor(Extractor):
    """The same of the edges in the face crop, `[T, 63]`; NaN in frames without a face."""

    name = "face_edge_descriptor"
    needs = ("face_frames", "face_box")
    provides = ("face_edge_descriptor",)
    cost = 1.0

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        out = np.full((len(chunk), FRAME_FEATURES), np.nan, np.float32)
        for row, face, box in zip(out, chunk["face_frames"], chunk["face_box"], strict=True):
            if np.isfinite(box).all():
                row[:] = frame_descriptor(edge_image(face))
        return {"face_edge_descriptor": out}


@register_extractor
class MotionGrid(Extractor):
    """Mean absolute change from the previous frame in 4x4 cells of the gray frame at 64x64, `[T, 16]`, over 255."""

    name = "motion_grid"
    provides = ("motion_grid",)
    cost = 0.3

    def __init__(self) -> None:
        self._previous: np.ndarray | None = None

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        import cv2

        out = np.full((len(chunk), MOTION_GRID**2), np.nan, np.float32)
        side = MOTION_SIDE // MOTION_GRID
        for row, frame in zip(out, chunk["frames"], strict=True):
            gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            gray = cv2.resize(gray, (MOTION_SIDE, MOTION_SIDE), interpolation=cv2.INTER_AREA)
            if self._previous is not None:
                change = cv2.absdiff(gray, self._previous).reshape(MOTION_GRID, side, MOTION_GRID, side)
                row[:] = change.mean(axis=(1, 3)).ravel() / 255.0
            self._previous = gray
        return {"motion_grid": out}


class FrechetLite(Metric):
    """What Fréchet distances of hand-made features share: pooled over all videos, and of each video alone."""

    higher_is_better, range = False, (0.0, math.inf)
    paired, comparable, minimal_n = True, False, FRAME_FEATURES

    def features(self, video: VideoFeatures) -> np.ndarray:
        """The feature set of one video, `[N, D]`, rows with NaN where there is none."""
        raise TypeError(f"metric {self.id()} lacks features()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        assert sample.truth is not None
        sets, missing = [], 0
        for video in (sample.prediction, sample.truth):
            rows = np.asarray(self.features(video), np.float64)
            good = np.isfinite(rows).all(axis=1)
            missing += int((~good).sum())
            sets.append(rows[good])
        if min(len(rows) for rows in sets) < 2:
            return VideoScore.missing(f"fewer than two {self.rows_are} on one side", missing)
        statistics = np.concatenate([Moments.of(rows).pack() for rows in sets])
        value = frechet_distance(sets[0], sets[1])
        return VideoScore(value, len(sets[0]), missing, statistics=statistics.tolist())

    rows_are = "frames"

    def pool(self, statistics: np.ndarray) -> float:
        prediction, truth = np.split(statistics, 2, axis=1)
        return frechet_from_moments(Moments.unpack(prediction), Moments.unpack(truth))


@register_metric
class FdLite(FrechetLite):
    """Distance of the distributions of frames."""

    name = "fd_lite"
    needs = ("frame_descriptor",)
    definition = "Frechet distance of colour and gradient histograms of frames at three scales (63 numbers)"
    reference = "own stand-in for FID"

    def features(self, video: VideoFeatures) -> np.ndarray:
        return video["frame_descriptor"]


@register_metric
class EfidEdgeLite(FrechetLite):
    """Distance of the distributions of edges in the face."""

    name = "efid_edge_lite"
    needs = ("face_edge_descriptor",)
    rows_are = "frames with a face"
    definition = "Frechet distance of the same histograms of Canny edges (100, 200) of the face crop"
    reference = "own stand-in for the avatar benchmark's edge FID, whose procedure is not published"

    def features(self, video: VideoFeatures) -> np.ndarray:
        return video["face_edge_descriptor"]


@register_metric
class EfidExpLite(FrechetLite):
    """Distance of the distributions of expressions."""

    name = "efid_exp_lite"
    needs = ("landmarks68",)
    rows_are = "frames with a face"
    minimal_n = 60
    definition = (
        "Frechet distance of brows and lips (60 numbers) after pose is removed and each clip's median face taken off"
    )
    reference = "own stand-in for expression-FID (there coefficients of a 3D face model)"

    def features(self, video: VideoFeatures) -> np.ndarray:
        return expression_shape(video["landmarks68"])


@register_metric
class FvdLite(FrechetLite):
    """Distance of the distributions of motion."""

    name = "fvd_lite"
    needs = ("motion_grid", "flow_mean", "flow_top")
    rows_are = "clips of 16 frames"
    minimal_n = 36
    definition = (
        "Frechet distance of clips of 16 frames: mean and deviation over time of the change in 4x4 cells and of the"
        " flow's mean and strongest 5 % in frame sizes (36 numbers)"
    )
    reference = "own stand-in for FVD"

    def features(self, video: VideoFeatures) -> np.ndarray:
        flow = np.stack([video["flow_mean"], video["flow_top"]], axis=1) / max(video.width, video.height, 1)
        motion = np.concatenate([video["motion_grid"], flow], axis=1)[1:]
        clips = motion[: len(motion) // CLIP_LENGTH * CLIP_LENGTH].reshape(-1, CLIP_LENGTH, motion.shape[1])
        return np.concatenate([clips.mean(axis=1), clips.std(axis=1)], axis=1)
