"""Checks of arguments shared by the metric functions: every message says what was expected and what was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vfa.errors import InputError


def describe(array: object) -> str:
    """Shape and dtype of an array for a message, or the type's name."""
    if isinstance(array, np.ndarray):
        return f"{array.dtype} {list(array.shape)}"
    return type(array).__name__


def as_frames(frames: object, name: str) -> np.ndarray:
    """Check RGB frames.

    Args:
        frames: uint8 `[T, H, W, 3]`, or one frame `[H, W, 3]`.
        name: what the argument is called in the message.

    Returns:
        uint8 `[T, H, W, 3]` with T of at least 1.

    Raises:
        InputError: another shape or dtype, or no frames.
    """
    array = np.asarray(frames)
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[-1] != 3 or array.dtype != np.uint8:
        raise InputError(f"{name} are not RGB frames", expected="uint8 [T, H, W, 3]", found=describe(array))
    if array.shape[0] == 0 or array.shape[1] == 0 or array.shape[2] == 0:
        raise InputError(f"{name} are empty", expected="at least one frame of [H, W, 3]", found=describe(array))
    return array


def as_frame_pair(prediction: object, target: object) -> tuple[np.ndarray, np.ndarray]:
    """Check two clips that are compared frame by frame: same T, H and W.

    Raises:
        InputError: not frames, or of different shape.
    """
    first, second = as_frames(prediction, "prediction frames"), as_frames(target, "target frames")
    if first.shape != second.shape:
        raise InputError(
            "prediction and target differ in length or size",
            expected=f"the target's shape {list(second.shape)}",
            found=str(list(first.shape)),
            hint="align the clips (length, rate, size) before a paired metric",
        )
    return first, second


def as_float(array: object, name: str, shape: Sequence[int | None], *, minimum: int = 1) -> np.ndarray:
    """Check a float array against a shape pattern.

    Args:
        array: anything `np.asarray` takes.
        name: what the argument is called in the message.
        shape: one entry for each axis; None for any length.
        minimum: least length of the first axis.

    Returns:
        float64 array.

    Raises:
        InputError: the shape does not match, or there are fewer than `minimum` rows.
    """
    values = np.asarray(array, dtype=np.float64)
    pattern = [letter if size is None else str(size) for letter, size in zip("TNKD", shape, strict=False)]
    expected = f"[{', '.join(pattern)}]"
    if values.ndim != len(shape) or any(
        want is not None and want != got for want, got in zip(shape, values.shape, strict=True)
    ):
        raise InputError(f"{name} has the wrong shape", expected=f"numbers {expected}", found=describe(values))
    if values.shape[0] < minimum:
        raise InputError(
            f"{name} is too short" if values.shape[0] else f"{name} is empty",
            expected=f"{expected} with {pattern[0]} of at least {minimum}",
            found=describe(values),
        )
    return values


def as_float_pair(
    prediction: object, target: object, name: str, shape: Sequence[int | None], *, minimum: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Check two float arrays of one shape; see `as_float`.

    Raises:
        InputError: wrong shape, too short, or the two differ.
    """
    first = as_float(prediction, f"prediction {name}", shape, minimum=minimum)
    second = as_float(target, f"target {name}", shape, minimum=minimum)
    if first.shape != second.shape:
        raise InputError(
            f"prediction and target {name} differ in shape",
            expected=f"the target's shape {list(second.shape)}",
            found=str(list(first.shape)),
            hint="align both to one rate and length first",
        )
    return first, second


def choose(value: str, allowed: Sequence[str], name: str) -> str:
    """Check a named option.

    Raises:
        InputError: not one of the allowed names.
    """
    if value not in allowed:
        raise InputError(f"unknown {name}", expected=" | ".join(allowed), found=repr(value))
    return value
