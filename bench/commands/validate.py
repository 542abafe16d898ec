"""`bench validate`: the contract of a method, point by point."""

from __future__ import annotations

from pathlib import Path

from bench.commands.evaluate import printable
from vfa.errors import EXIT_INPUT, EXIT_OK


def run_validate(method: str, out: Path, frames: int, size: int, rate: str, seconds: float) -> int:
    """Runs the command; 0 when every point holds, 3 when one does not."""
    from bench.running.validation import validate
    from bench.suites.synthetic import Recipe

    recipe = Recipe(people=2, clips=1, crossed=1, seed=0, frames=frames, rate=rate, size=size)
    counts = {"ok": 0, "failed": 0, "warning": 0}
    for point in validate(method, recipe, out, seconds):
        counts[point.verdict] += 1
        print(f"{point.verdict:8} {printable(point.what)}" + (f": {printable(point.found)}" if point.found else ""))
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    print(f"{said}; everything is in {out}")
    if counts["failed"]:
        return EXIT_INPUT
    print(f"next: bench run --suite synthetic --methods oracle,static,{method} --out runs/first")
    return EXIT_OK
