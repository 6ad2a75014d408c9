"""Compressed models: their predictions, stored arrays and chosen forms."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from compressed_models import FORMS, X, functional, prune, stack, with_zeros
from gatewise.compress import compress, form_choice
from gatewise.layers import CompressedDense, Dense

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    gw.utils.set_random_seed(0)
    yield
    gw.set_num_threads(None)


@pytest.mark.kernels
@pytest.mark.parametrize("form", ["auto", *FORMS])
def test_predictions_have_the_bits_of_the_dense_model(form: str) -> None:
    model = stack()
    expected = model.predict(X, verbose=0)
    small = compress(model, form)
    for threads in (1, 2, 4):
        gw.set_num_threads(threads)
        for batch_size in (1, 2, 17, 64, 70):
            assert np.array_equal(small.predict(X, batch_size=batch_size, verbose=0), expected)
    assert np.array_equal(model.predict(X, verbose=0), expected)


@pytest.mark.kernels
@pytest.mark.parametrize("form", FORMS)
def test_a_functional_model_keeps_its_graph_names_and_repeated_layers(form: str) -> None:
    model = functional()
    x = np.resize(X, (5, 4, 90))
    small = compress(model, form)
    assert type(small) is gw.Model
    assert [layer.name for layer in small.layers] == [layer.name for layer in model.layers]
    assert isinstance(small.get_layer("twice"), CompressedDense)
    assert isinstance(small.get_layer("head"), Dense)
    assert small.output_names == model.output_names
    assert all(map(np.array_equal, small.predict(x, verbose=0), model.predict(x, verbose=0)))


@pytest.mark.parametrize("form", FORMS)
def test_layers_with_fewer_zeros_stay_dense(form: str) -> None:
    model = stack()
    kinds = [type(layer) for layer in compress(model, form).layers]
    assert kinds == [CompressedDense, CompressedDense, Dense]
    assert [type(layer) for layer in compress(model, form, 0.999).layers] == [Dense] * 3
    everything = compress(model, form, min_sparsity=0).layers
    assert [type(layer) for layer in everything] == [CompressedDense] * 3


@pytest.mark.parametrize("form", FORMS)
def test_compress_keeps_settings_and_dense_weights(form: str) -> None:
    model = stack(name="first", trainable=False, seed=5)
    small = compress(model, form)
    layer = small.layers[0]
    assert (layer.name, layer.trainable, layer.seed) == ("first", False, 5)
    assert layer.activation == "relu"
    assert layer.random_stream == model.layers[0].random_stream
    assert small.get_compile_config() == model.get_compile_config()
    assert all(map(np.array_equal, small.get_weights(), model.get_weights()))
    assert [each.name for each in layer.parameters()] == ["kernel", "bias"]


def test_forms_store_the_documented_arrays() -> None:
    model = stack()
    kernel = model.get_weights()[0]
    stored = {form: compress(model, form).layers[0].stored_weights() for form in FORMS}
    assert {name: each.dtype.name for name, each in stored["csr"].items()} == {
        "data": "float32",
        "indices": "uint16",
        "panel_offsets": "int32",
        "column_order": "int32",
        "bias": "float32",
    }
    is_nonzero = stored["csr"]["indices"] < 90
    assert is_nonzero.sum() == np.count_nonzero(kernel)
    assert sorted(stored["csr"]["column_order"]) == list(range(37))
    # For each 16 units, the inputs that any of them reads, in order.
    padded = np.pad(kernel, ((0, 0), (0, 11))).reshape(90, 3, 16)
    read = [np.flatnonzero(padded[:, slice_].any(axis=1)) for slice_ in range(3)]
    assert np.array_equal(stored["blocks"]["indices"], np.concatenate(read))
    values = np.concatenate([padded[inputs, i] for i, inputs in enumerate(read)])
    assert np.array_equal(stored["blocks"]["data"], values)


@pytest.mark.parametrize("form", FORMS)
def test_kernels_of_all_zeros_all_ones_and_one_weight_are_compressed(form: str) -> None:
    for kernel in (np.zeros((5, 3)), np.ones((5, 300)), np.eye(1)):
        d, u = kernel.shape
        model = gw.Sequential([gw.Input(shape=(d,)), Dense(u, use_bias=u > 1)])
        bias = [np.arange(u)] if u > 1 else []
        model.set_weights([kernel, *bias])
        small = compress(model, form, 0)
        x = np.ones((3, d), np.float32)
        assert np.array_equal(small.predict(x, verbose=0), model.predict(x, verbose=0))
        assert small.count_nonzero() == model.count_nonzero()
        unpickled = pickle.loads(pickle.dumps(small))
        assert np.array_equal(unpickled.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.kernels
@pytest.mark.parametrize("form", FORMS)
def test_csr_rows_have_the_bits_of_dense_rows(form: str) -> None:
    small = compress(stack(), form)
    dense = X * (np.abs(X) > 1)
    expected = small.predict(dense, verbose=0)
    for batch_size in (1, 70):
        found = small.predict(csr_array(dense), batch_size=batch_size, verbose=0)
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("form", FORMS)
def test_an_infinite_hidden_value_is_not_multiplied_by_zero_weights(form: str) -> None:
    first, second = Dense(2, use_bias=False), Dense(1, use_bias=False)
    model = gw.Sequential([gw.Input(shape=(1,)), first, second])
    model.set_weights([[[1e30, 1.0]], [[0.0], [2.0]]])
    x = np.full((1, 1), 1e10, np.float32)
    assert np.isnan(model.predict(x, verbose=0)).all()
    assert compress(model, form).predict(x, verbose=0).tolist() == [[2e10]]


class TestExperts:
    """Linear experts with the same weights for every row."""

    def _model(self, router: Any, **options: Any) -> gw.Sequential:
        layer = gw.SparseExpertLayer(40, num_experts=3, router=router, k=None, **options)
        return prune(gw.Sequential([gw.Input(shape=(90,)), layer, Dense(3)]))

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize(
        "router",
        [gw.routers.All(shared_bias=True), gw.routers.Static(), gw.routers.Static("simplex")],
        ids=str,
    )
    def test_are_fused_first(self, router: Any, form: str) -> None:
        model = self._model(router, shared_experts=1, activation="relu", name="experts")
        small = compress(model, form)
        layer = small.layers[0]
        assert isinstance(layer, CompressedDense)
        assert layer.name == "experts"
        fused = model.layers[0].fuse()
        assert np.array_equal(layer.get_weights()[0], fused.get_weights()[0])
        assert np.array_equal(layer(X), fused(X))
        # Rounding of sums of four experts' outputs, of about 90 products each.
        assert model.compare(small, X).largest_difference < 1e-5

    def test_without_enough_zeros_in_their_sum_stay(self) -> None:
        layer = gw.SparseExpertLayer(30, num_experts=3, router="all", k=None)
        model = gw.Sequential([gw.Input(shape=(90,)), layer])
        kernel, bias = model.get_weights()
        for expert in range(3):  # each expert has zeros at two of three inputs, the sum has none
            kernel[expert, np.arange(90) % 3 != expert] = 0
        model.set_weights([kernel, bias])
        small = compress(model, "csr")
        assert isinstance(small.layers[0], gw.SparseExpertLayer)
        assert np.array_equal(small.predict(X, verbose=0), model.predict(X, verbose=0))

    @pytest.mark.parametrize(
        "options",
        [{"k": 2}, {"router": "all", "k": None, "expert": gw.experts.MLP(8)}],
        ids=["routed", "mlp"],
    )
    def test_of_other_kinds_stay(self, options: Any) -> None:
        layer = gw.SparseExpertLayer(40, num_experts=3, **options)
        model = prune(gw.Sequential([gw.Input(shape=(90,)), Dense(90), layer, Dense(3)]))
        small = compress(model, "csr")
        kinds = [type(layer) for layer in small.layers]
        assert kinds == [CompressedDense, gw.SparseExpertLayer, Dense]
        assert np.array_equal(small.predict(X, verbose=0), model.predict(X, verbose=0))

    def test_are_quantized_before_or_afterwards(self) -> None:
        layer = gw.SparseExpertLayer(40, num_experts=3, k=2)
        model = prune(gw.Sequential([gw.Input(shape=(90,)), Dense(90), layer, Dense(3)]))
        expected = model.quantize("int8").predict(X, verbose=0)
        for both in (
            compress(model.quantize("int8"), "csr"),
            compress(model, "csr").quantize("int8"),
        ):
            assert [layer.storage for layer in both.layers] == ["csr", "int8", "float32"]
            assert np.array_equal(both.predict(X, verbose=0), expected)


class TestChoice:
    """The form that "auto" chooses for given times."""

    def _choose(
        self, monkeypatch: pytest.MonkeyPatch, one: list[float], many: list[float], **settings: Any
    ) -> str | None:
        def time(networks: Any, x: np.ndarray) -> dict[str | None, float]:
            assert len(x) in form_choice.TIMED_ROWS
            known = dict(zip([None, *FORMS], one if len(x) == 1 else many, strict=True))
            return {name: known[name] for name in networks}

        monkeypatch.setattr(form_choice, "_time", time)
        model = stack(**settings)
        layer = compress(model).layers[0]
        return layer.form if isinstance(layer, CompressedDense) else None

    def test_is_the_fastest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self._choose(monkeypatch, [9, 3, 5], [9, 5, 7]) == "csr"
        assert self._choose(monkeypatch, [9, 5, 3], [9, 7, 5]) == "blocks"

    def test_is_never_slower_than_dense_at_any_batch_size(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self._choose(monkeypatch, [9, 1, 8], [9, 12, 8]) == "blocks"
        assert self._choose(monkeypatch, [9, 1, 12], [9, 12, 1]) is None

    def test_is_smaller_than_dense(self) -> None:
        # Few zeros: the stored weights and their inputs need more memory than the dense kernel.
        kernel = np.where(RANDOM.random((64, 32)) < 0.9, 1, 0).astype(np.float32)
        dense = Dense(32)
        dense.build((None, 64))
        forms = {form: CompressedDense.from_kernel(kernel, np.zeros(32), form) for form in FORMS}
        assert min(form.count_bytes() for form in forms.values()) > dense.count_bytes()
        assert form_choice.choose_form(dense.native, forms) is None

    def test_times_each_form(self) -> None:
        kernel = with_zeros(RANDOM.normal(size=(64, 32)))
        dense = Dense(32)
        dense.build((None, 64))
        forms = {form: CompressedDense.from_kernel(kernel, np.zeros(32), form) for form in FORMS}
        assert form_choice.choose_form(dense.native, forms) in (None, *FORMS)


class TestSize:
    """Bytes in memory and on disk."""

    def _wide(self) -> gw.Sequential:
        model = gw.Sequential([gw.Input(shape=(500,)), Dense(600)])
        kernel = RANDOM.normal(size=(500, 600)) * (RANDOM.random((500, 600)) < 0.05)
        model.set_weights([kernel, np.ones(600)])
        return model

    @pytest.mark.parametrize(("form", "min_ratio"), [("csr", 11), ("blocks", 1.6)])
    def test_is_smaller_in_memory_and_on_disk(
        self, form: str, min_ratio: float, tmp_path: Any
    ) -> None:
        # Of the weights, csr stores 5 % (the nonzeros), blocks 56 % (inputs that 16 units read).
        model = self._wide()
        small = compress(model, form)
        assert model.count_bytes() > min_ratio * small.count_bytes()
        model.save(tmp_path / "dense")
        small.save(tmp_path / "small")
        size = (tmp_path / "small").stat().st_size
        assert small.count_bytes() < size < small.count_bytes() + 4000  # plus a header
        assert (tmp_path / "dense").stat().st_size > 0.95 * min_ratio * size
        stored = small.layers[0].stored_weights().values()
        assert small.count_bytes() == sum(each.nbytes for each in stored)

    def test_is_shown_with_what_is_not_zero(self) -> None:
        model = self._wide()
        lines: list[str] = []
        model.summary(print_fn=lines.append)
        compress(model, "csr").summary(print_fn=lines.append)
        count = np.count_nonzero(model.get_weights()[0]) + 600
        for text in lines:
            assert f"{count:,} of 300,600" in text
        assert "Bytes: 1,202,400" in lines[0]
        assert " csr, 5.0% of 500x600 " in lines[1]
        assert f"Bytes: {compress(model, 'csr').count_bytes():,}" in lines[1]
