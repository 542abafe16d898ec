"""Names and shapes of published weight files for which no vectors exist, written from their documentation."""

from __future__ import annotations

Layout = dict[str, tuple[int, ...]]


def conv(name: str, cout: int, cin: int, *kernel: int, bias: bool = True) -> Layout:
    """A convolution, or without a kernel a linear layer."""
    return {f"{name}.weight": (cout, cin, *kernel), **({f"{name}.bias": (cout,)} if bias else {})}


def norm(name: str, width: int) -> Layout:
    """A batch norm with its statistics."""
    statistics = {f"{name}.{kind}": (width,) for kind in ("weight", "bias", "running_mean", "running_var")}
    return {**statistics, f"{name}.num_batches_tracked": ()}


def scale(name: str, width: int) -> Layout:
    """A layer or group norm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def s3fd() -> Layout:
    """`sfd_face.pth`."""
    layout: Layout = {}
    indices = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    widths = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    for i, index in enumerate(indices):
        layout |= conv(f"vgg.{index}", widths[i + 1], widths[i], 3, 3)
    layout |= conv("vgg.31", 1024, 512, 3, 3) | conv("vgg.33", 1024, 1024, 1, 1)
    layout |= {"L2Norm3_3.weight": (256,), "L2Norm4_3.weight": (512,), "L2Norm5_3.weight": (512,)}
    layout |= conv("extras.0", 256, 1024, 1, 1) | conv("extras.1", 512, 256, 3, 3)
    layout |= conv("extras.2", 128, 512, 1, 1) | conv("extras.3", 256, 128, 3, 3)
    for i, width in enumerate((256, 512, 512, 1024, 512, 256)):
        layout |= conv(f"loc.{i}", 4, width, 3, 3) | conv(f"conf.{i}", 4 if i == 0 else 2, width, 3, 3)
    return layout


def s3fd_fan() -> Layout:
    """`s3fd-619a316812.pth` of face_alignment."""
    layout: Layout = {}
    width = 3
    for stage, (count, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), start=1):
        for i in range(1, count + 1):
            layout |= conv(f"conv{stage}_{i}", channels, width, 3, 3)
            width = channels
    layout |= conv("fc6", 1024, 512, 3, 3) | conv("fc7", 1024, 1024, 1, 1)
    layout |= conv("conv6_1", 256, 1024, 1, 1) | conv("conv6_2", 512, 256, 3, 3)
    layout |= conv("conv7_1", 128, 512, 1, 1) | conv("conv7_2", 256, 128, 3, 3)
    sources = {"conv3_3_norm": 256, "conv4_3_norm": 512, "conv5_3_norm": 512}
    layout |= {f"{name}.weight": (width,) for name, width in sources.items()}
    for name, width in {**sources, "fc7": 1024, "conv6_2": 512, "conv7_2": 256}.items():
        layout |= conv(f"{name}_mbox_conf", 4 if name == "conv3_3_norm" else 2, width, 3, 3)
        layout |= conv(f"{name}_mbox_loc", 4, width, 3, 3)
    return layout


def _residual(name: str, cin: int, cout: int) -> Layout:
    half, quarter = cout // 2, cout // 4
    layout = norm(f"{name}.bn1", cin) | conv(f"{name}.conv1", half, cin, 3, 3, bias=False)
    layout |= norm(f"{name}.bn2", half) | conv(f"{name}.conv2", quarter, half, 3, 3, bias=False)
    layout |= norm(f"{name}.bn3", quarter) | conv(f"{name}.conv3", quarter, quarter, 3, 3, bias=False)
    if cin != cout:
        layout |= norm(f"{name}.downsample.0", cin) | conv(f"{name}.downsample.2", cout, cin, 1, 1, bias=False)
    return layout


def fan_68() -> Layout:
    """`2DFAN4-11f355bf06.pth.tar`."""
    layout = conv("conv1", 64, 3, 7, 7) | norm("bn1", 64)
    layout |= _residual("conv2", 64, 128) | _residual("conv3", 128, 128) | _residual("conv4", 128, 256)
    for i in range(4):
        for level in range(1, 5):
            for branch in (1, 2, 3):
                layout |= _residual(f"m{i}.b{branch}_{level}", 256, 256)
        layout |= _residual(f"m{i}.b2_plus_1", 256, 256) | _residual(f"top_m_{i}", 256, 256)
        layout |= conv(f"conv_last{i}", 256, 256, 1, 1) | norm(f"bn_end{i}", 256) | conv(f"l{i}", 68, 256, 1, 1)
        if i < 3:
            layout |= conv(f"bl{i}", 256, 256, 1, 1) | conv(f"al{i}", 256, 68, 1, 1)
    return layout


def lpips(trunk: str) -> Layout:
    """torchvision's trunk with its classifier, and the heads v0.1."""
    if trunk == "alex":
        layout = conv("features.0", 64, 3, 11, 11) | conv("features.3", 192, 64, 5, 5)
        layout |= conv("features.6", 384, 192, 3, 3) | conv("features.8", 256, 384, 3, 3)
        layout |= conv("features.10", 256, 256, 3, 3)
        widths = (64, 192, 384, 256, 256)
    else:
        layout, width = {}, 3
        indices = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
        for index, cout in zip(indices, (64, 64, 128, 128, 256, 256, 256, *(512,) * 6), strict=True):
            layout |= conv(f"features.{index}", cout, width, 3, 3)
            width = cout
        widths = (64, 128, 256, 512, 512)
    layout |= conv("classifier.6", 10, 4)
    return layout | {f"lin{i}.model.1.weight": (1, width, 1, 1) for i, width in enumerate(widths)}


