"""Mesh repair with an exact account of what was done; what cannot be driven at all is an error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vfa.avatar.raw import RawMesh
from vfa.errors import MeshError

FEWEST_TRIANGLES = 4
FAR = 16.0
"""A mesh further from the origin than this many times its size is moved there, so that float32 keeps its detail."""
MANY_TRIANGLES = 500_000


def repair(mesh: RawMesh) -> tuple[RawMesh, np.ndarray]:
    """Mend a mesh; the account is added to its `report`.

    In this order: triangles at vertices that are not finite are dropped; seams (vertices that differ in texture
    coordinates or colour alone) are welded; degenerate and duplicated triangles are dropped; winding is made
    consistent within each component and outward; unreferenced vertices are dropped; a mesh far from the origin is
    moved.

    Returns:
        The mesh, and the origin float64 `[3]` to add to its positions to be back in the file's coordinates.

    Raises:
        MeshError: if fewer than four triangles are left or the mesh has no extent.
    """
    mesh = replace(mesh, report=list(mesh.report))
    note = mesh.report.append
    given = len(mesh.triangles)

    bad = ~np.isfinite(mesh.positions).all(axis=1)
    if bad.any():
        touched = bad[mesh.triangles].any(axis=1)
        note(f"dropped {int(bad.sum())} vertices that are not finite, with {int(touched.sum())} triangles")
        mesh = mesh.keep_triangles(~touched)
    require_surface(mesh, given)

    target, seams = weld_target(mesh)
    if seams:
        note(f"welded {seams} vertices at seams to their twins")
        mesh = mesh.merge_vertices(target)

    keep, degenerate, duplicated = sound_triangles(mesh.positions, mesh.triangles)
    if degenerate:
        note(f"dropped {degenerate} degenerate triangles")
    if duplicated:
        note(f"dropped {duplicated} duplicated triangles")
    mesh = mesh.keep_triangles(keep)
    require_surface(mesh, given)

    flip, mobius = winding_flips(mesh.positions, mesh.triangles)
    if flip.any():
        note(f"turned {int(flip.sum())} triangles so that all face outwards")
        mesh = mesh.flip_triangles(flip)
    if mobius:
        note(f"{mobius} components have no consistent outside and are left as they are")
    crowded = crowded_edges(mesh.triangles)
    if crowded:
        note(f"{crowded} edges are shared by more than two triangles (non-manifold); kept")

    mesh, unused = mesh.drop_unreferenced()
    if unused - seams > 0:
        note(f"dropped {unused - seams} unreferenced vertices")
    if len(mesh.triangles) > MANY_TRIANGLES:
        note(f"{len(mesh.triangles):,} triangles are kept; preparation takes long, a lighter mesh would look the same")
    return _near_origin(mesh)


def require_surface(mesh: RawMesh, given: int) -> None:
    """Raises MeshError where too little is left to be driven."""
    if len(mesh.triangles) < FEWEST_TRIANGLES:
        raise MeshError(
            "too little surface to drive",
            expected=f"at least {FEWEST_TRIANGLES} sound triangles",
            found=f"{len(mesh.triangles)} of {given}",
        )


def _near_origin(mesh: RawMesh) -> tuple[RawMesh, np.ndarray]:
    low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
    extent = float((high - low).max())
    if not 1e-30 < extent < 1e30:
        raise MeshError("the mesh has no usable size", expected="an extent from 1e-30 to 1e30", found=f"{extent:g}")
    origin = np.zeros(3)
    if float(np.abs(low + high).max()) / 2 > FAR * extent:
        origin = (low + high) / 2
        mesh.report.append(f"moved from {np.array2string(origin, precision=6)} to the origin to keep its detail")
        mesh = replace(mesh, positions=mesh.positions - origin)
    return mesh, origin


def position_ids(positions: np.ndarray) -> np.ndarray:
    """int64 `[V]`: equal for vertices at exactly the same place (-0 and 0 are the same place)."""
    keys = np.ascontiguousarray(positions + 0.0).view([("", np.float64)] * 3).ravel()
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def half_edges(triangles: np.ndarray) -> np.ndarray:
    """int64 `[3F, 2]`: directed edges; row 3 t + c leaves corner c of triangle t."""
    return np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2)


def edge_keys(edges: np.ndarray, n: int) -> np.ndarray:
    """int64 `[E]`: one number per undirected edge between `n` points."""
    return edges.min(axis=1) * np.int64(n) + edges.max(axis=1)


def weld_target(mesh: RawMesh) -> tuple[np.ndarray, int]:
    """For every vertex the vertex it becomes, and how many change.

    Only open edges that lie exactly on each other are closed, and only where the file had a reason to cut there: other
    texture coordinates or colours on the two sides, or two components. A slit that the author left open, such as closed
    lips, has none of these, nor has a closed mouth with a lining any open edge: both stay open.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(mesh.positions)
    target = np.arange(count)
    place = position_ids(mesh.positions)
    if int(place.max()) + 1 == count:
        return target, 0
    edges = half_edges(mesh.triangles)
    key = edge_keys(edges, count)
    _, inverse, uses = np.unique(key, return_inverse=True, return_counts=True)
    edge = np.flatnonzero(uses[inverse.reshape(-1)] == 1)
    if not len(edge):
        return target, 0
    label = components(mesh.triangles, count)
    swap = place[edges[edge, 0]] > place[edges[edge, 1]]
    corner = np.stack([edge, edge - edge % 3 + (edge % 3 + 1) % 3], axis=1)  # rows of the edge's two corners
    corner[swap] = corner[swap][:, ::-1]
    ends = mesh.triangles.reshape(-1)[corner]
    order = np.lexsort((place[ends[:, 1]], place[ends[:, 0]]))
    corner, ends = corner[order], ends[order]
    same = (place[ends[1:]] == place[ends[:-1]]).all(axis=1) & (place[ends[1:, 0]] != place[ends[1:, 1]])
    reason = label[ends[1:, 0]] != label[ends[:-1, 0]]
    if mesh.corner_uv is not None:
        uv = mesh.corner_uv.reshape(-1, 2)
        reason |= (uv[corner[1:]] != uv[corner[:-1]]).any(axis=(1, 2))
    if mesh.vertex_colors is not None:
        reason |= (mesh.vertex_colors[ends[1:]] != mesh.vertex_colors[ends[:-1]]).any(axis=(1, 2))
    join = np.flatnonzero(same & reason)
    if not len(join):
        return target, 0
    a, b = ends[join].reshape(-1), ends[join + 1].reshape(-1)
    _, welded = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
    target = np.unique(welded, return_index=True)[1][welded]
    return target, int((target != np.arange(count)).sum())


