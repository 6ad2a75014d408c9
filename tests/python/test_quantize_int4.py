"""Models whose kernels are stored as int4."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw


def _int4_parts(layer: gw.SparseExpertLayer, name: str) -> tuple[Any, Any, Any]:
    """Codes (E, d, u), scales of blocks repeated for their rows, and of columns (E, 1, u)."""
    stored = layer.stored_weights()
    both, blocks = stored[name], stored[f"{name}_block_scale"]
    rows = layer.native.get(name).shape[1]
    codes = np.stack([both & 15, both >> 4], axis=2).reshape(both.shape[0], -1, both.shape[2])
    size = layer.block_size
    return (
        codes[:, :rows].astype(np.int64) - 8,
        np.repeat(blocks.astype(np.int64), size, axis=1)[:, :rows],
        stored[f"{name}_scale"][:, None],
    )


@pytest.mark.parametrize("size", [32, 64, 128])
def test_int4_weights_are_codes_times_block_and_column_scales(size: int) -> None:
    layer = gw.SparseExpertLayer(19, num_experts=3, input_dim=150)
    layer(np.zeros((1, 150), np.float32))
    source = layer.get_weights()[0]
    quantized = layer.quantize("int4", block_size=size)
    codes, blocks, scale = _int4_parts(quantized, "kernel")
    assert quantized.block_size == size
    assert codes.min() >= -8
    assert codes.max() <= 7
    assert blocks.min() >= 1
    assert blocks.max() == 15
    assert np.array_equal(scale, np.abs(source).max(axis=1, keepdims=True) / np.float32(105))
    values = quantized.native.get("kernel")
    assert np.array_equal(values, (codes * blocks).astype(np.float32) * scale)
    step = blocks * scale
    inside = np.abs(source) <= 7 * step
    assert inside.mean() > 0.9
    assert (np.abs(values - source)[inside] <= 0.5001 * step[inside]).all()


@pytest.mark.kernels
def test_int4_outputs_have_the_bits_of_integer_sums() -> None:
    layer = gw.SparseExpertLayer(19, num_experts=3, k=1, router="switch", use_bias=False)
    x = np.random.default_rng(3).normal(size=(70, 150)).astype(np.float32)
    layer(x)
    quantized = layer.quantize("int4", block_size=32)
    row_scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    rows = np.rint(x / row_scale).astype(np.int64)
    codes, blocks, scale = _int4_parts(quantized, "kernel")
    chosen, gate = layer.routing(x)
    sums = np.einsum("nd,ndu->nu", rows, (codes * blocks)[chosen[:, 0]])
    outputs = sums.astype(np.float32) * row_scale * scale[chosen[:, 0], 0]
    for count in (1, 3, 5, 70):
        assert np.array_equal(quantized(x[:count]), (outputs * gate)[:count])


def test_int4_takes_little_more_than_half_a_byte_a_weight() -> None:
    model = gw.Sequential([gw.Input(shape=(128,)), gw.layers.Dense(64, use_bias=False)])
    sizes = {size: model.quantize("int4", block_size=size).count_bytes() for size in (32, 64, 128)}
    weights, scales = 128 * 64, 4 * 64
    assert sizes == {size: weights // 2 + weights // size + scales for size in (32, 64, 128)}


def test_a_file_with_block_scales_out_of_range_is_refused() -> None:
    layer = gw.SparseExpertLayer(19, num_experts=5)
    layer(np.zeros((1, 37), np.float32))
    quantized = layer.quantize("int4")
    weights = quantized.stored_weights()
    weights["kernel_block_scale"][1, 0, 2] = 16
    with pytest.raises(
        ValueError, match=r"kernel_block_scale: expected scales of blocks from 0 to 15"
    ):
        quantized.set_stored_weights(weights)


def test_a_dictionary_has_no_int4() -> None:
    sae = gw.SparseAutoencoder(16, activation=gw.TopK(2), input_dim=8)
    with pytest.raises(ValueError, match=r"encoder: expected bfloat16 or int8 for a dictionary"):
        sae.quantize("int4")


def test_scales_of_blocks_are_not_read_or_set_as_numbers() -> None:
    layer = gw.SparseExpertLayer(19, num_experts=5)
    layer(np.zeros((1, 37), np.float32))
    native = layer.quantize("int4").native
    with pytest.raises(ValueError, match=r"kernel_block_scale: expected a parameter of numbers"):
        native.get("kernel_block_scale")
    with pytest.raises(
        ValueError, match=r"kernel_block_scale: expected a parameter that is set by"
    ):
        native.set("kernel_block_scale", np.ones((5, 1, 19), np.float32))
