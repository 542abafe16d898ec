"""Hand-made image descriptors and a no-reference quality score: stand-ins where a network's weights are missing."""

from __future__ import annotations

import numpy as np

GRID = 8
N_ORIENTATIONS = 9
DESCRIPTOR_SIZE = 128
CELL_FEATURES = N_ORIENTATIONS + 3
NOISE_SCALE = 8.0
BLUR_WINDOW = 11


def cell_descriptors(image: np.ndarray) -> np.ndarray:
    """Gradient orientations and mean colour of 8x8 cells.

    The image is scaled to 128x128. Each cell holds a 9-bin histogram of unsigned gradient directions (Dalal and
    Triggs 2005), normalised over the image, and the cell's mean RGB, normalised likewise.

    Args:
        image: uint8 `[H, W, 3]`.

    Returns:
        float32 `[8, 8, 12]`; both parts have unit length over the image (the first is 0 for a flat image).
    """
    import cv2

    small = cv2.resize(image, (DESCRIPTOR_SIZE, DESCRIPTOR_SIZE), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    length, angle = cv2.cartToPolar(across, down)
    position = np.mod(angle, np.float32(np.pi)) * np.float32(N_ORIENTATIONS / np.pi) - np.float32(0.5)
    low = np.floor(position)
    share = position - low
    side = DESCRIPTOR_SIZE // GRID
    row, column = np.indices(gray.shape) // side
    cell = (row * GRID + column) * N_ORIENTATIONS
    bins = low.astype(np.int64) % N_ORIENTATIONS
    size = GRID * GRID * N_ORIENTATIONS
    histogram = np.bincount((cell + bins).ravel(), (length * (1 - share)).ravel(), size)
    histogram += np.bincount((cell + (bins + 1) % N_ORIENTATIONS).ravel(), (length * share).ravel(), size)
    colour = small.reshape(GRID, side, GRID, side, 3).mean(axis=(1, 3))
    gradients = histogram.reshape(GRID, GRID, N_ORIENTATIONS)
    parts = [part / max(float(np.linalg.norm(part)), 1e-8) for part in (gradients, colour)]
    return np.concatenate(parts, axis=-1).astype(np.float32)


def face_crop(image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """The part of an image inside a box x0, y0, x1, y1 in pixels; None where there is no box or nothing inside."""
    if not np.isfinite(box).all():
        return None
    height, width = image.shape[:2]
    x0, y0 = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
    x1, y1 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    return image[y0:y1, x0:x1] if x1 - x0 > 1 and y1 - y0 > 1 else None


def background_cells(size: tuple[int, int], box: np.ndarray, *, margin: float = 0.25) -> np.ndarray:
    """Which of the 8x8 cells of an image lie outside the face box, bool `[8, 8]`.

    Args:
        size: width and height in pixels.
        box: x0, y0, x1, y1; NaN (no face) leaves every cell in.
        margin: growth of the box on each side, as a share of its size.
    """
    outside = np.ones((GRID, GRID), bool)
    if np.isfinite(box).all():
        grow = margin * (box[2:] - box[:2])
        cell = np.asarray(size, np.float64) / GRID
        first = np.floor((box[:2] - grow) / cell).astype(int)
        last = np.ceil((box[2:] + grow) / cell).astype(int)
        columns, rows = (slice(max(0, a), max(0, b)) for a, b in zip(first, last, strict=True))
        outside[rows, columns] = False
    return outside


def masked_consistency(cells: np.ndarray) -> np.ndarray:
    """VBench's consistency on cell descriptors, each pair compared over the cells that both frames have.

    Args:
        cells: `[T, 8, 8, 12]`; NaN in cells that do not count.

    Returns:
        float64 `[T - 1]` in [0, 1]; NaN where a pair shares no cell.
    """
    flat = cells.reshape(len(cells), -1).astype(np.float64)
    return (_masked_cosine(flat[1:], flat[:-1]) + _masked_cosine(flat[1:], flat[:1])) / 2


def _masked_cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    both = np.isfinite(first) & np.isfinite(second)
    a, b = np.where(both, first, 0.0), np.where(both, second, 0.0)
    norm = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(norm > 0, np.clip((a * b).sum(1) / norm, 0.0, 1.0), np.nan)


def noise_level(gray: np.ndarray) -> float:
    """Standard deviation of white noise in gray levels (Immerkaer, CVIU 64(2), 1996), from float32 `[H, W]`."""
    import cv2

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(gray, cv2.CV_32F, kernel))[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * response.mean())


def blur_effect(gray: np.ndarray) -> float:
    """Perceptual blur of `[H, W]`: 0 sharp, 1 blurred (Crete, Dolmiere, Ladret and Nicolas, SPIE 6492, 2007).

    How little the differences between neighbours shrink when the image is blurred by 11 pixels; the larger of both
    directions. A flat image gives 1.
    """
    import cv2

    image = gray.astype(np.float32)
    worst = 0.0
    for axis, size in ((0, (1, BLUR_WINDOW)), (1, (BLUR_WINDOW, 1))):
        blurred = cv2.blur(image, size, borderType=cv2.BORDER_REFLECT)
        sharp = np.abs(np.diff(image, axis=axis))
        lost = np.maximum(0.0, sharp - np.abs(np.diff(blurred, axis=axis)))
        total = float(sharp.sum())
        worst = max(worst, (total - float(lost.sum())) / total if total > 0 else 1.0)
    return worst


def exposure(gray: np.ndarray) -> float:
    """Share of pixels neither black (under 4) nor white (over 251), in [0, 1]."""
    return float(((gray >= 4) & (gray <= 251)).mean())


def image_quality(frame: np.ndarray) -> float:
    """Blur, noise and exposure in one number: `(1 - blur) exp(-noise / 8) exposure`, in [0, 1], higher is better.

    Own definition, not comparable with any published score.

    Args:
        frame: uint8 `[H, W, 3]`.

    Example:
        >>> image_quality(np.full((32, 32, 3), 128, np.uint8))
        0.0
    """
    import cv2

    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (1.0 - blur_effect(gray)) * float(np.exp(-noise_level(gray) / NOISE_SCALE)) * exposure(gray)
