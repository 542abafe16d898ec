"""A straightforward animator for comparison: plain functions over a state dict, every constant recomputed per frame.

It knows the method's formulas and nothing of the package, so that agreement means something: weights are modulated per
sample and run as grouped convolutions, resampling inserts zeros and filters, warping is ``grid_sample``; the source is
encoded and every dictionary factorised again for each frame.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def fir(x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Insert zeros, pad, convolve each channel, drop samples."""
    batch, channels, height, width = x.shape
    if up > 1:
        stretched = x.new_zeros(batch, channels, height * up, width * up)
        stretched[:, :, ::up, ::up] = x
        x = stretched
    x = F.pad(x, (pad[0], pad[1], pad[0], pad[1]))
    x = x.reshape(batch * channels, 1, *x.shape[2:])
    x = F.conv2d(x, kernel.flip(0, 1)[None, None])[:, :, ::down, ::down]
    return x.reshape(batch, channels, *x.shape[2:])


def activate(x: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(x + bias, 0.2) * math.sqrt(2)


class ReferenceAnimator:
    """The networks of a state dict with the published names."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state
        self.levels = sum(name.startswith("dec.to_rgbs.") and name.endswith("conv.0.weight") for name in state)

    def conv(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.conv2d(x, weight / math.sqrt(weight[0].numel()), stride=stride, padding=padding)

    def linear(self, x: Tensor, name: str) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.linear(x, weight / math.sqrt(weight.shape[1]), self.state[f"{name}.bias"])

    def modulated(self, x: Tensor, name: str, style: Tensor, demodulate: bool = True) -> Tensor:
        weight = self.state[f"{name}.weight"]
        _, out, inputs, kernel, _ = weight.shape
        batch, _, height, width = x.shape
        scale = self.linear(style, f"{name}.modulation").view(batch, 1, inputs, 1, 1)
        weight = weight / math.sqrt(inputs * kernel * kernel) * scale
        if demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        x = x.reshape(1, batch * inputs, height, width)
        if f"{name}.blur.kernel" in self.state:
            weight = weight.transpose(1, 2).reshape(batch * inputs, out, kernel, kernel)
            y = F.conv_transpose2d(x, weight, stride=2, groups=batch)
            return fir(y.view(batch, out, *y.shape[2:]), self.state[f"{name}.blur.kernel"], pad=(1, 1))
        y = F.conv2d(x, weight.view(batch * out, inputs, kernel, kernel), padding=kernel // 2, groups=batch)
        return y.view(batch, out, *y.shape[2:])

    def styled(self, x: Tensor, name: str, style: Tensor) -> Tensor:
        return activate(self.modulated(x, f"{name}.conv", style), self.state[f"{name}.activate.bias"])

    def upsample(self, x: Tensor, name: str) -> Tensor:
        return fir(x, self.state[f"{name}.upsample.kernel"], up=2, pad=(2, 1))

    def encode(self, frames: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Latent, motion weights and features, coarse to fine."""
        state, prefix = self.state, "enc.net_app.convs"
        x = activate(self.conv(frames, f"{prefix}.0.0"), state[f"{prefix}.0.1.bias"])
        features = [x]
        for block in range(1, self.levels + 1):
            name = f"{prefix}.{block}"
            y = activate(self.conv(x, f"{name}.conv1.0", padding=1), state[f"{name}.conv1.1.bias"])
            y = fir(y, state[f"{name}.conv2.0.kernel"], pad=(2, 2))
            y = activate(self.conv(y, f"{name}.conv2.1", stride=2), state[f"{name}.conv2.2.bias"])
            skip = self.conv(fir(x, state[f"{name}.skip.0.kernel"], pad=(1, 1)), f"{name}.skip.1", stride=2)
            x = (y + skip) / math.sqrt(2)
            features.append(x)
        latent = self.conv(x, f"{prefix}.{self.levels + 1}").flatten(1)
        motion = latent
        for layer in range(5):
            motion = self.linear(motion, f"enc.fc.{layer}")
        return latent, motion, features[-2::-1]

    def direction(self, motion: Tensor) -> Tensor:
        q = torch.linalg.qr(self.state["dec.direction.weight"] + 1e-8).Q
        return (torch.diag_embed(motion) @ q.T).sum(1)

    def image(self, features: Tensor, name: str, previous: Tensor | None) -> Tensor:
        image = activate(self.conv(features, f"{name}.conv.0"), self.state[f"{name}.conv.1.bias"])
        image = image + self.state[f"{name}.bias"]
        return image if previous is None else image + self.upsample(previous, name)

    @staticmethod
    def grid(logits: Tensor) -> Tensor:
        axis = torch.linspace(-1, 1, logits.shape[-1], dtype=logits.dtype)
        regular = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
        return torch.tanh(logits[:, :2]).permute(0, 2, 3, 1) + regular

    def generate(self, style: Tensor, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Colour with depth, and the raw flow logits."""
        state = self.state
        trunk = self.styled(state["dec.input.input"].repeat(len(style), 1, 1, 1), "dec.conv1", style)
        flow = rgb = depth = logits = None
        for level, feature in enumerate(features):
            trunk = self.styled(trunk, f"dec.convs.{2 * level}", style)
            trunk = self.styled(trunk, f"dec.convs.{2 * level + 1}", style)
            name = f"dec.to_flows.{level}"
            new = self.modulated(trunk, f"{name}.conv", style, demodulate=False) + state[f"{name}.bias"]
            flow = new if flow is None else new + self.upsample(flow, name)
            mask = torch.sigmoid(flow[:, 2:3])
            warped = F.grid_sample(feature, self.grid(flow), align_corners=False) * mask
            trunk = warped + trunk * (1 - mask)
            rgb = self.image(warped, f"dec.to_rgbs.{level}", rgb)
            name = f"dec.motion_in_depths.{level}"
            new = self.modulated(trunk, f"{name}.conv", style, demodulate=False) + state[f"{name}.bias"]
            logits = new if logits is None else new + self.upsample(logits, name)
            q = torch.linalg.qr(state[f"{name}.motion_dictionary"] + 1e-8).Q
            motion = torch.einsum("bkhw,ck->bchw", logits.softmax(1), q)
            depth = self.image(warped + motion, f"dec.to_depths.{level}", depth)
        return torch.cat((rgb, depth), 1), flow

    def refine(self, flow_logits: Tensor, style: Tensor, source: Tensor) -> dict[str, Tensor]:
        """The flow generator."""
        state, root = self.state, "student_dec"
        logits = self.modulated(flow_logits, f"{root}.style_conv", style, demodulate=False) + state[f"{root}.bias"]
        grid, mask = self.grid(logits), torch.sigmoid(logits[:, 2:3])
        warped = F.grid_sample(source, grid, align_corners=False)[:, :3]
        x = activate(self.conv(warped, f"{root}.first.0", padding=3), state[f"{root}.first.1.bias"])
        shrunk = mask
        for level in range(2):
            name = f"{root}.down_blocks.{level}"
            x = fir(x, state[f"{name}.0.kernel"], pad=(2, 2))
            x = activate(self.conv(x, f"{name}.1", stride=2), state[f"{name}.2.bias"])
            shrunk = fir(shrunk, state[f"{root}.down_mask.{level}.kernel"], down=2, pad=(1, 1))
        x = x * (1 - torch.sigmoid(shrunk))
        block = 0
        while f"{root}.res_blocks.{block}.conv1.weight" in state:
            y = x
            for half in (1, 2):
                conv, norm = f"{root}.res_blocks.{block}.conv{half}", f"{root}.res_blocks.{block}.norm{half}"
                y = F.conv2d(y, state[f"{conv}.weight"], state[f"{conv}.bias"], padding=1)
                mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
                y = F.batch_norm(y, mean, variance, state[f"{norm}.weight"], state[f"{norm}.bias"])
                y = torch.relu(y) if half == 1 else y
            x = x + y
            block += 1
        for level in range(2):
            name = f"{root}.up_blocks.{level}"
            x = activate(self.conv(x, f"{name}.0.0", padding=1), state[f"{name}.0.1.bias"])
            x = fir(x, state[f"{name}.1.kernel"], up=2, pad=(2, 1))
        filled = activate(self.conv(x, f"{root}.final.0", padding=3), state[f"{root}.final.1.bias"])
        inpainted = warped * mask + filled + state[f"{root}.bias2"]
        return {"flow": grid.permute(0, 3, 1, 2), "mask": mask, "warped": warped, "inpainted": inpainted}

    def animate(self, source: Tensor, driving: Tensor, start: Tensor | None = None) -> dict[str, Tensor]:
        """One batch; everything is computed anew."""
        count = len(driving)
        w, a_source, features = self.encode(source.expand(count, -1, -1, -1))
        motion = self.encode(driving)[1]
        if start is not None:
            motion = motion - self.encode(start.expand(count, -1, -1, -1))[1] + a_source
        style = w + self.direction(motion)
        rgbd, flow_logits = self.generate(style, features)
        return {"rgbd": rgbd, **self.refine(flow_logits, style, source.expand(count, -1, -1, -1))}
