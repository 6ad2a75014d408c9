"""Models whose experts store their weights in 2 bytes, 1 byte or 4 bits."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from digits import load_digits
from gatewise.demo import build_model
from gatewise.io import container

KINDS = ["bfloat16", "int8", "int4"]
ERRORS = {"bfloat16": 0.01, "int8": 0.05, "int4": 0.3}
"""Of probabilities; a weight errs by up to 0.2 % of itself, or 0.4 or 22 % of its column's most."""
X = np.random.default_rng(0).normal(size=(70, 37)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 70)


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    gw.utils.set_random_seed(0)
    yield
    gw.set_num_threads(None)


def _expert_layer(expert: Any = "linear", **options: Any) -> gw.SparseExpertLayer:
    return gw.SparseExpertLayer(19, num_experts=5, expert=expert, **options)


def _stack(expert: Any = "linear", **options: Any) -> gw.Sequential:
    head = gw.layers.Dense(3, activation="softmax")
    model = gw.Sequential([gw.Input(shape=(37,)), _expert_layer(expert, **options), head])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


EXPERTS = {
    "linear": "linear",
    "mlp": gw.experts.MLP(33, activation="gelu"),
    "glu": gw.experts.GLU(20),
}


def _round_bfloat16(values: np.ndarray) -> np.ndarray:
    """Rounds to the nearest float whose lower 16 bits are zero, ties to even."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    upper = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return (upper << 16).astype(np.uint32).view(np.float32)


def _round_int8(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers and the scales of the slices along `axis`: the largest magnitude / 127."""
    scale = np.abs(values).max(axis=axis, keepdims=True) / np.float32(127)
    return np.rint(values / scale).astype(np.int64), scale


@pytest.mark.kernels
@pytest.mark.parametrize("expert", EXPERTS)
@pytest.mark.parametrize("kind", KINDS)
def test_quantized_predictions_are_close_and_the_model_is_unchanged(kind: str, expert: str) -> None:
    model = _stack(EXPERTS[expert], shared_experts=1)
    weights, before = model.get_weights(), model.predict(X, verbose=0)
    result = model.compare(model.quantize(kind), X)
    assert 0 < result.largest_difference < ERRORS[kind]
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert np.array_equal(model.predict(X, verbose=0), before)


def test_bfloat16_weights_are_rounded_to_nearest_even() -> None:
    model = _stack(EXPERTS["mlp"])
    quantized = model.quantize("bfloat16")
    for parameter, weight, rounded in zip(
        [each for layer in model.layers for each in layer.parameters()],
        model.get_weights(),
        quantized.get_weights(),
        strict=True,
    ):
        expert_kernel = parameter.role == "kernel" and parameter.per_expert
        expected = _round_bfloat16(weight) if expert_kernel else weight
        assert np.array_equal(rounded, expected), parameter.name


def test_int8_weights_are_integer_multiples_of_their_columns_scale() -> None:
    model = _stack(EXPERTS["mlp"])
    layer = model.quantize("int8").layers[0]
    weight = model.layers[0].named_weights()["kernel_in"]
    rounded_values, scale = _round_int8(weight, axis=1)
    stored = layer.stored_weights()
    assert stored["kernel_in"].dtype == np.int8
    assert np.array_equal(stored["kernel_in"], rounded_values)
    assert np.array_equal(stored["kernel_in_scale"], scale[:, 0])
    assert np.array_equal(
        layer.named_weights()["kernel_in"], rounded_values.astype(np.float32) * scale
    )


@pytest.mark.kernels
def test_int8_outputs_have_the_bits_of_integer_sums() -> None:
    layer = gw.SparseExpertLayer(19, num_experts=3, k=1, router="switch", use_bias=False)
    layer(X)
    quantized = layer.quantize("int8")
    weights, row_scale = _round_int8(X, axis=1)
    kernel, column_scale = _round_int8(layer.get_weights()[0], axis=1)
    chosen, gate = layer.routing(X)
    sums = np.einsum("nd,ndu->nu", weights, kernel[chosen[:, 0]])
    expert_outputs = sums.astype(np.float32) * row_scale * column_scale[chosen[:, 0], 0]
    assert np.array_equal(quantized(X), expert_outputs * gate)


