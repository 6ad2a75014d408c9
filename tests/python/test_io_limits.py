"""Files and settings that ask for more than there is: refused before anything is allocated."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise import _core
from gatewise.io.container import from_bytes, to_bytes
from gatewise.io.model_file import model_to_bytes

X = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)


def dense() -> gw.Sequential:
    return gw.Sequential([gw.Input((6,)), gw.layers.Dense(4, name="a"), gw.layers.Dense(2)])


def experts() -> gw.Sequential:
    layer = gw.SparseExpertLayer(
        4, num_experts=4, k=2, expert=gw.experts.MLP(8), router="noisy_top_k", name="a"
    )
    return gw.Sequential([gw.Input((6,)), layer, gw.layers.Dense(2)])


def maps() -> gw.Sequential:
    expert = gw.experts.Conv2D(2, map_shape=(2, 3), kernel_size=2)
    return gw.Sequential([gw.Input((6,)), gw.SparseExpertLayer(4, num_experts=2, expert=expert)])


def gated() -> gw.Sequential:
    return gw.Sequential([gw.Input((6,)), gw.layers.GatedExperts(4, 2, groups="auto", name="a")])


def dictionary() -> gw.SparseAutoencoder:
    return gw.SparseAutoencoder(8, activation=gw.TopK(2), input_dim=6)


def stored(model: Any) -> bytes:
    model.compile("adam", "mse")
    model.fit(X, model.predict(X, verbose=0), verbose=0)
    data: bytes = model_to_bytes(model)
    return data


def with_setting(value: Any, name: str, number: Any) -> int:
    """Replaces the settings `name` at any depth of JSON; returns how many there were."""
    found = 0
    if isinstance(value, list):
        return sum(with_setting(each, name, number) for each in value)
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, (int, list)):
                value[key] = [number] * len(each) if isinstance(each, list) else number
                found += 1
            else:
                found += with_setting(each, name, number)
    return found


SETTINGS = [
    *[(dense, "units", number) for number in (10**5, 2**31 - 1, 2**40, 2**62, 2**63 - 1)],
    *[(experts, "num_experts", number) for number in (10**6, 2**31 - 1, 2**62)],
    *[(experts, "hidden", number) for number in (10**6, 2**31 - 1, 2**62)],
    *[(maps, "filters", number) for number in (10**6, 2**31 - 1)],
    *[(maps, "kernel_size", number) for number in (10**5, 2**31 - 1)],
    *[(gated, "units", number) for number in (10**6, 2**31 - 1, 2**62)],
    *[(gated, "width", number) for number in (10**6, 2**31 - 1, 2**62)],
    *[(dictionary, "latents", number) for number in (10**6, 2**31 - 1, 2**62)],
]


@pytest.mark.parametrize(("make", "setting", "number"), SETTINGS)
def test_a_file_that_asks_for_more_than_it_holds_is_refused(
    make: Callable[[], Any], setting: str, number: int, tmp_path: Path
) -> None:
    container = from_bytes(stored(make()), "file", "model")
    assert with_setting(container.config, setting, number)
    path = tmp_path / "m.gatewise"
    path.write_bytes(to_bytes("model", container.config, container.tensors))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"m\.gatewise: config: "):
        gw.load_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 16  # 64 MB


@pytest.mark.parametrize("steps", [-1, 2**53 + 1, 2**63 - 1])
def test_step_counts_beyond_any_training_are_refused(steps: int, tmp_path: Path) -> None:
    container = from_bytes(stored(experts()), "file", "model")
    for name in ("trainer/steps", "trainer/layer0.steps"):
        tensors = {**container.tensors, name: np.full_like(container.tensors[name], steps)}
        path = tmp_path / "m.gatewise"
        path.write_bytes(to_bytes("model", container.config, tensors))
        with pytest.raises(ValueError, match=r"state: expected step counts from 0 to 90\d+"):
            gw.load_model(path)


def test_training_goes_on_after_the_largest_step_count(tmp_path: Path) -> None:
    container = from_bytes(stored(experts()), "file", "model")
    name = "trainer/steps"
    tensors = {**container.tensors, name: np.full_like(container.tensors[name], 2**53)}
    path = tmp_path / "m.gatewise"
    path.write_bytes(to_bytes("model", container.config, tensors))
    model = gw.load_model(path)
    model.fit(X, np.ones((24, 2)), verbose=0)
    assert all(np.isfinite(each).all() for each in model.get_weights())


@pytest.mark.parametrize("number", [1e300, -1e300, 2.0**31, float("inf"), float("nan"), -2, 1.5])
def test_the_core_refuses_sizes_that_are_none(number: float) -> None:
    options = {"units": number, "activation": "linear", "use_bias": True}
    with pytest.raises(ValueError, match="units: expected a whole number"):
        _core.Layer("dense", options)


def test_the_core_refuses_layers_of_more_memory_than_any_machine_has() -> None:
    options = {"units": 2**31 - 1, "activation": "linear", "use_bias": True}
    layer = _core.Layer("dense", options)
    with pytest.raises(ValueError, match=r"kernel: expected at most .* values"):
        layer.build([2**31 - 1])


def test_a_layer_is_not_built_above_the_limit_of_values() -> None:
    layer = _core.Layer("dense", {"units": 3, "activation": "linear", "use_bias": True})
    with pytest.raises(ValueError, match=r"build: expected at most 14 values .*, got 15"):
        layer.build([4], 14)
    same = _core.Layer("dense", {"units": 3, "activation": "linear", "use_bias": True})
    assert same.build([4], 15) == 15


def test_a_convolution_of_groups_counts_its_values_before_it_makes_tables() -> None:
    sizes = {"sizes": "1000000000", "window": "1", "windows": "1000000000"}
    other = {"strides": "1", "dilation": "1", "before": "0", "activation": "linear"}
    for kind, own in (
        ("grouped_convolution", {"filters": 2**31 - 1, "groups": 1, "depthwise": False}),
        ("separable_convolution", {"filters": 3, "multiplier": 2**28}),
    ):
        layer = _core.Layer(kind, {**sizes, **other, **own, "use_bias": True})
        with pytest.raises(ValueError, match="build: expected at most 100 values of parameters"):
            layer.build([4], 100)


def misaligned(array: Any) -> Any:
    """The same values at an odd address."""
    memory = np.zeros(array.nbytes + array.itemsize, np.uint8)
    view = np.frombuffer(memory, array.dtype, count=array.size, offset=1).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def test_arrays_at_odd_addresses_are_copied_or_refused() -> None:
    import scipy.sparse as sp

    model = dense()
    expected = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(misaligned(X), verbose=0), expected)
    np.testing.assert_array_equal(model.predict(misaligned(X), verbose=0), expected)
    model.set_weights([misaligned(each) for each in model.get_weights()])
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected)
    rows = sp.csr_array(np.maximum(X, 0))
    odd = sp.csr_array(rows.shape, dtype=np.float32)
    odd.data, odd.indices, odd.indptr = map(misaligned, (rows.data, rows.indices, rows.indptr))
    np.testing.assert_array_equal(
        model.predict(odd, verbose=0), model.predict(np.maximum(X, 0), verbose=0)
    )
    with pytest.raises((TypeError, ValueError), match="aligned"):
        model.layers[0].native.set("bias", misaligned(np.zeros(4, np.float32)))
    indptr, indices = rows.indptr.astype(np.int64), rows.indices.astype(np.int32)
    with pytest.raises((TypeError, ValueError), match="aligned"):
        _core.SparseRows(misaligned(indptr), indices, rows.data, 6)


def test_a_file_of_weights_without_layers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.weights"
    dense().save_weights(path)
    container = from_bytes(path.read_bytes(), "file", "weights")
    for config in ({}, {"layers": [{}, {}]}, {"layers": 3}):
        path.write_bytes(to_bytes("weights", config, container.tensors))
        with pytest.raises(ValueError, match=r"m\.weights: config: "):
            dense().load_weights(path)


@pytest.mark.parametrize("seed", [None, -1, "x"])
def test_a_file_without_a_seed_is_refused(seed: object, tmp_path: Path) -> None:
    container = from_bytes(stored(dense()), "file", "model")
    container.config["seed"] = seed
    (tmp_path / "m").write_bytes(to_bytes("model", container.config, container.tensors))
    with pytest.raises(ValueError, match="config: seed: expected an integer >= 0, got"):
        gw.load_model(tmp_path / "m")


@pytest.mark.parametrize(
    "key", ["epoch", "sums", "position", "samples_seen", "stop_training", "seed"]
)
@pytest.mark.parametrize("value", [None, "x", [None]])
def test_a_damaged_checkpoint_is_refused_and_changes_nothing(
    key: str, value: Any, tmp_path: Path
) -> None:
    def train(stop: bool) -> Any:
        gw.utils.set_random_seed(0)
        model = experts()
        model.compile("adam", "mse")
        callbacks: list[Any] = [gw.callbacks.BackupAndRestore(tmp_path)]
        if stop:
            callbacks.append(gw.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: 1 / (e < 1)))
        before = model.get_weights()
        try:
            model.fit(X, np.ones((24, 2)), epochs=3, callbacks=callbacks, verbose=0)
        except ZeroDivisionError:
            return None
        except ValueError as error:
            return str(error), before, model.get_weights()
        return None

    train(stop=True)
    (path,) = tmp_path.glob("*.checkpoint")
    container = from_bytes(path.read_bytes(), "file", "checkpoint")
    if key == "stop_training":
        container.config.pop(key)
    else:
        container.config[key] = value
    path.write_bytes(to_bytes("checkpoint", container.config, container.tensors))
    message, before, after = train(stop=False)
    assert message.startswith(f"{path}: config: ")
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
