"""Mesh files (.obj .ply .glb .stl) -> RawMesh: every part in place, colours kept, what is missing said."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from vfa.avatar.materials import NEUTRAL, from_trimesh
from vfa.avatar.obj import read_obj
from vfa.avatar.raw import RawMesh
from vfa.errors import InputError, MeshError

MESH_SUFFIXES = (".obj", ".ply", ".glb", ".stl")


def read_mesh(path: str | Path) -> RawMesh:
    """Read a mesh file.

    Args:
        path: .obj (with its .mtl and images beside it), .ply, .glb or .stl.

    Raises:
        InputError: if the file is missing or has another suffix.
        MeshError: if it is empty, damaged or holds no triangles.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise InputError("not a mesh file", path=path, expected=" ".join(MESH_SUFFIXES), found=suffix or "no suffix")
    if not path.is_file():
        raise InputError("no such file", path=path)
    with path.open("rb") as file:
        head = file.read(256)
    if not head.strip(b"\0 \r\n\t"):
        raise MeshError("the file is empty", path=path)
    if head.startswith(b"version https://git-lfs"):
        raise MeshError("a Git LFS pointer in place of the mesh", path=path, hint="git lfs pull")
    if head.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        raise MeshError("a web page in place of the mesh", path=path, hint="download the file itself")
    mesh = read_obj(path) if suffix == ".obj" else _read_scene(path, suffix)
    if not len(mesh.positions) or not len(mesh.triangles):
        raise MeshError(
            "the file holds no surface",
            path=path,
            expected="vertices and faces",
            found=f"{len(mesh.positions)} vertices, {len(mesh.triangles)} triangles",
        )
    return mesh


def _read_scene(path: Path, suffix: str) -> RawMesh:
    import trimesh

    logging.getLogger("trimesh").setLevel(logging.CRITICAL)  # what goes wrong is reported below
    try:
        scene = trimesh.load_scene(str(path), file_type=suffix[1:], process=False)
        parts = [part for node in sorted(scene.graph.nodes_geometry) if (part := _node(scene, node)) is not None]
    except MeshError:
        raise
    except Exception as error:  # the readers raise whatever their parsers meet
        raise MeshError(
            f"cannot be read as {suffix}", path=path, found=f"{type(error).__name__}: {str(error)[:200]}"
        ) from None
    if not parts:
        return RawMesh(np.empty((0, 3)), np.empty((0, 3), np.int64))
    return join(parts)


def _node(scene: Any, node: str) -> RawMesh | None:
    """One instance of a geometry, in world coordinates; None for lines and points."""
    transform, name = scene.graph[node]
    mesh = scene.geometry[name]
    if not hasattr(mesh, "faces") or not len(mesh.faces):
        return None
    transform = np.asarray(transform, np.float64)
    positions = np.asarray(mesh.vertices, np.float64) @ transform[:3, :3].T + transform[:3, 3]
    triangles = np.asarray(mesh.faces, np.int64)
    raw = RawMesh(positions, triangles, group_names=[str(name)])
    if np.linalg.det(transform[:3, :3]) < 0:
        raw = raw.flip_triangles(np.ones(len(triangles), bool))
    visual = mesh.visual
    if visual.kind == "texture":
        texture, color = from_trimesh(visual.material, raw.report)
        raw.textures, raw.base_colors = [texture], [color]
        uv = getattr(visual, "uv", None)
        if uv is not None and len(uv) == len(positions):
            raw.corner_uv = np.asarray(uv, np.float32)[raw.triangles]
        elif texture is not None:
            raw.textures = [None]
            raw.report.append(f"{name!r} has a texture but no texture coordinates: neutral colour")
            raw.base_colors = [np.array(NEUTRAL, np.uint8)]
        attribute = getattr(visual, "vertex_attributes", {}).get("color")
        if attribute is not None and len(attribute) == len(positions):
            raw.vertex_colors = _to_uint8(np.asarray(attribute))
    elif visual.kind in ("vertex", "face"):
        raw.vertex_colors = _to_uint8(np.asarray(visual.vertex_colors))
    return raw


def _to_uint8(colors: np.ndarray) -> np.ndarray:
    colors = colors[:, :3]
    if np.issubdtype(colors.dtype, np.floating):
        colors = np.round(np.clip(colors, 0, 1) * 255)
    return colors.astype(np.uint8)


def join(parts: list[RawMesh]) -> RawMesh:
    """Several meshes as one; parts without colours beside coloured ones become neutral."""
    if len(parts) == 1:
        return parts[0]
    vertex_start = np.cumsum([0] + [len(part.positions) for part in parts[:-1]])
    material_start = np.cumsum([0] + [len(part.textures) for part in parts[:-1]])
    group_start = np.cumsum([0] + [len(part.group_names) for part in parts[:-1]])
    colored = any(p.vertex_colors is not None or any(t is not None for t in p.textures) for p in parts)
    base_colors: list[np.ndarray | None] = []
    for part in parts:
        plain = part.vertex_colors is None and all(t is None for t in part.textures)
        neutral = np.array(NEUTRAL, np.uint8) if colored and plain else None
        base_colors += [neutral if color is None else color for color in part.base_colors]
    has_colors = any(part.vertex_colors is not None for part in parts)
    has_uv = any(part.corner_uv is not None for part in parts)
    return RawMesh(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.triangles + start for part, start in zip(parts, vertex_start, strict=True)]),
        corner_uv=np.concatenate([_uv(part) for part in parts]) if has_uv else None,
        vertex_colors=np.concatenate([_colors(part) for part in parts]) if has_colors else None,
        material=np.concatenate([part.material + start for part, start in zip(parts, material_start, strict=True)]),
        textures=[texture for part in parts for texture in part.textures],
        base_colors=base_colors,
        group=np.concatenate([part.group + start for part, start in zip(parts, group_start, strict=True)]),
        group_names=[name for part in parts for name in part.group_names],
        report=[line for part in parts for line in part.report],
    )


def _uv(part: RawMesh) -> np.ndarray:
    return np.zeros((len(part.triangles), 3, 2), np.float32) if part.corner_uv is None else part.corner_uv


def _colors(part: RawMesh) -> np.ndarray:
    return np.full((len(part.positions), 3), 255, np.uint8) if part.vertex_colors is None else part.vertex_colors
