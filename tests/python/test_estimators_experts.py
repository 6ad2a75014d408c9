"""Classifier and regressor of sparse experts: targets, trainings and settings."""

import copy
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

import gatewise as gw
from gatewise.estimators.rows import Part, held_out

SMALL = {"num_experts": 4, "members": 2, "hidden_units": 8, "n_estimators": 1, "max_iter": 20}
SMALL |= {"learning_rate": 0.02, "random_state": 0}
RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4))
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = np.array(["no", "yes"])[LABELS]
VALUES = X @ [2.0, -1.0, 0.5, 0.0] + 3
FLAGS = np.stack([LABELS, X[:, 2] > 0, X[:, 3] > 1], axis=1).astype(int)
WEIGHTS = RNG.integers(1, 4, ROWS)


def classifier(**settings: Any) -> gw.SparseExpertClassifier:
    return gw.SparseExpertClassifier(**{**SMALL, **settings})


def regressor(**settings: Any) -> gw.SparseExpertRegressor:
    return gw.SparseExpertRegressor(**{**SMALL, **settings})


@pytest.fixture(scope="module")
def fitted() -> gw.SparseExpertClassifier:
    return classifier().fit(X, LABELS)


def test_both_learn() -> None:
    assert classifier(max_iter=60).fit(X, LABELS).score(X, LABELS) > 0.9
    assert regressor(max_iter=60).fit(X, VALUES).score(X, VALUES) > 0.9


@pytest.mark.parametrize(
    "y",
    [
        NAMES,
        NAMES.tolist(),
        NAMES.astype(object),
        LABELS > 0,
        LABELS * 4 + 3,
        pd.Series(NAMES, index=range(5, ROWS + 5)),
        pd.Series(NAMES, dtype="category"),
        pl.Series(NAMES),
    ],
)
def test_labels_of_any_type_come_back(fitted: Any, y: Any) -> None:
    labels = np.asarray(y)
    model = classifier().fit(X, y)
    assert_array_equal(model.classes_, np.unique(labels))
    assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))
    assert_array_equal(model.predict(X), np.unique(labels)[fitted.predict(X)])
    assert model.predict(X).dtype.kind == model.classes_.dtype.kind


def test_probabilities_agree_with_scores_and_labels() -> None:
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    for y, shape in ((LABELS, (ROWS,)), (three, (ROWS, 3)), (FLAGS, (ROWS, 3))):
        model = classifier().fit(X, y)
        probabilities, scores = model.predict_proba(X), model.decision_function(X)
        assert scores.shape == shape
        assert_allclose(np.exp(model.predict_log_proba(X)), probabilities, atol=1e-12)
        if y is FLAGS:
            assert_array_equal(model.predict(X), scores > 0)
        else:
            assert_allclose(probabilities.sum(axis=1), 1)
            best = scores > 0 if y is LABELS else scores.argmax(axis=1)
            assert_array_equal(model.predict(X), best)


@pytest.mark.parametrize(
    "y", [FLAGS, FLAGS > 0, FLAGS.tolist(), sparse.csr_array(FLAGS), pd.DataFrame(FLAGS)]
)
def test_several_labels_are_predicted_as_flags(y: Any) -> None:
    model = classifier(max_iter=40).fit(X, y)
    assert_array_equal(model.predict(X), classifier(max_iter=40).fit(X, FLAGS).predict(X))
    assert np.mean(model.predict(X) == FLAGS) > 0.85
    assert model.predict_proba(X).shape == (ROWS, 3)


def test_several_targets_of_more_than_two_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"flags|multioutput|several"):
        classifier().fit(X, np.stack([LABELS, LABELS * 2, LABELS + 1], axis=1))


@pytest.mark.filterwarnings("ignore::gatewise.OneClassWarning")
def test_a_single_class_is_predicted_always() -> None:
    model = classifier().fit(X, np.full(ROWS, "a"))
    assert model.predict(X).tolist() == ["a"] * ROWS
    assert_array_equal(model.predict_proba(X), np.ones((ROWS, 1)))


def test_a_single_class_does_not_warn_of_layers() -> None:
    classifier().fit(X, np.full(ROWS, "a"))


def test_several_values_are_predicted_at_once() -> None:
    y = np.stack([VALUES, -50 * VALUES], axis=1)
    model = regressor(max_iter=40).fit(X, y)
    assert model.predict(X).shape == (ROWS, 2)
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="y: expected 2 columns, got 1"):
        model.partial_fit(X, VALUES)


