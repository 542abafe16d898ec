"""THEval's head motion dynamics by FaceXFormer, and its stand-in by PnP."""

from __future__ import annotations

import math

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.theval import eye_distance
from bench.metrics.functional.theval_head import head_motion, head_motion_composite
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frames_with

REFERENCE = "THEval, arXiv 2511.04520"
WEIGHTS = ("facexformer", "retinaface_preact")
Numbers = tuple[float, dict[str, float]]
FEW = "fewer than two frames with a face"


class HeadDynamics(Metric):
    """What the variants share; `needs` names the angles, the boxes [T,4] and what else a variant reads."""

    paired, range, minimal_n = False, (0.0, math.inf), 25
    higher_is_better = None
    reference = REFERENCE

    def numbers(
        self, angles: np.ndarray, centres: np.ndarray, sample: SampleFeatures
    ) -> tuple[float, dict[str, float]]:
        """The value and its details."""
        raise TypeError(f"metric {self.id()} lacks numbers()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        angles = np.asarray(sample.prediction[self.needs[0]], np.float64)
        boxes = np.asarray(sample.prediction[self.needs[1]], np.float64)
        if len(angles) == 0:
            return VideoScore.missing("no frames")
        seen = frames_with(angles) & frames_with(boxes)
        value, details = self.numbers(angles, (boxes[:, :2] + boxes[:, 2:]) / 2, sample)
        return clip_score(value, int(seen.sum()), int((~seen).sum()), reason=FEW, details=details)


class Composite(HeadDynamics):
    """The composite of degrees and pixels."""

    def numbers(
        self, angles: np.ndarray, centres: np.ndarray, sample: SampleFeatures
    ) -> tuple[float, dict[str, float]]:
        return head_motion_composite(angles, centres), {}


@register_metric
class HeadTheval(Composite):
    """As the public code defines it."""

    name, variant, default = "theval_head", "theval", True
    needs, weights = ("facexformer_pose", "retinaface_box"), WEIGHTS
    definition = (
        "sqrt(S D + T): S mean deviation of FaceXFormer's pitch, yaw, roll in degrees, D mean variance of their change"
        " from frame to frame, T mean variance of the RetinaFace box's centre in pixels (grows with the frame's size)"
    )


@register_metric
class HeadFixed(HeadDynamics):
    """How much the head turns, with its speed and its path beside it, independent of frame rate and size."""

    name, variant, comparable, unit = "theval_head", "fixed", False, "deg"
    needs, weights = ("facexformer_pose_fixed", "retinaface_box_fixed", "landmarks478"), WEIGHTS
    definition = (
        "mean deviation over time of FaceXFormer's angles of the largest face; beside it the deviation of their speed"
        " at 25 fps (deg/s) and of the box's centre in eye distances"
    )

    def numbers(
        self, angles: np.ndarray, centres: np.ndarray, sample: SampleFeatures
    ) -> tuple[float, dict[str, float]]:
        video = sample.prediction
        found = head_motion(angles, centres, _eyes(video["landmarks478"]), rate=float(video.rate))
        details = {"rotation_rate_deg_s": found.rotation_rate, "translation_eye_distances": found.translation}
        return found.rotation, details


@register_metric
class HeadLite(Composite):
    """The composite from landmarks."""

    name, comparable = "theval_head_lite", False
    needs = ("pose", "face_box")
    definition = "theval_head_theval with angles by PnP and the box of the landmarks"
    reference = "own stand-in; after " + REFERENCE


def _eyes(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the eyes `[T]`, NaN without a face."""
    return eye_distance(np.asarray(landmarks, np.float64)[..., :2])
