"""Run folders as a leaderboard reads them: scores, records of generation, where the videos lie."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report.model import video_records
from bench.running.records import MethodFolder
from bench.store import load_results
from vfa.errors import InputError

NAN = float("nan")
MADE = (
    "status",
    "cause",
    "reason",
    "seconds",
    "stages",
    "peak_bytes",
    "video",
    "video_bytes",
    "motion",
    "frames",
    "rate",
)
"""What is kept of a record of generation."""


@dataclass(frozen=True)
class Scored:
    """What the scores say of one video beside its numbers; `position` is its place among the method's videos."""

    position: int
    prediction: str
    truth: str | None
    faults: tuple[str, ...]


@dataclass
class Entry:
    """One method of one run. Numbers lie in arrays, so that runs of a hundred thousand videos fit in memory.

    Attributes:
        label: its name on the board, unique within a suite. method: its name in the run. folder: of the run.
        rows: rows of results.json by metric id. records: of the scored videos by sample.
        made: records of generation by sample (empty where only scores are known). about: method.json.
        asked: samples it was asked for; None where only scores are known.
    """

    label: str
    method: str
    folder: Path
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, Scored] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    asked: int | None = None
    _values: dict[str, array[float]] = field(default_factory=dict, repr=False)
    _references: dict[str, array[float]] = field(default_factory=dict, repr=False)
    _sets: dict[tuple[bytes, frozenset[str] | None], frozenset[str]] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """What it is, in a few words; why it could not run."""
        words = [str(self.about.get(key) or "") for key in ("title", "reason")]
        return ": ".join(word for word in words if word)

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes a line of videos.jsonl."""
        position = len(self.records)
        truth = record["truth"]
        self.records[record["video"]] = Scored(position, record["prediction"], truth, tuple(record["faults"]))
        for metric, score in record["scores"].items():
            for kept, key in ((self._values, "value"), (self._references, "reference")):
                number = score.get(key)
                if number is not None:
                    numbers = kept.setdefault(metric, array("d"))
                    numbers.extend([NAN] * (position - len(numbers)))
                    numbers.append(float(number))

    def values(self, metric: str) -> dict[str, float]:
        """Value of each sample by a metric, where there is one."""
        return self._known(self._values, metric)

    def references(self, metric: str) -> dict[str, float]:
        """The ground truth's own value of each sample, where it was scored."""
        return self._known(self._references, metric)

    def comparable_values(self, metric: str) -> dict[str, float]:
        """`values`, but none for metrics of whole sets, where a single sample's number means nothing."""
        row = self.rows.get(metric)
        return self.values(metric) if row is not None and row["video_mean"]["value"] is not None else {}

    def samples_with(self, metric: str, within: frozenset[str] | None = None) -> frozenset[str]:
        """The samples (of some) that have a value; metrics that have it for the same ones share one set."""
        numbers = self._values.get(metric.split("@")[0], array("d"))
        key = (bytes(number == number for number in numbers), within)
        if key not in self._sets:
            names = self.values(metric).keys()
            self._sets[key] = frozenset(names if within is None else within.intersection(names))
        return self._sets[key]

    def _known(self, kept: Mapping[str, array[float]], metric: str) -> dict[str, float]:
        numbers = kept.get(metric.split("@")[0], ())
        return {name: number for name, number in zip(self.records, numbers, strict=False) if number == number}

    def video(self, sample: str) -> Path | None:
        """Its video of a sample, where the scores or the run say one is."""
        record = self.records.get(sample)
        if record is not None:
            return located(record.prediction, self.folder)
        made = self.made.get(sample, {})
        return MethodFolder.of(self.folder, self.method).root / made["video"] if made.get("video") else None


@dataclass
class Run:
    """One folder. `scores` holds results.json; `about` is run.json, `results` the content of results.json."""

    folder: Path
    scores: Path
    label: str
    suite: str
    results: dict[str, Any]
    about: dict[str, Any]
    entries: list[Entry]

    @property
    def generated(self) -> bool:
        """Whether `bench run` made it, so that times and memory are known."""
        return self.scores != self.folder


@dataclass
class SuiteRuns:
    """All runs of one suite.

    Attributes:
        samples: every sample, sorted; kinds: what sort each is ("self", "cross", "").
        media: per sample, what does not come from a method: `truth`, `driving`, `source`.
        notices: what a reader must know before comparing.
    """

    suite: str
    runs: list[Run]
    entries: list[Entry]
    samples: list[str]
    kinds: dict[str, str]
    media: dict[str, dict[str, Path]]
    notices: list[str]


