"""257 coefficients of the morphable model as an avatar: the person at rest, seen from the front."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.avatar.avatar import Avatar
from vfa.avatar.parts import Eye, label_parts
from vfa.errors import MeshError
from vfa.render.appearance import Appearance

if TYPE_CHECKING:
    from BFM import Coefficients, MorphableModel

_FOREHEAD = 0.45  # the 68 landmarks end at the brows; the forehead adds this share of their height
_LARGEST = 100.0  # model units; a face is about 2 across


def avatar_from_file(path: Path) -> Avatar:
    """The avatar of a .npy file of 257 numbers.

    Raises:
        InputError: if it does not hold 257 finite numbers (objects are never loaded).
    """
    from BFM import load_coefficients, load_model

    coefficients = load_coefficients(path)
    try:
        return avatar_from_coefficients(coefficients, load_model(), name=path.stem)
    except MeshError as error:
        raise MeshError(error.what, path=path, expected=error.expected, found=error.found, hint=error.hint) from None


def avatar_from_coefficients(coefficients: Coefficients, model: MorphableModel, *, name: str) -> Avatar:
    """Identity and texture of a person; expression, pose and translation are left out, the light is the renderer's.

    Raises:
        MeshError: if the numbers are so large that what comes out is no face.
    """
    vertices = model.vertices(coefficients.identity)
    size = float(np.ptp(vertices, axis=0).max())
    if not size < _LARGEST:
        raise MeshError(
            "the coefficients give no face",
            expected="identity coefficients within a few standard deviations (about -5 to 5)",
            found=f"up to {np.abs(coefficients.identity).max():.3g}, a mesh {size:.3g} units across",
        )
    parts = label_parts(vertices.astype(np.float64), model.triangles)
    names = np.full(int(parts.max()) + 1, "", object)
    for group, members in model.groups.items():
        names[np.unique(parts[members])] = group
    names[0] = "skin"
    eyes = []
    for eye in model.eyes:
        # Identity moves and scales a ball as a whole.
        ball, mean = vertices[eye.vertices].astype(np.float64), model.mean_shape[eye.vertices].astype(np.float64)
        scale = float(ball.std(axis=0).mean() / mean.std(axis=0).mean())
        center = ball.mean(axis=0) + scale * (eye.center - mean.mean(axis=0))
        eyes.append(Eye(center, float(eye.radius) * scale, np.asarray(eye.vertices, np.int64)))
    box = np.stack([vertices[model.keypoints].min(axis=0), vertices[model.keypoints].max(axis=0)])
    box[1, 1] += _FOREHEAD * (box[1, 1] - box[0, 1])
    source = "the licensed file" if model.source == "licensed" else "the built-in head"
    return Avatar(
        name,
        vertices,
        model.triangles,
        Appearance(vertex_colors=model.colors(coefficients.texture)),
        parts,
        landmark_vertices=np.asarray(model.keypoints, np.int32),
        report=[f"morphable model: {source}, {len(vertices)} vertices"],
        eyes=eyes,
        part_names=tuple(str(part) for part in names),
        face_box=box.astype(np.float32),
        face_certain=True,
    )
