"""Names and shapes of the files by which THEval is defined, as their public modules have them."""

from __future__ import annotations

from published_layouts import Layout, conv, norm, scale

_HEADS = (4, 8, 16, 32)
_DEPTHS = (2, 2, 18, 2)


def _swin_block(name: str, width: int, heads: int, window: int, mlp: tuple[str, str], flat: bool) -> Layout:
    cells = window * window
    index = (cells * cells,) if flat else (cells, cells)
    layout = scale(f"{name}.norm1", width) | scale(f"{name}.norm2", width)
    layout |= {f"{name}.attn.relative_position_bias_table": ((2 * window - 1) ** 2, heads)}
    layout |= {f"{name}.attn.relative_position_index": index}
    layout |= conv(f"{name}.attn.qkv", 3 * width, width) | conv(f"{name}.attn.proj", width, width)
    return layout | conv(f"{name}.mlp.{mlp[0]}", 4 * width, width) | conv(f"{name}.mlp.{mlp[1]}", width, 4 * width)


def _swin_timm(prefix: str) -> Layout:
    """timm's Swin-B for 384x384 with its classifier and its masks, merging at the end of a stage."""
    layout = conv(f"{prefix}patch_embed.proj", 128, 3, 4, 4) | scale(f"{prefix}patch_embed.norm", 128)
    for stage, (depth, heads) in enumerate(zip(_DEPTHS, _HEADS, strict=True)):
        width, side = 128 * 2**stage, 96 // 2**stage
        for i in range(depth):
            name = f"{prefix}layers.{stage}.blocks.{i}"
            layout |= _swin_block(name, width, heads, 12, ("fc1", "fc2"), flat=False)
            if i % 2 == 1 and side > 12:
                layout |= {f"{name}.attn_mask": ((side // 12) ** 2, 144, 144)}
        if stage < 3:
            name = f"{prefix}layers.{stage}.downsample"
            layout |= conv(f"{name}.reduction", 2 * width, 4 * width, bias=False) | scale(f"{name}.norm", 4 * width)
    return layout | scale(f"{prefix}norm", 1024) | conv(f"{prefix}head", 1000, 1024)


def _swin_torchvision(prefix: str) -> Layout:
    layout = conv(f"{prefix}0.0", 128, 3, 4, 4) | scale(f"{prefix}0.2", 128)
    for stage, (depth, heads) in enumerate(zip(_DEPTHS, _HEADS, strict=True)):
        width = 128 * 2**stage
        for i in range(depth):
            layout |= _swin_block(f"{prefix}{2 * stage + 1}.{i}", width, heads, 7, ("0", "3"), flat=True)
        if stage < 3:
            name = f"{prefix}{2 * stage + 2}"
            layout |= conv(f"{name}.reduction", 2 * width, 4 * width, bias=False) | scale(f"{name}.norm", 4 * width)
    return layout


def _resnet50(prefix: str) -> Layout:
    layout = conv(f"{prefix}conv1", 64, 3, 7, 7, bias=False) | norm(f"{prefix}bn1", 64)
    width = 64
    for stage, (units, middle) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for i in range(units):
            name = f"{prefix}layer{stage}.{i}"
            layout |= conv(f"{name}.conv1", middle, width, 1, 1, bias=False) | norm(f"{name}.bn1", middle)
            layout |= conv(f"{name}.conv2", middle, middle, 3, 3, bias=False) | norm(f"{name}.bn2", middle)
            layout |= conv(f"{name}.conv3", 4 * middle, middle, 1, 1, bias=False) | norm(f"{name}.bn3", 4 * middle)
            if i == 0:
                layout |= conv(f"{name}.downsample.0", 4 * middle, width, 1, 1, bias=False)
                layout |= norm(f"{name}.downsample.1", 4 * middle)
            width = 4 * middle
    return layout


def _attention(name: str, width: int) -> Layout:
    layout: Layout = {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)}
    return layout | conv(f"{name}.out_proj", width, width)


def _topiq_layer(name: str, width: int, *, cross: bool = False) -> Layout:
    layout = _attention(f"{name}.self_attn", width)
    if cross:
        layout |= _attention(f"{name}.multihead_attn", width) | scale(f"{name}.norm3", width)
    layout |= conv(f"{name}.linear1", 4 * width, width) | conv(f"{name}.linear2", width, 4 * width)
    return layout | scale(f"{name}.norm1", width) | scale(f"{name}.norm2", width)


def _topiq(trunk: Layout, channels: tuple[int, ...], width: int, marks: int) -> Layout:
    layout: Layout = {"h_emb": (1, width // 2, 32, 1), "w_emb": (1, width // 2, 1, 32)} | trunk
    for i, count in enumerate(channels):
        layout |= conv(f"weight_pool.{i}.splitconv", 2 * count, count, 1, 1)
        for place, shape in {0: (64, count, 1, 1), 2: (64, 64, 3, 3), 4: (1, 64, 3, 3)}.items():
            layout |= conv(f"weight_pool.{i}.weight_blk.{place}", *shape)
        layout |= conv(f"dim_reduce.{i}.0", width, count, 1, 1)
        layout |= _topiq_layer(f"sa_attn_blks.{i}.layers.0", width)
        if i > 0:
            layout |= _topiq_layer(f"attn_blks.{i - 1}.layers.0", width, cross=True)
    layout |= _topiq_layer("attn_pool", width) | scale("score_linear.0", width) | scale("score_linear.3", width)
    layout |= conv("score_linear.1", width, width) | conv("score_linear.4", width, width)
    return layout | conv("score_linear.6", marks, width)


def topiq_aesthetic() -> Layout:
    """`cfanet_iaa_ava_swin-393b41b4.pth`."""
    return _topiq(_swin_timm("semantic_model."), (256, 512, 1024, 1024), 512, 10)


def topiq_face() -> Layout:
    """`topiq_nr_gfiqa_res50-d76bf1ae.pth`."""
    return _topiq(_resnet50("semantic_model."), (64, 256, 512, 1024, 2048), 256, 1)


def retinaface() -> Layout:
    """`detection_Resnet50_Final.pth`, with the prefix of its parallel wrapper."""

    def conv_norm(name: str, cout: int, cin: int, kernel: int) -> Layout:
        return conv(f"{name}.0", cout, cin, kernel, kernel, bias=False) | norm(f"{name}.1", cout)

    layout = _resnet50("body.")
    for i, width in enumerate((512, 1024, 2048), start=1):
        layout |= conv_norm(f"fpn.output{i}", 256, width, 1)
    layout |= conv_norm("fpn.merge1", 256, 256, 3) | conv_norm("fpn.merge2", 256, 256, 3)
    for i in (1, 2, 3):
        layout |= conv_norm(f"ssh{i}.conv3X3", 128, 256, 3) | conv_norm(f"ssh{i}.conv5X5_1", 64, 256, 3)
        for name in ("conv5X5_2", "conv7X7_2", "conv7x7_3"):
            layout |= conv_norm(f"ssh{i}.{name}", 64, 64, 3)
    for name, count in (("ClassHead", 4), ("BboxHead", 8), ("LandmarkHead", 20)):
        for i in range(3):
            layout |= conv(f"{name}.{i}.conv1x1", count, 256, 1, 1)
    return {f"module.{name}": shape for name, shape in layout.items()}


def retinaface_preact() -> Layout:
    """`retinaface.pth`."""
    layout = norm("bn_data", 3) | conv("conv0", 64, 3, 7, 7, bias=False) | norm("bn0", 64) | norm("bn1", 2048)
    width = 64
    for stage, (units, middle) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for i in range(1, units + 1):
            name = f"stage{stage}.unit{i}"
            layout |= norm(f"{name}.bn1", width) | conv(f"{name}.conv1", middle, width, 1, 1, bias=False)
            layout |= norm(f"{name}.bn2", middle) | conv(f"{name}.conv2", middle, middle, 3, 3, bias=False)
            layout |= norm(f"{name}.bn3", middle) | conv(f"{name}.conv3", 4 * middle, middle, 1, 1, bias=False)
            if i == 1:
                layout |= conv(f"{name}.sc", 4 * middle, width, 1, 1, bias=False)
            width = 4 * middle
    wide = {"ssh_c3_lateral": (2048, 1), "ssh_c2_lateral": (512, 1), "ssh_m1_red_conv": (256, 1)}
    for name, (cin, kernel) in {**wide, "ssh_c2_aggr": (256, 3), "ssh_c1_aggr": (256, 3)}.items():
        layout |= conv(name, 256, cin, kernel, kernel) | norm(f"{name}_bn", 256)
    for i in (1, 2, 3):
        layout |= conv(f"ssh_m{i}_det.conv1", 256, 256, 3, 3) | norm(f"ssh_m{i}_det.conv1_bn", 256)
        for name, cin in (("conv1", 256), ("conv2", 128), ("conv3_1", 128), ("conv3_2", 128)):
            layout |= conv(f"ssh_m{i}_det.context_{name}", 128, cin, 3, 3)
            layout |= norm(f"ssh_m{i}_det.context_{name}_bn", 128)
    for stride in (32, 16, 8):
        for name, count in (("cls_score", 4), ("bbox_pred", 8), ("landmark_pred", 20)):
            layout |= conv(f"face_rpn_stride{stride}.{name}", count, 512, 1, 1)
    return layout


def facexformer() -> Layout:
    """`model.pt` of FaceXFormer below `state_dict_backbone`; of the other tasks' heads two stand for all."""
    layout = _swin_torchvision("backbone.0.") | scale("backbone.1", 1024)
    layout |= {"pe_layer.positional_encoding_gaussian_matrix": (2, 128)}
    decoder = "face_decoder"
    for name in ("landmarks", "pose", "attribute", "visibility", "age", "gender", "race"):
        layout |= {f"{decoder}.{name}_token.weight": (1, 256)}
    layout |= {f"{decoder}.mask_tokens.weight": (11, 256)}

    def attention(name: str, inner: int) -> Layout:
        found = conv(f"{name}.out_proj", 256, inner)
        for part in "qkv":
            found |= conv(f"{name}.{part}_proj", inner, 256)
        return found

    for i in range(2):
        block = f"{decoder}.transformer.layers.{i}"
        layout |= attention(f"{block}.self_attn", 256) | attention(f"{block}.cross_attn_token_to_image", 128)
        layout |= attention(f"{block}.cross_attn_image_to_token", 128)
        layout |= conv(f"{block}.mlp.lin1", 2048, 256) | conv(f"{block}.mlp.lin2", 256, 2048)
        for number in range(1, 5):
            layout |= scale(f"{block}.norm{number}", 256)
    layout |= attention(f"{decoder}.transformer.final_attn_token_to_image", 128)
    layout |= scale(f"{decoder}.transformer.norm_final_attn", 256)
    for name, count in (("pose", 3), ("age", 8)):
        sizes = (256, 256, count)
        for place, size in enumerate(sizes):
            layout |= conv(f"{decoder}.{name}_prediction_head.layers.{place}", size, 256)
    for i in range(4):
        layout |= conv(f"linear_c.{i}.proj", 256, 128 * 2**i)
    return layout | conv("linear_fuse", 256, 1024, 1, 1, bias=False)