def components(triangles: np.ndarray, n_vertices: int) -> np.ndarray:
    """int64 `[V]`: label of the connected component (by shared vertices) of each vertex."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    a, b = triangles[:, [0, 1]].reshape(-1), triangles[:, [1, 2]].reshape(-1)
    graph = coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n_vertices, n_vertices))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def sound_triangles(positions: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Mask `[F]` of triangles to keep; how many are degenerate; how many repeat an earlier one (in any winding)."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    collapsed = (triangles == np.roll(triangles, 1, axis=1)).any(axis=1)
    degenerate = collapsed | ~(np.cross(b - a, c - a) != 0).any(axis=1)
    ordered = np.ascontiguousarray(np.sort(triangles, axis=1)).view([("", triangles.dtype)] * 3).ravel()
    first = np.zeros(len(triangles), bool)
    sound = np.flatnonzero(~degenerate)
    first[sound[np.unique(ordered[sound], return_index=True)[1]]] = True
    return first, int(degenerate.sum()), int((~degenerate & ~first).sum())


def crowded_edges(triangles: np.ndarray) -> int:
    """Number of edges shared by more than two triangles."""
    _, uses = np.unique(edge_keys(half_edges(triangles), int(triangles.max()) + 1), return_counts=True)
    return int((uses > 2).sum())


def winding_flips(positions: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, int]:
    """Mask `[F]` of triangles to turn, and the number of components that cannot be oriented (left alone).

    Two triangles that share an edge agree if they run along it in opposite directions. On the graph with two nodes per
    triangle (as it is, turned), agreeing pairs are linked side by side and the others crosswise: the two nodes of an
    orientable component fall into two separate parts. Closed components and the largest one then face outwards by the
    sign of their volume; of the others the majority keeps its winding.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    faces = len(triangles)
    edges = half_edges(triangles)
    key = edge_keys(edges, len(positions))
    order = np.argsort(key, kind="stable")
    pair = np.flatnonzero(key[order][1:] == key[order][:-1])
    uses = np.bincount(np.cumsum(np.r_[True, key[order][1:] != key[order][:-1]]) - 1)
    two = np.repeat(uses == 2, uses)[pair]  # edges of more triangles say nothing about sides
    first, second = order[pair[two]], order[pair[two] + 1]
    agree = (edges[first, 0] == edges[second, 1]).astype(np.int64)
    f, g = first // 3, second // 3
    rows = np.concatenate([f, f + faces])
    columns = np.concatenate([np.where(agree, g, g + faces), np.where(agree, g + faces, g)])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(2 * faces, 2 * faces))
    label = connected_components(graph, directed=False)[1]
    mobius = label[:faces] == label[faces:]
    # Of the two parts of a component the one with the smaller number stands for "as in the majority" for now.
    flip = (label[:faces] > label[faces:]) & ~mobius
    island = np.unique(np.minimum(label[:faces], label[faces:]), return_inverse=True)[1].reshape(-1)
    size = np.bincount(island)
    turned = np.bincount(island, weights=flip)
    flip ^= (turned > size / 2)[island] & ~mobius

    a, b, c = (positions[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a) * np.where(flip, -1.0, 1.0)[:, None]
    middle = (a + b + c) / 3
    center = np.stack([np.bincount(island, weights=middle[:, i]) for i in range(3)], axis=1) / size[:, None]
    volume = np.bincount(island, weights=((middle - center[island]) * normal).sum(axis=1))
    open_edges = np.flatnonzero(np.repeat(uses == 1, uses))
    is_open = np.zeros(len(size), bool)
    is_open[island[order[open_edges] // 3]] = True
    decided = ~is_open
    decided[np.argmax(size)] = True
    flip ^= ((volume < 0) & decided)[island] & ~mobius
    return flip, len(np.unique(island[mobius]))
