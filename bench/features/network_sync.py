"""SyncNet's pipeline in memory: faces by S3FD, tracks, mouth crops and their embeddings; embeddings of the sound."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

from bench.features.audio import mfcc
from bench.features.base import AudioExtractor, Chunk, Extractor, VideoInfo
from bench.features.network_base import SteadyRate, device, open_on_device, single_threaded
from bench.features.registry import register_extractor

SHORT_TRACK = 25
BATCH = 8
AUDIO_BATCH = 64
SAMPLES_PER_FRAME = 640
SCENE_THRESHOLD = 30.0
SHORTEST_SCENE = 15


def embed_lips(network: Any, crops: np.ndarray) -> np.ndarray:
    """SyncNet's embeddings float32 [T-5,1024] of mouth crops uint8 [T,224,224,3]."""
    from bench.networks.syncnet_track import WINDOW, lip_windows

    parts = []
    for start in range(0, max(len(crops) - WINDOW, 0), BATCH):
        windows = lip_windows(crops[start : start + BATCH + WINDOW])
        parts.append(np.asarray(network(lip=windows.to(device()))["lip"].cpu()))
    return np.concatenate(parts) if parts else np.zeros((0, 1024), np.float32)


class SceneCuts:
    """Hard cuts by the mean change of hue, saturation and value, as PySceneDetect's content detector finds them."""

    def __init__(self) -> None:
        self._previous: np.ndarray | None = None
        self.starts = [0]
        self._count = 0

    def push(self, frame: np.ndarray) -> None:
        """Takes the next frame, uint8 [H,W,3] RGB."""
        import cv2

        step = max(1, frame.shape[1] // 256)
        hsv = cv2.cvtColor(np.ascontiguousarray(frame[::step, ::step]), cv2.COLOR_RGB2HSV).astype(np.int32)
        if self._previous is not None:
            change = float(np.abs(hsv - self._previous).mean(axis=(0, 1)).mean())
            if change >= SCENE_THRESHOLD and self._count - self.starts[-1] >= SHORTEST_SCENE:
                self.starts.append(self._count)
        self._previous = hsv
        self._count += 1


class _Spool:
    """Frames kept without loss in a temporary file until the tracks are known."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="bench-frames-")  # noqa: SIM115
        self._places: list[tuple[int, int]] = []

    def add(self, frame: np.ndarray) -> int:
        import cv2

        data = cv2.imencode(".png", frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
        self._places.append((self._file.seek(0, 2), len(data)))
        self._file.write(data)
        return len(self._places) - 1

    def get(self, number: int) -> np.ndarray:
        import cv2

        place, length = self._places[number]
        self._file.seek(place)
        return cv2.imdecode(np.frombuffer(self._file.read(length), np.uint8), cv2.IMREAD_COLOR)

    def close(self) -> None:
        self._file.close()


@register_extractor
class SyncLips(Extractor):
    """Lip embeddings of all face tracks at 25 fps.

    `sync_lips` `[N, 1024]`, the tracks one after another; `sync_tracks` `[K, 3]`: first frame of a track at 25 fps, its
    number of windows, its number of frames. Tracks of more than 25 frames are kept; the metric chooses.
    """

    name = "sync_lips"
    provides = ("sync_lips", "sync_tracks")
    weights = ("syncnet", "s3fd")
    cost = 900.0
    _spool: _Spool | None = None

    def start(self, info: VideoInfo) -> None:
        self._network, self._detector = open_on_device("syncnet"), open_on_device("s3fd")
        self._spool = _Spool()
        self._steady = SteadyRate()
        self._duration = 1.0 / float(info.rate)
        self._cuts = SceneCuts()
        self._boxes: list[np.ndarray] = []
        self._kept: list[int] = []

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Faces of a frame, float [M,5]."""
        from bench.networks.s3fd import detect_faces

        return detect_faces(self._detector, frame)

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for frame, time in zip(chunk["frames"], chunk.times, strict=True):
            self._show(*self._steady.push(frame, float(time)))
        return {}

    def _show(self, frame: Any, times: int) -> None:
        if times == 0:
            return
        assert self._spool is not None
        boxes, number = self.detect(frame), self._spool.add(frame)
        for _ in range(times):
            self._cuts.push(frame)
            self._boxes.append(boxes)
            self._kept.append(number)

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        from bench.networks.syncnet_track import track_faces

        self._show(*self._steady.end(self._duration))
        lips, table = [], []
        borders = [*self._cuts.starts, len(self._boxes)]
        for start, end in zip(borders[:-1], borders[1:], strict=True):
            for track in track_faces(self._boxes[start:end], min_track=SHORT_TRACK, first_frame=start):
                rows = embed_lips(self._network, self._crops(track.frames, track.boxes))
                lips.append(rows)
                table.append((float(track.frames[0]), float(len(rows)), float(len(track.frames))))
        return {
            "sync_lips": np.concatenate(lips) if lips else np.zeros((0, 1024), np.float32),
            "sync_tracks": np.array(table, np.float64).reshape(-1, 3),
        }

    def _crops(self, frames: Sequence[int] | np.ndarray, boxes: np.ndarray) -> np.ndarray:
        from bench.networks.syncnet_track import crop_lips, smooth_track

        assert self._spool is not None
        smooth = smooth_track(boxes)
        places = [self._kept[frame] for frame in frames]
        return np.stack([crop_lips(self._spool.get(p), *row) for p, row in zip(places, smooth, strict=True)])

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self._network = self._detector = None


@register_extractor
class SyncAudio(AudioExtractor):
    """SyncNet's embeddings of the sound, one per video frame at 25 fps but for the last five, `sync_audio` `[M, 1024]`.

    MFCC are taken over the whole sound; the original takes them anew for each track, which differs only in the first
    of their frames (its pre-emphasis).
    """

    name = "sync_audio"
    provides = ("sync_audio",)
    weights = ("syncnet",)
    cost = 1.0

    @single_threaded
    def extract(self, samples: np.ndarray) -> Mapping[str, np.ndarray]:
        from bench.networks.syncnet_track import WINDOW, audio_windows

        network = open_on_device("syncnet")
        count = max(len(samples) // SAMPLES_PER_FRAME - WINDOW, 0)
        windows = audio_windows(mfcc(np.asarray(samples, np.float64) * 32768), count)
        parts = [
            np.asarray(network(audio=windows[i : i + AUDIO_BATCH].to(device()))["audio"].cpu())
            for i in range(0, len(windows), AUDIO_BATCH)
        ]
        return {"sync_audio": np.concatenate(parts) if parts else np.zeros((0, 1024), np.float32)}
