"""Mouth and lids: what lies inside a slit is cut out of the surface, so that both sides can part."""

from __future__ import annotations

import numpy as np


def visible_vertices(vertices: np.ndarray, triangles: np.ndarray, cameras) -> np.ndarray:
    """bool `[V]`: vertices of triangles that show in at least one of several views."""
    from vfa.render.rasterizer import rasterize

    seen = np.zeros(len(vertices), bool)
    for camera in cameras:
        raster = rasterize(camera.project(vertices), triangles, camera.width, camera.height)
        shown = np.unique(raster.triangle)
        seen[triangles[shown[shown >= 0]]] = True
    return seen


def inside_polygon(pixels: np.ndarray, polygon: np.ndarray, shape: tuple[int, int], margin: int) -> np.ndarray:
    """bool `[N]`: pixels `[N, 2]` within a polygon `[M, 2]`, shrunk (margin < 0) or grown (margin > 0) by pixels."""
    import cv2

    filled = np.zeros(shape, np.uint8)
    cv2.fillPoly(filled, [np.round(polygon).astype(np.int32)], (1,))
    mask: np.ndarray = filled
    if margin:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(margin) + 1,) * 2)
        mask = cv2.dilate(filled, kernel) if margin > 0 else cv2.erode(filled, kernel)
    x, y = np.floor(pixels[:, 0]).astype(int), np.floor(pixels[:, 1]).astype(int)
    ok = (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    return ok & mask[np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1)].astype(bool)


def interior(camera, vertices, skin, seen, front, polygon) -> np.ndarray:
    """bool `[V]`: vertices of the pocket behind a slit: the mouth bag, or what lies between lids and eyeball.

    That is skin around the slit which no view shows, and skin which shows only through the slit itself.

    Args:
        camera: the frontal view.
        vertices: float `[V, 3]`.
        skin: bool `[V]`, vertices of the face's own surface.
        seen: bool `[V]`, vertices that some view of the whole mesh shows.
        front: bool `[V]`, vertices that the frontal view of the skin alone shows.
        polygon: float `[M, 2]`, the margin of the slit in pixels.
    """
    screen = camera.project(vertices)
    shape = (camera.height, camera.width)
    span = np.ptp(polygon[:, 0])
    around = skin & inside_polygon(screen, polygon, shape, max(2, round(0.35 * span)))
    if not (around & seen).any():
        return np.zeros(len(vertices), bool)
    surface = np.median(screen[around & seen, 2])
    near = np.abs(screen[:, 2] - surface) < 1.5 * span * surface / camera.focal
    through = inside_polygon(screen, polygon, shape, -1) & front
    return around & near & (~seen | through)


def cut(triangles: np.ndarray, pocket: np.ndarray) -> np.ndarray:
    """The triangles `[F', 3]` that touch no vertex of a pocket (bool `[V]`)."""
    return triangles[~pocket[triangles].any(axis=1)]


def rim_of(vertices: np.ndarray, triangles: np.ndarray, pocket: np.ndarray) -> np.ndarray:
    """int64 `[V]`: for a vertex of a pocket the nearest vertex of its rim along the pocket's surface, else itself."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    n = len(vertices)
    source = np.arange(n)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = edges[pocket[edges].any(axis=1)]
    if not len(edges):
        return source
    rim = np.unique(edges[~pocket[edges]])
    if not len(rim):
        return source
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    length = np.maximum(length, np.finfo(np.float64).tiny)
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    _, _, origin = dijkstra(graph, directed=False, indices=rim, min_only=True, return_predecessors=True)
    reached = pocket & (origin >= 0)
    source[reached] = origin[reached]
    return source
