"""`train.py`: options, the configuration file, messages and exit codes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from vfa.commands.train_config import pairs, read_config

EPILOG = """Examples:\n
python train.py --stage generator --dataset synthetic --exp_name small\n
python train.py --dataset MMFace4D=/data/MMFace4D --exp_name face\n
python train.py --dataset MMFace4D=/data/MMFace4D --exp_name face --resume_ckpt last\n
python train.py --distilling --dataset MMFace4D=/data/MMFace4D --exp_name flow --resume_ckpt exps/face/best.ckpt
"""
_MODEL = ("size", "channel_multiplier", "latent_dim_style", "latent_dim_motion", "latent_dim_depth_motion")
_LOSSES = ("lambda_loss_l1", "lambda_loss_sm", "lambda_loss_gr", "lambda_loss_sp")


def train(
    context: typer.Context,
    exp_path: Annotated[Path, typer.Option("--exp_path", help="Results go to <exp_path>/<exp_name>/.")] = Path("exps"),
    exp_name: Annotated[str, typer.Option("--exp_name", help="Name of the run.")] = "run",
    resume_ckpt: Annotated[
        str | None,
        typer.Option("--resume_ckpt", help="'last', or a file: .ckpt of a run, official .pt, .safetensors."),
    ] = None,
    weights_only: Annotated[
        bool, typer.Option("--weights_only", help="Begin a new run with the weights of --resume_ckpt.")
    ] = False,
    stage: Annotated[
        str, typer.Option("--stage", help="animator, distilling, motion, basis or generator.")
    ] = "animator",
    distilling: Annotated[bool, typer.Option("--distilling", help="The same as --stage distilling.")] = False,
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", help="MMFace4D|kinect|synthetic, as NAME[=FOLDER][@WEIGHT]; several are mixed."),
    ] = None,
    data_path: Annotated[Path | None, typer.Option("--data_path", help="Folder of a data set given by name.")] = None,
    size: Annotated[int | None, typer.Option("--size", help="Pixels of a frame's side.  [default: 256]")] = None,
    batch_size: Annotated[int, typer.Option("--batch_size", help="Samples of a step, over all processes.")] = 16,
    iterations: Annotated[int, typer.Option("--iter", help="Steps of the run.")] = 800_000,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate after the warm-up.")] = 2e-4,
    schedule: Annotated[
        str, typer.Option("--schedule", help="cosine, constant, or steps (the original's: x 0.2 every 5000).")
    ] = "cosine",
    warmup: Annotated[
        int | None, typer.Option("--warmup", help="Steps of linear rise.  [default: 500, or less]")
    ] = None,
    ema: Annotated[float, typer.Option("--ema", help="Decay of the averaged weights.")] = 0.999,
    clip: Annotated[float | None, typer.Option("--clip", help="Limit of the gradient's norm.")] = None,
    lambda_loss_l1: Annotated[float | None, typer.Option("--lambda_loss_l1", help="Weight of L1.")] = None,
    lambda_loss_sm: Annotated[float | None, typer.Option("--lambda_loss_sm", help="... of depth smoothness.")] = None,
    lambda_loss_gr: Annotated[float | None, typer.Option("--lambda_loss_gr", help="... of depth gradients.")] = None,
    lambda_loss_sp: Annotated[float | None, typer.Option("--lambda_loss_sp", help="... of depth structure.")] = None,
    perceptual: Annotated[
        str | None, typer.Option("--perceptual", help="auto, vgg19, or gradients_lite, which needs no weights.")
    ] = None,
    channel_multiplier: Annotated[
        float | None, typer.Option("--channel_multiplier", help="Width of all levels.")
    ] = None,
    latent_dim_style: Annotated[int | None, typer.Option("--latent_dim_style")] = None,
    latent_dim_motion: Annotated[int | None, typer.Option("--latent_dim_motion")] = None,
    latent_dim_depth_motion: Annotated[int | None, typer.Option("--latent_dim_depth_motion")] = None,
    model_option: Annotated[
        list[str] | None, typer.Option("--model_option", help="NAME=VALUE, any other size of the architecture.")
    ] = None,
    stage_option: Annotated[list[str] | None, typer.Option("--stage_option", help="NAME=VALUE for the stage.")] = None,
    data_option: Annotated[list[str] | None, typer.Option("--data_option", help="NAME=VALUE for the data.")] = None,
    normalization: Annotated[str, typer.Option("--normalization", help="range, skin or foreground.")] = "range",
    display_freq: Annotated[int, typer.Option("--display_freq", help="Steps between sample sheets.")] = 1000,
    save_freq: Annotated[int, typer.Option("--save_freq", help="Steps between validations and checkpoints.")] = 1000,
    log_freq: Annotated[int, typer.Option("--log_freq", help="Steps between lines of the log.")] = 20,
    validation_samples: Annotated[int, typer.Option("--validation_samples", help="At most so many.")] = 256,
    workers: Annotated[int, typer.Option("--workers", help="Loading processes for each training process.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="Of weights, data and noise.")] = 0,
    accelerator: Annotated[
        str, typer.Option("--accelerator", help="auto, cpu, gpu ... as Lightning names them.")
    ] = "auto",
    devices: Annotated[str, typer.Option("--devices", help="How many, or which: 2, or 0,1.")] = "auto",
    num_nodes: Annotated[int, typer.Option("--num_nodes", help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option("--strategy", help="auto, ddp ... as Lightning names them.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="32-true, bf16-mixed, 16-mixed.")] = "32-true",
    addr: Annotated[str | None, typer.Option("--addr", help="Address of the first machine.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the first machine.")] = None,
    half: Annotated[bool, typer.Option("--half", help="Export float16.")] = False,
    licence: Annotated[str, typer.Option("--licence", help="Of the weights, kept in their header.")] = "not stated",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", is_eager=True, callback=read_config, help="Options as .yaml or .toml; the command line wins."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Train the animator: on pairs of frames, on exact truth, or the flow generator from the finished network."""
    from vfa.commands.outcome import guarded

    given = context.params

    def work() -> None:
        from vfa.training.options import LOSS_WEIGHTS, RunOptions

        for name, value in (("MASTER_ADDR", addr), ("MASTER_PORT", port)):
            if value is not None:
                os.environ[name] = str(value)
        stage_options: dict[str, Any] = {LOSS_WEIGHTS[n]: given[n] for n in _LOSSES if given[n] is not None}
        stage_options |= {} if perceptual is None else {"perceptual": perceptual}
        own = ("exp_path", "exp_name", "resume_ckpt", "weights_only", "data_path", "iterations", "batch_size", "lr",
               "schedule", "ema", "clip", "seed", "workers", "normalization", "display_freq", "save_freq", "log_freq",
               "validation_samples", "accelerator", "devices", "num_nodes", "strategy", "precision", "half",
               "licence")  # fmt: skip
        options = RunOptions(
            **{name: given[name] for name in own},
            stage="distilling" if distilling else stage,
            dataset=tuple(dataset or ("synthetic",)),
            warmup=min(500, iterations // 10) if warmup is None else warmup,
            model={name: given[name] for name in _MODEL if given[name] is not None}
            | {name: float(value) for name, value in pairs("--model_option", model_option).items()},
            stage_options=stage_options | pairs("--stage_option", stage_option),
            data_options=pairs("--data_option", data_option),
        )
        from vfa.training.run import train as run

        tell(run(options), options)

    guarded(work, debug=debug)


def tell(outcome: Any, options: Any) -> None:
    """Closing lines: where the run stands, and the next command; ends the process where a signal stopped it."""
    from vfa.errors import EXIT_INTERRUPTED

    again = f"python train.py --exp_path '{options.exp_path}' --exp_name '{options.exp_name}'"
    if outcome.signal:
        if outcome.leads:
            print(f"{outcome.signal}: stopped at step {outcome.step} of {outcome.steps}, everything is saved.")
            print(f"Next: the same command with --resume_ckpt last\n  {again} ... --resume_ckpt last")
        raise SystemExit(EXIT_INTERRUPTED)
    if not outcome.leads:
        return
    print(f"{outcome.step} steps done. Results: {outcome.folder}")
    for name, value in outcome.figures.items():
        print(f"  {name}: {value:.4g}")
    if outcome.best:
        print(f"  best {outcome.best['figure']}: {outcome.best['value']} at step {outcome.best['step']}")
    print(f"Weights for use: {outcome.exported}")
    print(f"Next:\n  python infer.py --motion vfa --checkpoint '{outcome.exported}'")
    if options.stage == "animator":
        print("  python train.py --distilling ... --resume_ckpt '" + str(outcome.folder / "best.ckpt") + "'")


def main() -> None:
    """Entry point."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(epilog=EPILOG)(train)
    app()
