"""Models made from dicts of symbols, and models within models."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import gatewise as gw

ROWS = np.random.default_rng(0).random((20, 6), dtype=np.float32)


def two_heads() -> gw.Model:
    a, b = gw.Input((4,), name="one"), gw.Input((3,), name="two")
    joined = gw.layers.Concatenate()([a, b])
    outputs = {"p": gw.layers.Dense(2)(joined), "q": gw.layers.Dense(1)(joined)}
    model = gw.Model({"left": a, "right": b}, outputs)
    model.compile("sgd", loss={"p": "mse", "q": "mae"}, metrics={"q": ["mse"]})
    return model


X = {"right": np.zeros((5, 3), np.float32), "left": np.ones((5, 4), np.float32)}
Y = {"q": np.ones((5, 1)), "p": np.ones((5, 2))}


def test_keys_of_dicts_name_inputs_outputs_losses_and_metrics() -> None:
    model = two_heads()
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "p_loss", "q_loss", "q_mse"}
    predicted = model.predict(X, verbose=0)
    assert {name: each.shape for name, each in predicted.items()} == {"p": (5, 2), "q": (5, 1)}
    assert model.input_names == ["left", "right"] and list(model.output) == ["p", "q"]
    assert model.input_shape == {"left": (None, 4), "right": (None, 3)}
    from_list = model.predict([X["left"], X["right"]], verbose=0)
    np.testing.assert_array_equal(from_list["p"], predicted["p"])


def restored(model: gw.Model, how: str, path: Any) -> Any:
    if how == "clone":
        copy = gw.models.clone_model(model)
        copy.set_weights(model.get_weights())
        return copy
    if how == "pickle":
        return pickle.loads(pickle.dumps(model))
    if how == "quantize":
        return model.quantize("bfloat16", dense=True)
    file = path / f"model.{how}"
    model.save(file)
    return gw.load_model(file)


@pytest.mark.parametrize("how", ["gatewise", "keras", "clone", "pickle", "quantize"])
def test_copies_keep_the_names_of_dicts(how: str, tmp_path: Any) -> None:
    if how == "keras":
        pytest.importorskip("h5py")
    model = two_heads()
    found = restored(model, how, tmp_path).predict(X, verbose=0)
    expected = model.predict(X, verbose=0)
    assert list(found) == ["p", "q"]
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], atol=0.02)


def test_a_model_of_dicts_is_called_with_a_dict_of_symbols() -> None:
    model = two_heads()
    inputs = {"right": gw.Input((3,)), "left": gw.Input((4,))}
    outputs = model(inputs)
    assert list(outputs) == ["p", "q"]
    outer = gw.Model(inputs, outputs["p"])
    np.testing.assert_array_equal(outer.predict(X, verbose=0), model.predict(X, verbose=0)["p"])
    with pytest.raises(ValueError, match="expected inputs left, right; got left"):
        model({"left": gw.Input((4,))})


def test_inputs_of_one_row_and_of_several_are_predicted_together() -> None:
    a, b = gw.Input((4,)), gw.Input((3, 5))
    model = gw.Model([a, b], [gw.layers.Dense(2)(a), gw.layers.Dense(2)(b)])
    x = [np.ones((6, 4), np.float32), np.ones((6, 3, 5), np.float32)]
    found = model.predict(x, verbose=0)
    assert [each.shape for each in found] == [(6, 2), (6, 3, 2)]
    np.testing.assert_array_equal(found[0], model.layers[2](x[0]))
    np.testing.assert_array_equal(found[1], model.layers[3](x[1]))


def test_names_of_dicts_are_strings() -> None:
    x = gw.Input((4,))
    with pytest.raises(TypeError, match="inputs: expected names as keys"):
        gw.Model({1: x}, gw.layers.Dense(1)(x))  # type: ignore[dict-item]


def encoder() -> gw.Model:
    x = gw.Input((6,))
    hidden = gw.layers.Dense(4, activation="tanh")(x)
    return gw.Model(x, gw.layers.Dense(2)(hidden), name="encoder")


def decoder() -> gw.Sequential:
    return gw.Sequential(
        [gw.layers.Dense(4, activation="tanh"), gw.layers.Dense(6)], name="decoder"
    )


def nested(kind: str) -> Any:
    inner, outer = encoder(), decoder()
    if kind == "sequential":
        return gw.Sequential([inner, outer])
    x = gw.Input((6,))
    return gw.Model(x, outer(inner(x)))


@pytest.mark.parametrize("kind", ["sequential", "functional"])
@pytest.mark.parametrize("how", ["as_made", "gatewise", "clone", "pickle"])
def test_a_model_within_a_model_is_found_by_its_name(kind: str, how: str, tmp_path: Any) -> None:
    model = nested(kind)
    model.compile("adam", "mse")
    model.fit(ROWS, ROWS, epochs=1, verbose=0)
    model = model if how == "as_made" else restored(model, how, tmp_path)
    first, second = model.get_layer("encoder"), model.get_layer("decoder")
    assert [each.name for each in model.models] == ["encoder", "decoder"]
    assert type(first) is gw.Model and type(second) is gw.Sequential
    code = first.predict(ROWS, verbose=0)
    assert code.shape == (20, 2)
    np.testing.assert_array_equal(second.predict(code, verbose=0), model.predict(ROWS, verbose=0))
    first.trainable = False
    before = [each.get_weights() for each in (first, second)]
    model.compile("adam", "mse")
    model.fit(ROWS, ROWS, epochs=1, verbose=0)
    np.testing.assert_array_equal(first.get_weights()[0], before[0][0])
    assert not np.array_equal(second.get_weights()[0], before[1][0])


def test_the_same_model_object_is_found() -> None:
    inner, outer = encoder(), decoder()
    model = gw.Sequential([inner, outer])
    assert model.get_layer("encoder") is inner and model.get_layer("decoder") is outer
    assert outer.built and outer.input_shape == (None, 2)
    model.add(gw.layers.Dense(3))
    assert [each.name for each in model.models] == ["encoder", "decoder"]
    model.pop()
    model.pop()
    assert [each.name for each in model.models] == ["encoder"]


def test_a_model_of_branches_in_a_sequential_is_refused() -> None:
    x = gw.Input((6,))
    branches = gw.Model(x, gw.layers.Add()([gw.layers.Dense(2)(x), gw.layers.Dense(2)(x)]))
    with pytest.raises(TypeError, match=r"one layer after the other, .*; connect it by calling it"):
        gw.Sequential([branches])
