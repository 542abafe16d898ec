"""Mesh renderer: colours, textures and their orientation, materials, alpha, light, background, reuse over frames."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from vfa.errors import InputError, MeshError
from vfa.render import Appearance, Camera, Light, MeshRenderer, frame_mesh, render_mesh

QUAD = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
QUAD_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
QUAD_UV = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)  # v = 0 at the bottom of the quad
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quad(appearance, *, size=64, **options):
    camera = Camera(focal=size * 8 / 2, principal=(size / 2, size / 2), width=size, height=size)  # fills the picture
    options = {"light": Light.flat(), "supersample": 1, **options}
    return render_mesh(QUAD, QUAD_TRIANGLES, appearance, camera, **options)


def corners(image):
    return [tuple(image[y, x]) for y, x in ((2, 2), (2, -3), (-3, 2), (-3, -3))]


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_texture_orientation(supersample):
    """Row 0 of the image is at v = 1: an upright picture on an upright quad looks the same when rendered."""
    image = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8).repeat(8, 0).repeat(8, 1)
    seen = quad(Appearance(corner_uv=QUAD_UV, textures=(image,)), supersample=supersample)
    assert corners(seen.color) == [RED, GREEN, BLUE, WHITE]
    assert seen.mask.all()


def test_texture_pixel_for_pixel():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    seen = quad(Appearance(corner_uv=QUAD_UV, textures=(image,)))
    np.testing.assert_allclose(seen.color.astype(int), image, atol=1)


def test_bilinear_sampling_is_linear_between_texel_centres():
    image = np.array([[[0, 0, 0], [200, 100, 50]]], np.uint8)
    seen = quad(Appearance(corner_uv=QUAD_UV, textures=(image,)))
    x = np.clip((np.arange(64) + 0.5) / 64 * 2 - 0.5, 0, 1)
    np.testing.assert_allclose(seen.color[32], x[:, None] * [200, 100, 50], atol=0.51)


def test_minified_texture_is_averaged_not_picked():
    image = np.zeros((1024, 1024, 3), np.uint8)
    image[::2, ::2] = image[1::2, 1::2] = 255  # a checkerboard finer than a pixel
    seen = quad(Appearance(corner_uv=QUAD_UV, textures=(image,)), size=32)
    assert np.abs(seen.color.astype(int) - 128).max() <= 2


def test_coordinates_beyond_the_border_repeat():
    image = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8).repeat(8, 0).repeat(8, 1)
    seen = quad(Appearance(corner_uv=QUAD_UV * 2 - 1, textures=(image,)))
    left = seen.color[:, :32]
    np.testing.assert_array_equal(left, seen.color[:, 32:])
    assert tuple(left[8, 8]) == RED and tuple(left[24, 24]) == WHITE


def test_vertex_colors_interpolate_with_perspective():
    colors = np.array([[0, 0, 0], [0, 0, 0], [255, 255, 255], [255, 255, 255]], np.uint8)
    tilted = QUAD.copy()
    tilted[2:, 2] = -4  # the upper edge is farther away
    camera = Camera(focal=256, principal=(32, 32), width=64, height=64)
    seen = render_mesh(
        tilted, QUAD_TRIANGLES, Appearance(vertex_colors=colors), camera, light=Light.flat(), supersample=1
    )
    ys, xs = np.nonzero(seen.mask)
    y = camera.unproject(xs + 0.5, ys + 0.5, seen.depth[ys, xs])[:, 1]  # white share is (y + 1) / 2 on the surface
    np.testing.assert_allclose(seen.color[ys, xs, 0], (y + 1) / 2 * 255, atol=1)


def test_materials_pick_their_texture_and_base_color():
    image = np.full((4, 4, 3), (200, 100, 0), np.uint8)
    look = Appearance(
        corner_uv=QUAD_UV,
        material=np.array([0, 1], np.int32),
        textures=(image, None),
        base_colors=np.array([[255, 255, 255, 255], [10, 20, 30, 255]], np.uint8),
    )
    color = quad(look).color
    assert tuple(color[-3, -10]) == (200, 100, 0)  # lower right triangle
    assert tuple(color[3, 10]) == (10, 20, 30)


def test_albedo_is_the_product_of_its_parts():
    look = Appearance(
        vertex_colors=np.full((4, 3), 128, np.uint8),
        corner_uv=QUAD_UV,
        textures=(np.full((2, 2, 3), 128, np.uint8),),
        base_colors=np.array([[255, 128, 0, 255]], np.uint8),
    )
    half = 128 / 255
    np.testing.assert_allclose(quad(look).color[20, 20], 255 * half**2 * np.array([1, half, 0]), atol=0.51)


def test_alpha_cuts_holes_in_picture_and_maps():
    image = np.full((8, 8, 4), 255, np.uint8)
    image[:, :4, 3] = 0
    seen = quad(Appearance(corner_uv=QUAD_UV, textures=(image,)), background=(7, 8, 9))
    assert seen.mask[:, 33:].all() and not seen.mask[:, :31].any()
    assert tuple(seen.color[30, 5]) == (7, 8, 9)
    assert np.isnan(seen.depth[30, 5])


def test_transparent_base_color_is_not_drawn():
    assert not quad(Appearance(base_colors=np.array([[255, 255, 255, 40]], np.uint8))).mask.any()


def test_supersampling_averages_coverage():
    """A half-plane edge through the middle of a pixel column covers half of it."""
    half = QUAD * np.float32([1, 1, 1]) + np.float32([1 + 1 / 64, 0, 0])
    camera = Camera(focal=256, principal=(32, 32), width=64, height=64)
    look = Appearance(vertex_colors=np.full((4, 3), 255, np.uint8))
    seen = render_mesh(half, QUAD_TRIANGLES, look, camera, light=Light.flat(), supersample=4)
    assert seen.color[30, 31].max() == 0 and seen.color[30, 33].min() == 255
    assert abs(int(seen.color[30, 32, 0]) - 128) <= 1


def test_backgrounds():
    empty = (QUAD + np.float32([100, 0, 0]), QUAD_TRIANGLES, Appearance(), Camera())
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    np.testing.assert_array_equal(render_mesh(*empty, background=image).color, image)
    gradient = render_mesh(*empty, background=((0, 0, 0), (255, 255, 255))).color[:, 0, 0].astype(float)
    np.testing.assert_allclose(gradient, (np.arange(256) + 0.5) / 256 * 255, atol=0.51)
    with pytest.raises(InputError):
        render_mesh(*empty, background=(1, 2))


def test_lambert_light_on_a_sphere_in_closed_form():
    import trimesh

    ball = trimesh.creation.icosphere(5)
    look = Appearance(vertex_colors=np.full((len(ball.vertices), 3), 255, np.uint8))
    light = Light.lamps([((0, 0, 1), 0.8)], ambient=0.1)
    camera = Camera((0, 0, 1000), focal=64 * 1000 / 2.2, principal=(32, 32), width=64, height=64)
    seen = render_mesh(ball.vertices, ball.faces, look, camera, light=light, supersample=1)
    ys, xs = np.nonzero(seen.mask)
    r2 = (((xs + 0.5 - 32) ** 2 + (ys + 0.5 - 32) ** 2) / (64 / 2.2) ** 2).clip(0, 1)
    inner = r2 < 0.9
    expected = 255 * (0.1 + 0.8 * np.sqrt(1 - r2))
    np.testing.assert_allclose(seen.color[ys, xs, 0][inner], expected[inner], atol=2)


def test_attached_light_follows_the_camera_and_world_light_does_not():
    import trimesh

    ball = trimesh.creation.icosphere(4)
    look = Appearance(vertex_colors=np.full((len(ball.vertices), 3), 200, np.uint8))
    front, back = Camera(), Camera((0, 0, -8))
    views = {}
    for name, light in {
        "attached": Light.lamps([((0, 0, 1), 1)]),
        "world": Light.lamps([((0, 0, 1), 1)], attached=False),
    }.items():
        renders = [render_mesh(ball.vertices, ball.faces, look, c, light=light).color for c in (front, back)]
        views[name] = [int(image[128, 128, 0]) for image in renders]
    assert abs(views["attached"][0] - views["attached"][1]) <= 2
    assert views["world"][0] > 190 and views["world"][1] == 0


def test_bfm_light_formula():
    """The nine bands written out independently, on random normals."""
    rng = np.random.default_rng(0)
    gamma = rng.normal(0, 0.2, 27)
    normals = rng.normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    x, y, z = normals.T
    bands = np.stack(
        [
            0.8862269 * np.ones(20),
            -1.7724539 * y,
            1.7724539 * z,
            -1.7724539 * x,
            2.4270324 * x * y,
            -2.4270324 * y * z,
            2.4270324 / (2 * np.sqrt(3)) * (3 * z**2 - 1),
            -2.4270324 * x * z,
            2.4270324 / 2 * (x**2 - y**2),
        ],
        1,
    )
    coefficients = gamma.reshape(3, 9).copy()
    coefficients[:, 0] += 0.8
    np.testing.assert_allclose(Light.from_bfm(gamma).diffuse(normals), bands @ coefficients.T, rtol=1e-5, atol=1e-6)


def test_polynomial_light_in_the_picture_matches_diffuse():
    rng = np.random.default_rng(1)
    light = Light.from_bfm(rng.normal(0, 0.1, 27))
    look = Appearance(vertex_colors=np.full((4, 3), 100, np.uint8))
    expected = 100 * light.diffuse(np.array([[0, 0, 1.0]]))[0]
    np.testing.assert_allclose(quad(look, light=light).color[10, 10], expected, atol=0.51)


def test_back_faces_are_lit_like_front_faces():
    look = Appearance(vertex_colors=np.full((4, 3), 180, np.uint8))
    camera = Camera(focal=128, principal=(32, 32), width=64, height=64)
    front, back = (render_mesh(QUAD, t, look, camera).color for t in (QUAD_TRIANGLES, QUAD_TRIANGLES[:, ::-1]))
    np.testing.assert_array_equal(front, back)


def test_clay_is_not_flat():
    import trimesh

    ball = trimesh.creation.icosphere(4)
    seen = render_mesh(ball.vertices, ball.faces, Appearance(), frame_mesh(ball.vertices))
    values = seen.color[seen.mask].astype(float).mean(1)
    assert np.ptp(values) > 80 and 90 < np.median(values) < 220


@pytest.mark.parametrize("scale", [1e-6, 1000.0])
def test_picture_does_not_depend_on_scale(scale):
    import trimesh

    knot = trimesh.creation.torus(1, 0.4)
    pictures = [
        render_mesh(v, knot.faces, Appearance(), frame_mesh(v)).color.astype(int)
        for v in (knot.vertices.astype(np.float32), (knot.vertices * scale).astype(np.float32))
    ]
    assert (np.abs(pictures[0] - pictures[1]) > 2).mean() < 2e-3


def test_far_from_the_origin():
    import trimesh

    ball = trimesh.creation.icosphere(3)
    away = (ball.vertices + 1000).astype(np.float32)
    near, far = (render_mesh(v, ball.faces, Appearance(), frame_mesh(v)) for v in (ball.vertices, away))
    assert (near.mask != far.mask).mean() < 2e-3
    assert np.abs(near.color.astype(int) - far.color).mean() < 1


def test_renderer_is_reusable_and_equals_one_shot():
    rng = np.random.default_rng(0)
    look = Appearance(vertex_colors=rng.integers(0, 256, (4, 3), np.uint8))
    renderer = MeshRenderer(QUAD_TRIANGLES, look, Camera())
    for _ in range(3):
        vertices = QUAD + rng.normal(0, 0.1, QUAD.shape).astype(np.float32)
        kept, fresh = renderer.render(vertices), render_mesh(vertices, QUAD_TRIANGLES, look, Camera())
        np.testing.assert_array_equal(kept.color, fresh.color)
        np.testing.assert_array_equal(kept.triangle, fresh.triangle)
        np.testing.assert_array_equal(renderer.render_color(vertices), kept.color)
        np.testing.assert_array_equal(renderer.render_maps(vertices).depth, kept.depth)


@pytest.mark.parametrize("supersample", [1, 2])
def test_number_of_threads_changes_nothing(monkeypatch, supersample):
    import trimesh

    knot = trimesh.creation.torus(1, 0.4)
    camera = Camera((0, 0.2, 1.35), focal=120, principal=(75, 85), width=150, height=170)  # partly behind the camera
    monkeypatch.setattr("vfa.render.bands.SMALLEST_BAND", 16)
    pictures = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        seen = MeshRenderer(knot.faces, Appearance(), camera, supersample=supersample).render(knot.vertices)
        pictures.append((seen.color, seen.triangle, seen.barycentric))
    for other in pictures[1:]:
        for one, two in zip(pictures[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_maps_are_independent_of_colour_and_supersampling():
    a, b = quad(Appearance(), supersample=1), quad(Appearance(np.zeros((4, 3), np.uint8)), supersample=4)
    np.testing.assert_array_equal(a.triangle, b.triangle)
    np.testing.assert_array_equal(a.barycentric, b.barycentric)


def test_mesh_without_triangles_shows_the_background():
    seen = render_mesh(QUAD, np.zeros((0, 3), np.int32), Appearance(), Camera(), background=(1, 2, 3))
    assert (seen.color == [1, 2, 3]).all()


@pytest.mark.parametrize(
    "appearance",
    [
        Appearance(vertex_colors=np.zeros((3, 3), np.uint8)),
        Appearance(vertex_colors=np.zeros((4, 3), np.float32)),
        Appearance(corner_uv=np.zeros((1, 3, 2), np.float32)),
        Appearance(material=np.array([0, 1], np.int32)),
        Appearance(corner_uv=QUAD_UV, textures=(np.zeros((4, 4), np.uint8),)),
    ],
)
def test_appearance_that_does_not_fit(appearance):
    with pytest.raises(MeshError):
        quad(appearance)


def test_bad_options():
    with pytest.raises(InputError, match="cpu or pyrender"):
        quad(Appearance(), renderer="opengl")
    with pytest.raises(InputError, match="supersample"):
        quad(Appearance(), supersample=0)
    with pytest.raises(MeshError):
        render_mesh(np.zeros((0, 3)), QUAD_TRIANGLES, Appearance(), Camera())


def test_kernels_compile_without_a_writable_cache_folder(monkeypatch):
    from vfa.render import kernels

    genuine = kernels.njit

    def njit(cache=False, **options):
        def refuse(function):
            raise RuntimeError(f"cannot cache function {function.__name__}: no locator available")

        return refuse if cache else genuine(**options)

    monkeypatch.setattr(kernels, "njit", njit)
    assert kernels._compiled(lambda x: x + 1)(2) == 3


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, vfa.render; print([m for m in ('numba', 'torch', 'PIL', 'trimesh', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_read_only_arrays_are_not_compiled_again():
    from vfa.render import kernels

    look = Appearance(vertex_colors=np.full((4, 3), 100, np.uint8), corner_uv=QUAD_UV)
    quad(look)
    known = {name: len(getattr(kernels, name).signatures) for name in ("project", "visibility", "shade", "resolve")}
    frozen = [QUAD.copy(), QUAD_TRIANGLES.copy(), look.vertex_colors.copy(), QUAD_UV.copy()]
    for array in frozen:
        array.flags.writeable = False
    render_mesh(*frozen[:2], Appearance(vertex_colors=frozen[2], corner_uv=frozen[3]), Camera(), light=Light.flat())
    assert known == {name: len(getattr(kernels, name).signatures) for name in known}
