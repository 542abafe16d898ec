"""The built-in head: schema, mesh, closed lips and lids, eyes, landmarks, linearity."""

from __future__ import annotations

import numpy as np
import pytest

from BFM.expressions import EXPRESSION_NAMES, expression, expression_index
from BFM.model import MorphableModel
from BFM.sampling import sample_expression, sample_person
from vfa.errors import InputError

MM = 130.0


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct undirected edges and how many triangles each has."""
    pairs = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return np.unique(pairs, axis=0, return_counts=True)


def part(head: MorphableModel, name: str) -> np.ndarray:
    """Triangles of one group."""
    member = np.zeros(head.n_vertices, bool)
    member[head.groups[name]] = True
    return head.triangles[member[head.triangles].all(1)]


def enclosed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Signed volume inside a closed surface; positive when triangles are counter-clockwise seen from outside."""
    a, b, c = (vertices[triangles[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def coincident_pairs(head: MorphableModel) -> np.ndarray:
    """Pairs of distinct vertices at exactly the same place: the closed lips."""
    from scipy.spatial import cKDTree

    return cKDTree(head.mean_shape).query_pairs(1e-7, output_type="ndarray")


def test_schema(head: MorphableModel) -> None:
    n = head.n_vertices
    assert 20_000 <= n <= 36_500
    assert head.mean_shape.shape == (n, 3) and head.mean_shape.dtype == np.float32
    assert (
        head.id_base.shape == (3 * n, 80) and head.ex_base.shape == (3 * n, 64) and head.tex_base.shape == (3 * n, 80)
    )
    assert head.mean_texture.shape == (n, 3)
    assert head.triangles.dtype == np.int32 and head.keypoints.shape == (68,)
    assert head.point_buf.shape == (n, 8) and head.point_buf.max() == len(head.triangles)
    assert head.skin_mask.shape == (n,)
    for array in (head.mean_shape, head.id_base, head.ex_base, head.mean_texture, head.tex_base):
        assert np.isfinite(array).all()
    assert len(set(head.expression_names)) == 64 and head.expression_names == EXPRESSION_NAMES
    assert len(set(head.identity_names)) == 80 and len(set(head.texture_names)) == 80
    assert head.source == "procedural"


def test_no_column_is_zero_or_a_multiple_of_another(head: MorphableModel) -> None:
    for base in (head.id_base, head.ex_base, head.tex_base):
        length = np.linalg.norm(base.astype(float), axis=0)
        assert length.min() > 1e-3
        cosine = (base.T.astype(float) @ base) / np.outer(length, length)
        assert np.abs(cosine - np.eye(base.shape[1])).max() < 0.999


def test_every_expression_moves_at_least_a_millimetre(head: MorphableModel) -> None:
    reach = np.linalg.norm(head.ex_base.reshape(-1, 3, 64), axis=1).max(0) * MM
    small = {name for name, value in zip(head.expression_names, reach, strict=True) if value < 0.8}
    assert not small
    assert reach.max() < 60


def test_groups_cover_all_vertices_once(head: MorphableModel) -> None:
    assert set(head.groups) == {"skin", "hair", "left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue"}
    everything = np.concatenate(list(head.groups.values()))
    np.testing.assert_array_equal(np.sort(everything), np.arange(head.n_vertices))


def test_mesh_has_no_degenerate_or_unused_parts(head: MorphableModel) -> None:
    t = head.triangles
    assert (t[:, 0] != t[:, 1]).all() and (t[:, 1] != t[:, 2]).all() and (t[:, 0] != t[:, 2]).all()
    assert len(np.unique(np.sort(t, 1), axis=0)) == len(t)
    np.testing.assert_array_equal(np.unique(t), np.arange(head.n_vertices))
    a, b, c = (head.mean_shape[t[:, k]].astype(float) * MM for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    assert (area > 1e-7).mean() > 0.9995


@pytest.mark.parametrize("name", ["left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue", "hair"])
def test_parts_are_closed_and_face_outwards(head: MorphableModel, name: str) -> None:
    triangles = part(head, name)
    _, count = edges_of(triangles)
    assert (count == 2).all()
    assert enclosed_volume(head.mean_shape, triangles) > 0
    used = len(np.unique(triangles))
    assert used - len(count) + len(triangles) == 2  # Euler's formula for a sphere


def test_skin_is_one_manifold_with_two_lid_openings(head: MorphableModel) -> None:
    import scipy.sparse as sparse

    triangles = part(head, "skin")
    pairs, count = edges_of(triangles)
    assert count.max() == 2
    border = pairs[count == 1]
    graph = sparse.coo_matrix((np.ones(len(border)), border.T), (head.n_vertices,) * 2)
    _, label = sparse.csgraph.connected_components(graph, directed=False)
    rims = np.unique(label[border])
    assert len(rims) == 2  # the strips behind the lids end inside the eyeballs
    for rim, eye in zip(
        sorted(rims, key=lambda r: -head.mean_shape[border[label[border[:, 0]] == r][:, 0], 0].mean()),
        head.eyes,
        strict=True,
    ):
        points = head.mean_shape[np.unique(border[label[border[:, 0]] == rim])]
        assert (np.linalg.norm(points - eye.center, axis=1) < eye.radius).all()
    whole = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), (head.n_vertices,) * 2)
    _, component = sparse.csgraph.connected_components(whole, directed=False)
    assert len(np.unique(component[head.groups["skin"]])) == 1


def test_head_is_symmetric_but_for_the_hair(head: MorphableModel) -> None:
    from scipy.spatial import cKDTree

    skin = head.mean_shape[head.groups["skin"]]
    distance, _ = cKDTree(skin).query(skin * [-1, 1, 1])
    assert distance.max() * MM < 0.5


def test_sizes_are_those_of_a_head(head: MorphableModel) -> None:
    points = head.landmarks() * MM
    inner, outer = np.linalg.norm(points[39] - points[42]), np.linalg.norm(points[36] - points[45])
    assert 28 < inner < 38 and 82 < outer < 100  # canthi: Farkas, adult means about 33 and 90 mm
    assert 44 < np.linalg.norm(points[48] - points[54]) < 58  # mouth, about 51 mm
    assert 100 < points[27, 1] - points[8, 1] < 125  # sellion to chin, about 115 mm
    assert 120 < np.ptp(points[:17, 0]) < 150  # between the ears in front, about 137 mm
    skin = head.mean_shape[head.groups["skin"]] * MM
    assert skin[:, 1].max() - points[8, 1] == pytest.approx(228, abs=12)  # menton to vertex
    neck = [np.ptp(skin[np.abs(skin[:, 1] - points[8, 1] - below) < 3][:, 0]) for below in (15, 5, -5, -10)]
    assert min(neck) < np.ptp(points[4:13, 0])  # the neck is narrower than the jaw


def test_landmarks_are_in_ibug_order(head: MorphableModel) -> None:
    p = head.landmarks()
    assert (np.diff(p[:17, 0]) > 0).all()  # from the subject's right, which is -x, along the jaw to the left
    assert p[:17, 1].argmin() == 8
    assert (np.diff(p[17:27, 0]) > 0).all()  # brows
    assert (np.diff(p[27:31, 1]) < 0).all() and p[30, 2] == p[27:36, 2].max()  # nose bridge down to the tip
    assert (np.diff(p[31:36, 0]) > 0).all()
    for first in (36, 42):  # each eye: right corner, two above, left corner, two below
        eye = p[first : first + 6]
        assert eye[:, 0].argmin() == 0 and eye[:, 0].argmax() == 3
        assert eye[1:3, 1].min() > eye[4:6, 1].max()
        assert eye[1, 0] < eye[2, 0] and eye[4, 0] > eye[5, 0]
    assert p[48:60, 0].argmin() == 0 and p[48:60, 0].argmax() == 6
    assert p[49:54, 1].min() > p[55:60, 1].max()
    assert (np.diff(p[60:65, 0]) > 0).all() and (np.diff(p[64:68, 0]) < 0).all()
    np.testing.assert_allclose(p * [-1, 1, 1], p[mirror_68()], atol=1e-3)


def mirror_68() -> np.ndarray:
    """The landmark on the other side, for each of the 68 (published with the 300-W annotation)."""
    pairs = "0-16 1-15 2-14 3-13 4-12 5-11 6-10 7-9 17-26 18-25 19-24 20-23 21-22 31-35 32-34"
    pairs += " 36-45 37-44 38-43 39-42 40-47 41-46 48-54 49-53 50-52 55-59 56-58 60-64 61-63 65-67"
    order = np.arange(68)
    for pair in pairs.split():
        a, b = map(int, pair.split("-"))
        order[a], order[b] = b, a
    return order


def test_lips_meet_exactly_and_stay_together(head: MorphableModel) -> None:
    pairs = coincident_pairs(head)
    assert len(pairs) >= 40
    assert np.ptp(head.mean_shape[pairs[:, 0], 0]) * MM > 44  # along the whole mouth
    rng = np.random.default_rng(0)
    for k in range(5):
        identity = sample_person(head, np.random.default_rng(k)).identity
        vertices = head.vertices(
            identity, expression(mouthSmile=rng.uniform(), mouthPucker=0.4, mouthFrown=0.5, jawLeft=0.5)
        )
        assert np.abs(vertices[pairs[:, 0]] - vertices[pairs[:, 1]]).max() < 1e-6


def test_opening_the_jaw_parts_the_lips_and_closing_joins_them(head: MorphableModel) -> None:
    pairs = coincident_pairs(head)
    middle = pairs[np.abs(head.mean_shape[pairs[:, 0], 0]).argmin()]

    def gap(**weights: float) -> float:
        v = head.vertices(None, expression(**weights))
        return float(np.linalg.norm(v[middle[0]] - v[middle[1]]) * MM)

    assert 22 < gap(jawOpen=1.0) < 40  # adults open about 40-50 mm at most
    assert gap(jawOpen=1.0, mouthClose=1.0) < 0.01
    assert gap(lipsPart=1.0) > 3


def test_lids_close_exactly_onto_each_other(head: MorphableModel) -> None:
    points = head.landmarks(head.vertices(None, expression(eyeBlink=1.0)))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert np.linalg.norm(points[upper] - points[lower]) * MM < 1e-3
    open_eyes = head.landmarks() * MM
    assert 6.5 < open_eyes[37, 1] - open_eyes[41, 1] < 13


def test_eyeballs_stay_behind_the_lids(head: MorphableModel) -> None:
    skin = np.flatnonzero(head.skin_mask)
    for blink in (0.0, 0.25, 0.5, 0.75, 1.0):
        vertices = head.vertices(None, expression(eyeBlink=blink, eyeLookDown=0.0))
        for eye in head.eyes:
            distance = np.linalg.norm(vertices[skin] - eye.center, axis=1)
            assert distance.min() > eye.radius + 0.2 / MM


@pytest.mark.parametrize("seed", range(6))
def test_identity_keeps_the_balls_behind_the_lids(head: MorphableModel, seed: int) -> None:
    person = sample_person(head, np.random.default_rng(seed))
    for blink in (0.0, 1.0):
        vertices = head.vertices(person.identity, expression(eyeBlink=blink))
        for eye in head.eyes:
            ball = vertices[eye.vertices]
            scale = ball.std() / head.mean_shape[eye.vertices].std()
            center = ball.mean(0) + scale * (eye.center - head.mean_shape[eye.vertices].mean(0))
            near = np.linalg.norm(vertices - center, axis=1)[head.skin_mask > 0]
            assert near.min() > eye.radius * scale


def test_identity_is_smooth_across_the_midline(head: MorphableModel) -> None:
    skin = np.flatnonzero(head.skin_mask)
    near = skin[(np.abs(head.mean_shape[skin, 0]) * MM < 1.6) & (head.mean_shape[skin, 2] > 0.4)]
    pairs, _ = edges_of(head.triangles[np.isin(head.triangles, near).all(1)])
    d = head.id_base.reshape(-1, 3, 80)
    step = np.linalg.norm(d[pairs[:, 0]] - d[pairs[:, 1]], axis=1)
    length = np.linalg.norm(head.mean_shape[pairs[:, 0]] - head.mean_shape[pairs[:, 1]], axis=1, keepdims=True)
    assert (step / length)[length[:, 0] * MM > 0.5].max() < 0.5


def test_gaze_turns_the_balls_about_their_centres(head: MorphableModel) -> None:
    still, turned = head.vertices(), head.vertices(gaze=(0.3, 0.0))
    moved = np.flatnonzero(np.abs(turned - still).max(1) > 0)
    np.testing.assert_array_equal(np.setdiff1d(moved, np.concatenate([eye.vertices for eye in head.eyes])), [])
    for eye in head.eyes:
        before, after = still[eye.vertices] - eye.center, turned[eye.vertices] - eye.center
        np.testing.assert_allclose(np.linalg.norm(after, axis=1), np.linalg.norm(before, axis=1), atol=1e-5)
        pole = before[:, 2].argmax()
        np.testing.assert_allclose(after[pole] / np.linalg.norm(after[pole]), [np.sin(0.3), 0, np.cos(0.3)], atol=1e-3)
    up = head.vertices(gaze=(0.0, 0.2))
    eye = head.eyes[0]
    assert (up[eye.vertices] - still[eye.vertices])[still[eye.vertices][:, 2].argmax(), 1] > 0


def test_left_and_right_are_the_subjects(head: MorphableModel) -> None:
    for side, sign in (("Left", 1), ("Right", -1)):
        for name in (f"eyeBlink{side}", f"mouthSmile{side}", f"browOuterUp{side}"):
            column = head.ex_base[:, expression_index(name)[0]].reshape(-1, 3)
            weight = np.linalg.norm(column, axis=1)
            assert sign * (weight * head.mean_shape[:, 0]).sum() > 0


def test_vertices_are_linear(head: MorphableModel) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 80)), rng.standard_normal((2, 64))
    zero = head.vertices()
    both = head.vertices(a[0] + a[1], b[0] + b[1]) - zero
    apart = (head.vertices(a[0], b[0]) - zero) + (head.vertices(a[1], b[1]) - zero)
    np.testing.assert_allclose(both, apart, atol=2e-5)
    np.testing.assert_array_equal(zero, head.mean_shape)
    np.testing.assert_allclose(
        head.vertices(None, 0.5 * b[0]) - zero, 0.5 * (head.vertices(None, b[0]) - zero), atol=1e-5
    )


