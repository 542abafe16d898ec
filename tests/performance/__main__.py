"""`make benchmark`: every speed that is stated, ours beside a straightforward implementation, in one run.

python -m tests.performance              # everything
python -m tests.performance mesh render  # some of it
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time

# Tables of milliseconds (fewer are better, the last column is the goal), and of figures with a unit of their own.
MILLISECONDS = ("mesh", "render", "export", "network")
FIGURES = ("data", "synthesis", "training")


def main() -> int:
    """Prints the tables, one part after the other; 1 where a part failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description=__doc__.splitlines()[0])
    known = (*MILLISECONDS, *FIGURES)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(known))
    parts = parser.parse_args().parts or list(known)
    unknown = [part for part in parts if part not in known]
    if unknown:
        parser.error(f"unknown part {unknown[0]}; known: {' '.join(known)}")
    failed = []
    for number, part in enumerate(parts, start=1):
        print(f"[{number}/{len(parts)}] {part} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            table = importlib.import_module(f"tests.performance.{part}").rows()
        except Exception as error:  # one part that cannot run must not hide the others
            failed.append(part)
            print(f"{part}: failed: {type(error).__name__}: {error}", flush=True)
            continue
        show(part, table, time.perf_counter() - start)
    if failed:
        print(f"failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def show(part: str, table: list[tuple[str, float, float | None, str]], spent: float) -> None:
    """One table: name, ours, reference, factor, goal or unit."""
    timed = part in MILLISECONDS
    width = max(len(row[0]) for row in table)
    unit = " ms" if timed else ""
    last = "goal" if timed else "unit"
    print(f"\n{part} ({spent:.0f} s)\n{'':{width}}  {'ours' + unit:>12} {'reference' + unit:>14} {'factor':>8}  {last}")
    for name, ours, reference, remark in table:
        beside, factor = "", ""
        if reference is not None:
            beside = f"{reference:.1f}"
            # Milliseconds and sizes are better when small, rates when large.
            better = ours / reference if not timed and remark.endswith("/s") else reference / ours
            factor = f"{better:.1f}x"
        print(f"{name:{width}}  {ours:12.1f} {beside:>14} {factor:>8}  {remark}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
