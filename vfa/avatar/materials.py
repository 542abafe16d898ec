"""Materials of mesh files as what the renderer draws: an image and a base colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from vfa.errors import MeshError

NEUTRAL = (205, 165, 140, 255)
"""Base colour, a light skin tone, where a file names a colour that cannot be had."""


def image_array(image: Any, *, keep_alpha: bool) -> np.ndarray:
    """A Pillow image as uint8 `[h, w, 3]`, or `[h, w, 4]` where it has transparency that counts.

    Raises:
        MeshError: if the image data are damaged.
    """
    try:
        has_alpha = keep_alpha and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info)
        array = np.array(image.convert("RGBA" if has_alpha else "RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise MeshError("a texture cannot be decoded", found=str(error)) from None
    if has_alpha and (array[..., 3] == 255).all():
        array = array[..., :3].copy()
    return array


def from_simple(entry: dict, report: list[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Texture and base colour of an MTL material as trimesh parses it.

    A diffuse colour beside a texture is left out: most programs write a default there and ignore it when drawing.
    """
    if "image" in entry:
        try:
            return image_array(entry["image"], keep_alpha="map_d" in entry), None
        except MeshError as error:
            report.append(f"material {entry.get('name')!r}: {error.what}, neutral colour")
            return None, np.array(NEUTRAL, np.uint8)
    diffuse = entry.get("diffuse")
    if not isinstance(diffuse, list) or len(diffuse) < 3 or not np.isfinite(diffuse[:3]).all():
        return None, np.array(NEUTRAL, np.uint8)
    return None, np.array([*(np.clip(diffuse[:3], 0, 1) * 255).round(), 255], np.uint8)


def from_trimesh(material: Any, report: list[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Texture and base colour of a trimesh material (glTF's physically based one, or a simple one)."""
    image = getattr(material, "baseColorTexture", None)
    if image is None:
        image = getattr(material, "image", None)
    texture = None
    if image is not None:
        see_through = getattr(material, "alphaMode", None) in ("MASK", "BLEND")
        try:
            texture = image_array(image, keep_alpha=see_through)
        except MeshError as error:
            report.append(f"material {getattr(material, 'name', None)!r}: {error.what}, neutral colour")
            return None, np.array(NEUTRAL, np.uint8)
    factor = getattr(material, "baseColorFactor", None)
    if factor is None and texture is None and hasattr(material, "diffuse"):
        return None, np.asarray(material.main_color, np.uint8)
    if factor is None:
        return texture, None
    return texture, linear_to_srgb(np.asarray(factor))


def linear_to_srgb(factor: np.ndarray) -> np.ndarray:
    """A linear RGBA factor (uint8 or 0..1) as uint8 RGBA for display (IEC 61966-2-1); opaque.

    >>> linear_to_srgb(np.array([0.0, 0.2140, 1.0, 1.0])).tolist()
    [0, 127, 255, 255]
    """
    linear = factor[:3] / 255.0 if factor.dtype == np.uint8 else np.clip(factor[:3].astype(np.float64), 0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.array([*np.round(shown * 255), 255], np.uint8)
