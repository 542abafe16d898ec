"""Small meshes and their files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def box(center=(0.0, 0.0, 0.0), size=1.0):
    """A cube of 8 vertices and 12 triangles facing outwards."""
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * size / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    return corners + center, triangles


def sphere(center=(0.0, 0.0, 0.0), radius=1.0, rows=8, columns=12):
    """A closed sphere facing outwards."""
    polar = np.pi * np.arange(1, rows) / rows
    around = 2 * np.pi * np.arange(columns) / columns
    p, a = np.meshgrid(polar, around, indexing="ij")
    middle = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], axis=-1).reshape(-1, 3)
    vertices = np.concatenate([[[0, 0, 1]], middle, [[0, 0, -1]]])
    ring = np.arange(columns)
    faces = [np.stack([np.zeros(columns, int), 1 + ring, 1 + (ring + 1) % columns], 1)]
    for row in range(rows - 2):
        a0, b0 = 1 + row * columns + ring, 1 + row * columns + (ring + 1) % columns
        faces += [np.stack([a0, a0 + columns, b0 + columns], 1), np.stack([a0, b0 + columns, b0], 1)]
    last = 1 + (rows - 2) * columns
    faces.append(np.stack([last + ring, np.full(columns, len(vertices) - 1), last + (ring + 1) % columns], 1))
    return vertices * radius + center, np.concatenate(faces)


def volume(vertices, triangles):
    """Signed volume by the divergence theorem: positive for a closed surface that faces outwards."""
    a, b, c = (np.asarray(vertices, float)[triangles[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def write_obj(path: Path, vertices, triangles, *, header: str = "") -> Path:
    """Write positions and triangles as OBJ text."""
    lines = [header, *(f"v {x!r} {y!r} {z!r}" for x, y, z in np.asarray(vertices, float).tolist())]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in np.asarray(triangles).tolist()]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_glb(path: Path, vertices, triangles, *, normals=None) -> Path:
    """Write a GLB with trimesh."""
    import trimesh

    mesh = trimesh.Trimesh(vertices, triangles, process=False, vertex_normals=normals)
    path.write_bytes(trimesh.Scene(mesh).export(file_type="glb"))
    return path
