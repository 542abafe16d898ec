"""Speed of the renderer at 35k vertices, beside a plain numpy loop over the triangles in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from vfa.render import Appearance, MeshRenderer, frame_mesh, rasterize


def head(n: int = 187) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A closed surface with about n^2 vertices, 2 n^2 triangles, and corner UVs; as dense as a face model."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, n), np.linspace(0, 2 * np.pi, n), indexing="ij")
    bumps = 1 + 0.05 * np.sin(7 * theta) * np.cos(5 * phi)
    surface = np.stack([np.sin(theta) * np.cos(phi), 1.2 * np.cos(theta), np.sin(theta) * np.sin(phi)], -1)
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    uv = np.stack([phi / (2 * np.pi), 1 - theta / np.pi], -1).reshape(-1, 2)
    vertices = (surface * bumps[..., None]).reshape(-1, 3).astype(np.float32)
    return vertices, triangles.astype(np.int32), uv[triangles].astype(np.float32)


def loop_depth(screen: np.ndarray, triangles: np.ndarray, width: int, height: int) -> np.ndarray:
    """Depth map by the textbook: for each triangle, numpy over the pixels of its box."""
    depth = np.full((height, width), np.inf)
    for corners in screen[triangles].astype(np.float64):
        (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = corners
        left, right = max(0, int(min(x0, x1, x2))), min(width, int(max(x0, x1, x2)) + 1)
        top, bottom = max(0, int(min(y0, y1, y2))), min(height, int(max(y0, y1, y2)) + 1)
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if left >= right or top >= bottom or area == 0:
            continue
        x, y = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
        a = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
        b = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
        inside = (a >= 0) & (b >= 0) & (a + b <= 1)
        z = 1 / (a / z0 + b / z1 + (1 - a - b) / z2)
        box = depth[top:bottom, left:right]
        np.copyto(box, z, where=inside & (z < box))
    return depth


def milliseconds(work: Callable[[], object], repeats: int = 25) -> float:
    """Shortest time of a call, after one to warm up: what it costs when nothing else runs."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def rows() -> list[tuple[str, float, float | None, str]]:
    """(what, our milliseconds, the reference's milliseconds or None, goal)."""
    vertices, triangles, uv = head()
    rng = np.random.default_rng(0)
    colors = Appearance(vertex_colors=rng.integers(0, 256, (len(vertices), 3), np.uint8))
    texture = Appearance(corner_uv=uv, textures=(rng.integers(0, 256, (1024, 1024, 3), np.uint8),))
    camera = frame_mesh(vertices)
    screen = camera.project(vertices).astype(np.float32)
    start = time.perf_counter()
    reference_depth = loop_depth(screen, triangles, camera.width, camera.height)
    reference = (time.perf_counter() - start) * 1e3
    ours = rasterize(screen, triangles, camera.width, camera.height).depth
    agreement = (
        np.isclose(ours, reference_depth, rtol=1e-3).mean()
        + np.isnan(ours[np.isinf(reference_depth)]).sum() / ours.size
    )
    assert agreement > 0.99, f"the reference sees another picture: {agreement:.3f}"

    def renderer(look: Appearance, supersample: int) -> MeshRenderer:
        return MeshRenderer(triangles, look, camera, supersample=supersample)

    plain, fine = renderer(colors, 1), renderer(colors, 2)
    mapped, mapped_fine = renderer(texture, 1), renderer(texture, 2)
    size = f"{len(vertices)} vertices, 256x256"
    return [
        (f"depth, triangle and barycentric maps, {size}",
         milliseconds(lambda: rasterize(screen, triangles, 256, 256)), reference, ""),
        (f"render with maps, vertex colours, {size}", milliseconds(lambda: plain.render(vertices)), None, "< 15 ms"),
        (f"render with maps, texture, {size}", milliseconds(lambda: mapped.render(vertices)), None, "< 15 ms"),
        (f"picture, vertex colours, 2x2 samples, {size}", milliseconds(lambda: fine.render_color(vertices)), None, ""),
        (f"picture, texture, 2x2 samples, {size}", milliseconds(lambda: mapped_fine.render_color(vertices)), None, ""),
    ]  # fmt: skip


if __name__ == "__main__":
    for name, ours, reference, goal in rows():
        print(f"{name:70s} {ours:8.1f} ms  {'' if reference is None else f'{reference:8.0f} ms'}  {goal}")
