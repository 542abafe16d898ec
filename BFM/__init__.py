"""The morphable face model: the licensed BFM09 file if the user has it, else a procedural head made by this package.

    from BFM import expression, load_model, performance
    model = load_model()
    vertices = model.vertices(identity, expression(jawOpen=0.5, mouthSmile=0.8), gaze=(0.2, 0.0))
    colors = model.colors(texture)

Both sources give the same `MorphableModel`: 80 identity, 64 expression and 80 texture columns, 68 iBUG landmarks,
spherical-harmonics light, and the 257-number layout of `Coefficients`. The licensed model is used when
`BFM/BFM09_model_info.mat` exists. The built-in head is generated on first use (about 15 seconds of computation) and
cached in `BFM/cache/`, or in the user's cache folder where that cannot be written.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from BFM.coefficients import Coefficients, load_coefficients, split_coefficients
from BFM.expressions import EXPRESSION_NAMES, expression
from BFM.model import Eye, MorphableModel
from BFM.performances import Performance, performance

__all__ = [
    "EXPRESSION_NAMES",
    "Coefficients",
    "Eye",
    "MorphableModel",
    "Performance",
    "expression",
    "load_coefficients",
    "load_model",
    "performance",
    "split_coefficients",
]


@lru_cache(maxsize=2)
def load_model(path: str | Path | None = None) -> MorphableModel:
    """The morphable model, read or made once per process.

    Args:
        path: the licensed file. When None, `BFM/BFM09_model_info.mat` if it exists, else the built-in head.
    Raises:
        AssetError: the licensed file is there but cannot be used.
    """
    from BFM.builtin import load_builtin
    from BFM.licensed import FILE_NAME, load_licensed

    default = Path(__file__).parent / FILE_NAME
    if path is not None or default.exists():
        return load_licensed(default if path is None else path)
    return load_builtin()
