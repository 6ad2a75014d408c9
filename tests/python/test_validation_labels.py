"""Class labels in any form in comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import gatewise as gw
from gatewise.validation.labels import as_targets, classifies

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 3, 90)
X = (np.eye(3)[CLASSES] + 0.2 * RNG.normal(size=(90, 3))).astype(np.float32)


def classifier(loss: str = "sparse_categorical_crossentropy") -> gw.Sequential:
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(3, activation="softmax", seed=0)])
    model.compile(gw.optimizers.Adam(0.1), loss)
    return model


NAMES = np.array(["cat", "dog", "eel"])[CLASSES]
FORMS: dict[str, Any] = {
    "text": NAMES,
    "objects": NAMES.astype(object),
    "bytes": NAMES.astype("S3"),
    "column of text": NAMES[:, None],
    "floats": CLASSES.astype(np.float64),
    "column of floats": CLASSES.astype(np.float32)[:, None],
    "column of integers": CLASSES[:, None],
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_in_any_form_score_as_integers_do(form: str) -> None:
    models = {"a": classifier(), "b": LogisticRegression()}
    expected = gw.compare(models, X, CLASSES, cv=3, epochs=10)
    found = gw.compare(models, X, FORMS[form], cv=3, epochs=10)
    assert found.measure == "accuracy"
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_one_hot_rows_are_trained_on_and_scored_as_labels() -> None:
    found = gw.compare({"a": classifier("categorical_crossentropy")}, X, np.eye(3)[CLASSES], cv=3)
    assert found.measure == "accuracy"
    expected = gw.compare({"a": classifier()}, X, CLASSES, cv=3)
    np.testing.assert_allclose(found.scores, expected.scores)


def test_pandas_labels_are_read_as_theirs() -> None:
    pandas = pytest.importorskip("pandas")
    for series in (pandas.Series(NAMES), pandas.Series(NAMES).astype("category")):
        np.testing.assert_array_equal(as_targets(series).labels, CLASSES)


def test_whole_floats_are_targets_of_a_regression() -> None:
    y = CLASSES.astype(np.float64)
    found = gw.compare({"a": LinearRegression()}, X, y, cv=3)
    assert found.measure == "explained variance"
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(1)])
    model.compile("adam", "mse")
    assert gw.compare({"a": model}, X, y, cv=3).measure == "explained variance"


def test_floats_are_labels_without_a_hint_if_they_have_few_values() -> None:
    assert as_targets(np.arange(20.0)).labels is not None
    assert as_targets(np.arange(21.0)).labels is None
    assert as_targets(np.array([0.0, 0.5])).labels is None
    assert as_targets(np.array([0.0, np.nan])).labels is None


def test_other_targets_stay_as_they_are() -> None:
    for y in (RNG.normal(size=(9, 2)), np.ones((9, 2)), RNG.integers(0, 2, (9, 3)) * 2):
        targets = as_targets(y)
        assert targets.y is y
        assert targets.labels is None
    assert as_targets(None).to_score is None


def test_mixed_labels_are_refused() -> None:
    for y in (np.array(["a", None], object), np.array(["a", 1], object)):
        with pytest.raises(TypeError, match="y: expected labels of one kind without missing"):
            gw.compare({"a": classifier()}, X[:2], y, cv=2)


def test_what_a_model_learns_is_read_from_its_loss_or_its_kind() -> None:
    assert classifies(classifier()) is True
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(1)])
    model.compile("adam", "mse")
    assert classifies(model) is False
    assert classifies(LogisticRegression()) is True
    assert classifies(LinearRegression()) is False
    assert classifies(object()) is None


@pytest.mark.parametrize("form", ["text", "floats", "column of integers", "one-hot"])
def test_choose_experts_and_choose_sparsity_take_labels_in_any_form(form: str) -> None:
    y = np.eye(3)[CLASSES] if form == "one-hot" else FORMS[form]
    options: dict[str, Any] = {"cv": 3, "epochs": 5}
    found = gw.choose_experts(X, y, [2], k=[1], **options)
    expected = gw.choose_experts(X, CLASSES, [2], k=[1], **options)
    assert found.result.measure == "accuracy"
    np.testing.assert_array_equal(found.result.scores, expected.result.scores)
    if form == "one-hot":
        return

    def make(keep: float) -> Any:
        return gw.decompose.SparseExperts(2, keep, seed=0)

    pruned = gw.decompose.choose_sparsity(make, X, y, [0.5], **options)
    expected_pruned = gw.decompose.choose_sparsity(make, X, CLASSES, [0.5], **options)
    assert pruned.result.measure == "accuracy"
    np.testing.assert_array_equal(pruned.result.scores, expected_pruned.result.scores)
