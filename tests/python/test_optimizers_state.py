"""The state of every optimizer in files, on threads, and where slices change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import BackupAndRestore, Callback
from training_models import assert_same_weights, make_data, make_expert_model

EMA = {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 4}
ACCUMULATION = {"gradient_accumulation_steps": 3}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd, ema": ("SGD", {"momentum": 0.9, **EMA}),
    "sgd, accumulation": ("SGD", ACCUMULATION),
    "adam": ("Adam", {}),
    "amsgrad": ("AdamW", {"amsgrad": True}),
    "adam, ema and accumulation": ("Adam", EMA | ACCUMULATION),
    "adam, clipping, ema and accumulation": ("Adam", EMA | ACCUMULATION | {"clipnorm": 0.1}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop, centered": ("RMSprop", {"centered": True, "momentum": 0.5}),
    "adagrad": ("Adagrad", {}),
    "adadelta": ("Adadelta", {}),
    "adamax": ("Adamax", {}),
    "nadam": ("Nadam", {}),
    "adafactor": ("Adafactor", {}),
    "adafactor, ema and accumulation": ("Adafactor", EMA | ACCUMULATION),
    "lion, accumulation": ("Lion", ACCUMULATION),
}
X, Y = make_data(48)
BATCH = 4


def make_optimizer(form: str) -> gw.optimizers.Optimizer:
    kind, settings = FORMS[form]
    optimizer: gw.optimizers.Optimizer = getattr(gw.optimizers, kind)(0.02, **settings)
    return optimizer


def make_model(form: str) -> gw.Sequential:
    model = make_expert_model()
    model.compile(make_optimizer(form), "sparse_categorical_crossentropy")
    return model


def train(model: gw.Sequential, steps: range) -> None:
    for step in steps:
        rows = slice(step * BATCH, (step + 1) * BATCH)
        model.train_on_batch(X[rows], Y[rows])


def averages(model: gw.Sequential) -> list[np.ndarray]:
    model.optimizer.swap_ema_weights()
    found: list[np.ndarray] = model.get_weights()
    model.optimizer.swap_ema_weights()
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("done", [2, 7])
def test_a_stored_model_continues_with_the_same_bits(tmp_path: Path, form: str, done: int) -> None:
    """Also between the steps of one update."""
    whole = make_model(form)
    train(whole, range(done))
    whole.save(tmp_path / "model.gatewise")
    loaded = gw.load_model(tmp_path / "model.gatewise")
    assert loaded.optimizer.get_config() == whole.optimizer.get_config()
    assert loaded.optimizer.iterations == whole.optimizer.iterations
    for model in (whole, loaded):
        train(model, range(done, 11))
    assert_same_weights(whole, loaded)
    if whole.optimizer.use_ema:
        for one, other in zip(averages(whole), averages(loaded), strict=True):
            np.testing.assert_array_equal(one, other)


class KilledError(Exception):
    """Ends a training."""


class Killer(Callback):
    """Raises after some batches."""

    def __init__(self, after: int | None) -> None:
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KilledError


@pytest.mark.parametrize("form", ["adam, ema and accumulation", "adafactor", "nadam"])
@pytest.mark.parametrize("after", [5, 13])
def test_a_restored_fit_ends_with_the_same_bits(tmp_path: Path, form: str, after: int) -> None:
    models = []
    for kill in (None, after):
        for again in (kill, None):
            model = make_model(form)
            hooks = [BackupAndRestore(tmp_path / str(kill), 1), Killer(again)]
            try:
                model.fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=hooks)
            except KilledError:
                continue
            break
        models.append(model)
    assert_same_weights(*models)


@pytest.mark.parametrize("form", FORMS)
def test_updates_have_the_same_bits_for_any_thread_count(form: str) -> None:
    """Of kernels that are large enough for several threads."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 150)), rng.normal(size=(16, 70))
    found = []
    try:
        for threads in (1, 2):
            gw.set_num_threads(threads)
            gw.utils.set_random_seed(0)
            layers = [gw.layers.Dense(300, "tanh"), gw.layers.Dense(70)]
            model = gw.Sequential([gw.Input((150,)), *layers])
            model.compile(make_optimizer(form), "mse")
            for _ in range(7):
                model.train_on_batch(x, y)
            found.append(model.get_weights())
            if model.optimizer.use_ema:
                found[-1] += averages(model)
    finally:
        gw.set_num_threads(None)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("form", FORMS)
def test_bfloat16_products_read_the_updated_weights(form: str) -> None:
    gw.utils.set_random_seed(0)
    layers = [gw.layers.Dense(20, "tanh", dtype="mixed_bfloat16"), gw.layers.Dense(3, "softmax")]
    model = gw.Sequential([gw.Input((6,)), *layers])
    model.compile(make_optimizer(form), "sparse_categorical_crossentropy")
    before = model.get_weights()[0]
    train(model, range(8))
    assert (model.get_weights()[0] != before).any()
    copy = gw.Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(X), copy.predict(X))


