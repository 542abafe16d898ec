"""The networks metrics are defined by: each loads its published weights unchanged, strictly, in eval mode.

>>> from bench.networks import build_network, network_names
>>> "syncnet" in network_names()
True

Importing this package is light; torch is imported when a network is built.
"""

from __future__ import annotations

from bench.networks.published import open_network
from bench.networks.registry import LoadedNetwork, build_network, create_network, load_network, network_names

__all__ = ["LoadedNetwork", "build_network", "create_network", "load_network", "network_names", "open_network"]
