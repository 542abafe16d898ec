"""Square crops: size, padding at borders and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.face.crop import SquareCrop, resize
from vfa.face.landmarks import FaceLandmarks


def face_at(x, y, size):
    points = np.zeros((478, 3), np.float32)
    points[:, 0] = np.linspace(x - size / 2, x + size / 2, 478)
    points[:, 1] = np.linspace(y - size / 2, y + size / 2, 478)
    points[:, 2] = np.linspace(-5, 5, 478)
    return FaceLandmarks(points)


def test_one_size_holds_every_face_of_a_clip():
    faces = [face_at(100 + 3 * i, 80, 40 + i) for i in range(10)]
    crop = SquareCrop.around(faces)
    for face in faces:
        left, top, right, bottom = face.box
        assert crop.x <= left and right <= crop.x + crop.side
        assert crop.y <= top and bottom <= crop.y + crop.side
    assert crop.moved_to(np.array([7.0, 9.0])).side == crop.side


def test_cut_pads_outside_the_image():
    image = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    cut = SquareCrop(-5, -2, 12).cut(image, fill=9)
    assert cut.shape == (12, 12, 3)
    assert (cut[:2] == 9).all() and (cut[:, :5] == 9).all()
    np.testing.assert_array_equal(cut[2:, 5:], image[:10, :7])
    assert (SquareCrop(100, 100, 8).cut(image) == 0).all()
    depth = SquareCrop(25, 15, 8).cut(np.ones((20, 30), np.float32), fill=np.nan)
    assert np.nansum(depth) == 25 and np.isnan(depth).sum() == 39


def test_points_go_there_and_back():
    face, crop = face_at(100, 80, 40), SquareCrop(60, 30, 100)
    inside = crop.to_crop(face.points, 256)
    np.testing.assert_allclose(inside[:, 0], (face.points[:, 0] - 60) * 2.56, rtol=1e-5)
    np.testing.assert_allclose(crop.to_image(inside, 256), face.points, atol=1e-4)


def test_pixel_content_and_points_agree():
    image = np.zeros((64, 64, 3), np.uint8)
    image[40:44, 20:24] = 255  # a square whose centre is the pixel coordinate (22, 42)
    crop = SquareCrop(10, 30, 32)
    large = resize(crop.cut(image), 128)
    rows, columns = np.nonzero(large[..., 0] > 127)
    x, y, _ = crop.to_crop(np.array([[22, 42, 0]]), 128)[0]
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((x, y), abs=0.5)


def test_no_face_is_an_error():
    with pytest.raises(InputError):
        SquareCrop.around([])
