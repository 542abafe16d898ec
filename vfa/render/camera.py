"""The one pinhole camera: projection and its inverse, automatic framing, and the conversions to OpenGL.

World: right-handed, +Y up. The camera looks along its own -Z. Pixels: x right, y down, centres at +0.5, so that an
image spans 0..width and 0..height. Depth is the distance along the viewing direction, positive in front. All of it in
float64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vfa.errors import InputError, MeshError

ORIGINAL_EYE = (0.0, 0.0, 8.0)
ORIGINAL_FOCAL = 1000.0 / 256.0  # focal length in image widths


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera; the defaults frame a face about 2 units across at the origin.

    Attributes:
        eye: float64 `[3]`, position in world units.
        target: float64 `[3]`, the point that is seen at the principal point.
        up: float64 `[3]`, the direction that points up in the image; need not be orthogonal to the view.
        focal: focal length in pixels.
        principal: (cx, cy) in pixels.
        width, height: image size in pixels.

    Raises:
        InputError: for a size or focal length that is not positive, a number that is not finite, or eye = target.

    >>> Camera().project(np.zeros((1, 3))).tolist()
    [[128.0, 128.0, 8.0]]
    """

    eye: np.ndarray = ORIGINAL_EYE  # type: ignore[assignment]
    target: np.ndarray = (0.0, 0.0, 0.0)  # type: ignore[assignment]
    up: np.ndarray = (0.0, 1.0, 0.0)  # type: ignore[assignment]
    focal: float = 1000.0
    principal: tuple[float, float] = (128.0, 128.0)
    width: int = 256
    height: int = 256

    def __post_init__(self) -> None:
        for name in ("eye", "target", "up"):
            value = np.array(getattr(self, name), np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise InputError(f"camera {name}", expected="3 finite numbers", found=str(getattr(self, name)))
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "focal", float(self.focal))
        object.__setattr__(self, "principal", (float(self.principal[0]), float(self.principal[1])))
        object.__setattr__(self, "width", int(self.width))
        object.__setattr__(self, "height", int(self.height))
        if not (np.isfinite(self.focal) and self.focal > 0 and np.isfinite(self.principal).all()):
            raise InputError("camera focal length", expected="a positive number of pixels", found=str(self.focal))
        if self.width < 1 or self.height < 1:
            raise InputError("camera size", expected="at least 1x1 pixels", found=f"{self.width}x{self.height}")
        if not np.any(self.eye != self.target):
            raise InputError("the camera's eye is at its target", found=str(self.eye), hint="move --eye away from it")

    @classmethod
    def from_options(
        cls,
        *,
        eye: tuple[float, float, float] = ORIGINAL_EYE,
        translation: tuple[float, float, float] = (0.0, 0.0, 0.0),
        center: np.ndarray | tuple[float, float, float] = (0.0, 0.0, 0.0),
        size: int = 256,
    ) -> Camera:
        """The camera of `--eye` and `--translation`: focal length 1000 px at 256 px, looking at the origin.

        The original subtracts `center` from the mesh, adds `translation` and looks from `eye`. Here the mesh stays
        where it is, and the camera moves the opposite way; the picture is the same.

        Args:
            eye: position of the camera relative to the centred mesh.
            translation: shift of the mesh in the picture's world.
            center: the point of the mesh that counts as its centre.
            size: width and height in pixels.
        """
        if not np.any(eye):
            raise InputError("--eye is at the origin, where the mesh is", hint="for example --eye 0 0 8")
        shift = np.asarray(center, np.float64) - np.asarray(translation, np.float64)
        half = size / 2.0
        return cls(np.asarray(eye, np.float64) + shift, shift, focal=ORIGINAL_FOCAL * size, principal=(half, half),
                   width=size, height=size)  # fmt: skip

    @property
    def distance(self) -> float:
        """Distance from the eye to the target in world units."""
        return float(np.linalg.norm(self.target - self.eye))

    def rotation(self) -> np.ndarray:
        """World to camera, float64 `[3, 3]`: the rows are the camera's right, up and backward axes."""
        back = (self.eye - self.target) / self.distance
        up = self.up
        if np.linalg.norm(np.cross(up, back)) <= 1e-9 * np.linalg.norm(up):
            up = np.eye(3)[np.argmin(np.abs(back))]  # looking along `up`: any other direction will do
        right = np.cross(up, back)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back])

    def view_matrix(self) -> np.ndarray:
        """World to camera, float64 `[4, 4]` (OpenGL's model-view matrix)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation()
        matrix[:3, 3] = -matrix[:3, :3] @ self.eye
        return matrix

    def pose_matrix(self) -> np.ndarray:
        """Camera to world, float64 `[4, 4]`, the inverse of `view_matrix` (pyrender's and glTF's camera pose)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation().T
        matrix[:3, 3] = self.eye
        return matrix

    def intrinsics(self) -> np.ndarray:
        """OpenCV's camera matrix, float64 `[3, 3]`, in pixels."""
        return np.array([[self.focal, 0, self.principal[0]], [0, self.focal, self.principal[1]], [0, 0, 1.0]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Image position of world points.

        Args:
            points: float `[N, 3]`.

        Returns:
            float64 `[N, 3]`: x and y in pixels, depth in world units (negative behind the camera; x, y are then those
            of the mirrored ray, which the rasteriser's clipping understands).
        """
        local = (np.asarray(points, np.float64) - self.eye) @ self.rotation().T
        depth = -local[:, 2]
        tiny = 1e-12 * self.distance
        scale = self.focal / np.where(np.abs(depth) < tiny, np.copysign(tiny, depth), depth)
        return np.stack(
            [self.principal[0] + local[:, 0] * scale, self.principal[1] - local[:, 1] * scale, depth], axis=1
        )

    def unproject(self, x: np.ndarray | float, y: np.ndarray | float, depth: np.ndarray | float) -> np.ndarray:
        """World points float64 `[N, 3]` at image positions x, y (pixels) and depth (world units)."""
        x, y, depth = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, np.float64)) for value in (x, y, depth)))
        local = np.stack(
            [(x - self.principal[0]) * depth / self.focal, (self.principal[1] - y) * depth / self.focal, -depth], -1
        )
        return local.reshape(-1, 3) @ self.rotation() + self.eye

    def scaled(self, factor: float) -> Camera:
        """The same view with an image `factor` times as large; sizes are rounded to whole pixels."""
        width, height = max(1, round(self.width * factor)), max(1, round(self.height * factor))
        return replace(
            self,
            focal=self.focal * factor,
            principal=(self.principal[0] * factor, self.principal[1] * factor),
            width=width,
            height=height,
        )

    def moved(self, offset: np.ndarray) -> Camera:
        """The camera shifted by `offset` (float `[3]`, world units), eye and target alike."""
        return replace(self, eye=self.eye + offset, target=self.target + offset)

    def orbited(self, yaw: float, pitch: float = 0.0) -> Camera:
        """A second view: the camera turned about its target, `yaw` degrees to its right and `pitch` degrees up."""
        right, up, back = self.rotation()
        a, b = np.radians(yaw), np.radians(pitch)
        direction = np.cos(b) * (np.cos(a) * back + np.sin(a) * right) + np.sin(b) * up
        return replace(self, eye=self.target + self.distance * direction, up=up)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers for a JSON record."""
        return {
            "eye": self.eye.tolist(),
            "target": self.target.tolist(),
            "up": self.up.tolist(),
            "focal": self.focal,
            "principal": list(self.principal),
            "width": self.width,
            "height": self.height,
        }


def frame_mesh(
    vertices: np.ndarray,
    *,
    width: int = 256,
    height: int = 256,
    region: np.ndarray | None = None,
    fill: float = 0.9,
    focal: float | None = None,
    direction: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> Camera:
    """A camera in front of a mesh, so near that the mesh just fits; works at any scale and any distance to the origin.

    Args:
        vertices: float `[V, 3]`; vertices that are not finite are left out.
        width, height: image size in pixels.
        region: what to frame: bool `[V]` or int `[N]` picks vertices (a head, a face), float `[2, 3]` is a box given by
            its lowest and highest corner. None frames everything.
        fill: the part of the image, in the tighter direction, that the region spans.
        focal: focal length in pixels; None takes the original's 1000 px at 256 px, scaled by the smaller side.
        direction: from the mesh towards the camera.

    Raises:
        MeshError: if there is nothing to frame: no finite vertex, an empty region or a region without extent.
    """
    points = _region_points(np.asarray(vertices), region)
    smaller = min(width, height)
    focal = ORIGINAL_FOCAL * smaller if focal is None else float(focal)
    lowest, highest = points.min(0), points.max(0)
    center, size = (lowest + highest) / 2, float(np.linalg.norm(highest - lowest))
    if not size > 0:
        raise MeshError("nothing to frame: all points of the region coincide", found=f"{len(points)} points")

    towards = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    probe = Camera(center + towards * size, center, focal=focal, width=width, height=height)
    local = (points - center) @ probe.rotation().T
    slope = np.array([width, height]) * fill / 2 / focal  # half of the picture at unit distance
    offset = np.zeros(2)
    nearest = local[:, 2].max() + 0.1 * size  # a line seen end-on has no extent in the picture
    distance = nearest
    for step in range(4):  # perspective moves the middle of the picture a little; three rounds settle it
        distance = max(nearest, float(np.max(local[:, 2:] + np.abs(local[:, :2] - offset) / slope)))
        if step < 3:
            seen = (local[:, :2] - offset) / (distance - local[:, 2:])
            offset = offset + (seen.max(0) + seen.min(0)) / 2 * distance
    shift = offset @ probe.rotation()[:2]
    return Camera(
        center + shift + towards * distance,
        center + shift,
        focal=focal,
        principal=(width / 2, height / 2),
        width=width,
        height=height,
    )


def _region_points(vertices: np.ndarray, region: np.ndarray | None) -> np.ndarray:
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise MeshError("cannot frame these vertices", expected="[V, 3]", found=str(list(vertices.shape)))
    if region is None:
        points = vertices
    else:
        region = np.asarray(region)
        if region.shape == (2, 3) and np.issubdtype(region.dtype, np.floating):
            corners = np.stack(np.meshgrid(*region.astype(np.float64).T, indexing="ij"), -1)
            points = corners.reshape(-1, 3)
        else:
            points = vertices[region]
    points = np.asarray(points, np.float64).reshape(-1, 3)
    points = points[np.isfinite(points).all(1)]
    if not len(points):
        raise MeshError("nothing to frame: the mesh or its region has no finite vertex")
    return points
