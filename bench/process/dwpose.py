"""Whole-body key points by DWPose's published ONNX files: YOLOX-L finds people, a SimCC network their 133 points.

Pre- and post-processing follow the onnx branch of IDEA-Research/DWPose. The detector gets BGR; the pose network RGB as
its mean and deviation imply, or BGR with `bgr_compat`, as the published demo feeds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.process.boxes import FacePoints
from vfa.errors import AssetError

FACE = slice(23, 91)
"""The 68 face points among the 133 of COCO-WholeBody, in iBUG order."""

DETECTOR_SIDE = 640
PAD_VALUE = 114
STRIDES = (8, 16, 32)
NMS_IOU, NMS_SCORE, PERSON_SCORE = 0.45, 0.1, 0.3
BOX_SCALE = 1.25
SPLIT = 2.0
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)


def letterbox(image: np.ndarray) -> tuple[np.ndarray, float]:
    """An image scaled into the top left of a 640 x 640 square of grey 114; float32 [1,3,640,640], and the scale."""
    import cv2

    height, width = image.shape[:2]
    ratio = min(DETECTOR_SIDE / height, DETECTOR_SIDE / width)
    small = cv2.resize(image, (int(width * ratio), int(height * ratio)), interpolation=cv2.INTER_LINEAR)
    padded = np.full((DETECTOR_SIDE, DETECTOR_SIDE, 3), PAD_VALUE, np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32), ratio


def decode_boxes(output: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Corner boxes [8400,4] in image pixels and class scores [8400,80] of YOLOX's raw output [1,8400,85]."""
    grids, strides = [], []
    for stride in STRIDES:
        n = DETECTOR_SIDE // stride
        ys, xs = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        grids.append(np.stack([xs, ys], -1).reshape(-1, 2))
        strides.append(np.full((n * n, 1), stride))
    grid, step = np.concatenate(grids), np.concatenate(strides)
    raw = output[0].astype(np.float64)
    centre, size = (raw[:, :2] + grid) * step, np.exp(raw[:, 2:4]) * step
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1) / ratio
    return boxes, raw[:, 4:5] * raw[:, 5:]


def suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Non-maximum suppression with the +1 areas of the reference; indices kept, best first."""
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        inner = np.maximum(0.0, high - low + 1).prod(1)
        order = rest[inner / (areas[best] + areas[rest] - inner) <= threshold]
    return keep


def people_of(output: np.ndarray, ratio: float) -> np.ndarray:
    """Boxes float [n,4] of the people in an image, best first."""
    boxes, scores = decode_boxes(output, ratio)
    person = scores[:, 0]
    likely = np.flatnonzero(person > NMS_SCORE)
    kept = likely[suppress(boxes[likely], person[likely], NMS_IOU)] if len(likely) else likely
    return boxes[kept[person[kept] > PERSON_SCORE]]


def pose_region(box: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of the region around a person's box: 1.25 times the box, widened to the network's aspect."""
    centre = (box[:2] + box[2:]) / 2
    size = (box[2:] - box[:2]) * BOX_SCALE
    aspect = width / height
    if size[0] > size[1] * aspect:
        size = np.array([size[0], size[0] / aspect])
    else:
        size = np.array([size[1] * aspect, size[1]])
    return centre, size


def crop_region(image: np.ndarray, centre: np.ndarray, size: np.ndarray, width: int, height: int) -> np.ndarray:
    """The region as the network's normalised input, float32 [3,height,width]; black outside the image."""
    import cv2

    scale = width / size[0]
    matrix = np.array(
        [[scale, 0, width * 0.5 - scale * centre[0]], [0, scale, height * 0.5 - scale * centre[1]]], np.float64
    )
    warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return ((warped.astype(np.float32) - MEAN) / DEVIATION).transpose(2, 0, 1)


def decode_points(
    simcc_x: np.ndarray, simcc_y: np.ndarray, centres: np.ndarray, sizes: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Points [N,133,2] in image pixels and scores [N,133] of SimCC outputs [N,133,2 width] and [N,133,2 height]."""
    points = np.stack([simcc_x.argmax(-1), simcc_y.argmax(-1)], -1).astype(np.float64)
    score = np.minimum(simcc_x.max(-1), simcc_y.max(-1))
    points = points / SPLIT
    points[score <= 0] = -1
    return points / (width, height) * sizes[:, None] + centres[:, None] - sizes[:, None] / 2, score


class DWPose:
    """Face points of the most prominent person of an image.

    Args:
        detector, pose: the ONNX files. bgr_compat: feed the pose network BGR.

    Raises:
        AssetError: onnxruntime is missing or a file is no usable ONNX model.
    """

    def __init__(self, detector: Path, pose: Path, *, bgr_compat: bool = False) -> None:
        self._detector, self._pose = _session(detector), _session(pose)
        self._bgr = bgr_compat
        _, _, self._height, self._width = self._pose.get_inputs()[0].shape
        if not isinstance(self._height, int) or not isinstance(self._width, int):
            self._height, self._width = 384, 288

    @property
    def provider(self) -> str:
        """What the networks run on."""
        return str(self._pose.get_providers()[0])

    def detect(self, image: np.ndarray) -> FacePoints | None:
        """Face points of the person with the largest face in an RGB image uint8 [H,W,3]; None without a person's face.

        Where no person is found the whole image is taken as one, as the reference does.
        """
        bgr = np.ascontiguousarray(image[..., ::-1])
        data, ratio = letterbox(bgr)
        output = self._detector.run(None, {self._detector.get_inputs()[0].name: data})[0]
        boxes = people_of(output, ratio)
        if not len(boxes):
            boxes = np.array([[0.0, 0.0, image.shape[1], image.shape[0]]])
        regions = [pose_region(box, self._width, self._height) for box in boxes]
        source = bgr if self._bgr else image
        crops = [crop_region(source, centre, size, self._width, self._height) for centre, size in regions]
        simcc = self._pose.run(None, {self._pose.get_inputs()[0].name: np.stack(crops).astype(np.float32)})
        centres, sizes = (np.stack(column) for column in zip(*regions, strict=True))
        points, scores = decode_points(simcc[0], simcc[1], centres, sizes, self._width, self._height)
        faces = [FacePoints(p[FACE].astype(np.float32), s[FACE]) for p, s in zip(points, scores, strict=True)]
        return max(faces, key=_area)


def _area(face: FacePoints) -> float:
    box = face.box()
    return 0.0 if box is None else float((box[2] - box[0]) * (box[3] - box[1]))


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise AssetError("onnxruntime is not installed", hint="pip install onnxruntime") from error
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise AssetError(
            "the ONNX model cannot be loaded", path=path, found=str(error)[:200], hint="bench weights verify"
        ) from error
