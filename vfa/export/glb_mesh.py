"""From a mesh with UVs per triangle corner to glTF's one UV per vertex; colours and textures in glTF's terms."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from vfa.render.appearance import Appearance
from vfa.render.texture import CLAY, within_border

JPEG_FROM = 256 * 256  # smaller pictures, and those with alpha, are kept without loss


@dataclass(frozen=True)
class Part:
    """The triangles of one material with vertices of their own, copied where triangles disagree on the UV.

    Attributes:
        material: its index in the appearance.
        source: int32 `[N]`, the original vertex of each vertex.
        triangles: int32 `[F, 3]` into the N vertices.
        uv: float32 `[N, 2]` with v = 0 at the top, or None where the material has no texture.
    """

    material: int
    source: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray | None


def split(n_vertices: int, triangles: np.ndarray, appearance: Appearance) -> list[Part]:
    """One part for each material that has triangles; vertices that no triangle uses go with the first part.

    Viewers keep the morph targets of each part apart, so that a part must not carry the vertices of the others.
    """
    material = np.zeros(len(triangles), np.int64) if appearance.material is None else appearance.material
    unused = np.setdiff1d(np.arange(n_vertices), triangles)
    parts: list[Part] = []
    for index in np.unique(material):
        chosen = material == index
        extra = unused if not parts else unused[:0]
        uv = appearance.corner_uv
        if uv is not None:
            uv = uv[chosen] if appearance.texture(int(index)) is not None else None
        parts.append(_part(int(index), np.asarray(triangles, np.int64)[chosen], uv, extra))
    return parts


def _part(material: int, triangles: np.ndarray, corner_uv: np.ndarray | None, extra: np.ndarray) -> Part:
    corners = triangles.ravel()
    if corner_uv is None:
        source, place = np.unique(np.r_[corners, extra], return_inverse=True)
        return Part(material, source.astype(np.int32), _corners(place, triangles), None)
    uv = np.where(np.isfinite(corner_uv), corner_uv, 0).astype(np.float32).reshape(-1, 2)
    uv = np.concatenate([uv, np.zeros((len(extra), 2), np.float32)]) + 0.0  # -0.0 and 0.0 are one coordinate
    vertex = np.r_[corners, extra]
    _, coordinate = np.unique(
        np.ascontiguousarray(uv).view(np.uint64)[:, 0], return_inverse=True
    )  # both halves at once
    keys = vertex * (int(coordinate.max()) + 1) + coordinate
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    vertex_uv = np.stack([uv[first, 0], 1 - uv[first, 1]], axis=1)
    return Part(material, vertex[first].astype(np.int32), _corners(place, triangles), vertex_uv)


def _corners(place: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    return place.reshape(-1)[: triangles.size].reshape(-1, 3).astype(np.int32)


def linear(color: np.ndarray) -> np.ndarray:
    """Display (sRGB) values uint8 or 0..255 to the linear 0..1 that glTF factors and vertex colours mean."""
    value = np.asarray(color, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def linear_vertex_colors(colors: np.ndarray) -> np.ndarray:
    """uint8 RGB `[N, 3]` to normalised uint16 linear RGBA `[N, 4]`; 8 bits would band in the shadows."""
    table = np.rint(linear(np.arange(256)) * 65535).astype(np.uint16)
    return np.concatenate([table[colors], np.full((len(colors), 1), 65535, np.uint16)], axis=1)


def encode_image(image: np.ndarray) -> tuple[bytes, str]:
    """A texture uint8 `[h, w, 3 or 4]` as file bytes and MIME type: JPEG for large opaque pictures, else PNG."""
    from PIL import Image

    opaque = image.shape[2] == 3 or image[..., 3].min() == 255
    buffer = io.BytesIO()
    if opaque and image.shape[0] * image.shape[1] >= JPEG_FROM:
        Image.fromarray(np.ascontiguousarray(image[..., :3])).save(buffer, "JPEG", quality=95, subsampling=0)
        return buffer.getvalue(), "image/jpeg"
    Image.fromarray(np.ascontiguousarray(image[..., :3] if opaque else image)).save(buffer, "PNG")
    return buffer.getvalue(), "image/png"


@dataclass(frozen=True)
class MaterialLook:
    """One material in glTF's terms.

    Attributes:
        factor: linear RGBA.
        image: texture, or None.
        alpha: "OPAQUE", "MASK" or "BLEND".
        clamp: the texture ends at its border instead of repeating.
    """

    factor: tuple[float, float, float, float]
    image: np.ndarray | None
    alpha: str
    clamp: bool


def material_look(appearance: Appearance, index: int) -> MaterialLook:
    """The look of one material; clay where the mesh has no colours at all."""
    base = appearance.base_color(index)
    if appearance.is_plain and appearance.base_colors is None:
        base = np.array(CLAY, np.uint8)
    image = appearance.texture(index) if appearance.corner_uv is not None else None
    alpha = "OPAQUE"
    if base[3] < 255:
        alpha = "BLEND"
    elif image is not None and image.shape[2] == 4 and image[..., 3].min() < 128:
        alpha = "MASK"
    red, green, blue = (float(value) for value in linear(base[:3]))
    clamp = appearance.corner_uv is None or within_border(appearance.corner_uv)
    return MaterialLook((red, green, blue, float(base[3]) / 255), image, alpha, clamp)
