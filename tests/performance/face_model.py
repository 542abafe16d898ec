"""How well a face tracker sees the built-in head: detection over random heads, and tracking of single expressions.

python tests/performance/face_model.py --detection 300
python tests/performance/face_model.py --tracking 6
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from BFM import load_model
from BFM.expressions import expression
from BFM.model import MorphableModel
from BFM.sampling import sample_expression, sample_person
from vfa.face.landmarks import FaceLandmarker
from vfa.render import Appearance, Camera, Light, render_mesh

SIZE = 256
EYES = (33, 263)  # outer corners


def picture(
    model: MorphableModel,
    vertices: np.ndarray,
    colors: np.ndarray,
    angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
    zoom: float = 1.0,
    light: Light | None = None,
    background: np.ndarray | tuple[int, int, int] = (0, 0, 0),
    size: int = SIZE,
) -> tuple[np.ndarray, np.ndarray]:
    """Render a head turned by (pitch, yaw, roll) degrees. Returns the picture and the projected iBUG landmarks."""
    turned = model.pose(vertices, np.radians(angles), np.zeros(3))
    camera = Camera(focal=1000 * size / SIZE * 0.95 * zoom, principal=(size / 2, size / 2), width=size, height=size)
    shown = render_mesh(
        turned, model.triangles, Appearance(vertex_colors=colors), camera, light=light, background=background
    )
    return shown.color, camera.project(model.landmarks(turned))[:, :2]


def random_light(rng: np.random.Generator) -> Light:
    """A lamp at azimuth +-70 and elevation -15..65 degrees over some ambient light."""
    azimuth, elevation = np.radians(rng.uniform(-70, 70)), np.radians(rng.uniform(-15, 65))
    direction = (np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation))
    ambient = rng.uniform(0.3, 0.7)
    return Light.lamps([(tuple(map(float, direction)), 1.15 - ambient)], ambient=ambient)


def random_views(
    model: MorphableModel, count: int, seed: int, spread: float = 1.0, turn: float = 1.0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures of random people with random expressions, poses, lights and backgrounds, and their landmarks."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        person = sample_person(model, rng, spread=spread)
        vertices = model.vertices(person.identity, sample_expression(rng), gaze=tuple(rng.normal(0, 0.15, 2)))
        angles = (turn * rng.uniform(-20, 20), turn * rng.uniform(-30, 30), rng.uniform(-10, 10))
        back = rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8) if k % 2 else (0, 0, 0)
        yield picture(
            model, vertices, model.colors(person.texture), angles, rng.uniform(0.65, 1.0), random_light(rng), back
        )


def measure_detection(
    model: MorphableModel, count: int, seed: int, spread: float, turn: float
) -> tuple[float, np.ndarray]:
    """Share of detected faces and the mean landmark error of each over the outer-eye distance."""
    from vfa.face.topology import IBUG68

    found, errors = 0, []
    inner = np.arange(17, 68)
    with FaceLandmarker(static=True) as tracker:
        for image, truth in random_views(model, count, seed, spread, turn):
            seen = tracker.detect(image)
            if seen is None:
                continue
            found += 1
            points = seen.points[list(IBUG68), :2]
            errors.append(np.linalg.norm(points - truth, axis=1)[inner].mean() / np.linalg.norm(truth[36] - truth[45]))
    return found / count, np.array(errors)


def features(points: np.ndarray) -> dict[str, float]:
    """Lip gap, mouth width, eye openings and brow heights over the outer-eye distance."""
    p = points[:, :2]
    unit = np.linalg.norm(p[EYES[0]] - p[EYES[1]])

    def distance(a: int, b: int) -> float:
        return float(np.linalg.norm(p[a] - p[b]) / unit)

    return {
        "lip gap": distance(13, 14),
        "mouth width": distance(61, 291),
        "left eye": distance(386, 374),
        "right eye": distance(159, 145),
        "outer brow": (distance(334, 386) + distance(105, 159)) / 2,
        "inner brow": (distance(336, 362) + distance(107, 133)) / 2,
    }


UNITS = (
    ("jawOpen", "lip gap"),
    ("mouthSmile", "mouth width"),
    ("mouthPucker", "mouth width"),
    ("mouthStretch", "mouth width"),
    ("mouthFunnel", "mouth width"),
    ("eyeBlinkLeft", "left eye"),
    ("eyeBlinkRight", "right eye"),
    ("eyeWide", "left eye"),
    ("eyeSquint", "left eye"),
    ("browOuterUp", "outer brow"),
    ("browInnerUp", "inner brow"),
    ("browDown", "inner brow"),
)


def measure_tracking(model: MorphableModel, heads: int, seed: int) -> dict[str, tuple[float, float, float]]:
    """Per unit: the feature at 0 and at 1, and the mean rank correlation with the coefficient over random heads."""
    from scipy.stats import spearmanr

    rng = np.random.default_rng(seed)
    people = [sample_person(model, rng) for _ in range(heads)]
    levels = np.linspace(0, 1, 9)
    results = {}
    with FaceLandmarker(static=True) as tracker:
        for unit, feature in UNITS:
            ranks, ends = [], []
            for person in people:
                values = []
                for level in levels:
                    vertices = model.vertices(person.identity, expression(**{unit: float(level)}))
                    image, _ = picture(model, vertices, model.colors(person.texture))
                    seen = tracker.detect(image)
                    values.append(np.nan if seen is None else features(seen.points)[feature])
                ranks.append(float(spearmanr(levels, values, nan_policy="omit")[0]))
                ends.append((values[0], values[-1]))
            start, end = np.nanmean(ends, axis=0)
            results[f"{unit}: {feature}"] = (float(start), float(end), float(np.mean(ranks)))
    return results


def main() -> None:
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detection", type=int, default=0, metavar="N", help="random pictures to detect")
    parser.add_argument("--tracking", type=int, default=0, metavar="HEADS", help="random heads to track")
    parser.add_argument("--spread", type=float, default=1.0, help="standard deviations of identity")
    parser.add_argument("--turn", type=float, default=1.0, help="1: yaw +-30, pitch +-20 degrees")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = load_model()
    if args.detection:
        share, errors = measure_detection(model, args.detection, args.seed, args.spread, args.turn)
        print(
            f"detected {share:.4f} of {args.detection}; landmark error over the outer-eye distance: "
            f"median {np.median(errors):.4f}, 99th percentile {np.percentile(errors, 99):.4f}"
        )
    if args.tracking:
        for name, (start, end, rank) in measure_tracking(model, args.tracking, args.seed).items():
            print(f"{name:32s} {start:.3f} -> {end:.3f}   rank correlation {rank:+.2f}")


if __name__ == "__main__":
    main()
