"""Policies: float32, and bfloat16 products with float32 weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

import gatewise as gw

MIXED = "mixed_bfloat16"
EXPERTS = {
    "linear": gw.experts.Linear(),
    "mlp": gw.experts.MLP(24, activation="silu"),
    "glu": gw.experts.GLU(24, activation="silu"),
    "convolution": gw.experts.Conv2D(6, 2, map_shape=(4, 4), activation="silu"),
}


@pytest.fixture(autouse=True)
def restored_policy() -> Iterator[None]:
    yield
    gw.config.set_dtype_policy("float32")


def _rows(n: int = 200, d: int = 32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def _model(dtype: str, expert: str = "mlp", d: int = 32) -> gw.Model:
    return gw.Sequential(
        [
            gw.layers.Dense(32, "relu", input_dim=d, seed=1, dtype=dtype),
            gw.SparseExpertLayer(
                32, num_experts=4, k=2, expert=EXPERTS[expert], seed=2, dtype=dtype
            ),
            gw.layers.Dense(3, seed=3, dtype=dtype),
        ]
    )


def _built(model: gw.Model) -> gw.Model:
    model.predict(_rows()[:1], verbose=0)
    return model


def _rounded(values: np.ndarray) -> np.ndarray:
    """To bfloat16, ties to even."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


def test_a_policy_has_the_names_of_keras() -> None:
    policy = gw.DTypePolicy(MIXED)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (
        MIXED,
        "bfloat16",
        "float32",
    )
    assert gw.DTypePolicy.from_config(policy.get_config()) == policy != gw.DTypePolicy("float32")
    assert {policy: 1}[gw.DTypePolicy(MIXED)] == 1
    assert repr(policy) == "<DTypePolicy 'mixed_bfloat16'>"
    layer = gw.layers.Dense(3, dtype=policy)
    assert layer.dtype_policy == policy
    assert (layer.dtype, layer.variable_dtype, layer.compute_dtype) == (
        "float32",
        "float32",
        "bfloat16",
    )


def test_the_default_policy_is_that_of_layers_created_afterwards() -> None:
    before = gw.layers.Dense(3)
    gw.config.set_dtype_policy(MIXED)
    assert gw.config.dtype_policy() == gw.DTypePolicy(MIXED)
    after = [gw.layers.Dense(3), gw.SparseExpertLayer(3), gw.layers.Dense(3, dtype="float32")]
    assert before.compute_dtype == "float32"
    assert [layer.compute_dtype for layer in after] == ["bfloat16", "bfloat16", "float32"]
    assert gw.GatedExperts(4, width=2).compute_dtype == "float32"
    sae = gw.SparseAutoencoder(8, input_dim=4)
    sae.compile()
    sae.fit(_rows(50, 4), epochs=1, verbose=0)
    assert all(layer.compute_dtype == "float32" for layer in sae.layers if layer.kind != "input")


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        ("float16", "its gradients need a scaled loss"),
        ("mixed_float16", "its gradients need a scaled loss"),
        (np.float16, "its gradients need a scaled loss"),
        ("bfloat16", "weights are trained in float32"),
        ("float64", ""),
        (3, ""),
    ],
)
def test_another_policy_is_refused_with_the_reason(dtype: Any, reason: str) -> None:
    expected = f"expected 'float32' or 'mixed_bfloat16', got .*{reason}"
    for make in (
        lambda: gw.DTypePolicy(dtype),
        lambda: gw.config.set_dtype_policy(dtype),
        lambda: gw.layers.Dense(3, dtype=dtype),
        lambda: gw.SparseExpertLayer(3, dtype=dtype),
        lambda: gw.layers.Dropout(0.1, dtype=dtype),
        lambda: gw.GatedExperts(4, width=2, dtype=dtype),
    ):
        with pytest.raises(TypeError, match=expected):
            make()


def test_keras_serialized_form_is_taken() -> None:
    serialized = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": MIXED}}
    assert gw.layers.Dense(3, dtype=serialized).compute_dtype == "bfloat16"


