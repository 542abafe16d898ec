"""What is driven: one type for coefficients, meshes and portraits."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.avatar.parts import Eye
from vfa.errors import InputError
from vfa.render.appearance import Appearance

if TYPE_CHECKING:
    from vfa.avatar.raw import RawMesh
    from vfa.face.landmarks import FaceLandmarker

COEFFICIENT_SUFFIXES = (".npy",)
PORTRAIT_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass
class Avatar:
    """A face at rest, looking towards +Z with +Y up where that could be found out.

    Attributes:
        name: file name without suffix.
        vertices: float32 `[V, 3]` in mesh units.
        triangles: int32 `[F, 3]`, counter-clockwise seen from outside; seams are welded.
        appearance: colours or textures.
        parts: int32 `[V]`, connected component, numbered by falling surface area (0 = largest).
        landmark_vertices: int32 `[68]` in iBUG order, where known.
        report: what was found and mended, for people.
        content_hash: sha256 of geometry and appearance.
        eyes: eyeballs, where known.
        part_names: group or object name of each part ("" where the file has none).
        face_box: float32 `[2, 3]`, lowest and highest corner of the face, where one was seen or guessed.
        face_places: float32 `[478, 3]`, where the MediaPipe landmarks lie on the surface, likewise.
        face_certain: False where the detector hardly trusted what it saw.
        face_vertices: int32 `[478]`, the vertex at each MediaPipe landmark (portraits), else None.
        face_axes: float64 `[3, 3]`, rows are the head's right (+X), up and front, where they are known to differ from
            the axes (portraits of turned heads), else the identity.
        baked_light: True where the colours carry their light already (photos): render them unlit.
        origin: float64 `[3]`, to be added to the vertices to be back in the file's coordinates (before turning).
        rotation: float64 `[3, 3]`, turned the file's axes to face towards +Z.
    """

    name: str
    vertices: np.ndarray
    triangles: np.ndarray
    appearance: Appearance
    parts: np.ndarray
    landmark_vertices: np.ndarray | None = None
    report: list[str] = field(default_factory=list)
    content_hash: str = ""
    eyes: list[Eye] = field(default_factory=list)
    part_names: tuple[str, ...] = ("",)
    face_box: np.ndarray | None = None
    face_places: np.ndarray | None = None
    face_certain: bool = False
    face_vertices: np.ndarray | None = None
    face_axes: np.ndarray = field(default_factory=lambda: np.eye(3))
    baked_light: bool = False
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        self.vertices = np.ascontiguousarray(self.vertices, np.float32)
        self.triangles = np.ascontiguousarray(self.triangles, np.int32)
        self.parts = np.ascontiguousarray(self.parts, np.int32)
        self.appearance.validate(len(self.vertices), len(self.triangles))
        if not self.content_hash:
            self.content_hash = content_hash(self.vertices, self.triangles, self.appearance)


def content_hash(vertices: np.ndarray, triangles: np.ndarray, appearance: Appearance) -> str:
    """sha256, in hexadecimal, of everything that decides how a mesh looks and moves."""
    digest = hashlib.sha256()
    arrays = [vertices, triangles, appearance.vertex_colors, appearance.corner_uv, appearance.material]
    for array in [*arrays, *appearance.textures, appearance.base_colors]:
        if array is None:
            digest.update(b"none;")
            continue
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def load_avatar(path: str | Path, *, orient: bool = True, landmarker: FaceLandmarker | None = None) -> Avatar:
    """Load anything that can be driven.

    Args:
        path: .npy (257 coefficients of the morphable model), .obj .ply .glb .stl (a mesh), .jpg .png (a portrait).
        orient: for meshes, find out which way the face looks and turn it towards +Z.
        landmarker: a ``static=True`` one to use for that; None makes one.

    Raises:
        InputError: missing file, unknown suffix, bad coefficients, a portrait without a face.
        MeshError: a mesh that cannot be driven even after repair.
        AssetError: coefficients need a model that is not there.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    from vfa.avatar.meshes import MESH_SUFFIXES

    known = (*COEFFICIENT_SUFFIXES, *MESH_SUFFIXES, *PORTRAIT_SUFFIXES)
    if suffix not in known:
        raise InputError("not an avatar", path=path, expected=" ".join(known), found=suffix or "no suffix")
    if not path.is_file():
        raise InputError("no such file", path=path, expected="a face to drive", hint="check --source_path")
    if suffix in COEFFICIENT_SUFFIXES:
        from vfa.avatar.coefficients import avatar_from_file

        return avatar_from_file(path)
    if suffix in PORTRAIT_SUFFIXES:
        from vfa.avatar.portrait import load_portrait

        return load_portrait(path, landmarker=landmarker)
    return load_mesh_avatar(path, orient=orient, landmarker=landmarker)