def test_weights_of_classes_multiply_those_of_rows() -> None:
    given = classifier(class_weight={"no": 1, "yes": 5}).fit(X, NAMES).predict_proba(X)
    weighted = classifier().fit(X, NAMES, sample_weight=np.where(LABELS, 5, 1))
    assert_array_equal(given, weighted.predict_proba(X))
    rare = X[:, 0] > 1
    plain, balanced = (classifier(class_weight=each).fit(X, rare) for each in (None, "balanced"))
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.05
    with pytest.raises(ValueError, match="class_weight"):
        classifier(class_weight="even").fit(X, LABELS)


@pytest.mark.parametrize("weight", [np.zeros(ROWS), -np.ones(ROWS), np.ones(3), [np.nan] * ROWS])
def test_wrong_weights_are_named(weight: Any) -> None:
    with pytest.raises(ValueError, match="sample_weight"):
        classifier().fit(X, LABELS, sample_weight=weight)


def test_given_rows_choose_the_best_epoch() -> None:
    x, y, x_val, y_val = X[:60], LABELS[:60], X[60:], LABELS[60:]
    model = classifier(max_iter=60, learning_rate=0.1, n_iter_no_change=5)
    model.fit(x, y, X_val=x_val, y_val=y_val)
    losses = model.histories_[0]["val_loss"]
    assert model.best_iter_ == [np.argmin(losses) + 1]
    assert model.n_iter_ == len(losses) == model.best_iter_[0] + 5 < 60
    assert_allclose(log_loss(y_val, model.predict_proba(x_val)), min(losses), rtol=1e-4)
    for half in ({"X_val": x_val}, {"y_val": y_val}):
        with pytest.raises(ValueError, match="X_val, y_val"):
            model.fit(x, y, **half)
    with pytest.raises(ValueError, match=r"y: expected one of the classes \[0, 1\]"):
        model.fit(x, y, X_val=x_val, y_val=y_val + 1)


def test_weights_for_no_given_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_weight_val"):
        classifier().fit(X, LABELS, sample_weight_val=np.ones(ROWS))


def test_rows_are_held_out_only_to_stop_early() -> None:
    model = classifier(max_iter=60, learning_rate=0.1, n_iter_no_change=3).fit(X, LABELS)
    assert model.n_iter_ == model.best_iter_[0] + 3 < 60
    assert classifier(max_iter=60, learning_rate=0.1).fit(X, LABELS).n_iter_ == 60
    full = classifier(early_stopping=False, validation_fraction=0.9).fit(X, LABELS)
    assert full.best_iter_ == [20]
    assert full.n_iter_ == len(full.histories_[0]["loss"]) == 20
    assert set(full.histories_[0]) == {"loss", "accuracy"}


def test_partial_fit_learns_over_many_calls() -> None:
    model = classifier(learning_rate=0.2).partial_fit(X[:5], NAMES[:5], classes=["yes", "no"])
    for call in range(60):
        some = slice(call % 4 * 30, call % 4 * 30 + 30)
        model.partial_fit(X[some], NAMES[some])
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.n_iter_ == 61
    assert model.score(X, NAMES) > 0.9
    with pytest.raises(ValueError, match=r"y: expected one of the classes .* got .*'maybe'"):
        model.partial_fit(X, np.full(ROWS, "maybe"))
    values = regressor(learning_rate=0.2)
    for _ in range(60):
        values.partial_fit(X, VALUES, sample_weight=WEIGHTS)
    assert values.score(X, VALUES) > 0.9


def test_partial_fit_refuses_other_classes_later() -> None:
    model = classifier().partial_fit(X, LABELS, classes=[0, 1])
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, LABELS, classes=[0, 1, 2])


def test_partial_fit_takes_rows_in_their_order() -> None:
    models = [classifier(batch_size=8).partial_fit(X[::s], LABELS[::s]) for s in (1, -1)]
    assert np.any(models[0].predict_proba(X) != models[1].predict_proba(X))


def test_a_warm_start_goes_on_with_the_model() -> None:
    model = classifier(warm_start=True, early_stopping=False, n_estimators=2).fit(X, LABELS)
    first, losses = model.models_, [each["loss"][-1] for each in model.histories_]
    model.fit(X, LABELS)
    assert [a is b for a, b in zip(model.models_, first, strict=True)] == [True, True]
    for each, loss in zip(model.histories_, losses, strict=True):
        assert each["loss"][-1] < loss
    with pytest.raises(ValueError, match="2 features"):
        model.fit(X[:, :2], LABELS)
    with pytest.raises(ValueError, match="classes"):
        model.fit(X, LABELS + 1)
    assert classifier().fit(X, LABELS).fit(X[:, :2], LABELS + 1).classes_.tolist() == [1, 2]


