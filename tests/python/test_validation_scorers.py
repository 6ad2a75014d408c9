"""Scorers of scikit-learn in comparisons, by name and as objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import brier_score_loss, log_loss, make_scorer, roc_auc_score

import gatewise as gw

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
LABELS = (X[:, 0] + 0.3 * RNG.normal(size=90) > 0).astype(int)
VALUES = X[:, 0] * 2 + 1


def network(units: int, activation: str | None, loss: str) -> gw.Sequential:
    model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(units, activation=activation)])
    model.compile(gw.optimizers.Adam(0.05), loss)
    return model


def test_probabilities_are_scored_as_scikit_learn_does() -> None:
    folds = [(np.arange(60), np.arange(60, 90))]
    models: dict[str, Any] = {
        "two outputs": network(2, "softmax", "sparse_categorical_crossentropy"),
        "one output": network(1, "sigmoid", "binary_crossentropy"),
        "scikit-learn": LogisticRegression(),
    }
    for name, measure in (("neg_log_loss", log_loss), ("roc_auc", roc_auc_score)):
        result = gw.compare(models, X, LABELS, cv=folds, scoring=name, epochs=5)
        assert result.measure == name
        logistic = LogisticRegression().fit(X[:60], LABELS[:60])
        expected = measure(LABELS[60:], logistic.predict_proba(X[60:])[:, 1])
        sign = -1 if name.startswith("neg") else 1
        assert result.scores[2, 0] == pytest.approx(sign * expected)
        assert np.isfinite(result.scores).all()
        if name == "roc_auc":
            assert result.scores.min() > 0.8


def test_values_and_scorer_objects() -> None:
    models = {"ours": network(1, None, "mse"), "ridge": Ridge()}
    result = gw.compare(models, X, VALUES, scoring="r2", epochs=60, cv=3)
    assert result.means[1] == pytest.approx(1, abs=1e-3)
    assert 0 < result.means[0] <= 1
    scorer = make_scorer(brier_score_loss, greater_is_better=False, response_method="predict_proba")
    made = {"ours": network(2, "softmax", "sparse_categorical_crossentropy")}
    result = gw.compare(made, X, LABELS, scoring=scorer, epochs=20, cv=3)
    assert -0.3 < result.means[0] < 0


def test_text_labels_and_estimators_of_this_package() -> None:
    settings = {"members": 2, "hidden_units": 8, "max_iter": 20, "n_estimators": 1}
    models = {
        "experts": gw.SparseExpertClassifier(**settings),
        "network": network(2, "softmax", "sparse_categorical_crossentropy"),
    }
    words = np.array(["no", "yes"])[LABELS]
    result = gw.compare(models, X, words, scoring="balanced_accuracy", epochs=20, cv=3)
    assert result.means.min() > 0.7


def test_choices_take_names_too() -> None:
    found = gw.choose_experts(X, LABELS, [2, 4], [1], cv=2, scoring="f1", epochs=2)
    assert "f1" in str(found)


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [("accuracies", ValueError, "accuracies"), (3, TypeError, "scoring: expected a name")],
)
def test_other_scores_are_refused(scoring: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gw.compare({"ridge": Ridge()}, X, VALUES, scoring=scoring)
