"""One-Euro filter: strong smoothing at rest, little lag in motion."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from vfa.errors import InputError


class OneEuro:
    """Low-pass filter whose cut-off grows with speed, per array element.

    With T the time since the last sample, alpha(f) = 1 / (1 + 1 / (2 pi f T)):
    speed dx <- lerp(dx, (x - x_filtered) / T, alpha(derivative_cutoff)),
    x_filtered <- lerp(x_filtered, x, alpha(min_cutoff + beta |dx|)).
    Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012, algorithm 1, with the derivative taken as in the authors'
    reference code: against the last filtered value.

    Args:
        min_cutoff: cut-off frequency at rest in Hz, > 0.
        beta: growth of the cut-off with speed, in Hz per (unit of x per second), >= 0.
        derivative_cutoff: cut-off for the speed in Hz, > 0.

    >>> smooth = OneEuro(min_cutoff=1.0, beta=0.0)
    >>> float(smooth(np.float64(0.0), 0.0)), round(float(smooth(np.float64(1.0), 1 / (2 * math.pi))), 6)
    (0.0, 0.5)
    """

    def __init__(self, *, min_cutoff: float = 4.0, beta: float = 0.0, derivative_cutoff: float = 1.0) -> None:
        if not (min_cutoff > 0 and derivative_cutoff > 0 and beta >= 0):
            raise InputError(
                "invalid smoothing settings",
                expected="min_cutoff > 0, derivative_cutoff > 0, beta >= 0",
                found=f"min_cutoff={min_cutoff}, derivative_cutoff={derivative_cutoff}, beta={beta}",
            )
        self.min_cutoff, self.beta, self.derivative_cutoff = float(min_cutoff), float(beta), float(derivative_cutoff)
        self.reset()

    def reset(self) -> None:
        """Forget the past; the next value passes unchanged."""
        self._time: Fraction | float | None = None
        self._value = self._speed = np.zeros(0)

    def __call__(self, value: np.ndarray, time: Fraction | float) -> np.ndarray:
        """The filtered ``value`` (any shape, the same at every call) at ``time`` in seconds, later at every call.

        Raises InputError if time does not advance. The result is float64.
        """
        value = np.asarray(value, dtype=np.float64)
        if self._time is None:
            self._time, self._value, self._speed = time, value, np.zeros_like(value)
            return value
        step = float(time - self._time)
        if step <= 0:
            raise InputError("time stamps must grow", expected=f"a time after {float(self._time)} s", found=str(time))
        speed = (value - self._value) / step
        self._speed = self._speed + self._alpha(self.derivative_cutoff, step) * (speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._value = self._value + self._alpha(cutoff, step) * (value - self._value)
        self._time = time
        return self._value

    @staticmethod
    def _alpha(cutoff: float | np.ndarray, step: float) -> float | np.ndarray:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
