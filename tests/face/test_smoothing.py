"""One-Euro filter against its closed forms and an independent scalar loop."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.face.smoothing import OneEuro


def test_constant_signal_passes():
    smooth = OneEuro(min_cutoff=0.3, beta=2.0)
    for i in range(20):
        np.testing.assert_array_equal(smooth(np.full((3, 2), 7.0), Fraction(i, 30)), np.full((3, 2), 7.0))


def test_step_response_without_beta_is_exponential():
    smooth, rate, cutoff = OneEuro(min_cutoff=2.0, beta=0.0), 50, 2.0
    smooth(np.zeros(1), 0.0)
    alpha = 2 * math.pi * cutoff / rate / (1 + 2 * math.pi * cutoff / rate)
    for i in range(1, 15):
        assert smooth(np.ones(1), i / rate)[0] == pytest.approx(1 - (1 - alpha) ** i, rel=1e-9)


def test_against_scalar_loop_with_varying_intervals():
    generator = np.random.default_rng(3)
    times = np.cumsum(generator.uniform(0.01, 0.1, 60))
    signal = generator.normal(size=(60, 2))
    smooth = OneEuro(min_cutoff=1.3, beta=0.7, derivative_cutoff=0.9)
    result = np.array([smooth(x, float(t)) for x, t in zip(signal, times, strict=True)])
    for column in range(2):
        value, speed = signal[0, column], 0.0
        for i in range(1, 60):
            dt = times[i] - times[i - 1]
            raw = (signal[i, column] - value) / dt
            tau = 1 / (2 * math.pi * 0.9)
            speed += (raw - speed) / (1 + tau / dt)
            tau = 1 / (2 * math.pi * (1.3 + 0.7 * abs(speed)))
            value += (signal[i, column] - value) / (1 + tau / dt)
            assert result[i, column] == pytest.approx(value, rel=1e-12)


def test_fast_motion_lags_less_with_beta():
    lag = []
    for beta in (0.0, 5.0):
        smooth = OneEuro(min_cutoff=1.0, beta=beta)
        for i in range(60):
            value = smooth(np.array([i / 3.0]), i / 30)
        lag.append(59 / 3.0 - float(value[0]))
    assert lag[1] < 0.2 * lag[0]


def test_exact_times_and_errors():
    smooth = OneEuro()
    smooth(np.zeros(1), Fraction(1001, 30000))
    with pytest.raises(InputError, match="grow"):
        smooth(np.zeros(1), Fraction(1001, 30000))
    for settings in ({"min_cutoff": 0}, {"beta": -1}, {"derivative_cutoff": 0}):
        with pytest.raises(InputError):
            OneEuro(**settings)
    smooth.reset()
    assert smooth(np.ones(1), Fraction(0))[0] == 1
