"""The connected components of a mesh: which is which, which of them are eyeballs, which were never meant to be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.avatar.raw import RawMesh
from vfa.avatar.repair import components
from vfa.avatar.sphere import fit_sphere

# MakeHuman's base mesh carries the body's clothes, hair and joints as helper geometry that is never drawn; its eyes,
# teeth and tongue carry the same prefix.
_HELPERS = ("helper-", "joint-")
_VISIBLE = ("eye", "teeth", "tongue")
_NEVER = ("lash",)


@dataclass(frozen=True)
class Eye:
    """An eyeball.

    Attributes:
        center: float64 `[3]`.
        radius: in mesh units.
        vertices: int64 `[N]`, everything that turns with it (ball, cornea, iris).
    """

    center: np.ndarray
    radius: float
    vertices: np.ndarray


def drop_helpers(mesh: RawMesh) -> RawMesh:
    """The mesh without groups that are invisible helper geometry by their name; says how many were dropped."""
    hidden = [number for number, name in enumerate(mesh.group_names) if _is_helper(name)]
    drop = np.isin(mesh.group, hidden)
    if not drop.any() or drop.all():
        return mesh
    count = len(np.unique(mesh.group[drop]))
    mesh = mesh.keep_triangles(~drop)
    mesh.report = [*mesh.report, f"dropped {count} groups of invisible helper geometry, {int(drop.sum())} triangles"]
    return mesh


def _is_helper(name: str) -> bool:
    name = name.lower()
    if not name.startswith(_HELPERS):
        return False
    shown = name.startswith("helper-") and any(word in name for word in _VISIBLE)
    return not shown or any(word in name for word in _NEVER)


def label_parts(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """int32 `[V]`: connected component of each vertex, numbered by falling surface area (0 = largest)."""
    label = components(triangles, len(positions))
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = np.bincount(label[triangles[:, 0]], weights=area, minlength=int(label.max()) + 1)
    rank = np.empty(len(total), np.int32)
    rank[np.argsort(-total, kind="stable")] = np.arange(len(total), dtype=np.int32)
    return rank[label]


def find_eyes(positions: np.ndarray, parts: np.ndarray, names: list[str]) -> list[Eye]:
    """Pairs of equal round components, and round components that are called an eye.

    Args:
        positions: float64 `[V, 3]`.
        parts: labels of :func:`label_parts`.
        names: group name of each part.

    Returns:
        One entry per ball; smaller parts inside a ball (iris, cornea) belong to it.
    """
    order = np.argsort(parts, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(parts))[:-1])
    size = float(np.ptp(positions[members[0]], axis=0).max())
    balls = {number: fit for number, own in enumerate(members) if (fit := _ball(positions[own], size)) is not None}
    eyes: list[Eye] = []
    for number, (center, radius) in balls.items():
        called = "eye" in names[number].lower()
        twin = any(
            other != number
            and abs(r - radius) < 0.03 * radius
            and 2 * radius < np.linalg.norm(c - center) < 12 * radius
            for other, (c, r) in balls.items()
        )
        inside = any(np.linalg.norm(eye.center - center) + 0.7 * radius < eye.radius * 1.1 for eye in eyes)
        if inside or not (called or twin):
            continue
        own = [
            part
            for part in members[1:]
            if np.linalg.norm(positions[part] - center, axis=1).max() < 1.3 * radius
            and np.linalg.norm(positions[part].mean(axis=0) - center) < 1.2 * radius
        ]
        eyes.append(Eye(center, radius, np.concatenate(own)))
    return eyes


def _ball(points: np.ndarray, size: float) -> tuple[np.ndarray, float] | None:
    """Centre and radius if the points cover at least a half sphere evenly and are small beside the mesh."""
    if len(points) < 12 or np.ptp(points, axis=0).max() > 0.3 * size:
        return None
    center, radius, misfit = fit_sphere(points)
    if not radius > 0 or misfit > 0.06 * radius:
        return None
    extent = np.ptp(points, axis=0) / (2 * radius)
    return (center, radius) if (extent > 0.45).all() and (extent > 0.9).sum() >= 2 else None
