"""The four layouts of the field, each turned into one list of samples; pairs are made by stem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.suites.sample import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    MESH_SUFFIXES,
    VIDEO_SUFFIXES,
    Sample,
    SampleList,
    contents,
    files_by_stem,
)
from vfa.errors import InputError


def plain(prediction: Path, truth: Path | None) -> SampleList:
    """Two folders of videos (or vertex sequences) with equal stems.

    Sub-folders of the prediction folder are methods. Beside a video may lie `<stem>.wav` (driving sound),
    `<stem>.au.csv`, `<stem>.va.csv` (tables) and `<stem>.png` (source image).
    """
    suffixes = VIDEO_SUFFIXES + MESH_SUFFIXES
    truths = files_by_stem(truth, suffixes) if truth is not None else None
    return _paired("plain", _methods(prediction, suffixes), truths, prediction, truth, _beside)


def avatar(prediction: Path, truth: Path | None) -> SampleList:
    """The avatar benchmark: ground truth in `gt_test/`; once `bench process` has cut faces, `face_videos/` of both."""
    root = truth or prediction
    faces = prediction / "face_videos"
    both = faces.is_dir() and (root / "face_videos").is_dir() and root != prediction
    folder = root / ("face_videos" if both else "gt_test")
    if not folder.is_dir():
        raise InputError(
            "this is no avatar benchmark",
            path=root,
            expected="gt_test/ with the ground-truth videos (and face_videos/ after bench process)",
            found=contents(root),
        )
    given = {"gt_test", "face_images", "face_videos", "FIDres", "SCres", "evaluation"}
    methods = {prediction.name: files_by_stem(faces, VIDEO_SUFFIXES)} if both else _methods(prediction, skip=given)
    return _paired("avatar", methods, files_by_stem(folder, VIDEO_SUFFIXES), prediction, folder, _beside)


def talking_head(prediction: Path, truth: Path | None) -> SampleList:
    """`pred_video/`, `pred_au_csv/` and `gt_video/`, `gt_audio/`, `gt_au_csv/`, in one folder or in two."""
    root = truth or prediction
    for folder, name in ((prediction, "pred_video"), (root, "gt_video")):
        if not (folder / name).is_dir():
            raise InputError(
                "this is no talking-head layout",
                path=folder,
                expected=f"{name}/ in it",
                found=contents(folder),
            )

    def extras(stem: str, _prediction: Path, _truth: Path | None) -> dict[str, object]:
        tables = {
            role: path
            for role, path in (
                ("au_prediction", prediction / "pred_au_csv" / f"{stem}.csv"),
                ("au_truth", root / "gt_au_csv" / f"{stem}.csv"),
                ("va_prediction", prediction / "pred_va_csv" / f"{stem}.csv"),
                ("va_truth", root / "gt_va_csv" / f"{stem}.csv"),
            )
            if path.is_file()
        }
        return {"tables": tables, "audio": first_file(root / "gt_audio", stem, AUDIO_SUFFIXES)}

    methods = _methods(prediction / "pred_video", name=prediction.name)
    truths = files_by_stem(root / "gt_video", VIDEO_SUFFIXES)
    return _paired("talking-head", methods, truths, prediction / "pred_video", root / "gt_video", extras)


def micro(prediction: Path, truth: Path | None) -> SampleList:
    """`reference_videos/`, `driving_audios/`, `source_images/`, and outputs named `<name>_<Method>.mp4`.

    A name is the stem of a source image (or of a reference video); references and sounds may continue it after an
    underscore (`may` and `may_english.mp4`).
    """
    root = truth or prediction
    folders = {name: root / name for name in ("reference_videos", "driving_audios", "source_images")}
    if not folders["reference_videos"].is_dir():
        raise InputError(
            "this is no microbenchmark", path=root, expected="reference_videos/ in it", found=contents(root)
        )
    references = files_by_stem(folders["reference_videos"], VIDEO_SUFFIXES)
    images = files_by_stem(folders["source_images"], IMAGE_SUFFIXES) if folders["source_images"].is_dir() else {}
    sounds = files_by_stem(folders["driving_audios"], AUDIO_SUFFIXES) if folders["driving_audios"].is_dir() else {}
    names = sorted({*images, *references}, key=lambda name: (-len(name), name))
    samples, unmatched, used = [], [], set()
    for stem, path in files_by_stem(prediction, VIDEO_SUFFIXES).items():
        name = next((n for n in names if stem.startswith(n + "_") and len(stem) > len(n) + 1), None)
        reference = continued(references, name) if name else None
        if name is None or reference is None:
            unmatched.append(f"{path.name}: no source image or reference video begins its name")
            continue
        used.add(reference)
        method = stem[len(name) + 1 :]
        samples.append(Sample(name, method, path, reference, continued(images, name), continued(sounds, name)))
    unmatched += [f"{path.name}: no method has a video of it" for path in references.values() if path not in used]
    return _checked("micro", samples, unmatched, prediction, folders["reference_videos"], "<name>_<Method>.mp4")


def continued(files: dict[str, Path], name: str | None) -> Path | None:
    """The file of this stem, or the only one whose stem continues it after an underscore."""
    if name is None:
        return None
    if name in files:
        return files[name]
    longer = [path for stem, path in files.items() if stem.startswith(name + "_")]
    if not longer:
        shorter = [path for stem, path in files.items() if name.startswith(stem + "_")]
        return shorter[0] if len(shorter) == 1 else None
    return longer[0] if len(longer) == 1 else None


def _methods(
    folder: Path,
    suffixes: tuple[str, ...] = VIDEO_SUFFIXES,
    *,
    name: str = "",
    skip: set[str] | frozenset[str] = frozenset(),
) -> dict[str, dict[str, Path]]:
    """Predicted files by method: those of the folder itself, else those of its sub-folders."""
    own = files_by_stem(folder, suffixes)
    if own:
        return {name or folder.resolve().name: own}
    below = sorted(path for path in folder.iterdir() if path.is_dir() and path.name not in skip)
    return {
        path.name: files for path in below if not path.name.startswith(".") and (files := files_by_stem(path, suffixes))
    }


def first_file(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    """The file of a stem with the first of these suffixes that there is."""
    return next((path for suffix in suffixes if (path := folder / f"{stem}{suffix}").is_file()), None)


def _beside(stem: str, prediction: Path, truth: Path | None) -> dict[str, object]:
    """Files with the same stem beside the prediction or, with priority for the sound, beside the truth."""
    folders = [path.parent for path in (truth, prediction) if path is not None]
    tables = {
        f"{kind}_{role}": table
        for kind in ("au", "va")
        for role, path in (("prediction", prediction), ("truth", truth))
        if path is not None and (table := path.parent / f"{stem}.{kind}.csv").is_file()
    }
    audio = next((found for folder in folders if (found := first_file(folder, stem, AUDIO_SUFFIXES))), None)
    source = next((found for folder in folders if (found := first_file(folder, stem, IMAGE_SUFFIXES))), None)
    return {"tables": tables, "audio": audio, "source": source}


def _paired(
    suite: str,
    methods: dict[str, dict[str, Path]],
    truths: dict[str, Path] | None,
    prediction: Path,
    truth: Path | None,
    extras: Callable[[str, Path, Path | None], dict[str, object]],
) -> SampleList:
    samples, unmatched = [], []
    for method, files in sorted(methods.items()):
        for stem, path in files.items():
            partner = None if truths is None else truths.get(stem)
            if truths is not None and partner is None:
                unmatched.append(f"{method}/{path.name}: no ground truth of this stem")
                continue
            samples.append(Sample(stem, method, path, partner, **extras(stem, path, partner)))  # type: ignore[arg-type]
        missing = sorted(set(truths or {}) - set(files))
        unmatched += [f"{method}: no prediction for {truths[stem].name}" for stem in missing if truths]
    return _checked(suite, samples, unmatched, prediction, truth, "videos with the stems of the ground truth")


def _checked(
    suite: str, samples: list[Sample], unmatched: list[str], prediction: Path, truth: Path | None, expected: str
) -> SampleList:
    if not samples:
        found = contents(prediction) + (f"; ground truth {truth}: {contents(truth)}" if truth is not None else "")
        raise InputError(
            f"nothing to score: no prediction matches in the {suite} layout",
            path=prediction,
            expected=expected,
            found=found,
            hint="give the folder that holds the generated videos, or another --suite",
        )
    return SampleList(suite, tuple(sorted(samples, key=lambda s: (s.method, s.id))), tuple(unmatched))


SUITES: dict[str, Callable[[Path, Path | None], SampleList]] = {
    "avatar": avatar,
    "micro": micro,
    "plain": plain,
    "talking-head": talking_head,
}


def build_samples(suite: str, prediction: Path, truth: Path | None) -> SampleList:
    """Finds the samples of a layout.

    Raises:
        InputError: unknown suite, missing folders, or nothing that matches.
    """
    if suite not in SUITES:
        raise InputError(f"unknown suite {suite!r}", expected=", ".join(SUITES), hint="bench list suites")
    return SUITES[suite](prediction, truth)
