"""The networks of THEval: aesthetics, mouth and face quality, head pose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.network_base import NetworkExtractor, device, open_on_device, single_threaded
from bench.features.network_images import unit_tensor
from bench.features.registry import register_extractor

if TYPE_CHECKING:
    from torch import Tensor

MOUTH_BATCH = 64
MOUTH_PADDING = 10
MOUTH_SHARE = 0.15


@register_extractor
class TopiqAesthetics(NetworkExtractor):
    """TOPIQ trained on AVA of each frame squashed to 384x384, 1 to 10, `[T, 1]`."""

    name = "topiq_aesthetics"
    network = "topiq_aesthetic"
    provides = ("topiq_aesthetics",)
    weights = ("topiq_iaa",)
    widths = {"topiq_aesthetics": 1}
    batch = 4
    cost = 1500.0

    def prepare(self, chunk: Chunk, row: int) -> Tensor:
        import torch.nn.functional as F

        from bench.networks.topiq import AESTHETIC_SIDE

        # Resized here, so that a batch waits in little memory; the network's own resizing then changes nothing.
        return F.interpolate(
            unit_tensor(chunk["frames"][row]), (AESTHETIC_SIDE, AESTHETIC_SIDE), mode="bilinear", antialias=True
        )

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {"topiq_aesthetics": self._network(inputs)["score"][:, None]}


def mouth_window(points: np.ndarray, width: int, height: int, padding: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (ends excluded) of the box of lip points [40,2], cut to whole pixels, padded and cut at
    the border."""
    low, high = np.trunc(points.min(axis=0)), np.trunc(points.max(axis=0))
    left, top = (int(value) for value in np.maximum(low - padding, 0))
    right, bottom = (int(value) for value in np.minimum(high + padding, [width, height]))
    return left, top, right, bottom


class MouthCrops(Extractor):
    """MUSIQ (KonIQ) of mouth crops, 0 to 100, `[T, 1]`; NaN in frames without a face."""

    weights = ("musiq_koniq",)
    cost = 200.0

    def start(self, info: VideoInfo) -> None:
        self._network = open_on_device("musiq", "musiq_koniq")
        self._waiting: list[tuple[int, np.ndarray]] = []
        self._scores: list[float] = []

    def crop(self, frame: np.ndarray, points: np.ndarray) -> np.ndarray | None:
        """The mouth [h,w,3] of a frame; None where there is none."""
        raise TypeError(f"extractor {self.name} lacks crop()")

    def _score(self, images: list[np.ndarray]) -> list[float]:
        """Scores of pictures of one size."""
        import torch

        inputs = torch.cat([unit_tensor(image) for image in images]).to(device())
        return [float(score) for score in self._network(inputs)["score"]]

    def close(self) -> None:
        self._network, self._waiting = None, []


@register_extractor
class MouthTheval(MouthCrops):
    """As the public code cuts and batches them: 10 pixels around the lips, 64 crops filled up with black at the right
    and the bottom to the largest among them, so that a score depends on its neighbours."""

    name = "mouth_theval"
    needs = ("frames", "mesh_static")
    provides = ("mouth_theval",)

    def crop(self, frame: np.ndarray, points: np.ndarray) -> np.ndarray | None:
        left, top, right, bottom = mouth_window(points, frame.shape[1], frame.shape[0], MOUTH_PADDING)
        return frame[top:bottom, left:right].copy() if right > left and bottom > top else None

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        from bench.metrics.functional.theval import LIPS

        for frame, mesh in zip(chunk["frames"], chunk["mesh_static"], strict=True):
            lips = np.asarray(mesh, np.float64)[list(LIPS)]
            mouth = self.crop(frame, lips) if np.isfinite(lips).all() else None
            if mouth is not None:
                self._waiting.append((len(self._scores), mouth))
            self._scores.append(np.nan)
            if len(self._waiting) == MOUTH_BATCH:
                self._run()
        return {}

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        size = np.max([mouth.shape[:2] for _, mouth in waiting], axis=0)
        for place, mouth in waiting:
            canvas = np.zeros((*size, 3), np.uint8)
            canvas[: mouth.shape[0], : mouth.shape[1]] = mouth
            # One at a time: all of a batch have one size, and equal numbers whatever runs beside them.
            self._scores[place] = self._score([canvas])[0]

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        if self._waiting:
            self._run()
        return {"mouth_theval": np.array(self._scores, np.float32).reshape(-1, 1)}


