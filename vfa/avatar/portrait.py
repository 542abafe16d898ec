"""A portrait photo as an avatar: a smooth face through the landmarks, textured from the photo, with eyes and a mouth.

The face is one surface: 468 landmarks, refined; around it a skirt that carries hair, ears and neck back into depth, cut
out along the person; inside it linings behind lips and lids. Eyeballs and teeth are parts of their own. Everything
is in the pose of the photo, so that from the front (an orthographic view) the avatar is the photo itself.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from vfa.avatar.avatar import Avatar
from vfa.avatar.features import PHOTO, eyeball, lid_lining, mouth_lining, teeth
from vfa.avatar.parts import label_parts
from vfa.avatar.photo import ball_texture, cut_out, read_photo, teeth_texture, tone
from vfa.avatar.surface import Builder, border_loops, refine_fair, ring_triangles
from vfa.errors import InputError
from vfa.face import topology as face
from vfa.face.crop import SquareCrop, resize
from vfa.face.landmarks import FaceLandmarker, FaceLandmarks, person_mask
from vfa.render.appearance import Appearance

EYE_SPAN = 0.9
"""Distance of the outer eye corners in mesh units, as on a face of the morphable model, which is 2 units across."""

SMALLEST_FACE = 48
_TEXTURE = 1024
_RIGHT_BALL, _LEFT_BALL, _UPPER_TEETH, _LOWER_TEETH = range(PHOTO + 1, PHOTO + 5)
_SKIRT_RINGS = 16
# How the skirt falls back: like a head of which the face is the front.
_SKIRT_DEPTH, _SKIRT_REACH = 0.62, 0.45
_BEHIND = 0.012  # of the picture's side


def load_portrait(path: str | Path, *, landmarker: FaceLandmarker | None = None) -> Avatar:
    """The avatar of the largest face in a photo (.jpg, .png).

    Raises:
        DecodeError: if the photo cannot be read.
        InputError: if it shows no face, or one smaller than 48 pixels.
    """
    path = Path(path)
    photo = read_photo(path)
    with ExitStack() as stack:
        if landmarker is None:
            landmarker = stack.enter_context(FaceLandmarker(static=True))
        found = landmarker.detect(photo)
    size = f"{photo.shape[1]} x {photo.shape[0]} pixels"
    if found is None:
        raise InputError(
            "no face found in the portrait",
            path=path,
            expected="a photo of a face seen from the front",
            found=f"none in {size}",
            hint="crop the photo around the face, or take one with the face turned to the camera and well lit",
        )
    if found.size < SMALLEST_FACE:
        raise InputError(
            "the face in the portrait is too small",
            path=path,
            expected=f"a face of at least {SMALLEST_FACE} pixels",
            found=f"{found.size:.0f} of {size}",
        )
    return portrait_avatar(photo, found, path.stem)


def portrait_avatar(photo: np.ndarray, found: FaceLandmarks, name: str) -> Avatar:
    """Build the avatar of a face in a photo.

    Args:
        photo: uint8 `[H, W, 3]`.
        found: its landmarks in pixels of the photo.
        name: name of the avatar.
    """
    window = SquareCrop.centered(found.center - (0, 0.08 * found.size), 2.8 * found.size)
    picture = window.cut(photo)
    pixels = window.to_crop(found.points).astype(np.float64)
    span = np.linalg.norm(pixels[face.LEFT_EYE_OUTER] - pixels[face.RIGHT_EYE_OUTER])
    unit = float(span) / EYE_SPAN  # pixels per mesh unit
    middle = np.array([*pixels[:468, :2].mean(axis=0), pixels[list(face.FACE_OVAL), 2].mean()])
    points = (pixels - middle) * (1, -1, -1) / unit

    corners = (*face.EYE_CORNERS, face.INNER_LIPS_UPPER[0], face.INNER_LIPS_UPPER[-1])
    vertices, triangles = refine_fair(points[: face.N_MESH_POINTS], face.TRIANGLES, corners=corners)

    def to_pixels(positions: np.ndarray) -> np.ndarray:
        return positions[:, :2] * (unit, -unit) + middle[:2]

    def to_uv(positions: np.ndarray) -> np.ndarray:
        return to_pixels(positions) * (1 / window.side, -1 / window.side) + (0, 1)

    build = Builder()
    build.add(vertices, to_uv(vertices))
    build.connect(triangles, PHOTO)
    loops = {key: loop for loop in border_loops(triangles) for key in (10, 33, 263, 13) if key in loop}
    axes = _head_axes(points)

    size = min(_TEXTURE, window.side)
    shown = _face_mask(to_uv(vertices), triangles, list(loops.values()), size)
    photo_texture = _cut_out(picture, window, photo.shape, shown)
    hidden = _beside(shown)
    _skirt(build, vertices[loops[10]], loops[10], window.side / unit, middle / unit, to_uv, photo_texture, hidden)
    mouth_lining(build, vertices, loops[13], axes)
    textures: list[np.ndarray] = [photo_texture]
    report = [f"face of {found.size:.0f} pixels, texture of {photo_texture.shape[0]} pixels"]
    eyes = []
    for material, loop, iris, side in (
        (_RIGHT_BALL, loops[33], face.RIGHT_IRIS, "right"),
        (_LEFT_BALL, loops[263], face.LEFT_IRIS, "left"),
    ):
        lid_lining(build, vertices, loop)
        eye = eyeball(build, vertices[loop], material)
        eyes.append(eye)
        around = float(np.linalg.norm(pixels[list(iris[1:]), :2] - pixels[iris[0], :2], axis=1).mean())
        texture, is_open = ball_texture(
            picture, to_pixels(eye.center[None])[0], eye.radius * unit, to_pixels(vertices[loop]),
            pixels[iris[0], :2], around,
        )  # fmt: skip
        textures.append(texture)
        if not is_open:
            report.append(f"the {side} eye is shut in the photo: its eyeball is painted")
    cheeks = found.points[[50, 280, 101, 330, 205, 425, 9, 151], :2]
    white = tone(photo, cheeks)
    for upper, material in ((True, _UPPER_TEETH), (False, _LOWER_TEETH)):
        teeth(build, points, axes, material, upper)
        textures.append(teeth_texture(upper, white))

    positions, all_triangles, uv, colors, materials = build.arrays()
    appearance = Appearance(
        vertex_colors=colors,
        corner_uv=uv,
        material=materials,
        textures=tuple(textures),
        base_colors=np.full((len(textures), 4), 255, np.uint8),
    )
    face_vertices = np.arange(face.N_POINTS)
    places = np.concatenate([positions[: face.N_MESH_POINTS], np.zeros((10, 3))])
    for eye, iris in zip(eyes, (face.RIGHT_IRIS, face.LEFT_IRIS), strict=True):
        for point in iris:
            apart = np.linalg.norm(positions[eye.vertices, :2] - points[point, :2], axis=1)
            face_vertices[point] = eye.vertices[apart.argmin()]
            places[point] = positions[face_vertices[point]]
    return Avatar(
        name,
        positions,
        all_triangles,
        appearance,
        label_parts(positions, all_triangles),
        landmark_vertices=np.array(face.IBUG68, np.int32),
        report=report,
        eyes=eyes,
        part_names=("face", "", "", "", ""),
        face_box=np.stack([vertices.min(axis=0), vertices.max(axis=0)]).astype(np.float32),
        face_places=places.astype(np.float32),
        face_certain=True,
        face_vertices=face_vertices.astype(np.int32),
        face_axes=axes,
        baked_light=True,
    )


def _head_axes(points: np.ndarray) -> np.ndarray:
    """float64 `[3, 3]`, rows: the head's right (+X), up and front."""
    right = points[face.LEFT_EYE_OUTER] - points[face.RIGHT_EYE_OUTER]
    right = right / np.linalg.norm(right)
    up = points[face.FOREHEAD] - points[face.CHIN]
    up = up - (up @ right) * right
    up = up / np.linalg.norm(up)
    return np.stack([right, up, np.cross(right, up)])


