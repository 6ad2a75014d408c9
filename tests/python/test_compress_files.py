"""Files of models with compressed layers, and what such models refuse."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from compressed_models import FORMS, X, Y, functional, stack
from gatewise.compress import compress
from gatewise.io import container
from gatewise.layers import CompressedDense, Dense


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    gw.utils.set_random_seed(0)


def _outputs(model: gw.Model, x: np.ndarray) -> list[np.ndarray]:
    found = model.predict_on_batch(x)
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("make", [stack, functional], ids=["sequential", "functional"])
@pytest.mark.parametrize("form", FORMS)
def test_a_saved_model_keeps_its_form_and_bits(form: str, make: Any, tmp_path: Any) -> None:
    small = compress(make(), form)
    x = np.resize(X, (6, *small.input_shape[1:]))
    expected = _outputs(small, x)
    small.save(tmp_path / "m.gatewise")
    for copied in (
        gw.load_model(tmp_path / "m.gatewise"),
        pickle.loads(pickle.dumps(small)),
        copy.deepcopy(small),
    ):
        assert type(copied) is type(small)
        assert copied.get_config() == small.get_config()
        assert copied.count_bytes() == small.count_bytes()
        for found, one in zip(_outputs(copied, x), expected, strict=True):
            assert np.array_equal(found, one)


def test_a_compressed_layer_can_be_pickled() -> None:
    layer = compress(stack(), "csr").layers[0]
    copied = pickle.loads(pickle.dumps(layer))
    assert np.array_equal(copied(X), layer(X))


def test_a_layer_from_its_configuration_has_zero_weights() -> None:
    small = compress(stack(), "csr")
    copied = gw.models.model_from_json(small.to_json())
    assert copied.layers[0].num_steps == small.layers[0].num_steps > 0
    assert copied.layers[0].count_nonzero() == 0
    assert copied.predict(X, verbose=0).shape == (70, 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_weights_file_is_loaded_into_a_model_of_the_same_form(form: str, tmp_path: Any) -> None:
    model = stack()
    small, other = compress(model, form), compress(model, form)
    other.layers[-1].set_weights([np.zeros((50, 3)), np.zeros(3)])
    small.save_weights(tmp_path / "w.gatewise")
    other.load_weights(tmp_path / "w.gatewise")
    assert small.compare(other, X).largest_difference == 0
    with pytest.raises(ValueError, match=r"w.gatewise: layer .*: expected parameters kernel, bias"):
        model.load_weights(tmp_path / "w.gatewise")


DAMAGE = {
    "indices": r"indices: expected indices of inputs, ascending for each unit",
    "panel_offsets": r"panel_offsets: expected them to go from 0 to the number of steps",
    "column_order": r"column_order: expected every unit once, within 256 of its own index",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_with_invalid_arrays_is_refused_and_sets_nothing(name: str, tmp_path: Any) -> None:
    small = compress(stack(), "csr")
    path = tmp_path / "m.gatewise"
    expected = small.predict(X, verbose=0)
    small.save(path)
    found = container.read_file(path, "model")
    tensor = f"weights/{small.layers[1].name}/{name}"
    damaged = found.tensors[tensor].copy()
    damaged.flat[-1] = 65535 if name == "indices" else 1 << 30
    first = f"weights/{small.layers[0].name}/data"
    tensors = {**found.tensors, tensor: damaged, first: 2 * found.tensors[first]}
    container.write_file(path, "model", found.config, tensors)
    message = rf"m.gatewise: layer '{small.layers[1].name}': {DAMAGE[name]}"
    with pytest.raises(ValueError, match=message):
        gw.load_model(path)
    with pytest.raises(ValueError, match=message):
        small.load_weights(path)
    assert np.array_equal(small.predict(X, verbose=0), expected)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("num_steps", 1, r"expected float32 of shape \(1, 16\), got float32 of shape "),
        ("num_steps", 1 << 60, r"config: num_steps: expected a whole number from -1 to 2147483647"),
        ("num_steps", -1, r"config: num_steps: expected an integer >= 0, got -1"),
        ("form", "coo", r"config: form: expected one of csr, blocks, got 'coo'"),
        ("form", "blocks", r"expected parameters data, indices, panel_offsets, bias, got data"),
    ],
)
def test_a_file_with_other_settings_is_refused(
    setting: str, value: Any, message: str, tmp_path: Any
) -> None:
    path = tmp_path / "m.gatewise"
    compress(stack(), "csr").save(path)
    found = container.read_file(path, "model")
    found.config["config"]["layers"][0]["config"][setting] = value
    container.write_file(path, "model", found.config, found.tensors)
    with pytest.raises(ValueError, match=r"m.gatewise: .*" + message):
        gw.load_model(path)


@pytest.mark.parametrize("form", FORMS)
def test_evaluate_works_and_training_is_refused(form: str) -> None:
    model = stack(kernel_regularizer="l2")
    small = compress(model, form)
    loss, accuracy = small.evaluate(X, Y, verbose=0)
    probabilities = small.predict(X, verbose=0)[np.arange(70), Y]
    assert loss == pytest.approx(-np.log(probabilities).mean(), rel=1e-5)
    assert 0 <= accuracy <= 1
    layer = small.layers[0]
    refusal = rf"expected float32 weights, got layer '{layer.name}' in {form}, which is for pred"
    with pytest.raises(ValueError, match="fit: " + refusal):
        small.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="train_on_batch: " + refusal):
        small.train_on_batch(X, Y)
    with pytest.raises(ValueError, match="set_weights: " + refusal):
        small.set_weights(model.get_weights())
    with pytest.raises(ValueError, match="set_weights: " + refusal):
        layer.set_weights(layer.get_weights())
    with pytest.raises(ValueError, match=r"kernel: expected a parameter that is set by itself"):
        layer.native.set("kernel", layer.get_weights()[0])
    with pytest.raises(ValueError, match=r"fit: expected a model of float32 weights, got kernel"):
        small._training.prepare_trainer().begin_fit()


def test_recompressing_changes_nothing() -> None:
    small = compress(stack(), "csr")
    copied = compress(small, "blocks")
    assert copied.get_config() == small.get_config()
    assert copied.compare(small, X).largest_difference == 0
    only = gw.Sequential([gw.Input(shape=(90,)), small.layers[0]])
    assert isinstance(compress(only).layers[0], CompressedDense)


def test_wrong_uses_of_compress_are_refused() -> None:
    model = stack()
    with pytest.raises(TypeError, match=r"model: expected a model, got Dense"):
        compress(model.layers[0])
    with pytest.raises(ValueError, match=r"form: expected one of auto, csr, blocks, got 'coo'"):
        compress(model, "coo")
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"min_sparsity: expected a number in \[0, 1\]"):
            compress(model, min_sparsity=share)
    with pytest.raises(TypeError, match=r"min_sparsity: expected a number"):
        compress(model, min_sparsity="most")
    with pytest.raises(ValueError, match=r"model: expected a built model, got one that has seen"):
        compress(gw.Sequential([Dense(3)]))
    with pytest.raises(ValueError, match=r"model: expected a Sequential or a Model, got a SparseA"):
        compress(gw.SparseAutoencoder.stacked(4, 3, 2))
    routed = gw.Sequential([gw.Input(shape=(4,)), gw.SparseExpertLayer(3, name="routed")])
    expected = r"model: expected a layer that can be compressed .*, got routed \(SparseExpertLayer"
    with pytest.raises(ValueError, match=expected):
        compress(routed)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"units": 0}, ValueError, r"units: expected an integer >= 1"),
        ({"form": "dense"}, ValueError, r"form: expected one of csr, blocks, got 'dense'"),
        ({"num_steps": 1.5}, TypeError, r"num_steps: expected an integer >= 0, got 1.5"),
        ({"kernel_initializer": "zeros"}, TypeError, r"unexpected argument 'kernel_initializer'"),
    ],
)
def test_a_layer_checks_its_settings(settings: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CompressedDense(**{"units": 3, **settings})


def test_a_kernel_or_bias_of_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kernel: expected \(d, u\), got 3 axes"):
        CompressedDense.from_kernel(np.zeros((2, 3, 4)), None, "csr")
    with pytest.raises(ValueError, match=r"bias: expected an array of the parameter's shape"):
        CompressedDense.from_kernel(np.zeros((2, 3)), np.zeros(4), "csr")
