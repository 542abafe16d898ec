"""`make fidelity`: how good an animation is, written to docs/fidelity.md and docs/fidelity.json.

python -m tests.performance.fidelity                          # everything
python -m tests.performance.fidelity --quick --out /tmp/try   # a small run, some minutes
python -m tests.performance.fidelity --checkpoint MINE.safetensors --rows landmarks,network
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tests.performance import fidelity_clips, fidelity_methods, fidelity_page
from tests.performance.fidelity_methods import NetworkSource, Row, Take
from tests.performance.fidelity_people import Pair, avatar_of, draw_pair, write_recording
from tests.performance.fidelity_shapes import FEATURES, Agreement, Ruler, Track, errors, pooled
from vfa.commands.outcome import guarded
from vfa.commands.progress import RichProgress
from vfa.errors import AssetError, InputError, VFAError
from vfa.pipeline import Progress

ROOT = Path(__file__).resolve().parents[2]
SEED = 2**20 + 5
"""Of the people; `vfa.training.synthetic.TEST_SEED` keeps it apart from training's."""
QUICK = {"pairs": 1, "frames": 24, "clip_frames": 40, "movie": 256}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, with `given`: what differs from the defaults that matter."""
    parser = argparse.ArgumentParser(prog="make fidelity", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help=f"the shipped network; default {fidelity_methods.SHIPPED}")
    parser.add_argument("--official", type=Path, help=f"the authors' weights; default {fidelity_methods.OFFICIAL}")
    parser.add_argument("--rows", default="", help="keys of the methods to measure, with commas between; default all")
    parser.add_argument("--parts", default="people,pictures,clips", help="what to measure")
    parser.add_argument("--pairs", type=int, default=4, help="pairs of people")
    parser.add_argument("--frames", type=int, default=72, help="of each pair")
    parser.add_argument("--rate", type=int, default=12, help="frames a second of each pair")
    parser.add_argument("--clips", default=",".join(fidelity_clips.CLIPS), help="real recordings, with commas between")
    parser.add_argument("--clip-frames", type=int, default=400, help="most frames of a real recording; 0 for all")
    parser.add_argument("--movie", type=int, default=512, help="side of the movies that are measured, pixels")
    parser.add_argument(
        "--quick", action="store_true", help="small: " + ", ".join(f"{k} {v}" for k, v in QUICK.items())
    )
    parser.add_argument("--seed", type=int, default=SEED, help="of the people")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of fidelity.md and fidelity.json")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--work", type=Path, help="keep recordings and movies in this folder")
    if parser.parse_args(arguments).quick:
        parser.set_defaults(**QUICK)
    given = parser.parse_args(arguments)
    given.rows = [key for key in given.rows.split(",") if key]
    given.parts = [part for part in given.parts.split(",") if part]
    given.clips = [name for name in given.clips.split(",") if name]
    for name, least in (("pairs", 1), ("frames", 8), ("rate", 1), ("movie", 64), ("clip_frames", 0)):
        if getattr(given, name) < least:
            raise InputError(f"--{name.replace('_', '-')} is too small", expected=f"at least {least}",
                             found=str(getattr(given, name)))  # fmt: skip
    unknown = [part for part in given.parts if part not in ("people", "pictures", "clips")]
    if unknown:
        raise InputError("--parts has an unknown value", expected="people,pictures,clips", found=unknown[0])
    unknown = [name for name in given.clips if name not in fidelity_clips.CLIPS]
    if unknown:
        raise InputError("--clips has an unknown value", expected=",".join(fidelity_clips.CLIPS), found=unknown[0])
    return given


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures everything and writes both files."""
    words = sys.argv[1:] if arguments is None else arguments
    guarded(lambda: run(parse(words)), debug="--debug" in words)


def run(given: argparse.Namespace) -> None:
    """Measures what was asked for.

    Raises:
        VFAError: bad options, a named checkpoint that is not there.
    """
    rows, sources = chosen_rows(given)
    given.out.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = about(given, sources)
    with ExitStack() as stack, RichProgress() as progress:
        work = given.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fidelity-")))
        work.mkdir(parents=True, exist_ok=True)
        pairs = [
            draw_pair(number, seed=given.seed, frames=given.frames, rate=Fraction(given.rate))
            for number in range(given.pairs if {"people", "pictures"} & set(given.parts) else 0)
        ]
        if "people" in given.parts:
            record["people"] = people(rows, pairs, work / "people", given.seed, progress)
        if "pictures" in given.parts:
            record["pictures"] = pictures(sources, pairs, given.seed, progress)
        if "clips" in given.parts:
            record["clips"] = clips(rows, given, work / "clips", progress)
    from vfa.export.record import write_text
    from vfa.media.atomic import write_json

    write_json(given.out / "fidelity.json", record)
    write_text(given.out / "fidelity.md", fidelity_page.page(record))
    print(f"wrote {given.out / 'fidelity.md'} and fidelity.json beside it")


