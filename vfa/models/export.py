"""Export the three networks to ONNX for other runtimes.

    python -m vfa.models.export saved_models/VFA/VFA.pt onnx/
    python infer.py --motion vfa --backend onnx --checkpoint onnx/

Writes ``encoder.onnx`` (frames -> latent, motion, features), ``generator.onnx`` (latent, features -> rgbd, flow
logits), ``flow.onnx`` (flow logits, latent, source -> flow, mask, warped, inpainted), ``directions.npy`` (the
orthonormal motion dictionary) and, last, ``animator.json`` (the configuration); also ``motion.onnx`` (frames -> motion)
for a network whose drivers have an encoder of their own. Frames have the network's size; the batch is free.
"""

from __future__ import annotations

import copy
import json
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vfa.errors import VFAError
from vfa.models.config import AnimatorConfig
from vfa.models.network import AnimatorNetwork

OPSET = 17
FLOW_OUTPUTS = ("flow", "mask", "warped", "inpainted")


def feature_names(config: AnimatorConfig) -> list[str]:
    """The encoder's feature outputs, coarse to fine."""
    return [f"feature_{resolution}" for resolution in config.resolutions]


class _EncoderGraph(nn.Module):
    def __init__(self, network: AnimatorNetwork) -> None:
        super().__init__()
        self.enc = network.enc

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        latent, motion, features = self.enc(frames)
        return latent, motion, *features


class _GeneratorGraph(nn.Module):
    """The generator with its dictionaries factorised: ONNX has no QR."""

    def __init__(self, network: AnimatorNetwork) -> None:
        super().__init__()
        self.dec = copy.deepcopy(network.dec)
        for motion in self.dec.motion_in_depths:
            constant = motion.directions().detach()
            motion.directions = constant.clone

    def forward(self, latent: Tensor, *features: Tensor) -> tuple[Tensor, Tensor]:
        shared = [feature.expand(latent.shape[0], -1, -1, -1) for feature in features]
        generated = self.dec(latent, shared)
        return generated.rgbd, generated.flow_logits


class _FlowGraph(nn.Module):
    def __init__(self, network: AnimatorNetwork) -> None:
        super().__init__()
        self.student_dec = network.student_dec

    def forward(self, flow_logits: Tensor, latent: Tensor, source: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.student_dec(flow_logits, latent, source.expand(latent.shape[0], -1, -1, -1)))


def export_onnx(network: AnimatorNetwork, folder: str | Path, *, normalization: str = "range") -> None:
    """Write the networks to ``folder``; ``animator.json`` appears only when everything else is complete.

    Args:
        network: trained; exported in evaluation mode, float32, from a copy.
        folder: created where it does not exist.
        normalization: how the network's frames are brought to [-1, 1].
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    network = copy.deepcopy(network).cpu().float().eval()
    config = network.config
    manifest = folder / "animator.json"
    manifest.unlink(missing_ok=True)
    # Two frames, so that a batch of one is not taken for a constant.
    frames = torch.zeros(2, config.input_channels, config.size, config.size)
    names = feature_names(config)
    with torch.no_grad():
        _, _, features = network.enc(frames[:1])
        logits = torch.zeros(2, 3, config.size, config.size)
        latent = torch.zeros(2, config.latent_dim_style)
        _write(_EncoderGraph(network), (frames,), folder / "encoder.onnx", ["frames"], ["latent", "motion", *names])
        _write(
            _GeneratorGraph(network),
            (latent, *features),
            folder / "generator.onnx",
            ["latent", *names],
            ["rgbd", "flow_logits"],
            batched=["latent"],
        )
        _write(
            _FlowGraph(network),
            (logits, latent, frames[:1]),
            folder / "flow.onnx",
            ["flow_logits", "latent", "source"],
            list(FLOW_OUTPUTS),
            batched=["flow_logits", "latent"],
        )
        if config.motion_channels:
            _write(network.motion_enc, (frames,), folder / "motion.onnx", ["frames"], ["motion"])
        if config.basis_channels:
            _write(network.motion_basis, (frames,), folder / "basis.onnx", ["source"], ["basis"])
        directions = network.dec.direction.directions().numpy()
    temporary = folder / f"directions.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        np.save(file, directions, allow_pickle=False)
    os.replace(temporary, folder / "directions.npy")
    temporary = folder / f"animator.{os.getpid()}.tmp"
    content = {"format": 1, "config": config.to_dict(), "normalization": normalization}
    temporary.write_text(json.dumps(content, indent=1))
    os.replace(temporary, manifest)


def _write(
    graph: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    input_names: list[str],
    output_names: list[str],
    batched: list[str] | None = None,
) -> None:
    axes = {name: {0: "batch"} for name in (batched or input_names) + output_names}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with warnings.catch_warnings():
            # The graph-tracing exporter is deprecated, but needs no further package and handles all that is used here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph.eval(),
                inputs,
                str(temporary),
                input_names=input_names,
                output_names=output_names,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def main() -> None:
    """Command line of the export."""
    import typer

    def export(
        checkpoint: Path = typer.Argument(None, help="default: the checkpoint infer.py would use"),
        folder: Path = typer.Argument(Path("onnx"), help="where the ONNX files go"),
    ) -> None:
        """Write CHECKPOINT's networks as ONNX files into FOLDER."""
        from vfa.models.checkpoint import find_checkpoint, load_checkpoint

        try:
            found = find_checkpoint(checkpoint)
            loaded = load_checkpoint(found)
            network = AnimatorNetwork(loaded.config)
            network.load_state_dict(loaded.state)
            export_onnx(network, folder, normalization=loaded.normalization)
        except VFAError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(error.exit_code) from error
        parts = ", ".join(sorted(path.stem for path in folder.glob("*.onnx")))
        typer.echo(f"{found} -> {folder}/: {parts}")
        typer.echo(f"Next: python infer.py --motion vfa --backend onnx --checkpoint {folder}")

    typer.run(export)


if __name__ == "__main__":
    main()
