"""A whole run of training: start, data, module, trainer, and what is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from vfa.errors import InputError
from vfa.media.atomic import remove_stale_parts
from vfa.models.config import AnimatorConfig
from vfa.models.growing import grow
from vfa.models.network import AnimatorNetwork
from vfa.training.checkpointing import BEST, EXPORT, LAST, Start, export, read_start
from vfa.training.data_run import RunDataModule
from vfa.training.keeping import Keeper
from vfa.training.module import TrainingModule
from vfa.training.options import RunOptions, changed
from vfa.training.schedule import Schedule
from vfa.training.sources import DataSet, build_sources
from vfa.training.stages import Stage, build_stage
from vfa.training.tracing import Trace, say
from vfa.training.trainer import build_trainer, leading, quiet
from vfa.training.watching import Watch


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Attributes:
        folder: of the run.
        step, steps: where it is and where it was to end.
        signal: that stopped it early, or empty.
        figures: of the last validation; `best`: {"figure", "value", "step"}.
        exported: the weights for use; None where the run is not done.
        leads: whether this process is the one that writes and speaks.
    """

    folder: Path
    step: int
    steps: int
    signal: str
    figures: dict[str, float]
    best: dict[str, Any]
    exported: Path | None
    leads: bool


def train(options: RunOptions) -> Outcome:
    """Trains until the last step or a signal; everything is in the run's folder.

    Raises:
        InputError: the options, the data or the checkpoint cannot be used; nothing has been trained.
        VFAError: the loss is no number any more, or something cannot be written.
    """
    stage = build_stage(options.stage, options.stage_options)
    schedule = Schedule(options.lr, options.iterations, options.warmup, options.schedule)  # type: ignore[arg-type]
    leads = leading()
    with _own_folder(options, leads):
        torch.manual_seed(options.seed)
        start, resumed = find_start(options)
        config = start.config if start else options.config()
        if start:
            config = replace(config, size=int(options.model.get("size", config.size)))
            options = replace(options, normalization=start.normalization)
        data = build_data(options, stage, config.size)
        record = _record(options, stage, config, start, resumed)
        network = build_network(config, start)
        module = TrainingModule(network, stage, schedule, seed=options.seed, decay=options.ema, record=record)
        watch = Watch(start.path if start and resumed else None)
        trace = Trace(options.folder, watch, every=options.log_freq, batch=options.batch_size)
        keeper = Keeper(options.folder, watch, trace, save_every=options.save_freq, display_every=options.display_freq)
        first = start.step if start and resumed else 0
        if leads:
            _introduce(options, stage, module, start, resumed)
        if first < options.iterations:
            trainer = build_trainer(options, [watch, keeper, trace], first)
            try:
                with quiet():
                    trainer.fit(module, datamodule=data, ckpt_path=start.path if start and resumed else None)
            finally:
                watch.release()
            first = trainer.global_step
        exported = None
        if first >= options.iterations and leads:
            exported = options.folder / EXPORT
            best = options.folder / BEST
            export(best if best.is_file() else options.folder / LAST, exported, half=options.half)
        figures, best_figure = module.record.get("figures", {}), module.record.get("best", {})
        return Outcome(options.folder, first, options.iterations, watch.signal, figures, best_figure, exported, leads)


def find_start(options: RunOptions) -> tuple[Start | None, bool]:
    """What the run starts from, and whether it is the continuation of that run or a new one with its weights.

    Raises:
        InputError: the folder holds another run, or the checkpoint another architecture.
    """
    last = options.folder / LAST
    if options.resume_ckpt is None:
        # Other processes of this run may come here when the first has begun to write.
        if last.is_file() and leading():
            raise InputError(
                "there is a run in this folder already",
                path=options.folder,
                hint="--resume_ckpt last to continue it, or another --exp_name",
            )
        return None, False
    if options.resume_ckpt == "last" and not last.is_file():
        return None, False
    path = last if options.resume_ckpt == "last" else Path(options.resume_ckpt)
    if last.is_file() and path.resolve().parent != options.folder.resolve():
        raise InputError(
            "there is a run in this folder already, begun from elsewhere",
            path=options.folder,
            hint="--resume_ckpt last to continue it, or another --exp_name",
        )
    start = read_start(path, lambda: AnimatorNetwork(options.config()).student_dec.state_dict(prefix="student_dec."))
    for name, value in options.model.items():
        if name == "size" and value == 2 * start.config.size and options.weights_only:
            continue  # the network grows
        if start.config.to_dict()[name] != value:
            raise InputError(
                f"the checkpoint has another {name}",
                path=path,
                expected=f"{start.config.to_dict()[name]}",
                found=f"{value}",
                hint="leave the option out to take the architecture of the checkpoint",
            )
    same = start.stage == options.stage and not options.weights_only
    if not same and path.resolve().parent == options.folder.resolve():
        raise InputError(
            "a new run would overwrite the one it starts from",
            path=options.folder,
            found=f"a run of stage {start.stage or 'unknown'}",
            hint="another --exp_name",
        )
    return start, same


