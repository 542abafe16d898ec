"""Metrics: features in, numbers out. The contract is written in bench/metrics/registry.py."""

from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.registry import all_metrics, create_metric, register_metric

__all__ = ["Metric", "PerFrameMetric", "VideoScore", "all_metrics", "create_metric", "register_metric"]
