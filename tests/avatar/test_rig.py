"""The rig of the built-in avatar: lids that close over the eyeball, teeth behind lips, jaw, gaze; and its parts."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vfa.avatar.rig import Rig
from vfa.avatar.sphere import fit_sphere
from vfa.face import topology as face
from vfa.mesh.controllers import STATIC
from vfa.mesh.guards import in_front
from vfa.motion.motion import Motion


@pytest.fixture(scope="module")
def rig(demo_stage) -> Rig:
    return demo_stage.rig


def motion(rig: Rig, translation: np.ndarray | None = None, **fields) -> Motion:
    k = len(rig.controllers)
    return Motion(Fraction(0), np.zeros((k, 3)) if translation is None else translation, np.ones(k, bool), **fields)


def drop_jaw(rig: Rig, share: float) -> np.ndarray:
    """Lower lip and chin go down by a share of the eye distance."""
    translation = np.zeros((len(rig.controllers), 3))
    lower = np.concatenate([ring[ring >= 0] for ring in rig.mouth.lower])
    translation[np.union1d(lower, rig.jaw.chin)] = -share * rig.size * rig.axes[1]
    return translation


class TestWhatIsFound:
    def test_a_complete_face(self, rig: Rig) -> None:
        assert rig.mouth.paired.all() and all(eye.paired.all() for eye in rig.eyes)
        assert all(lids is not None for lids in rig.lids) and all(ball is not None for ball in rig.balls)
        assert rig.jaw is not None and len(rig.still) and rig.lips is not None
        assert (rig.controllers.landmark >= 0).sum() > 400 and (rig.controllers.landmark == STATIC).sum() > 30

    def test_one_controller_per_vertex_and_landmark(self, rig: Rig) -> None:
        assert len(np.unique(rig.controllers.nearest_vertex)) == len(rig.controllers)
        follows = rig.controllers.landmark[rig.controllers.landmark >= 0]
        assert len(np.unique(follows)) == len(follows)

    def test_controllers_show_where_their_landmark_does(self, demo_stage, rig: Rig) -> None:
        follows = rig.controllers.landmark >= 0
        at = demo_stage.camera.project(rig.controllers.positions(rig.rest)[follows])[:, :2]
        away = np.linalg.norm(at - rig.landmarks[rig.controllers.landmark[follows], :2], axis=1)
        pixels = np.linalg.norm(rig.landmarks[33, :2] - rig.landmarks[263, :2])
        assert np.quantile(away, 0.9) < 0.03 * pixels

    def test_the_subjects_right_eye_is_on_the_left_of_the_picture(self, rig: Rig) -> None:
        assert rig.balls[0].center @ rig.axes[0] < rig.balls[1].center @ rig.axes[0]

    def test_upper_margins_are_above_lower_ones(self, rig: Rig) -> None:
        for eye in rig.eyes:
            assert (eye.opening @ rig.axes[1] > 0).all()
        assert rig.mouth.opening @ rig.axes[1] == pytest.approx(0, abs=0.02 * rig.size)


class TestRest:
    def test_rest_stays(self, rig: Rig) -> None:
        np.testing.assert_allclose(rig.deform(motion(rig)), rig.rest, atol=1e-6)

    def test_a_shift_of_everything_moves_the_skin_with_it(self, rig: Rig) -> None:
        shift = np.tile([0.0, 0, 0.1 * rig.size], (len(rig.controllers), 1))
        shift = rig.deformer.displacement(shift)
        np.testing.assert_allclose(shift, np.tile([0, 0, 0.1 * rig.size], (len(rig.rest), 1)), atol=1e-6)

    def test_vertices_that_hold_still_hold_still(self, rig: Rig) -> None:
        static = rig.controllers.nearest_vertex[rig.controllers.landmark == STATIC]
        moved = rig.deform(motion(rig, drop_jaw(rig, 0.2)))
        assert np.linalg.norm(moved[static] - rig.rest[static], axis=1).max() < 0.02 * rig.size


class TestLids:
    @pytest.fixture(scope="class")
    def shut(self, rig: Rig) -> np.ndarray:
        return rig.deform(motion(rig, lid_opening=np.zeros(2)))

    def test_margins_meet(self, rig: Rig, shut: np.ndarray) -> None:
        at = rig.controllers.positions(rig.rest), rig.controllers.positions(shut)
        for eye in rig.eyes:
            corners = rig.controllers.rows(eye.slit.corners)
            width = np.linalg.norm(at[0][corners[0]] - at[0][corners[1]])
            rest, gap = ((p[eye.upper[0]] - p[eye.lower[0]]) @ rig.axes[1] / width for p in at)
            assert np.abs(gap).mean() < 0.02 and np.abs(gap).max() < 0.05 and rest.max() > 0.25

    def test_no_lid_is_inside_its_eyeball(self, rig: Rig, shut: np.ndarray) -> None:
        for ball in rig.balls:
            distance = np.linalg.norm(shut[ball.lid] - ball.center, axis=1)
            at_rest = np.linalg.norm(rig.rest[ball.lid] - ball.center, axis=1)
            assert (distance > np.minimum(ball.radius, at_rest) * (1 - 1e-9)).all()

    def test_the_eyeball_is_covered(self, demo_stage, rig: Rig, shut: np.ndarray) -> None:
        """Of what the picture shows of the eyeballs at rest, next to nothing is left."""
        renderer = demo_stage.renderer(600, supersample=1)
        balls = np.concatenate([ball.members for ball in rig.balls])
        eye = np.isin(demo_stage.avatar.triangles, balls).all(axis=1)

        def shown(vertices: np.ndarray) -> int:
            triangle = renderer.render(vertices.astype(np.float32)).triangle
            return int(eye[triangle[triangle >= 0]].sum())

        assert shown(shut) < 0.12 * shown(rig.rest)

    def test_half_way_is_half_way_for_the_lids(self, rig: Rig) -> None:
        at = rig.controllers.positions
        heights = []
        for opening in (1.0, 0.5, 0.0):
            vertices = at(rig.deform(motion(rig, lid_opening=np.full(2, opening))))
            heights.append(np.mean([((vertices[e.upper[0]] - vertices[e.lower[0]]) @ rig.axes[1]).mean()
                                    for e in rig.eyes]))  # fmt: skip
        assert heights[1] == pytest.approx((heights[0] + heights[2]) / 2, rel=0.1)

    def test_one_eye_winks(self, rig: Rig) -> None:
        wink = rig.deform(motion(rig, lid_opening=np.array([0.0, 1.0])))
        right, left = (np.abs(wink - rig.rest)[lids.members].max() for lids in rig.lids)
        assert right > 0.05 * rig.size and left < 1e-6


class TestGaze:
    @pytest.mark.parametrize("gaze", [(0.3, 0.0), (0.0, 0.25), (-0.2, -0.2)])
    def test_eyeballs_turn_about_their_centre(self, rig: Rig, gaze: tuple[float, float]) -> None:
        moved = rig.deform(motion(rig, gaze=np.array(gaze)))
        right, up, front = rig.axes
        for ball in rig.balls:
            before, after = rig.rest[ball.members] - ball.center, moved[ball.members] - ball.center
            np.testing.assert_allclose(np.linalg.norm(after, axis=1), np.linalg.norm(before, axis=1), rtol=1e-9)
            foremost = int((before @ front).argmax())
            turned = after[foremost] - before[foremost]
            for angle, axis in zip(gaze, (right, up), strict=True):
                assert np.sign(round(float(turned @ axis) / ball.radius, 2)) == np.sign(angle)

    def test_nothing_else_moves_but_lids_that_would_be_touched(self, rig: Rig) -> None:
        moved = rig.deform(motion(rig, gaze=np.array([0.3, 0.1])))
        others = np.ones(len(rig.rest), bool)
        for ball in rig.balls:
            others[ball.members] = others[ball.lid] = False
        np.testing.assert_allclose(moved[others], rig.rest[others], atol=1e-6)


class TestMouth:
    def test_lower_teeth_turn_with_the_jaw_and_upper_ones_stay(self, rig: Rig) -> None:
        """Chin and lower lip turn about the hinge by 5 degrees: so do the lower teeth, exactly."""
        right, up, front = rig.axes
        rows = np.union1d(rig.jaw.chin, rig.jaw.lip)
        at = rig.controllers.positions(rig.rest)
        translation = np.zeros_like(at)
        translation[rows] = self.turned(rig, at[rows], 5.0) - at[rows]
        moved = rig.deform(motion(replace(rig, lips=None), translation))
        np.testing.assert_allclose(moved[rig.still], rig.rest[rig.still], atol=0.01 * rig.size)
        expected = self.turned(rig, rig.rest[rig.jaw.members], 5.0)
        offset = (moved[rig.jaw.members] - expected) @ np.stack([right, up]).T
        np.testing.assert_allclose(offset, 0, atol=1e-9)  # in depth they may be held back behind the lips

    @staticmethod
    def turned(rig: Rig, points: np.ndarray, degrees: float) -> np.ndarray:
        from scipy.spatial.transform import Rotation

        opening = Rotation.from_rotvec(np.radians(degrees) * rig.axes[0])
        return rig.jaw.hinge + opening.apply(points - rig.jaw.hinge)

    def test_the_jaw_goes_sideways_with_the_chin(self, rig: Rig) -> None:
        translation = np.zeros((len(rig.controllers), 3))
        translation[rig.jaw.chin] = 0.03 * rig.size * rig.axes[0]
        moved = (rig.deform(motion(rig, translation)) - rig.rest)[rig.jaw.members] @ rig.axes.T
        np.testing.assert_allclose(moved[:, :2], [[0.03 * rig.size, 0]] * len(moved), atol=1e-9)

    def test_the_jaw_turns_rigidly(self, rig: Rig) -> None:
        moved = rig.deform(motion(rig, drop_jaw(rig, 0.15)))
        some = rig.jaw.members[::40]
        before = np.linalg.norm(np.diff(rig.rest[some], axis=0), axis=1)
        np.testing.assert_allclose(np.linalg.norm(np.diff(moved[some], axis=0), axis=1), before, rtol=1e-6)

    @pytest.mark.parametrize("push", [0.0, 0.05, 0.12])
    def test_teeth_stay_behind_pressed_lips(self, rig: Rig, push: float) -> None:
        translation = np.zeros((len(rig.controllers), 3))
        lips = np.concatenate([ring[ring >= 0] for ring in (*rig.mouth.upper, *rig.mouth.lower)])
        translation[lips] = -push * rig.size * rig.axes[2]
        moved = rig.deform(motion(rig, translation)) @ rig.axes.T
        guards = rig.controllers.positions(moved)[lips]
        for teeth in (moved[rig.still], moved[rig.jaw.members]):
            for guard in guards:
                beside = np.linalg.norm(teeth[:, :2] - guard[:2], axis=1) < 0.02 * rig.size
                assert not beside.any() or teeth[beside, 2].max() < guard[2] + 1e-6

    def test_the_gap_asked_for_is_the_gap_there_is(self, rig: Rig) -> None:
        for gap in (0.0, 0.1, 0.25):
            wanted = np.full(len(rig.mouth.paired), gap * rig.size)
            at = rig.controllers.positions(rig.deform(motion(rig, lip_gap=wanted)))
            found = (at[rig.mouth.upper[0]] - at[rig.mouth.lower[0]]) @ rig.axes[1] / rig.size
            np.testing.assert_allclose(found[2:-2], gap, atol=0.015)


def test_controllers_are_not_changed_in_place(rig: Rig) -> None:
    asked = motion(rig, drop_jaw(rig, 0.1), lip_gap=np.zeros(len(rig.mouth.paired)), lid_opening=np.zeros(2))
    before = asked.translation.copy()
    rig.deform(asked)
    np.testing.assert_array_equal(asked.translation, before)


def test_in_front_counts_only_what_is_near() -> None:
    """(0.5 away: lowered by reach * .5^4 = .0625; 2 away: not seen.)"""
    points = np.array([[0, 0, 1.0], [0.5, 0, 3.0], [2.0, 0, 9.0]])
    np.testing.assert_allclose(in_front(points, np.zeros((1, 3)), 1.0), [3 - 0.0625])
    assert in_front(points, np.full((1, 3), 50.0), 1.0)[0] == -np.inf
    assert in_front(points[:0], np.zeros((2, 3)), 1.0).tolist() == [-np.inf] * 2


def test_a_planted_sphere_is_found() -> None:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(200, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction = direction[direction[:, 2] > 0]  # half a ball is enough
    center, radius, misfit = fit_sphere(np.array([5.0, -3, 100]) + 0.7 * direction)
    np.testing.assert_allclose(center, [5, -3, 100], atol=1e-9)
    assert radius == pytest.approx(0.7) and misfit < 1e-9


def test_landmarks_that_miss_the_avatar_are_an_error(demo_stage) -> None:
    from vfa.avatar.rigging import build_rig
    from vfa.errors import MeshError

    with pytest.raises(MeshError, match="does not lie on its surface"):
        build_rig(demo_stage.avatar, demo_stage.camera, landmarks=np.full((face.N_POINTS, 3), -999.0))


def test_an_avatar_behind_the_camera_is_an_error(demo_stage) -> None:
    from vfa.avatar.rigging import build_rig
    from vfa.errors import MeshError
    from vfa.render.camera import Camera

    away = Camera(eye=(0, 0, 8), target=(0, 0, 16))
    with pytest.raises(MeshError, match="cannot be seen"):
        build_rig(demo_stage.avatar, away)


def test_without_a_face_controllers_spread_over_what_is_visible() -> None:
    """A ball: controllers on the side that faces the camera, evenly, and no parts."""
    from vfa.avatar.rigging import FREE_COUNT, build_rig
    from vfa.mesh.controllers import FREE
    from vfa.render.camera import frame_mesh

    ball = _ball()
    rig = build_rig(ball, frame_mesh(ball.vertices, width=256, height=256))
    at = rig.controllers.positions(rig.rest)
    assert 0.8 * FREE_COUNT < len(rig.controllers) <= FREE_COUNT and (rig.controllers.landmark == FREE).all()
    assert (at[:, 2] > 0).all() and rig.mouth is None and rig.eyes == () and rig.jaw is None
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) + 9 * np.eye(len(at))
    assert apart.min() > 0.03
    np.testing.assert_allclose(rig.deform(motion(rig)), rig.rest, atol=1e-6)


def _ball():
    import trimesh

    from vfa.avatar.avatar import Avatar
    from vfa.render.appearance import Appearance

    ball = trimesh.creation.icosphere(subdivisions=4)
    colors = np.full((len(ball.vertices), 3), 200, np.uint8)
    return Avatar("ball", ball.vertices, ball.faces, Appearance(vertex_colors=colors), np.zeros(len(ball.vertices)))
