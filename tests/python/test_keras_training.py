"""Trainings give what Keras' do; its results are stored by tests/keras/make_training_figures.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

KERAS = Path(__file__).parents[1] / "keras"
sys.path.insert(0, str(KERAS))
import training_cases as cases  # noqa: E402

sys.path.remove(str(KERAS))
STORED = json.loads((KERAS / "figures" / "training.json").read_text(encoding="utf-8"))
# Both compute in float32, in another order.
TOLERANCE = 1e-5
X = cases.inputs()


@pytest.mark.parametrize("index", range(len(cases.WEIGHTED)))
def test_class_weights_train_as_in_keras(index: int) -> None:
    found = cases.losses(gw, *cases.WEIGHTED[index])
    assert found == pytest.approx(STORED["weighted"][index], rel=TOLERANCE)
    assert found != pytest.approx(cases.losses(gw, *cases.WEIGHTED[index][:-1]), rel=1e-3)


@pytest.mark.parametrize("index", range(len(cases.CROSSENTROPIES)))
def test_a_crossentropy_without_a_kind_is_the_one_of_keras(index: int) -> None:
    found = cases.losses(gw, *cases.CROSSENTROPIES[index])
    assert found == pytest.approx(STORED["crossentropies"][index], rel=TOLERANCE)


def test_no_epochs_train_nothing_as_in_keras() -> None:
    for options, expected in zip(({}, {"validation_split": 0.25}), STORED["empty"], strict=True):
        assert cases.empty_history(gw, **options) == expected == {}
    model = cases.made(gw, "mse", 1, None)
    before, calls = model.get_weights(), []
    hooks = gw.callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append(logs), on_train_end=lambda logs: calls.append(logs)
    )
    history = model.fit(X, X[:, 0], epochs=0, callbacks=[hooks], verbose=2)
    assert (history.epoch, calls, model.history) == ([], [None, None], history)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def batches() -> Iterator[Any]:
    yield X, cases.TARGETS["one-hot"]


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.fit(batches(), verbose=0),
        lambda model: model.fit([X], [cases.TARGETS["one-hot"]], verbose=0),
        lambda model: model.evaluate(X, cases.TARGETS["one-hot"], verbose=0),
        lambda model: model.evaluate(batches(), verbose=0),
        lambda model: model.train_on_batch(X, cases.TARGETS["one-hot"]),
        lambda model: model.test_on_batch(X, cases.TARGETS["one-hot"]),
    ],
)
def test_the_first_targets_choose_a_crossentropy(call: Any) -> None:
    model = cases.made(gw, "ce", 3, "softmax")
    with pytest.raises(ValueError, match="loss: expected targets, which decide what"):
        _ = model.metrics_names
    assert model.loss == "ce" and model.predict(X, verbose=0).shape == (cases.ROWS, 3)
    call(model)
    assert model.loss.kind == "categorical_crossentropy"
    assert model.metrics_names == ["loss"]
    other = gw.Sequential([gw.layers.Dense(3, activation="softmax")])  # built by its data
    other.compile("sgd", "ce")
    call(other)
    assert other.loss.kind == "categorical_crossentropy"


def test_each_output_has_its_crossentropy(tmp_path: Path) -> None:
    x = gw.Input((cases.WIDTH,))
    outputs = [
        gw.layers.Dense(1, activation="sigmoid", name="a")(x),
        gw.layers.Dense(3, activation="softmax", name="b")(x),
        gw.layers.Dense(1, name="c")(x),
    ]
    model = gw.Model(x, outputs)
    model.compile("sgd", {"a": "ce", "b": "ce", "c": "mse"}, metrics={"b": ["ce", "acc"]})
    model.save(tmp_path / "model.gatewise")
    for each in (model, gw.load_model(tmp_path / "model.gatewise")):
        y = [cases.TARGETS[name] for name in ("binary", "labels", "class numbers")]
        history = each.fit(X, y, verbose=0).history
        kinds = [loss.kind for loss in each.loss]
        assert kinds == ["binary_crossentropy", "sparse_categorical_crossentropy", "mse"]
        assert history["b_ce"] == pytest.approx(history["b_loss"], rel=TOLERANCE)
    with pytest.raises(ValueError, match="y: expected targets, got None"):
        cases.made(gw, "ce", 3, "softmax").fit(X, verbose=0)


@pytest.mark.parametrize(
    ("loss", "targets", "units", "activation"),
    [
        ("sparse_categorical_crossentropy", "labels", 3, "softmax"),
        ("categorical_crossentropy", "one-hot", 3, "softmax"),
        ("binary_crossentropy", "binary", 1, "sigmoid"),
    ],
)
@pytest.mark.parametrize("from_logits", [False, True])
def test_the_metric_ce_is_the_crossentropy_of_the_loss(
    loss: str, targets: str, units: int, activation: str, from_logits: bool
) -> None:
    model = cases.made(gw, loss, units, None if from_logits else activation)
    given = gw.losses.get({"class_name": loss, "config": {"from_logits": from_logits}})
    model.compile("sgd", given, metrics=["crossentropy", "CE"], weighted_metrics=["ce"])
    found = model.evaluate(X, cases.TARGETS[targets], verbose=0, return_dict=True)
    assert list(found) == ["loss", "crossentropy", "CE", "ce"]
    assert list(found.values()) == pytest.approx([found["loss"]] * 4, rel=TOLERANCE)
