"""Dynamic time warping of two sequences (Sakoe and Chiba, IEEE TASSP 26(1), 1978)."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float
from vfa.errors import InputError


def band_limits(rows: int, columns: int, radius: int | None) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last column allowed in each row: `radius` around the length-scaled diagonal.

    The band is widened where lengths differ so much that it would not connect.
    """
    if radius is None:
        return np.zeros(rows, np.int64), np.full(rows, columns, np.int64)
    slope = (columns - 1) / max(rows - 1, 1)
    centre = np.rint(np.arange(rows) * slope).astype(np.int64)
    reach = max(radius, int(np.ceil(slope)) - 1)
    low = np.clip(centre - reach, 0, columns - 1)
    high = np.clip(centre + reach, 0, columns - 1) + 1
    low[0] = 0
    high[-1] = columns
    return low, high


def warping_path(cost: np.ndarray, *, radius: int | None = None) -> np.ndarray:
    """Cheapest monotone path through a cost table from corner to corner.

    Steps are (1, 1), (1, 0) and (0, 1); ties prefer the diagonal.

    Args:
        cost: `[N, M]`, finite.
        radius: half width in columns of the Sakoe-Chiba band; None for no band.

    Returns:
        int64 `[P, 2]` pairs (row, column), from (0, 0) to (N - 1, M - 1).

    Raises:
        InputError: an empty or not finite table, a negative radius, or no path inside the band.

    Example:
        >>> x = np.array([0.0, 1.0, 1.0, 2.0]); y = np.array([0.0, 1.0, 2.0])
        >>> warping_path(np.abs(x[:, None] - y)).tolist()
        [[0, 0], [1, 1], [2, 1], [3, 2]]
    """
    from bench.metrics.functional.kernels import accumulate, backtrack

    table = as_float(cost, "warping cost", (None, None))
    if table.shape[1] == 0 or not np.isfinite(table).all():
        raise InputError("warping cost cannot be used", expected="finite numbers [N, M]", found=str(list(table.shape)))
    if radius is not None and radius < 0:
        raise InputError("warping radius is negative", expected="at least 0", found=str(radius))
    total = accumulate(table, *band_limits(table.shape[0], table.shape[1], radius))
    if not np.isfinite(total[-1, -1]):
        raise InputError(
            "no warping path fits into the band",
            expected=f"a radius that joins {table.shape[0]} and {table.shape[1]} frames",
            found=f"radius {radius}",
        )
    return backtrack(total)
