"""Render a mesh with its colours or textures; a renderer is set up once and reused for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vfa.errors import InputError, MeshError
from vfa.render.appearance import Appearance
from vfa.render.bands import over_bands
from vfa.render.camera import Camera
from vfa.render.light import Light
from vfa.render.rasterizer import Raster, check_triangles, near_plane, resolve
from vfa.render.texture import pack

Background = tuple[int, int, int] | tuple[tuple[int, int, int], tuple[int, int, int]] | np.ndarray
DEFAULT_BACKGROUND: Background = (0, 0, 0)
RENDERERS = ("cpu", "pyrender")


@dataclass(frozen=True)
class Rendered:
    """A picture and what lies behind each of its pixels (maps as in `Raster`, taken at the pixel centres).

    Attributes:
        color: uint8 `[H, W, 3]` RGB.
        depth: float32 `[H, W]` in world units, NaN where nothing is seen.
        triangle: int32 `[H, W]`, -1 where nothing is seen.
        barycentric: float32 `[H, W, 3]`.
        mask: bool `[H, W]`.
    """

    color: np.ndarray
    depth: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray
    mask: np.ndarray


class Renderer(Protocol):
    """What every backend offers: the topology is fixed, the vertices change from frame to frame."""

    camera: Camera

    def render(self, vertices: np.ndarray) -> Rendered:
        """The picture and its maps for vertices float32 `[V, 3]`."""

    def render_color(self, vertices: np.ndarray) -> np.ndarray:
        """The picture alone, uint8 `[H, W, 3]`; faster."""


class MeshRenderer:
    """The CPU renderer: smooth normals, textures with mip levels, alpha cut-outs, supersampling.

    Args:
        triangles: int32 `[F, 3]`.
        appearance: colours; validated at the first frame, when the number of vertices is known.
        camera: the view.
        light: None chooses `Light.soft()` for a mesh with colours and `Light.studio()` for one without.
        supersample: samples per pixel and direction, 1 to 8.
        background: one colour, a (top, bottom) pair of colours, or an image uint8 `[H, W, 3]`.

    Raises:
        InputError: for a bad option.
        MeshError: where triangles or appearance do not fit the mesh.
    """

    def __init__(
        self,
        triangles: np.ndarray,
        appearance: Appearance,
        camera: Camera,
        *,
        light: Light | None = None,
        supersample: int = 2,
        background: Background = DEFAULT_BACKGROUND,
    ) -> None:
        if not 1 <= supersample <= 8:
            raise InputError("supersample", expected="1 to 8", found=str(supersample))
        self.camera, self.appearance, self.supersample = camera, appearance, int(supersample)
        self.light = light or (Light.studio() if appearance.is_plain else Light.soft())
        self._triangles = np.asarray(triangles)
        self._background = background_image(background, camera)
        self._n_vertices = -1
        size = (camera.height * self.supersample, camera.width * self.supersample)
        self._inverse, self._index = np.empty(size, np.float32), np.empty(size, np.int32)

    def render(self, vertices: np.ndarray) -> Rendered:
        """Picture and maps of one frame; vertices float32 `[V, 3]`."""
        vertices = self._prepare(vertices)
        color = self._color(vertices)
        raster = self._raster(drawn=True)
        return Rendered(color, raster.depth, raster.triangle, raster.barycentric, raster.mask)

    def render_color(self, vertices: np.ndarray) -> np.ndarray:
        """The picture alone, uint8 `[H, W, 3]`."""
        return self._color(self._prepare(vertices))

    def render_maps(self, vertices: np.ndarray) -> Raster:
        """The maps alone."""
        self._prepare(vertices)
        return self._raster()

    def _prepare(self, vertices: np.ndarray) -> np.ndarray:
        from vfa.render import kernels

        vertices = np.require(vertices, np.float32, ["C", "W"])  # numba would compile again for read-only arrays
        if vertices.ndim != 2 or vertices.shape[1] != 3 or not len(vertices):
            raise MeshError("cannot render", expected="vertices [V, 3]", found=str(list(vertices.shape)))
        if len(vertices) != self._n_vertices:
            self._triangles = check_triangles(self._triangles, len(vertices))
            self.appearance.validate(len(vertices), len(self._triangles))
            self._surface = pack(self.appearance, len(self._triangles))
            self._n_vertices = len(vertices)
            self._screen = np.empty((len(vertices), 3), np.float32)
            self._snapped = np.empty((len(vertices), 3))
            self._normals = np.empty((len(vertices), 3), np.float32)
        view = self.camera
        kernels.project(
            vertices, view.rotation(), view.eye, view.focal, *view.principal, 1e-12 * view.distance, self._screen
        )
        self._near = near_plane(self._screen[:, 2])
        return vertices

    def _visible(self, factor: float, inverse: np.ndarray, index: np.ndarray) -> None:
        from vfa.render import kernels

        s = self._surface
        kernels.snap(self._screen, self._near, factor, self._snapped)
        over_bands(
            kernels.visibility, len(index),
            self._snapped, self._screen, factor, self._near, self._triangles, inverse, index,
            s.alpha_level, s.texels, s.levels, s.clamp, s.uv,
        )  # fmt: skip

    def _color(self, vertices: np.ndarray) -> np.ndarray:
        from vfa.render import kernels

        factor = float(self.supersample)
        self._visible(factor, self._inverse, self._index)
        rotation = self.camera.rotation()
        light, s = self.light.in_world(rotation), self._surface
        if not light.unlit:
            kernels.vertex_normals(vertices, self._triangles, self._normals)
        image = np.empty((self.camera.height, self.camera.width, 3), np.uint8)
        over_bands(
            kernels.shade, len(image),
            self._snapped, self._screen, factor, self._triangles, self._index, self._normals, s.vertex_colors, s.uv,
            s.material, s.base, s.first_level, s.level_count, s.texels, s.levels, s.clamp,
            light.unlit, light.is_white, light.terms, light.directions, light.intensities,
            float(light.specular), float(light.shininess), light.halfway(rotation[2]), self._background, image,
        )  # fmt: skip
        return image

    def _raster(self, drawn: bool = False) -> Raster:
        """Maps of the prepared frame; drawn: its picture has been made, whose samples serve if they are the same."""
        if drawn and self.supersample == 1:
            index = self._index.copy()
        else:
            size = (self.camera.height, self.camera.width)
            inverse, index = np.empty(size, np.float32), np.empty(size, np.int32)
            self._visible(1.0, inverse, index)
        return resolve(self._snapped, self._screen, self._triangles, index)


def create_renderer(
    triangles: np.ndarray,
    appearance: Appearance,
    camera: Camera,
    *,
    renderer: str = "cpu",
    light: Light | None = None,
    supersample: int = 2,
    background: Background = DEFAULT_BACKGROUND,
) -> Renderer:
    """A renderer by name; arguments as for `MeshRenderer`.

    Raises:
        InputError: for an unknown name.
        AssetError: if the pyrender backend is asked for and pyrender or OpenGL is missing.
    """
    if renderer == "cpu":
        return MeshRenderer(triangles, appearance, camera, light=light, supersample=supersample, background=background)
    if renderer == "pyrender":
        from vfa.render.pyrender_backend import PyrenderRenderer

        return PyrenderRenderer(
            triangles, appearance, camera, light=light, supersample=supersample, background=background
        )
    raise InputError("unknown renderer", expected=" or ".join(RENDERERS), found=renderer)


def render_mesh(
    vertices: np.ndarray,
    triangles: np.ndarray,
    appearance: Appearance,
    camera: Camera,
    *,
    light: Light | None = None,
    supersample: int = 2,
    background: Background = DEFAULT_BACKGROUND,
    renderer: str = "cpu",
) -> Rendered:
    """Render one picture of a mesh; see `MeshRenderer` for the arguments and `create_renderer` for the backends.

    Args:
        vertices: float32 `[V, 3]` in world units.
    """
    backend = create_renderer(
        triangles, appearance, camera, renderer=renderer, light=light, supersample=supersample, background=background
    )
    return backend.render(vertices)


def background_image(background: Background, camera: Camera) -> np.ndarray:
    """The background as float32 `[H, W, 3]` in 0..1, whatever form it was given in."""
    values = np.asarray(background, np.float32)
    if values.shape == (3,):
        values = values[None, None]
    elif values.shape == (2, 3):
        share = ((np.arange(camera.height) + 0.5) / camera.height)[:, None, None]
        values = values[0] * (1 - share) + values[1] * share
    elif values.shape != (camera.height, camera.width, 3):
        raise InputError(
            "background",
            expected=f"an RGB colour, a pair of them, or an image [{camera.height}, {camera.width}, 3]",
            found=str(list(values.shape)),
        )
    return np.array(np.broadcast_to(values / 255, (camera.height, camera.width, 3)), np.float32)
