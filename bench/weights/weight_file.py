"""What is known of one published file with learned parameters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightFile:
    """One published file with learned parameters.

    Attributes:
        key: short name, by which extractors ask for it.
        file: its published file name; accepted other names under `also`.
        networks: registry names of the networks built from it.
        source: where it is published, in words; `url`: direct address where there is a stable one.
        licence: as stated by its publisher.
        commercial: whether that licence allows commercial use: "yes", "no", or "not stated".
        needed_by: the metrics that cannot run without it.
        megabytes: size, in 10^6 bytes.
        sha256: hash of the file, where known in whole; `sha256_prefix`: its first digits, where only those are known.
        steps: what to do by hand, where there is no direct address.
    """

    key: str
    file: str
    networks: tuple[str, ...]
    source: str
    licence: str
    commercial: str
    needed_by: str
    megabytes: float
    url: str = ""
    sha256: str = ""
    sha256_prefix: str = ""
    also: tuple[str, ...] = ()
    steps: str = ""

    @property
    def known_hash(self) -> str:
        """All that is known of the hash: the whole of it, its first digits, or nothing."""
        return self.sha256 or self.sha256_prefix