def test_express_continues_from_a_neutral_face(head: MorphableModel) -> None:
    person = sample_person(head, np.random.default_rng(3))
    mix = sample_expression(np.random.default_rng(4))
    neutral = head.vertices(person.identity)
    kept = neutral.copy()
    np.testing.assert_array_equal(
        head.express(neutral, mix, (0.1, 0.1)), head.vertices(person.identity, mix, (0.1, 0.1))
    )
    np.testing.assert_array_equal(neutral, kept)


def test_wrong_sizes_are_refused(head: MorphableModel) -> None:
    with pytest.raises(InputError, match="identity"):
        head.vertices(np.zeros(79))
    with pytest.raises(InputError, match="expression"):
        head.vertices(None, np.zeros(80))
    with pytest.raises(InputError, match="texture"):
        head.colors(np.zeros(3))
    with pytest.raises(InputError, match="smirk"):
        expression(smirk=1.0)


def test_colours(head: MorphableModel) -> None:
    colors = head.colors()
    assert colors.dtype == np.uint8
    skin = colors[head.skin_mask > 0].astype(int)
    forehead = skin[np.argmin(np.abs(head.mean_shape[head.skin_mask > 0] - [0, 0.3, 0.66]).sum(1))]
    assert forehead[0] > forehead[1] > forehead[2]
    name = head.texture_names.index("skin_dark")
    texture = np.zeros(80)
    texture[name] = 1.5
    assert head.colors(texture)[head.skin_mask > 0].mean() < skin.mean() - 15
    hair = head.groups["hair"]
    lighter = np.zeros(80)
    lighter[head.texture_names.index("hair_light")] = 2
    assert head.colors(lighter)[hair].mean() > colors[hair].mean() + 20


