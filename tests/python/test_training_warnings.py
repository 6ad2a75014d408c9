"""Warnings about collapsed routing and outputs that are not probabilities."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.layers.expert_load import ExpertLoad
from gatewise.training.collapse import describe_collapse
from gatewise.training.loads import EpochLoads
from training_models import WIDTH, make_data, make_model

X, Y = make_data()


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([500, 500, 0, 0], r"expert 0 got 50% .*2 of 4 experts got none \(2, 3\)"),
        (
            [970, 10, 10, 10],
            r"expert 0 got 97% of the rows \(an even share is 25%\), every expert got",
        ),
        (
            [1, 1, 1, 0] * 100,
            r"100 of 400 experts got none \(3, 7, 11, 15, 19, 23, 27, 31, \.\.\.\)",
        ),
    ],
)
def test_the_warning_describes_the_collapse(rows: list[int], part: str) -> None:
    if len(rows) > 100:
        rows = [row * 100 for row in rows]
    message = describe_collapse("experts", ExpertLoad.from_rows(np.array(rows)))
    assert message is not None
    with pytest.raises(ValueError, match=part):
        raise ValueError(message)
    assert message.startswith("experts: routing has collapsed") and "gatewise.balance" in message


@pytest.mark.parametrize("rows", [[250, 250, 250, 250], [400, 300, 200, 100], [3, 0, 0, 0], [90]])
def test_uneven_load_and_few_rows_do_not_warn(rows: list[int]) -> None:
    assert describe_collapse("experts", ExpertLoad.from_rows(np.array(rows))) is None


def collapsing() -> tuple[gw.Sequential, np.ndarray]:
    """All rows are equal, so that one expert receives them all."""
    gw.utils.set_random_seed(1)
    model = gw.Sequential(
        [
            gw.Input(shape=(WIDTH,)),
            gw.SparseExpertLayer(3, num_experts=4, k=1, router="switch", activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model, np.ones((100, WIDTH), np.float32)


def test_fit_warns_once_about_collapsed_routing() -> None:
    model, x = collapsing()
    with pytest.warns(gw.RoutingCollapseWarning, match="3 of 4 experts got none") as caught:
        model.fit(x, np.zeros(100), epochs=4, verbose=0)
    assert len(caught) == 1
    assert model.layers[0].load_.dead.size == 3


def test_routing_can_recover_from_two_bad_epochs_without_a_warning() -> None:
    model, _ = collapsing()
    loads = EpochLoads(model.layers)
    for rows in ([400, 0, 0, 0], [400, 0, 0, 0], [100, 100, 100, 100], [400, 0, 0, 0]):
        model.layers[0].set_training_load(np.array(rows))
        loads.warn(last=False)
    with pytest.warns(gw.RoutingCollapseWarning):
        loads.warn(last=True)


def make(activation: str | None, loss: Any, units: int = 3) -> gw.Sequential:
    gw.utils.set_random_seed(1)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(units, activation=activation)])
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    ("activation", "loss", "units", "y", "part"),
    [
        (None, "sparse_categorical_crossentropy", 3, Y, "got values from -.*activation='softmax'"),
        ("relu", "categorical_crossentropy", 3, np.eye(3)[Y], "expects probabilities, got"),
        ("tanh", "binary_crossentropy", 1, Y > 0, "got values from -.*activation='sigmoid'"),
    ],
)
def test_outputs_that_are_not_probabilities_warn_once(
    activation: str | None, loss: str, units: int, y: np.ndarray, part: str
) -> None:
    model = make(activation, loss, units)
    with pytest.warns(UserWarning, match=part):
        model.fit(X, y, verbose=0)
    model.fit(X, y, verbose=0)


@pytest.mark.parametrize(
    ("activation", "loss", "y", "part"),
    [
        ("sigmoid", "categorical_crossentropy", np.ones((len(Y), 1)), "of one class is always 0"),
        ("softmax", "sparse_categorical_crossentropy", np.zeros_like(Y), "one class is always 0"),
        ("softmax", "binary_crossentropy", Y > 0, "a softmax of one unit is always 1"),
        ("softmax", "mse", Y > 0, "a softmax of one unit is always 1"),
    ],
)
def test_one_unit_that_cannot_learn_warns_once(
    activation: str, loss: str, y: np.ndarray, part: str
) -> None:
    model = make(activation, loss, 1)
    before = model.get_weights()[0]
    with pytest.warns(gw.OneClassWarning, match=part):
        model.fit(X, y, verbose=0)
    model.fit(X, y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_iterators_and_single_batches_are_checked_too() -> None:
    loss = "sparse_categorical_crossentropy"
    with pytest.warns(UserWarning, match="expects probabilities"):
        make(None, loss).fit(iter([(X, Y)]), verbose=0)
    with pytest.warns(UserWarning, match="expects probabilities"):
        make(None, loss).train_on_batch(X, Y)


@pytest.mark.parametrize(
    ("activation", "loss", "y"),
    [
        ("softmax", "sparse_categorical_crossentropy", Y),
        ("sigmoid", "binary_crossentropy", np.eye(3)[Y]),
        ("sigmoid", "categorical_crossentropy", np.eye(3)[Y]),
        (None, gw.losses.SparseCategoricalCrossentropy(from_logits=True), Y),
        (None, "mse", np.eye(3)[Y]),
    ],
)
def test_suitable_outputs_do_not_warn(activation: str | None, loss: Any, y: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(activation, loss).fit(X, y, verbose=0)


def test_outputs_that_happen_to_be_probabilities_do_not_warn() -> None:
    x = gw.Input(shape=(WIDTH,))
    halves = gw.layers.Dropout(0.1)(gw.layers.Dense(3, activation="softmax")(x))
    model = gw.Model(x, halves)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, verbose=0)


def test_a_softmax_before_a_loss_of_logits_warns() -> None:
    loss = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match="which would be applied twice"):
        make("softmax", loss).fit(X, Y, verbose=0)


def test_calls_of_other_threads_are_refused_while_training() -> None:
    model = make_model()
    errors: list[str] = []

    def call(name: str) -> None:
        try:
            getattr(model, name)(X, Y)
        except RuntimeError as error:
            errors.append(str(error))

    def call_from_threads(epoch: int, logs: Any) -> None:
        for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
            thread = threading.Thread(target=call, args=(name,))
            thread.start()
            thread.join()

    hook = gw.callbacks.LambdaCallback(on_epoch_end=call_from_threads)
    model.fit(X, Y, verbose=0, callbacks=[hook])
    assert [error.split(":")[0] for error in errors] == [
        "fit",
        "evaluate",
        "train_on_batch",
        "test_on_batch",
    ]


def test_concurrent_evaluations_run_one_after_another() -> None:
    model = make_model()
    expected = model.evaluate(X, Y, verbose=0)
    results: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda: results.extend(model.evaluate(X, Y, verbose=0) for _ in range(20))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 80


def test_warnings_point_to_the_line_of_the_user() -> None:
    model, x = collapsing()
    with pytest.warns(gw.RoutingCollapseWarning) as caught:
        model.fit(x, np.zeros(100), verbose=0)
    assert caught[0].filename == __file__


def regression(units: int = 1) -> gw.Sequential:
    gw.utils.set_random_seed(0)
    model = gw.Sequential(
        [gw.Input((4,)), gw.layers.Dense(8, "relu"), gw.layers.Dense(units, name="out")]
    )
    model.compile("adam", "mse")
    return model


def test_a_regression_that_stays_at_the_variance_of_its_targets_warns() -> None:
    x = np.random.default_rng(0).normal(size=(320, 4)).astype(np.float32)
    y = 150 + 50 * x[:, 0]
    with pytest.warns(gw.TargetScaleWarning, match=r"explains nothing.* mean 1\d\d and") as caught:
        regression().fit(x, y, epochs=10, verbose=0)
    assert len(caught) == 1
    model = regression()
    model.fit(x, y, epochs=2, verbose=0)  # too few steps to tell
    model = regression()
    model.fit(x, (y - y.mean()) / y.std(), epochs=10, verbose=0)
    noise = np.random.default_rng(1).normal(size=320)
    regression().fit(x, noise, epochs=10, verbose=0)
    regression(4).fit(10 * x, 10 * x, epochs=10, verbose=0)
