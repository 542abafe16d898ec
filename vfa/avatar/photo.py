"""The pictures of a portrait avatar: the cut-out photo, eyeballs completed behind the lids, teeth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vfa.avatar.paint import eye_texture
from vfa.errors import DecodeError, InputError

MOST_PIXELS = 100_000_000
_BALL_PIXELS = 256


def read_photo(path: Path) -> np.ndarray:
    """A photo as uint8 RGB `[H, W, 3]`, upright as its EXIF data say, transparency over grey.

    Raises:
        DecodeError: if it is not a picture or damaged.
        InputError: if it is larger than 100 million pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                size = f"{image.width} x {image.height}"
                raise InputError("the photo is too large", path=path, expected=f"{MOST_PIXELS:,} pixels", found=size)
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                grey = Image.new("RGBA", upright.size, (128, 128, 128, 255))
                upright = Image.alpha_composite(grey, upright)
            elif upright.mode.startswith("I") or upright.mode == "F":  # 16 bits and more
                values = np.asarray(upright, np.float64)
                top = 65535.0 if values.max() > 255 else 255.0
                return np.repeat((np.clip(values / top, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
            return np.array(upright.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DecodeError("not a picture that can be decoded", path=path, found=str(error)[:200]) from None


def cut_out(photo: np.ndarray, person: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The photo as uint8 RGBA `[H, W, 4]`: opaque where the person is.

    Args:
        photo: uint8 `[H, W, 3]`.
        person: float32 `[H, W]`, how sure it is (0..1) that a pixel shows the person.
        face: uint8 `[H, W]`, 1 where the face is; there everything is opaque.

    The mask follows the edges of the photo (guided filter, He et al. 2010); colours near its rim are drawn outwards
    from the inside, so that no background shines through.
    """
    import cv2

    height, width = photo.shape[:2]
    radius = max(3, round(0.012 * max(height, width)))
    alpha = cv2.ximgproc.guidedFilter(photo, person.astype(np.float32), radius, 1e-3 * 255**2)
    alpha = np.clip((alpha - 0.35) / 0.4, 0, 1)
    alpha = _connected_to(np.maximum(alpha, face.astype(np.float32)), face)
    solid = (alpha > 0.95).astype(np.float32)
    spread = cv2.GaussianBlur(solid, (0, 0), radius * 0.6)
    drawn = cv2.GaussianBlur(photo.astype(np.float32) * solid[..., None], (0, 0), radius * 0.6)
    drawn = drawn / np.maximum(spread, 1e-3)[..., None]
    trust = np.where(spread > 1e-2, 1 - alpha, 0)[..., None]
    color = photo * (1 - trust) + drawn * trust
    return np.dstack([np.clip(np.round(color), 0, 255), np.round(alpha * 255)]).astype(np.uint8)


def _connected_to(alpha: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Zero where the opaque area does not hang together with the face (other people, holes of the mask stay)."""
    import cv2

    _, label = cv2.connectedComponents((alpha > 0.5).astype(np.uint8))
    ours = np.unique(label[seed > 0])
    near = cv2.dilate(np.isin(label, ours[ours > 0]).astype(np.uint8), np.ones((5, 5), np.uint8))
    return alpha * near


def ball_texture(
    photo: np.ndarray, center: np.ndarray, half: float, lids: np.ndarray, iris: np.ndarray, radius: float
) -> tuple[np.ndarray, bool]:
    """An eyeball seen from the front, with what the lids hide made up.

    Args:
        photo: uint8 `[H, W, 3]`.
        center: (x, y) of the ball in pixels; the texture spans `half` pixels to each side.
        lids: float `[N, 2]`, the outline of the opening in pixels.
        iris: (x, y) of its centre in pixels; `radius` in pixels.

    Returns:
        uint8 `[256, 256, 3]`, and False where the eye is shut and had to be painted.
    """
    import cv2

    size = _BALL_PIXELS
    scale = size / (2 * half)
    matrix = np.array([[scale, 0, size / 2 - center[0] * scale], [0, scale, size / 2 - center[1] * scale]])
    matrix[:, 2] += (scale - 1) / 2
    view = cv2.warpAffine(photo, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    outline = (lids - center) * scale + size / 2
    opening = np.zeros((size, size), np.uint8)
    cv2.fillPoly(opening, [np.round(outline).astype(np.int32)], (1,))
    inset = max(1, round(0.025 * np.ptp(outline[:, 0])))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * inset + 1, 2 * inset + 1))
    opened = np.asarray(cv2.erode(opening, disk))
    y, x = np.mgrid[:size, :size] + 0.5
    place = (np.asarray(iris) - center) * scale + size / 2
    distance = np.hypot(x - place[0], y - place[1]) / (radius * scale)
    seen = opened > 0
    colored, white = seen & (distance < 0.95), seen & (distance > 1.15)
    if colored.sum() < 60:
        return _painted(view, size), False
    made_up = _made_up(view.astype(np.float64), distance, colored, white)
    trust = np.clip(cv2.GaussianBlur(opened.astype(np.float32), (0, 0), inset) * 2 - 1, 0, 1)[..., None]
    return np.clip(np.round(view * trust + made_up * (1 - trust)), 0, 255).astype(np.uint8), True


def _made_up(view: np.ndarray, distance: np.ndarray, colored: np.ndarray, white: np.ndarray) -> np.ndarray:
    """The whole ball from what is seen: the iris by distance from its centre, the white by its median."""
    sclera = np.median(view[white], axis=0) if white.sum() > 30 else view[colored].mean(axis=0) * 0.4 + 120
    steps = np.linspace(0, 0.95, 20)
    ring = np.clip(np.digitize(distance, steps) - 1, 0, 19)
    profile = np.array([np.median(view[colored & (ring == i)], axis=0) if (colored & (ring == i)).sum() > 3 else
                        [np.nan] * 3 for i in range(20)])  # fmt: skip
    known = np.isfinite(profile[:, 0])
    iris = np.stack([np.interp(distance, steps[known], profile[known, c]) for c in range(3)], axis=-1)
    edge = np.clip((distance - 0.97) / 0.12, 0, 1)[..., None]
    fade = np.clip(1.05 - 0.08 * distance, 0.7, 1)[..., None]
    return iris * (1 - edge) + sclera * fade * edge


def _painted(view: np.ndarray, size: int) -> np.ndarray:
    """A made-up eye, as bright as the lids that cover it."""
    import cv2

    brightness = float(np.clip(view.mean() / 150, 0.4, 1))
    whole = eye_texture()
    middle = whole[len(whole) // 4 : -len(whole) // 4, len(whole) // 4 : -len(whole) // 4]
    return (cv2.resize(middle, (size, size), interpolation=cv2.INTER_AREA) * brightness).astype(np.uint8)


# Skin in daylight: red, green and blue over their mean.
_USUAL_SKIN = np.array([1.22, 0.95, 0.83])


def tone(photo: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """What the light and the paper of a photo make of white: float64 RGB `[3]`, about 0..1.

    Args:
        photo: uint8 `[H, W, 3]`.
        skin: float `[N, 2]`, pixels that show skin.

    A photo without colours (skin as grey as the rest) has a grey white.
    """
    height, width = photo.shape[:2]
    x, y = np.clip(skin.astype(int), 0, [width - 1, height - 1]).T
    color = np.median(photo[y, x].astype(np.float64), axis=0)
    mean = max(float(color.mean()), 1.0)
    colorful = np.clip(np.ptp(color) / mean / 0.3, 0, 1)
    cast = 1 + (np.clip(color / mean / _USUAL_SKIN, 0.4, 1.3) - 1) * colorful * 0.5  # skin tones differ, too
    grey = 1 - colorful
    white = np.array([232, 224, 205]) / 232
    return cast * (white * colorful + white.mean() * grey) * np.clip(mean / 190, 0.3, 1.0)


def teeth_texture(upper: bool, white: np.ndarray) -> np.ndarray:
    """A row of teeth with gums, uint8 RGBA `[96, 512, 4]`; row 0: the upper teeth's gum, the lower teeth's edge.

    Args:
        upper: upper or lower jaw.
        white: RGB `[3]` of a tooth in full light (see :func:`tone`).
    """
    width, height = 512, 96
    halves = np.array([8.6, 6.6, 7.6, 7.0, 6.8, 9.0] if upper else [5.4, 6.0, 6.9, 7.0, 7.1, 10.0])
    borders = np.concatenate([-np.cumsum(halves)[::-1], [0], np.cumsum(halves)])
    x = np.linspace(borders[0], borders[-1], width)
    y = np.linspace(0, 1, height)[:, None]  # 0 = gum, 1 = biting edge
    tooth = np.clip(np.searchsorted(borders, x, side="right") - 1, 0, len(borders) - 2)
    across = (x - borders[tooth]) / np.diff(borders)[tooth] * 2 - 1
    rounded = 1 - 0.10 * np.abs(across) ** 4 - (0.05 if upper else 0.02) * (tooth % 2)
    alpha = np.clip((rounded - y) * height + 0.5, 0, 1)
    groove = 1 - 0.45 * np.abs(across) ** 10
    back = 1 - 0.55 * np.abs(x / borders[-1]) ** 2
    shade = (groove * back * (0.80 + 0.16 * np.sin(np.pi * np.clip(y, 0, 1))))[..., None] * 0.85  # lips shade them
    gum = np.clip((0.30 + 0.10 * np.abs(across) ** 2 - y) * 14 + 0.5, 0, 1)[..., None]
    colorful = float(np.ptp(white) > 0.01)
    pink = white * (0.72, 0.41 + 0.31 * (1 - colorful), 0.43 + 0.29 * (1 - colorful))
    color = 232 * (white * (1 - gum) + pink * gum) * shade
    image = np.dstack([np.clip(color, 0, 255), alpha * 255]).astype(np.uint8)
    return image if upper else image[::-1].copy()