def load_mesh_avatar(path: Path, *, orient: bool = True, landmarker: FaceLandmarker | None = None) -> Avatar:
    """Read, mend and turn a mesh file; see :func:`load_avatar`."""
    from vfa.avatar.meshes import read_mesh
    from vfa.avatar.parts import drop_helpers
    from vfa.avatar.repair import repair
    from vfa.errors import MeshError

    try:
        mesh, origin = repair(drop_helpers(read_mesh(path)))
    except MeshError as error:
        if error.path is not None:
            raise
        raise MeshError(error.what, path=path, expected=error.expected, found=error.found, hint=error.hint) from None
    return assemble(mesh, path.stem, origin=origin, orient=orient, landmarker=landmarker)


def assemble(
    mesh: RawMesh, name: str, *, origin: np.ndarray, orient: bool = True, landmarker: FaceLandmarker | None = None
) -> Avatar:
    """A mended mesh as an avatar: parts, eyes, colours, orientation."""
    from vfa.avatar.makeup import make_up
    from vfa.avatar.orient import find_face, guess_face
    from vfa.avatar.paint import SKIN, paint
    from vfa.avatar.parts import find_eyes, label_parts
    from vfa.face.landmarks import FaceLandmarker

    report = list(mesh.report)
    parts = label_parts(mesh.positions, mesh.triangles)
    group = mesh.vertex_group()
    names = [mesh.group_names[int(np.bincount(group[parts == part]).argmax())] for part in range(int(parts.max()) + 1)]
    given = file_appearance(mesh)

    def appearance_at(positions: np.ndarray) -> Appearance:
        if given is not None:
            return given
        return paint(positions, mesh.triangles, parts, names, find_eyes(positions, parts, names))

    positions, rotation = mesh.positions, np.eye(3)
    sight = None
    if orient:
        with ExitStack() as stack:
            if landmarker is None:
                landmarker = stack.enter_context(FaceLandmarker(static=True, tiles=False))
            sight = find_face(positions, mesh.triangles, appearance_at, landmarker)
        if sight is None:
            report.append("no face was found from any side: the mesh keeps the axes of its file (+Z forward, +Y up)")
            sight = guess_face(positions, mesh.triangles, appearance_at(positions))
            if sight is not None:
                report.append("the place of its face is a guess")
        else:
            positions, rotation = positions @ sight.rotation.T, sight.rotation
            if not np.array_equal(rotation, np.eye(3)):
                report.append(f"turned to face towards +Z: the file has {sight.name}")
    appearance = appearance_at(positions)
    if given is None:
        report.append("the file has no colours: " + ("clay" if appearance.is_plain else "parts are painted by kind"))
        if not appearance.is_plain and sight is not None and sight.certain:
            appearance = make_up(appearance, positions, mesh.triangles, parts, sight.places, SKIN)
    return Avatar(
        name,
        positions,
        mesh.triangles,
        appearance,
        parts,
        report=report,
        eyes=find_eyes(positions, parts, names),
        part_names=tuple(names),
        face_box=None if sight is None else sight.box.astype(np.float32),
        face_places=None if sight is None else sight.places.astype(np.float32),
        face_certain=sight is not None and sight.certain,
        origin=origin,
        rotation=rotation,
    )


def file_appearance(mesh: RawMesh) -> Appearance | None:
    """The colours that the file itself carries; None where it has none at all."""
    from vfa.avatar.materials import NEUTRAL

    plain = mesh.vertex_colors is None and all(texture is None for texture in mesh.textures)
    if plain and all(color is None for color in mesh.base_colors):
        return None
    if mesh.vertex_colors is not None or any(texture is not None for texture in mesh.textures):
        blank = (255, 255, 255, 255)  # beside coloured parts, what has no colour of its own stays as it is
    else:
        blank = NEUTRAL
    base = [blank if color is None else color for color in mesh.base_colors]
    return Appearance(
        vertex_colors=mesh.vertex_colors,
        corner_uv=mesh.corner_uv,
        material=mesh.material.astype(np.int32),
        textures=tuple(mesh.textures),
        base_colors=np.array(base, np.uint8),
    )
