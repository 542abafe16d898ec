"""Metrics against exact truth, as the synthetic suite has it: flow, vertices in the world, head pose, identity kept.

Flow, vertices and pose come from the motion a method wrote (`bench.methods.motion`); identity from its video.
"""

from __future__ import annotations

import math

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.mesh import mean_vertex_error
from bench.metrics.functional.truth import end_point_error, identity_kept, in_world, mean_shape, rotation_angle
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frame_score

REFERENCE = "own definition, on the truth of the synthetic suite"


class TruthMetric(Metric):
    """What metrics of motion files share; a file without the arrays gives no number and says so."""

    higher_is_better, range, comparable = False, (0.0, math.inf), False
    needs, paired = ("vertices",), True
    reference = REFERENCE
    arrays: tuple[str, ...] = ()
    truth_arrays: tuple[str, ...] = ()

    def per_frame(self, sample: SampleFeatures) -> np.ndarray:
        """One value for each pair of frames, `[N]`."""
        raise TypeError(f"metric {self.id()} lacks per_frame()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        assert sample.truth is not None
        if len(sample.pairs) == 0:
            return VideoScore.missing("no frames to compare")
        for side, features, names in (
            ("motion", sample.prediction, self.arrays),
            ("truth's motion", sample.truth, (*self.arrays, *self.truth_arrays)),
        ):
            absent = [name for name in names if name not in features]
            if absent:
                return VideoScore.missing(f"the {side} has no {', '.join(absent)}")
        return frame_score(self.per_frame(sample), reason="no point is known in any frame")


@register_metric
class FlowError(TruthMetric):
    """End-point error of the flow of surface points from the source's picture."""

    name, aliases, unit = "flow_error", ("flow_epe",), "px"
    arrays, truth_arrays = ("points",), ("visible",)
    definition = (
        "mean over frames of the mean distance, in the picture, between where watched surface points of the source go "
        "and where they should; points that the truth shows only"
    )

    def per_frame(self, sample: SampleFeatures) -> np.ndarray:
        assert sample.truth is not None
        prediction, truth = sample.aligned("points")
        return end_point_error(prediction, truth, sample.truth["visible"][sample.pairs[:, 1]])


@register_metric
class LandmarkError(TruthMetric):
    """Distance of projected landmarks from their true places."""

    name, unit = "landmark_error", "px"
    arrays = ("landmarks",)
    definition = "mean over frames and the 68 landmarks of their distance in the picture, projected from the mesh"

    def per_frame(self, sample: SampleFeatures) -> np.ndarray:
        prediction, truth = sample.aligned("landmarks")
        return end_point_error(prediction, truth, np.ones(truth.shape[:2], bool))


@register_metric
class VertexError(TruthMetric):
    """Distance of surface points in the world, head motion included."""

    name, unit = "vertex_error", "mm"
    arrays = ("rotation", "shift")
    definition = "mean over frames and watched vertices of the distance in the world; head motion counts, unlike in mve"

    def per_frame(self, sample: SampleFeatures) -> np.ndarray:
        sides = [sample.aligned(name) for name in ("vertices", "rotation", "shift")]
        prediction, truth = (in_world(*(pair[side] for pair in sides)) for side in (0, 1))
        return mean_vertex_error(prediction, truth)


@register_metric
class HeadTurnError(TruthMetric):
    """Angle between the head's orientation and the true one."""

    name, unit, range = "head_turn_error", "deg", (0.0, 180.0)
    arrays = ("rotation",)
    definition = "mean over frames of the angle between the head's rotation and the true one"

    def per_frame(self, sample: SampleFeatures) -> np.ndarray:
        return rotation_angle(*sample.aligned("rotation"))


@register_metric
class IdentityKept(Metric):
    """Whose face the result shows: the source's or the driver's."""

    name, higher_is_better, range, comparable = "identity_kept", True, (0.0, 1.0), False
    needs, paired = ("landmarks478", "driver"), True
    definition = (
        "distance of the face's shape (median over frames of aligned landmarks) to the driver's, over the sum of its "
        "distances to the driver's and to the truth's; 1 = the source's face, 0 = the driver's; cross-identity only"
    )
    reference = REFERENCE

    def measure(self, sample: SampleFeatures) -> VideoScore:
        prediction, truth = sample.aligned("landmarks478")
        shapes = [mean_shape(np.asarray(points, np.float64)) for points in (prediction, truth)]
        value = identity_kept(shapes[0], shapes[1], np.asarray(sample.prediction["driver"], np.float64))
        seen = int(np.isfinite(prediction).all(axis=(1, 2)).sum())
        return clip_score(value, seen, len(prediction) - seen, reason="a face was never seen")