def build_network(config: AnimatorConfig, start: Start | None) -> AnimatorNetwork:
    """The network, with the weights of the start (grown if larger frames are wanted) or fresh ones."""
    if start is not None and config.size == 2 * start.config.size:
        return grow(start.state, start.config)
    network = AnimatorNetwork(config)
    if start is not None:
        network.load_state_dict(start.state)
    return network


def build_data(options: RunOptions, stage: Stage, size: int) -> RunDataModule:
    """The data of the run."""
    datasets = [DataSet.parse(text, options.data_path) for text in options.dataset]
    sources = build_sources(
        datasets,
        size=size,
        seed=options.seed,
        convention=options.normalization,
        options=options.data_options,
        truth=stage.name if stage.needs_truth else "",
    )
    return RunDataModule(
        sources,
        [dataset.weight for dataset in datasets],
        batch_size=options.batch_size,
        steps=options.iterations,
        workers=options.workers,
        seed=options.seed,
        validation_samples=options.validation_samples,
    )


def _record(
    options: RunOptions, stage: Stage, config: AnimatorConfig, start: Start | None, resumed: bool
) -> dict[str, Any]:
    """What every checkpoint of the run says about itself."""
    datasets = [DataSet.parse(text, options.data_path) for text in options.dataset]
    total = sum(dataset.weight for dataset in datasets)
    described = [f"{d.description}" + (f" ({d.weight / total:.0%})" if len(datasets) > 1 else "") for d in datasets]
    history = list(start.record.get("history", [])) if start else []
    if start and not resumed:
        earlier = {name: start.record[name] for name in ("stage", "step", "data", "hours") if name in start.record}
        history.append({"file": start.path.name, **earlier})
    now = options.record()
    if start and resumed:
        for line in changed(start.record.get("options", {}), now):
            say(f"note: continued with another option: {line}")
    return {
        "stage": stage.name,
        "config": config.to_dict(),
        "normalization": options.normalization,
        "data": "; ".join(described),
        "licence": options.licence,
        "notes": stage.notes(),
        "options": now,
        "history": history,
        "hours": float(start.record.get("hours", 0.0)) if start and resumed else 0.0,
        "figures": dict(start.record.get("figures", {})) if start and resumed else {},
        "best": dict(start.record.get("best", {})) if start and resumed else {},
        "versions": {"torch": str(torch.__version__), "lightning": pl.__version__},
    }


def _introduce(options: RunOptions, stage: Stage, module: TrainingModule, start: Start | None, resumed: bool) -> None:
    """What the run is about to do."""
    learning = sum(parameter.numel() for parameter in module.learning)
    everything = sum(parameter.numel() for parameter in module.network.parameters())
    part = f"{learning / 1e6:.2f} of {everything / 1e6:.2f} M parameters learn"
    say(f"Stage {stage.name}: {part}, {options.iterations} steps")
    for name, value in stage.notes().items():
        say(f"  {name}: {value}")
    if start:
        say(f"  {'continues' if resumed else 'starts with the weights of'} {start.path}, step {start.step}")
    say(f"  data: {module.record['data']}")
    say(f"  results: {options.folder}")


@contextmanager
def _own_folder(options: RunOptions, leads: bool) -> Iterator[None]:
    """The run's folder, made, cleared of half-written files and locked against a second run."""
    if not leads:
        yield
        return
    import fcntl

    folder = options.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise InputError(
            "results cannot be written there", path=folder, found=error.strerror, hint="another --exp_path"
        ) from error
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of this process: forked workers do not hold it on
        except OSError as error:
            raise InputError(
                "another run is using this folder", path=folder, hint="wait for it, or choose another --exp_name"
            ) from error
        remove_stale_parts(folder)
        yield
