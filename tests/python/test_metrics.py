"""Metrics agree with their formulas."""

import numpy as np
import pytest

import gatewise as gw

CLASSES = 7


LOGITS = gw.losses.CategoricalCrossentropy(from_logits=True)


def evaluate(metric, outputs: np.ndarray, targets: np.ndarray, loss=LOGITS) -> float:
    """The metric of a model whose outputs are its inputs; the loss must accept the targets."""
    width = outputs.shape[1]
    layer = gw.layers.Dense(width, use_bias=False)
    model = gw.Sequential([gw.Input(shape=(width,)), layer])
    model.set_weights([np.eye(width)])
    model.compile("sgd", loss, metrics=[metric])
    return model.evaluate(outputs, targets, verbose=0)[1]


@pytest.mark.parametrize("k", [1, 3, 7, 20])
def test_top_k_categorical_accuracy_counts_targets_among_the_k_largest_outputs(k):
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(200, CLASSES)).astype(np.float32)
    labels = rng.integers(0, CLASSES, 200)
    largest = np.argsort(-outputs, axis=1)[:, :k]
    expected = np.mean([label in row for label, row in zip(labels, largest, strict=True)])
    metric = gw.metrics.TopKCategoricalAccuracy(k)
    assert evaluate(metric, outputs, np.eye(CLASSES)[labels]) == pytest.approx(expected, abs=1e-6)


def test_top_k_categorical_accuracy_counts_a_tie_as_among_them():
    outputs = np.array([[1, 1, 1, 0, 0, 0, 0]], np.float32)
    assert evaluate(gw.metrics.TopKCategoricalAccuracy(1), outputs, np.eye(CLASSES)[[2]]) == 1
    assert evaluate(gw.metrics.TopKCategoricalAccuracy(3), outputs, np.eye(CLASSES)[[4]]) == 0


def test_top_k_categorical_accuracy_has_keras_default_and_a_configuration():
    metric = gw.metrics.get("top_k_categorical_accuracy")
    assert metric.k == 5
    config = gw.metrics.serialize(gw.metrics.TopKCategoricalAccuracy(2, name="top2"))
    assert gw.metrics.get(config).get_config() == {"name": "top2", "k": 2}


def test_top_k_categorical_accuracy_refuses_a_k_below_one():
    with pytest.raises(ValueError, match="k: expected an integer >= 1, got 0"):
        gw.metrics.TopKCategoricalAccuracy(0)


def test_binary_accuracy_never_meets_a_soft_target_as_in_keras():
    outputs = np.array([[0.95, 0.05]], np.float32)
    for targets, accuracy in (((0.7, 0.2), 0), ((1.0, 0.2), 0.5), ((1.0, 0.0), 1)):
        found = evaluate("binary_accuracy", outputs, np.array([targets]), "binary_crossentropy")
        assert found == accuracy
