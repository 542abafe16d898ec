"""Prepares RGBD recordings for training and driving: `python dataset/preprocess.py IN OUT`.

IN is one recording (a Record3D folder, a .r3d file, an Azure Kinect folder, an 8-bit side-by-side video) or a folder of
them. OUT gets `color/<name>.mp4`, `depth/<name>.nut`, `preview/<name>.png` and `record/<name>.json`, below the folders
the recordings lay in. What is there already and fits is kept, so an interrupted run is simply started again.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog="Example: python dataset/preprocess.py captures/ data/train/anna --far 0.6")
def preprocess(
    source: Annotated[Path, typer.Argument(metavar="IN", help="a recording, or a folder of recordings")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="folder for the results")],
    far: Annotated[float, typer.Option("--far", help="background begins here, metres")] = 0.5,
    size: Annotated[int, typer.Option("--size", help="side of the pictures, pixels")] = 256,
    sigma: Annotated[float, typer.Option("--sigma", help="depth is clipped at mean +- this many deviations")] = 2.0,
    margin: Annotated[float, typer.Option("--margin", help="side of the crop over the face's")] = 1.6,
    allow_8bit_depth: Annotated[bool, typer.Option("--allow_8bit_depth", help="accept depth of 8 bits")] = False,
    workers: Annotated[int, typer.Option("--workers", help="processes; 0 = one per core")] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Cut the face out of RGBD recordings: constant crop, no background, H.264 colour and 16-bit FFV1 depth."""
    from dataset.workers import default_workers, report, run_jobs
    from vfa.commands.outcome import guarded

    code = 0

    def work_through() -> None:
        nonlocal code
        from dataset.captures import find_captures
        from dataset.preparation import Options, Outputs, prepare

        options = Options(size=size, far=far, sigma=sigma, margin=margin, allow_8bit_depth=allow_8bit_depth)
        captures = find_captures(source)
        outcomes = run_jobs(
            partial(prepare, out=out, options=options), captures, workers=workers or default_workers(), debug=debug
        )
        code = report(outcomes, len(captures), done="prepared", kept="kept as it was")
        first = Outputs.of(captures[0], out)
        typer.echo(f"look at {first.preview.parent}/; next: python infer.py --driving_path '{first.color}'")

    guarded(work_through, debug=debug)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
