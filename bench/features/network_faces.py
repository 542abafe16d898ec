"""Features of faces by networks: identity, emotion, shape and pose. All start from the landmarks of the video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.features.base import Chunk, VideoInfo
from bench.features.network_base import NetworkExtractor
from bench.features.registry import register_extractor

if TYPE_CHECKING:
    from torch import Tensor


@register_extractor
class ArcFaceAligned(NetworkExtractor):
    """ArcFace IResNet-100 of the face turned upright by five points, `[T, 512]`, not normalised."""

    name = "arcface"
    network = "arcface_iresnet100"
    needs: ClassVar[tuple[str, ...]] = ("frames", "landmarks68")
    provides = ("arcface",)
    weights = ("arcface",)
    widths = {"arcface": 512}
    cost = 270.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        return aligned_input(chunk["frames"][row], chunk["landmarks68"][row])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {self.provides[0]: self._network(inputs)["embedding"]}


def aligned_input(image: np.ndarray, points: np.ndarray) -> Tensor | None:
    """ArcFace's input [1,3,112,112] of an image and its landmarks [68,2]; None without a face."""
    from bench.networks.arcface_align import align_face, arcface_input
    from bench.networks.similarity import five_points

    five = five_points(points)
    if not np.isfinite(five).all() or not (five.std(axis=0) > 1e-6).any():
        return None
    return arcface_input(align_face(image, five)[None])


@register_extractor
class ArcFaceWhole(ArcFaceAligned):
    """The same of the whole frame squeezed to 112x112, as ViCo's score does it, `[T, 512]`."""

    name = "arcface_whole"
    needs = ("frames",)
    provides = ("arcface_whole",)
    widths = {"arcface_whole": 512}

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.arcface_align import arcface_input, squash_face

        return arcface_input(squash_face(chunk["frames"][row])[None])


@register_extractor
class ArcFaceOnnx(ArcFaceAligned):
    """The aligned face by any ArcFace network in ONNX form, `[T, D]`, not normalised."""

    name = "arcface_onnx"
    network = "arcface_onnx"
    provides = ("arcface_onnx",)
    weights = ("arcface_onnx",)

    def start(self, info: VideoInfo) -> None:
        super().start(info)
        self.widths = {self.provides[0]: self._network.width}  # type: ignore[misc]


@register_extractor
class Emotion(NetworkExtractor):
    """EmoNet-8 of the face crop: `emotion` `[T, 2]` valence and arousal in -1..1, `emotion_feature` `[T, 128]`."""

    name = "emonet"
    network = "emonet_8"
    needs = ("frames", "face_box")
    provides = ("emotion", "emotion_feature")
    weights = ("emonet_8",)
    widths = {"emotion": 2, "emotion_feature": 128}
    batch = 4
    cost = 500.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        from bench.networks.emonet import emonet_input

        box = chunk["face_box"][row]
        return emonet_input(chunk["frames"][row], box) if np.isfinite(box).all() else None

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        import torch

        scores = self._network(inputs, details=True)
        both = torch.stack((scores["valence"], scores["arousal"]), dim=1).clamp(-1.0, 1.0)
        return dict(zip(self.provides, (both, scores["feature"]), strict=True))


@register_extractor
class EmotionFive(Emotion):
    """The same by EmoNet-5, which was trained with five classes: `emotion_5` `[T, 2]`, `emotion_5_feature`."""

    name = "emonet_5"
    network = "emonet_5"
    provides = ("emotion_5", "emotion_5_feature")
    weights = ("emonet_5",)
    widths = {"emotion_5": 2, "emotion_5_feature": 128}


@register_extractor
class HeadPose(NetworkExtractor):
    """Hopenet: `hopenet_pose` `[T, 3]` yaw, pitch, roll in degrees, `hopenet_feature` `[T, 2048]`."""

    name = "hopenet"
    network = "hopenet"
    needs = ("frames", "face_box")
    provides = ("hopenet_pose", "hopenet_feature")
    weights = ("hopenet",)
    widths = {"hopenet_pose": 3, "hopenet_feature": 2048}
    cost = 130.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        from bench.networks.hopenet import hopenet_input

        box = chunk["face_box"][row]
        if not np.isfinite(box).all():
            return None
        try:
            return hopenet_input(chunk["frames"][row], box)
        except ValueError:
            return None

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        import torch

        from bench.networks.hopenet import degrees

        features = self._network.features(inputs)
        logits = self._network.angle_logits(features)
        pose = torch.stack([degrees(logits[name]) for name in ("yaw", "pitch", "roll")], dim=1)
        return {"hopenet_pose": pose, "hopenet_feature": features}


@register_extractor
class FaceShape(NetworkExtractor):
    """Deep3DFaceRecon's 257 coefficients of the aligned face, `[T, 257]`."""

    name = "deep3d"
    network = "facerecon_resnet50"
    needs = ("frames", "landmarks68")
    provides = ("deep3d",)
    weights = ("deep3d", "deep3d_landmarks")
    widths = {"deep3d": 257}
    cost = 130.0

    def start(self, info: VideoInfo) -> None:
        from bench.networks.facerecon_align import load_standard_points
        from bench.weights import require

        super().start(info)
        self._standard = load_standard_points(require("deep3d_landmarks"))

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        from bench.networks.facerecon_align import facerecon_input

        points = chunk["landmarks68"][row]
        if not np.isfinite(points).all():
            return None
        try:
            # Our pixel centres lie at +0.5; the network's recipe counts rows and columns from 0.
            return facerecon_input(chunk["frames"][row], points - 0.5, self._standard)
        except ValueError:
            return None

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"deep3d": self._network(inputs)["coeffs"]}
