"""Seeded state dicts and inputs, filled as the page of the parity vectors describes."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np

PARITY = Path(__file__).parents[2] / "data" / "parity"


def state_list(name: str) -> list[dict]:
    """Entries (name, shape, kind, mean, std) of a network's published state dict."""
    return json.loads((PARITY / f"{name}_state.json").read_text())


def seeded_state(entries: list[dict], seed: int = 1) -> dict[str, np.ndarray]:
    """Fill entries: normal values from the seed and the CRC of the name, or zeros."""
    state = {}
    for entry in entries:
        if entry["kind"] == "zero":
            state[entry["name"]] = np.zeros(entry["shape"], np.int64)
            continue
        rng = np.random.default_rng([seed, zlib.crc32(entry["name"].encode())])
        value = entry["mean"] + entry["std"] * rng.standard_normal(entry["shape"])
        state[entry["name"]] = np.asarray(value, np.float32)
    return state


def fill_like(shapes: dict[str, tuple[int, ...]], seed: int = 1, gain: float = 1.0) -> dict[str, np.ndarray]:
    """Seeded values for a layout given by shapes alone: small weights, norms near one, variances positive."""
    state = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        noise = rng.standard_normal(shape)
        if name.endswith("num_batches_tracked"):
            value = np.zeros(shape, np.int64)
        elif name.endswith("relative_position_index"):
            value = relative_positions(round(np.prod(shape) ** 0.25)).reshape(shape)
        elif len(shape) >= 2:
            value = noise * gain / np.sqrt(np.prod(shape[1:]))
        elif name.endswith("running_var") or (name.endswith("weight")):
            value = 1.0 + 0.05 * np.clip(noise, -3, 3)
        else:
            value = 0.05 * noise
        state[name] = value if value.dtype == np.int64 else np.asarray(value, np.float32)
    return state


def relative_positions(window: int) -> np.ndarray:
    """Row of Swin's table of biases for each pair of cells of a window, int64 [cells, cells]: offsets of rows and of
    columns, each counted from the smallest."""
    row, column = np.divmod(np.arange(window * window), window)
    down, right = row[:, None] - row[None] + window - 1, column[:, None] - column[None] + window - 1
    return (down * (2 * window - 1) + right).astype(np.int64)


def uniform(seed: int, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """U(seed, shape, low, high) of the parity page."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def parity_inputs(name: str, seed: int = 1) -> dict[str, np.ndarray]:
    """Inputs of a network by keyword."""
    if name == "syncnet":
        return {
            "lip": uniform(seed + 20, (2, 3, 5, 224, 224), 0, 255),
            "audio": uniform(seed + 21, (2, 1, 13, 20), -10, 10),
        }
    image = {
        "fid_inception": (10, (2, 3, 256, 256), 0, 1),
        "emonet_5": (30, (1, 3, 256, 256), 0, 1),
        "emonet_8": (30, (1, 3, 256, 256), 0, 1),
        "arcface_iresnet100": (40, (2, 3, 112, 112), -1, 1),
        "hopenet": (50, (2, 3, 224, 224), -2, 2),
        "facerecon_resnet50": (60, (2, 3, 224, 224), 0, 1),
    }[name]
    return {"image": uniform(seed + image[0], *image[1:])}
