"""Files of networks that see several frames: I3D, AMT and RAFT."""

from __future__ import annotations

from bench.weights.weight_file import WeightFile

FILES: tuple[WeightFile, ...] = (
    WeightFile(
        key="i3d",
        file="i3d_torchscript.pt",
        networks=("i3d",),
        source="Dropbox, universome/stylegan-v and fvd-comparison",
        url="https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
        licence="Apache-2.0 (kinetics-i3d)",
        commercial="yes",
        needed_by="FVD",
        megabytes=51.2,
    ),
    WeightFile(
        key="amt_s",
        file="amt-s.pth",
        networks=("amt_s",),
        source="Hugging Face, lalala125/AMT",
        url="https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth",
        licence="CC BY-NC 4.0",
        commercial="no",
        needed_by="VBench motion smoothness (MS)",
        megabytes=12.0,
    ),
    WeightFile(
        key="raft",
        file="raft-things.pth",
        networks=("raft",),
        source="Dropbox, linked by princeton-vl/RAFT (models.zip)",
        licence="BSD-3-Clause",
        commercial="yes",
        needed_by="VBench dynamic degree (DD)",
        megabytes=21.1,
        steps="download models.zip by the link of the project's download_models.sh and copy raft-things.pth out of it",
    ),
)
