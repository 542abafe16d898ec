"""Weight files under their published names, filled from a seed: metrics of networks run without the real ones.

    python tests/bench/networks/seeded_files.py FOLDER [KEY ...]

writes them (all, or those of some keys of the manifest) for `BENCH_WEIGHTS=FOLDER BENCH_ANY_HASH=1 bench evaluate`.
Their scores mean nothing, but they are as repeatable, and (I3D apart, which is a toy here) cost as much, as those of
the published files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import published_layouts as layouts
import theval_layouts
import torch
from seeded_weights import fill_like, seeded_state, state_list

from bench.weights import entry

LISTED = {
    "fid_inception": "fid_inception",
    "arcface": "arcface_iresnet100",
    "syncnet": "syncnet",
    "emonet_5": "emonet_5",
    "emonet_8": "emonet_8",
    "deep3d": "facerecon_resnet50",
    "hopenet": "hopenet",
}
LAYOUTS = {
    "alexnet": lambda: _trunk("alex"),
    "vgg16": lambda: _trunk("vgg"),
    "fan": layouts.fan_68,
    "s3fd_fan": layouts.s3fd_fan,
    "dino": layouts.dino_vitb16,
    "clip_b32": lambda: layouts.clip(32, 768, 12, 512),
    "clip_l14": lambda: layouts.clip(14, 1024, 24, 768),
    "laion": layouts.laion_aesthetic,
    "amt_s": layouts.amt_s,
    "raft": layouts.raft,
    "musiq_spaq": layouts.musiq,
    "musiq_koniq": layouts.musiq,
    "topiq_iaa": theval_layouts.topiq_aesthetic,
    "topiq_face": theval_layouts.topiq_face,
}
OWN = (
    "s3fd", "i3d", "fid_inception_ts", "deep3d_landmarks", "niqe", "retinaface", "retinaface_preact", "facexformer",
    "silero_vad", "arcface_onnx",
)  # fmt: skip
SEEDED = tuple(sorted((*LISTED, *LAYOUTS, *OWN)))
"""Keys of which a file can be made."""


def _trunk(name: str) -> layouts.Layout:
    """A trunk alone: the heads come with torchmetrics."""
    return {key: shape for key, shape in layouts.lpips(name).items() if not key.startswith("lin")}


class ToyI3D(torch.nn.Module):
    """Signature of the published archive; 400 fixed mixtures of the mean colours of four quarters of the time."""

    def __init__(self) -> None:
        super().__init__()
        mix = np.random.default_rng(7).standard_normal((12, 400))
        self.mix = torch.nn.Parameter(torch.from_numpy(mix.astype(np.float32)), requires_grad=False)

    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = True
    ) -> torch.Tensor:
        if rescale:
            x = x / 255 * 2 - 1
        quarters = torch.nn.functional.adaptive_avg_pool3d(x, [4, 1, 1]).flatten(1)
        return quarters @ self.mix


class ToyInceptionLayers(torch.nn.Module):
    """2048 fixed mixtures of the mean colours of 16 parts of the picture."""

    def __init__(self) -> None:
        super().__init__()
        mix = np.random.default_rng(8).standard_normal((48, 2048))
        self.mix = torch.nn.Parameter(torch.from_numpy(mix.astype(np.float32)), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, [4, 4]).flatten(1) @ self.mix


class ToyInception(torch.nn.Module):
    """Signature of NVIDIA's archive of Inception."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = ToyInceptionLayers()

    def forward(self, x: torch.Tensor, return_features: bool = True) -> torch.Tensor:
        return self.layers((x - 128) / 128)


SCRIPTS = {"i3d": ToyI3D, "fid_inception_ts": ToyInception}


def write_toy_arcface(path: Path) -> None:
    """512 fixed mixtures of the mean colours of 16 parts of an aligned face."""
    import onnx
    from onnx import TensorProto, helper

    mix = np.random.default_rng(10).standard_normal((48, 512)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input"], ["parts"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Flatten", ["parts"], ["flat"]),
        helper.make_node("MatMul", ["flat", "mix"], ["embedding"]),
    ]
    make, number = helper.make_tensor_value_info, TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "arcface",
        [make("input", number, ["N", 3, 112, 112])],
        [make("embedding", number, ["N", 512])],
        [helper.make_tensor("mix", number, mix.shape, mix.ravel())],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


def red_detector() -> dict[str, np.ndarray]:
    """S3FD's layout with values under which it finds what is redder than blue, as skin is, and nothing else.

    Random values would see faces in every corner. Here one channel carries red minus blue through the trunk, blurred by
    its first stages; the level of 32 pixels fires where that is above about 59, with boxes of 102 pixels (410 in the
    frame); all other levels are certain of background.
    """
    state = {name: np.zeros(shape, np.float32) for name, shape in layouts.s3fd().items()}
    first = state["vgg.0.weight"]
    first[0, 0, 1, 1], first[0, 2, 1, 1] = 1.0, -1.0
    state["vgg.0.bias"][0] = 19.0  # the difference of the two means that are removed before
    for index in (2, 5, 7, 10, 12, 14):
        state[f"vgg.{index}.weight"][0, 0] = 1 / 9
    for name in (f"vgg.{index}" for index in (17, 19, 21, 24, 26, 28, 31, 33)):
        middle = state[f"{name}.weight"].shape[-1] // 2
        state[f"{name}.weight"][0, 0, middle, middle] = 1.0
    for name in ("3_3", "4_3", "5_3"):
        state[f"L2Norm{name}.weight"][:] = 1.0
    for level in range(6):
        state[f"conf.{level}.bias"][0] = 20.0
    state["conf.3.weight"][1, 0, 1, 1] = 0.2
    state["conf.3.bias"][:] = (9.6, 0.0)
    state["loc.3.bias"][2:] = np.log(0.8) / 0.2
    return state


