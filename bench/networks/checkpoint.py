"""Weight files as published -> state dict and sha256, without running anything the file carries.

Understood: torch files (zip and the older stream), safetensors, and TorchScript archives where the network was
published as one. A file that is an HTML page, a Git-LFS pointer, empty or cut short is named as such.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfa.errors import AssetError, CheckpointError

_FETCH_AGAIN = "fetch the file again, then run: bench weights verify"
# Settings objects that trainers store beside the weights. They are read as inert shells: no code of theirs runs.
_SETTINGS = (
    "argparse.Namespace",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.nodes.AnyNode",
    "yacs.config.CfgNode",
    "easydict.EasyDict",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
)
# Keys under which training scripts keep the weights themselves.
_CONTAINERS = ("state_dict", "model_state_dict", "state_dict_backbone", "model", "params", "net")


class _Shell(dict):
    """Stands in for a settings object: takes any arguments and state and does nothing with them."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Shell:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(frozen=True)
class Checkpoint:
    """The weights of a file.

    Attributes:
        state: tensors by name, on the CPU.
        sha256: hash of the whole file.
    """

    state: dict[str, Any]
    sha256: str


def file_sha256(path: str | Path) -> str:
    """Hash of a file, read in pieces of one mebibyte."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_checkpoint(path: str | Path, *, sha256: str | None = None) -> Checkpoint:
    """Read a weight file safely.

    Args:
        path: the file as published.
        sha256: the hash it must have, or the leading digits of it (publishers put eight in the file name).
    Raises:
        AssetError: the file is absent.
        CheckpointError: it is damaged, no weight file, has another hash, or holds objects other than weights.
    """
    path = Path(path)
    digest = check_file(path, sha256=sha256)
    if path.suffix == ".safetensors":
        return Checkpoint(_read_safetensors(path), digest)
    if is_torchscript(path):
        return Checkpoint(dict(load_torchscript(path).state_dict()), digest)
    return Checkpoint(_inner_state(_read_torch(path), path), digest)


def check_file(path: str | Path, *, sha256: str | None = None) -> str:
    """Make sure a path is a readable file that can be weights, and return its sha256.

    Raises:
        AssetError: the file is absent.
        CheckpointError: empty, an HTML page, a Git-LFS pointer, or another hash than expected.
    """
    path = Path(path)
    if not path.is_file():
        raise AssetError(
            "weight file not found",
            path=path,
            expected="a weight file",
            found="a folder" if path.is_dir() else "nothing",
        )
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        raise CheckpointError("the file is empty", path=path, expected="weights", found="0 bytes", hint=_FETCH_AGAIN)
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(
            "a web page in place of weights",
            path=path,
            expected="weights",
            found="an HTML page, such as a download notice",
            hint=_FETCH_AGAIN,
        )
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            "a Git-LFS pointer in place of weights",
            path=path,
            expected="weights",
            found="a pointer",
            hint="git lfs pull",
        )
    digest = file_sha256(path)
    if sha256 is not None and not digest.startswith(sha256.lower()):
        raise CheckpointError(
            "the file is not the published one",
            path=path,
            expected=f"sha256 {sha256}",
            found=f"sha256 {digest}",
            hint=_FETCH_AGAIN,
        )
    return digest


def is_torchscript(path: str | Path) -> bool:
    """Whether the file is a TorchScript archive (a zip with compiled code) rather than plain tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") and name.count("/") == 1 for name in archive.namelist())


def load_torchscript(path: str | Path) -> Any:
    """Load a TorchScript archive on the CPU in eval mode.

    Raises:
        CheckpointError: damaged, or no such archive.
    """
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            # torch advises publishers to move on from this format; the published files are what they are.
            warnings.simplefilter("ignore", FutureWarning)
            return torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise CheckpointError(
            "not a readable TorchScript archive",
            path=path,
            expected="TorchScript",
            found=_line(error),
            hint=_FETCH_AGAIN,
        ) from error


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            "not a readable safetensors file", path=path, expected="safetensors", found=_line(error), hint=_FETCH_AGAIN
        ) from error


def _read_torch(path: Path) -> Any:
    import pickle

    import torch

    shells: list[Any] = [(_Shell, name) for name in _SETTINGS]
    try:
        with torch.serialization.safe_globals(shells):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "no plain weight file, or one that asks for code to be run; it was not run",
            path=path,
            expected="tensors by name",
            found=_line(error),
            hint=_FETCH_AGAIN,
        ) from error
    except (RuntimeError, ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(
            "damaged or no weight file", path=path, expected="a torch file", found=_line(error), hint=_FETCH_AGAIN
        ) from error


def _inner_state(loaded: Any, path: Path) -> dict[str, Any]:
    """The state dict in what a file holds: itself, or below one of the usual keys."""
    if isinstance(loaded, Mapping):
        for key in _CONTAINERS:
            if isinstance(loaded.get(key), Mapping):
                loaded = loaded[key]
                break
    if not isinstance(loaded, Mapping) or not loaded:
        raise CheckpointError(
            "no state dict in the file", path=path, expected="tensors by name", found=type(loaded).__name__
        )
    return dict(loaded)


def _line(error: BaseException, limit: int = 160) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."
