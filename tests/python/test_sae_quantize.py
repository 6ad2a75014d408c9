"""Dictionaries and stacks with kernels in 2 or 1 byte a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.sae.sparse_dictionary import SparseDictionary

KINDS = ("bfloat16", "int8")
WIDTH = 70
X = np.random.default_rng(0).normal(size=(500, WIDTH)).astype(np.float32)

DICTIONARIES: dict[str, dict[str, Any]] = {
    "top_k": {"activation": gw.TopK(4)},
    "batch_top_k": {"activation": gw.BatchTopK(4)},
    "relu": {"activation": gw.ReLU(l1=0.5)},
    "lista": {"activation": gw.LISTA(steps=2, l1=0.5)},
    "gated": {"activation": gw.Gated(l1=0.5)},
    "kl": {"activation": gw.KL(0.05)},
    "tied": {"activation": gw.TopK(4), "tied": True},
    "experts": {"activation": gw.TopK(4), "num_experts": 2},
}


def _trained(latents: int = 96, **settings: Any) -> gw.SparseAutoencoder:
    sae = gw.SparseAutoencoder(latents, seed=0, **settings)
    sae.compile()
    sae.fit(X, epochs=2, verbose=0)
    return sae


def _widened(quantized: gw.SparseAutoencoder) -> gw.SparseAutoencoder:
    """The float32 dictionary of the weights that the quantized one stands for."""
    settings = quantized.get_config()
    del settings["storage"]
    result = gw.SparseAutoencoder.from_config(settings)
    result.compile()
    result.dictionary.set_state(quantized.dictionary.get_state())
    for parameter in result.dictionary.parameters():
        value = quantized.dictionary.native.get(parameter.name)
        result.dictionary.native.set(parameter.name, value)
    return result


def _assert_same_codes(found: Any, expected: Any) -> None:
    assert found.nnz > 0
    assert np.array_equal(found.indptr, expected.indptr)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.data, expected.data)


@pytest.mark.filterwarnings("ignore::gatewise.sae.DenseCodesWarning")
@pytest.mark.filterwarnings("ignore::gatewise.sae.DeadUnitsWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DICTIONARIES)
def test_results_have_the_bits_of_the_float32_dictionary_of_the_rounded_weights(
    name: str, kind: str
) -> None:
    sae = _trained(**DICTIONARIES[name])
    quantized = sae.quantize(kind)
    widened = _widened(quantized)
    assert not np.array_equal(
        quantized.dictionary.native.get("decoder"), sae.dictionary.native.get("decoder")
    )
    for rows in (1, 7, len(X)):
        codes, expected = quantized.encode(X[:rows]), widened.encode(X[:rows])
        _assert_same_codes(codes, expected)
        assert np.array_equal(quantized.decode(codes), widened.decode(codes))
        assert np.array_equal(
            quantized.predict(X[:rows], verbose=0), widened.predict(X[:rows], verbose=0)
        )
        if sae.dictionary.activation.supports_refit:
            _assert_same_codes(
                quantized.encode(X[:rows], refit=True), widened.encode(X[:rows], refit=True)
            )
        for found, same in zip(
            quantized.search(codes, X[:3], 1), widened.search(codes, X[:3], 1), strict=True
        ):
            assert np.array_equal(found, same)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_encoder_is_widened_part_by_part(kind: str) -> None:
    wide = gw.SparseAutoencoder(1040, activation=gw.TopK(8), input_dim=1100, seed=0)
    wide.compile()
    quantized = wide.quantize(kind)
    x = np.random.default_rng(1).normal(size=(200, 1100)).astype(np.float32)
    for rows in (2, len(x)):
        _assert_same_codes(quantized.encode(x[:rows]), _widened(quantized).encode(x[:rows]))


@pytest.mark.parametrize("kind", KINDS)
def test_codes_have_the_same_bits_for_any_thread_count(kind: str) -> None:
    quantized = _trained(activation=gw.TopK(4)).quantize(kind)
    expected = quantized.encode(X)
    before = gw.get_num_threads()
    try:
        gw.set_num_threads(3)
        _assert_same_codes(quantized.encode(X), expected)
    finally:
        gw.set_num_threads(before)


def test_int8_has_a_scale_for_each_latent() -> None:
    sae = _trained(activation=gw.TopK(4))
    native = sae.quantize("int8").dictionary.native
    decoder = sae.dictionary.native.get("decoder")
    scale = np.abs(decoder).max(axis=1) / np.float32(127)
    assert np.array_equal(native.get("decoder_scale"), scale)
    assert np.array_equal(native.get("decoder"), np.rint(decoder / scale[:, None]) * scale[:, None])
    encoder = sae.dictionary.native.get("encoder")
    assert np.array_equal(native.get("encoder_scale"), np.abs(encoder).max(axis=0) / 127)


@pytest.mark.parametrize("settings", [{"activation": gw.TopK(4)}, {"hidden": (40,)}])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_keeps_its_bytes_and_bits(
    settings: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    sae = _trained(**settings)
    quantized = sae.quantize(kind)
    assert quantized.count_bytes() < (0.6 if kind == "bfloat16" else 0.4) * sae.count_bytes()
    quantized.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert type(loaded) is gw.SparseAutoencoder
    assert loaded.count_bytes() == quantized.count_bytes()
    assert loaded.get_config() == quantized.get_config()
    assert np.array_equal(loaded.predict(X, verbose=0), quantized.predict(X, verbose=0))


def test_errors_stay_close_to_those_of_float32() -> None:
    sae = _trained(activation=gw.TopK(4))
    fvu = [model.measure(X)["fvu"] for model in (sae, *map(sae.quantize, KINDS))]
    assert np.allclose(fvu, fvu[0], rtol=0.01)


def test_a_dictionary_is_a_layer_of_a_model_that_is_quantized() -> None:
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), SparseDictionary(64), gw.layers.Dense(3)])
    quantized = model.quantize("int8")
    assert [layer.storage for layer in quantized.layers] == ["int8", "int8"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_quantized_autoencoder_refuses_what_changes_its_weights(kind: str) -> None:
    quantized = _trained(activation=gw.TopK(4)).quantize(kind)
    for change in (
        lambda: quantized.fit(X, verbose=0),
        lambda: quantized.drop_neurons(8),
        lambda: quantized.set_weights(quantized.get_weights()),
        lambda: quantized.quantize(kind),
    ):
        with pytest.raises(ValueError, match=f"in {kind}"):
            change()
