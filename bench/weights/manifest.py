"""Files with learned parameters that may not be redistributed here: where they are published and what needs them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightFile:
    """One published file.

    Attributes:
        key: short name used by metrics and extractors.
        file: its published file name; alternatives under `also`.
        source: where it is published, in words; url: direct address where there is a stable one.
        sha256: of the file where it is known; empty where its publisher states none.
        licence: as stated by its publisher.
        needed_by: what cannot run without it.
    """

    key: str
    file: str
    source: str
    licence: str
    needed_by: str
    url: str = ""
    sha256: str = ""
    also: tuple[str, ...] = ()


MANIFEST: tuple[WeightFile, ...] = (
    WeightFile(
        key="niqe",
        file="niqe_pris_params.npz",
        also=("niqe_modelparameters.mat",),
        source="BasicSR repository, basicsr/metrics/niqe_pris_params.npz",
        url="https://raw.githubusercontent.com/XPixelGroup/BasicSR/master/basicsr/metrics/niqe_pris_params.npz",
        licence="Apache-2.0",
        needed_by="metric niqe",
    ),
    WeightFile(
        key="dwpose_detector",
        file="yolox_l.onnx",
        source="Hugging Face, yzd-v/DWPose",
        url="https://huggingface.co/yzd-v/DWPose/resolve/main/yolox_l.onnx",
        licence="Apache-2.0",
        needed_by="bench process --detector dwpose",
    ),
    WeightFile(
        key="dwpose",
        file="dw-ll_ucoco_384.onnx",
        source="Hugging Face, yzd-v/DWPose",
        url="https://huggingface.co/yzd-v/DWPose/resolve/main/dw-ll_ucoco_384.onnx",
        licence="Apache-2.0",
        needed_by="bench process --detector dwpose",
    ),
)
