"""What a run took for each sample, by stage, and what many more would take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.leaderboard.runs import Entry, Run

HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """One stage of the work.

    Attributes:
        stage: "generate" or "score". method: who generates; empty for scoring, which is counted per scored video.
        parts: seconds of one sample by name of a part, the dearest first (of a core, in scoring).
        n: samples measured. seconds: of one sample on one process, mean; low, high: the 5th and 95th percentile
            (None where only the total is known).
        bytes: one sample leaves on the disk. peak_bytes: largest memory of the process; None where unknown.
        video_seconds: length of one sample's video; None where unknown.
        cpu: seconds of a core for one sample; None where only wall time is known. once: seconds of a core for each
            process, before its first sample.
    """

    stage: str
    method: str
    n: int
    seconds: float
    low: float | None
    high: float | None
    bytes: float
    peak_bytes: int | None = None
    video_seconds: float | None = None
    parts: tuple[tuple[str, float], ...] = ()
    cpu: float | None = None
    once: float = 0.0

    def total_hours(self, videos: int) -> float:
        """Hours of one process for so many videos: samples cost the same, whatever came before."""
        return videos * self.seconds / HOUR

    def total_bytes(self, videos: int) -> float:
        """Disk space for so many videos."""
        return videos * self.bytes

    @property
    def real_time(self) -> float | None:
        """Seconds of work for a second of video."""
        return self.seconds / self.video_seconds if self.video_seconds else None


def estimate(runs: Sequence[Run]) -> list[Cost]:
    """The cost of one sample in each stage, from the records of some runs of one suite; nothing for stages unknown.

    Generation is what the records of the samples say; failed samples count nothing. Scoring is the wall time of the
    last scoring times its processes, over the samples scored in it; its bytes are what it left on the disk. A run that
    only kept earlier scores says nothing about scoring.
    """
    found = []
    for run in runs:
        found += [cost for entry in run.entries if (cost := _generation(entry)) is not None]
    scoring = [cost for run in runs if (cost := _scoring(run)) is not None]
    return [*found, *scoring]


def _generation(entry: Entry) -> Cost | None:
    made = [
        record for record in entry.made.values() if record.get("status") == "ok" and record.get("seconds") is not None
    ]
    if not made:
        return None
    seconds = np.array([float(record["seconds"]) for record in made])
    sizes = [float(record.get("video_bytes") or 0) for record in made]
    motion = [float(_size(entry.folder / entry.method / record["motion"])) for record in made if record.get("motion")]
    lengths = [length for record in made if (length := video_length(record)) is not None]
    parts: dict[str, list[float]] = {}
    for record in made:
        for name, took in (record.get("stages") or {}).items():
            parts.setdefault(str(name), []).append(float(took))
    return Cost(
        "generate",
        entry.label,
        len(made),
        float(seconds.mean()),
        float(np.percentile(seconds, 5)),
        float(np.percentile(seconds, 95)),
        (sum(sizes) + sum(motion)) / len(made),
        max((int(record["peak_bytes"]) for record in made if record.get("peak_bytes")), default=None),
        float(np.mean(lengths)) if lengths else None,
        tuple(
            (name, sum(took) / len(made))
            for name, took in sorted(parts.items(), key=lambda part: (-sum(part[1]), part[0]))
        ),
    )


def video_length(record: dict[str, object]) -> float | None:
    """Seconds of the video of a sample's record."""
    from fractions import Fraction

    frames, rate = record.get("frames"), record.get("rate")
    if not frames or not rate:
        return None
    return float(int(str(frames)) / Fraction(str(rate)))


def _scoring(run: Run) -> Cost | None:
    from bench.leaderboard.runs import read_record

    about = read_record(run.scores / "run.json")
    scored = int(about.get("scored") or 0)
    if not scored or not about.get("seconds"):
        return None
    processes = int(about.get("workers") or 1) * int(about.get("ranks") or 1)
    n = sum(len(entry.records) for entry in run.entries)
    kept = ("videos.jsonl", "results.json", "journal", "frames", "sets", "features")
    left = sum(_size(run.scores / name) for name in kept)
    seconds = float(about["seconds"]) * processes / scored
    cpu = {name: float(took["cpu"]) for name, took in (about.get("costs") or {}).items()}
    once = cpu.pop("loading", 0.0)
    dearest = sorted(cpu.items(), key=lambda part: (-part[1], part[0]))
    return Cost(
        "score",
        "",
        scored,
        seconds,
        None,
        None,
        left / max(n, 1),
        int(float(about["peak_megabytes"]) * 1e6) if about.get("peak_megabytes") else None,
        _mean_length(run),
        tuple((name.removeprefix("metric:"), took / scored) for name, took in dearest),
        sum(cpu.values()) / scored if cpu else None,
        once,
    )


def _mean_length(run: Run) -> float | None:
    """Seconds of a video of the run, on average, where its records say."""
    made = [record for entry in run.entries for record in entry.made.values()]
    lengths = [length for record in made if (length := video_length(record)) is not None]
    return float(np.mean(lengths)) if lengths else None


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


def per_video(costs: Iterable[Cost], videos: int) -> list[tuple[Cost, float, float]]:
    """Each stage with the hours of one process and the bytes for so many videos."""
    return [(cost, cost.total_hours(videos), cost.total_bytes(videos)) for cost in costs]


def hours_text(hours: float) -> str:
    """A span of time for people.

    >>> hours_text(0.01), hours_text(1.5), hours_text(500)
    ('36 s', '1.5 h', '20.8 d')
    """
    if hours < 1 / 60:
        return f"{hours * HOUR:.3g} s"
    if hours < 1:
        return f"{hours * 60:.3g} min"
    return f"{hours:.3g} h" if hours < 72 else f"{hours / 24:.3g} d"


def bytes_text(count: float) -> str:
    """A number of bytes for people.

    >>> bytes_text(999), bytes_text(1_500_000), bytes_text(2.5e12)
    ('999 B', '1.5 MB', '2.5 TB')
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def cost_table(costs: Sequence[Cost], videos: int) -> str:
    """A table for the terminal: one sample, and so many of them on one process."""
    head = (
        "stage",
        "samples",
        "s/sample",
        "of a core",
        "x real time",
        "peak memory",
        "on disk",
        f"{videos:,} videos",
        "disk",
    )
    rows = [head]
    for cost, hours, size in per_video(costs, videos):
        rows.append(
            (
                f"{cost.stage} {cost.method}".strip(),
                str(cost.n),
                f"{cost.seconds:.3g}",
                f"{cost.cpu:.3g}" if cost.cpu is not None else "-",
                f"{cost.real_time:.3g}" if cost.real_time is not None else "-",
                bytes_text(cost.peak_bytes) if cost.peak_bytes else "-",
                bytes_text(cost.bytes),
                hours_text(hours),
                bytes_text(size),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
    return "\n".join([*lines, "hours of one process; N processes take an Nth (samples do not wait for each other)"])