def dino_vitb16() -> Layout:
    """`dino_vitbase16_pretrain.pth`."""
    layout: Layout = {"cls_token": (1, 1, 768), "pos_embed": (1, 197, 768)}
    layout |= conv("patch_embed.proj", 768, 3, 16, 16) | scale("norm", 768)
    for i in range(12):
        block = f"blocks.{i}"
        layout |= scale(f"{block}.norm1", 768) | scale(f"{block}.norm2", 768)
        layout |= conv(f"{block}.attn.qkv", 2304, 768) | conv(f"{block}.attn.proj", 768, 768)
        layout |= conv(f"{block}.mlp.fc1", 3072, 768) | conv(f"{block}.mlp.fc2", 768, 3072)
    return layout


def clip(patch: int, width: int, depth: int, embedding: int) -> Layout:
    """The image tower and some of the rest of OpenAI's archives."""
    layout: Layout = {
        "visual.class_embedding": (width,),
        "visual.positional_embedding": ((224 // patch) ** 2 + 1, width),
        "visual.proj": (width, embedding),
        "visual.conv1.weight": (width, 3, patch, patch),
        "text_projection": (4, 4),
        "logit_scale": (),
        "input_resolution": (),
        "context_length": (),
        "vocab_size": (),
    }
    layout |= scale("visual.ln_pre", width) | scale("visual.ln_post", width)
    for i in range(depth):
        block = f"visual.transformer.resblocks.{i}"
        layout |= scale(f"{block}.ln_1", width) | scale(f"{block}.ln_2", width)
        layout |= {f"{block}.attn.in_proj_weight": (3 * width, width), f"{block}.attn.in_proj_bias": (3 * width,)}
        layout |= conv(f"{block}.attn.out_proj", width, width)
        layout |= conv(f"{block}.mlp.c_fc", 4 * width, width) | conv(f"{block}.mlp.c_proj", width, 4 * width)
    return layout


def raft() -> Layout:
    """`raft-things.pth`, with the prefix of its parallel wrapper."""
    layout: Layout = {}
    for encoder, batch_norm in (("fnet", False), ("cnet", True)):
        layout |= conv(f"{encoder}.conv1", 64, 3, 7, 7) | conv(f"{encoder}.conv2", 256, 128, 1, 1)
        if batch_norm:
            layout |= norm(f"{encoder}.norm1", 64)
        width = 64
        for stage, cout in enumerate((64, 96, 128), start=1):
            for block in (0, 1):
                name = f"{encoder}.layer{stage}.{block}"
                layout |= conv(f"{name}.conv1", cout, width, 3, 3) | conv(f"{name}.conv2", cout, cout, 3, 3)
                if batch_norm:
                    layout |= norm(f"{name}.norm1", cout) | norm(f"{name}.norm2", cout)
                if stage > 1 and block == 0:
                    layout |= conv(f"{name}.downsample.0", cout, width, 1, 1)
                    if batch_norm:
                        layout |= norm(f"{name}.norm3", cout) | norm(f"{name}.downsample.1", cout)
                width = cout
    update = "update_block"
    layout |= conv(f"{update}.encoder.convc1", 256, 324, 1, 1) | conv(f"{update}.encoder.convc2", 192, 256, 3, 3)
    layout |= conv(f"{update}.encoder.convf1", 128, 2, 7, 7) | conv(f"{update}.encoder.convf2", 64, 128, 3, 3)
    layout |= conv(f"{update}.encoder.conv", 126, 256, 3, 3)
    for gate in "zrq":
        layout |= conv(f"{update}.gru.conv{gate}1", 128, 384, 1, 5)
        layout |= conv(f"{update}.gru.conv{gate}2", 128, 384, 5, 1)
    layout |= conv(f"{update}.flow_head.conv1", 256, 128, 3, 3) | conv(f"{update}.flow_head.conv2", 2, 256, 3, 3)
    layout |= conv(f"{update}.mask.0", 256, 128, 3, 3) | conv(f"{update}.mask.2", 576, 256, 1, 1)
    return {f"module.{name}": shape for name, shape in layout.items()}


def musiq() -> Layout:
    """`musiq_spaq_ckpt-358bb6af.pth`."""
    layout = conv("conv_root", 64, 3, 7, 7, bias=False) | scale("gn_root", 64)
    for i, (cout, kernel) in enumerate(((64, 1), (64, 3), (256, 1)), start=1):
        layout |= conv(f"block1.conv{i}", cout, 64, kernel, kernel, bias=False) | scale(f"block1.gn{i}", cout)
    layout |= conv("block1.conv_proj", 256, 64, 1, 1, bias=False) | scale("block1.gn_proj", 256)
    layout |= conv("embedding", 384, 16384) | conv("head", 1, 384)
    encoder = "transformer_encoder"
    layout |= {f"{encoder}.cls": (1, 1, 384), f"{encoder}.posembed_input.position_emb": (1, 100, 384)}
    layout |= {f"{encoder}.scaleembed_input.scale_emb": (3, 384)} | scale(f"{encoder}.encoder_norm", 384)
    for i in range(14):
        block = f"{encoder}.transformer.encoderblock_{i}"
        layout |= scale(f"{block}.norm1", 384) | scale(f"{block}.norm2", 384)
        for name in ("query", "key", "value", "out"):
            layout |= conv(f"{block}.attention.{name}", 384, 384)
        layout |= conv(f"{block}.mlp.fc1", 1152, 384) | conv(f"{block}.mlp.fc2", 384, 1152)
    return layout


def _conv_prelu(name: str, cout: int, cin: int) -> Layout:
    return conv(f"{name}.0", cout, cin, 3, 3) | {f"{name}.1.weight": (cout,)}


def amt_s() -> Layout:
    """The state dict of `amt-s.pth`."""
    layout = conv("feat_encoder.conv1", 32, 3, 7, 7) | conv("feat_encoder.conv2", 84, 96, 1, 1)
    width = 32
    for stage, cout in enumerate((32, 64, 96), start=1):
        for block in (0, 1):
            name = f"feat_encoder.layer{stage}.{block}"
            layout |= conv(f"{name}.conv1", cout // 4, width, 1, 1)
            layout |= conv(f"{name}.conv2", cout // 4, cout // 4, 3, 3) | conv(f"{name}.conv3", cout, cout // 4, 1, 1)
            if stage > 1 and block == 0:
                layout |= conv(f"{name}.downsample.0", cout, width, 1, 1)
            width = cout
    width = 3
    for i, channel in enumerate((20, 32, 44, 56), start=1):
        layout |= _conv_prelu(f"encoder.pyramid{i}.0", channel, width)
        layout |= _conv_prelu(f"encoder.pyramid{i}.1", channel, channel)
        width = channel
    decoders = {
        "decoder4": (113, 112, 48),
        "decoder3": (136, 132, 36),
        "decoder2": (100, 96, 24),
        "decoder1": (64, 60, 24),
    }
    for name, (cin, hidden, cout) in decoders.items():
        layout |= _conv_prelu(f"{name}.convblock.0", hidden, cin)
        for i, channels in enumerate((hidden, 20, hidden, 20), start=1):
            layout |= _conv_prelu(f"{name}.convblock.1.conv{i}", channels, channels)
        layout |= conv(f"{name}.convblock.1.conv5", hidden, hidden, 3, 3)
        layout |= {f"{name}.convblock.1.prelu.weight": (hidden,)}
        layout |= {f"{name}.convblock.2.weight": (hidden, cout, 4, 4), f"{name}.convblock.2.bias": (cout,)}
    for name, channels in {"update4": 44, "update3": 32, "update2": 20}.items():
        layout |= conv(f"{name}.convc1", 64, 392, 1, 1) | conv(f"{name}.convf1", 40, 4, 7, 7)
        layout |= conv(f"{name}.convf2", 20, 40, 3, 3) | conv(f"{name}.conv", 68, 84, 3, 3)
        for part, cin, cout in (("gru", 72 + channels, 76), ("feat_head", 76, channels), ("flow_head", 76, 4)):
            layout |= conv(f"{name}.{part}.0", 76, cin, 3, 3) | conv(f"{name}.{part}.2", cout, 76, 3, 3)
    layout |= conv("comb_block.0", 18, 9, 3, 3) | {"comb_block.1.weight": (18,)}
    return layout | conv("comb_block.2", 3, 18, 3, 3)


def laion_aesthetic() -> Layout:
    """`sa_0_4_vit_l_14_linear.pth`."""
    return {"weight": (1, 768), "bias": (1,)}
