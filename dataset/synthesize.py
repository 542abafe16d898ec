"""Makes RGBD performances of the built-in head with exact truth: `python dataset/synthesize.py OUT --people N`.

OUT gets `train|test/<person>/color/<clip>.mp4`, `depth/<clip>.nut`, `truth/<clip>.npz` (coefficients, pose, gaze per
frame, light, camera; `dataset.truth` turns them into dense flow) and `record/<clip>.json`. What is there already is
kept, so an interrupted run is simply started again; the same options give the same bytes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog="Example: python dataset/synthesize.py data/synthetic --people 100 --clips 5 --seed 1")
def synthesize(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="folder for the data set")],
    people: Annotated[int, typer.Option("--people", help="number of people")] = 10,
    clips: Annotated[int, typer.Option("--clips", help="clips of each person")] = 2,
    crossed: Annotated[int, typer.Option("--crossed", help="clips in which they perform somebody else's motion")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="decides everything")] = 0,
    frames: Annotated[int, typer.Option("--frames", help="frames of a clip")] = 90,
    rate: Annotated[str, typer.Option("--rate", help="frames per second, such as 30 or 30000/1001")] = "30",
    size: Annotated[int, typer.Option("--size", help="side of the pictures, pixels")] = 256,
    background: Annotated[str, typer.Option("--background", help="none or random")] = "none",
    sigma: Annotated[float, typer.Option("--sigma", help="depth is clipped at mean +- this many; 0 keeps all")] = 2.0,
    depth_step: Annotated[float, typer.Option("--depth_step", help="metres of a depth step; 0 uses 16 bits")] = 0.0,
    single: Annotated[str, typer.Option("--single", help="make one clip of this name right in OUT")] = "",
    workers: Annotated[int, typer.Option("--workers", help="processes; 0 = one per core")] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Make RGBD performances of the built-in head, written as a data set with exact truth."""
    from dataset.workers import default_workers, report, run_jobs
    from vfa.commands.outcome import guarded

    code = 0

    def work_through() -> None:
        nonlocal code
        from dataset.scenes import head
        from dataset.synthesis import Clip, Options, make_clip, make_single, plan

        options = Options(
            people=1 if single else people,
            clips=1 if single else clips,
            crossed=0 if single else crossed,
            seed=seed,
            frames=frames,
            rate=rate,
            size=size,
            background=background,  # type: ignore[arg-type]
            sigma=sigma,
            depth_step=depth_step,
        )
        head()  # made once here, read by the workers
        jobs = [Clip(0, 0)] if single else plan(options)
        work = (
            partial(make_single, out=out, options=options, name=single)
            if single
            else partial(make_clip, out=out, options=options)
        )
        outcomes = run_jobs(work, jobs, workers=workers or default_workers(), debug=debug)
        code = report(outcomes, len(jobs), done="made", kept="kept as it was")
        typer.echo(f"clips in {out}; next: python train.py --dataset synthetic, or python infer.py --driving_path ...")

    guarded(work_through, debug=debug)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
