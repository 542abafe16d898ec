"""Flow and depth without error in place of the networks': what retargeting can do at best, measured on the truth.

`ExactFlow` looks like `vfa.models.VersatileFaceAnimator` to what comes after it. Its "motion weights" are frame numbers
of the sample's true scene, and what it generates is that scene: where each pixel of the frame is in the picture of the
source at rest, and how deep it lies.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from vfa.avatar.avatar import Avatar
    from vfa.motion.network import DriverMotion
    from vfa.motion.network_input import SourceFrame
    from vfa.render.camera import Camera

SIZE = 256
"""Side of the networks' frames in pixels."""
NOWHERE = 2.0
"""What background pixels sample: a place outside the source's picture."""


class ExactFlow:
    """The true flow and depth of a sample.

    Args:
        scene: the sample's truth file. avatar: the source at rest, of the same topology. camera: of its picture.

    Raises:
        DecodeError: the truth file is damaged.
    """

    normalization = "range"
    config = SimpleNamespace(size=SIZE, input_channels=4, basis_channels=0)

    def __init__(self, scene: Path, avatar: Avatar, camera: Camera) -> None:
        from dataset.truth import read_scene
        from vfa.motion.network_input import source_frame
        from vfa.render.scene import MeshRenderer

        self.camera = camera.scaled(SIZE / camera.width)
        self._scene = replace(read_scene(scene), camera=self.camera)
        self._renderer = self._scene.renderer(supersample=1)
        picture = MeshRenderer(avatar.triangles, avatar.appearance, self.camera).render(avatar.vertices)
        self.picture = picture
        self.source_frame: SourceFrame = source_frame(picture.color, picture.depth)
        self._rest = self._frame(avatar.vertices)
        self.source = SimpleNamespace(motion=None)

    def _frame(self, vertices: np.ndarray) -> tuple:
        return vertices, self._renderer.render_maps(vertices)

    def encoded(self) -> DriverMotion:
        """All frames of the scene as a driver's motion."""
        from fractions import Fraction

        from vfa.motion.network import DriverMotion

        count = self._scene.n_frames
        weights = np.arange(count, dtype=np.float32)[:, None]
        return DriverMotion(weights, [Fraction(frame) / self._scene.rate for frame in range(count)])

    def prepare(self, source: Tensor) -> ExactFlow:
        """The source is known already."""
        return self

    def relative_to(self, start: Tensor) -> ExactFlow:
        """Motion is always that from rest."""
        return self

    def animate_motion(self, weights: Tensor) -> SimpleNamespace:
        """Frames by their numbers `[N, 1]`: `flow` `[N, 2, S, S]`, `rgbd` `[N, 4, S, S]`, colours left at 0, and
        `mask` `[N, 1, S, S]`, 1 where the source at rest shows what is there."""
        import torch

        made = [self.frame(round(float(number))) for number in weights[:, 0]]
        flow = torch.from_numpy(np.stack([flow for flow, _, _ in made]))
        rgbd = torch.zeros(len(made), 4, SIZE, SIZE)
        rgbd[:, 3] = torch.from_numpy(np.stack([depth for _, depth, _ in made]))
        mask = torch.from_numpy(np.stack([seen for _, _, seen in made])[:, None])
        return SimpleNamespace(flow=flow, rgbd=rgbd, mask=mask)

    def frame(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Backward flow float32 `[2, S, S]` and depth `[S, S]`, in [-1, 1], and visibility `[S, S]` of a frame."""
        from dataset.truth import correspondence

        moved = self._frame(self._scene.vertices(number))
        shift, visible = correspondence(self.camera, self._rest, moved)
        rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
        place = np.stack([columns, rows]) + shift.transpose(2, 0, 1)
        flow = np.where(np.isfinite(place), place / (SIZE / 2) - 1, NOWHERE).astype(np.float32)
        near, far = self.source_frame.near, self.source_frame.far
        depth = (moved[1].depth - near) / (far - near) * 2 - 1
        return flow, np.where(np.isfinite(depth), depth, -1.0).astype(np.float32), visible.astype(np.float32)
