"""Training on iterators of batches."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest

import gatewise as gw
from training_models import WIDTH, assert_same_weights, make_data, make_model


def batches(x: np.ndarray, y: np.ndarray, size: int = 10) -> Iterator[tuple]:
    for first in range(0, len(x), size):
        yield x[first : first + size], y[first : first + size]


class Loader:
    """Can be iterated once per epoch like a data loader; yields lists, as some loaders do."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def __iter__(self) -> Iterator[list]:
        return (list(batch) for batch in batches(self.x, self.y))


def endless(x: np.ndarray, y: np.ndarray) -> Iterator[tuple]:
    while True:
        yield from batches(x, y)


def trained_on_arrays(epochs: int) -> gw.Sequential:
    x, y = make_data()
    model = make_model()
    model.fit(x, y, batch_size=10, epochs=epochs, shuffle=False, verbose=0)
    return model


def test_a_loader_trains_like_unshuffled_arrays() -> None:
    model = make_model()
    history = model.fit(Loader(*make_data()), epochs=3, verbose=0)
    assert history.params["steps"] is None
    assert_same_weights(model, trained_on_arrays(3))


def test_a_generator_continues_over_epochs_of_given_steps() -> None:
    model = make_model()
    history = model.fit(endless(*make_data()), epochs=6, steps_per_epoch=5, verbose=0)
    assert len(history.history["loss"]) == 6
    assert_same_weights(model, trained_on_arrays(6))


def test_a_finite_generator_is_one_epoch() -> None:
    model = make_model()
    model.fit(batches(*make_data()), verbose=0)
    assert_same_weights(model, trained_on_arrays(1))


def test_a_generator_that_ends_early_stops_training_with_a_warning() -> None:
    model = make_model()
    with pytest.warns(UserWarning, match="the iterator ended before the epochs did"):
        history = model.fit(batches(*make_data()), epochs=4, verbose=0)
    assert history.epoch == [0]
    with pytest.warns(UserWarning, match="the iterator ended before the epochs did"):
        history = model.fit(batches(*make_data()), epochs=4, steps_per_epoch=3, verbose=0)
    assert history.epoch == [0, 1]


def test_a_model_without_a_shape_is_built_from_the_first_batch() -> None:
    gw.utils.set_random_seed(1)
    model = gw.Sequential(
        [gw.layers.Dense(8, activation="relu"), gw.layers.Dense(3, activation="softmax")]
    )
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(batches(*make_data()), verbose=0)
    assert model.input_shape == (None, WIDTH)
    assert_same_weights(model, trained_on_arrays(1))


def test_batches_can_contain_sample_weights() -> None:
    x, y = make_data()
    weights = np.linspace(0, 1, 50).astype(np.float32)
    one, other = make_model(), make_model()
    one.fit(
        ((x[i : i + 10], y[i : i + 10], weights[i : i + 10]) for i in range(0, 50, 10)), verbose=0
    )
    other.fit(x, y, batch_size=10, sample_weight=weights, shuffle=False, verbose=0)
    assert_same_weights(one, other)


def test_class_weight_applies_to_batches() -> None:
    x, y = make_data()
    one, other = make_model(), make_model()
    one.fit(Loader(x, y), class_weight={0: 3.0}, verbose=0)
    other.fit(x, y, batch_size=10, class_weight={0: 3.0}, shuffle=False, verbose=0)
    assert_same_weights(one, other)


def test_validation_data_can_be_an_iterator() -> None:
    x, y = make_data()
    model = make_model()
    model.optimizer.learning_rate = 0.0
    expected = pytest.approx(model.evaluate(x, y, verbose=0)[0])
    loader = model.fit(x, y, epochs=2, validation_data=Loader(x, y), verbose=0).history
    options = {"validation_data": endless(x, y), "validation_steps": 5}
    generator = model.fit(x, y, epochs=2, verbose=0, **options).history
    assert loader["val_loss"] == [expected] * 2
    assert generator["val_loss"] == [expected] * 2


