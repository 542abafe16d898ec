"""Layouts of benchmark folders, turned into samples."""

from bench.suites.layouts import SUITES, build_samples
from bench.suites.sample import Sample, SampleList

__all__ = ["SUITES", "Sample", "SampleList", "build_samples"]
