"""Frames for the animator: the source's picture and the driver's recording as RGBD in [-1, 1].

Depth is mapped once for a whole clip. The original maps every frame's own minimum and maximum, which removes absolute
motion and flickers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from vfa.errors import InputError
from vfa.face.crop import MARGIN, SquareCrop, resize
from vfa.media.foreground import foreground, shrink_depth
from vfa.media.frame import Frame
from vfa.media.normalize import Convention, Normalization

FACE_SHARE, RAISED = 0.58, 0.06
"""Of "skin": the longer side of a face in picture heights, and how far its middle is below the picture's."""
BEHIND = 0.25
"""Metres behind the middle of the face at which the background begins."""
TAILS = (0.5, 99.5)
"""Percentiles of a frame's depth that count as its range: a sensor's outliers lie beyond."""


@dataclass(frozen=True)
class SourceFrame:
    """The avatar's picture for the animator.

    Attributes:
        rgbd: float32 [4, S, S] in [-1, 1]; -1 in the background.
        near, far: depths in world units that -1 and 1 stand for.
    """

    rgbd: np.ndarray
    near: float
    far: float


def source_frame(color: np.ndarray, depth: np.ndarray, convention: Convention = "range") -> SourceFrame:
    """Normalise a rendered picture over its foreground.

    Args:
        color: uint8 [S, S, 3].
        depth: float32 [S, S], world units along the viewing direction, NaN in the background.
        convention: see `vfa.media.normalize`.

    Raises:
        InputError: nothing was rendered.
    """
    seen = np.isfinite(depth)
    if not seen.any():
        raise InputError("the avatar is not in its picture", hint="look from elsewhere: --eye, --translation")
    normalization = Normalization.fit([Frame(0, Fraction(0), color, depth)], convention)
    rgbd = normalization.apply(color, depth)
    rgbd[:, ~seen] = -1.0
    return SourceFrame(rgbd, normalization.near, normalization.far)