def test_a_failed_fit_is_no_fit() -> None:
    model = classifier(weight_decay=-1)
    with pytest.raises(ValueError, match="weight_decay"):
        model.fit(X, LABELS)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.set_params(weight_decay=0).partial_fit(X, LABELS)
    assert model.predict(X).shape == (ROWS,)


def test_outputs_are_means_over_ensembles() -> None:
    for make, y in ((classifier, LABELS), (regressor, VALUES)):
        one, two = make().fit(X, y), make(n_estimators=2).fit(X, y)
        assert len(two.models_) == len(two.histories_) == len(two.best_iter_) == 2
        assert two.histories_[0] == one.histories_[0]
        assert two.histories_[1] != one.histories_[0]
        parts = []
        for model in two.models_:
            alone = copy.copy(two)
            alone.models_ = [model]
            parts.append(alone.predict(X) if y is VALUES else alone.predict_proba(X))
        expected = two.predict(X) if y is VALUES else two.predict_proba(X)
        assert_allclose(np.mean(parts, axis=0), expected, rtol=1e-6)
    assert len(classifier(n_estimators="auto").fit(X, LABELS).models_) == 4


def test_each_ensemble_holds_out_other_rows() -> None:
    part = Part(np.arange(ROWS), LABELS, np.ones(ROWS))
    chosen = [held_out(part, 0.125, True, 0, number) for number in range(4)]
    assert len(np.unique(np.concatenate([each.x for _, each in chosen]))) == 4 * len(chosen[0][1].x)
    for training, held in chosen:
        assert_array_equal(np.sort(np.append(training.x, held.x)), np.arange(ROWS))
        assert abs(held.y.mean() - LABELS.mean()) < 0.05


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("ensembles", [1, 2])
def test_routing_and_load_describe_the_rows(shares: bool, ensembles: int) -> None:
    model = classifier(share_experts=shares, n_estimators=ensembles, k=3).fit(X, LABELS)
    experts, weights = model.routing(X)
    assert experts.shape == weights.shape == (2 * ensembles, ROWS, 3)
    assert np.diff(np.sort(experts), axis=-1).min() > 0
    assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    total = 4 if shares else 2 * 4
    for number, each in enumerate(np.split(experts, ensembles)):
        assert number * total <= each.min() and each.max() < (number + 1) * total
    counts = np.bincount(experts.ravel(), minlength=ensembles * total)
    assert_array_equal(model.expert_load(X).rows, counts)
    assert np.sum(counts) == 2 * ensembles * ROWS * 3


def test_routing_has_the_k_that_was_trained() -> None:
    model = classifier().fit(X, LABELS).set_params(k=1)
    assert model.routing(X)[0].shape == (2, ROWS, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("k", each) for each in (5, 0, 1.5)),
        *(("learning_rate", each) for each in ("fast", -1, None)),
        *(("max_iter", each) for each in ("many", 0, -1, 2.7, None)),
        *(("batch_size", each) for each in ("big", 0, -3, 8.5, None)),
        *(("n_estimators", each) for each in ("many", 0, 1.5)),
        *(("n_jobs", each) for each in (0, "all")),
        *(("validation_fraction", each) for each in (0.9, -0.1, "some")),
        *(("early_stopping", each) for each in ("never", None)),
        *(("k", each) for each in ("few", 0, 1.5, None, 5)),
        *(("hidden_units", each) for each in ("many", 0, None)),
        ("num_experts", 0),
        ("members", 0),
        ("n_iter_no_change", 0),
        ("share_experts", "never"),
        ("weight_decay", -1),
        ("balance", "even"),
        ("verbose", "loud"),
        ("warm_start", "never"),
        ("share_experts", 3),
        ("random_state", -1),
    ],
)
def test_wrong_settings_are_named(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: "):
        classifier(**{name: value}).fit(X, LABELS)


def test_partial_fit_reads_lists_and_leaves_out_rows_of_weight_zero() -> None:
    names = [*NAMES[:-1], "never counted"]
    weight = np.append(np.ones(ROWS - 1), 0)
    model = classifier().partial_fit(X.tolist(), names, sample_weight=weight)
    assert "never counted" not in model.classes_
    expected = classifier().partial_fit(X[:-1], NAMES[:-1])
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
