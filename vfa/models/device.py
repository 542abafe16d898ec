"""Where networks run."""

from __future__ import annotations

from vfa.errors import InputError


def choose_device(name: str = "auto") -> str:
    """A torch device name; `auto` takes CUDA where there is one.

    Raises:
        InputError: torch does not know the name or has no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            "--device cannot be used",
            expected="auto, cpu, or a CUDA device of this machine",
            found=f"{name}: {str(error).splitlines()[0][:120]}",
        ) from None
    return name
