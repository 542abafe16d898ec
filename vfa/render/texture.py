"""Textures of several materials packed into one array with mip levels, as the compiled loops read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.render.appearance import Appearance

CLAY = (204, 196, 186, 255)


@dataclass(frozen=True)
class Surface:
    """An `Appearance` laid out for the renderer.

    Attributes:
        vertex_colors: uint8 `[V, 3]`, or `[0, 3]` for none.
        uv: float32 `[F, 3, 2]`, or `[0, 3, 2]`.
        material: int32 `[F]`, or `[0]` where there is one material.
        base: float64 `[M, 3]`, base colours in 0..1.
        texels: uint8 `[N, 4]`, every level of every texture, row by row from the top.
        levels: int32 `[L, 3]`, offset into texels, width, height.
        first_level, level_count: int32 `[M]`, the levels of a material; count 0 = no texture.
        clamp: True if coordinates stay at the border, False if they repeat.
        alpha_level: int32 `[F]`: -2 not drawn, -1 opaque, otherwise the level whose alpha cuts holes; `[0]` all opaque.
    """

    vertex_colors: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    base: np.ndarray
    texels: np.ndarray
    levels: np.ndarray
    first_level: np.ndarray
    level_count: np.ndarray
    clamp: bool
    alpha_level: np.ndarray


def pack(appearance: Appearance, n_triangles: int) -> Surface:
    """Lay out an appearance that has been validated."""
    count = appearance.n_materials
    base = np.stack([appearance.base_color(index) for index in range(count)])
    if appearance.is_plain and appearance.base_colors is None:
        base = np.array([CLAY], np.uint8)
        count = 1
    images = [appearance.texture(index) if appearance.corner_uv is not None else None for index in range(count)]
    texels: list[np.ndarray] = []
    levels: list[tuple[int, int, int]] = []
    first, number, offset = np.zeros(count, np.int32), np.zeros(count, np.int32), 0
    for index, image in enumerate(images):
        chain = [] if image is None else _mip_chain(image)
        first[index], number[index] = len(levels), len(chain)
        for level in chain:
            levels.append((offset, level.shape[1], level.shape[0]))
            texels.append(level.reshape(-1, 4))
            offset += len(texels[-1])

    material = np.zeros(0, np.int32)
    if appearance.material is not None and count > 1:
        material = np.require(appearance.material, np.int32, ["C", "W"])
    uv = np.zeros((0, 3, 2), np.float32)
    if appearance.corner_uv is not None and levels:
        uv = np.asarray(appearance.corner_uv, np.float32)
        uv = np.where(np.isfinite(uv), uv, 0).astype(np.float32)
    return Surface(
        vertex_colors=np.zeros((0, 3), np.uint8)
        if appearance.vertex_colors is None
        else np.require(appearance.vertex_colors, np.uint8, ["C", "W"]),
        uv=uv,
        material=material,
        base=base[:, :3] / 255.0,
        texels=np.concatenate(texels) if texels else np.zeros((1, 4), np.uint8),
        levels=np.array(levels, np.int32).reshape(-1, 3),
        first_level=first,
        level_count=number,
        clamp=within_border(uv),
        alpha_level=_alpha_levels(images, base, first, material, n_triangles),
    )


def within_border(uv: np.ndarray) -> bool:
    """True if no coordinate asks for a repeated texture."""
    return bool(uv.size == 0 or (uv.min() >= -1e-4 and uv.max() <= 1 + 1e-4))


def _mip_chain(image: np.ndarray) -> list[np.ndarray]:
    """The texture as RGBA, then halved again and again down to one texel in the shorter direction."""
    from PIL import Image

    if image.shape[2] == 3:
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    chain = [np.ascontiguousarray(image)]
    while min(chain[-1].shape[:2]) > 1:
        height, width = chain[-1].shape[:2]
        half = Image.fromarray(chain[-1]).resize((width // 2, height // 2), Image.Resampling.BOX)
        chain.append(np.array(half))
    return chain


def _alpha_levels(
    images: list[np.ndarray | None], base: np.ndarray, first: np.ndarray, material: np.ndarray, n_triangles: int
) -> np.ndarray:
    per_material = np.full(len(images), -1, np.int32)
    for index, image in enumerate(images):
        if base[index, 3] < 128:
            per_material[index] = -2
        elif image is not None and image.shape[2] == 4 and image[..., 3].min() < 128:
            per_material[index] = first[index]
    if (per_material == -1).all():
        return np.empty(0, np.int32)
    return per_material[material] if material.size else np.full(n_triangles, per_material[0], np.int32)
