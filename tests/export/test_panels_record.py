"""Panels beside each other, and the record of a run."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from vfa.export.panels import GAP_COLOR, depth_picture, fit, side_by_side
from vfa.export.record import RunRecord, file_hash, peak_memory, write_text


class TestPanels:
    def test_a_wide_picture_keeps_its_aspect_between_dark_bars(self) -> None:
        out = fit(np.full((50, 100, 3), 200, np.uint8), 64)
        assert out.shape == (64, 64, 3)
        np.testing.assert_array_equal(out[16:48], 200)
        np.testing.assert_array_equal(out[:16], np.broadcast_to(GAP_COLOR, (16, 64, 3)))
        np.testing.assert_array_equal(out[48:], np.broadcast_to(GAP_COLOR, (16, 64, 3)))

    @pytest.mark.parametrize("shape", [(1, 500), (500, 1), (64, 64), (7, 5)])
    def test_any_shape_fits(self, shape: tuple[int, int]) -> None:
        out = fit(np.full((*shape, 3), 99, np.uint8), 64)
        assert out.shape == (64, 64, 3) and (out == 99).all(axis=2).any()

    def test_a_picture_of_the_right_size_is_left_alone(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        np.testing.assert_array_equal(side_by_side([image, image[::-1]], 32), np.hstack([image, image[::-1]]))

    def test_depth_is_grey_and_none_is_black(self) -> None:
        near, middle, far, none = depth_picture(np.array([[0.4, 0.5, 0.6, np.nan]]))[0, :, 0].tolist()
        assert near == 255 and far > 0 and middle == pytest.approx((near + far) / 2, abs=1) and none == 0
        assert not depth_picture(np.full((2, 3), np.nan)).any()
        assert depth_picture(np.full((2, 3), 0.7)).shape == (2, 3, 3)


class TestRecord:
    def test_times_of_a_stage_add_up(self, tmp_path: Path) -> None:
        record = RunRecord({"offset": 3})
        for _ in range(2):
            with record.stage("wait"):
                time.sleep(0.02)
        with pytest.raises(ValueError, match="broken"), record.stage("fails"):
            raise ValueError("broken")
        record.data["frames"] = 7
        record.write(tmp_path / "run.json")
        told = json.loads((tmp_path / "run.json").read_text())
        assert told["seconds"]["wait"] >= 0.04 and "fails" in told["seconds"]
        assert told["options"] == {"offset": 3} and told["frames"] == 7
        assert told["versions"]["numpy"] == np.__version__ and told["machine"]["cores"] >= 1

    def test_peak_memory_counts_what_was_held(self) -> None:
        before = peak_memory()
        held = np.ones(before // 8 + 10_000_000)  # more than ever before, in numbers of 8 bytes
        assert peak_memory() >= held.nbytes

    def test_hashes(self, tmp_path: Path) -> None:
        file = tmp_path / "clip" / "a.bin"
        file.parent.mkdir()
        file.write_bytes(b"x" * 3_000_000)
        assert file_hash(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
        folder = file_hash(file.parent)
        (file.parent / "b.bin").write_bytes(b"")
        assert file_hash(file.parent) != folder

    def test_a_text_that_cannot_be_written_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "taken").mkdir()
        with pytest.raises(OSError, match="taken"):
            write_text(tmp_path / "taken", "x")
        assert [path.name for path in tmp_path.iterdir()] == ["taken"]