def test_layers_without_products_take_the_policy_and_stay_in_float32() -> None:
    for layer in (gw.layers.Dropout(0.1, dtype=MIXED), gw.layers.LayerNormalization(dtype=MIXED)):
        assert layer.compute_dtype == "float32"
        assert "dtype" not in layer.get_config()
    quantized = _built(_model(MIXED)).quantize("int8", dense=True)
    assert {layer.compute_dtype for layer in quantized.layers} == {"int8"}
    quantized = _built(_model("float32")).quantize("bfloat16", dense=True)
    assert {layer.compute_dtype for layer in quantized.layers} == {"bfloat16"}


def test_layers_of_float32_products_refuse_the_policy() -> None:
    for make in (
        lambda: gw.GatedExperts(4, width=2, dtype=MIXED),
        lambda: gw.sae.SparseDictionary(8, dtype=MIXED),
    ):
        with pytest.raises(TypeError, match="dtype: expected 'float32', got 'mixed_bfloat16': "):
            make()


def test_a_dense_product_has_rounded_factors_and_float32_sums() -> None:
    x = _rows(70, 45)
    layer = gw.layers.Dense(21, seed=0, dtype=MIXED)
    y = layer(x)
    kernel, _ = layer.get_weights()
    expected = _rounded(x).astype(float) @ _rounded(kernel).astype(float)
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-6)
    assert np.abs(y - x.astype(float) @ kernel).max() > 1e-3


def _gradients(model: gw.Model, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    model.compile(gw.optimizers.SGD(1.0), "mse")
    model.predict(x[:1], verbose=0)
    before = model.get_weights()
    model.train_on_batch(x, y)
    return [a - b for a, b in zip(before, model.get_weights(), strict=True)]


@pytest.mark.parametrize("expert", list(EXPERTS))
def test_gradients_are_within_1_percent_of_float32(expert: str) -> None:
    """Of smooth experts that all rows have: a unit of ReLU, or a choice, may turn out otherwise."""
    x = _rows()
    y = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)

    def gradients(dtype: str) -> list[np.ndarray]:
        router = gw.routers.Static()
        layers = [
            gw.layers.Dense(32, "tanh", input_dim=32, seed=1, dtype=dtype),
            gw.SparseExpertLayer(
                3,
                num_experts=4,
                k=None,
                expert=EXPERTS[expert],
                router=router,
                balance=None,
                seed=2,
                dtype=dtype,
            ),
        ]
        return _gradients(gw.Sequential(layers), x, y)

    for exact, mixed in zip(gradients("float32"), gradients(MIXED), strict=True):
        if np.linalg.norm(exact) > 0:
            error = np.linalg.norm(mixed - exact) / np.linalg.norm(exact)
            assert 0 < error < 0.01


@pytest.mark.parametrize("expert", list(EXPERTS))
def test_training_has_the_same_bits_for_any_thread_count(expert: str) -> None:
    x, y = _rows(300), np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32)
    results = []
    for threads in (1, 2, 5):
        gw.set_num_threads(threads)
        gw.utils.set_random_seed(0)
        model = _model(MIXED, expert)
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, batch_size=100, verbose=0)
        results.append([*model.get_weights(), model.predict(x, verbose=0)])
    gw.set_num_threads(None)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_a_row_has_the_same_bits_alone_and_in_any_batch() -> None:
    x = _rows(400)
    model = _model(MIXED, "glu")
    whole = model.predict(x, batch_size=400, verbose=0)
    for size in (1, 7, 100):
        assert np.array_equal(model.predict(x, batch_size=size, verbose=0), whole)