def _cut_out(picture: np.ndarray, window: SquareCrop, shape: tuple[int, ...], face_mask: np.ndarray) -> np.ndarray:
    """The texture: the window of the photo with the person cut out, transparent outside the photo."""
    size = len(face_mask)
    small = resize(picture, size)
    inside = resize(window.cut(np.ones(shape[:2], np.uint8))[..., None], size).reshape(size, size)
    texture = cut_out(small, person_mask(small) * inside, face_mask)
    texture[..., 3] *= inside
    return texture


def _face_mask(uv: np.ndarray, triangles: np.ndarray, loops: list[np.ndarray], size: int) -> np.ndarray:
    """uint8 `[size, size]`: 1 where the face is in the texture, eyes and mouth included."""
    import cv2

    mask = np.zeros((size, size), np.uint8)
    texels = np.round((uv * (1, -1) + (0, 1)) * size).astype(np.int32)
    for polygon in [*texels[triangles], *(texels[loop] for loop in loops)]:
        cv2.fillPoly(mask, [polygon], (1,))
    return mask


def _beside(face_mask: np.ndarray) -> np.ndarray:
    """For every texel that shows the face, the nearest texel that does not; int `[size, size, 2]` (row, column).

    On a head that is turned, part of the rim lies behind the face: what continues there must not repeat it.
    """
    import cv2
    from scipy.ndimage import distance_transform_edt

    shown = cv2.erode(face_mask, np.ones((3, 3), np.uint8))
    return np.moveaxis(distance_transform_edt(shown, return_distances=False, return_indices=True), 0, -1)


