"""A network for frames of twice the size, from one that has learned small ones (as in Karras et al., 2018).

All levels keep their weights; the finest is new. Small frames are cheap: coarse motion is best learned on them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from vfa.errors import InputError
from vfa.models.config import AnimatorConfig
from vfa.models.network import AnimatorNetwork

_BLOCK = re.compile(r"^enc\.net_app\.convs\.(\d+)\.(.*)$")


def grow(state: Mapping[str, Tensor], config: AnimatorConfig) -> AnimatorNetwork:
    """A network of twice the frame size whose coarser levels are those of `state`.

    Its encoder's first layers and its generator's last level are freshly drawn. A motion encoder of its own looks at
    the same windows of the larger frames, and is kept.

    Args:
        state: of the small network.
        config: of the small network.

    Raises:
        InputError: the wider configuration is impossible.
    """
    network = AnimatorNetwork(replace(config, size=2 * config.size))
    grown = network.state_dict()
    for name, value in grown.items():
        origin = name
        block = _BLOCK.match(name)
        if block:
            # Block k of the large encoder sees what block k - 1 of the small one saw; 0 and 1 are new.
            origin = f"enc.net_app.convs.{int(block[1]) - 1}.{block[2]}" if int(block[1]) >= 2 else ""
        if origin in state:
            if state[origin].shape != value.shape:
                raise InputError(f"{name} does not fit the larger network", expected=str(list(value.shape)),
                                 found=str(list(state[origin].shape)))  # fmt: skip
            grown[name] = state[origin]
    network.load_state_dict(grown)
    return network
