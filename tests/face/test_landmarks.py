"""The MediaPipe interface: silence, errors, small faces, closing; on real portraits where they are present."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.face import topology
from vfa.face.landmarks import FaceLandmarker, pad_square

REAL = Path(__file__).parents[2].parent / "shared" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real portraits here")


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker(static=True) as one:
        yield one


@pytest.fixture(scope="module")
def portrait():
    cv2 = pytest.importorskip("cv2")
    return np.ascontiguousarray(cv2.imread(str(REAL / "portrait_s9.jpg"))[..., ::-1])


def test_no_face_is_none(landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    assert landmarker.detect(noise) is None
    assert landmarker.detect_all(np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "rgba", "float", "empty"],
)
def test_not_an_image(landmarker, image):
    with pytest.raises(InputError, match="uint8 RGB"):
        landmarker.detect(image)


def test_settings_and_closing():
    with pytest.raises(InputError):
        FaceLandmarker(min_confidence=0)
    with pytest.raises(InputError):
        FaceLandmarker(max_faces=0)
    landmarker = FaceLandmarker()
    landmarker.close()
    landmarker.close()
    with pytest.raises(RuntimeError, match="closed"):
        landmarker.detect(np.zeros((8, 8, 3), np.uint8))


def test_nothing_is_written_to_the_terminal():
    code = (
        "import numpy as np\n"
        "from vfa.face.landmarks import FaceLandmarker\n"
        "with FaceLandmarker(static=True) as f: f.detect(np.zeros((200, 100, 3), np.uint8))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_package_stays_light():
    code = "import sys, vfa.face.landmarks, vfa.face.tracking, vfa.face.depth; print('mediapipe' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "False"


def test_square_padding_keeps_pixels():
    image = np.random.default_rng(1).integers(0, 256, (5, 9, 3), np.uint8)
    square = pad_square(image)
    assert square.shape == (9, 9, 3) and (square[5:] == 0).all()
    np.testing.assert_array_equal(square[:5], image)


@needs_real
def test_landmarks_are_where_a_face_has_them(landmarker, portrait):
    face = landmarker.detect(portrait)
    p = face.points
    assert p.shape == (478, 3) and p.dtype == np.float32 and 0 < face.score <= 1
    assert p[10, 1] < p[168, 1] < p[1, 1] < p[13, 1] <= p[14, 1] + 2 < p[152, 1]  # forehead, nose, lips, chin
    assert p[33, 0] < p[133, 0] < p[362, 0] < p[263, 0]  # the subject's right eye is on the left of the image
    assert p[1, 2] < p[234, 2] and p[1, 2] < p[454, 2]  # the nose is nearer than the ears
    for iris, eye in ((topology.RIGHT_IRIS, topology.RIGHT_EYE), (topology.LEFT_IRIS, topology.LEFT_EYE)):
        low, high = p[list(eye), :2].min(0), p[list(eye), :2].max(0)
        assert (p[iris[0], :2] > low - 3).all() and (p[iris[0], :2] < high + 3).all()


@needs_real
@pytest.mark.parametrize("scale", [0.5, 0.2, 0.1])
def test_small_faces_are_found_where_they_are(landmarker, portrait, scale):
    import cv2

    reference = landmarker.detect(portrait)
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = np.full((1024, 1280, 3), 90, np.uint8)
    image[200 : 200 + small.shape[0], 700 : 700 + small.shape[1]] = small
    face = landmarker.detect(image)
    assert face is not None
    found = (face.points[:, :2] - (700, 200)) / scale
    eyes = np.linalg.norm(reference.points[33, :2] - reference.points[263, :2])
    assert np.linalg.norm(found - reference.points[:, :2], axis=1).mean() < 0.06 * eyes


@needs_real
def test_two_faces_largest_first(portrait):
    import cv2

    half = cv2.resize(portrait, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    image = np.full((1280, 1280, 3), 90, np.uint8)
    image[:, :720] = portrait
    image[: half.shape[0], 760 : 760 + half.shape[1]] = half
    with FaceLandmarker(static=True, max_faces=2) as landmarker:
        faces = landmarker.detect_all(image)
    assert len(faces) == 2 and faces[0].size > 1.3 * faces[1].size
    assert faces[0].center[0] < 720 < faces[1].center[0]