def _skirt(build, rim_positions, rim, side, middle, to_uv, texture, beside) -> None:
    """Rings around the face that carry hair, ears and neck, to the edge of the picture; what is transparent goes."""
    import cv2

    size = len(texture)
    center = rim_positions[:, :2].mean(axis=0)
    outwards = rim_positions[:, :2] - center
    outwards = outwards / np.linalg.norm(outwards, axis=1, keepdims=True)
    low, high = np.array([-middle[0], middle[1] - side]), np.array([side - middle[0], middle[1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = np.where(outwards > 0, (high - rim_positions[:, :2]) / outwards, (low - rim_positions[:, :2]) / outwards)
    reach = np.maximum(np.where(np.abs(outwards) > 1e-9, hits, np.inf).min(axis=1), 0)
    far = rim_positions[:, 2].mean() - _SKIRT_DEPTH
    opaque = cv2.dilate((texture[..., 3] >= 128).astype(np.uint8), np.ones((15, 15), np.uint8))

    def texels(uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        place = np.clip((uv * (1, -1) + (0, 1)) * size, 0, size - 1).astype(int)
        return place[:, 1], place[:, 0]

    def look(positions: np.ndarray) -> np.ndarray:
        uv = to_uv(positions)
        moved = (beside[texels(uv)][:, ::-1] + 0.5) / size * (1, -1) + (0, 1)
        return np.where(np.abs(moved - uv).max(axis=1, keepdims=True) > 2.5 / size, moved, uv)

    positions, steps = [rim_positions], (np.arange(1, _SKIRT_RINGS + 1) / _SKIRT_RINGS) ** 1.7
    for away in steps[:, None] * reach:
        own = rim_positions[:, 2] - _SKIRT_DEPTH * (1 - np.exp(-away / _SKIRT_REACH))
        blend = np.clip(away / 0.9, 0, 1) ** 2
        xy = rim_positions[:, :2] + outwards * away[:, None]
        positions.append(np.column_stack([xy, own * (1 - blend) + far * blend]))
    everything = np.concatenate(positions)
    uv = look(everything)
    shown = opaque[texels(uv)] > 0
    behind = np.linalg.norm(uv - to_uv(everything), axis=1) > _BEHIND  # far behind the face: not in the photo at all
    ring = np.arange(len(rim))
    starts = len(rim) * np.arange(_SKIRT_RINGS)
    triangles = np.concatenate([ring_triangles(ring + start, ring + start + len(rim)) for start in starts])
    triangles = triangles[shown[triangles].any(axis=1) & ~behind[triangles].any(axis=1)]
    used = np.zeros(len(everything), bool)
    used[triangles] = True
    used[: len(rim)] = False
    number = np.concatenate([rim, np.zeros(len(everything) - len(rim), int)])
    number[used] = build.add(everything[used], uv[used])
    build.connect(number[triangles], PHOTO, uv[triangles])
