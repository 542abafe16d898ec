"""Hand-made descriptors of frames and faces for stand-ins of FID, CSIM and LPIPS."""

from __future__ import annotations

import numpy as np

LEVELS = 3
COLOUR_BINS = 4
FRAME_ORIENTATIONS = 8
FRAME_FEATURES = LEVELS * (3 * COLOUR_BINS + FRAME_ORIENTATIONS + 1)


def frame_descriptor(image: np.ndarray) -> np.ndarray:
    """Colours and edges of an image at three scales, for Fréchet distances without a network.

    At 64, 32 and 16 pixels: 4-bin histograms of R, G and B (shares of pixels), an 8-bin histogram of gradient
    directions weighted by length (shares), and the mean gradient length over 255.

    Args:
        image: uint8 `[H, W, 3]`.

    Returns:
        float64 `[63]`.
    """
    import cv2

    parts: list[np.ndarray] = []
    for level in range(LEVELS):
        side = 64 >> level
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        bins = (small.reshape(-1, 3) // (256 // COLOUR_BINS)).astype(np.int64)
        parts += [np.bincount(bins[:, c], minlength=COLOUR_BINS) / side**2 for c in range(3)]
        gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
        across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
        length, angle = cv2.cartToPolar(across, down)
        direction = (angle.ravel() * (FRAME_ORIENTATIONS / (2 * np.pi))).astype(np.int64) % FRAME_ORIENTATIONS
        histogram = np.bincount(direction, length.ravel(), FRAME_ORIENTATIONS)
        parts += [histogram / max(float(histogram.sum()), 1e-8), np.array([float(length.mean()) / 255.0])]
    return np.concatenate(parts)


def edge_image(image: np.ndarray) -> np.ndarray:
    """Canny edges (thresholds 100 and 200, aperture 3) of the BT.601 gray image, 0 or 255 in all channels."""
    import cv2

    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 100, 200, apertureSize=3, L2gradient=False)
    return np.repeat(edges[..., None], 3, axis=2)


def gradient_similarity(prediction: np.ndarray, target: np.ndarray) -> float:
    """Mean gradient magnitude similarity of two images (Xue, Zhang, Mou and Bovik, IEEE TIP 23(2), 2014).

    Both are halved by averaging; Prewitt gradients of the gray images; constant 170.

    Args:
        prediction: uint8 `[H, W, 3]`.
        target: same shape.

    Returns:
        Value in (0, 1]; 1 for equal gradients.
    """
    import cv2

    kernel = np.array([[1, 0, -1]] * 3, np.float32) / 3
    lengths = []
    for image in (prediction, target):
        gray = cv2.blur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (2, 2))[::2, ::2]
        across, down = cv2.filter2D(gray, -1, kernel), cv2.filter2D(gray, -1, np.ascontiguousarray(kernel.T))
        lengths.append(np.sqrt(across * across + down * down))
    a, b = lengths
    return float(((2 * a * b + 170.0) / (a * a + b * b + 170.0)).mean())


ALIGNED_SIZE = 112
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)], np.float64
)
"""Where the eyes, the nose and the corners of the mouth lie in an aligned 112x112 face (ArcFace's template)."""


def aligned_face(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray | None:
    """The face turned and scaled to ArcFace's template.

    Args:
        image: uint8 `[H, W, 3]`.
        landmarks: `[68, 2]` pixels.

    Returns:
        uint8 `[112, 112]` gray, or None without landmarks.
    """
    import cv2

    if not np.isfinite(landmarks).all():
        return None
    eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    points = np.array([*eyes, landmarks[30], landmarks[48], landmarks[54]], np.float64)
    z, w = points @ np.array([1, 1j]), TEMPLATE @ np.array([1, 1j])
    centred = z - z.mean()
    if not np.vdot(centred, centred).real > 0:
        return None
    turn = np.vdot(centred, w - w.mean()) / np.vdot(centred, centred).real
    shift = w.mean() - turn * z.mean()
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.warpAffine(gray, matrix, (ALIGNED_SIZE, ALIGNED_SIZE), flags=cv2.INTER_LINEAR)


SIGNATURE_CELLS = 7
PATTERNS = 10


def face_signature(face: np.ndarray) -> np.ndarray:
    """Local binary patterns of an aligned face (Ahonen, Hadid and Pietikainen, IEEE TPAMI 28(12), 2006).

    Rotation-invariant uniform patterns of 8 neighbours in 7x7 cells; the square roots of the shares, so that the
    cosine of two signatures is the mean Bhattacharyya coefficient of their cells.

    Args:
        face: uint8 `[112, 112]`.

    Returns:
        float64 `[490]` of unit length.
    """
    inner = face[1:-1, 1:-1]
    ring = [face[1 + dy : face.shape[0] - 1 + dy, 1 + dx : face.shape[1] - 1 + dx]
            for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))]  # fmt: skip
    bits = np.stack([neighbour >= inner for neighbour in ring]).astype(np.int64)
    changes = (bits != np.roll(bits, 1, axis=0)).sum(0)
    pattern = np.where(changes <= 2, bits.sum(0), PATTERNS - 1)
    row, column = np.indices(inner.shape) * SIGNATURE_CELLS // inner.shape[0]
    code = (row * SIGNATURE_CELLS + column) * PATTERNS + pattern
    histogram = np.bincount(code.ravel(), minlength=SIGNATURE_CELLS**2 * PATTERNS).reshape(-1, PATTERNS)
    return np.sqrt(histogram / histogram.sum(1, keepdims=True)).ravel() / SIGNATURE_CELLS


EXPRESSION_POINTS = (*range(17, 27), *range(48, 68))


def expression_shape(landmarks: np.ndarray) -> np.ndarray:
    """Where brows and lips are, apart from pose and from the face's own shape.

    Each frame is moved, turned and scaled so that the eyes' centres lie at (-1/2, 0) and (1/2, 0); then the clip's
    median, which stands for the neutral face, is taken off.

    Args:
        landmarks: `[T, 68, 2]` pixels; NaN in frames without a face.

    Returns:
        float64 `[T, 60]` in eye distances.
    """
    points = np.asarray(landmarks, np.float64)
    left, right = points[:, 36:42].mean(axis=1), points[:, 42:48].mean(axis=1)
    across = right - left
    length = np.linalg.norm(across, axis=1)
    length = np.where(length > 0, length, np.nan)[:, None]
    cosine, sine = (across / length).T
    turned = np.stack([np.stack([cosine, sine], axis=1), np.stack([-sine, cosine], axis=1)], axis=1)
    centred = points[:, EXPRESSION_POINTS] - ((left + right) / 2)[:, None]
    upright = np.einsum("tij,tpj->tpi", turned, centred) / length[:, None]
    shape = upright.reshape(len(points), 2 * len(EXPRESSION_POINTS))
    seen = np.isfinite(shape).all(axis=1)
    return shape - np.median(shape[seen], axis=0) if seen.any() else shape
