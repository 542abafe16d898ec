"""THEval's normalised and final scores, and its published leaderboard (arXiv 2511.04520, README of the public code)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrics.functional.theval import closeness
from vfa.errors import InputError

METRICS = (
    "global aesthetics", "mouth quality", "face quality", "lip dynamics", "head motion", "eyebrow dynamics",
    "silent lip stability", "lip-sync",
)  # fmt: skip
GROUPS = {"quality": METRICS[:3], "naturalness": METRICS[3:6], "synchronization": METRICS[6:]}

TRUTH = dict(zip(METRICS, (4.6842, 23.835, 0.4425, 1.716603, 18.46757, 0.006777, 0.0263, 0.2528), strict=True))
"""Raw means of THEval's own real clips; of no use for other clips."""

LEADERBOARD: dict[str, tuple[float, ...]] = {
    "LivePortrait": (0.9464, 0.9760, 0.8784, 0.9913, 0.7548, 0.9997, 0.9316, 0.9980, 0.9345),
    "X-Portrait": (0.9502, 0.9990, 0.9568, 0.9611, 0.6091, 0.7897, 0.9924, 0.9407, 0.8999),
    "LIA-X": (0.9466, 0.9195, 0.8705, 0.9030, 0.6233, 0.9090, 0.9087, 0.9644, 0.8806),
    "Hallo2": (0.9619, 0.9254, 0.9017, 0.9883, 0.2395, 0.8530, 0.9620, 0.9502, 0.8477),
    "Echomimic": (0.8499, 0.9617, 0.9514, 0.7930, 0.3806, 0.8071, 0.8251, 0.9964, 0.8207),
    "EmoPortrait": (0.9542, 0.8799, 0.7957, 0.9159, 0.5136, 0.5840, 0.9354, 0.9608, 0.8174),
    "OmniAvatar": (0.9767, 0.9919, 0.9521, 0.4650, 0.6039, 0.8488, 0.6160, 0.9972, 0.8064),
    "FLOAT": (0.8713, 0.9868, 0.9645, 0.4266, 0.5115, 0.8945, 0.6958, 0.9992, 0.7938),
    "ControlTalk": (0.7759, 0.8360, 0.7584, 0.5476, 0.5058, 0.9785, 0.9163, 0.9897, 0.7885),
    "Dimitra": (0.9523, 0.8798, 0.7914, 0.7863, 0.1279, 0.6372, 0.8555, 0.9430, 0.7467),
    "SadTalker": (0.9576, 0.9142, 0.6005, 0.8276, 0.2867, 0.6084, 0.6806, 0.9794, 0.7319),
    "MCNet": (0.7499, 0.7655, 0.4771, 0.8925, 0.2297, 0.9132, 0.8669, 0.9541, 0.7311),
    "DaGAN": (0.7547, 0.7646, 0.5105, 0.8262, 0.3029, 0.8362, 0.7452, 0.9719, 0.7140),
    "FOM": (0.7516, 0.7566, 0.4875, 0.6743, 0.3269, 0.8613, 0.5970, 0.9929, 0.6810),
    "LIA": (0.7265, 0.7622, 0.4899, 0.6912, 0.3080, 0.8920, 0.5741, 0.9913, 0.6794),
    "Real3DPortrait": (0.8597, 0.8732, 0.7934, 0.7348, 0.0895, 0.3170, 0.7072, 0.9695, 0.6680),
    "Wav2Lip": (0.9090, 0.9180, 0.6762, 0.6966, 0.1124, 0.3662, 0.6388, 0.8849, 0.6502),
}
"""Normalised scores in the order of `METRICS`, then the final score as printed."""


def final_score(normalised: Sequence[float]) -> float:
    """The unweighted mean of the eight normalised scores.

    Raises:
        InputError: not eight finite numbers: THEval has no final score of fewer.

    Example:
        >>> round(final_score(LEADERBOARD["LivePortrait"][:8]), 4)
        0.9345
    """
    values = np.asarray(normalised, np.float64)
    if values.shape != (len(METRICS),) or not np.isfinite(values).all():
        raise InputError("no final score", expected=f"{len(METRICS)} normalised scores", found=str(values.tolist()))
    return float(values.mean())


def normalised_scores(values: Mapping[str, float], truth: Mapping[str, float] = TRUTH) -> dict[str, float]:
    """`1 - |value - truth| / |truth|` of each metric, the means of the three groups, and the final score.

    Args:
        values, truth: raw means over clips by the names of `METRICS`.

    Raises:
        InputError: a metric is missing, not finite, or zero in the truth.

    Example:
        >>> normalised_scores(TRUTH)["final"]
        1.0
    """
    lacking = [name for name in METRICS if name not in values or name not in truth]
    if lacking:
        raise InputError("metrics of THEval are missing", expected=", ".join(METRICS), found=f"no {', '.join(lacking)}")
    scores = {name: closeness(values[name], truth[name]) for name in METRICS}
    groups = {group: float(np.mean([scores[name] for name in names])) for group, names in GROUPS.items()}
    return {**scores, **groups, "final": final_score([scores[name] for name in METRICS])}