@register_extractor
class MouthFixed(MouthCrops):
    """Each alone, with 15 % of the eyes' distance around the lips."""

    name = "mouth_fixed"
    needs = ("frames", "landmarks478")
    provides = ("mouth_fixed",)

    def crop(self, frame: np.ndarray, points: np.ndarray) -> np.ndarray | None:
        from bench.metrics.functional.theval import LIPS, eye_distance

        padding = MOUTH_SHARE * float(eye_distance(points[None])[0])
        left, top, right, bottom = mouth_window(points[list(LIPS)], frame.shape[1], frame.shape[0], padding)
        return frame[top:bottom, left:right] if right > left and bottom > top else None

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        scores = np.full((len(chunk), 1), np.nan, np.float32)
        for row, frame, mesh in zip(scores, chunk["frames"], chunk["landmarks478"], strict=True):
            points = np.asarray(mesh, np.float64)[:, :2]
            mouth = self.crop(frame, points) if np.isfinite(points).all() else None
            if mouth is not None:
                row[0] = self._score([mouth])[0]
        return {"mouth_fixed": scores}


@register_extractor
class TopiqFace(Extractor):
    """TOPIQ trained on faces, of the face RetinaFace finds, aligned at 512x512: `topiq_face_central` of the one nearest
    to the middle of the frame, `topiq_face_largest`, both `[T, 1]`, NaN without a face."""

    name = "topiq_face"
    provides = ("topiq_face_central", "topiq_face_largest")
    weights = ("topiq_face", "retinaface")
    cost = 1500.0

    def start(self, info: VideoInfo) -> None:
        self._network, self._detector = open_on_device("topiq_face"), open_on_device("retinaface")

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        from bench.networks.retinaface import detect

        found = {name: np.full((len(chunk), 1), np.nan, np.float32) for name in self.provides}
        for row, frame in enumerate(chunk["frames"]):
            faces = detect(self._detector, frame)
            if len(faces):
                size = frame.shape[1], frame.shape[0]
                chosen = faces.central(*size), faces.largest(*size)
                scores = {face: self._score(frame, faces.points[face]) for face in set(chosen)}
                for name, face in zip(self.provides, chosen, strict=True):
                    found[name][row, 0] = scores[face]
        return found

    def _score(self, frame: np.ndarray, points: np.ndarray) -> float:
        import torch

        from bench.networks.face_boxes import align_512

        face = align_512(frame, points)
        if face is None:
            return float("nan")
        inputs = torch.from_numpy(face.transpose(2, 0, 1).copy())[None] / 255.0
        return float(self._network(inputs.to(device()))["score"][0])

    def close(self) -> None:
        self._network = self._detector = None


class HeadPoseBox(NetworkExtractor):
    """FaceXFormer of a face that the package retina-face finds: pitch, yaw, roll in degrees `[T, 3]`, box `[T, 4]`.

    Class attributes:
        swapped: the detector sees red and blue exchanged. largest: of several faces the largest, else the surest.
    """

    network = "facexformer_pose"
    weights = ("facexformer", "retinaface_preact")
    cost = 3000.0
    swapped: ClassVar[bool]
    largest: ClassVar[bool]
    _detector: Any = None

    def start(self, info: VideoInfo) -> None:
        super().start(info)
        self._detector = open_on_device("retinaface_preact")
        self._boxes: list[np.ndarray] = []

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        from bench.networks.facexformer import facexformer_input
        from bench.networks.retinaface_preact import detect_upscaled

        frame = chunk["frames"][row]
        faces = detect_upscaled(self._detector, frame[..., ::-1] if self.swapped else frame)
        self._boxes.append(np.full(4, np.nan))
        if len(faces) == 0:
            return None
        box = np.trunc(faces.boxes[faces.largest(frame.shape[1], frame.shape[0]) if self.largest else 0])
        if not (box[2:] > box[:2]).all():
            return None
        self._boxes[-1] = box
        return facexformer_input(frame, box)

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        return {self.provides[0]: self._network(inputs)["pose"]}

    def finish(self) -> Mapping[str, np.ndarray]:
        return {**super().finish(), self.provides[1]: np.array(self._boxes, np.float32).reshape(-1, 4)}

    def close(self) -> None:
        super().close()
        self._detector = None


@register_extractor
class HeadPoseTheval(HeadPoseBox):
    """As the public code has it: the detector is given RGB where it expects BGR, and the surest face counts."""

    name = "facexformer"
    provides = ("facexformer_pose", "retinaface_box")
    widths = {"facexformer_pose": 3}
    swapped, largest = True, False


@register_extractor
class HeadPoseFixed(HeadPoseBox):
    """The largest face of the frame as it is."""

    name = "facexformer_fixed"
    provides = ("facexformer_pose_fixed", "retinaface_box_fixed")
    widths = {"facexformer_pose_fixed": 3}
    swapped, largest = False, True
