"""Checks of what a method left: a whole video of the right length, rate and size, inside its folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bench.methods.base import MethodFailed, OutputRules
from bench.suites.run_sample import RunSample
from vfa.errors import VFAError

LARGEST = 4 << 30
"""Bytes of a result at most."""


@dataclass(frozen=True)
class Checked:
    """What a result turned out to be."""

    frames: int
    rate: Fraction
    width: int
    height: int
    size: int


def check_output(path: Path, folder: Path, sample: RunSample, rules: OutputRules) -> Checked:
    """Decodes a result and compares it with what was asked for.

    Args:
        path: the result. folder: it must really lie in there. sample: what is expected. rules: of the method.

    Raises:
        MethodFailed: cause `output`, and what is wrong.
    """
    size = _plain_file(path, folder)
    width, height, rate, frames = _decoded(path)
    wanted = (sample.width, sample.height) if rules.size is None else rules.size
    if wanted != (0, 0) and (width, height) != wanted:
        raise MethodFailed("output", f"the video is {width}x{height}, expected {wanted[0]}x{wanted[1]}")
    expected_rate = float(sample.rate) if rules.rate is None else rules.rate
    if expected_rate and abs(float(rate) - expected_rate) > 0.01 * expected_rate:
        raise MethodFailed("output", f"the video has {float(rate):g} frames a second, expected {expected_rate:g}")
    wanted_frames = sample.seconds * float(rate)
    slack = rules.tolerance * wanted_frames + (0 if rules.rate is None else 2)
    if abs(frames - wanted_frames) > slack + 1e-6:
        raise MethodFailed("output", f"the video has {frames} frames, expected {wanted_frames:.0f}")
    return Checked(frames, rate, width, height, size)


def _plain_file(path: Path, folder: Path) -> int:
    """Size of a file that is really there: no link, no device, nothing outside its folder."""
    try:
        about = os.lstat(path)
    except OSError:
        raise MethodFailed("output", "no video was written") from None
    if stat.S_ISLNK(about.st_mode) or not path.resolve().is_relative_to(folder.resolve()):
        raise MethodFailed("output", "the video is a link or lies outside the sample's folder; refused")
    if not stat.S_ISREG(about.st_mode):
        raise MethodFailed("output", "the result is no file")
    if about.st_nlink > 1:
        raise MethodFailed("output", "the video is a second name of a file elsewhere; refused")
    if about.st_size == 0:
        raise MethodFailed("output", "the video is empty")
    if about.st_size > LARGEST:
        raise MethodFailed("output", f"the video has {about.st_size} bytes, more than {LARGEST}")
    return about.st_size


def _decoded(path: Path) -> tuple[int, int, Fraction, int]:
    """Width, height, rate and the frames that really decode."""
    from bench.features.reader import VideoReader

    try:
        reader = VideoReader(path, set())
        frames = sum(1 for _ in reader)
    except VFAError as error:
        raise MethodFailed("output", f"the video cannot be decoded: {error.what}") from error
    return reader.info.width, reader.info.height, reader.info.rate, frames
