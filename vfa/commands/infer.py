"""`infer.py`: options, progress bar and closing lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[2]
DEMO_SOURCE = ROOT / "dataset" / "demo_source" / "demo.npy"
DEMO_DRIVING = ROOT / "dataset" / "demo_driving" / "color" / "demo.mp4"

EPILOG = """Examples:\n
python infer.py\n
python infer.py --driving_path me.mp4\n
python infer.py --source_path head.obj --driving_path me.mp4 --calc_weights\n
python infer.py --source_path portrait.jpg --driving_path me.mp4 --head_pose rotation
"""
CHOICES = {
    "motion": ("landmarks", "vfa"),
    "backend": ("torch", "onnx"),
    "missing": ("hold", "interpolate", "fail"),
    "head_pose": ("full", "rotation", "none"),
    "renderer": ("cpu", "pyrender"),
}
Triple = tuple[float, float, float]


def infer(
    source_path: Annotated[
        Path, typer.Option("--source_path", help="Avatar: .npy coefficients, .obj .ply .glb .stl, .jpg .png.")
    ] = DEMO_SOURCE,
    driving_path: Annotated[
        Path, typer.Option("--driving_path", help="Clip: any video, or a recording with depth.")
    ] = DEMO_DRIVING,
    motion: Annotated[str, typer.Option("--motion", help="landmarks, or vfa: by the networks.")] = "landmarks",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Networks: .pt, .safetensors; a folder with --backend onnx.")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="torch or onnx.")] = "torch",
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")] = "auto",
    save_folder: Annotated[
        Path, typer.Option("--save_folder", help="Results go into a folder of their own in here.")
    ] = Path("results"),
    offset: Annotated[int, typer.Option("--offset", min=0, help="First frame of the clip to use.")] = 0,
    length: Annotated[
        int | None, typer.Option("--length", min=1, help="How many frames to use; all when not given.")
    ] = None,
    adjust_camera: Annotated[
        bool, typer.Option("--adjust_camera", help="Write a preview of the view and stop.")
    ] = False,
    eye: Annotated[
        Triple | None, typer.Option("--eye", metavar="X Y Z", help="Camera position; automatic when not given.")
    ] = None,
    translation: Annotated[
        Triple | None, typer.Option("--translation", metavar="X Y Z", help="Shift of the avatar in the view.")
    ] = None,
    calc_weights: Annotated[bool, typer.Option("--calc_weights", help="Compute controller weights anew.")] = False,
    weights_k: Annotated[int, typer.Option("--weights_k", min=1, help="Controllers per vertex.")] = 10,
    lambda_lap: Annotated[
        float, typer.Option("--lambda_lap", min=0.0, max=1.0, help="Strength of a round of smoothing.")
    ] = 0.6,
    lap_times: Annotated[int, typer.Option("--lap_times", min=0, help="Rounds of smoothing.")] = 5,
    plain_blend: Annotated[bool, typer.Option("--plain_blend", help="Blend only, as the original does.")] = False,
    find_best: Annotated[
        bool, typer.Option("--find_best/--no-find_best", help="Start from the most neutral frame.")
    ] = True,
    best_frame: Annotated[
        int | None, typer.Option("--best_frame", min=0, help="Start from this frame of the clip.")
    ] = None,
    target_frame: Annotated[
        int | None, typer.Option("--target_frame", min=0, help="Animate this frame only, also as a picture.")
    ] = None,
    missing: Annotated[
        str, typer.Option("--missing", help="Frames without a face: hold, interpolate or fail.")
    ] = "interpolate",
    smoothing: Annotated[
        float,
        typer.Option(
            "--smoothing", min=0.0, help="Cut-off of the filter of landmarks and motion weights in Hz; 0: none."
        ),
    ] = 5.0,
    strength: Annotated[float, typer.Option("--strength", min=0.0, help="Factor on the expression.")] = 1.0,
    head_pose: Annotated[str, typer.Option("--head_pose", help="Head motion: full, rotation or none.")] = "full",
    render_size: Annotated[int, typer.Option("--render_size", min=64, max=4096, help="Pixels of avatar.mp4.")] = 512,
    renderer: Annotated[str, typer.Option("--renderer", help="cpu or pyrender.")] = "cpu",
    allow_8bit_depth: Annotated[bool, typer.Option("--allow_8bit_depth", help="Accept depth of 256 steps.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Drive a 3D face with a recorded performance; without arguments, the demo."""
    from vfa.commands.outcome import guarded

    given = {"motion": motion, "backend": backend, "missing": missing, "head_pose": head_pose, "renderer": renderer}
    for name, allowed in CHOICES.items():
        if given[name] not in allowed:
            raise typer.BadParameter(f"{given[name]!r} is not one of {', '.join(allowed)}.", param_hint=f"--{name}")

    def work() -> None:
        from vfa.commands.progress import RichProgress, tell
        from vfa.pipeline import Options, run

        options = Options(
            source_path=source_path,
            driving_path=driving_path,
            save_folder=save_folder,
            motion=motion,
            checkpoint=checkpoint,
            backend=backend,
            device=device,
            length=length,
            offset=offset,
            adjust_camera=adjust_camera,
            eye=eye,
            translation=translation,
            calc_weights=calc_weights,
            weights_k=weights_k,
            lambda_lap=lambda_lap,
            lap_times=lap_times,
            plain_blend=plain_blend,
            find_best=find_best,
            best_frame=best_frame,
            target_frame=target_frame,
            missing=missing,  # type: ignore[arg-type]  # checked above
            smoothing=smoothing,
            strength=strength,
            head_pose=head_pose,
            render_size=render_size,
            renderer=renderer,
            allow_8bit_depth=allow_8bit_depth,
        )
        with RichProgress() as progress:
            result = run(options, progress)
        tell(result, options)

    guarded(work, debug=debug)


def main() -> None:
    """Entry point."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(epilog=EPILOG)(infer)
    app()
