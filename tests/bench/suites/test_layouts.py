"""Layouts become samples; what is missing is listed; nothing at all is an error that says what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.suites import build_samples
from vfa.errors import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def test_plain_pairs_by_stem_and_lists_the_rest(tmp_path: Path) -> None:
    pred = touch(tmp_path / "ours", "b.mp4", "a.mp4", "only_pred.mp4", ".DS_Store", "._a.mp4", "notes.txt")
    truth = touch(tmp_path / "gt", "a.avi", "b.mp4", "only_gt.mp4", "a.wav", "a.au.csv", "a.png")
    found = build_samples("plain", pred, truth)
    assert [(s.id, s.method) for s in found.samples] == [("a", "ours"), ("b", "ours")]
    first = found.samples[0]
    assert first.truth == truth / "a.avi"
    assert first.audio == truth / "a.wav"
    assert first.source == truth / "a.png"
    assert first.tables == {"au_truth": truth / "a.au.csv"}
    assert any("only_pred.mp4" in line for line in found.unmatched)
    assert any("only_gt.mp4" in line for line in found.unmatched)
    assert len(found.unmatched) == 2


def test_plain_takes_sub_folders_as_methods(tmp_path: Path) -> None:
    pred = touch(tmp_path / "pred", "m2/a.mp4", "m1/a.mp4", ".hidden/a.mp4", "empty/readme.txt")
    truth = touch(tmp_path / "gt", "a.mp4")
    assert [s.method for s in build_samples("plain", pred, truth).samples] == ["m1", "m2"]


def test_plain_works_without_ground_truth(tmp_path: Path) -> None:
    found = build_samples("plain", touch(tmp_path, "a.mp4"), None)
    assert found.samples[0].truth is None
    assert found.unmatched == ()


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.avi and a\.mp4"):
        build_samples("plain", touch(tmp_path / "p", "a.mp4", "a.avi"), touch(tmp_path / "g", "a.mp4"))


@pytest.mark.parametrize("suite", ["plain", "avatar", "talking-head", "micro"])
def test_nothing_matched_says_what_was_expected_and_found(tmp_path: Path, suite: str) -> None:
    pred, truth = touch(tmp_path / "p", "x.mp4"), touch(tmp_path / "g", "y.mp4")
    with pytest.raises(InputError) as caught:
        build_samples(suite, pred, truth)
    assert caught.value.expected
    assert caught.value.found
    assert "x.mp4" in caught.value.found or "y.mp4" in caught.value.found


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        build_samples("plain", tmp_path / "nowhere", None)


def test_avatar_uses_gt_test_and_then_cut_faces(tmp_path: Path) -> None:
    truth = touch(tmp_path / "bench", "gt_test/a.mp4", "face_images/a/00000.png", "FIDres/x.txt", "SCres/x.txt")
    pred = touch(tmp_path / "methods", "wan/a.mp4", "step/a.mp4")
    found = build_samples("avatar", pred, truth)
    assert [(s.method, s.truth) for s in found.samples] == [
        ("step", truth / "gt_test" / "a.mp4"),
        ("wan", truth / "gt_test" / "a.mp4"),
    ]
    touch(truth, "face_videos/a.mp4")
    cut = touch(tmp_path / "wan_cut", "face_videos/a.mp4", "face_images/a/00000.png")
    sample = build_samples("avatar", cut, truth).samples[0]
    assert (sample.method, sample.prediction, sample.truth) == (
        "wan_cut",
        cut / "face_videos" / "a.mp4",
        truth / "face_videos" / "a.mp4",
    )


def test_talking_head_finds_sound_and_tables(tmp_path: Path) -> None:
    root = touch(tmp_path / "data", "gt_video/X.mp4", "pred_video/X.mp4", "gt_audio/X.wav", "gt_au_csv/X.csv",
                 "pred_au_csv/X.csv", "gt_video/Y.mp4")  # fmt: skip
    found = build_samples("talking-head", root, None)
    sample = found.samples[0]
    assert sample.audio == root / "gt_audio" / "X.wav"
    assert set(sample.tables) == {"au_prediction", "au_truth"}
    assert any("Y.mp4" in line for line in found.unmatched)


def test_micro_reads_names_and_methods_of_the_published_layout(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "micro", "reference_videos/obama1_english.mp4", "reference_videos/may_english.mp4",
        "reference_videos/laoliang_chinese_50s.mp4", "driving_audios/obama1_english_audio.aac",
        "driving_audios/may_english_audio.aac", "driving_audios/laoliang_chinese_50s_audio.mp3",
        "source_images/obama1.png", "source_images/may.png", "source_images/laoliang.png",
    )  # fmt: skip
    pred = touch(tmp_path / "out", "obama1_Wav2Lip.mp4", "may_Wav2Lip.mp4", "may_SadTalker.mp4", "stranger_X.mp4")
    found = build_samples("micro", pred, root)
    assert [(s.method, s.id) for s in found.samples] == [
        ("SadTalker", "may"),
        ("Wav2Lip", "may"),
        ("Wav2Lip", "obama1"),
    ]
    last = found.samples[-1]
    assert last.truth == root / "reference_videos/obama1_english.mp4"
    assert last.audio == root / "driving_audios/obama1_english_audio.aac"
    assert last.source == root / "source_images/obama1.png"
    assert any("stranger_X" in line for line in found.unmatched)
    assert any("laoliang" in line for line in found.unmatched)


def test_vertex_sequences_are_samples_too(tmp_path: Path) -> None:
    found = build_samples("plain", touch(tmp_path / "p", "a.npy"), touch(tmp_path / "g", "a.npz"))
    assert found.samples[0].is_mesh
