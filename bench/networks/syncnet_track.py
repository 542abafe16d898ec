"""Face tracks and mouth crops of SyncNet's pipeline, in memory: same constants, same geometry, no re-encoding.

Boxes are x1, y1, x2, y2 in pixels. The original writes every track as a video and reads it back as JPEG; here the crops
go straight to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

MIN_TRACK = 100
MIN_SIDE = 100.0
MAX_GAP = 25
MIN_IOU = 0.5
CROP_SCALE = 0.40
SIDE = 224
WINDOW = 5
MFCC_PER_WINDOW = 20
_BORDER = 110
_MEDIAN = 13


@dataclass(frozen=True)
class FaceTrack:
    """One face over consecutive frames.

    Attributes:
        frames: int64 [T], consecutive frame numbers.
        boxes: float64 [T,4], gaps filled linearly.
        detections: in how many of the frames the face was found.
    """

    frames: np.ndarray
    boxes: np.ndarray
    detections: int


def box_iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union [M] of a box [4] with others [M,4]; 0 for boxes without area."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    inter = np.maximum(sides, 0.0).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def track_faces(
    detections: Sequence[np.ndarray],
    *,
    min_track: int = MIN_TRACK,
    min_side: float = MIN_SIDE,
    first_frame: int = 0,
) -> list[FaceTrack]:
    """Chain detections of one shot greedily by overlap with the last box.

    A gap of more than 25 frames ends a track. Unlike the original, which changes lists while it walks over them, every
    track takes at most one face of a frame and no face is skipped.

    Args:
        detections: one array [M,>=4] per frame of the shot.
        min_track: a track is kept with more detections than this.
        min_side: ... and with a larger mean width or height, in pixels.
        first_frame: number of the shot's first frame.
    Returns:
        Tracks in order of their first frame.
    """
    found = [np.asarray(boxes, np.float64)[:, :4] if len(boxes) else np.zeros((0, 4)) for boxes in detections]
    free = [np.ones(len(boxes), bool) for boxes in found]
    tracks = []
    start = 0
    while start < len(found):
        places = np.flatnonzero(free[start])
        if not len(places):
            start += 1
            continue
        # Faces before `start` are all taken, so a new track begins here.
        numbers, chain = [start], [found[start][places[0]]]
        free[start][places[0]] = False
        for number in range(start + 1, len(found)):
            if number - numbers[-1] > MAX_GAP:
                break
            places = np.flatnonzero(free[number])
            if not len(places):
                continue
            overlaps = box_iou(chain[-1], found[number][places])
            best = int(np.argmax(overlaps))
            if overlaps[best] > MIN_IOU:
                numbers.append(number)
                chain.append(found[number][places[best]])
                free[number][places[best]] = False
        if len(chain) > min_track:
            track = _filled(np.array(numbers), np.stack(chain), first_frame)
            sides = (track.boxes[:, 2:] - track.boxes[:, :2]).mean(axis=0)
            if sides.max() > min_side:
                tracks.append(track)
    return sorted(tracks, key=lambda track: int(track.frames[0]))


def _filled(numbers: np.ndarray, boxes: np.ndarray, first_frame: int) -> FaceTrack:
    frames = np.arange(numbers[0], numbers[-1] + 1)
    filled = np.stack([np.interp(frames, numbers, boxes[:, k]) for k in range(4)], axis=1)
    return FaceTrack(frames + first_frame, filled, len(numbers))


def smooth_track(boxes: np.ndarray) -> np.ndarray:
    """Half side and centre of every crop, by a median over 13 frames (the ends are filled with zeros, as in scipy).

    Args:
        boxes: [T,4].
    Returns:
        float64 [T,3]: half of the longer side, centre x, centre y.
    """
    from scipy.signal import medfilt

    boxes = np.asarray(boxes, np.float64)
    half = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.stack([medfilt(series, _MEDIAN) for series in (half, centre[:, 0], centre[:, 1])], axis=1)


def crop_window(half: float, x: float, y: float) -> tuple[int, int, int, int, int]:
    """Rows and columns of a crop in the padded image.

    Args:
        half: half of the face's side; x, y: its centre. All in pixels.
    Returns:
        top, bottom, left, right (ends excluded) and the padding added to each side of the image.

    >>> top, bottom, left, right, padding = crop_window(60.0, 150.0, 160.0)
    >>> top - padding, bottom - padding, left - padding, right - padding
    (100, 268, 66, 234)
    """
    padding = int(half * (1 + 2 * CROP_SCALE))
    x, y = x + padding, y + padding
    top, bottom = int(y - half), int(y + half * (1 + 2 * CROP_SCALE))
    left, right = int(x - half * (1 + CROP_SCALE)), int(x + half * (1 + CROP_SCALE))
    return top, bottom, left, right, padding


def crop_lips(image: np.ndarray, half: float, x: float, y: float) -> np.ndarray:
    """Cut the lower face, grey outside the image, at 224x224.

    Args:
        image: uint8 [H,W,3].
        half, x, y: a row of `smooth_track`.
    Returns:
        uint8 [224,224,3]; grey throughout where the window lies outside the padded image.
    """
    import cv2

    top, bottom, left, right, padding = crop_window(half, x, y)
    height, width = (side + 2 * padding for side in image.shape[:2])
    # Slices of the padded image, without making it: ends beyond it are cut as a slice cuts them.
    top, bottom, left, right = max(top, 0), min(bottom, height), max(left, 0), min(right, width)
    crop = np.full((max(bottom - top, 1), max(right - left, 1), 3), _BORDER, np.uint8)
    top, bottom, left, right = (value - padding for value in (top, bottom, left, right))
    y1, y2, x1, x2 = max(top, 0), min(bottom, image.shape[0]), max(left, 0), min(right, image.shape[1])
    if y2 > y1 and x2 > x1:
        crop[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
    return cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def lip_windows(crops: np.ndarray) -> Tensor:
    """Windows of five frames, one per frame but for the last five (the original drops one that would be valid).

    Args:
        crops: uint8 [T,224,224,3] RGB.
    Returns:
        float32 [T-5,3,5,224,224], BGR in 0..255.
    """
    frames = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1].transpose(3, 0, 1, 2))).float()
    count = max(len(crops) - WINDOW, 0)
    if count == 0:
        return frames.new_zeros((0, 3, WINDOW, *crops.shape[1:3]))
    return frames.unfold(1, WINDOW, 1)[:, :count].permute(1, 0, 4, 2, 3).contiguous()


def audio_windows(mfcc: np.ndarray, count: int) -> Tensor:
    """Windows of 20 MFCC columns, four columns a video frame.

    Args:
        mfcc: float [M,13], 100 a second.
        count: number of lip windows.
    Returns:
        float32 [count,1,13,20]; fewer where the sound ends early.
    """
    starts = range(0, 4 * count, 4)
    windows = [mfcc[i : i + MFCC_PER_WINDOW].T for i in starts if i + MFCC_PER_WINDOW <= len(mfcc)]
    if not windows:
        return torch.zeros((0, 1, mfcc.shape[1], MFCC_PER_WINDOW))
    return torch.from_numpy(np.stack(windows).astype(np.float32))[:, None]