def test_the_copies_follow_weights_that_are_set_pruned_and_restored(tmp_path: Path) -> None:
    x, y = _rows(), np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)

    def check(model: gw.Model) -> None:
        """A model made from the settings and weights computes the same."""
        fresh = gw.Sequential.from_config(model.get_config())
        fresh.predict(x[:1], verbose=0)
        fresh.set_weights(model.get_weights())
        assert np.array_equal(fresh.predict(x, verbose=0), model.predict(x, verbose=0))

    model = _model(MIXED)
    model.compile("adam", "mse")
    stop = gw.callbacks.EarlyStopping(monitor="loss", patience=1, restore_best_weights=True)
    model.fit(x, y, epochs=4, verbose=0, callbacks=[stop])
    check(model)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[gw.compress.MagnitudePruning(0.5)])
    check(model)
    model.set_weights([0.5 * values for values in model.get_weights()])
    check(model)
    model.save_weights(tmp_path / "x.gatewise")
    model.set_weights([np.zeros_like(values) for values in model.get_weights()])
    assert not model.predict(x, verbose=0).any()
    model.load_weights(tmp_path / "x.gatewise")
    check(model)


def test_a_saved_model_keeps_its_policy_whatever_the_default_is(tmp_path: Path) -> None:
    x = _rows()
    for dtype, other in ((MIXED, "float32"), ("float32", MIXED)):
        model = _model(dtype)
        expected = model.predict(x, verbose=0)
        model.save(tmp_path / "model.gatewise")
        gw.config.set_dtype_policy(other)
        loaded = gw.load_model(tmp_path / "model.gatewise")
        clone = gw.Sequential.from_config(model.get_config())
        for same in (loaded, clone):
            assert {layer.dtype_policy.name for layer in same.layers} == {dtype}
        assert np.array_equal(loaded.predict(x, verbose=0), expected)
        assert ("dtype" in model.layers[0].get_config()) == (dtype == MIXED)


def test_models_made_of_others_keep_their_policy() -> None:
    x = _rows()
    for dtype, other in ((MIXED, "float32"), ("float32", MIXED)):
        gw.config.set_dtype_policy(dtype)
        pair = gw.Sequential([gw.layers.Dense(16, "relu", input_dim=32), gw.layers.Dense(3)])
        pair.predict(x, verbose=0)
        fused = gw.SparseExpertLayer(5, num_experts=3, k=None, router="static", balance=None)
        fused(x)
        gw.config.set_dtype_policy(other)
        experts = gw.decompose.to_experts(pair, 4, x=x, k=4)
        assert experts.layers[0].dtype_policy.name == fused.fuse().dtype_policy.name == dtype
        member = gw.Sequential([gw.Input(shape=(3,)), gw.layers.Dense(2, dtype=dtype)])
        again = gw.Sequential.from_config(member.get_config())
        assert again.layers[-1].dtype_policy.name == dtype


def test_a_stored_state_brings_its_policy_to_a_layer_that_is_not_built() -> None:
    """A class of a user's may create its layers under another default than when it was saved."""
    x = _rows()
    for dtype, other in ((MIXED, "float32"), ("float32", MIXED)):
        layer = gw.layers.Dense(4, seed=0, dtype=dtype)
        expected = layer(x)
        fresh = gw.layers.Dense(4, dtype=other)
        fresh.set_state(layer.get_state())
        fresh.set_weights(layer.get_weights())
        assert fresh.dtype_policy.name == dtype
        assert np.array_equal(fresh(x), expected)
        built = gw.layers.Dense(4, dtype=other)
        built(x)
        with pytest.raises(ValueError, match=rf"set_dtype_policy\('{dtype}'\) first"):
            built.set_state(layer.get_state())


def test_autoencoders_stay_in_float32() -> None:
    x = _rows()
    errors = []
    for dtype in ("float32", MIXED):
        gw.config.set_dtype_policy(dtype)
        gw.utils.set_random_seed(0)
        stack = gw.SparseAutoencoder(8, input_dim=32, hidden=(16,))
        stack.compile("adam")
        stack.fit(x, epochs=2, verbose=0)
        errors.append(stack.predict(x, verbose=0))
    assert np.array_equal(*errors)


