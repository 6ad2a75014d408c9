"""Every form of a dictionary: activations, prefixes, experts."""

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from dictionary_forms import FORMS, LATENTS, ROWS, WIDTH, decode, encode, fitted, fvu, sparse_sums
from gatewise.sae import (
    KL,
    LISTA,
    AuxK,
    BatchTopK,
    Gated,
    Identity,
    JumpReLU,
    ReLU,
    SparseDictionary,
    TopK,
    csr_codes,
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_learns_to_reconstruct_and_predict_decodes_its_codes(form: str) -> None:
    layer = fitted(epochs=30, **FORMS[form])
    x = sparse_sums(seed=1)
    assert fvu(layer, x) < 0.8
    z = encode(layer, x)
    np.testing.assert_array_equal(decode(layer, z), layer.predict(x))
    np.testing.assert_array_equal(encode(layer, x[7:8]).toarray(), z[[7]].toarray())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_bits_for_any_thread_count(form: str) -> None:
    kept = gw.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            gw.set_num_threads(threads)
            layer = fitted(batch_size=150, **FORMS[form])
            z = encode(layer, sparse_sums())
            results.append([*map(np.ndarray.tobytes, layer.get_weights()), z.data.tobytes()])
    finally:
        gw.set_num_threads(kept)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_restored_from_its_configuration(form: str) -> None:
    layer = fitted(epochs=1, **FORMS[form])
    restored = SparseDictionary.from_config(layer.get_config())
    assert restored.get_config() == layer.get_config()
    restored.build((None, WIDTH))
    restored.set_weights(layer.get_weights())
    x = sparse_sums(seed=1)
    np.testing.assert_array_equal(restored.predict(x), layer.predict(x))


def test_the_stored_threshold_of_batch_top_k_predicts_about_k_latents_per_row() -> None:
    layer = fitted(epochs=60, activation=BatchTopK(4, momentum=0.9))
    threshold = float(layer.native.get("batch_threshold")[0])
    assert threshold > 0
    z = encode(layer, sparse_sums())
    assert z.data.min() > threshold
    assert 3 < z.nnz / ROWS < 5
    assert len(set(np.diff(z.indptr))) > 1


def test_the_stored_threshold_is_accurate_after_few_steps() -> None:
    layer = fitted(epochs=5, activation=BatchTopK(4))  # 30 steps, during which it decreases
    assert 2.5 < encode(layer, sparse_sums()).nnz / ROWS < 5.5


def test_a_small_last_batch_changes_the_stored_threshold_little() -> None:
    thresholds = []
    for rows in (ROWS, ROWS + 1):
        x = sparse_sums(ROWS + 1)
        x[ROWS] *= 100
        layer = SparseDictionary(LATENTS, activation=BatchTopK(4), seed=0)
        layer.compile(gw.optimizers.Adam(1e-3), "mse")
        layer.fit(x[:rows], x[:rows], batch_size=ROWS, epochs=1, verbose=0, shuffle=False)
        thresholds.append(float(layer.native.get("batch_threshold")[0]))
    assert thresholds[1] < 1.5 * thresholds[0]


def test_an_untrained_batch_top_k_predicts_like_relu() -> None:
    layer = SparseDictionary(LATENTS, activation=BatchTopK(4), seed=0)
    layer.build((None, WIDTH))
    layer.parameters()
    x = sparse_sums()
    h = x @ layer.native.get("encoder")
    np.testing.assert_allclose(encode(layer, x).toarray(), np.maximum(h, 0), atol=1e-5)


def test_jump_relu_reaches_its_target_l0() -> None:
    counts = []
    for target in (3.0, 8.0):
        activation = JumpReLU(target, weight=3.0, bandwidth=0.3)
        layer = fitted(epochs=150, activation=activation)
        counts.append(encode(layer, sparse_sums()).nnz / ROWS)
        assert np.all(layer.native.get("latent_threshold") >= 0)
    assert counts[0] == pytest.approx(3, abs=1)
    assert counts[1] == pytest.approx(8, abs=2)


def test_gated_codes_are_selected_by_gates_with_values_of_magnitudes() -> None:
    layer = fitted(epochs=10, activation=Gated(0.02))
    native, x = layer.native, sparse_sums(seed=1)
    h = (x - native.get("decoder_bias")) @ native.get("encoder")
    magnitude = np.exp(native.get("magnitude_log")) * h + native.get("magnitude_bias")
    expected = np.where(h + native.get("encoder_bias") > 0, np.maximum(magnitude, 0), 0)
    np.testing.assert_allclose(encode(layer, x).toarray(), expected, atol=1e-4)


def test_lista_codes_agree_with_its_iteration() -> None:
    layer = fitted(epochs=5, activation=LISTA(3, 0.05))
    native, x = layer.native, sparse_sums(seed=1)
    u, z = x - native.get("decoder_bias"), np.zeros((ROWS, LATENTS))
    for _ in range(3):
        h = z + (u - z @ native.get("decoder")) @ native.get("encoder")
        z = np.maximum(h + native.get("encoder_bias"), 0)
    np.testing.assert_allclose(encode(layer, x).toarray(), z, atol=1e-4)


@pytest.mark.parametrize(
    "activation", [ReLU(), Gated(), LISTA(3), Identity()], ids=lambda each: type(each).__name__
)
def test_a_wide_untrained_dictionary_reconstructs_near_the_rows(activation: Any) -> None:
    x = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
    layer = SparseDictionary(512, activation=activation, seed=0)
    layer.build((None, 16))
    layer.parameters()
    assert np.mean((layer.predict(x) - x) ** 2) < 1


def test_jump_relu_starts_near_its_target_l0() -> None:
    x = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
    layer = SparseDictionary(1024, activation=JumpReLU(20.0), seed=0)
    layer.build((None, 64))
    layer.parameters()
    z = csr_codes.encode(layer.native, x, 64, 1024, 1 << 16)
    assert z.nnz / 500 == pytest.approx(20, rel=0.2)


def test_codes_contain_no_zeros() -> None:
    layer = SparseDictionary(LATENTS, activation=Identity(), seed=0)
    layer.build((None, WIDTH))
    layer.parameters()
    assert encode(layer, np.zeros((3, WIDTH), np.float32)).nnz == 0


@pytest.mark.parametrize(
    "settings",
    [{"activation": Gated()}, {"prefixes": (8, 32)}, {"auxk": AuxK(dead_rows=0)}],
    ids=lambda settings: next(iter(settings)),
)
def test_a_dictionary_inside_a_model_trains_without_its_own_losses(
    settings: dict[str, Any],
) -> None:
    x = sparse_sums()
    y = x @ np.random.default_rng(1).normal(size=(WIDTH, 3))
    layer = SparseDictionary(LATENTS, seed=0, **({"activation": TopK(4)} | settings))
    model = gw.Sequential([layer, gw.layers.Dense(3)])
    model.compile(gw.optimizers.Adam(1e-2), "mse")
    loss = model.fit(x, y, batch_size=50, epochs=30, verbose=0).history["loss"]
    assert loss[-1] < 0.3 * loss[0]


def test_memory_depends_only_on_the_current_nonzeros() -> None:
    """Codes become denser from step to step, until all values are nonzero."""
    rows, latents = 512, 2048
    x = np.random.default_rng(0).normal(size=(rows, 16)).astype(np.float32)
    layer = SparseDictionary(latents, activation=ReLU(), seed=0)
    layer.compile(gw.optimizers.Adam(0.0), "mse")
    layer.build((None, 16))
    before = resident_bytes()
    for bias in np.linspace(-0.2, 0.2, 60):
        layer.native.set("encoder_bias", np.full(latents, bias, np.float32))
        layer.train_on_batch(x, x)
    # A dense step holds about 60 bytes per nonzero; kept from step to step it was 2 GB.
    assert resident_bytes() - before < 200 * rows * latents


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def test_kl_drives_the_mean_activation_to_rho() -> None:
    x = sparse_sums()
    far, near = (
        abs(encode(fitted(epochs=40, activation=KL(0.1, weight)), x).toarray().mean() - 0.1)
        for weight in (0.0, 0.1)
    )
    assert near < 0.05 < far


def test_prefixes_make_the_first_latents_reconstruct_by_themselves() -> None:
    x = sparse_sums(seed=1)
    errors = []
    for prefixes in ((), (8,)):
        layer = fitted(epochs=60, activation=TopK(4), prefixes=prefixes)
        z = encode(layer, x).toarray()
        z[:, 8:] = 0
        errors.append(float(np.mean((decode(layer, z) - x) ** 2)))
    assert errors[1] < 0.9 * errors[0]


def test_an_inactive_expert_is_not_read() -> None:
    layer = fitted(activation=TopK(4), num_experts=4, balance="aux_loss")
    native, x = layer.native, sparse_sums()
    whole = encode(layer, x).toarray()
    chosen = np.argmax(whole.reshape(ROWS, 4, -1).sum(axis=2), axis=1)
    expert = int(np.argmin(np.bincount(chosen, minlength=4)))
    rows = x[chosen != expert]
    before = layer.predict(rows)
    expert_slice = slice(expert * LATENTS // 4, (expert + 1) * LATENTS // 4)
    for name, axis in (("encoder", 1), ("decoder", 0), ("encoder_bias", 0)):
        value = native.get(name)
        value[(slice(None), expert_slice) if axis else expert_slice] = np.nan
        native.set(name, value)
    np.testing.assert_array_equal(layer.predict(rows), before)
    layer.fit(rows, rows, batch_size=50, epochs=1, verbose=0, shuffle=False)
    assert np.isfinite(layer.predict(rows[:50])).all()


def test_the_code_of_a_row_has_latents_of_one_expert_only() -> None:
    layer = fitted(activation=TopK(4), num_experts=4, balance="aux_loss")
    each = encode(layer, sparse_sums()).toarray().reshape(ROWS, 4, -1)
    assert (np.count_nonzero(each.any(axis=2), axis=1) <= 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": BatchTopK(65)}, r"k: expected 1 <= k <= latents \(64\), got 65"),
        ({"activation": Gated(), "threshold": 0.1}, "threshold: expected 0 with Gated, got 0.1"),
        ({"activation": LISTA(), "auxk": AuxK()}, "auxk: expected None with LISTA"),
        ({"activation": ReLU(), "auxk": AuxK()}, "auxk: expected None with ReLU"),
        ({"activation": BatchTopK(), "num_experts": 2}, "num_experts: expected 1 with BatchTopK"),
        ({"num_experts": 2, "prefixes": (3,)}, "num_experts: expected 1 with prefixes or auxk"),
        ({"num_experts": 3}, r"latents: expected a multiple of 16 num_experts \(48\), got 64"),
        ({"num_experts": 4, "activation": TopK(17)}, r"k: expected 1 <= k <= latents \(16\)"),
        ({"balance": "aux_loss"}, "balance: expected None without experts"),
        ({"activation": KL(), "threshold": 1.0}, "threshold: expected a number below 1 with KL"),
        ({"prefixes": (9, 3)}, r"prefixes: expected ascending numbers up to latents \(64\)"),
        ({"prefixes": (9, 65)}, r"prefixes: expected ascending numbers up to latents \(64\)"),
    ],
)
def test_incompatible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SparseDictionary(LATENTS, **({"activation": TopK(4)} | settings))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReLU(-1.0), "l1: expected a number >= 0, got -1.0"),
        (lambda: TopK(0), "k: expected an integer >= 1, got 0"),
        (lambda: BatchTopK(4, 1.0), "momentum: expected 0 <= value < 1, got 1.0"),
        (lambda: JumpReLU(0.0), "target_l0: expected a number above 0, got 0.0"),
        (lambda: JumpReLU(bandwidth=0.0), "bandwidth: expected a number above 0, got 0.0"),
        (lambda: KL(1.0), "rho: expected a number between 0 and 1, got 1.0"),
        (lambda: LISTA(0), "steps: expected an integer >= 1, got 0"),
        (lambda: AuxK(0), "k: expected an integer >= 1, got 0"),
        (lambda: AuxK(weight=-1.0), "weight: expected a number >= 0, got -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
