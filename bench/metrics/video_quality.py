"""Stand-ins without weights for VBench's dimensions: consistency, smoothness, dynamics, image quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.features.base import Chunk, Extractor, SampleFeatures, VideoInfo
from bench.features.registry import register_extractor
from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.functional.appearance import (
    CELL_FEATURES,
    GRID,
    background_cells,
    cell_descriptors,
    face_crop,
    image_quality,
    masked_consistency,
)
from bench.metrics.functional.vbench import is_dynamic, sampling_interval, strongest_flow
from bench.metrics.registry import register_metric
from bench.metrics.scores import frame_score

REFERENCE = "after VBench, Huang et al., CVPR 2024; own stand-in without weights"
FLOW_SIDE = 256


@register_extractor
class Appearance(Extractor):
    """Cell descriptors of the face crop and of the cells outside the face, `[T, 8, 8, 12]` each."""

    name = "appearance"
    needs = ("frames", "face_box")
    provides = ("face_cells", "background_cells")
    cost = 2.0

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        shape = (len(chunk), GRID, GRID, CELL_FEATURES)
        face, background = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
        for i, (frame, box) in enumerate(zip(chunk["frames"], chunk["face_box"], strict=True)):
            crop = face_crop(frame, box)
            if crop is not None:
                face[i] = cell_descriptors(crop)
            outside = background_cells((frame.shape[1], frame.shape[0]), box)
            background[i][outside] = cell_descriptors(frame)[outside]
        return {"face_cells": face, "background_cells": background}


@register_extractor
class SampledMotion(Extractor):
    """Flow between frames about 1/8 s apart, and the error of guessing odd frames from their neighbours.

    `sampled_flow` `[n - 1]`: mean of the strongest 5 % of flow lengths, in pixels of a frame whose shorter side is 256
    (not enlarged). `odd_frame_error` `[m]`: mean |frame - average of its two neighbours| over 255.
    """

    name = "sampled_motion"
    provides = ("sampled_flow", "sampled_size", "odd_frame_error")
    cost = 6.0

    def start(self, info: VideoInfo) -> None:
        self._interval = sampling_interval(float(info.rate))
        self._scale = min(1.0, FLOW_SIDE / min(info.width, info.height))
        self._size = np.array([info.width, info.height]) * self._scale
        self._sampled: np.ndarray | None = None
        self._flow: list[float] = []
        self._recent: list[np.ndarray] = []
        self._errors: list[float] = []

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        import cv2

        for index, frame in zip(chunk.index, chunk["frames"], strict=True):
            if index % self._interval == 0:
                gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
                if self._scale < 1:
                    gray = cv2.resize(gray, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA)
                if self._sampled is not None:
                    into = np.zeros((*gray.shape, 2), np.float32)
                    flow = cv2.calcOpticalFlowFarneback(self._sampled, gray, into, 0.5, 4, 15, 3, 5, 1.2, 0)
                    self._flow.append(strongest_flow(flow))
                self._sampled = gray
            self._recent.append(frame)
            if len(self._recent) == 3:
                before, middle, after = self._recent
                guess = cv2.addWeighted(before, 0.5, after, 0.5, 0)
                self._errors.append(cv2.norm(middle, guess, cv2.NORM_L1) / (middle.size * 255.0))
                self._recent = [after]
        return {}

    def finish(self) -> Mapping[str, np.ndarray]:
        return {
            "sampled_flow": np.array(self._flow),
            "sampled_size": self._size,
            "odd_frame_error": np.array(self._errors),
        }


class Consistency(PerFrameMetric):
    """What both consistencies share."""

    higher_is_better, range = True, (0.0, 1.0)
    paired, comparable, minimal_n, reference = False, False, 2, REFERENCE

    def values(self, prediction: Mapping[str, Any], truth: Mapping[str, Any] | None) -> np.ndarray:
        cells = prediction[self.needs[0]]
        if len(cells) < 2:
            return np.full(len(cells), np.nan)
        return masked_consistency(cells)

    def why_missing(self, n: int) -> str:
        return "fewer than two frames" if n < 1 else "no two frames with a descriptor"


@register_metric
class ScLite(Consistency):
    """How much the face stays the same."""

    name = "sc_lite"
    needs = ("face_cells",)
    definition = (
        "mean over frames of the cosine of gradient and colour cells of the face crop with the previous and the first"
    )


@register_metric
class BcLite(Consistency):
    """How much the background stays the same."""

    name = "bc_lite"
    needs = ("background_cells",)
    definition = "as sc_lite for the cells of the frame outside the face box in both frames"


@register_metric
class MsLite(Metric):
    """How well odd frames follow from their neighbours."""

    name = "ms_lite"
    higher_is_better, range = True, (0.0, 1.0)
    needs, paired, comparable, minimal_n, reference = ("odd_frame_error",), False, False, 3, REFERENCE
    definition = "1 - mean over odd frames of |frame - average of its neighbours| / 255"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        return frame_score(1.0 - sample.prediction["odd_frame_error"], reason="fewer than three frames")


@register_metric
class DdLite(Metric):
    """Whether the video moves: 1 or 0 for each video."""

    name = "dd_lite"
    higher_is_better, range = True, (0.0, 1.0)
    needs, paired, comparable, minimal_n, reference = ("sampled_flow", "sampled_size"), False, False, 25, REFERENCE
    definition = (
        "share of videos in which at least round(n / 4) of n frames sampled at about 8 fps have flow whose"
        " strongest 5 % exceed 6 min(H, W) / 256 pixels (Farneback)"
    )

    def measure(self, sample: SampleFeatures) -> VideoScore:
        flow, size = sample.prediction["sampled_flow"], sample.prediction["sampled_size"]
        if len(flow) == 0:
            return VideoScore.missing("fewer than two sampled frames")
        dynamic = is_dynamic(flow, n_sampled=len(flow) + 1, size=(size[0], size[1]))
        return VideoScore(float(dynamic), len(flow) + 1, details={"strongest_flow_px": float(flow.mean())})


@register_metric
class IqLite(PerFrameMetric):
    """Blur, noise and exposure of each frame."""

    name = "iq_lite"
    higher_is_better, range = True, (0.0, 1.0)
    needs, paired, comparable = ("frames",), False, False
    definition = "mean over frames of (1 - blur effect) exp(-noise / 8) (share of pixels neither black nor white)"
    reference = "own stand-in; blur of Crete et al. 2007, noise of Immerkaer 1996"

    def values(self, prediction: Mapping[str, Any], truth: Mapping[str, Any] | None) -> np.ndarray:
        return np.array([image_quality(frame) for frame in prediction["frames"]])