def load_run(folder: Path) -> Run:
    """Reads one folder made by `bench run` or `bench evaluate`.

    Raises:
        InputError: it holds no scores, or they are damaged or of another version.
    """
    scores = folder / "scores" if (folder / "scores" / "results.json").is_file() else folder
    if scores == folder and not (folder / "results.json").is_file():
        unfinished = (folder / "run.json").is_file()
        raise InputError(
            "no scores here",
            path=folder,
            expected="a folder made by bench run (scores/results.json) or bench evaluate (results.json)",
            found="a run that has not been scored" if unfinished else "no results.json",
            hint="run the same bench run command again; it goes on where it stopped" if unfinished else None,
        )
    results = load_results(scores)
    about = read_record(folder / "run.json") if scores != folder else {}
    entries: dict[str, Entry] = {}
    for row in results["rows"]:
        name = row["method"]
        entries.setdefault(name, Entry(name, name, folder)).rows[row["id"]] = row
    for record in video_records(scores):
        if record["method"] in entries:
            entries[record["method"]].add(record)
    if scores != folder:
        for name in _method_names(about):
            entries.setdefault(name, Entry(name, name, folder))
        for entry in entries.values():
            place = MethodFolder.of(folder, entry.method)
            entry.about = read_record(place.about())
            for path in sorted(place.record("x").parent.glob("*.json")):
                record = read_record(path)
                entry.made[str(record.get("sample", ""))] = {key: record[key] for key in MADE if key in record}
            entry.asked = len(_sample_list(about))
    suite = str(about.get("suite") or results["suite"])
    ordered = sorted(entries.values(), key=lambda entry: entry.method)
    return Run(folder, scores, folder.resolve().name, suite, results, about, ordered)


def load_suites(folders: Sequence[Path]) -> list[SuiteRuns]:
    """Reads run folders and puts those of one suite together, in the order of their first appearance.

    Methods of equal name in several runs of a suite are told apart by the name of the run.

    Raises:
        InputError: a folder cannot be used, or is given twice.
    """
    seen: set[Path] = set()
    runs: dict[str, list[Run]] = {}
    for folder in folders:
        if folder.resolve() in seen:
            raise InputError("the run is given twice", path=folder)
        seen.add(folder.resolve())
        run = load_run(folder)
        runs.setdefault(run.suite, []).append(run)
    return [_together(suite, some) for suite, some in runs.items()]


def _together(suite: str, runs: list[Run]) -> SuiteRuns:
    names = [run.label for run in runs]
    for i, run in enumerate(runs):
        if names.count(run.label) > 1:
            run.label = f"{run.label} ({names[: i + 1].count(run.label)})"
    entries = [(run, entry) for run in runs for entry in run.entries]
    methods = [entry.method for _, entry in entries]
    for run, entry in entries:
        if methods.count(entry.method) > 1:
            entry.label = f"{run.label}/{entry.method}"
    every = [entry for _, entry in entries]
    samples = sorted({sample for entry in every for sample in (*entry.records, *entry.made)})
    kinds, media = dict.fromkeys(samples, ""), {sample: dict[str, Path]() for sample in samples}
    for run in runs:
        for sample, about in _sample_list(run.about).items():
            if sample in media:
                kinds[sample] = str(about.get("kind") or "")
                media[sample] |= _media_of(about, run.folder)
    for entry in every:
        for sample, record in entry.records.items():
            if "truth" not in media[sample] and (truth := located(record.truth, entry.folder)):
                media[sample]["truth"] = truth
    return SuiteRuns(suite, runs, every, samples, kinds, media, notices(runs, every))


def notices(runs: Sequence[Run], entries: Sequence[Entry]) -> list[str]:
    """Ways in which runs of one suite differ that make their numbers hard to compare."""
    found = []
    for option in ("align", "max_drop", "band", "reference"):
        values = sorted({str(run.results["options"].get(option)) for run in runs})
        if len(values) > 1:
            found.append(f"The runs differ in {option}: {', '.join(values)}.")
    versions: dict[str, set[int]] = {}
    for entry in entries:
        for metric, row in entry.rows.items():
            versions.setdefault(metric, set()).add(row["version"])
    mixed = sorted(metric for metric, some in versions.items() if len(some) > 1)
    if mixed:
        found.append(f"Scored by different versions of: {', '.join(mixed)}.")
    if other_truths(entries):
        found.append("Samples of one name have different ground truths in different runs; do not compare them.")
    return found


def other_truths(entries: Sequence[Entry]) -> list[str]:
    """Samples whose ground truth gets another value by the same metric in another run."""
    differ: set[str] = set()
    for metric in sorted({metric for entry in entries for metric in entry.rows}):
        known: dict[str, float] = {}
        for entry in entries:
            for sample, value in entry.references(metric).items():
                if known.setdefault(sample, value) != value:
                    differ.add(sample)
    return sorted(differ)


def located(name: str | None, folder: Path) -> Path | None:
    """A file named in a record, as it stands or, for relative names, below the run; None where it is gone."""
    if not name:
        return None
    for path in (Path(name), folder / name):
        if path.is_file():
            return path
    return None


def read_record(path: Path) -> dict[str, Any]:
    """A JSON object, empty when there is none.

    Raises:
        InputError: it is damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError("the record cannot be read", path=path, found=str(error)) from error
    if not isinstance(data, dict):
        raise InputError("the record is damaged", path=path, expected="a JSON object", found=type(data).__name__)
    return data


def _method_names(about: Mapping[str, Any]) -> list[str]:
    return [str(m["name"]) for m in about.get("methods") or () if isinstance(m, dict) and "name" in m]


def _sample_list(about: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(s["id"]): s for s in about.get("samples") or () if isinstance(s, dict) and "id" in s}


def _media_of(about: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """The truth, the driving video and the source picture of a sample of `run.json`."""
    found = {}
    for name, key in (("truth", "truth"), ("driving", "driving"), ("source", "image")):
        value = about.get(key)
        path = located(value, folder) if isinstance(value, str) else None
        if path is not None:
            found[name] = path
    return found
