"""Face landmarks, and the outline of a person, with MediaPipe behind one interface; nothing else imports mediapipe."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from vfa.errors import InputError
from vfa.face.topology import N_POINTS

SMALL_FACE = 0.3
"""Share of the image's side below which the short-range detector places faces badly or misses them."""

_STDERR_LOCK = threading.Lock()


@dataclass(frozen=True)
class FaceLandmarks:
    """478 landmarks of one face.

    Attributes:
        points: float32 [478, 3]; x right and y down in pixels of the image given (they may lie outside it), z in the
            same scale, smaller = closer to the camera, zero near the centre of the head.
        score: confidence in 0..1: the detector's where a detector found the place, 1 where FaceMesh alone passed
            its own threshold (it does not say by how much).
    """

    points: np.ndarray
    score: float = 1.0

    @property
    def box(self) -> np.ndarray:
        """float32 [4]: left, top, right, bottom of the points, in pixels."""
        return np.concatenate([self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)])

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        left, top, right, bottom = self.box
        return float(max(right - left, bottom - top))

    @property
    def center(self) -> np.ndarray:
        """float32 [2]: centre of the box, in pixels."""
        box = self.box
        return (box[:2] + box[2:]) / 2


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep the C++ library's start-up messages off the terminal; show them if it fails."""
    with _STDERR_LOCK, tempfile.TemporaryFile() as sink:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except Exception:
            sink.seek(0)
            os.write(saved, sink.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def check_image(image: np.ndarray) -> np.ndarray:
    """A C-contiguous uint8 [H, W, 3] view or copy of ``image``; raises InputError otherwise."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(
            "not an image the face detector can read",
            expected="a uint8 RGB array [H, W, 3]",
            found=f"{image.dtype} {list(image.shape)}",
        )
    return np.ascontiguousarray(image)


def pad_square(image: np.ndarray) -> np.ndarray:
    """``image`` [H, W, 3] with black added at the right or the bottom; pixel coordinates stay the same.

    FaceMesh rotates its region in coordinates normalised per axis, which shears landmarks of non-square images.
    """
    height, width = image.shape[:2]
    if height == width:
        return image
    size = max(height, width)
    return np.pad(image, ((0, size - height), (0, size - width), (0, 0)))


class FaceLandmarker:
    """MediaPipe FaceMesh with refined lips, eyes and irises.

    Args:
        static: True treats every image alone (portraits, renders); False follows a face from frame to frame.
        min_confidence: detection and tracking threshold in 0..1.
        max_faces: how many faces at most.
        tiles: in static use, also look in enlarged tiles of the image (slow where there is no face).

    Faces smaller than about a quarter of the image are missed by FaceMesh's own short-range detector; they are
    looked for with the full-range detector, then in the tiles, and are measured in a crop.

    >>> with FaceLandmarker(static=True) as landmarker:
    ...     landmarker.detect(np.zeros((64, 64, 3), np.uint8)) is None
    True
    """

    def __init__(
        self, *, static: bool = False, min_confidence: float = 0.5, max_faces: int = 1, tiles: bool = True
    ) -> None:
        if not 0 < min_confidence <= 1 or max_faces < 1:
            raise InputError(
                "invalid face detector settings",
                expected="min_confidence in (0, 1] and max_faces >= 1",
                found=f"min_confidence={min_confidence}, max_faces={max_faces}",
            )
        self.static, self.min_confidence, self.max_faces = static, min_confidence, max_faces
        self._tiled = static and tiles
        self._noisy = True
        self._closed = False
        self._crop_mesh: Any = None
        self._finder: Any = None
        self._mesh = self._new_mesh(static=static, max_faces=max_faces)

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the detector's threads and models; may be called more than once."""
        self._closed = True
        for solution in (self._mesh, self._crop_mesh, self._finder):
            if solution is not None:
                solution.close()
        self._mesh = self._crop_mesh = self._finder = None

    def reset(self) -> None:
        """Forget the faces followed so far: the next image is searched anew (video use)."""
        if not self.static and self._mesh is not None:
            with _quiet_stderr():
                self._mesh.reset()
                self._mesh.process(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray) -> FaceLandmarks | None:
        """The largest face of an RGB image uint8 [H, W, 3], or None."""
        faces = self.detect_all(image)
        return max(faces, key=lambda face: face.size) if faces else None

    def detect_all(self, image: np.ndarray) -> list[FaceLandmarks]:
        """Up to ``max_faces`` faces of an RGB image uint8 [H, W, 3], largest first."""
        if self._closed:
            raise RuntimeError("this FaceLandmarker is closed")
        square = pad_square(check_image(image))
        faces = [FaceLandmarks(points) for points in self._measure(self._mesh, square)]
        small = bool(faces) and max(face.size for face in faces) < SMALL_FACE * square.shape[0]
        if not faces or (small and self.static):
            faces = self._search(square) or faces
        return sorted(faces, key=lambda face: -face.size)

    def _new_mesh(self, *, static: bool, max_faces: int) -> Any:
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _quiet_stderr():
            from mediapipe.python.solutions.face_mesh import FaceMesh

            mesh = FaceMesh(
                static_image_mode=static,
                max_num_faces=max_faces,
                refine_landmarks=True,
                min_detection_confidence=self.min_confidence,
                min_tracking_confidence=self.min_confidence,
            )
            mesh.process(np.zeros((64, 64, 3), np.uint8))  # waits for the graph, which opens in the background
            return mesh

    def _process(self, solution: Any, image: np.ndarray) -> Any:
        if not self._noisy:
            return solution.process(image)
        with _quiet_stderr():  # a graph also warns when it meets its first face
            return solution.process(image)

    def _measure(self, mesh: Any, square: np.ndarray) -> list[np.ndarray]:
        size = square.shape[0]
        found = self._process(mesh, square).multi_face_landmarks or []
        faces = []
        for face in found:
            points = np.array([(p.x, p.y, p.z) for p in face.landmark], dtype=np.float32) * np.float32(size)
            if points.shape == (N_POINTS, 3) and np.isfinite(points).all():
                faces.append(points)
                self._noisy = False
        return faces

    def _search(self, square: np.ndarray) -> list[FaceLandmarks]:
        """Faces in crops around what the full-range detector sees in the image or, in static use, in its tiles."""
        boxes = self._find(square)
        if not boxes and self._tiled:
            for tile, corner in _tiles(square):
                boxes += [(box + np.tile(corner, 2), score) for box, score in self._find(tile)]
        if not boxes:
            return []
        if self._crop_mesh is None:
            self._crop_mesh = self._new_mesh(static=True, max_faces=1)
        faces: list[FaceLandmarks] = []
        for box, score in sorted(boxes, key=lambda item: -item[1]):
            if len(faces) >= self.max_faces:
                break
            if any(np.abs(face.center - (box[:2] + box[2:]) / 2).max() < face.size / 2 for face in faces):
                continue  # the same face in an overlapping tile
            crop, origin, scale = _enlarge(square, box)
            for points in self._measure(self._crop_mesh, crop)[:1]:
                points /= scale
                points[:, :2] += origin
                faces.append(FaceLandmarks(points, score))
        return faces

    def _find(self, image: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Boxes [left, top, right, bottom] in pixels with their scores."""
        if self._finder is None:
            with _quiet_stderr():
                from mediapipe.python.solutions.face_detection import FaceDetection

                self._finder = FaceDetection(min_detection_confidence=self.min_confidence, model_selection=1)
                self._finder.process(np.zeros((64, 64, 3), np.uint8))
        height, width = image.shape[:2]
        boxes = []
        for detection in self._process(self._finder, np.ascontiguousarray(image)).detections or []:
            box = detection.location_data.relative_bounding_box
            corners = np.array([box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height], dtype=np.float32)
            boxes.append((corners * np.array([width, height, width, height], np.float32), float(detection.score[0])))
        return boxes


class PlainFaceMesh:
    """MediaPipe FaceMesh as it comes, without padding and without a search for small faces: what published scores of
    faces were measured by. Use `FaceLandmarker` for anything else.

    Args:
        static: True treats every image alone; False follows the face from frame to frame.
        refine: adds the irises (478 points instead of 468) and refines lips and eyes.
    """

    def __init__(self, *, static: bool, refine: bool) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _quiet_stderr():
            from mediapipe.python.solutions.face_mesh import FaceMesh

            self._mesh = FaceMesh(static_image_mode=static, max_num_faces=1, refine_landmarks=refine)
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))
        self._noisy = True

    def detect(self, image: np.ndarray) -> np.ndarray | None:
        """The points of the face in an image uint8 [H, W, 3], float32 [468 or 478, 2] in pixels; None without one."""
        image = check_image(image)
        if self._noisy:
            with _quiet_stderr():
                found = self._mesh.process(image).multi_face_landmarks
        else:
            found = self._mesh.process(image).multi_face_landmarks
        if not found:
            return None
        self._noisy = False
        size = np.array(image.shape[1::-1], np.float32)
        return np.array([(point.x, point.y) for point in found[0].landmark], np.float32) * size

    def close(self) -> None:
        """Free the detector."""
        self._mesh.close()


def _tiles(square: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Overlapping tiles of a half, then a quarter of the side, with their upper left corners (x, y)."""
    size = square.shape[0]
    for divisions in (2, 4):
        side = size // divisions
        if side < 48:
            return
        for top in range(0, size - side + 1, max(side // 2, 1)):
            for left in range(0, size - side + 1, max(side // 2, 1)):
                tile = square[top : top + side, left : left + side]
                if tile.any():
                    yield tile, np.array([left, top], np.float32)


def _enlarge(square: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """A 512-pixel crop twice the size of ``box``; its origin in ``square`` and its scale."""
    import cv2

    side = max(float(box[2] - box[0]), float(box[3] - box[1])) * 2
    origin = ((box[:2] + box[2:]) / 2 - side / 2).astype(np.float32)
    scale = 512 / side
    shift = -origin * scale + (scale - 1) / 2  # cv2 counts pixel centres at whole numbers
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(square, matrix, (512, 512), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return crop, origin, scale


def person_mask(image: np.ndarray) -> np.ndarray:
    """How sure it is (0..1) that each pixel of an RGB image uint8 [H, W, 3] shows a person: float32 [H, W]."""
    image = check_image(image)
    with _quiet_stderr():
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        with SelfieSegmentation(model_selection=0) as segmenter:
            return np.array(segmenter.process(image).segmentation_mask, np.float32)
