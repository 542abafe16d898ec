"""The one manifest of files with learned parameters that may not be redistributed here."""

from __future__ import annotations

from bench.networks.weight_files import PUBLISHED_FILES
from bench.networks.weight_files import PublishedFile as WeightFile

__all__ = ["MANIFEST", "WeightFile"]

_DWPOSE = "https://huggingface.co/yzd-v/DWPose/resolve/main/"
_BASICSR = "https://raw.githubusercontent.com/XPixelGroup/BasicSR/master/basicsr/metrics/"

OTHER_FILES: tuple[WeightFile, ...] = (
    WeightFile(
        key="niqe",
        file="niqe_pris_params.npz",
        also=("niqe_modelparameters.mat",),
        networks=(),
        source="BasicSR repository, basicsr/metrics/niqe_pris_params.npz",
        url=_BASICSR + "niqe_pris_params.npz",
        licence="Apache-2.0",
        commercial="yes",
        needed_by="metric niqe",
        megabytes=0.02,
    ),
    WeightFile(
        key="dwpose_detector",
        file="yolox_l.onnx",
        networks=(),
        source="Hugging Face, yzd-v/DWPose",
        url=_DWPOSE + "yolox_l.onnx",
        licence="Apache-2.0",
        commercial="yes",
        needed_by="bench process --detector dwpose",
        megabytes=217,
    ),
    WeightFile(
        key="dwpose",
        file="dw-ll_ucoco_384.onnx",
        networks=(),
        source="Hugging Face, yzd-v/DWPose",
        url=_DWPOSE + "dw-ll_ucoco_384.onnx",
        licence="Apache-2.0",
        commercial="yes",
        needed_by="bench process --detector dwpose",
        megabytes=134,
    ),
)

MANIFEST: tuple[WeightFile, ...] = (*OTHER_FILES, *PUBLISHED_FILES)
