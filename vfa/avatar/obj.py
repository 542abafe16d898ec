"""Wavefront OBJ: positions as the file indexes them (seams stay welded), UVs per corner, groups by name.

General readers split vertices at UV seams and forget groups, so the geometry lines are read here; materials and images
are trimesh's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vfa.avatar.raw import RawMesh
from vfa.errors import MeshError


def read_obj(path: Path) -> RawMesh:
    """Read an OBJ file; polygons are cut into fans, points and lines are left out.

    Raises:
        MeshError: if a vertex or face line cannot be read.
    """
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\\\r\n", " ").replace("\\\n", " ")
    v: list[str] = []
    vt: list[str] = []
    faces: list[str] = []
    face_tags: list[tuple[int, int, int, int]] = []  # group, material, vertices and UVs so far (negative indices)
    groups, materials, libraries = {"": 0}, {"": 0}, []
    group = material = 0
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        if key == "v":
            v.append(rest)
        elif key == "f":
            faces.append(rest.partition("#")[0])
            face_tags.append((group, material, len(v), len(vt)))
        elif key == "vt":
            vt.append(rest)
        elif key in ("g", "o"):
            group = groups.setdefault(rest.strip(), len(groups))
        elif key == "usemtl":
            material = materials.setdefault(rest.strip(), len(materials))
        elif key == "mtllib":
            libraries.append(rest.strip())
    report: list[str] = []
    positions, colors = _vertices(v, path)
    polygons = _corners(faces, path)
    tags = np.array(face_tags, np.int64).reshape(-1, 4)
    triangles, uv_index, owner = _fans(polygons, tags, len(v), len(vt), report)
    mesh = RawMesh(
        positions,
        triangles,
        vertex_colors=colors,
        material=tags[owner, 1],
        group=tags[owner, 0],
        group_names=list(groups),
        report=report,
    )
    if len(vt) and (uv_index >= 0).any():
        uv = _numbers(vt, 2, path, "vt")[:, :2].astype(np.float32)
        if (uv_index < 0).any():
            report.append(f"{int((uv_index < 0).any(axis=1).sum())} triangles have no texture coordinates")
        mesh.corner_uv = np.where((uv_index >= 0)[..., None], uv[np.maximum(uv_index, 0)], np.float32(0))
    mesh.textures, mesh.base_colors = _materials(path, libraries, list(materials), tags[owner, 1], report)
    return mesh


def _numbers(lines: list[str], least: int, path: Path, key: str) -> np.ndarray:
    """float64 `[N, C]`, C >= least; lines of unequal length are cut to the shortest."""
    rows = [line.partition("#")[0].split() for line in lines]
    columns = min((len(row) for row in rows), default=0)
    if rows and columns < least:
        raise MeshError(f"a {key} line is too short", path=path, expected=f"{least} numbers", found=f"{columns}")
    try:
        return np.array([row[:columns] for row in rows], np.float64).reshape(-1, max(columns, least))
    except ValueError as error:
        raise MeshError(f"a {key} line is not made of numbers", path=path, found=str(error)) from None


def _vertices(lines: list[str], path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    values = _numbers(lines, 3, path, "v")
    colors = None
    if values.shape[1] >= 6 and np.isfinite(values[:, 3:6]).all():
        scale = 255.0 if values[:, 3:6].max() <= 1.0 else 1.0
        colors = np.clip(np.round(values[:, 3:6] * scale), 0, 255).astype(np.uint8)
    return values[:, :3], colors


def _corners(faces: list[str], path: Path) -> tuple[np.ndarray, np.ndarray]:
    """All corners as int64 `[C, 2]` (vertex and UV as the file writes them, 0 = none); corners per polygon `[P]`."""
    split = [face.split() for face in faces]
    counts = np.array([len(one) for one in split], np.int64)
    tokens = [token for one in split for token in one]
    slashes = {token.count("/") for token in tokens}
    try:
        if len(slashes) == 1 and not any("//" in token or token.endswith("/") for token in tokens):
            width = slashes.pop() + 1
            flat = np.array(" ".join(tokens).replace("/", " ").split(), np.int64).reshape(-1, width)
        else:
            parts = [(token.split("/") + ["", ""])[:2] for token in tokens]
            flat = np.array([(a, b or "0") for a, b in parts], np.int64).reshape(-1, 2)
    except ValueError as error:
        raise MeshError(
            "a face line cannot be read", path=path, expected="f 1/1/1 2/2/2 3/3/3", found=str(error)
        ) from None
    corners = np.zeros((len(flat), 2), np.int64)
    corners[:, : min(flat.shape[1], 2)] = flat[:, :2]
    return corners, counts


def _fans(
    polygons: tuple[np.ndarray, np.ndarray], tags: np.ndarray, n_vertices: int, n_uv: int, report: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles int64 `[F, 3]`, UV indices `[F, 3]` (-1 = none) and the polygon of each triangle `[F]`."""
    corners, counts = polygons
    polygon = np.repeat(np.arange(len(counts)), counts)
    vertex = np.where(corners[:, 0] > 0, corners[:, 0] - 1, corners[:, 0] + tags[polygon, 2])
    vertex[corners[:, 0] == 0] = -1
    uv = np.where(corners[:, 1] > 0, corners[:, 1] - 1, corners[:, 1] + tags[polygon, 3])
    uv[(corners[:, 1] == 0) | (uv < 0) | (uv >= n_uv)] = -1
    first = np.cumsum(counts) - counts
    fans = np.maximum(counts - 2, 0)
    owner = np.repeat(np.arange(len(counts)), fans)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(fans) - fans, fans)
    index = np.stack([first[owner], first[owner] + step + 1, first[owner] + step + 2], axis=1)
    triangles, uv_index = vertex[index].reshape(-1, 3), uv[index].reshape(-1, 3)
    valid = ((triangles >= 0) & (triangles < n_vertices)).all(axis=1)
    if not valid.all():
        report.append(f"dropped {int((~valid).sum())} triangles that name vertices the file does not have")
    if (counts < 3).any():
        report.append(f"dropped {int((counts < 3).sum())} faces with fewer than three corners")
    if (counts > 3).any():
        report.append(f"cut {int((counts > 3).sum())} polygons into triangles")
    return triangles[valid], uv_index[valid], owner[valid]


