"""Records of samples: lines of the journal and of videos.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.features.alignment import AlignmentReport
from bench.metrics.base import VideoScore
from bench.suites.sample import Sample
from vfa.errors import VFAError


def score_record(score: VideoScore) -> dict[str, Any]:
    """A score as it is stored."""
    return {
        "value": score.value,
        "n_frames": score.n_frames,
        "n_missing": score.n_missing,
        "statistics": list(score.statistics or ()),
        "details": score.details,
        "reason": score.reason,
    }


def sample_record(
    sample: Sample,
    status: str,
    scores: dict[str, Any],
    faults: Sequence[str],
    arrays: str,
    report: AlignmentReport | None,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """One line of the journal, and of videos.jsonl."""
    return {
        "method": sample.method,
        "video": sample.id,
        "prediction": str(sample.prediction),
        "truth": str(sample.truth) if sample.truth else None,
        "status": status,
        "faults": list(dict.fromkeys(faults)),
        "warnings": list(warnings),
        "alignment": asdict(report) if report is not None else None,
        "arrays": arrays,
        "scores": scores,
    }


def failed_record(sample: Sample, metrics: Sequence[str], why: str) -> dict[str, Any]:
    """The record of a sample whose worker died or whose files cannot be read."""
    scores = {name: score_record(VideoScore.missing(why)) for name in metrics}
    return sample_record(sample, "failed", scores, [why], "", None, [])


def reason_of(error: BaseException) -> str:
    """One line for the records: the message of a known failure, else its type too."""
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, VFAError) else f"{type(error).__name__}: {text}"
