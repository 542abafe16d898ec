"""SyncNet's pipeline in memory: faces by S3FD, tracks, mouth crops and their embeddings; embeddings of the sound."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from bench.features.audio import mfcc
from bench.features.base import AudioExtractor, Chunk, Extractor, VideoInfo
from bench.features.network_base import SteadyRate, device, open_on_device, single_threaded
from bench.features.registry import register_extractor

if TYPE_CHECKING:
    from bench.networks.syncnet_track import FaceTrack

SHORT_TRACK = 25
BATCH = 8
DETECTED_PIXELS = 1 << 21
AUDIO_BATCH = 64
SAMPLES_PER_FRAME = 640
SCENE_THRESHOLD = 30.0
SHORTEST_SCENE = 15


def embed_lips(network: Any, crop: Callable[[int], np.ndarray], length: int) -> np.ndarray:
    """SyncNet's embeddings float32 [T-5,1024] of a track of T frames, of which only a few are held at a time.

    Args:
        crop: the mouth crop uint8 [224,224,3] of a frame of the track by its place. length: T.
    """
    from bench.networks.syncnet_track import WINDOW, lip_windows

    parts, crops = [], [crop(place) for place in range(min(WINDOW, length))]
    for start in range(0, max(length - WINDOW, 0), BATCH):
        crops += [crop(place) for place in range(start + WINDOW, min(start + BATCH + WINDOW, length))]
        windows = lip_windows(np.stack(crops))
        parts.append(np.asarray(network(lip=windows.to(device()))["lip"].cpu()))
        crops = crops[-WINDOW:]
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
    """Lip embeddings of the face tracks at 25 fps.

    `sync_lips` `[N, 1024]`, the tracks one after another; `sync_tracks` `[K, 3]`: first frame of a track at 25 fps, its
    number of windows, in how many frames its face was found. Tracks count from more than 100 such frames on, as in the
    original; only where a video has none, those of more than 25 do. Smaller faces than 100 pixels never count.
    """

    name = "sync_lips"
    version = 2
    provides = ("sync_lips", "sync_tracks")
    weights = ("syncnet", "s3fd")
    cost = 900.0
    _spool: _Spool | None = None

    def start(self, info: VideoInfo) -> None:
        self._network, self._detector = open_on_device("syncnet"), open_on_device("s3fd")
        self._spool = _Spool()
        self._steady = SteadyRate()
        self._duration = 1.0 / float(info.rate)
        self._batch = int(np.clip(DETECTED_PIXELS // (info.width * info.height), 1, BATCH))
        self._cuts = SceneCuts()
        self._waiting: list[tuple[np.ndarray, int]] = []
        self._boxes: list[np.ndarray] = []
        self._kept: list[int] = []

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Faces of frames of one size, float [M,5] each."""
        from bench.networks.s3fd import detect_in_frames

        return detect_in_frames(self._detector, frames)

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for frame, time in zip(chunk["frames"], chunk.times, strict=True):
            self._show(*self._steady.push(frame, float(time)))
        return {}

    def _show(self, frame: Any, times: int) -> None:
        if times == 0:
            return
        assert self._spool is not None
        self._kept += [self._spool.add(frame)] * times
        for _ in range(times):
            self._cuts.push(frame)
        # A copy: the frame is a row of a chunk, which would stay in memory as long as the frame waits.
        self._waiting.append((frame.copy(), times))
        if len(self._waiting) == self._batch:
            self._detect()

    def _detect(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            for boxes, (_, times) in zip(self.detect([frame for frame, _ in waiting]), waiting, strict=True):
                self._boxes += [boxes] * times

    def _tracks(self) -> list[FaceTrack]:
        """The tracks of all shots that count."""
        from bench.networks.syncnet_track import MIN_TRACK, track_faces

        borders = [*self._cuts.starts, len(self._boxes)]
        for least in (MIN_TRACK, SHORT_TRACK):
            tracks = [
                track
                for start, end in zip(borders[:-1], borders[1:], strict=True)
                for track in track_faces(self._boxes[start:end], min_track=least, first_frame=start)
            ]
            if tracks:
                return tracks
        return []

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        self._show(*self._steady.end(self._duration))
        self._detect()
        lips, table = [], []
        for track in self._tracks():
            rows = embed_lips(self._network, self._cropper(track), len(track.frames))
            lips.append(rows)
            table.append((float(track.frames[0]), float(len(rows)), float(track.detections)))
        return {
            "sync_lips": np.concatenate(lips) if lips else np.zeros((0, 1024), np.float32),
            "sync_tracks": np.array(table, np.float64).reshape(-1, 3),
        }

    def _cropper(self, track: FaceTrack) -> Callable[[int], np.ndarray]:
        """Mouth crops of a track by place."""
        from bench.networks.syncnet_track import crop_lips, smooth_track

        smooth = smooth_track(track.boxes)

        def crop(place: int) -> np.ndarray:
            assert self._spool is not None
            return crop_lips(self._spool.get(self._kept[track.frames[place]]), *smooth[place])

        return crop

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self._network = self._detector = None
        self._waiting = []


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
