"""The command `bench`: scores folders of generated faces and reports on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.choices import Align, CompareFormat, Format, Overwrite, Profile, RunSuite, Suite, Topic, Videos
from vfa.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, VFAError

app = typer.Typer(
    name="bench",
    help="Scores generated talking faces: decode once, lose nothing, say what each number means.",
    epilog="""Examples:\n
    bench evaluate --pred generated/ --gt real/ --out results/\n
    bench report results/ --format html\n
    bench list metrics""",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(help="Weight files that may not be redistributed: list, fetch, verify.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Options of all commands."""
    context.obj = debug


@app.command()
def evaluate(
    pred: Annotated[Path, typer.Option(help="Folder of generated videos (sub-folders are methods).")],
    gt: Annotated[Path | None, typer.Option(help="Folder of the ground truth.")] = None,
    suite: Annotated[Suite, typer.Option(help="Layout of the folders.")] = Suite.plain,
    metrics: Annotated[str, typer.Option(help="Names with commas; all that can run by default.")] = "all",
    profile: Annotated[
        Profile | None, typer.Option(help="The metrics of a published table, in its order; instead of --metrics.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench_results"),
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine; scores do not depend on it.")] = 1,
    align: Annotated[Align, typer.Option(help="How frames of a pair find each other.")] = Align.resample,
    band: Annotated[float, typer.Option(min=0, help="Half width of the warp's band in seconds (--align dtw).")] = 0.2,
    max_drop: Annotated[float, typer.Option(min=0, max=1, help="Share of frames that may stay unpaired.")] = 0.1,
    overwrite: Annotated[Overwrite, typer.Option(help="Redo nothing, what is absent or failed, or all.")] = (
        Overwrite.missing
    ),
    reference: Annotated[bool, typer.Option(help="Score the ground truth itself by unpaired metrics.")] = True,
    cache: Annotated[Path | None, typer.Option(help="Feature cache to share between runs.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would run and stop.")] = False,
) -> None:
    """Scores generated videos against the ground truth; goes on where an earlier run stopped.

    Example: bench evaluate --pred generated/ --gt real/ --metrics psnr,ssim,lmd --workers 4 --out results/
    """
    from bench.commands.evaluate import run_evaluate

    code = run_evaluate(
        pred=pred,
        truth=gt,
        suite=suite.value,
        metrics=metrics,
        profile=profile.value if profile else "",
        out=out,
        workers=workers,
        align=align.value,
        band=band,
        max_drop=max_drop,
        overwrite=overwrite.value,
        reference=reference,
        cache=cache,
        seed=seed,
        plan_only=plan,
    )
    raise typer.Exit(code)


@app.command()
def run(
    methods: Annotated[str, typer.Option(help="With commas: names, .toml files, folder:PATH.")],
    suite: Annotated[RunSuite, typer.Option(help="What to run them on.")] = RunSuite.synthetic,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("bench_run"),
    data: Annotated[Path | None, typer.Option(help="The suite's files; the synthetic one needs none.")] = None,
    people: Annotated[int, typer.Option(min=1, help="Synthetic: people.")] = 4,
    clips: Annotated[int, typer.Option(min=1, help="Synthetic: performances of each.")] = 1,
    crossed: Annotated[int, typer.Option(min=0, help="Synthetic: others whom each person is driven by.")] = 1,
    frames: Annotated[int, typer.Option(min=2, help="Synthetic: frames of a clip.")] = 75,
    rate: Annotated[str, typer.Option(help="Synthetic: frames per second.")] = "25",
    size: Annotated[int, typer.Option(min=64, help="Synthetic: side of the pictures.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Synthetic: decides everything.")] = 0,
    metrics: Annotated[str, typer.Option(help="Names with commas; all that can run by default.")] = "all",
    profile: Annotated[Profile | None, typer.Option(help="The metrics of a published table.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    time_limit: Annotated[float, typer.Option(min=0, help="Seconds for one sample; 0 = none.")] = 1800.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first samples.")] = None,
    overwrite: Annotated[Overwrite, typer.Option(help="Redo nothing, what is absent or failed, or all.")] = (
        Overwrite.missing
    ),
    align: Annotated[Align, typer.Option(help="How frames of a pair find each other.")] = Align.resample,
    score: Annotated[bool, typer.Option(help="Score the results afterwards.")] = True,
) -> None:
    """Drives methods through a suite and scores what comes out; goes on where an earlier run stopped.

    Example: bench run --suite synthetic --methods oracle,static,copy,vfa-landmarks --out runs/demo
    """
    from bench.commands.run import RunRequest, run_run
    from bench.suites.synthetic import Recipe

    request = RunRequest(
        suite.value,
        methods,
        out,
        data,
        Recipe(people, clips, crossed, seed, frames, rate, size),
        metrics,
        profile.value if profile else "",
        workers,
        time_limit,
        limit,
        overwrite.value,
        align.value,
        score,
    )
    raise typer.Exit(run_run(request))


@app.command()
def validate(
    method: Annotated[str, typer.Argument(help="A name, a .toml file, or folder:PATH.")],
    out: Annotated[Path, typer.Option(help="Folder for the clips and results.")] = Path("bench_validate"),
    frames: Annotated[int, typer.Option(min=4, help="Frames of the two synthetic clips.")] = 16,
    size: Annotated[int, typer.Option(min=64, help="Side of their pictures.")] = 256,
    rate: Annotated[str, typer.Option(help="Their frames per second.")] = "25",
    time_limit: Annotated[float, typer.Option(min=0, help="Seconds for one clip; 0 = none.")] = 600.0,
) -> None:
    """Checks a method on two synthetic clips, point by point, and measures its time and memory.

    Example: bench validate wav2lip.toml
    """
    from bench.commands.validate import run_validate

    raise typer.Exit(run_validate(method, out, frames, size, rate, time_limit))


@app.command()
def process(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder of videos, or one video.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Gets face_videos/ and face_images/.")],
    detector: Annotated[str, typer.Option(help="mediapipe, or dwpose (ONNX files, see bench weights).")] = "mediapipe",
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of the crops in pixels.")] = 512,
    bgr_compat: Annotated[bool, typer.Option(help="Feed DWPose BGR as its demo does, not RGB.")] = False,
    images: Annotated[bool, typer.Option(help="Also write face_images/<stem>/00000.png ...")] = True,
    overwrite: Annotated[bool, typer.Option(help="Do again what is there already.")] = False,
) -> None:
    """Cuts the face region out of videos: one square box per video, as the avatar benchmark lays them out.

    Example: bench process gt_test/ benchmark/
    """
    from bench.commands.process import run_process

    raise typer.Exit(run_process(source, out, detector, size, bgr_compat, images, overwrite))


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders made by bench evaluate.")],
    format: Annotated[Format, typer.Option(help="html writes report.html; the others print.")] = Format.md,
    out: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    published: Annotated[bool, typer.Option(help="Add the tables that the seed benchmarks published.")] = True,
    strips: Annotated[bool, typer.Option(help="Worst frames and side-by-side strips (html; decodes again).")] = True,
) -> None:
    """Shows the results of one or more runs.

    Example: bench report results/ --format html
    """
    from bench.commands.report import run_report

    raise typer.Exit(run_report(folders, format.value, out, published, strips))


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="RUN/METHOD, or a run with one method.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same, to compare with.")],
    format: Annotated[CompareFormat, typer.Option(help="table is for the terminal.")] = CompareFormat.table,
    out: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Says in which metrics one method is better than another beyond chance, over the samples both have.

    Example: bench compare runs/demo/vfa runs/demo/static
    """
    from bench.commands.compare import run_compare

    raise typer.Exit(run_compare(a, b, format.value, out, seed))


@app.command()
def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS...", help="Folders of bench run or bench evaluate.")],
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("leaderboard"),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Leaderboard",
    videos: Annotated[Videos, typer.Option(help="Copy the videos beside the page, link them, or leave them out.")] = (
        Videos.copy
    ),
    max_samples: Annotated[int, typer.Option(min=1, help="Samples with players, at most; scores count all.")] = 200,
    published: Annotated[bool, typer.Option(help="Show published tables beside the scores.")] = True,
    cost_of: Annotated[int, typer.Option(min=1, help="Videos for which time and space are estimated.")] = 100_000,
) -> None:
    """Builds a page that opens from the disk: tables with intervals and places, plots, players side by side, cost.

    Example: bench leaderboard runs/demo runs/more --out site/
    """
    from bench.commands.leaderboard import run_leaderboard

    raise typer.Exit(run_leaderboard(runs, out, title, videos.value, max_samples, published, cost_of))


@app.command("list")
def list_(
    topic: Annotated[Topic, typer.Argument(help="What to list.")] = Topic.metrics,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="With definitions and references.")] = False,
    search: Annotated[str, typer.Option(help="Methods and data sets that mention all these words.")] = "",
    since: Annotated[int, typer.Option(help="Of this year or later (methods, data sets).")] = 0,
    until: Annotated[int, typer.Option(help="Of this year or earlier (methods, data sets).")] = 9999,
    listed_in: Annotated[str, typer.Option(help="Named by survey, collection, theval, micro, vfa or project.")] = "",
) -> None:
    """Lists metrics, methods, data sets, suites or weights.

    Example: bench list datasets --search "wild audio" --since 2020
    """
    from bench.commands.catalogue import Filters
    from bench.commands.listing import run_list

    raise typer.Exit(run_list(topic.value, verbose, Filters(search, since, until, listed_in)))


@app.command()
def doctor(
    profile: Annotated[Profile | None, typer.Option(help="Say what of a published table would run.")] = None,
) -> None:
    """Checks this machine: packages, video codecs, face landmarks, weights, space; says what is missing."""
    from bench.commands.doctor import run_doctor

    raise typer.Exit(run_doctor(profile.value if profile else ""))


@app.command()
def selftest(
    gt: Annotated[Path, typer.Option(help="Folder of real videos.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("bench_selftest"),
    metrics: Annotated[str, typer.Option(help="Names with commas; all that can run by default.")] = "all",
    workers: Annotated[int, typer.Option(min=1)] = 1,
    limit: Annotated[int, typer.Option(min=1, help="Videos to use at most.")] = 8,
) -> None:
    """Shows what each metric reacts to: real videos against themselves, another video, a frozen and a shifted copy.

    Example: bench selftest --gt real/ --out selftest/
    """
    from bench.commands.selftest import run_selftest

    raise typer.Exit(run_selftest(gt, out, metrics, workers, limit))


@weights_app.command("list")
def weights_list() -> None:
    """Lists weight files, their licences and whether they are here."""
    from bench.commands.listing import run_list

    raise typer.Exit(run_list("weights", True))


@weights_app.command("fetch")
def weights_fetch(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of `bench weights list`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All files of the manifest (several GB).")] = False,
    profile: Annotated[Profile | None, typer.Option(help="All that a published table needs.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False,
) -> None:
    """Downloads weight files, resuming broken downloads, and checks them.

    Example: bench weights fetch niqe
    """
    from bench.commands.weights import run_fetch

    raise typer.Exit(run_fetch(keys or [], everything, offline, profile.value if profile else ""))


@weights_app.command("verify")
def weights_verify(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of `bench weights list`; all when none.")] = None,
) -> None:
    """Checks the weight files that are here."""
    from bench.commands.weights import run_verify

    raise typer.Exit(run_verify(keys or []))


def main() -> None:
    """The console script: runs the command and turns known failures into messages and exit codes."""
    debug = "--debug" in sys.argv
    try:
        app()
    except VFAError as error:
        if debug:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:
            typer.echo("interrupted; the same command goes on from here", err=True)
        raise
    except Exception as error:
        if debug:
            raise
        typer.echo(f"internal error: {type(error).__name__}: {error}\n  try: again with --debug", err=True)
        sys.exit(EXIT_INTERNAL)