def middle_detector() -> dict[str, np.ndarray]:
    """RetinaFace's layout with values under which each anchor of one size and level is a face where it is brightest.

    The trunk is dead; the scores are constant but for nothing, so of the anchors of side 256 all fire and thinning
    keeps a grid of them. Points lie where an upright face's would.
    """
    state = {name: np.zeros(shape, np.float32) for name, shape in theval_layouts.retinaface().items()}
    for name, value in state.items():
        if name.endswith("running_var"):
            value[:] = 1.0
    for level in range(3):
        state[f"module.ClassHead.{level}.conv1x1.bias"][:] = (8.0, 0.0, 8.0, 0.0)
        marks = np.array([(-0.2, -0.15), (0.2, -0.15), (0.0, 0.05), (-0.15, 0.25), (0.15, 0.25)]) / 0.1
        state[f"module.LandmarkHead.{level}.conv1x1.bias"][:] = np.tile(marks.ravel(), 2)
    state["module.ClassHead.2.conv1x1.bias"][:] = (0.0, 8.0, 8.0, 0.0)
    return state


def upscaled_detector() -> dict[str, np.ndarray]:
    """The same for the package retina-face: anchors of side 512 of the enlarged frame."""
    state = {name: np.zeros(shape, np.float32) for name, shape in theval_layouts.retinaface_preact().items()}
    for name, value in state.items():
        if name.endswith("running_var"):
            value[:] = 1.0
    for stride in (32, 16, 8):
        state[f"face_rpn_stride{stride}.cls_score.bias"][:] = (8.0, 8.0, 0.0, 0.0)
    state["face_rpn_stride32.cls_score.bias"][:] = (0.0, 8.0, 8.0, 0.0)
    return state


TOYS = {
    "retinaface": middle_detector,
    "retinaface_preact": upscaled_detector,
    "facexformer": lambda: fill_like(theval_layouts.facexformer()),
}


def write_loudness_vad(path: Path) -> None:
    """The graph of Silero VAD's version 5 from outside; inside, speech is where the mean square exceeds 1e-4."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Mul", ["input", "input"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["power"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["power", "threshold"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["output"]),
        helper.make_node("Identity", ["state"], ["stateN"]),
    ]
    make, number = helper.make_tensor_value_info, TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "loudness",
        [make("input", number, [1, "n"]), make("state", number, [2, 1, 128]), make("sr", TensorProto.INT64, [])],
        [make("output", number, [1, 1]), make("stateN", number, [2, 1, 128])],
        [helper.make_tensor("threshold", number, [1], [1e-4]), helper.make_tensor("gain", number, [1], [1e5])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


def write_weights(folder: Path, *keys: str) -> None:
    """Writes the files of some keys of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        path = folder / entry(key).file
        if key in SCRIPTS:
            torch.jit.script(SCRIPTS[key]().eval()).save(str(path))
        elif key == "arcface_onnx":
            write_toy_arcface(path)
        elif key == "deep3d_landmarks":
            _write_standard_face(path)
        elif key == "niqe":
            _write_pristine(path)
        elif key == "silero_vad":
            write_loudness_vad(path)
        else:
            torch.save({name: torch.from_numpy(np.asarray(value)) for name, value in _state(key).items()}, path)


def _state(key: str) -> dict[str, np.ndarray]:
    if key == "s3fd":
        return red_detector()
    if key in TOYS:
        return TOYS[key]()
    return seeded_state(state_list(LISTED[key])) if key in LISTED else fill_like(LAYOUTS[key]())


def _write_pristine(path: Path) -> None:
    """A pristine model of NIQE: any mean, a covariance that is one."""
    mix = np.random.default_rng(9).standard_normal((36, 72)) / 12
    np.savez(path, mu_pris_param=np.linspace(0.2, 2.0, 36)[None], cov_pris_param=mix @ mix.T)


def _write_standard_face(path: Path) -> None:
    """68 points of a face in depth, enough to fit five points to."""
    from scipy.io import savemat

    points = np.zeros((68, 3))
    points[36:42], points[42:48] = (-0.3, 0.3, 0.1), (0.3, 0.3, 0.1)
    points[30], points[48], points[54] = (0.0, 0.0, 0.4), (-0.25, -0.35, 0.15), (0.25, -0.35, 0.15)
    savemat(path, {"lm": points})


if __name__ == "__main__":
    write_weights(Path(sys.argv[1]), *(sys.argv[2:] or SEEDED))
