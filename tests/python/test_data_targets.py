"""The targets that each loss accepts."""

from __future__ import annotations

import numpy as np
import pytest

from gatewise import losses
from gatewise.data.split import check_class_weight, class_weights, training_samples
from gatewise.data.targets import TargetRule

LABELS = TargetRule(losses.get("sparse_categorical_crossentropy"), (None, 4))
ONE_HOT = TargetRule(losses.get("categorical_crossentropy"), (None, 4))
BINARY = TargetRule(losses.get("binary_crossentropy"), (None, 1))
VALUES = TargetRule(losses.get("mse"), (None, 2))


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float32", "float64"])
def test_labels_become_int32(dtype: str) -> None:
    converted = LABELS.convert(np.array([0, 3, 1], dtype), "y")
    assert converted.dtype == np.int32
    assert converted.tolist() == [0, 3, 1]


def test_labels_lose_a_last_axis_of_length_one() -> None:
    assert LABELS.convert(np.array([[0], [3]]), "y").shape == (2,)


def test_labels_of_several_rows_keep_their_axes() -> None:
    rule = TargetRule(losses.get("sparse_categorical_crossentropy"), (None, 5, 4))
    assert rule.convert(np.zeros((2, 5), int), "y").shape == (2, 5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 4], r"y: expected labels from 0 to 3 \(4 classes\), got 4 at row 1"),
        ([0, 1, -1], r"y: expected labels from 0 to 3 \(4 classes\), got -1 at row 2"),
        ([0, 2**40], r"\(4 classes\), got 1099511627776 at row 1"),
        ([0.0, 1.5], "y: expected integer class indices, got 1.5 at row 1"),
        ([0.0, np.nan], "y: expected finite numbers, got nan at row 1"),
    ],
)
def test_labels_that_are_no_class_are_reported(labels: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LABELS.convert(np.array(labels), "y")


def test_one_hot_targets_for_labels_are_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="one-hot targets go with loss='categorical_crossentropy'"):
        LABELS.convert(np.eye(4), "y")


def test_labels_for_one_hot_targets_are_refused_with_a_hint() -> None:
    with pytest.raises(
        ValueError, match="class indices go with loss='sparse_categorical_crossentropy'"
    ):
        ONE_HOT.convert(np.array([0, 1]), "y")


def test_values_of_one_unit_get_a_last_axis() -> None:
    assert BINARY.convert(np.array([0, 1, 1]), "y").shape == (3, 1)
    assert TargetRule(losses.get("mse"), (None, 1)).convert(np.ones(3), "y").shape == (3, 1)


@pytest.mark.parametrize("array", [np.ones(3), np.ones((3, 3)), np.ones((3, 1))])
def test_values_of_another_shape_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"y: expected targets of shape \(n, 2\) for mse, got"):
        VALUES.convert(array, "y")


@pytest.mark.parametrize(("value", "rule"), [(-1, BINARY), (2, BINARY)])
def test_targets_of_a_crossentropy_outside_0_and_1_are_refused(
    value: int, rule: TargetRule
) -> None:
    with pytest.raises(ValueError, match=f"y: expected targets between 0 and 1 .* got {value} at"):
        rule.convert(np.array([0, 1, value]), "y")


def test_targets_must_be_finite() -> None:
    y = np.ones((3, 2))
    y[2, 1] = np.nan
    with pytest.raises(ValueError, match="y: expected finite numbers, got nan at row 2, column 1"):
        VALUES.convert(y, "y")


@pytest.mark.parametrize("rule", [LABELS, VALUES])
def test_complex_and_text_targets_are_refused(rule: TargetRule) -> None:
    with pytest.raises(TypeError, match="y: expected an array of float, int or bool"):
        rule.convert(np.array(["a", "b"]), "y")


