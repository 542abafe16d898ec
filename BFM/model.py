"""The morphable face model: coefficients in, vertices, colours and landmarks out. One type for both sources."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from BFM.coefficients import N_EXPRESSION, N_IDENTITY, N_TEXTURE, Coefficients, rotation, split_coefficients
from BFM.geometry import vertex_normals
from BFM.lighting import shade
from vfa.errors import InputError

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Eye:
    """One eyeball: a separate component that turns about its centre.

    Attributes:
        center: [3] on the mean face, model units.
        radius: model units.
        vertices: indices of the ball's vertices.
    """

    center: Floats
    radius: float
    vertices: Ints


@dataclass(frozen=True)
class MorphableModel:
    """A linear face model in BFM units (about two units across; +Y up, the face looks to +Z).

    Attributes:
        mean_shape: [V, 3].
        id_base: [V*3, 80] displacement per unit of identity.
        ex_base: [V*3, 64] displacement per unit of expression.
        mean_texture: [V, 3] 0..255.
        tex_base: [V*3, 80].
        triangles: [F, 3] counter-clockwise seen from outside.
        point_buf: [V, 8] faces around each vertex, F where there are fewer (the licensed file's convention, 0-based).
        keypoints: [68] vertices of the iBUG landmarks.
        skin_mask: [V] 1 on bare skin.
        mm_per_unit: millimetres in one model unit.
        source: "licensed" or "procedural".
        identity_names, expression_names, texture_names: what each column does ("" where it has no name).
        groups: named vertex sets; the built-in model has skin, hair, left_eye, right_eye, upper_teeth, lower_teeth
            and tongue.
        eyes: the eyeballs (left, right), empty for the licensed model, which has none.
    """

    mean_shape: Floats
    id_base: Floats
    ex_base: Floats
    mean_texture: Floats
    tex_base: Floats
    triangles: Ints
    point_buf: Ints
    keypoints: Ints
    skin_mask: NDArray[np.uint8]
    mm_per_unit: float
    source: str
    identity_names: tuple[str, ...] = ("",) * N_IDENTITY
    expression_names: tuple[str, ...] = ("",) * N_EXPRESSION
    texture_names: tuple[str, ...] = ("",) * N_TEXTURE
    groups: dict[str, Ints] = field(default_factory=dict)
    eyes: tuple[Eye, ...] = ()

    def __post_init__(self) -> None:
        for name in ("id_base", "ex_base"):
            object.__setattr__(self, name, np.asfortranarray(getattr(self, name)))

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return len(self.mean_shape)

    @property
    def n_expression_names(self) -> tuple[str, ...]:
        """The expression columns that have a name."""
        return tuple(name for name in self.expression_names if name)

    def vertices(
        self,
        identity: NDArray[np.floating] | None = None,
        expression: NDArray[np.floating] | None = None,
        gaze: tuple[float, float] | NDArray[np.floating] | None = None,
    ) -> Floats:
        """Vertices of a face, linear in both coefficient vectors.

        Args:
            identity: [80], zeros when None.
            expression: [64], zeros when None.
            gaze: yaw (positive to the subject's left) and pitch (positive up) of both eyes in radians; no effect on the
                licensed model, which has no eyeballs.
        Returns:
            [V, 3] float32 in model units.
        Raises:
            InputError: a vector has the wrong length.
        """
        flat = self.mean_shape.reshape(-1)
        if identity is not None:
            flat = flat + self.id_base @ _vector(identity, N_IDENTITY, "identity")
        return self.express(flat.reshape(-1, 3), expression, gaze)

    def express(
        self,
        neutral: NDArray[np.floating],
        expression: NDArray[np.floating] | None = None,
        gaze: tuple[float, float] | NDArray[np.floating] | None = None,
    ) -> Floats:
        """A person's face in motion: as `vertices`, but from the person's neutral vertices, which saves time in clips.

        Args:
            neutral: [V, 3], what `vertices(identity)` gave.
            expression, gaze: as for `vertices`.
        """
        out = np.array(neutral, np.float32).reshape(-1)
        if expression is not None:
            out += self._expressed(_vector(expression, N_EXPRESSION, "expression"))
        out = out.reshape(-1, 3)
        if gaze is not None:
            self._turn_eyes(out, _vector(np.asarray(gaze), 2, "gaze"))
        return out

    def _expressed(self, expression: Floats) -> Floats:
        total = np.zeros(len(self.ex_base), np.float32)
        for k in np.flatnonzero(expression):  # columns are contiguous, and most coefficients of a frame are zero
            total += expression[k] * self.ex_base[:, k]
        return total

    def _turn_eyes(self, vertices: Floats, gaze: Floats) -> None:
        yaw, pitch = float(gaze[0]), float(gaze[1])
        turn = rotation(np.array([-pitch, 0.0, 0.0]))
        turn = rotation(np.array([0.0, yaw, 0.0])) @ turn
        for eye in self.eyes:
            # Identity moves and scales a ball as a whole, so its centre follows from the mean of its vertices.
            ball, rest = vertices[eye.vertices].astype(np.float64), self.mean_shape[eye.vertices].astype(np.float64)
            scale = ball.std() / rest.std()
            center = ball.mean(0) + scale * (eye.center - rest.mean(0))
            vertices[eye.vertices] = ((ball - center) @ turn.T + center).astype(np.float32)

    def albedo(self, texture: NDArray[np.floating] | None = None) -> Floats:
        """Unlit colours [V, 3] float32, 0..255. Args: texture [80], zeros when None."""
        flat = self.mean_texture.reshape(-1)
        if texture is not None:
            flat = flat + self.tex_base @ _vector(texture, N_TEXTURE, "texture")
        return np.clip(flat, 0, 255).astype(np.float32).reshape(-1, 3)

    def colors(self, texture: NDArray[np.floating] | None = None) -> NDArray[np.uint8]:
        """Unlit colours [V, 3] uint8. Args: texture [80], zeros when None."""
        return np.rint(self.albedo(texture)).astype(np.uint8)

    def landmarks(self, vertices: NDArray[np.floating] | None = None) -> Floats:
        """The 68 iBUG landmarks [68, 3] of the given vertices (the mean face when None)."""
        return np.asarray(self.mean_shape if vertices is None else vertices, np.float32)[self.keypoints]

    def normals(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit vertex normals [V, 3]."""
        return vertex_normals(vertices, self.triangles)

    def shade(
        self, normals: NDArray[np.floating], colors: NDArray[np.generic], gamma: NDArray[np.floating]
    ) -> NDArray[np.uint8]:
        """Colours [V, 3] under the light `gamma` [27]; see `BFM.lighting.shade`."""
        return shade(normals, colors, gamma)

    def split(self, coefficients: NDArray[np.floating]) -> Coefficients:
        """Name the parts of 257 numbers."""
        return split_coefficients(coefficients)

    def pose(
        self, vertices: NDArray[np.floating], euler: NDArray[np.floating], translation: NDArray[np.floating]
    ) -> Floats:
        """Vertices [V, 3] turned about the origin by `euler` [3] radians, then moved by `translation` [3]."""
        return (np.asarray(vertices) @ rotation(euler).T + np.asarray(translation)).astype(np.float32)


def _vector(values: NDArray[np.floating], size: int, name: str) -> Floats:
    vector = np.asarray(values, np.float32).reshape(-1)
    if vector.size != size:
        raise InputError(f"wrong number of {name} coefficients", expected=str(size), found=str(vector.size))
    return vector
