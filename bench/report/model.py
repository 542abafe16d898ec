"""What a report shows, read from the folders of one or more runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from bench.store import SCHEMA, load_results, read_arrays
from vfa.errors import InputError

GROUPS = (
    ("pictures", "Pictures against the ground truth"),
    ("faces", "Faces against the ground truth"),
    ("meshes", "Vertex sequences against the ground truth"),
    ("alone", "Without a ground truth"),
)


FACE_FEATURES = ("landmarks", "face", "pose", "position", "au", "va")


@dataclass
class MetricLine:
    """One metric over all methods: `cells` holds its row by method."""

    id: str
    about: dict[str, Any]
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Which part of the table it belongs to."""
        if not self.about["paired"]:
            return "alone"
        needs = self.about["needs"]
        if "vertices" in needs:
            return "meshes"
        return "faces" if any(need.startswith(FACE_FEATURES) for need in needs) else "pictures"

    def best(self) -> set[str]:
        """Methods with the best value; nobody when there is no direction, only one number that rests on enough frames,
        or when the numbers come from different sets of videos."""
        known = {m: c["value"] for m, c in self.cells.items() if c["value"] is not None and c["enough"]}
        counts = {self.cells[method]["n_videos"] for method in known}
        up = self.about["higher_is_better"]
        if len(known) < 2 or up is None or len(counts) > 1:
            return set()
        target = max(known.values()) if up else min(known.values())
        winners = {method for method, value in known.items() if value == target}
        return winners if len(winners) < len(known) else set()

    @property
    def reference(self) -> float | None:
        """The ground truth's own value, where it was scored."""
        return next((c["reference"] for c in self.cells.values() if c["reference"] is not None), None)


@dataclass
class Run:
    """One folder: its results, the records of its videos."""

    folder: Path
    label: str
    results: dict[str, Any]
    videos: list[dict[str, Any]]

    def arrays(self, video: dict[str, Any]) -> dict[str, Any]:
        """Per-frame values of one video; empty when they are gone."""
        return read_arrays(self.folder / video["arrays"]) or {} if video["arrays"] else {}


@dataclass
class Report:
    """All runs in one: methods in order of appearance, metrics that have a number, and those that could not run."""

    runs: list[Run]
    methods: list[str]
    lines: list[MetricLine]
    unavailable: dict[str, list[str]]
    title: str

    def grouped(self) -> list[tuple[str, list[MetricLine]]]:
        """Lines by part of the table: those of the runs' profiles in their order, then comparable ones first."""
        from bench.report.profile_view import profile_order

        order = profile_order(self)

        def place(line: MetricLine) -> tuple[int, bool, str]:
            return order.get(line.id.split("@")[0], len(order)), not line.about["comparable"], line.id

        parts = []
        for key, title in GROUPS:
            lines = [line for line in self.lines if line.group == key]
            if lines:
                parts.append((title, sorted(lines, key=place)))
        return parts


def load_report(folders: Sequence[Path]) -> Report:
    """Reads runs; methods of equal name in several runs are told apart by the name of the folder.

    Raises:
        InputError: a folder holds no results, or of another version.
    """
    runs = []
    for folder in folders:
        results = load_results(folder)
        place = folder if folder.is_dir() else folder.parent
        runs.append(Run(place, place.resolve().name, results, list(video_records(place))))
    counts: dict[str, int] = {}
    for run in runs:
        for method in {row["method"] for row in run.results["rows"]}:
            counts[method] = counts.get(method, 0) + 1
    lines: dict[str, MetricLine] = {}
    methods: list[str] = []
    unavailable: dict[str, list[str]] = {}
    for run in runs:
        for row in run.results["rows"]:
            name = f"{run.label}/{row['method']}" if counts[row["method"]] > 1 else row["method"]
            row["label"] = name
            if row["status"] == "unavailable":
                unavailable.setdefault(row["reason"], [])
                if row["id"] not in unavailable[row["reason"]]:
                    unavailable[row["reason"]].append(row["id"])
                continue
            if name not in methods:
                methods.append(name)
            lines.setdefault(row["id"], MetricLine(row["id"], row)).cells[name] = row
        for video in run.videos:
            video["label"] = f"{run.label}/{video['method']}" if counts.get(video["method"], 0) > 1 else video["method"]
    suites = sorted({run.results["suite"] for run in runs})
    return Report(runs, methods, list(lines.values()), unavailable, ", ".join(suites))


def video_records(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of videos.jsonl, one at a time; none when the file is gone.

    Raises:
        InputError: a line is damaged.
    """
    path = folder / "videos.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(
                    f"line {number} of the per-video records is damaged",
                    path=path,
                    expected=f"JSON of schema {SCHEMA}",
                    hint="run bench evaluate again into this folder",
                ) from error


def published_tables() -> list[dict[str, Any]]:
    """Tables that others published, exactly as printed; never computed here."""
    folder = resources.files("bench.report") / "published"
    names = ("avatar.json", "micro_videos.json", "micro_means.json", "theval.json")
    return [json.loads((folder / name).read_text(encoding="utf-8")) for name in names]


def number(value: float | None, digits: int = 4) -> str:
    """A number with some significant digits, an en dash for none."""
    if value is None:
        return "–"
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-4):
        return f"{value:.{digits - 1}e}"
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.0f}"
    return text


def arrow(higher_is_better: bool | None) -> str:
    """Up, down, or a sign for closeness to the truth's own value."""
    return {True: "↑", False: "↓", None: "≈"}[higher_is_better]


def escape_cell(text: str) -> str:
    """Text that cannot break out of a cell of a markdown table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def safe_cell(value: Any) -> Any:
    """A cell of a CSV file whose text cannot start a formula; nothing for None."""
    if isinstance(value, str) and value[:1] in "=+-@\t\r" and value:
        return "'" + value
    return "" if value is None else value
