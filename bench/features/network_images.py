"""Features of whole frames by networks: Inception of FID, DINO and CLIP, the aesthetic and the technical quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.features.base import Chunk, VideoInfo
from bench.features.network_base import NetworkExtractor, open_on_device
from bench.features.registry import register_extractor

if TYPE_CHECKING:
    from torch import Tensor


def unit_tensor(image: np.ndarray) -> Tensor:
    """An image uint8 [H,W,3] as float32 [1,3,H,W] in 0..1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()[None] / 255.0


class InceptionFeatures(NetworkExtractor):
    """What the variants of FID's features share: pool3 of the 2015 Inception-v3."""

    network = "fid_inception"
    weights = ("fid_inception",)
    cost = 200.0

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {self.provides[0]: self._network.forward_normalized(inputs)["features"]}


def _pytorch_fid(image: np.ndarray) -> Tensor:
    import torch.nn.functional as F

    return 2.0 * F.interpolate(unit_tensor(image), (299, 299), mode="bilinear", align_corners=False) - 1.0


@register_extractor
class InceptionPt(InceptionFeatures):
    """By pytorch-fid's recipe: bilinear to 299 without antialiasing, `[T, 2048]`."""

    name = "inception_pt"
    provides = ("inception_pt",)
    widths = {"inception_pt": 2048}

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        return _pytorch_fid(chunk["frames"][row])


@register_extractor
class InceptionClean(InceptionFeatures):
    """By clean-fid's recipe: antialiased bicubic to 299 in floating point, `[T, 2048]`."""

    name = "inception_clean"
    provides = ("inception_clean",)
    widths = {"inception_clean": 2048}

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.fid_resize import clean_input

        return clean_input(chunk["frames"][row][None])


class InceptionScript(NetworkExtractor):
    """What the variants by NVIDIA's archive of Inception share."""

    network = "fid_inception_ts"
    weights = ("fid_inception_ts",)
    cost = 90.0


@register_extractor
class InceptionCleanScript(InceptionScript):
    """By clean-fid's recipe on the archive it uses, `[T, 2048]`."""

    name = "inception_clean_ts"
    provides = ("inception_clean_ts",)
    widths = {"inception_clean_ts": 2048}

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.fid_resize import clean_input

        return clean_input(chunk["frames"][row][None])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"inception_clean_ts": self._network.forward_normalized(inputs)["features"]}


@register_extractor
class InceptionOwnResize(InceptionScript):
    """The archive with the resizing it carries, as StyleGAN's metrics run it, `[T, 2048]`."""

    name = "inception_ts"
    provides = ("inception_ts",)
    widths = {"inception_ts": 2048}

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        return unit_tensor(chunk["frames"][row])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"inception_ts": self._network(inputs)["features"]}


@register_extractor
class InceptionEdges(InceptionFeatures):
    """Of the Canny edges (100, 200) of the face crop, 0 or 255 on three channels, `[T, 2048]`; NaN without a face."""

    name = "inception_edges"
    needs = ("face_frames", "face_box")
    provides = ("inception_edges",)
    widths = {"inception_edges": 2048}

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        from bench.metrics.functional.descriptors import edge_image

        if not np.isfinite(chunk["face_box"][row]).all():
            return None
        return _pytorch_fid(edge_image(chunk["face_frames"][row]))


@register_extractor
class InceptionLogits(InceptionFeatures):
    """Class scores without bias after TensorFlow 1's resizing, `[T, 1008]`: what the Inception Score reads."""

    name = "inception_logits"
    provides = ("inception_logits",)
    widths = {"inception_logits": 1008}

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.fid_resize import tensorflow_input

        return tensorflow_input(chunk["frames"][row][None])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        features = self._network.forward_normalized(inputs)["features"]
        return {"inception_logits": self._network.logits(features)}


@register_extractor
class DinoEmbedding(NetworkExtractor):
    """DINO ViT-B/16 of each frame, `[T, 768]`."""

    name = "dino"
    network = "dino_vitb16"
    provides = ("dino",)
    weights = ("dino",)
    widths = {"dino": 768}
    cost = 500.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.vit_input import dino_input

        return dino_input(chunk["frames"][row][None])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"dino": self._network(inputs)["embedding"]}


@register_extractor
class ClipEmbedding(NetworkExtractor):
    """CLIP ViT-B/32 of each frame, `[T, 512]`."""

    name = "clip_b32"
    network = "clip_vit_b32"
    provides = ("clip_b32",)
    weights = ("clip_b32",)
    widths = {"clip_b32": 512}
    cost = 135.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.vit_input import clip_input

        return clip_input(chunk["frames"][row][None])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"clip_b32": self._network(inputs)["embedding"]}


@register_extractor
class AestheticScore(NetworkExtractor):
    """LAION's linear head on CLIP ViT-L/14, about 1 to 10, `[T, 1]`."""

    name = "aesthetic"
    network = "clip_vit_l14"
    provides = ("aesthetic",)
    weights = ("clip_l14", "laion")
    widths = {"aesthetic": 1}
    cost = 2300.0
    _head: Any = None

    def start(self, info: VideoInfo) -> None:
        super().start(info)
        self._head = open_on_device("laion_aesthetic")

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.vit_input import clip_input

        return clip_input(chunk["frames"][row][None])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        embedding = self._network(inputs)["embedding"]
        return {"aesthetic": self._head(embedding)["score"][:, None]}


@register_extractor
class TechnicalQuality(NetworkExtractor):
    """MUSIQ (SPAQ) of each frame, 0 to 100, `[T, 1]`."""

    name = "musiq_spaq"
    network = "musiq"
    file_key = "musiq_spaq"
    provides = ("musiq_spaq",)
    weights = ("musiq_spaq",)
    widths = {"musiq_spaq": 1}
    batch = 4
    cost = 550.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        from bench.networks.vit_input import musiq_input

        return musiq_input(chunk["frames"][row][None])

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"musiq_spaq": self._network(inputs)["score"][:, None]}
