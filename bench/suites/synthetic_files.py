"""The files of the synthetic suite: sources, recordings of drivers, and the truth of every sample."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.store import read_arrays, write_arrays, write_bytes, write_text
from bench.suites.synthetic import Plan, Recipe, driving_scene, source_scene, truth_scene

if TYPE_CHECKING:
    from dataset.scenes import Scene

SOUND_RATE = 16000
LIPS, UPPER = slice(48, 68), slice(17, 48)
LIP_GAP = (62, 66)
"""The 68 landmarks: the lips; brows, nose and lids; the middle of the inner lips."""
LIP_REACH, UPPER_REACH = 0.08, 0.16
"""Model units (a face is about 2 across) around a landmark that count as its region."""
STABLE, LIP_STEP, UPPER_STEP, FACE_STEP = 200, 4, 16, 24
"""How many points of the skull are watched; every so-manieth vertex of lips, upper face and the rest of the face is."""

LARGE = 512
"""Side in pixels of the pictures on which is found what shows."""


@dataclass(frozen=True)
class Job:
    """Something to be made: `source`, `driving` or `truth` of a plan."""

    what: str
    recipe: Recipe
    folder: Path
    plan: Plan


def make_files(job: Job, tell: Callable[[Any], None]) -> bool:
    """Makes the files of a job that are not there; for `bench.pool.run_jobs`."""
    if job.what == "source":
        _make_source(job)
    elif job.what == "driving":
        _make_driving(job)
    else:
        _make_truth(job)
    return True


def _make_source(job: Job) -> None:
    folder, name = job.folder / "sources", f"p{job.plan.source:03d}"
    paths = {kind: folder / f"{name}.{kind}" for kind in ("png", "npy", "view.json", "points.npz")}
    if all(path.is_file() for path in paths.values()):
        return
    from bench.methods.pictures import write_picture

    scene = source_scene(job.recipe, job.plan.source)
    write_picture(paths["png"], scene.render(0, scene.renderer()).color)
    coefficients = np.zeros(257, np.float32)
    coefficients[:80], coefficients[144:224] = scene.person.identity, scene.person.texture
    buffer = io.BytesIO()
    np.save(buffer, coefficients, allow_pickle=False)
    write_bytes(paths["npy"], buffer.getvalue())
    view = {"camera": scene.camera.to_dict(), "light": np.asarray(scene.gamma).tolist(), "background": [0, 0, 0]}
    write_text(paths["view.json"], json.dumps(view, indent=1) + "\n")
    write_arrays(paths["points.npz"], watched_points(scene))


def watched_points(scene: Scene) -> dict[str, np.ndarray]:
    """The surface points of a person whose motion is scored.

    Returns:
        index int64 [S], vertices of the head; and in terms of these points: stable int64 [R], on the skull, which no
        expression moves; lips, upper int64; lip_gap int64 [2]; neutral [S,3] at rest in millimetres; at_rest [S,2]
        pixels. Of the whole head: keypoints int64 [68], landmarks_at_rest [68,2] pixels, n_vertices, mm_per_unit.
    """
    from scipy.spatial import cKDTree

    from dataset.scenes import head

    model = head()
    rest = scene.vertices(0).astype(np.float64)
    skin = np.asarray(model.groups["skin"])
    shown = skin[shown_in_speech(scene)[skin]]
    moves = np.abs(np.asarray(model.ex_base).reshape(len(rest), 3, -1)).max(axis=(1, 2))
    stable = skin[moves[skin] < 1e-6]
    keypoints = np.asarray(model.keypoints)
    lip_distance, _ = cKDTree(rest[keypoints[LIPS]]).query(rest[shown])
    upper_distance, _ = cKDTree(rest[keypoints[UPPER]]).query(rest[shown])
    face = shown[moves[shown] >= 1e-6]
    lips = shown[(lip_distance < LIP_REACH) & (lip_distance < upper_distance)][::LIP_STEP]
    upper = shown[(upper_distance < UPPER_REACH) & (upper_distance < lip_distance)][::UPPER_STEP]
    pair = keypoints[list(LIP_GAP)]
    skull = stable[:: max(1, len(stable) // STABLE)]
    index = np.unique(np.concatenate([skull, lips, upper, pair, face[::FACE_STEP]]))

    def rows(vertices: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(index, vertices))

    unit = float(model.mm_per_unit)
    return {
        "index": index,
        "stable": rows(stable),
        "lips": rows(lips),
        "upper": rows(upper),
        "lip_gap": np.searchsorted(index, pair),
        "neutral": rest[index] * unit,
        "at_rest": scene.camera.project(rest[index])[:, :2],
        "keypoints": keypoints,
        "landmarks_at_rest": scene.camera.project(rest[keypoints])[:, :2],
        "n_vertices": np.array(len(rest)),
        "mm_per_unit": np.array(unit),
    }


def shown_in_speech(scene: Scene) -> np.ndarray:
    """Which vertices a camera in front of the person sees at rest or in some mouth shapes, bool [V]; what never shows
    (the inside of the mouth, of the lids) is nobody's to get right."""
    from BFM.expressions import expression_index
    from BFM.performances import VISEMES
    from dataset.scenes import head
    from vfa.render import frame_mesh

    triangles = head().triangles
    camera = frame_mesh(scene.vertices(0), width=LARGE, height=LARGE)
    shown = np.zeros(len(scene.vertices(0)), bool)
    for viseme in ("rest", "ah", "ee", "oo"):
        expression = np.zeros_like(scene.performance.expression[:1])
        for unit, strength in VISEMES[viseme].items():
            expression[:, list(expression_index(unit))] = strength
        posed = replace(scene, camera=camera, performance=replace(scene.performance, expression=expression))
        seen = posed.maps(0, posed.renderer(supersample=1)).triangle
        shown[triangles[seen[seen >= 0]]] = True
    return shown


