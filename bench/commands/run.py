"""`bench run`: makes or finds the suite, drives the methods through it, scores what came out."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.evaluate import Progress, print_outcome, print_plan, print_profile, printable
from vfa.errors import EXIT_ASSET, EXIT_INPUT, EXIT_OK, EXIT_PARTIAL, InputError

if TYPE_CHECKING:
    from bench.distributed import Ranks
    from bench.results import Outcome
    from bench.running.engine import Generated
    from bench.running.records import SampleRecord
    from bench.suites.run_sample import RunSample
    from bench.suites.synthetic import Recipe


@dataclass(frozen=True)
class RunRequest:
    """What `bench run` was asked for; `bench run --help` explains each."""

    suite: str
    methods: str
    out: Path
    data: Path | None
    recipe: Recipe
    metrics: str
    profile: str
    workers: int
    seconds: float
    limit: int | None
    overwrite: str
    align: str
    score: bool


def run_run(request: RunRequest) -> int:
    """Runs the command.

    Returns:
        0; 3 when no method delivered anything (4 when all lack something that can be got); 5 when some failed.
    """
    from bench.distributed import launch
    from bench.methods.registry import create_methods
    from bench.plan import choose_metrics
    from bench.running.engine import RunOptions, generate

    specs = tuple(name.strip() for name in request.methods.split(",") if name.strip())
    names = [method.name for method in create_methods(list(specs))]
    chosen = choose_metrics(_metric_names(request), request.align)
    ranks = launch()
    samples = _samples(request, ranks)
    if request.limit is not None:
        samples = samples[: request.limit]
    about: dict[str, Any] = {"data": None if request.data is None else str(request.data)}
    if request.suite == "synthetic":
        about = {"recipe": asdict(request.recipe)}
    about |= {"limit": request.limit, "time_limit": request.seconds, "metrics": request.metrics}
    options = RunOptions(
        request.out, request.suite, specs, request.workers, request.seconds, request.overwrite, about
    )  # fmt: skip
    if ranks.leads:
        print(f"{len(samples)} samples of {request.suite}, {len(names)} methods: {', '.join(map(printable, names))}")
    made = generate(samples, options, ranks, on_progress=_Told(quiet=not ranks.leads))
    if ranks.leads:
        _print_generated(made, request.out)
    delivered = len(samples) * (len(names) - len(made.unavailable)) - made.n_failed - made.n_lacking
    able = [name for name in names if name not in made.unavailable]
    outcome = _score(request, able, samples, chosen, ranks) if request.score and delivered else None
    if not ranks.leads:
        return EXIT_OK
    if outcome is not None and request.profile and request.profile != "all":
        from bench.profiles import find_profile

        print_profile(find_profile(request.profile), outcome.rows, request.out / "scores")
    return _exit_code(made, outcome, delivered)


def _metric_names(request: RunRequest) -> list[str]:
    names = [name.strip() for name in request.metrics.split(",") if name.strip()]
    if request.profile:
        from bench.profiles import find_profile

        if names != ["all"]:
            raise InputError("--metrics and --profile exclude each other", expected="one of them")
        return ["all"] if request.profile == "all" else find_profile(request.profile).metrics()
    if not names:
        raise InputError("--metrics names nothing", expected="names with commas, or all", hint="bench list metrics")
    return names


def _samples(request: RunRequest, ranks: Ranks) -> list[RunSample]:
    """The suite's samples; what must be made for them lies in the run's folder."""
    made = request.out / "suite"
    if request.suite == "synthetic":
        from bench.suites.synthetic import make_suite

        def tell(done: int, total: int, name: str) -> None:
            if ranks.leads:
                print(f"[{done}/{total}] suite: {name}", file=sys.stderr)

        return make_suite(request.recipe, made, workers=request.workers, ranks=ranks, on_progress=tell)
    from bench.suites.tasks import build_tasks

    if ranks.leads:
        build_tasks(request.suite, request.data, made)
    ranks.barrier()
    return build_tasks(request.suite, request.data, made)


def _score(
    request: RunRequest, names: list[str], samples: list[RunSample], chosen: list, ranks: Ranks
) -> Outcome | None:
    from bench.results import Options
    from bench.running.scores import score, scored_samples
    from bench.scoring import Settings

    found = scored_samples(request.out, request.suite, names, samples)
    settings = Settings((), request.align)
    options = Options(request.out / "scores", settings, None, request.workers, request.overwrite)
    outcome = score(
        found, chosen, options, ranks,
        on_plan=lambda plan: print_plan(plan, found.unmatched), on_progress=Progress(quiet=not ranks.leads),
    )  # fmt: skip
    if ranks.leads and outcome is not None:
        print_outcome(outcome, request.out / "scores")
    return outcome


class _Told:
    """One line per generated sample, on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, done: int, total: int, record: SampleRecord) -> None:
        if self.quiet:
            return
        name = printable(f"{record.method}/{record.sample}")
        what = (
            f"{record.seconds:.1f} s" if record.status == "ok" else f"{record.cause}: {record.reason.splitlines()[0]}"
        )
        print(f"[{done}/{total}] {name}: {printable(what)}", file=sys.stderr)


def _print_generated(made: Generated, out: Path) -> None:
    for name, why in made.unavailable.items():
        print(f"unavailable: {printable(name)}: {printable(why.replace(chr(10), ' '))}")
    print(
        f"{made.n_done} samples generated, {made.n_kept} kept from before, {made.n_failed} failed, "
        f"{made.n_lacking} without a needed input, {made.seconds:.1f} s; "
        f"records: {shlex.quote(str(out))}/METHOD/samples/"
    )


def _exit_code(made: Generated, outcome: Outcome | None, delivered: int) -> int:
    if delivered <= 0:
        return EXIT_ASSET if made.unavailable and not made.n_failed else EXIT_INPUT
    return EXIT_PARTIAL if made.n_failed or (outcome is not None and outcome.n_failed) else EXIT_OK
