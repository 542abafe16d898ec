"""Sample sheets: rows of samples, columns of pictures, written as PNG so that progress can be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

GAP = 4
TITLE = 14
ROWS = 6
"""Samples on a sheet."""
_PAPER, _INK = 255, 40


def color_picture(images: Tensor) -> Tensor:
    """[B, 3, H, W] in [-1, 1] to [0, 1], clipped."""
    return ((images[:, :3].detach().float().cpu() + 1) / 2).clamp(0, 1)


def depth_picture(depth: Tensor) -> Tensor:
    """Depth [B, 1, H, W] in [-1, 1] to grey in [0, 1]: near is bright, none (-1 and less) black."""
    depth = depth.detach().float().cpu()
    gray = torch.where(depth > -1, 1 - 0.8 * (depth.clamp(-1, 1) + 1) / 2, 0.0)
    return gray.expand(-1, 3, -1, -1)


def flow_picture(displacement: Tensor, reach: float = 0.25) -> Tensor:
    """Displacement [B, 2, H, W] as colour: hue is the direction (right red, down yellow-green), strength the length.

    Args:
        displacement: x and y in units of half a picture.
        reach: length that is shown at full strength.
    """
    x, y = displacement.detach().float().cpu().unbind(1)
    hue = torch.atan2(y, x) / (2 * math.pi) % 1
    strength = (torch.hypot(x, y) / reach).clamp(0, 1)
    sectors = torch.stack([(hue * 6 + offset) % 6 for offset in (0, 4, 2)], 1)
    pure = ((sectors - 3).abs() - 1).clamp(0, 1)
    return 1 - strength[:, None] * (1 - pure)


def mask_picture(mask: Tensor) -> Tensor:
    """A mask [B, 1, H, W] in [0, 1] as grey."""
    return mask.detach().float().cpu().clamp(0, 1).expand(-1, 3, -1, -1)


def sheet(columns: Mapping[str, Tensor], rows: int = ROWS, side: int | None = None) -> np.ndarray:
    """Pictures side by side under their titles.

    Args:
        columns: title to pictures [B, 3, H, W] in [0, 1], at most `rows` of which are shown.
        rows: samples.
        side: of a picture on the sheet, pixels; default that of the first column.

    Returns:
        uint8 [rows * (side + gap) + title, columns * (side + gap), 3].
    """
    first = next(iter(columns.values()))
    side = side or max(64, first.shape[-1])
    count = min(rows, len(first))
    paper = np.full((TITLE + count * (side + GAP), len(columns) * (side + GAP) - GAP, 3), _PAPER, np.uint8)
    for column, (title, pictures) in enumerate(columns.items()):
        left = column * (side + GAP)
        shown = F.interpolate(pictures[:count].float().cpu(), size=(side, side), mode="nearest")
        values = (shown.permute(0, 2, 3, 1).numpy() * 255).round().clip(0, 255).astype(np.uint8)
        for row in range(count):
            top = TITLE + row * (side + GAP)
            paper[top : top + side, left : left + side] = values[row]
        letters = _written(title)[:, :side]
        paper[1 : 1 + letters.shape[0], left : left + letters.shape[1]][letters] = _INK
    return paper


@lru_cache(maxsize=64)
def _written(text: str) -> np.ndarray:
    """Text as bool [12, width]."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default()
    box = font.getbbox(text)
    canvas = Image.new("L", (max(1, int(box[2])) + 2, 12), 0)
    ImageDraw.Draw(canvas).text((1, 0), text, fill=255, font=font)
    return np.asarray(canvas) > 80


def write_sheet(path: Path, picture: np.ndarray) -> None:
    """Writes a sheet as PNG, complete or absent.

    Args:
        path: its folder is made.
        picture: uint8 [H, W, 3].

    Raises:
        VFAError: it cannot be written.
    """
    import io

    from PIL import Image

    from vfa.media.atomic import write_bytes

    data = io.BytesIO()
    Image.fromarray(picture).save(data, format="PNG")
    write_bytes(path, data.getvalue())
