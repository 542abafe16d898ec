"""What the options of `bench` may be."""

from __future__ import annotations

from enum import Enum


class Suite(str, Enum):
    """Layouts of a benchmark folder."""

    plain = "plain"
    avatar = "avatar"
    talking_head = "talking-head"
    micro = "micro"


class RunSuite(str, Enum):
    """Suites that methods can be run on."""

    synthetic = "synthetic"
    avatar = "avatar"
    talking_head = "talking-head"
    micro = "micro"


class Profile(str, Enum):
    """Tables of published benchmarks."""

    avatar = "avatar"
    talking_head = "talking-head"
    micro = "micro"
    survey = "survey"
    theval = "theval"
    theval_fixed = "theval-fixed"
    all = "all"


class Align(str, Enum):
    """How frames of a pair find each other."""

    none = "none"
    trim = "trim"
    resample = "resample"
    dtw = "dtw"


class Overwrite(str, Enum):
    """What to do about records of an earlier run."""

    never = "never"
    missing = "missing"
    always = "always"


class Format(str, Enum):
    """Formats of a report."""

    html = "html"
    md = "md"
    csv = "csv"
    latex = "latex"


class CompareFormat(str, Enum):
    """Formats of a comparison."""

    table = "table"
    md = "md"
    csv = "csv"
    html = "html"
    json = "json"


class Videos(str, Enum):
    """How the videos of a leaderboard get beside its page."""

    copy = "copy"
    link = "link"
    none = "none"


class Topic(str, Enum):
    """What `bench list` lists."""

    metrics = "metrics"
    methods = "methods"
    datasets = "datasets"
    suites = "suites"
    weights = "weights"
