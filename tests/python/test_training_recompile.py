"""`compile` once more: what the optimizer keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = X[:, :2] ** 2


def make_model(optimizer: Any) -> gw.Sequential:
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(8, "tanh"), gw.layers.Dense(2)])
    model.compile(optimizer, "mse")
    return model


def trained(optimizer: Any, recompile: Any = None) -> tuple[gw.Sequential, list[Any]]:
    model = make_model(optimizer)
    for step in range(6):
        if step == 3 and recompile is not None:
            recompile(model)
        model.train_on_batch(X, Y)
    return model, model.get_weights()


def test_the_same_optimizer_keeps_its_moments_and_steps_as_in_keras() -> None:
    optimizer = gw.optimizers.Adam(0.01)
    model, found = trained(optimizer, lambda each: each.compile(optimizer, "mse", metrics=["mae"]))
    assert optimizer.iterations == model.optimizer.iterations == 6
    for a, b in zip(found, trained(gw.optimizers.Adam(0.01))[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_optimizer_of_equal_settings_starts_from_its_beginning() -> None:
    model, found = trained(
        gw.optimizers.Adam(0.01), lambda each: each.compile(gw.optimizers.Adam(0.01), "mse")
    )
    assert model.optimizer.iterations == 3
    expected = trained(gw.optimizers.Adam(0.01))[1]
    assert not all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_schedule_goes_on_where_it_was() -> None:
    schedule = gw.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    optimizer = gw.optimizers.SGD(schedule)
    _, found = trained(optimizer, lambda model: model.compile(optimizer, "mse"))
    for a, b in zip(found, trained(gw.optimizers.SGD(schedule))[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_moments_of_other_shapes_are_not_kept() -> None:
    optimizer = gw.optimizers.SGD(0.01, momentum=0.9)
    model = make_model(optimizer)
    model.train_on_batch(X, Y)
    model.add(gw.layers.Dense(2))
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    assert optimizer.iterations == 1


@pytest.mark.parametrize("save", ["save", "save_weights"])
def test_a_missing_folder_is_reported_by_the_file_that_was_asked_for(
    save: str, tmp_path: Path
) -> None:
    path = tmp_path / "none" / "m.gatewise"
    with pytest.raises(FileNotFoundError, match=r"none/m\.gatewise: expected its folder to exist"):
        getattr(make_model("adam"), save)(path)