@pytest.mark.kernels
def test_int8_sums_are_exact_at_the_extremes() -> None:
    depth = 4096
    layer = gw.SparseExpertLayer(2, num_experts=1, k=1, router="all", use_bias=False)
    x = np.where(np.arange(depth) % 3, 127, -127).astype(np.float32)[None]
    layer(x)
    layer.set_weights([np.stack([x[0], -x[0]], axis=1)[None], *layer.get_weights()[1:]])
    result = layer.quantize("int8")(x)
    assert result.tolist() == [[127 * 127 * depth, -127 * 127 * depth]]


@pytest.mark.kernels
@pytest.mark.parametrize("expert", EXPERTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_the_same_bits_in_any_batch_and_for_any_thread_count(
    kind: str, expert: str
) -> None:
    model = _stack(EXPERTS[expert], shared_experts=1).quantize(kind)
    expected = model.predict(X, verbose=0)
    for threads in (1, 2, 4):
        gw.set_num_threads(threads)
        for batch_size in (1, 13, 70):
            assert np.array_equal(model.predict(X, batch_size=batch_size, verbose=0), expected)


@pytest.mark.kernels
@pytest.mark.parametrize("kind", KINDS)
def test_csr_rows_have_the_bits_of_dense_rows(kind: str) -> None:
    model = _stack(EXPERTS["mlp"]).quantize(kind)
    dense = X * (np.abs(X) > 1)
    sparse = model.predict(csr_array(dense), verbose=0)
    # bfloat16 sums only omit zero terms and int8 sums are exact: the bits are the same.
    assert np.array_equal(sparse, model.predict(dense, verbose=0))


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_routing_and_load_work_and_training_is_refused(kind: str) -> None:
    model = _stack(kernel_regularizer="l2")
    quantized = model.quantize(kind)
    loss, accuracy = quantized.evaluate(X, Y, verbose=0)
    probabilities = quantized.predict(X, verbose=0)[np.arange(70), Y]
    assert loss == pytest.approx(-np.log(probabilities).mean(), rel=1e-5)
    assert 0 <= accuracy <= 1
    layer, original = quantized.layers[0], model.layers[0]
    assert all(map(np.array_equal, layer.routing(X), original.routing(X)))
    assert np.array_equal(layer.load(X).rows, original.load(X).rows)
    refusal = rf"expected float32 weights, got layer '{layer.name}' in {kind}, which is for pred"
    with pytest.raises(ValueError, match="fit: " + refusal):
        quantized.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="train_on_batch: " + refusal):
        quantized.train_on_batch(X, Y)
    with pytest.raises(ValueError, match="set_weights: " + refusal):
        quantized.set_weights(model.get_weights())
    with pytest.raises(ValueError, match="set_weights: " + refusal):
        layer.set_weights(original.get_weights())
    trainer = quantized._training.prepare_trainer()
    with pytest.raises(ValueError, match=f"fit: expected a model of float32 weights.* in {kind}"):
        trainer.begin_fit()


def test_float32_weights_are_restored_from_a_quantized_model() -> None:
    model = _stack(EXPERTS["glu"])
    quantized = model.quantize("int8")
    model.set_weights(quantized.get_weights())
    assert model.compare(quantized, X).largest_difference < 0.05


@pytest.mark.parametrize(("kind", "size"), [("bfloat16", 2), ("int8", 1)])
def test_count_bytes_and_the_summary_show_the_size(kind: str, size: int) -> None:
    model = _stack(EXPERTS["mlp"], balance=None)
    kernels = 5 * (37 * 33 + 33 * 19)
    others = model.count_params() - kernels
    scales = 5 * (33 + 19) if kind == "int8" else 0
    quantized = model.quantize(kind)
    assert model.count_bytes() == 4 * (kernels + others)
    assert quantized.count_bytes() == size * kernels + 4 * (others + scales)
    assert quantized.count_params() == model.count_params()
    lines: list[str] = []
    quantized.summary(print_fn=lines.append)
    assert f"5 MLP(33), k=2, {kind} " in lines[0]
    assert f"Bytes: {quantized.count_bytes():,}" in lines[0]
    assert f"Trainable: {others:,}" in lines[0]


