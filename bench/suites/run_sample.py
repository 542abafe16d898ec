"""One sample of a suite that methods are run on: what they may use, and what the result should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class RunSample:
    """What a method gets, and what only the scoring may see.

    Attributes:
        id: unique in the suite. kind: `self`, `cross`, or empty where the suite does not tell.
        frames, rate, width, height: of the result that is expected.
        image: picture of the source. mesh: the same person as coefficients or a mesh, None where nobody knows it.
        view: JSON with the camera and the light of the picture, for renderers; None where nobody knows them.
        driving: the performance to be carried over. audio: its sound.
        points: npz with the surface points whose motion is scored; None where there is no such truth.
        truth: the video that a perfect method would make. scene: npz of everything behind it, for exact flow.
        tables: further files for the scoring, by `<kind>_truth` and `<kind>_prediction`.
    """

    id: str
    frames: int
    rate: Fraction
    width: int
    height: int
    kind: str = ""
    image: Path | None = None
    mesh: Path | None = None
    view: Path | None = None
    driving: Path | None = None
    audio: Path | None = None
    points: Path | None = None
    truth: Path | None = None
    scene: Path | None = None
    tables: dict[str, Path] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Length of the result."""
        return float(self.frames / self.rate)

    def has(self) -> set[str]:
        """What there is, in the words of `Method.needs`."""
        given = {"image": self.image, "mesh": self.mesh, "video": self.driving, "audio": self.audio}
        given |= {"truth": self.truth, "scene": self.scene, "view": self.view}
        return {name for name, path in given.items() if path is not None}

    def inputs(self) -> Iterator[tuple[str, Path]]:
        """The files that a result may depend on, with their roles."""
        for role in ("image", "mesh", "view", "driving", "audio", "points"):
            path = getattr(self, role)
            if path is not None:
                yield role, path