class DriverFrames:
    """Cuts, scales and normalises a driver's frames.

    Args:
        size: side of the network's frames, pixels.
        landmarks: float32 [T, 478, 3], the driver's face in pixels of the whole frame, one per frame; needed where
            frames are cut to the face or carry no depth.
        crop: the window that is cut out, the same along the clip; None takes the whole frame, which must be square.
        convention: see `vfa.media.normalize`.
    """

    def __init__(
        self,
        size: int,
        *,
        landmarks: Sequence[np.ndarray] | np.ndarray | None = None,
        crop: SquareCrop | None = None,
        convention: Convention = "range",
    ) -> None:
        self.size, self.landmarks, self.crop = size, landmarks, crop
        self.normalization = Normalization(convention)
        self._pixel_size: float | None = None

    def measure(self, frames: Iterable[Frame]) -> None:
        """Fix the one mapping of depth (and, by convention, of colour) from the clip, read once.

        Raises:
            InputError: no frame has any depth.
        """
        from vfa.media.normalize import Moments

        near, far, moments = np.inf, -np.inf, Moments()
        for color, depth in self._cut(frames):
            seen = np.isfinite(depth)
            if seen.any():
                low, high = np.percentile(depth[seen], TAILS)
                near, far = min(near, float(low)), max(far, float(high))
                if self.normalization.convention == "foreground":
                    moments.update(color[seen])
        if not np.isfinite(near):
            raise InputError("the driving clip has no depth anywhere", expected="depth of a face in at least one frame")
        if far - near < 1e-6:
            near, far = near - 0.5, near + 0.5
        measured = replace(self.normalization, near=near, far=far)
        if moments.count:
            measured = replace(measured, mean=moments.mean, sigma=max(moments.sigma, 1.0))
        self.normalization = measured

    def normalized(self, frames: Iterable[Frame]) -> Iterator[np.ndarray]:
        """float32 [4, S, S] in [-1, 1] for every frame, by the mapping that `measure` fixed."""
        for color, depth in self._cut(frames):
            yield self.normalization.apply(color, depth)

    def _cut(self, frames: Iterable[Frame]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Colour uint8 [S, S, 3] and depth float32 [S, S] of each frame."""
        for index, frame in enumerate(frames):
            height, width = frame.color.shape[:2]
            crop = self.crop
            if crop is None:
                if height != width:
                    raise InputError("the driving frames are not square", expected="a crop", found=f"{width}x{height}")
                crop = SquareCrop(0, 0, width)
            color = resize(crop.cut(frame.color), self.size)
            if frame.depth is None:
                depth = self._landmark_depth(index, crop)
            else:
                depth = self._sensor_depth(frame.depth, crop, index)
            if self.normalization.convention == "skin":
                depth = np.where(openings(crop.to_crop(self._face(index), self.size), self.size), np.nan, depth)
            yield color, depth

    def _face(self, index: int) -> np.ndarray:
        if self.landmarks is None or index >= len(self.landmarks):
            raise InputError(
                "the driving clip has no depth and no face was followed",
                expected="landmarks of every frame",
                found=f"none for frame {index}",
            )
        return self.landmarks[index]

    def _landmark_depth(self, index: int, crop: SquareCrop) -> np.ndarray:
        from vfa.face.depth import depth_from_landmarks, metres_per_pixel
        from vfa.face.landmarks import FaceLandmarks

        face = FaceLandmarks(crop.to_crop(self._face(index), self.size), 1.0)
        if self._pixel_size is None:  # the first frame's, for the clip: the iris is a shaky ruler
            self._pixel_size = metres_per_pixel(face)
        return depth_from_landmarks(face, self.size, self.size, pixel_size=self._pixel_size)

    def _sensor_depth(self, depth: np.ndarray, crop: SquareCrop, index: int) -> np.ndarray:
        import cv2

        cut = crop.cut(depth, fill=np.nan)
        if self.crop is not None:  # an unprepared recording: what is behind the person is in it too
            box = self._box(index, crop)
            left, top, right, bottom = box
            near = cut[max(top, 0) : bottom, max(left, 0) : right]
            near = near[np.isfinite(near) & (near > 0)]
            if near.size:
                kept = foreground(cut, far=float(np.median(near)) + BEHIND, seed=box)
                cut = np.where(kept, cut, np.nan).astype(np.float32)
        cut = np.where(cut > 0, cut, np.nan).astype(np.float32)
        if cut.shape[0] == self.size:
            return cut
        if cut.shape[0] > self.size:
            return shrink_depth(cut, self.size)
        return cv2.resize(cut, (self.size, self.size), interpolation=cv2.INTER_NEAREST)

    def _box(self, index: int, crop: SquareCrop) -> tuple[int, int, int, int]:
        if self.landmarks is None:
            quarter = crop.side // 4
            return quarter, quarter, crop.side - quarter, crop.side - quarter
        points = crop.to_crop(self._face(index))[:, :2]
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return int(left), int(top), int(right) + 1, int(bottom) + 1


def face_size(landmarks: np.ndarray) -> float:
    """Longer side of the landmarks' box in pixels, the median over the clip [T, 478, 3]."""
    return float(np.median(np.ptp(np.asarray(landmarks)[:, :, :2], axis=1).max(axis=-1)))


def raised(convention: Convention) -> float:
    """How far the middle of a face lies below that of its picture, in picture heights."""
    return RAISED if convention == "skin" else 0.0


def openings(points: np.ndarray, size: int) -> np.ndarray:
    """Where open lids show the eyes and open lips the mouth, bool [size, size].

    Args:
        points: float32 [478, 3], the face in pixels of the picture.
        size: side of the picture in pixels.
    """
    from vfa.face.depth import opening_fans
    from vfa.render.rasterizer import rasterize

    vertices, triangles = opening_fans(points)
    vertices[:, 2] = 1.0
    return rasterize(vertices, triangles, size, size).mask


def followed_crop(
    landmarks: np.ndarray, width: int, height: int, convention: Convention = "range"
) -> SquareCrop | None:
    """The window for a clip: none for a square frame that a face fills already, else a square around the face's places.

    Args:
        landmarks: float32 [T, 478, 3], pixels.
        width, height: of the frames.
        convention: "skin" always cuts, so that the face is as large as in training.
    """
    points = np.asarray(landmarks)[:, :, :2]
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    face = face_size(landmarks)
    reach = float((high - low).max())
    if convention == "skin":
        side = max(face / FACE_SHARE, 1.1 * reach)
        return SquareCrop.centered((low + high) / 2 - (0, RAISED * side), side)
    if width == height and face > 0.4 * width:
        return None
    return SquareCrop.centered((low + high) / 2, max(MARGIN * face, reach))