def _functional() -> gw.Model:
    inputs = gw.Input(shape=(4, 37))
    layer = _expert_layer(EXPERTS["glu"], shared_experts=1)
    return gw.Model(inputs, gw.layers.Add()([layer(inputs), layer(inputs)]))


@pytest.mark.parametrize("make", [_stack, _functional], ids=["sequential", "functional"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_keeps_its_bytes_and_bits(kind: str, make: Any, tmp_path: Any) -> None:
    quantized = make().quantize(kind)
    x = np.resize(X, (6, *quantized.input_shape[1:]))
    expected = quantized.predict(x, verbose=0)
    quantized.save(tmp_path / "m.gatewise")
    # Besides the parameters a file has a header of a few kilobytes, which names each array.
    size = (tmp_path / "m.gatewise").stat().st_size
    assert quantized.count_bytes() < size < quantized.count_bytes() + 8000
    for copied in (
        gw.load_model(tmp_path / "m.gatewise"),
        pickle.loads(pickle.dumps(quantized)),
        copy.deepcopy(quantized),
    ):
        assert type(copied) is type(quantized)
        assert np.array_equal(copied.predict(x, verbose=0), expected)
        assert copied.count_bytes() == quantized.count_bytes()
        assert copied.get_config() == quantized.get_config()


@pytest.mark.parametrize("kind", KINDS)
def test_a_weights_file_is_saved_and_loaded_in_the_same_storage(kind: str, tmp_path: Any) -> None:
    model = _stack()
    quantized, other = model.quantize(kind), _stack().quantize(kind)
    quantized.save_weights(tmp_path / "w.gatewise")
    assert other.compare(quantized, X).largest_difference > 0.01
    other.load_weights(tmp_path / "w.gatewise")
    assert other.compare(quantized, X).largest_difference == 0
    with pytest.raises(ValueError, match=r"w.gatewise: (layer|tensor) .*: expected "):
        model.load_weights(tmp_path / "w.gatewise")


def test_a_file_of_an_unknown_storage_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "m.gatewise"
    _stack().quantize("int8").save(path)
    found = container.read_file(path, "model")
    found.config["config"]["layers"][0]["config"]["storage"] = "int2"
    container.write_file(path, "model", found.config, found.tensors)
    expected = "storage: expected one of float32, bfloat16, int8, int4, got 'int2'"
    with pytest.raises(ValueError, match=expected):
        gw.load_model(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_quantized_as_a_model_of_one_layer(kind: str) -> None:
    layer = _expert_layer()
    expected = layer(X)
    quantized = layer.quantize(kind)
    assert type(quantized) is type(layer)
    assert quantized.storage == kind
    allowed = 1.0 if kind == "int4" else 0.1
    assert quantized.predict(X, verbose=0) == pytest.approx(expected, abs=allowed)
    assert layer.compare(quantized, X).largest_difference < allowed
    with pytest.raises(ValueError, match=r"fit: expected float32 weights, got layer"):
        quantized.fit(X, X, verbose=0)


def _dense_model() -> gw.Sequential:
    layers = [gw.layers.Dense(33, "relu"), gw.layers.Dense(5, "softmax")]
    model = gw.Sequential([gw.Input(shape=(37,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _members_model() -> gw.Sequential:
    layers = [gw.layers.MemberScale(3), gw.layers.MemberDense(33, 3, "relu")]
    layers += [gw.layers.MemberDense(5, 3, "softmax")]
    model = gw.Sequential([gw.Input(shape=(37,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.kernels
def test_dense_int8_outputs_have_the_bits_of_integer_sums() -> None:
    model = gw.Sequential([gw.Input(shape=(37,)), gw.layers.Dense(19, use_bias=False)])
    weights, scale = _round_int8(model.get_weights()[0], axis=0)
    rows, row_scale = _round_int8(X, axis=1)
    expected = (rows @ weights).astype(np.float32) * (row_scale * scale)
    assert model.quantize("int8").predict(X, verbose=0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.kernels
@pytest.mark.parametrize("make", [_dense_model, _members_model])
@pytest.mark.parametrize("kind", KINDS)
def test_dense_models_are_quantized_and_stored(kind: str, make: Any, tmp_path: Any) -> None:
    model = make()
    small = model.quantize(kind)
    error = model.compare(small, X).largest_difference
    assert 0 < error < ERRORS[kind]
    expected = small.predict(X, verbose=0)
    for threads in (1, 3):
        gw.set_num_threads(threads)
        parts = [small.predict(each, verbose=0) for each in (X[:1], X[1:20], X[20:])]
        assert np.array_equal(np.concatenate(parts), expected)
    small.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert np.array_equal(loaded.predict(X, verbose=0), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(small)).predict(X, verbose=0), expected)
    assert [each.storage for each in loaded.layers[-2:]] == [kind] * 2
    with pytest.raises(ValueError, match=r"fit: expected float32 weights, got layer"):
        small.fit(X, Y, verbose=0)


def test_dense_layers_beside_experts_are_quantized_only_if_asked() -> None:
    model = _stack()
    assert [each.storage for each in model.quantize("int8").layers] == ["int8", "float32"]
    assert [each.storage for each in model.quantize("int8", True).layers] == ["int8"] * 2


@pytest.mark.kernels
def test_a_quantized_dense_layer_reads_csr_rows() -> None:
    rows = csr_array(np.where(np.abs(X) > 1, X, 0))
    for kind in KINDS:
        small = _dense_model().quantize(kind)
        expected = small.predict(rows.toarray(), verbose=0)
        assert np.array_equal(small.predict(rows, verbose=0), expected)


def test_wrong_uses_of_quantize_are_refused() -> None:
    model = _stack()
    for kind in ("float32", "int2", None):
        with pytest.raises(ValueError, match=r"kind: expected 'bfloat16', 'int8' or 'int4', got "):
            model.quantize(kind)
    for size in (0, 16, 64.5, True, None):
        with pytest.raises(ValueError, match=r"block_size: expected one of \(32, 64, 128\), got "):
            model.quantize("int4", block_size=size)
    with pytest.raises(ValueError, match=r"quantize: expected a model of float32 weights, got "):
        model.quantize("int8").quantize("bfloat16")
    for without, dense in ((gw.layers.LayerNormalization(), None), (gw.layers.Dense(1), False)):
        other = gw.Sequential([gw.Input(shape=(2,)), without])
        with pytest.raises(ValueError, match=r"quantize: expected a model with a SparseExpertLaye"):
            other.quantize("int8", dense)
    with pytest.raises(TypeError, match=r"dense: "):
        model.quantize("int8", dense="all")
    with pytest.raises(ValueError, match=r"quantize: expected a built model, got layer .* seen no"):
        gw.Sequential([_expert_layer()]).quantize("int8")
    weights = model.get_weights()
    weights[0][1, 2, 3] = math.inf
    model.set_weights(weights)
    with pytest.raises(ValueError, match=r"kernel: expected finite numbers to round to int8"):
        model.quantize("int8")


def test_an_int8_kernel_too_deep_for_exact_sums_is_refused() -> None:
    layer = gw.SparseExpertLayer(1, num_experts=1, k=1, router="all", input_dim=132_105)
    model = gw.Sequential([layer])
    for kind in ("int8", "int4"):
        with pytest.raises(ValueError, match=rf"132104 rows for exact sums of {kind}, got 132105"):
            model.quantize(kind)
    assert model.quantize("bfloat16").built


def test_a_quantized_model_classifies_digits_like_its_source() -> None:
    x, y, x_held_out, y_held_out = load_digits(0)
    model = build_model(784, 10)
    model.fit(x, y, batch_size=32, epochs=3, verbose=0)
    accuracy = np.mean(model.predict(x_held_out, verbose=0).argmax(axis=1) == y_held_out)
    # Of 1,000 rows; measured: 1.000 and 0.999. Rows near a decision boundary may change their
    # class, as often to the right one as to the wrong one.
    for kind, min_agreement in (("bfloat16", 0.99), ("int8", 0.99), ("int4", 0.98)):
        quantized = model.quantize(kind)
        assert model.compare(quantized, x_held_out).argmax_agreement >= min_agreement
        found = quantized.predict(x_held_out, verbose=0).argmax(axis=1)
        assert np.mean(found == y_held_out) == pytest.approx(accuracy, abs=1 - min_agreement)