@pytest.mark.parametrize(("split", "kept"), [(0.0, 10), (0.1, 9), (0.25, 7), (0.5, 5)])
def test_validation_split_keeps_the_first_samples_for_training(split: float, kept: int) -> None:
    assert training_samples(10, split) == kept


@pytest.mark.parametrize("split", [1.0, -0.1, 1.5])
def test_validation_split_outside_its_range_is_refused(split: float) -> None:
    with pytest.raises(ValueError, match=r"validation_split: expected 0 <= value < 1"):
        training_samples(10, split)


def test_validation_split_that_leaves_no_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="validation_split: expected samples for training and"):
        training_samples(1, 0.5)
    with pytest.raises(TypeError, match="validation_split: expected a float"):
        training_samples(10, "0.1")  # type: ignore[arg-type]


def test_class_weights_follow_the_labels() -> None:
    weight = check_class_weight({0: 2.0, 3: 0.5}, LABELS)
    targets = LABELS.convert(np.array([0, 1, 3]), "y")
    assert class_weights(targets, LABELS, weight).tolist() == [2.0, 1.0, 0.5]


def test_class_weights_follow_one_hot_and_binary_targets() -> None:
    one_hot = ONE_HOT.convert(np.eye(4)[[3, 0]], "y")
    assert class_weights(one_hot, ONE_HOT, {3: 5.0}).tolist() == [5.0, 1.0]
    binary = BINARY.convert(np.array([0, 1]), "y")
    assert class_weights(binary, BINARY, {1: 3.0}).tolist() == [1.0, 3.0]


def test_class_weights_refuse_rows_of_no_label_or_several() -> None:
    rule = TargetRule(losses.get("binary_crossentropy"), (None, 3))
    one_each = rule.convert(np.eye(3)[[2, 0]], "y")
    assert class_weights(one_each, rule, {2: 5.0}).tolist() == [5.0, 1.0]
    for row in ([0, 0, 0], [1, 0, 1]):
        targets = rule.convert(np.array([[0, 1, 0], row]), "y")
        with pytest.raises(ValueError, match=r"row 1 has .* sample_weight"):
            class_weights(targets, rule, {0: 10.0})


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (
            [1.0, 2.0],
            TypeError,
            "class_weight: expected a dict from class index to weight, got list",
        ),
        ({"a": 1.0}, TypeError, "class_weight: expected int keys, got 'a'"),
        ({4: 1.0}, ValueError, r"class_weight: expected keys from 0 to 3 \(4 classes\), got 4"),
        ({0: -1.0}, ValueError, "class_weight: expected a weight >= 0 for class 0, got -1.0"),
        ({0: "x"}, TypeError, "class_weight: expected a number for class 0, got 'x'"),
    ],
)
def test_wrong_class_weights_are_refused(
    weight: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_class_weight(weight, LABELS)


def test_class_weights_of_values_follow_whole_numbers() -> None:
    rule = TargetRule(losses.get("mse"), (None, 1))
    weight = check_class_weight({-1: 0.5, 7: 2.0}, rule)
    targets = rule.convert(np.array([7, -1, 0]), "y")
    found = class_weights(targets, rule, weight)
    assert found.tolist() == [2.0, 0.5, 1.0] and found.dtype == np.float32
    assert class_weights(targets, rule, {}).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"expected whole numbers, .* got 0.5 at row 1"):
        class_weights(rule.convert(np.array([1, 0.5]), "y"), rule, weight)


def test_class_weights_need_classes() -> None:
    with pytest.raises(ValueError, match=r"expected rows with one positive target, .*row 0 has 2"):
        class_weights(VALUES.convert(np.ones((2, 2)), "y"), VALUES, {0: 1.0})
    rule = TargetRule(losses.get("mse"), (None, 3, 2))
    with pytest.raises(ValueError, match=r"one class per sample, got targets of shape \(1, 3, 2\)"):
        class_weights(rule.convert(np.ones((1, 3, 2)), "y"), rule, {0: 1.0})