def _make_driving(job: Job) -> None:
    from dataset.synthesis import write_scene

    folder, name = job.folder / "driving", job.plan.driving
    note = {"person": job.plan.driver, "clip": job.plan.clip}
    scene = driving_scene(job.recipe, job.plan.driver, job.plan.clip)
    write_scene(lambda: scene, folder, name, job.recipe.options(), note)
    sound = folder / "sound" / f"{name}.wav"
    if not sound.is_file():
        write_bytes(sound, voice(scene))
    face = folder / "face" / f"{name}.npz"
    if not face.is_file():
        write_arrays(face, {"driver": face_shape(folder / "color" / f"{name}.mp4")})


def voice(scene: Scene) -> bytes:
    """A hum as loud as the mouth is open, as a .wav file: sound that belongs to the lips.

    Returns:
        16-bit mono at 16 kHz, as long as the scene.
    """
    from dataset.scenes import head

    keypoints = np.asarray(head().keypoints)[list(LIP_GAP)]
    gap = np.array([np.linalg.norm(np.diff(scene.vertices(f)[keypoints], axis=0)) for f in range(scene.n_frames)])
    gap = np.clip((gap - gap.min()) / max(float(np.ptp(gap)), 1e-9), 0, 1)
    count = round(scene.n_frames / scene.rate * SOUND_RATE)
    time = np.arange(count) / SOUND_RATE
    loud = np.interp(time, np.arange(scene.n_frames) / float(scene.rate), gap)
    hum = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in (1, 2, 3, 5, 8))
    samples = np.round(9000 * loud * hum).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def face_shape(video: Path) -> np.ndarray:
    """The person's face in a clip as a detector sees it: float32 [478,3], each frame laid over the first face found
    (rotation, scale and shift taken away), then the median; NaN where no face is found in any frame."""
    from vfa.face.landmarks import FaceLandmarker
    from vfa.media import open_clip

    found = []
    with FaceLandmarker() as landmarker, open_clip(video, with_depth=False) as clip:
        for frame in clip:
            face = landmarker.detect(frame.color)
            if face is not None:
                found.append(face.points.astype(np.float64))
    if not found:
        return np.full((478, 3), np.nan, np.float32)
    from bench.metrics.functional.truth import mean_shape

    return mean_shape(np.stack(found)).astype(np.float32)


def _make_truth(job: Job) -> None:
    from bench.methods.motion import MotionRecorder
    from dataset.scenes import head
    from dataset.synthesis import write_scene

    folder, plan = job.folder / "truth", job.plan
    scene = truth_scene(job.recipe, plan)
    note = {"person": plan.source, "clip": plan.clip, "driver": plan.driver}
    write_scene(lambda: scene, folder, plan.id, job.recipe.options(), note)
    path = folder / "motion" / f"{plan.id}.npz"
    if path.is_file():
        return
    points = job.folder / "sources" / f"p{plan.source:03d}.points.npz"
    about = read_arrays(points)
    if about is None:
        _make_source(Job("source", job.recipe, job.folder, plan))
        about = read_arrays(points)
        assert about is not None
    recorder = MotionRecorder(points, scene.camera)
    # Small pictures have fewer pixels than the head has triangles: what shows is found on a larger one.
    large = replace(scene, camera=scene.camera.scaled(max(1.0, LARGE / job.recipe.size)))
    renderer, triangles, seen = large.renderer(supersample=1), head().triangles, []
    for frame in range(scene.n_frames):
        vertices = scene.vertices(frame)
        recorder.add(vertices)
        raster = large.maps(frame, renderer)
        shown = np.zeros(len(vertices), bool)
        shown[triangles[raster.triangle[raster.triangle >= 0]]] = True
        seen.append(shown[about["index"]])
    regions = {name: about[name] for name in ("lips", "upper", "lip_gap", "neutral", "at_rest")}
    recorder.write(path, scene.rate, visible=np.stack(seen), **regions)
