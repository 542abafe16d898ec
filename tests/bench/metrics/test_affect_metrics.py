"""Action-unit error, valence and arousal: golden values and the traps of OpenFace tables."""

from __future__ import annotations

import math

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.affect import (
    LOWER_UNITS,
    UNITS,
    UPPER_UNITS,
    action_unit_error,
    action_unit_errors,
    root_mean_squared_error,
    sign_agreement,
)
from vfa.errors import InputError


def shifted(table: dict[str, np.ndarray], by: float) -> dict[str, np.ndarray]:
    return {name: values + by if name.startswith("AU") else values for name, values in table.items()}


def test_one_more_in_every_unit_gives_eight_and_nine() -> None:
    truth = make.action_units()
    prediction = shifted(truth, 1.0)
    assert create_metric("aue_u")({"au": prediction}, {"au": truth}) == pytest.approx(8.0)
    assert create_metric("aue_l")({"au": prediction}, {"au": truth}) == pytest.approx(9.0)
    assert len(UPPER_UNITS) == 8 and len(LOWER_UNITS) == 9 and len(set(UNITS)) == 17


def test_half_a_unit_counts_a_quarter() -> None:
    truth = make.action_units()
    total = action_unit_error(action_unit_errors(shifted(truth, 0.5), truth))
    assert total == pytest.approx({"upper": 2.0, "lower": 2.25, "total": 4.25})


def test_leading_spaces_in_column_names_do_not_matter() -> None:
    truth = make.action_units()
    spaced = {f" {name}": values for name, values in shifted(truth, 1.0).items()}
    assert action_unit_error(action_unit_errors(spaced, truth))["total"] == pytest.approx(17.0)


def test_rows_are_joined_on_the_frame_number() -> None:
    truth = make.action_units(20)
    prediction = {name: values[5:] for name, values in shifted(truth, 1.0).items()}
    errors = action_unit_errors(prediction, truth)
    assert errors.shape == (15, 17)
    np.testing.assert_allclose(errors, 1.0)


def test_failed_rows_are_left_out_of_either_table() -> None:
    truth, prediction = make.action_units(10), shifted(make.action_units(10), 1.0)
    prediction["AU12_r"][2], prediction["success"][2] = 99.0, 0
    truth["AU12_r"][7], truth["confidence"][7] = -99.0, 0.3
    score = create_metric("aue_l").score({"au": prediction}, {"au": truth})
    assert score.value == pytest.approx(9.0) and (score.n_frames, score.n_missing) == (8, 2)
    assert score.details["AU12"] == pytest.approx(1.0)


def test_other_faces_are_ignored() -> None:
    truth = make.action_units(4)
    both = {name: np.concatenate([values, values]) for name, values in truth.items()}
    both["face_id"] = np.array([0] * 4 + [1] * 4)
    for unit in UNITS:
        both[f"{unit}_r"][4:] += 3.0
    np.testing.assert_allclose(action_unit_errors(both, truth), 0.0)


def test_tables_without_their_columns_or_shared_frames_are_refused() -> None:
    truth = make.action_units(4)
    with pytest.raises(InputError, match="AU26_r"):
        action_unit_errors({k: v for k, v in truth.items() if k != "AU26_r"}, truth)
    with pytest.raises(InputError, match="no frame"):
        action_unit_errors({**truth, "frame": truth["frame"] + 100}, truth)


def test_no_face_at_all_is_nan_with_a_reason() -> None:
    truth = make.action_units(4)
    score = create_metric("aue_u").score({"au": {**truth, "success": np.zeros(4)}}, {"au": truth})
    assert math.isnan(score.value) and score.reason and score.n_missing == 4
    assert all(math.isnan(v) for v in action_unit_error(np.full((3, 17), np.nan)).values())


def test_identical_series_agree_fully() -> None:
    series = make.affect()["valence"]
    assert root_mean_squared_error(series, series) == 0.0
    assert sign_agreement(series, series).mean() == 1.0


def test_rmse_and_sign_agreement_of_hand_counted_series() -> None:
    truth = {"va": {"valence": np.array([0.5, -0.5, 0.2, 0.0])}}
    prediction = {"va": {"valence": np.array([0.1, 0.5, 0.2, 0.1])}}
    assert create_metric("v_sagr")(prediction, truth) == 0.5  # the zero agrees with zero only
    expected = math.sqrt((0.16 + 1.0 + 0.0 + 0.01) / 4)
    assert create_metric("v_rmse")(prediction, truth) == pytest.approx(expected)


def test_rows_without_partner_are_missing_not_dropped_silently() -> None:
    truth = {"va": {"arousal": np.linspace(-1, 1, 10)}}
    prediction = {"va": {"arousal": np.linspace(-1, 1, 10)[:7]}}
    score = create_metric("a_rmse").score(prediction, truth)
    assert score.value == 0.0 and (score.n_frames, score.n_missing) == (7, 3)


def test_series_join_on_frame_numbers_where_given() -> None:
    truth = {"va": {"frame": np.arange(10), "valence": np.arange(10) / 10}}
    prediction = {"va": {"frame": np.arange(3, 12), "valence": np.arange(3, 12) / 10}}
    score = create_metric("v_rmse").score(prediction, truth)
    assert score.value == pytest.approx(0.0, abs=1e-12) and score.n_frames == 7


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="valence"):
        create_metric("v_rmse")({"va": {"arousal": np.zeros(3)}}, {"va": {"arousal": np.zeros(3)}})
