"""What a run costs: time by extractor and metric, and the memory of its processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

LOADING = "loading"
"""Name under which the opening of networks and models counts."""


@dataclass
class Costs:
    """Seconds by name: `wall` that passed and `cpu` of all threads of the process."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Adds the time of a block to a name."""
        began, worked = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - began
            self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - worked

    def add(self, wall: Mapping[str, float], cpu: Mapping[str, float]) -> None:
        """Adds what was measured elsewhere."""
        for own, other in ((self.wall, wall), (self.cpu, cpu)):
            for name, seconds in other.items():
                own[name] = own.get(name, 0.0) + seconds

    def as_record(self) -> dict[str, dict[str, float]]:
        """As it is written: `{name: {wall, cpu}}`, the dearest first."""
        names = sorted(self.wall, key=lambda name: -self.wall[name])
        return {name: {"wall": round(self.wall[name], 3), "cpu": round(self.cpu.get(name, 0.0), 3)} for name in names}


def peak_megabytes() -> float:
    """The most memory this process has held so far, in 10^6 bytes."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
