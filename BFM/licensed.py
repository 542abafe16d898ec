"""Reader for the licensed model, `BFM09_model_info.mat`, which users get from its owners and put beside this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BFM.coefficients import N_EXPRESSION, N_IDENTITY, N_TEXTURE
from BFM.model import MorphableModel
from vfa.errors import AssetError

FILE_NAME = "BFM09_model_info.mat"
MM_PER_UNIT = 100.0
_HINT = (
    "make it from the Basel Face Model 2009 with the scripts of a 3D face reconstruction project and put it in BFM/, "
    "or delete it to use the built-in head"
)


def load_licensed(path: str | Path) -> MorphableModel:
    """Read and validate the file.

    Args:
        path: MATLAB file with meanshape [1, 3N], idBase [3N, 80], exBase [3N, 64], meantex [1, 3N], texBase [3N, 80],
            tri [F, 3], point_buf [N, 8], keypoints [1, 68] (these three 1-based) and, if present, skinmask [1, N].
    Raises:
        AssetError: the file is missing, truncated, not a MATLAB file, or an entry is missing or has a wrong shape.
    """
    from scipy.io import loadmat

    path = Path(path)
    try:
        head = path.open("rb").read(128)
    except OSError as error:
        raise AssetError("cannot be read", path=path, found=str(error.strerror), hint=_HINT) from error
    if head.lstrip()[:1] == b"<":
        raise AssetError("is a web page, not the model", path=path, expected="a MATLAB file", hint=_HINT)
    if head.startswith(b"version https://git-lfs"):
        raise AssetError(
            "is a Git-LFS pointer, not the model", path=path, expected="a MATLAB file", hint="git lfs pull"
        )
    try:
        raw = loadmat(path)
    except Exception as error:  # scipy raises a dozen types on damaged files; each means the same here
        raise AssetError(
            "is damaged or not a MATLAB file", path=path, found=f"{type(error).__name__}: {error}", hint=_HINT
        ) from error

    def entry(key: str) -> NDArray[np.generic]:
        if key not in raw:
            present = ", ".join(sorted(k for k in raw if not k.startswith("__")))
            raise AssetError(f"has no entry {key!r}", path=path, found=f"entries {present or 'none'}", hint=_HINT)
        return np.asarray(raw[key])

    def floats(key: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        array = entry(key)
        if array.dtype.kind not in "fiu" or array.size != np.prod(shape) or (shape[0] == size and array.shape != shape):
            raise AssetError(
                f"entry {key!r} has a wrong shape",
                path=path,
                expected=str(shape),
                found=f"{array.shape} {array.dtype}",
                hint=_HINT,
            )
        if not np.isfinite(array).all():
            raise AssetError(f"entry {key!r} contains values that are not finite", path=path, hint=_HINT)
        return np.ascontiguousarray(array.reshape(shape), np.float32)

    def indices(key: str, columns: int, top: int) -> NDArray[np.int32]:
        array = entry(key)
        if (
            array.dtype.kind not in "fiu"
            or array.size == 0
            or array.size % columns
            or (columns > 1 and array.shape[-1] != columns)
        ):
            raise AssetError(
                f"entry {key!r} has a wrong shape",
                path=path,
                expected=f"[n, {columns}]",
                found=f"{array.shape} {array.dtype}",
                hint=_HINT,
            )
        out = array.astype(np.int64) - 1
        if out.min() < 0 or out.max() >= top:
            raise AssetError(
                f"entry {key!r} points outside the mesh",
                path=path,
                expected=f"1..{top}",
                found=f"{out.min() + 1}..{out.max() + 1}",
                hint=_HINT,
            )
        return out.reshape(-1, columns).astype(np.int32) if columns > 1 else out.ravel().astype(np.int32)

    size = entry("meanshape").size
    if size == 0 or size % 3:
        raise AssetError(
            "entry 'meanshape' has a wrong shape",
            path=path,
            expected="[1, 3N]",
            found=str(entry("meanshape").shape),
            hint=_HINT,
        )
    mean = floats("meanshape", (size // 3, 3))
    triangles = indices("tri", 3, len(mean))
    keypoints = indices("keypoints", 1, len(mean))
    if len(keypoints) != 68:
        raise AssetError(
            "entry 'keypoints' has a wrong shape",
            path=path,
            expected="[1, 68]",
            found=f"{len(keypoints)} points",
            hint=_HINT,
        )
    skin = floats("skinmask", (len(mean),)) > 0 if "skinmask" in raw else np.ones(len(mean), bool)
    return MorphableModel(
        mean_shape=mean - mean.mean(0, keepdims=True),
        id_base=floats("idBase", (size, N_IDENTITY)),
        ex_base=floats("exBase", (size, N_EXPRESSION)),
        mean_texture=floats("meantex", (len(mean), 3)),
        tex_base=floats("texBase", (size, N_TEXTURE)),
        triangles=triangles,
        point_buf=indices("point_buf", 8, len(triangles) + 1),
        keypoints=keypoints,
        skin_mask=skin.astype(np.uint8),
        mm_per_unit=MM_PER_UNIT,
        source="licensed",
        groups={"skin": np.arange(len(mean), dtype=np.int32)},
    )