def test_a_state_keeps_what_its_optimizer_needs_and_no_more() -> None:
    names = {}
    for form in FORMS:
        model = make_model(form)
        train(model, range(2))
        found = {name.partition(".")[2] or name for name in model._training.trainer_state()}
        names[form] = found - {"steps", "penalties"}
    average = {"average", "average_steps", "averages_are_weights"}
    accumulated = {"gradient_sum", "is_accumulated"}
    moments = {"first_moment", "second_moment"}
    assert names == {
        "sgd, ema": {"first_moment"} | average,
        "sgd, accumulation": accumulated,
        "adam": moments,
        "amsgrad": moments | {"third_moment"},
        "adam, ema and accumulation": moments | average | accumulated,
        "adam, clipping, ema and accumulation": moments | average | accumulated,
        "rmsprop": {"second_moment"},
        "rmsprop, centered": moments | {"third_moment"},
        "adagrad": {"second_moment"},
        "adadelta": {"second_moment", "third_moment"},
        "adamax": moments,
        "nadam": moments,
        "adafactor": {"statistics"},
        "adafactor, ema and accumulation": {"statistics"} | average | accumulated,
        "lion, accumulation": {"first_moment"} | accumulated,
    }


def test_adafactor_keeps_a_value_for_each_row_and_column() -> None:
    model = gw.Sequential([gw.Input((200,)), gw.layers.Dense(48)])
    model.compile("adafactor", "mse")
    model.train_on_batch(np.ones((4, 200)), np.ones((4, 48)))
    # 200 + 48 of the kernel, rounded up to 16, and 48 of the bias.
    assert len(model._training.trainer_state()["layer0.statistics"]) == 256 + 48


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("averages_are_weights", 2, "expected step counts from 0 to 1 in averages_are_weights"),
        ("layer0.average_steps", 3, "expected step counts from -1 to 2 in layer0.average_steps"),
        ("layer0.is_accumulated", 2, "expected step counts from 0 to 1 in layer0.is_accumulated"),
    ],
)
def test_a_state_that_is_out_of_range_is_refused(name: str, value: int, message: str) -> None:
    model = make_model("adam, ema and accumulation")
    train(model, range(2))
    state = model._training.trainer_state()
    wrong = {**state, name: np.full_like(state[name], value)}
    with pytest.raises(ValueError, match=message):
        model._training.set_trainer_state(wrong)
    missing = {key: array for key, array in state.items() if key != name}
    with pytest.raises(ValueError, match=f"expected a key {name}"):
        model._training.set_trainer_state(missing)
    for key, array in model._training.trainer_state().items():
        np.testing.assert_array_equal(array, state[key])


GATED_STATE = {
    # Name, and how many values a unit's kernel of 6 x 3 has of it: in panels 6 x 4, padded.
    "adagrad": [("second_moment", 32)],
    "adafactor": [("statistics", 16)],
    "adam, ema and accumulation": [("average", 32), ("gradient_sum", 32)],
}


@pytest.mark.parametrize("form", GATED_STATE)
def test_state_follows_groups_that_move_and_merged_ones_start_from_the_beginning(form: str) -> None:
    layer = gw.layers.GatedExperts(4, 3, groups="auto", gate="soft", seed=1)
    model = gw.Sequential([gw.Input((6,)), layer])
    model.compile(make_optimizer(form), "mse")
    x = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
    for _ in range(5):
        model.train_on_batch(x, np.ones((40, 12)))
    before = model._training.trainer_state()
    layer.join_groups([0, 1, 0, 2])  # unit 3 moves from group 3 to 2
    after = model._training.trainer_state()
    start = 0.1 if form == "adagrad" else 0.0
    for name, floats in GATED_STATE[form]:
        old, new = (
            state[f"layer0.{name}"][: 4 * floats].reshape(4, floats) for state in (before, after)
        )
        assert old.any(axis=1).all()
        np.testing.assert_array_equal(new[0], np.full(floats, start, np.float32))
        np.testing.assert_array_equal(new[1], old[1])
        np.testing.assert_array_equal(new[2], old[3])
    if "ema" in form:
        assert after["layer0.average_steps"][:3].tolist() == [
            -1,
            *before["layer0.average_steps"][[1, 3]],
        ]
        assert after["layer0.is_accumulated"][:3].tolist() == [0, 1, 1]
        merged = layer.named_weights()["kernel"][0]
        model.optimizer.swap_ema_weights()
        np.testing.assert_array_equal(layer.named_weights()["kernel"][0], merged)
        model.optimizer.swap_ema_weights()
    losses = [model.train_on_batch(x, np.ones((40, 12))) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_a_checkpoint_of_settings_before_these_is_continued() -> None:
    """Settings that earlier versions did not have are not compared where they change nothing."""
    names = gw.optimizers.Adam().fixed_settings().keys()
    assert names == {
        *("name", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "dense_updates"),
        *("beta_1", "beta_2", "epsilon"),
    }
    changed = gw.optimizers.Adam(amsgrad=True, use_ema=True).fixed_settings()
    assert changed["amsgrad"] and changed["use_ema"] and "ema_momentum" not in changed