def test_masculine_and_feminine_ends(head: MorphableModel) -> None:
    identity = np.zeros(80)
    column = head.identity_names.index("masculine")
    sizes = {}
    for sign in (-2, 0, 2):
        identity[column] = sign
        p = head.landmarks(head.vertices(identity))
        sizes[sign] = (np.ptp(p[[5, 11], 0]), p[27, 1] - p[8, 1], p[51, 1] - p[62, 1])
    for k, direction in enumerate((1, 1, -1)):  # jaw width and face height grow, the upper lip thins
        assert direction * sizes[-2][k] < direction * sizes[0][k] < direction * sizes[2][k]


def test_random_people_and_expressions_repeat(head: MorphableModel) -> None:
    first, again = (sample_person(head, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.identity, again.identity)
    np.testing.assert_array_equal(first.texture, again.texture)
    assert not np.array_equal(first.identity, sample_person(head, np.random.default_rng(6)).identity)
    mix = sample_expression(np.random.default_rng(0))
    assert mix.min() >= 0 and 0 < (mix > 0).sum() < 12


def test_vertex_faces_belong_to_their_vertex(head: MorphableModel) -> None:
    rng = np.random.default_rng(0)
    for vertex in rng.integers(0, head.n_vertices, 200):
        faces = head.point_buf[vertex]
        faces = faces[faces < len(head.triangles)]
        assert (head.triangles[faces] == vertex).any(1).all()
        assert len(faces) == min(8, (head.triangles == vertex).any(1).sum())