def chosen_rows(given: argparse.Namespace) -> tuple[list[Row], list[NetworkSource]]:
    """The methods asked for, and the networks that are there; a checkpoint named by hand must be there."""
    for path in (given.checkpoint, given.official):
        if path is not None and not path.is_file():
            raise AssetError("no such checkpoint", path=path, hint="leave the option out to use the default one")
    shipped = given.checkpoint or ROOT / fidelity_methods.SHIPPED
    rows, sources = fidelity_methods.rows(shipped, given.official or ROOT / fidelity_methods.OFFICIAL)
    known = [row.key for row in rows]
    unknown = [key for key in given.rows if key not in known]
    if unknown:
        raise InputError("--rows has an unknown value", expected=",".join(known), found=unknown[0])
    if given.rows:
        rows = [row for row in rows if row.key in given.rows]
        sources = [source for source in sources if source.name in given.rows]
    return rows, sources


def about(given: argparse.Namespace, sources: list[NetworkSource]) -> dict[str, Any]:
    """What the figures were measured with."""
    import torch

    from vfa.export.record import file_hash, machine

    titles = {"network": "network (shipped)", "official": "network (official weights)"}
    networks = [
        {"title": titles[source.name], "file": source.path.name, "size": source.animator.config.size,
         "sha256": file_hash(source.path)} for source in sources
    ]  # fmt: skip
    defaults = vars(parse([]))
    options = {name: getattr(given, name) for name in ("pairs", "frames", "rate", "seed", "clip_frames", "movie")}
    changed = [f"--{name.replace('_', '-')} {value}" for name, value in options.items() if value != defaults[name]]
    changed += [f"--{name} {','.join(getattr(given, name))}" for name in ("rows", "parts", "clips")
                if getattr(given, name) != defaults[name]]  # fmt: skip
    return {
        "options": {**options, "given": " ".join(changed)},
        "machine": {**machine(), "threads": torch.get_num_threads()},
        "networks": networks,
    }


def people(rows: list[Row], pairs: list[Pair], work: Path, seed: int, progress: Progress) -> list[dict[str, Any]]:
    """The table of meshes.

    Args:
        rows: the methods. pairs: of people. work: folder for recordings. seed: of the people. progress: told of it all.
    """
    from vfa.media import open_clip

    results: dict[str, list[tuple[Track, Track, Track, float | None]]] = {row.key: [] for row in rows}
    failed = {row.key: row.missing for row in rows}
    for pair in pairs:
        name = f"people {pair.number + 1}/{len(pairs)}"
        progress.stage(f"{name}: recording", None)
        path = write_recording(pair, work, seed)
        progress.stage(f"{name}: avatar", None)
        with open_clip(path) as clip:
            take = staged(pair, clip, work)
            ruler = Ruler(take.stage.avatar.vertices)
            rest = ruler.track([take.stage.avatar.vertices])
            truth = ruler.track(pair.truth.vertices(frame) for frame in range(pair.truth.n_frames))
            for row in rows:
                if failed[row.key]:
                    continue
                progress.stage(f"{name}: {row.key}", len(take.driver.times))
                try:
                    result, spent = timed(row, take, ruler, progress)
                except VFAError as error:
                    failed[row.key] = str(error).splitlines()[0]
                    continue
                results[row.key].append((result, truth, rest, fidelity_methods.milliseconds(row, take, spent)))
    return [summary(row, results[row.key], failed[row.key]) for row in rows]


def staged(pair: Pair, clip: Any, work: Path) -> Take:
    """A pair's avatar with its rig, and its recording watched from the first frame, the neutral face."""
    from dataset.truth import write_truth
    from vfa.avatar.stage import choose_camera, set_stage

    avatar = avatar_of(pair)
    stage = set_stage(avatar, choose_camera(avatar, centered=False), weights_folder=work / "weights")
    take = fidelity_methods.watch_take(stage, clip, work, find_best=False)
    take.exact = work / f"pair{pair.number:02d}.npz"
    write_truth(take.exact, pair.truth)
    return take


def timed(row: Row, take: Take, ruler: Ruler, progress: Progress) -> tuple[Track, float]:
    """A method's result, and the seconds it took after the recording was encoded."""
    if row.source is not None:
        row.source.flow(take)
    spent = 0.0

    def frames() -> Any:
        nonlocal spent
        source = row.frames(take)
        while True:
            began = time.perf_counter()
            vertices = next(source, None)
            spent += time.perf_counter() - began
            if vertices is None:
                return
            progress.step()
            yield vertices

    return ruler.track(frames()), spent


