"""Arguments of `fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import gatewise as gw
from training_models import (
    assert_same_weights,
    make_data,
    make_expert_model,
    make_model,
    make_regressor,
)


def test_history_has_one_value_per_epoch() -> None:
    x, y = make_data()
    model = make_model()
    history = model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)
    assert history is model.history
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(values) == 3 for values in history.history.values())
    assert history.params["epochs"] == 3 and history.params["steps"] == 2


def test_training_reduces_the_loss() -> None:
    x, y = make_data(300)
    history = make_model().fit(x, y, epochs=40, verbose=0).history
    assert history["accuracy"][-1] > 0.9 > history["accuracy"][0]


def test_the_same_seed_repeats_the_same_bits() -> None:
    x, y = make_data()
    models = [make_expert_model(noise=True) for _ in range(2)]
    for model in models:
        model.fit(x, y, epochs=3, verbose=0)
    assert_same_weights(*models)


def test_each_epoch_is_shuffled_differently() -> None:
    """Also across calls: a second `fit` must not repeat the order of the first."""
    x, y = make_data(8)
    model = make_model()
    seen: list[list[float]] = []

    class Losses(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen[-1].append(logs["loss"] * (batch + 1))

    model.optimizer.learning_rate = 0.0
    for _ in range(2):
        for _ in range(2):
            seen.append([])
            model.fit(x, y, batch_size=1, verbose=0, callbacks=Losses())
    firsts = [tuple(np.round(np.diff([0, *losses]), 4)) for losses in seen]
    assert len(set(firsts)) == 4
    assert len({tuple(sorted(each)) for each in firsts}) == 1


def test_epoch_means_are_weighted_by_batch_sizes() -> None:
    x, y = make_data(50)
    model = make_model()
    model.optimizer.learning_rate = 0.0
    epoch = model.fit(x, y, batch_size=32, verbose=0).history
    assert epoch["loss"][0] == pytest.approx(model.evaluate(x, y, batch_size=50, verbose=0)[0])


def test_validation_split_takes_the_last_rows_before_shuffling() -> None:
    x, y = make_data(50)
    one, other = make_model(), make_model()
    split = one.fit(x, y, epochs=2, validation_split=0.2, verbose=0).history
    given = other.fit(x[:40], y[:40], epochs=2, validation_data=(x[40:], y[40:]), verbose=0).history
    assert split == given
    assert_same_weights(one, other)


def test_validation_data_takes_precedence_over_validation_split() -> None:
    x, y = make_data(50)
    one, other = make_model(), make_model()
    one.fit(x, y, validation_split=0.5, validation_data=(x, y), verbose=0)
    other.fit(x, y, verbose=0)
    assert_same_weights(one, other)


@pytest.mark.parametrize(("freq", "expected"), [(2, 2), (3, 1), ([1, 4], 2)])
def test_validation_runs_at_validation_freq(freq: Any, expected: int) -> None:
    x, y = make_data()
    options = {"epochs": 4, "validation_data": (x, y), "validation_freq": freq, "verbose": 0}
    history = make_model().fit(x, y, **options).history
    assert len(history["val_loss"]) == expected and len(history["loss"]) == 4


def test_validation_steps_and_batch_size_limit_the_validation_rows() -> None:
    x, y = make_data()
    model = make_model()
    model.optimizer.learning_rate = 0.0
    data = {"validation_data": (x, y), "validation_batch_size": 10, "validation_steps": 2}
    history = model.fit(x, y, verbose=0, **data).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[:20], y[:20], verbose=0)[0])
    data = {"validation_data": (x, y), "validation_steps": 3}  # batches of all rows
    history = model.fit(x, y, verbose=0, **data).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x, y, verbose=0)[0])


def test_validation_sample_weights_are_used() -> None:
    x, y = make_data()
    model = make_model()
    weights = np.linspace(0, 2, 50)
    history = model.fit(x, y, verbose=0, validation_data=(x, y, weights)).history
    result = model.evaluate(x, y, sample_weight=weights, verbose=0)
    assert history["val_loss"][0] == pytest.approx(result[0])


def test_initial_epoch_sets_the_first_epoch_index() -> None:
    x, y = make_data()
    history = make_model().fit(x, y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]


def test_training_in_two_calls_equals_training_in_one() -> None:
    x, y = make_data()
    one, other = make_expert_model(), make_expert_model()
    one.fit(x, y, epochs=4, verbose=0)
    other.fit(x, y, epochs=2, verbose=0)
    other.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
    assert_same_weights(one, other)


def test_steps_per_epoch_continues_where_the_last_epoch_ended() -> None:
    """Six epochs of two steps are three passes of four batches."""
    x, y = make_data(100)
    one, other = make_model(), make_model()
    history = one.fit(x, y, batch_size=25, epochs=6, steps_per_epoch=2, verbose=0)
    other.fit(x, y, batch_size=25, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 6
    assert_same_weights(one, other)


@pytest.mark.parametrize("steps", [3, 12])
def test_an_epoch_ends_with_the_data_as_in_keras(steps: int) -> None:
    """Of four batches: epochs of 3, 1, 3, 1 steps, or of 4 each."""
    x, y = make_data(100)
    one, other = make_model(), make_model()
    epochs = 4 if steps == 3 else 2
    with pytest.warns(gw.EndOfDataWarning, match="steps_per_epoch") as warned:
        one.fit(x, y, batch_size=25, epochs=epochs, steps_per_epoch=steps, verbose=0)
    assert len(warned) == 1
    other.fit(x, y, batch_size=25, epochs=2, verbose=0)
    assert_same_weights(one, other)


def test_steps_per_epoch_alone_divides_the_data_into_so_many_batches() -> None:
    x, y = make_data(100)
    one, other = make_model(), make_model()
    one.fit(x, y, steps_per_epoch=3, epochs=2, verbose=0)
    other.fit(x, y, batch_size=34, epochs=2, verbose=0)
    assert_same_weights(one, other)


def test_stop_training_from_the_start_trains_one_batch_as_in_keras() -> None:
    class Stopper(gw.callbacks.Callback):
        def on_train_begin(self, logs=None) -> None:
            self.model.stop_training = True

    x, y = make_data(100)
    one, other = make_model(), make_model()
    history = one.fit(
        x, y, batch_size=25, epochs=3, shuffle=False, verbose=0, callbacks=[Stopper()]
    )
    other.train_on_batch(x[:25], y[:25])
    assert history.epoch == [0]
    assert_same_weights(one, other)


def test_class_weight_equals_a_weight_per_sample() -> None:
    x, y = make_data()
    one, other = make_model(), make_model()
    one.fit(x, y, class_weight={0: 2.0, 2: 0.0}, verbose=0)
    other.fit(x, y, sample_weight=np.array([2.0, 1.0, 0.0])[y], verbose=0)
    assert_same_weights(one, other)


def test_class_weight_multiplies_sample_weight() -> None:
    x, y = make_data()
    weights = np.linspace(0, 2, len(y))
    one, other = make_model(), make_model()
    one.fit(x, y, class_weight={0.0: 2.0, 2: 0.5}, sample_weight=weights, verbose=0)
    other.fit(x, y, sample_weight=weights * np.array([2.0, 1.0, 0.5])[y], verbose=0)
    assert_same_weights(one, other)


def test_sample_weight_multiplies_the_loss_and_divides_by_the_sample_count() -> None:
    x, y = make_data()
    model = make_model()
    weights = np.zeros(50)
    weights[:10] = 3.0
    weighted = model.evaluate(x, y, sample_weight=weights, batch_size=50, verbose=0)
    alone = model.evaluate(x[:10], y[:10], verbose=0)
    assert weighted[0] == pytest.approx(alone[0] * 3 * 10 / 50, rel=1e-5)
    assert weighted[1] == pytest.approx(model.evaluate(x, y, verbose=0)[1])


def test_weights_of_zero_give_a_loss_of_zero() -> None:
    x, y = make_data()
    with pytest.warns(UserWarning, match="all weights are 0"):
        result = make_model().evaluate(x, y, sample_weight=np.zeros(50), verbose=0)
    assert result[0] == 0


def test_targets_of_one_unit_can_omit_the_last_axis() -> None:
    x, _ = make_data()
    one, other = make_regressor(), make_regressor()
    one.fit(x, x[:, 0], verbose=0)
    other.fit(x, x[:, :1], verbose=0)
    assert_same_weights(one, other)


def test_other_dtypes_have_the_same_bits_after_training() -> None:
    x, y = make_data()
    one, other = make_model(), make_model()
    one.fit(x, y, verbose=0)
    other.fit(np.asfortranarray(x.astype(np.float64)), y.astype(np.float32), verbose=0)
    assert_same_weights(one, other)


def test_sparse_matrices_can_be_trained_on() -> None:
    x, y = make_data()
    x[x < 0.5] = 0
    dense, csr = make_model(), make_model()
    dense.fit(x, y, epochs=3, verbose=0)
    csr.fit(sparse.csr_array(x), y, epochs=3, verbose=0)
    for one, other in zip(dense.get_weights(), csr.get_weights(), strict=True):
        # The sums of a CSR row skip its zeros and can round differently.
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_validation_split_splits_rows_of_sparse_matrices() -> None:
    x, y = make_data()
    history = make_model().fit(sparse.csr_matrix(x), y, validation_split=0.2, verbose=0).history
    assert len(history["val_loss"]) == 1


def test_files_are_trained_on_a_buffer_at_a_time(tmp_path: Path) -> None:
    x, y = make_data(200)
    np.save(tmp_path / "x.npy", x.astype(np.float64))
    np.save(tmp_path / "y.npy", y)
    histories = []
    for given in (
        (str(tmp_path / "x.npy"), tmp_path / "y.npy"),
        (np.load(tmp_path / "x.npy", mmap_mode="r"), y),
    ):
        model = make_model()
        histories.append(model.fit(*given, epochs=20, validation_split=0.1, verbose=0).history)
    assert histories[0] == histories[1]
    assert histories[0]["val_accuracy"][-1] > 0.7


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_small_file_trains_like_the_array(tmp_path: Path, shuffle: bool) -> None:
    x, y = make_data(200)
    np.save(tmp_path / "x.npy", x)
    one, other = make_model(), make_model()
    one.fit(x, y, shuffle=shuffle, epochs=2, validation_split=0.1, verbose=0)
    options = {"shuffle": shuffle, "epochs": 2, "validation_split": 0.1, "verbose": 0}
    other.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), y, **options)
    assert_same_weights(one, other)


def test_layers_are_models_of_one_layer() -> None:
    x, y = make_data(200)
    layer = gw.SparseExpertLayer(3, num_experts=4, k=2, activation="softmax")
    layer.compile(gw.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["acc"])
    layer.fit(x, y, epochs=20, verbose=0)
    assert layer.evaluate(x, y, verbose=0)[1] > 0.7
    assert layer.load_.rows.sum() == 400


def test_load_counts_the_rows_of_the_last_epoch() -> None:
    x, y = make_data(120)
    model = make_expert_model()
    model.fit(x, y, epochs=3, verbose=0)
    assert model.layers[0].load_.rows.sum() == 240


def test_samples_of_several_rows_can_be_trained_on() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5, 6)).astype(np.float32)
    y = (x.sum(axis=2) > 0).astype(int)
    model = gw.Sequential([gw.layers.Dense(2, activation="softmax", input_shape=(5, 6))])
    model.compile(gw.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["acc"])
    history = model.fit(x, y, epochs=20, verbose=0, sample_weight=np.ones(40)).history
    assert history["acc"][-1] > 0.9
    assert model.predict(x).shape == (40, 5, 2)
