"""Lips, brows and lash lines for a mesh without colours, painted where its face was seen.

A face of one colour is hard to read, for people and for the landmark detector alike.
"""

from __future__ import annotations

import numpy as np

from vfa.face import topology as face
from vfa.render.appearance import Appearance

_SIZE = 1024
_MARGIN = 0.12
_OVERSAMPLE = 4  # sub-pixel bits of cv2's shift
LIPS, BROWS, LASHES, CHEEKS = (192, 112, 104), (92, 66, 52), (58, 40, 34), (226, 148, 128)


def make_up(appearance: Appearance, positions: np.ndarray, triangles: np.ndarray, parts: np.ndarray, places: np.ndarray,
            skin: tuple[int, int, int, int]) -> Appearance:  # fmt: skip
    """An appearance whose skin has lips, brows and lash lines.

    Args:
        appearance: without colours on the skin, or plain.
        positions: float `[V, 3]`, a face that looks towards +Z.
        triangles: int `[F, 3]`.
        parts: component of each vertex.
        places: `[478, 3]`, where the landmarks lie on the mesh.
        skin: RGBA of the bare skin.
    """
    low, high = places[: face.N_MESH_POINTS, :2].min(axis=0), places[: face.N_MESH_POINTS, :2].max(axis=0)
    margin = _MARGIN * (high - low).max()
    low, span = low - margin, (high - low).max() + 2 * margin
    uv = (positions[:, :2] - low) / span
    near = np.abs(positions[:, 2] - np.median(places[:, 2])) < 0.75 * span
    corners = positions[triangles]
    front = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    votes = np.bincount(parts[_nearest(positions, places[list(face.FACE_OVAL)])], minlength=parts.max() + 1)
    painted = front & (parts[triangles[:, 0]] == votes.argmax())
    painted &= ((uv >= 0) & (uv <= 1)).all(axis=1)[triangles].all(axis=1) & near[triangles].all(axis=1)

    textures = list(appearance.textures) or [None]
    base = np.array([skin], np.uint8) if appearance.base_colors is None else appearance.base_colors
    textures += [None] * (len(base) - len(textures))
    material = np.zeros(len(triangles), np.int32) if appearance.material is None else appearance.material.copy()
    corner_uv = (
        np.zeros((len(triangles), 3, 2), np.float32) if appearance.corner_uv is None else appearance.corner_uv.copy()
    )
    material[painted] = len(base)
    corner_uv[painted] = uv[triangles[painted]]
    picture = _paint((places[:, :2] - low) / span, skin[:3])
    base = np.concatenate([base, np.full((1, 4), 255, np.uint8)])
    return Appearance(corner_uv=corner_uv, material=material, textures=(*textures, picture), base_colors=base)


def _nearest(positions: np.ndarray, points: np.ndarray) -> np.ndarray:
    from scipy.spatial import cKDTree

    return cKDTree(positions).query(points)[1]


def _paint(uv: np.ndarray, skin: tuple[int, ...]) -> np.ndarray:
    """The texture uint8 `[S, S, 3]` with features at landmarks `[478, 2]`, v up."""
    points = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1) * _SIZE
    eyes = float(np.linalg.norm(points[face.RIGHT_EYE_OUTER] - points[face.LEFT_EYE_OUTER]))
    image = np.empty((_SIZE, _SIZE, 3), np.float32)
    image[:] = skin
    lips = (*face.OUTER_LIPS_UPPER, *face.OUTER_LIPS_LOWER[-2:0:-1])
    _blend(image, _filled(points, lips), LIPS, 0.85, 0.012 * eyes)
    for upper, lower in ((face.RIGHT_BROW_UPPER, face.RIGHT_BROW_LOWER), (face.LEFT_BROW_UPPER, face.LEFT_BROW_LOWER)):
        _blend(image, _filled(points, (*upper, *lower[::-1])), BROWS, 0.75, 0.02 * eyes)
    for lid in (face.RIGHT_EYE_UPPER, face.LEFT_EYE_UPPER):
        _blend(image, _line(points, lid, 0.022 * eyes), LASHES, 0.8, 0.005 * eyes)
    for lid in (face.RIGHT_EYE_LOWER, face.LEFT_EYE_LOWER):
        _blend(image, _line(points, lid, 0.010 * eyes), LASHES, 0.4, 0.005 * eyes)
    for cheek in (50, 280):
        _blend(image, _line(points, (cheek, cheek), 0.2 * eyes), CHEEKS, 0.35, 0.12 * eyes)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _blend(image: np.ndarray, mask: np.ndarray, color: tuple[int, int, int], strength: float, softness: float) -> None:
    import cv2

    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(softness, 0.5))[..., None] * strength
    image += soft * (np.array(color, np.float32) - image)


def _fixed(points: np.ndarray, indices: tuple[int, ...]) -> np.ndarray:
    return np.round(points[list(indices)] * 2**_OVERSAMPLE).astype(np.int32)


def _filled(points: np.ndarray, outline: tuple[int, ...]) -> np.ndarray:
    import cv2

    mask = np.zeros((_SIZE, _SIZE), np.uint8)
    cv2.fillPoly(mask, [_fixed(points, outline)], (255,), cv2.LINE_AA, shift=_OVERSAMPLE)
    return mask


def _line(points: np.ndarray, path: tuple[int, ...], width: float) -> np.ndarray:
    import cv2

    mask = np.zeros((_SIZE, _SIZE), np.uint8)
    thickness = max(1, round(width))
    cv2.polylines(mask, [_fixed(points, path)], False, (255,), thickness, cv2.LINE_AA, shift=_OVERSAMPLE)
    return mask
