"""Pictures side by side: driving, avatar, second view."""

from __future__ import annotations

import numpy as np

GAP_COLOR = (18, 18, 20)


def fit(image: np.ndarray, size: int) -> np.ndarray:
    """An image uint8 `[H, W, 3]` scaled into a square of `size` pixels, aspect kept, the rest dark."""
    import cv2

    height, width = image.shape[:2]
    scale = size / max(height, width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    out = np.empty((size, size, 3), np.uint8)
    out[:] = GAP_COLOR
    top, left = (size - inner[1]) // 2, (size - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=method)
    return out


def side_by_side(images: list[np.ndarray], size: int) -> np.ndarray:
    """Square panels in a row, uint8 `[size, N * size, 3]`."""
    return np.concatenate([fit(image, size) for image in images], axis=1)


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """A depth map float `[H, W]` (NaN: none) as grey uint8 `[H, W, 3]`: near is bright, the background black."""
    seen = np.isfinite(depth)
    if not seen.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = depth[seen].min(), depth[seen].max()
    grey = np.where(seen, 255 - 175 * (depth - near) / max(far - near, 1e-9), 0)
    return np.repeat(np.rint(np.nan_to_num(grey)).astype(np.uint8)[..., None], 3, axis=2)
