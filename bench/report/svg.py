"""Small plots as SVG text, drawn with the page's own colours: intervals beside each other, values over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape

POINTS = 240
"""Values a line shows at most; longer ones are averaged in bins."""


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def intervals(rows: Sequence[tuple[int, float | None, float | None, float | None]], low: float, high: float) -> Markup:
    """Dots with intervals, one row a method, on one axis from low to high.

    Args:
        rows: (colour number, value, lower end, upper end); None where there is no number.
    """
    width, step, pad = 150, 13, 6
    height = step * len(rows) + 4
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return pad + (width - 2 * pad) * min(max((value - low) / span, 0.0), 1.0)

    parts = [f'<svg class="dots" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">']
    for i, (colour, value, lower, upper) in enumerate(rows):
        y = step * i + step / 2 + 2
        parts.append(f'<line class="axis" x1="{pad}" x2="{width - pad}" y1="{y}" y2="{y}"/>')
        if lower is not None and upper is not None:
            parts.append(f'<line class="s{colour}" x1="{place(lower):.1f}" x2="{place(upper):.1f}" y1="{y}" y2="{y}"/>')
        if value is not None:
            parts.append(f'<circle class="f{colour}" cx="{place(value):.1f}" cy="{y}" r="3.4"/>')
    return Markup("".join(parts) + "</svg>")


def binned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (0..n-1) and values of a line with at most POINTS points; empty bins stay NaN."""
    values = np.asarray(values, float)
    if len(values) <= POINTS:
        return np.arange(len(values), dtype=float), values
    edges = np.linspace(0, len(values), POINTS + 1).astype(int)
    seen = np.isfinite(values)
    total = np.add.reduceat(np.where(seen, values, 0.0), edges[:-1])
    count = np.add.reduceat(seen.astype(float), edges[:-1])
    means = np.divide(total, count, out=np.full(POINTS, np.nan), where=count > 0)
    return (edges[:-1] + edges[1:] - 1) / 2, means


def lines(
    series: Mapping[int, np.ndarray], seconds: float, *, low: float, high: float, title: str, ticks: Sequence[float]
) -> Markup:
    """Values over time, one line a method; gaps where a frame has none.

    Args:
        series: colour number -> values [T]. seconds: length of the time axis. ticks: of the value axis.
    """
    width, height, left, right, top, bottom = 360, 150, 46, 8, 20, 18
    span = (high - low) or 1.0

    def x(place: float, n: int) -> float:
        return left + (width - left - right) * (place / max(n - 1, 1))

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - (value - low) / span)

    parts = [f'<svg class="plot" viewBox="0 0 {width} {height}" role="img">', _text(left, 12, title)]
    for tick in ticks:
        parts.append(f'<line class="axis" x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(_text(left - 5, y(tick) + 3, f"{tick:g}", "end"))
    parts.append(_text(left, height - 5, "0 s"))
    parts.append(_text(width - right, height - 5, f"{seconds:.1f} s", "end"))
    for colour, values in series.items():
        places, means = binned(values)
        path, pen = [], False
        for place, value in zip(places, means, strict=True):
            if math.isfinite(value):
                path.append(f"{'L' if pen else 'M'}{x(place, len(values)):.1f} {y(value):.1f}")
            pen = math.isfinite(value)
        if path:
            parts.append(f'<path class="s{colour}" d="{" ".join(path)}"/>')
    return Markup("".join(parts) + "</svg>")


def axis(values: Sequence[np.ndarray]) -> tuple[float, float, list[float]]:
    """Lower and upper end of a value axis and round ticks inside, for all lines of one metric."""
    known = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.zeros(0)
    if not len(known):
        return 0.0, 1.0, [0.0, 1.0]
    low, high = float(known.min()), float(known.max())
    if high - low < 1e-12:
        pad = abs(high) * 0.05 or 0.5
        low, high = low - pad, high + pad
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m for m in (1, 2, 2.5, 5, 10) if m * power >= raw) * power
    ticks = [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return low, high, ticks
