"""Rendering with OpenGL through pyrender (optional extra): EGL or OSMesa, no display needed.

Light is evaluated per vertex with the formula of the CPU renderer and goes to OpenGL as vertex colours, so that both
backends show the same picture. The gloss of `Light.specular` is left out. Maps come from the CPU rasteriser.
"""

from __future__ import annotations

import ctypes
import os
from types import ModuleType

import numpy as np

from vfa.errors import AssetError, InputError, MeshError
from vfa.render.appearance import Appearance
from vfa.render.camera import Camera
from vfa.render.light import Light
from vfa.render.rasterizer import check_triangles, near_plane
from vfa.render.scene import DEFAULT_BACKGROUND, Background, MeshRenderer, Rendered, background_image
from vfa.render.texture import CLAY, within_border

_LIBRARIES = {"egl": ("libEGL.so.1", "libEGL.so"), "osmesa": ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")}
_HINT = "apt-get install libegl1 libgl1-mesa-dri (or libosmesa6), or use --renderer cpu"


class PyrenderRenderer:
    """The OpenGL renderer; arguments as for `MeshRenderer`.

    Raises:
        AssetError: if pyrender, EGL and OSMesa, or a working OpenGL context is missing; says which.
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
        self._pyrender = _import_pyrender()
        self.camera, self.appearance, self.supersample = camera, appearance, int(supersample)
        self.light = light or (Light.studio() if appearance.is_plain else Light.soft())
        self._maps = MeshRenderer(triangles, appearance, camera, supersample=1)
        self._triangles = np.asarray(triangles)
        self._n_vertices = -1
        self._background = background_image(background, camera)
        try:
            self._offscreen = self._pyrender.OffscreenRenderer(
                camera.width * self.supersample, camera.height * self.supersample
            )
        except Exception as error:  # PyOpenGL raises many kinds, none of them its own
            raise AssetError(
                "OpenGL gives no off-screen context",
                expected="EGL or OSMesa",
                found=f"{type(error).__name__}: {error}",
                hint=_HINT,
            ) from error

    def render(self, vertices: np.ndarray) -> Rendered:
        """Picture and maps of one frame; vertices float32 `[V, 3]`."""
        raster = self._maps.render_maps(vertices)
        return Rendered(self.render_color(vertices), raster.depth, raster.triangle, raster.barycentric, raster.mask)

    def render_color(self, vertices: np.ndarray) -> np.ndarray:
        """The picture alone, uint8 `[H, W, 3]`."""
        vertices = np.ascontiguousarray(vertices, np.float32)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or not len(vertices):
            raise MeshError("cannot render", expected="vertices [V, 3]", found=str(list(vertices.shape)))
        if len(vertices) != self._n_vertices:
            self._setup(len(vertices))
        scene, flags = self._scene(vertices), self._pyrender.RenderFlags
        color, depth = self._offscreen.render(scene, flags.FLAT | flags.SKIP_CULL_FACES)
        step, (height, width) = self.supersample, (self.camera.height, self.camera.width)
        background = 255 * self._background.repeat(step, 0).repeat(step, 1)
        mixed = np.where((depth > 0)[..., None], color.astype(np.float32), background)
        return (mixed.reshape(height, step, width, step, 3).mean((1, 3)) + 0.5).astype(np.uint8)

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._offscreen.delete()

    def _setup(self, n_vertices: int) -> None:
        self._triangles = check_triangles(self._triangles, n_vertices)
        self.appearance.validate(n_vertices, len(self._triangles))
        self._n_vertices = n_vertices
        look = self.appearance
        material = np.zeros(len(self._triangles), int) if look.material is None else look.material
        self._parts = []
        for index in range(look.n_materials):
            faces = np.flatnonzero(material == index)
            base = look.base_color(index)
            if look.is_plain and look.base_colors is None:
                base = np.array(CLAY, np.uint8)
            if not len(faces) or base[3] < 128:
                continue
            image, texture = look.texture(index), None
            if image is not None and look.corner_uv is not None:
                channels = "RGBA" if image.shape[2] == 4 else "RGB"
                wrap = 33071 if within_border(look.corner_uv) else 10497  # GL_CLAMP_TO_EDGE, GL_REPEAT
                sampler = self._pyrender.Sampler(wrapS=wrap, wrapT=wrap)
                texture = self._pyrender.Texture(source=image, source_channels=channels, sampler=sampler)
            shown = self._pyrender.MetallicRoughnessMaterial(
                baseColorFactor=base / 255.0, baseColorTexture=texture, doubleSided=True
            )
            self._parts.append((faces, shown, texture is not None))

    def _scene(self, vertices: np.ndarray) -> object:
        from vfa.render import kernels

        pyrender, camera = self._pyrender, self.camera
        unit = camera.distance  # OpenGL computes in float32: around the target, in units of the distance, it is exact
        local = ((vertices.astype(np.float64) - camera.target) / unit).astype(np.float32)
        normals = np.empty_like(vertices)
        kernels.vertex_normals(vertices, self._triangles, normals)
        shade = self.light.in_world(camera.rotation()).diffuse(normals)
        if self.appearance.vertex_colors is not None:
            shade = shade * (self.appearance.vertex_colors / 255.0)
        rgba = np.c_[shade, np.ones(len(shade))].astype(np.float32)
        scene = pyrender.Scene(bg_color=(0, 0, 0, 0), ambient_light=(1, 1, 1))
        primitives = []
        for faces, material, textured in self._parts:
            corners = self._triangles[faces].ravel()
            uv = np.asarray(self.appearance.corner_uv)[faces].reshape(-1, 2) if textured else None
            primitives.append(
                pyrender.Primitive(local[corners], color_0=rgba[corners], texcoord_0=uv, material=material, mode=4)
            )
        if primitives:
            scene.add(pyrender.Mesh(primitives))
        depth = camera.project(vertices)[:, 2]
        depth = depth[np.isfinite(depth) & (depth > 0)]
        far = float(depth.max()) if depth.size else unit
        near = max(float(depth.min()) * 0.9 if depth.size else 0.0, near_plane(np.array([far])))
        step = self.supersample  # pyrender takes focal length and principal point in pixels of its own viewport
        focal, (cx, cy) = camera.focal * step, camera.principal
        view = pyrender.IntrinsicsCamera(focal, focal, cx * step, cy * step, znear=near / unit, zfar=far * 1.1 / unit)
        pose = camera.pose_matrix()
        pose[:3, 3] = (camera.eye - camera.target) / unit
        scene.add(view, pose=pose)
        return scene


def _import_pyrender() -> ModuleType:
    """pyrender, with PyOpenGL pointed at a library that is there.

    Raises:
        AssetError: naming what is missing.
    """
    platform = os.environ.get("PYOPENGL_PLATFORM")
    if platform is None:
        platform = next((name for name in _LIBRARIES if _loads(name)), None)
        if platform is None:
            raise AssetError("pyrender needs OpenGL", expected="libEGL or libOSMesa", found="neither", hint=_HINT)
        os.environ["PYOPENGL_PLATFORM"] = platform
    try:
        import pyrender
    except ModuleNotFoundError as error:
        raise AssetError(
            f"the pyrender backend needs the package {error.name}",
            expected="the optional extra",
            hint="pip install 'versatile-face-animator[pyrender]', or use --renderer cpu",
        ) from error
    except ImportError as error:
        raise AssetError("pyrender cannot load OpenGL", found=str(error), hint=_HINT) from error
    return pyrender


def _loads(platform: str) -> bool:
    for library in _LIBRARIES[platform]:
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False
