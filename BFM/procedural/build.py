"""Put the parts of the built-in head together and hand them over in the model's units and types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BFM.expressions import EXPRESSION_NAMES
from BFM.geometry import vertex_normals
from BFM.procedural import ear
from BFM.procedural import hair as hair_shell
from BFM.procedural.expression import expression_basis
from BFM.procedural.eyes import eye_centre, eyeball
from BFM.procedural.face import Face, Opening
from BFM.procedural.identity import identity_basis, identity_names
from BFM.procedural.landmarks import ibug_landmarks
from BFM.procedural.layout import EYE_CENTRE, EYE_RADIUS
from BFM.procedural.mouth import teeth, tongue
from BFM.procedural.paint import Painter, texture_basis
from BFM.procedural.skull import smooth_step

MM_PER_UNIT = 130.0
ORIGIN = np.array([0.0, 6.0, 10.0])  # mm in the generator's frame: the middle of the head

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Head:
    """The mean head in millimetres: geometry, parts, and what the deformations and the painter ask about them."""

    face: Face
    hair: hair_shell.Hair
    vertices: Array
    triangles: Ints
    groups: dict[str, Ints]
    over_gum: dict[str, Array]
    scalp_share: Array
    eye_x, eye_y, eye_z = EYE_CENTRE

    @property
    def count(self) -> int:
        """Number of vertices."""
        return len(self.vertices)

    @property
    def skin_vertices(self) -> Array:
        """The skin with its inner strips."""
        return self.vertices[: self.face.count]

    def skin_normals(self) -> Array:
        """Unit normals of the skin."""
        return vertex_normals(self.skin_vertices, self.face.triangles)

    def eye_centre(self, sign: int) -> Array:
        """Centre of the left (+1) or right (-1) ball."""
        return eye_centre(sign)

    def eye_vertices(self, sign: int) -> Array:
        """Vertices of a ball relative to its centre."""
        return self.vertices[self.groups["left_eye" if sign > 0 else "right_eye"]] - eye_centre(sign)


def mean_head() -> Head:
    """Model the mean head."""
    face = Face()
    ball, ball_faces = eyeball()
    hair = hair_shell.build()
    over_gum = {}
    parts: list[tuple[str, Array, Ints]] = [("skin", face.vertices(Opening(), Opening()), face.triangles)]
    parts += [("left_eye", ball + eye_centre(1), ball_faces), ("right_eye", ball + eye_centre(-1), ball_faces)]
    for name in ("upper", "lower"):
        vertices, faces, over_gum[f"{name}_teeth"] = teeth(name)
        parts.append((f"{name}_teeth", vertices, faces))
    parts += [("tongue", *tongue()), ("hair", hair.vertices, hair.triangles)]
    groups: dict[str, Ints] = {}
    all_faces: list[Ints] = []
    first = 0
    for name, vertices, triangles in parts:
        groups[name] = np.arange(first, first + len(vertices))
        all_faces.append(triangles + first)
        first += len(vertices)
    return Head(
        face,
        hair,
        np.concatenate([vertices for _, vertices, _ in parts]),
        np.concatenate(all_faces),
        groups,
        over_gum,
        _scalp_share(parts[0][1], hair),
    )


def _scalp_share(skin: Array, hair: hair_shell.Hair) -> Array:
    """How much root colour the skin has: 1 under the hair, thinning out over a few millimetres beyond it, [V]."""
    from scipy.spatial import cKDTree

    distance, nearest = cKDTree(hair.roots).query(skin)
    border = hair.border[nearest]
    fringe = 0.55 * np.exp(-np.clip(distance - 0.5, 0, None) / 1.8)
    _, _, radius, _ = ear.ear_coordinates(skin)
    on_ear = (np.abs(skin[:, 0]) > 58) & (radius < 1.6)
    under = smooth_step(border, 1.5, 6.0) * smooth_step(distance, 12, 7)
    return np.maximum(under, np.where(on_ear, 0, fringe))


def vertex_faces(triangles: Ints, count: int, width: int = 8) -> NDArray[np.int32]:
    """Up to `width` faces around each vertex, padded with the number of faces. Returns [V, width]."""
    corner = triangles.ravel()
    order = np.argsort(corner, kind="stable")
    vertex, face = corner[order], order // 3
    start = np.searchsorted(vertex, np.arange(count))
    place = np.arange(len(vertex)) - start[vertex]
    out = np.full((count, width), len(triangles), np.int32)
    keep = place < width
    out[vertex[keep], place[keep]] = face[keep]
    return out


def build_arrays() -> dict[str, NDArray[np.generic]]:
    """Generate the model.

    Returns:
        The arrays of a `MorphableModel` by name, model units; names of columns as arrays of text; `group_*` indices;
        `eye_centers` [2, 3], `eye_radius` and `mm_per_unit`.
    """
    head = mean_head()
    painter = Painter(head)
    colors, tex_base, texture_names = texture_basis(painter)
    skin_mask = np.zeros(head.count, np.uint8)
    skin_mask[: len(head.face.skin.node)] = 1
    arrays: dict[str, NDArray[np.generic]] = {
        "mean_shape": ((head.vertices - ORIGIN) / MM_PER_UNIT).astype(np.float32),
        "id_base": np.asfortranarray(identity_basis(head) / MM_PER_UNIT, np.float32),
        "ex_base": np.asfortranarray(expression_basis(head) / MM_PER_UNIT, np.float32),
        "mean_texture": np.clip(colors, 0, 255).astype(np.float32),
        "tex_base": tex_base.astype(np.float32),
        "triangles": head.triangles.astype(np.int32),
        "point_buf": vertex_faces(head.triangles, head.count),
        "keypoints": ibug_landmarks(head).astype(np.int32),
        "skin_mask": skin_mask,
        "identity_names": np.array(identity_names()),
        "expression_names": np.array(EXPRESSION_NAMES),
        "texture_names": np.array(texture_names),
        "eye_centers": np.stack([(eye_centre(sign) - ORIGIN) / MM_PER_UNIT for sign in (1, -1)]).astype(np.float32),
        "mm_per_unit": np.array(MM_PER_UNIT),
        "eye_radius": np.array(EYE_RADIUS / MM_PER_UNIT, np.float32),
    }
    for name, members in head.groups.items():
        arrays[f"group_{name}"] = members.astype(np.int32)
    return arrays