@pytest.mark.parametrize("rows", [1, 40, 200])
def test_experts_without_rows_are_updated_if_asked(rows: int) -> None:
    """Their weights decay, in float32 as in mixed precision."""
    x, y = _rows(rows), np.zeros((rows, 3), np.float32)
    for dtype in ("float32", MIXED):
        layer = gw.SparseExpertLayer(3, num_experts=64, k=1, seed=1, input_dim=32, dtype=dtype)
        model = gw.Sequential([layer])
        model.compile(gw.optimizers.AdamW(0.1, weight_decay=0.5, dense_updates=True), "mse")
        before = layer.named_weights()["kernel"].copy()
        unused = layer.expert_load(x).rows == 0
        model.train_on_batch(x, y)
        after = layer.named_weights()["kernel"]
        assert unused.any()
        np.testing.assert_allclose(after[unused], 0.95 * before[unused], rtol=1e-5)


def test_a_layer_that_is_used_twice_trains_in_mixed_precision() -> None:
    shared = gw.layers.Dense(32, "tanh", seed=1, dtype=MIXED)
    inputs = gw.Input(shape=(32,))
    model = gw.Model(inputs, gw.layers.Dense(3, seed=2, dtype=MIXED)(shared(shared(inputs))))
    model.compile("adam", "mse")
    x, y = _rows(), np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    fresh = gw.Model.from_config(model.get_config())
    fresh.set_weights(model.get_weights())
    assert np.array_equal(fresh.predict(x, verbose=0), model.predict(x, verbose=0))


def test_quantized_models_start_from_float32_weights() -> None:
    x = _rows()
    mixed, exact = _model(MIXED), _model("float32")
    for model in (mixed, exact):
        model.predict(x[:1], verbose=0)
    exact.set_weights(mixed.get_weights())
    for kind in ("bfloat16", "int8", "int4"):
        expected = exact.quantize(kind, dense=True).predict(x, verbose=0)
        assert np.array_equal(mixed.quantize(kind, dense=True).predict(x, verbose=0), expected)
    same = mixed.quantize("bfloat16", dense=True).predict(x, verbose=0)
    assert np.array_equal(same, mixed.predict(x, verbose=0))


def test_csr_rows_multiply_the_float32_weights() -> None:
    rows = np.where(_rows() > 1, _rows(), 0)
    y = np.random.default_rng(1).normal(size=(200, 5)).astype(np.float32)
    weights = []
    for dtype in ("float32", MIXED):
        gw.utils.set_random_seed(0)
        model = gw.Sequential([gw.layers.Dense(5, input_dim=32, seed=1, dtype=dtype)])
        model.compile("adam", "mse")
        model.fit(csr_array(rows), y, epochs=2, verbose=0)
        weights.append([*model.get_weights(), model.predict(csr_array(rows), verbose=0)])
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_digits_are_learned_as_well_as_in_float32() -> None:
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    scores: dict[str, list[float]] = {"float32": [], MIXED: []}
    for dtype, accuracies in scores.items():
        for seed in range(3):
            model = gw.Sequential(
                [
                    gw.layers.Dense(64, "relu", input_dim=64, seed=seed, dtype=dtype),
                    gw.SparseExpertLayer(
                        64, num_experts=8, k=2, expert=EXPERTS["mlp"], seed=seed, dtype=dtype
                    ),
                    gw.layers.Dense(10, "softmax", seed=seed, dtype=dtype),
                ]
            )
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x[:1200], y[:1200], epochs=15, verbose=0)
            accuracies.append(model.evaluate(x[1200:], y[1200:], verbose=0)[1])
    spread = max(np.std(scores["float32"], ddof=1), np.std(scores[MIXED], ddof=1))
    assert np.mean(scores[MIXED]) > 0.85
    assert abs(np.mean(scores[MIXED]) - np.mean(scores["float32"])) < max(2 * spread, 0.01)


def test_nan_is_not_lost() -> None:
    layer = gw.layers.Dense(3, seed=0, dtype=MIXED)
    layer(_rows(2, 4))
    kernel, bias = layer.get_weights()
    kernel[1, 1] = np.nan
    layer.set_weights([kernel, bias])
    assert np.isnan(layer(_rows(2, 4))).any(axis=0).tolist() == [False, True, False]


def test_the_summary_says_what_layers_multiply_in(capsys: pytest.CaptureFixture[str]) -> None:
    model = _model(MIXED)
    model.summary()
    assert capsys.readouterr().out.count(MIXED) == 3
