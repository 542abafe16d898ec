"""A compiled loop over the rows of an image, on as many cores as the process may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

MOST_THREADS = 8
SMALLEST_BAND = 192  # rows; below that, waiting for another thread costs more than it saves


def over_bands(kernel: Callable[..., None], n_rows: int, *arguments: object) -> None:
    """Call `kernel(top, bottom, *arguments)` for bands of rows that together make up all `n_rows`.

    The bands run at the same time; the kernel must let go of Python's lock, and touch nothing outside its rows.
    """
    count = max(1, min(n_threads(), n_rows // SMALLEST_BAND))
    edges = [n_rows * index // count for index in range(count + 1)]
    waiting = [_pool().submit(kernel, edges[i], edges[i + 1], *arguments) for i in range(1, count)]
    kernel(edges[0], edges[1], *arguments)
    for band in waiting:
        band.result()


def n_threads() -> int:
    """OMP_NUM_THREADS if it is set, as for numpy and torch; else the number of cores this process may use."""
    wish = os.environ.get("OMP_NUM_THREADS", "")
    if wish.isdigit() and int(wish) > 0:
        return min(int(wish), MOST_THREADS)
    affinity = getattr(os, "sched_getaffinity", None)
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, MOST_THREADS)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="render")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