def summary(row: Row, results: list[tuple[Track, Track, Track, float | None]], missing: str) -> dict[str, Any]:
    """A row of the table of meshes: over all pairs, and of each."""
    if missing or not results:
        return {"key": row.key, "title": row.title, "missing": missing or "no pair was measured"}
    measured = [errors(result, truth, rest) for result, truth, rest, _ in results]
    times = [spent for *_, spent in results if spent is not None]

    def line(chosen: slice) -> dict[str, Any]:
        mean = {name: float(np.mean([np.mean(part[name]) for part in measured[chosen]])) for name in measured[0]}
        curves = {
            name: pooled([(truth.features[name], result.features[name]) for result, truth, *_ in results[chosen]])
            for name in FEATURES
        }
        return {
            "flow": mean["flow"] / max(mean["flow_still"], 1e-9),
            "detail": mean["detail"] / max(mean["detail_still"], 1e-9),
            **{name: mean[name] for name in ("mve", "lips", "lve")},
            "features": {name: plain(found) for name, found in curves.items()},
        }

    return {"key": row.key, "title": row.title, "missing": "", **line(slice(None)),
            "ms": float(np.mean(times)) if times else None,
            "pairs": [line(slice(index, index + 1)) for index in range(len(results))]}  # fmt: skip


def pictures(sources: list[NetworkSource], pairs: list[Pair], seed: int, progress: Progress) -> list[dict[str, Any]]:
    """The table of the networks alone; the last row is the measurement's own ceiling."""
    from tests.performance import fidelity_pictures as shots

    table: dict[str, dict[str, Any]] = {}

    def add(title: str, network: bool, made: shots.Drive) -> None:
        table.setdefault(title, {"title": title, "network": network, "drives": []})["drives"].append(made)

    sizes = {source.animator.config.size for source in sources} or {128}
    for pair in pairs:
        for size in sorted(sizes):
            progress.stage(f"pictures {pair.number + 1}/{len(pairs)}, {size} px", None)
            setting = shots.film(pair, size, seed)
            for source in (one for one in sources if one.animator.config.size == size):
                for recorded in shots.RECORDED:
                    if recorded == "depth from landmarks" and source.animator.normalization != "skin":
                        continue
                    progress.stage(f"  {source.name}, {recorded}", None)
                    add(f"{source.name}, {recorded}", True, shots.drive(setting, source.animator, recorded, seed))
            if size == min(sizes):
                add(f"true flow and depth, {size} px", False, shots.exactly(setting))
    ordered = sorted(table.values(), key=lambda row: not row["network"])
    return [picture_row(row["title"], row["network"], row["drives"]) for row in ordered]


def picture_row(title: str, network: bool, drives: list[Any]) -> dict[str, Any]:
    """A row of the table of the networks alone: the drives of all pairs together."""
    mean = {name: float(np.nanmean(np.concatenate([getattr(one, name) for one in drives])))
            for name in ("flow", "detail", "flow_still", "detail_still", "depth")}  # fmt: skip
    return {
        "title": title,
        "network": network,
        "flow": mean["flow"] / max(mean["flow_still"], 1e-9),
        "detail": mean["detail"] / max(mean["detail_still"], 1e-9),
        "pixels": {name: mean[name] for name in ("flow", "detail", "flow_still", "detail_still")},
        "depth": mean["depth"],
        "features": {
            name: plain(pooled([(one.truth[name], one.features[name]) for one in drives])) for name in FEATURES
        },
        "tracked": float(np.mean([one.tracked for one in drives])),
        "ms": float(np.median(np.concatenate([one.milliseconds for one in drives]))) if network else None,
    }


def clips(rows: list[Row], given: argparse.Namespace, work: Path, progress: Progress) -> dict[str, Any]:
    """The tables of real recordings; methods that need the truth or never move are left out."""
    from tests.performance.retargeting import landmarks

    length = given.clip_frames or None
    found = [path for path in fidelity_clips.found_clips() if path.name in given.clips]
    if not found:
        return {"missing": "the recordings in ../shared/real are not on this machine", "clips": []}
    out = []
    for path in found:
        progress.stage(f"{path.name}: driver", None)
        driver = landmarks(path, length)
        lines = []
        for row in rows:
            if row.key in ("still", "exact", "reference_exact"):
                continue
            line = {"key": row.key, "title": row.title, "missing": row.missing, "network": row.motion == "vfa"}
            lines.append(line)
            if row.missing:
                continue
            try:
                movie = fidelity_clips.animated(row, path, work, length=length, size=given.movie, progress=progress)
                progress.stage(f"{path.name}: {row.key}", None)
                made = fidelity_clips.compare(driver, landmarks(movie))
            except VFAError as error:
                line["missing"] = str(error).splitlines()[0]
                continue
            line |= {"detected": made.detected, "features": {name: plain(a) for name, a in made.features.items()}}
        out.append({"name": path.name, "frames": len(driver), "rows": lines})
    return {"missing": "", "clips": out}


def plain(found: Agreement) -> dict[str, float | None]:
    """Correlation and slope as JSON has them: None for no number."""
    return {name: value if np.isfinite(value) else None
            for name, value in (("correlation", found.correlation), ("slope", found.slope))}  # fmt: skip


if __name__ == "__main__":
    main()
