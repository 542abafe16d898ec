"""The animator's networks: encoder, RGBD generator, flow generator, checkpoints and inference.

Start at `animator.py`; the trainable modules are `network.py` and what it imports; `folding.py` and the ``folded_*``
modules are the same networks with everything constant computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfa.models.animator import AnimatorOutput, VersatileFaceAnimator
    from vfa.models.config import AnimatorConfig

__all__ = ["AnimatorConfig", "AnimatorOutput", "VersatileFaceAnimator"]


def __getattr__(name: str) -> Any:
    # torch loads with the first use, not with the package.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "AnimatorConfig":
        from vfa.models import config

        return config.AnimatorConfig
    from vfa.models import animator

    return getattr(animator, name)
