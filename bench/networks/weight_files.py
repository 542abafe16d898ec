"""The files the networks are built from: where they are published, their size, licence and hash, and what needs them.

Nothing here is downloaded on import or while scoring. Sizes are approximate. A hash is given where its publisher states
it, in whole (`sha256`) or by its first digits in the file name (`sha256_prefix`).
"""

from __future__ import annotations

from dataclasses import dataclass

_HUB = "https://download.pytorch.org/models/"
_CLIP = "https://openaipublic.azureedge.net/clip/models/"
_FAN = "https://www.adrianbulat.com/downloads/python-fan/"
_VGG = "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/"
_IQA = "https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/"
_ARCFACE_ZOO = "insightface, recognition/arcface_torch, model zoo (OneDrive or Baidu)"
_CLIP_B32_HASH = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
_CLIP_L14_HASH = "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"


@dataclass(frozen=True)
class PublishedFile:
    """One published file.

    Attributes:
        key: short name, by which extractors ask for it.
        file: its published file name; accepted other names under `also`.
        networks: registry names of the networks built from it.
        source: where it is published, in words; `url`: direct address where there is a stable one.
        licence: as stated by its publisher.
        commercial: whether that licence allows commercial use: "yes", "no", or "not stated".
        needed_by: the metrics that cannot run without it.
        megabytes: size, in 10^6 bytes.
        sha256: hash of the file, where known in whole; `sha256_prefix`: its first digits, where only those are known.
        steps: what to do by hand, where there is no direct address.
    """

    key: str
    file: str
    networks: tuple[str, ...]
    source: str
    licence: str
    commercial: str
    needed_by: str
    megabytes: float
    url: str = ""
    sha256: str = ""
    sha256_prefix: str = ""
    also: tuple[str, ...] = ()
    steps: str = ""

    @property
    def known_hash(self) -> str:
        """All that is known of the hash: the whole of it, its first digits, or nothing."""
        return self.sha256 or self.sha256_prefix