def test_a_generator_cannot_be_validated_on_twice() -> None:
    x, y = make_data()
    with pytest.raises(ValueError, match="validation_steps: expected a number where"):
        make_model().fit(x, y, epochs=2, validation_data=batches(x, y), verbose=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": np.ones(3)}, "y: expected None where x is an iterator of batches"),
        ({"sample_weight": np.ones(3)}, "sample_weight: expected None where x is an iterator"),
        ({"batch_size": 3}, "batch_size: expected None where x is an iterator"),
        ({"validation_split": 0.1}, "validation_split: expected 0 where x is an iterator, got 0.1"),
        ({"class_weight": {7: 1.0}}, "class_weight: expected keys from 0 to 2"),
    ],
)
def test_arguments_incompatible_with_an_iterator_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_model().fit(Loader(*make_data()), verbose=0, **options)


def test_a_bad_batch_leaves_the_model_as_after_the_previous_step() -> None:
    x, y = make_data()
    x[34, 2] = np.nan
    model, other = make_model(), make_model()
    with pytest.raises(ValueError, match="batch 3: x: expected finite numbers, got nan at row 4"):
        model.fit(batches(x, y), verbose=0)
    other.fit(x[:30], y[:30], batch_size=10, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_evaluate_and_predict_accept_iterators() -> None:
    x, y = make_data()
    model = make_model()
    result = model.evaluate(batches(x, y), verbose=0)
    assert result == pytest.approx(model.evaluate(x, y, verbose=0))
    assert model.evaluate(endless(x, y), steps=5, verbose=0) == pytest.approx(result)
    whole = model.predict(x)
    np.testing.assert_array_equal(model.predict(batches(x, y)), whole)
    np.testing.assert_array_equal(model.predict(x[i : i + 7] for i in range(0, 50, 7)), whole)
    np.testing.assert_array_equal(model.predict(endless(x, y), steps=2), whole[:20])


def test_an_empty_iterator_is_refused() -> None:
    model = make_model()
    with pytest.raises(ValueError, match="x: expected at least one batch"):
        model.predict(iter([]))
    with pytest.raises(ValueError, match="x: expected at least one batch"):
        model.evaluate(iter([]), verbose=0)


class Batches:
    """Batches by index, without `__iter__`; an index beyond the end gives another batch."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y, self.passes = x, y, 0

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(10 * (index % 5), 10 * (index % 5) + 10)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        self.passes += 1


class Dataset(Batches, gw.utils.PyDataset):
    pass


@pytest.mark.parametrize("kind", [Batches, Dataset])
def test_a_class_of_batches_by_index_is_iterated_in_order(kind: type[Batches]) -> None:
    x, y = make_data()
    data, validation = kind(x, y), kind(x, y)
    model = make_model()
    model.fit(data, epochs=3, validation_data=validation, verbose=0)
    assert data.passes == validation.passes == 3
    other = make_model()
    other.fit(x, y, batch_size=10, shuffle=False, epochs=3, verbose=0)
    assert_same_weights(model, other)
    np.testing.assert_array_equal(model.predict(data), other.predict(x))
    assert model.evaluate(data, verbose=0) == pytest.approx(other.evaluate(x, y, verbose=0))
    sae = gw.SparseAutoencoder(8, activation=gw.TopK(2), seed=1)
    sae.compile("adam")
    data = kind(x, x)
    sae.fit(data, epochs=2, verbose=0)
    assert data.passes == 2


def test_a_dataset_of_samples_of_pytorch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyTorch: its module is looked up, never imported."""

    class MapDataset:
        def __getitem__(self, index: int) -> object: ...

    class IterableDataset(MapDataset):
        def __iter__(self) -> Iterator[object]:
            return iter([make_data()])

    module = types.ModuleType("torch.utils.data")
    module.Dataset, module.IterableDataset = MapDataset, IterableDataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.data", module)
    with pytest.raises(TypeError, match=r"Dataset of samples \(MapDataset\).*DataLoader"):
        make_model().fit(MapDataset(), verbose=0)
    make_model().fit(IterableDataset(), verbose=0)
