"""Strict loading: every entry is used, has the right shape and finite values, or a clear error says which does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vfa.errors import CheckpointError

# Files written before PyTorch 0.4.1 lack this counter, which evaluation does not use.
_COUNTER = "num_batches_tracked"
_PREFIX = "module."


def load_strict(network: nn.Module, state: Mapping[str, Any], *, name: str, path: str | Path | None = None) -> None:
    """Load published entries into a network in place (the network may live on the meta device).

    Args:
        network: the module; `network.adapt_state(state)`, where defined, maps the published layout to its own.
        state: published entries, tensors or numpy arrays.
        name: the network's name, for messages.
        path: the file the entries came from, for messages.
    Raises:
        CheckpointError: the entries are not exactly those of the network.
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(
            "not a state dict", path=path, expected="a mapping of names to tensors", found=type(state).__name__
        )
    entries = strip_prefix(dict(state))
    adapt = getattr(network, "adapt_state", None)
    if adapt is not None:
        entries = strip_prefix(adapt(entries))
    wanted = network.state_dict()
    _check_names(entries, wanted, name, path)
    loaded = {
        key: _tensor(key, entries[key], target, name, path) if key in entries else torch.zeros((), dtype=torch.long)
        for key, target in wanted.items()
    }
    network.load_state_dict(loaded, strict=True, assign=True)
    network.eval().requires_grad_(False)


def strip_prefix(state: dict[str, Any], prefix: str = _PREFIX) -> dict[str, Any]:
    """Remove a prefix that every key carries, such as the `module.` of a parallel wrapper."""
    if state and all(isinstance(key, str) and key.startswith(prefix) for key in state):
        return {key[len(prefix) :]: value for key, value in state.items()}
    return state


def _check_names(entries: Mapping[str, Any], wanted: Mapping[str, Any], name: str, path: str | Path | None) -> None:
    missing = [key for key in wanted if key not in entries and not key.endswith(_COUNTER)]
    extra = [key for key in entries if key not in wanted]
    if not missing and not extra:
        return
    found = []
    if missing:
        found.append(f"{len(missing)} missing ({_few(missing)})")
    if extra:
        found.append(f"{len(extra)} unexpected ({_few(extra)})")
    raise CheckpointError(
        f"these weights do not belong to {name}",
        path=path,
        expected=f"exactly the {len(wanted)} entries of {name}",
        found=f"{len(entries)} entries: " + "; ".join(found),
        hint=f"use the file published for {name}: bench list weights",
    )


def _tensor(key: str, value: Any, target: torch.Tensor, name: str, path: str | Path | None) -> torch.Tensor:
    if isinstance(value, np.ndarray | np.generic):
        value = torch.from_numpy(np.array(value))
    if not isinstance(value, torch.Tensor):
        raise CheckpointError(
            f"entry {key} of {name} is no tensor", path=path, expected="a tensor", found=type(value).__name__
        )
    if tuple(value.shape) != tuple(target.shape):
        raise CheckpointError(
            f"entry {key} has the wrong shape for {name}",
            path=path,
            expected=str(list(target.shape)),
            found=str(list(value.shape)),
            hint="the file belongs to another variant of this network",
        )
    value = value.detach().to(device="cpu", dtype=target.dtype)
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise CheckpointError(
            f"entry {key} of {name} holds NaN or infinite values",
            path=path,
            expected="finite weights",
            found=f"{int((~torch.isfinite(value)).sum())} of {value.numel()} values are not finite",
            hint="fetch the file again",
        )
    return value


def _few(keys: list[str], count: int = 4) -> str:
    shown = ", ".join(str(key) for key in keys[:count])
    return shown + (", ..." if len(keys) > count else "")
