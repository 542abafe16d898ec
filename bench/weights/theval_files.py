"""Files of the networks by which THEval is defined, beside MediaPipe, which is installed."""

from __future__ import annotations

from bench.weights.weight_file import WeightFile

_IQA = "https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/"
_IQA_LICENCE = "CC BY-NC-SA 4.0 (as stated with the files); code PolyForm-Noncommercial"

FILES: tuple[WeightFile, ...] = (
    WeightFile(
        key="musiq_koniq",
        file="musiq_koniq_ckpt-e95806b9.pth",
        networks=("musiq",),
        source="GitHub, chaofengc/IQA-PyTorch, release v0.1-weights",
        url=_IQA + "musiq_koniq_ckpt-e95806b9.pth",
        licence="Apache-2.0 (google-research/musiq); conversion PolyForm-Noncommercial",
        commercial="no",
        needed_by="THEval mouth quality",
        megabytes=108.6,
        sha256_prefix="e95806b9",
    ),
    WeightFile(
        key="topiq_iaa",
        file="cfanet_iaa_ava_swin-393b41b4.pth",
        networks=("topiq_aesthetic",),
        source="GitHub, chaofengc/IQA-PyTorch, release v0.1-weights; also Hugging Face, chaofengc/IQA-PyTorch-Weights",
        url=_IQA + "cfanet_iaa_ava_swin-393b41b4.pth",
        licence=_IQA_LICENCE,
        commercial="no",
        needed_by="THEval global aesthetics",
        megabytes=507.0,
        sha256_prefix="393b41b4",
    ),
    WeightFile(
        key="topiq_face",
        file="topiq_nr_gfiqa_res50-d76bf1ae.pth",
        networks=("topiq_face",),
        source="GitHub, chaofengc/IQA-PyTorch, release v0.1-weights; also Hugging Face, chaofengc/IQA-PyTorch-Weights",
        url=_IQA + "topiq_nr_gfiqa_res50-d76bf1ae.pth",
        licence=_IQA_LICENCE,
        commercial="no",
        needed_by="THEval face quality",
        megabytes=181.0,
        sha256_prefix="d76bf1ae",
    ),
    WeightFile(
        key="retinaface",
        file="detection_Resnet50_Final.pth",
        networks=("retinaface",),
        source="GitHub, xinntao/facexlib, release v0.1.0",
        url="https://github.com/xinntao/facexlib/releases/download/v0.1.0/detection_Resnet50_Final.pth",
        licence="MIT",
        commercial="yes",
        needed_by="THEval face quality (finding and aligning the face)",
        megabytes=109.5,
    ),
    WeightFile(
        key="retinaface_preact",
        file="retinaface.pth",
        networks=("retinaface_preact",),
        source="GitHub, serengil/deepface_models, release v1.0 (the package retina-face)",
        url="https://github.com/serengil/deepface_models/releases/download/v1.0/retinaface.pth",
        licence="MIT",
        commercial="yes",
        needed_by="THEval head motion (finding the face)",
        megabytes=118.0,
    ),
    WeightFile(
        key="facexformer",
        file="facexformer.pt",
        also=("model.pt",),
        networks=("facexformer_pose",),
        source="Hugging Face, kartiknarayan/facexformer, ckpts/model.pt",
        url="https://huggingface.co/kartiknarayan/facexformer/resolve/main/ckpts/model.pt",
        licence="MIT",
        commercial="yes",
        needed_by="THEval head motion (pitch, yaw, roll)",
        megabytes=366.0,
    ),
    WeightFile(
        key="silero_vad",
        file="silero_vad.onnx",
        networks=("silero_vad",),
        source="GitHub, snakers4/silero-vad, tag v5.1.2 (also inside the package silero-vad 5.1.2)",
        url="https://github.com/snakers4/silero-vad/raw/v5.1.2/src/silero_vad/data/silero_vad.onnx",
        licence="MIT",
        commercial="yes",
        needed_by="THEval silent lip stability, THEval lip-sync (where speech is)",
        megabytes=2.3,
    ),
)