def _materials(
    path: Path, libraries: list[str], names: list[str], used: np.ndarray, report: list[str]
) -> tuple[list[np.ndarray | None], list[np.ndarray | None]]:
    """Textures and base colours of the materials by name; what is missing is said and left neutral."""
    from trimesh.exchange.obj import parse_mtl
    from trimesh.resolvers import FilePathResolver

    from vfa.avatar.materials import from_simple

    found: dict[str, dict] = {}
    textured: set[str] = set()
    for library in libraries:
        file = path.parent / library
        try:
            content = file.read_bytes().decode("utf-8", errors="replace").replace("\\", "/")
        except (OSError, ValueError):
            report.append(f"material file {library!r} is missing: its surfaces get a neutral colour")
            continue
        found.update(parse_mtl(content, resolver=FilePathResolver(str(file))))
        textured |= _textured(content)
    textures: list[np.ndarray | None] = []
    colors: list[np.ndarray | None] = []
    present = set(np.unique(used).tolist())
    for number, name in enumerate(names):
        entry = found.get(name)
        if entry is None:
            if name and number in present and found:
                report.append(f"material {name!r} is not defined: neutral colour")
            textures.append(None)
            colors.append(None)
            continue
        texture, color = from_simple(entry, report)
        textures.append(texture)
        colors.append(color)
    for name in sorted(textured):
        if "image" not in found.get(name, {}):
            report.append(f"material {name!r}: its texture is missing or cannot be read, neutral colour")
    return textures, colors


def _textured(library: str) -> set[str]:
    """Names of the materials of an MTL text that ask for a texture."""
    name, textured = "", set()
    for line in library.splitlines():
        key, _, rest = line.strip().partition(" ")
        if key.lower() == "newmtl":
            name = rest.strip()
        elif key.lower() == "map_kd":
            textured.add(name)
    return textured
