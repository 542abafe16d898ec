"""Pairs two streams by time, for colour and depth that differ in length or rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def nearest_in_time(
    leading: Iterator[tuple[Fraction, A]],
    following: Iterator[tuple[Fraction, B]],
    *,
    interval: Fraction,
    warn: Callable[[str], None],
) -> Iterator[tuple[Fraction, A, B]]:
    """For each item of the leading stream, the item of the following one that is nearest in time.

    Two items of the following stream are held at any moment. The result ends with the shorter stream.

    Args:
        leading, following: (time in seconds, item) in increasing time.
        interval: the longer of the two streams' usual frame intervals, seconds; a leading item that late after the
            last following one has no partner.
        warn: told when one stream is longer than the other.
    """
    current = next(following, None)
    if current is None:
        warn("the depth has no frames")
        return
    after = next(following, None)
    given = 0
    for time, item in leading:
        while after is not None and abs(after[0] - time) < abs(current[0] - time):
            current, after = after, next(following, None)
        if after is None and time - current[0] >= interval:
            warn(f"the depth ends after {float(current[0] + interval):.3f} s, before the colour: cut to {given} frames")
            return
        given += 1
        yield time, item, current[1]
    if after is not None and given and after[0] - time >= interval:
        warn(f"the colour ends after {float(time):.3f} s, before the depth: cut to {given} frames")
