"""Features of several frames by networks: I3D of clips, RAFT's flow, frames interpolated by AMT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.network_base import SteadyRate, device, open_on_device, single_threaded
from bench.features.registry import register_extractor
from vfa.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

CLIP = 16
LONGEST = 250
SIDE = 224
MIN_SIDE = 128


def clip_tensor(frames: list[np.ndarray]) -> Tensor:
    """Frames uint8 [H,W,3] as one clip uint8 [1,3,T,H,W]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(np.stack(frames).transpose(3, 0, 1, 2)))[None]


@register_extractor
class I3dClips(Extractor):
    """I3D logits of consecutive clips of 16 frames at 25 fps, `[n, 400]`; a shorter rest is left out."""

    name = "i3d_clips"
    provides = ("i3d_clips",)
    weights = ("i3d",)
    cost = 120.0

    def start(self, info: VideoInfo) -> None:
        self._network = open_on_device("i3d")
        self._steady = SteadyRate()
        self._duration = 1.0 / float(info.rate)
        self._clip: list[np.ndarray] = []
        self._logits: list[np.ndarray] = []

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for frame, time in zip(chunk["frames"], chunk.times, strict=True):
            self._show(*self._steady.push(frame, float(time)))
        return {}

    def _show(self, frame: Any, times: int) -> None:
        for _ in range(times):
            self._clip.append(frame)
            if len(self._clip) == CLIP:
                logits = self._network(clip_tensor(self._clip).to(device()))["logits"]
                self._logits.append(np.asarray(logits[0].detach().cpu().float()))
                self._clip = []

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        self._show(*self._steady.end(self._duration))
        return {"i3d_clips": np.array(self._logits, np.float32).reshape(-1, 400)}

    def close(self) -> None:
        self._network, self._clip = None, []


@register_extractor
class I3dVideo(Extractor):
    """I3D logits of the whole video (its first 250 frames) as one clip, `[n, 400]`, n 1 or, below 10 frames, 0.

    Shorter side to 224 (bilinear), centre crop, -1..1.
    """

    name = "i3d_video"
    provides = ("i3d_video",)
    weights = ("i3d",)
    cost = 120.0

    def start(self, info: VideoInfo) -> None:
        self._network = open_on_device("i3d")
        self._frames: list[Tensor] = []

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for frame in chunk["frames"]:
            if len(self._frames) < LONGEST:
                self._frames.append(common_input(frame))
        return {}

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        import torch

        if len(self._frames) < 10:
            return {"i3d_video": np.zeros((0, 400), np.float32)}
        clip = torch.stack(self._frames, dim=1)[None].to(device())
        logits = self._network(clip, rescale=False, resize=False)["logits"]
        return {"i3d_video": np.asarray(logits.detach().cpu().float())}

    def close(self) -> None:
        self._network, self._frames = None, []


def common_input(frame: np.ndarray) -> Tensor:
    """A frame uint8 [H,W,3] as common_metrics_on_video_quality prepares it: float32 [3,224,224] in -1..1."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float()[None] / 255.0
    height, width = x.shape[-2:]
    scale = SIDE / min(height, width)
    size = (SIDE, -int(-(width * scale) // 1)) if height < width else (-int(-(height * scale) // 1), SIDE)
    x = F.interpolate(x, size, mode="bilinear", align_corners=False)
    top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return ((x[0, :, top : top + SIDE, left : left + SIDE]) - 0.5) * 2.0


def _large_enough(info: VideoInfo, what: str) -> None:
    if min(info.width, info.height) < MIN_SIDE:
        raise InputError(
            f"frames are too small for {what}",
            path=info.name,
            expected=f"sides of at least {MIN_SIDE} pixels",
            found=f"{info.width}x{info.height}",
        )


@register_extractor
class RaftFlow(Extractor):
    """RAFT between frames about 1/8 s apart: `raft_flow` `[n - 1]`, mean of the strongest 5 % of lengths in pixels,
    and `raft_size` `[2]`, width and height of the frames."""

    name = "raft_flow"
    provides = ("raft_flow", "raft_size")
    weights = ("raft",)
    cost = 460.0

    def start(self, info: VideoInfo) -> None:
        from bench.metrics.functional.vbench import sampling_interval

        _large_enough(info, "RAFT")
        self._network = open_on_device("raft")
        self._interval = sampling_interval(float(info.rate))
        self._size = np.array([info.width, info.height])
        self._previous: Tensor | None = None
        self._flow: list[float] = []

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        import torch

        from bench.metrics.functional.vbench import strongest_flow
        from bench.networks.padding import pad_to_multiple

        for index, frame in zip(chunk.index, chunk["frames"], strict=True):
            if index % self._interval:
                continue
            image = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float()[None]
            image = pad_to_multiple(image, 8)[0].to(device())
            if self._previous is not None:
                flow = self._network(self._previous, image)["flow"][0]
                self._flow.append(strongest_flow(np.asarray(flow.permute(1, 2, 0).cpu())))
            self._previous = image
        return {}

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        return {"raft_flow": np.array(self._flow), "raft_size": self._size}

    def close(self) -> None:
        self._network, self._previous = None, None


@register_extractor
class InterpolatedFrames(Extractor):
    """`amt_error` `[m]`: mean |frame - AMT-S between its neighbours| over 255, of every second frame."""

    name = "amt"
    provides = ("amt_error",)
    weights = ("amt_s",)
    cost = 160.0

    def start(self, info: VideoInfo) -> None:
        _large_enough(info, "AMT")
        self._network = open_on_device("amt_s")
        self._recent: list[np.ndarray] = []
        self._errors: list[float] = []

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for frame in chunk["frames"]:
            self._recent.append(frame)
            if len(self._recent) == 3:
                before, middle, after = self._recent
                guess = self._between(before, after)
                self._errors.append(float(np.abs(middle.astype(np.float64) - guess).mean() / 255.0))
                self._recent = [after]
        return {}

    def _between(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The frame in the middle, uint8 [H,W,3]; values are truncated, as VBench has it."""
        from bench.features.network_images import unit_tensor
        from bench.networks.amt import DIVISOR
        from bench.networks.padding import pad_to_multiple, unpad

        first, added = pad_to_multiple(unit_tensor(before), DIVISOR)
        second, _ = pad_to_multiple(unit_tensor(after), DIVISOR)
        image = unpad(self._network(first.to(device()), second.to(device()))["image"], added)[0]
        return (np.asarray(image.permute(1, 2, 0).cpu()) * 255.0).astype(np.uint8)

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        return {"amt_error": np.array(self._errors)}

    def close(self) -> None:
        self._network, self._recent = None, []
