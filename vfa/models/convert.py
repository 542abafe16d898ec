"""Convert a checkpoint to safetensors, the configuration in its header.

python -m vfa.models.convert saved_models/VFA/VFA.pt VFA.safetensors [--half]
"""

from __future__ import annotations

from pathlib import Path

import typer

from vfa.errors import VFAError


def convert(source: Path, target: Path, half: bool = typer.Option(False, help="store float16")) -> None:
    """Write SOURCE (.pt, .safetensors, or the .ckpt of a training run) as TARGET.safetensors."""
    from vfa.models.checkpoint import load_checkpoint, save_checkpoint

    try:
        checkpoint = load_checkpoint(source)
        state = {
            name: value.half() if half and value.is_floating_point() else value
            for name, value in checkpoint.state.items()
        }
        record = {name: value for name, value in checkpoint.record.items() if name not in ("config", "normalization")}
        save_checkpoint(state, checkpoint.config, target, normalization=checkpoint.normalization, record=record)
    except VFAError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo(f"{target}: {len(state)} entries, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(convert)
