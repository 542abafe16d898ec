"""Camera, CPU rasteriser and mesh renderer; light to import, the compiled loops load at the first picture."""

from vfa.render.appearance import Appearance
from vfa.render.camera import Camera, frame_mesh
from vfa.render.light import Light
from vfa.render.rasterizer import Raster, rasterize
from vfa.render.scene import MeshRenderer, Rendered, Renderer, create_renderer, render_mesh

__all__ = [
    "Appearance",
    "Camera",
    "Light",
    "MeshRenderer",
    "Raster",
    "Rendered",
    "Renderer",
    "create_renderer",
    "frame_mesh",
    "rasterize",
    "render_mesh",
]
