"""Faces that are missing, small, turned, cut off or many; portraits that are no portraits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vfa.avatar import load_avatar
from vfa.avatar.photo import read_photo
from vfa.errors import DecodeError, InputError
from vfa.face.landmarks import FaceLandmarker
from vfa.face.tracking import DetectionStatistics, track

REAL = Path(__file__).parents[2].parent / "shared" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real portraits here")


@dataclass(frozen=True)
class StubFrame:
    index: int
    time: Fraction
    color: np.ndarray


def clip(images):
    for index, image in enumerate(images):
        yield StubFrame(index, Fraction(index, 25), image)


@pytest.fixture(scope="module")
def portrait():
    import cv2

    photo = read_photo(REAL / "portrait_s2.jpg")[400:1400, 500:1500]
    return cv2.resize(photo, (320, 320), interpolation=cv2.INTER_AREA)


@pytest.fixture
def landmarker():
    with FaceLandmarker(max_faces=2) as one:
        yield one


def test_a_clip_without_a_face_is_an_error(landmarker):
    with pytest.raises(InputError, match="no face found") as caught:
        list(track(clip([np.zeros((90, 120, 3), np.uint8)] * 3), landmarker))
    assert caught.value.exit_code == 3 and "3 frames" in str(caught.value)


@needs_real
def test_faces_in_some_frames_only(landmarker, portrait):
    blank = np.full_like(portrait, 127)
    images = [blank, portrait, portrait, blank, blank, portrait]
    statistics = DetectionStatistics()
    tracked = list(track(clip(images), landmarker, missing="interpolate", statistics=statistics))
    assert [item.detected for item in tracked] == [False, True, True, False, False, True]
    assert statistics.rate == 0.5 and all(item.landmarks is not None for item in tracked)


@needs_real
def test_a_face_that_leaves_the_frame(landmarker, portrait):
    images = [np.roll(portrait, shift, axis=1) * (np.arange(320) >= shift)[None, :, None].astype(np.uint8)
              for shift in range(0, 320, 20)]  # fmt: skip
    tracked = list(track(clip(images), landmarker))
    assert tracked[0].detected and tracked[5].detected and not tracked[-1].detected
    beyond = [item for item in tracked if item.detected and item.landmarks.points[:, 0].max() > 320]
    assert beyond, "a face on the border has landmarks outside the image"
    assert all(np.isfinite(item.landmarks.points).all() for item in tracked)


@needs_real
def test_two_people_stay_apart(portrait):
    import cv2

    small = cv2.resize(portrait, (200, 200), interpolation=cv2.INTER_AREA)
    images = []
    for step in range(6):
        image = np.full((340, 640, 3), 127, np.uint8)
        image[10:330, 5 * step : 320 + 5 * step] = portrait
        image[60:260, 420:620] = small
        images.append(image)
    with FaceLandmarker(max_faces=2) as landmarker:
        centers = [item.landmarks.center[0] for item in track(clip(images), landmarker)]
    np.testing.assert_allclose(np.diff(centers), 5, atol=2.5)
    assert max(centers) < 320


@needs_real
@pytest.mark.parametrize("turn", [15, -15])
def test_tilted_and_squeezed_faces_are_found(portrait, turn):
    """A profile is imitated by squeezing; what matters is finite landmarks or an honest None."""
    import cv2

    tilted = cv2.warpAffine(portrait, cv2.getRotationMatrix2D((160, 160), turn, 0.8), (320, 320))
    with FaceLandmarker(static=True) as landmarker:
        face = landmarker.detect(tilted)
        assert face is not None
        eyes = face.points[263, :2] - face.points[33, :2]
        assert np.degrees(np.arctan2(-eyes[1], eyes[0])) == pytest.approx(turn, abs=5)
        thin = np.full((320, 320, 3), 127, np.uint8)
        thin[:, 130:190] = cv2.resize(portrait, (60, 320))
        face = landmarker.detect(thin)
        assert face is None or np.isfinite(face.points).all()


@needs_real
def test_a_face_touching_the_border(portrait):
    with FaceLandmarker(static=True) as landmarker:
        whole = landmarker.detect(portrait)
        top = int(whole.box[1] + 0.25 * whole.size)
        cut = landmarker.detect(portrait[top:])
    assert cut is not None
    apart = cut.points[[1, 152], :2] + (0, top) - whole.points[[1, 152], :2]
    assert np.abs(apart).max() < 0.06 * whole.size
    assert cut.points[10, 1] < 0  # the forehead lies above the picture


class TestPortraits:
    def save(self, path, array, **options):
        from PIL import Image

        Image.fromarray(array).save(path, **options)
        return path

    def test_no_face(self, tmp_path):
        path = self.save(tmp_path / "wall.png", np.full((200, 300, 3), 120, np.uint8))
        with pytest.raises(InputError, match="no face found in the portrait") as caught:
            load_avatar(path)
        assert str(path) in str(caught.value) and "300 x 200" in str(caught.value)

    @pytest.mark.parametrize(
        "content", [b"", b"hello", b"\xff\xd8\xff\xe0 cut", b"\x89PNG\r\n\x1a\n", b"<html></html>"]
    )
    @pytest.mark.parametrize("suffix", [".jpg", ".png"])
    def test_not_a_picture(self, tmp_path, content, suffix):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        with pytest.raises(DecodeError, match="picture"):
            load_avatar(path)

    def test_truncated_picture(self, tmp_path):
        path = self.save(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
        path.write_bytes(path.read_bytes()[:-900])
        with pytest.raises(DecodeError):
            load_avatar(path)

    def test_one_pixel(self, tmp_path):
        with pytest.raises(InputError, match="no face"):
            load_avatar(self.save(tmp_path / "a.png", np.zeros((1, 1, 3), np.uint8)))

    def test_kinds_of_pictures_are_read_as_rgb(self, tmp_path):
        ramp = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
        grey = read_photo(self.save(tmp_path / "l.png", ramp))
        np.testing.assert_array_equal(grey, np.repeat(ramp[..., None], 3, axis=2))
        deep = read_photo(self.save(tmp_path / "i.png", ramp.astype(np.uint16) * 257))
        assert np.abs(deep.astype(int) - grey).max() <= 1
        clear = np.dstack([ramp, ramp, ramp, np.zeros_like(ramp)])
        np.testing.assert_array_equal(read_photo(self.save(tmp_path / "a.png", clear)), 128)

    def test_exif_orientation_is_applied(self, tmp_path):
        from PIL import Image

        picture = np.zeros((16, 32, 3), np.uint8)
        picture[:, :16] = 250
        image = Image.fromarray(picture)
        exif = image.getexif()
        exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to view
        image.save(tmp_path / "a.jpg", exif=exif, quality=95)
        upright = read_photo(tmp_path / "a.jpg")
        assert upright.shape == (32, 16, 3) and upright[4].mean() > 200 > 50 > upright[28].mean()

    @needs_real
    def test_a_face_too_small_to_use(self, tmp_path, portrait):
        import cv2

        image = np.full((600, 600, 3), 110, np.uint8)
        image[100:164, 200:264] = cv2.resize(portrait, (64, 64), interpolation=cv2.INTER_AREA)
        with pytest.raises(InputError, match=r"too small|no face"):
            load_avatar(self.save(tmp_path / "a.png", image))

    @needs_real
    def test_a_face_cut_by_the_border_still_gives_an_avatar(self, tmp_path, portrait):
        avatar = load_avatar(self.save(tmp_path / "a.png", portrait[90:, :250]))
        assert np.isfinite(avatar.vertices).all() and avatar.appearance.textures[0].shape[2] == 4