PUBLISHED_FILES: tuple[PublishedFile, ...] = (
    PublishedFile(
        key="fid_inception",
        file="pt_inception-2015-12-05-6726825d.pth",
        networks=("fid_inception",),
        source="GitHub, mseitzer/pytorch-fid, release fid_weights",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        licence="Apache-2.0",
        commercial="yes",
        needed_by="FID, KID, IS, edge-FID",
        megabytes=95.6,
        sha256_prefix="6726825d",
    ),
    PublishedFile(
        key="fid_inception_ts",
        file="inception-2015-12-05.pt",
        networks=("fid_inception_ts",),
        source="NVIDIA, stylegan2-ada-pytorch metrics",
        url="https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
        licence="NVIDIA Source Code License (research)",
        commercial="no",
        needed_by="FID as clean-fid computes it, bit for bit",
        megabytes=95.9,
    ),
    PublishedFile(
        key="alexnet",
        file="alexnet-owt-7be5be79.pth",
        networks=("lpips_alex",),
        source="torchvision",
        url=_HUB + "alexnet-owt-7be5be79.pth",
        licence="BSD-3-Clause",
        commercial="yes",
        needed_by="LPIPS (alex); its heads come with torchmetrics",
        megabytes=244.4,
        sha256_prefix="7be5be79",
    ),
    PublishedFile(
        key="vgg16",
        file="vgg16-397923af.pth",
        networks=("lpips_vgg",),
        source="torchvision",
        url=_HUB + "vgg16-397923af.pth",
        licence="BSD-3-Clause",
        commercial="yes",
        needed_by="LPIPS (vgg); its heads come with torchmetrics",
        megabytes=553.4,
        sha256_prefix="397923af",
    ),
    PublishedFile(
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
    PublishedFile(
        key="arcface",
        file="ms1mv3_arcface_r100_fp16.pth",
        also=("backbone.pth", "ms1mv3_arcface_r100_fp16_backbone.pth"),
        networks=("arcface_iresnet100",),
        source=_ARCFACE_ZOO,
        licence="insightface models: non-commercial research",
        commercial="no",
        needed_by="CSIM",
        megabytes=261.2,
        steps="download the folder ms1mv3_arcface_r100_fp16 from the zoo and copy its backbone.pth",
    ),
    PublishedFile(
        key="arcface_onnx",
        file="w600k_r50.onnx",
        networks=("arcface_onnx",),
        source="GitHub, deepinsight/insightface, release v0.7, buffalo_l.zip",
        licence="insightface models: non-commercial research",
        commercial="no",
        needed_by="CSIM with another network",
        megabytes=174.4,
        steps="download buffalo_l.zip from the release and copy w600k_r50.onnx out of it",
    ),
    PublishedFile(
        key="syncnet",
        file="syncnet_v2.model",
        networks=("syncnet",),
        source="Visual Geometry Group, Oxford, lipsync",
        url=_VGG + "syncnet_v2.model",
        licence="MIT (code); weights not stated",
        commercial="not stated",
        needed_by="LSE-C, LSE-D, AV offset",
        megabytes=54.6,
    ),
    PublishedFile(
        key="s3fd",
        file="sfd_face.pth",
        networks=("s3fd",),
        source="Visual Geometry Group, Oxford, lipsync",
        url=_VGG + "sfd_face.pth",
        licence="MIT (code); weights not stated",
        commercial="not stated",
        needed_by="LSE-C, LSE-D, AV offset (face detection)",
        megabytes=89.8,
    ),
    PublishedFile(
        key="fan",
        file="2DFAN4-11f355bf06.pth.tar",
        networks=("fan_68",),
        source="face_alignment (Adrian Bulat)",
        url=_FAN + "2DFAN4-11f355bf06.pth.tar",
        licence="BSD-3-Clause (code); weights not stated",
        commercial="not stated",
        needed_by="68 landmarks of LMD, AKD, MA, when FAN is chosen",
        megabytes=95.6,
        sha256_prefix="11f355bf06",
    ),
    PublishedFile(
        key="s3fd_fan",
        file="s3fd-619a316812.pth",
        networks=("s3fd_fan",),
        source="face_alignment (Adrian Bulat)",
        url=_FAN + "s3fd-619a316812.pth",
        licence="BSD-3-Clause (code); weights not stated",
        commercial="not stated",
        needed_by="68 landmarks of LMD, AKD, MA, when FAN is chosen (face detection)",
        megabytes=89.8,
        sha256_prefix="619a316812",
    ),
    PublishedFile(
        key="emonet_8",
        file="emonet_8.pth",
        networks=("emonet_8",),
        source="GitHub, face-analysis/emonet, pretrained/",
        url="https://github.com/face-analysis/emonet/raw/master/pretrained/emonet_8.pth",
        licence="CC BY-NC-ND 4.0",
        commercial="no",
        needed_by="V-RMSE, A-RMSE, V-SAGR, A-SAGR, ESD",
        megabytes=56.2,
    ),
    PublishedFile(
        key="emonet_5",
        file="emonet_5.pth",
        networks=("emonet_5",),
        source="GitHub, face-analysis/emonet, pretrained/",
        url="https://github.com/face-analysis/emonet/raw/master/pretrained/emonet_5.pth",
        licence="CC BY-NC-ND 4.0",
        commercial="no",
        needed_by="V-RMSE, A-RMSE, V-SAGR, A-SAGR with five classes",
        megabytes=56.2,
    ),
    PublishedFile(
        key="deep3d",
        file="epoch_20.pth",
        also=("epoch_20_new.pth",),
        networks=("facerecon_resnet50",),
        source="Google Drive, linked by sicxu/Deep3DFaceRecon_pytorch",
        licence="MIT (code); made with the Basel Face Model: non-commercial research",
        commercial="no",
        needed_by="AED, APD, expression-FID",
        megabytes=288.9,
        steps="open the Google Drive link of the project's readme, folder face_recon_feat0.2_augment, and copy "
        "epoch_20.pth; an update of 2023-04-25 gives other coefficients, so the hash tells which one scored",
    ),
    PublishedFile(
        key="deep3d_landmarks",
        file="similarity_Lm3D_all.mat",
        networks=(),
        source="sicxu/Deep3DFaceRecon_pytorch, folder BFM",
        licence="MIT (code); made with the Basel Face Model: non-commercial research",
        commercial="no",
        needed_by="AED, APD, expression-FID (alignment)",
        megabytes=0.002,
        steps="copy BFM/similarity_Lm3D_all.mat out of the project, or out of a project that carries it",
    ),
    PublishedFile(
        key="hopenet",
        file="hopenet_robust_alpha1.pkl",
        also=("hopenet_alpha1.pkl", "hopenet_alpha2.pkl"),
        networks=("hopenet",),
        source="Google Drive, linked by natanielruiz/deep-head-pose",
        licence="Apache-2.0 (code); weights not stated",
        commercial="not stated",
        needed_by="head-motion diversity, Beat Align",
        megabytes=95.9,
        steps="open the link '300W-LP, alpha 1, robust to image quality' of the project's readme",
    ),
    PublishedFile(
        key="dino",
        file="dino_vitbase16_pretrain.pth",
        networks=("dino_vitb16",),
        source="Meta AI, facebookresearch/dino",
        url="https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
        licence="Apache-2.0",
        commercial="yes",
        needed_by="VBench subject consistency (SC)",
        megabytes=343.2,
    ),
    PublishedFile(
        key="clip_b32",
        file="ViT-B-32.pt",
        networks=("clip_vit_b32",),
        source="OpenAI, openai/CLIP",
        url=f"{_CLIP}{_CLIP_B32_HASH}/ViT-B-32.pt",
        licence="MIT",
        commercial="yes",
        needed_by="VBench background consistency (BC)",
        megabytes=353.9,
        sha256=_CLIP_B32_HASH,
    ),
    PublishedFile(
        key="clip_l14",
        file="ViT-L-14.pt",
        networks=("clip_vit_l14",),
        source="OpenAI, openai/CLIP",
        url=f"{_CLIP}{_CLIP_L14_HASH}/ViT-L-14.pt",
        licence="MIT",
        commercial="yes",
        needed_by="VBench aesthetic quality (AQ)",
        megabytes=932.8,
        sha256=_CLIP_L14_HASH,
    ),
    PublishedFile(
        key="laion",
        file="sa_0_4_vit_l_14_linear.pth",
        networks=("laion_aesthetic",),
        source="GitHub, LAION-AI/aesthetic-predictor",
        url="https://github.com/LAION-AI/aesthetic-predictor/raw/main/sa_0_4_vit_l_14_linear.pth",
        licence="MIT",
        commercial="yes",
        needed_by="VBench aesthetic quality (AQ)",
        megabytes=0.004,
    ),
    PublishedFile(
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
    PublishedFile(
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
    PublishedFile(
        key="musiq_spaq",
        file="musiq_spaq_ckpt-358bb6af.pth",
        networks=("musiq",),
        source="GitHub, chaofengc/IQA-PyTorch, release v0.1-weights",
        url=_IQA + "musiq_spaq_ckpt-358bb6af.pth",
        licence="Apache-2.0 (google-research/musiq); conversion PolyForm-Noncommercial",
        commercial="no",
        needed_by="VBench imaging quality (IQ)",
        megabytes=108.6,
        sha256_prefix="358bb6af",
    ),
    PublishedFile(
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
)


def published_file(key: str) -> PublishedFile:
    """The entry of a key.

    Raises:
        KeyError: no such key.

    >>> published_file("clip_b32").file
    'ViT-B-32.pt'
    """
    for entry in PUBLISHED_FILES:
        if entry.key == key:
            return entry
    raise KeyError(key)


def files_of(network: str) -> tuple[PublishedFile, ...]:
    """Files that a network can be built from, the usual one first; empty for an unknown name.

    >>> [entry.key for entry in files_of("musiq")]
    ['musiq_spaq', 'musiq_koniq']
    """
    return tuple(entry for entry in PUBLISHED_FILES if network in entry.networks)
