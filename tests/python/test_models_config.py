"""Configurations, summaries and counts of models."""

import json

import numpy as np
import pytest

import gatewise as gw
from gatewise.layers import Add, Dense


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


def _functional():
    a, b = gw.Input(shape=(4,), name="a"), gw.Input(shape=(None, 3)[-1:], name="b")
    shared = Dense(5, kernel_regularizer="l1")
    left = shared(a)
    right = gw.SparseExpertLayer(5, num_experts=3, router="switch", name="experts")(b)
    total = Add()([left, right])
    return gw.Model([a, b], [Dense(2, "softmax")(total), total, shared(a)], name="graph")


def _sequential():
    return gw.Sequential(
        [gw.Input(shape=(7, 4), name="rows"), Dense(3, "relu"), gw.layers.Dropout(0.5), Dense(2)],
        name="stack",
    )


@pytest.mark.parametrize("make", [_functional, _sequential])
def test_models_are_restored_from_their_configuration(make):
    model = make()
    config = json.loads(json.dumps(model.get_config()))
    restored = type(model).from_config(config)
    assert restored.get_config() == model.get_config()
    assert restored.output_shape == model.output_shape
    restored.set_weights(model.get_weights())
    shapes = [tuple(size or 6 for size in symbol.shape) for symbol in model.inputs]
    x = [np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in shapes]
    x = x if len(x) > 1 else x[0]
    for first, second in zip(model(x), restored(x), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("make", [_functional, _sequential])
def test_models_are_restored_from_json(make):
    model = make()
    restored = gw.models.model_from_json(model.to_json())
    assert type(restored) is type(model)
    assert restored.get_config() == model.get_config()


def test_an_unbuilt_model_is_restored_from_its_configuration():
    model = gw.Sequential([Dense(3), Dense(2)])
    restored = gw.Sequential.from_config(model.get_config())
    assert not restored.built
    assert restored.get_config() == model.get_config()


def test_a_configuration_of_an_unknown_class_is_refused():
    text = json.dumps({"class_name": "Forest", "config": {}})
    with pytest.raises(
        ValueError,
        match=r"model: expected one of model, sequential, .*, sparse_autoencoder; got 'Forest'",
    ):
        gw.models.model_from_json(text)


def test_custom_objects_are_refused():
    with pytest.raises(TypeError, match=r"from_config: custom_objects is not supported"):
        gw.Sequential.from_config(_sequential().get_config(), custom_objects={"a": int})


def _summary(model):
    lines = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


def test_the_summary_counts_nonzeros():
    model = gw.Sequential([gw.Input(shape=(4,)), Dense(3, name="first")], name="stack")
    kernel = np.ones((4, 3))
    kernel[0] = 0
    model.set_weights([kernel, np.zeros(3)])
    text = _summary(model)
    assert "Sequential 'stack'" in text
    (row,) = [line for line in text.splitlines() if line.startswith("first (Dense)")]
    assert row.split()[2:] == ["(None,", "3)", "15", "9", "of", "15"]
    assert "Non-zero: 9 of 15 (60.0%)" in text
    assert "Trainable: 15" in text


def test_the_summary_shows_experts_and_k():
    layer = gw.SparseExpertLayer(3, num_experts=16, expert=gw.experts.MLP(8), name="moe")
    text = _summary(gw.Sequential([gw.Input(shape=(4,)), layer]))
    assert "moe (SparseExpertLayer) 16 MLP(8), k=2" in text
    every = gw.SparseExpertLayer(3, num_experts=4, router="all", name="moe")
    assert "moe (SparseExpertLayer) 4 Linear, all" in _summary(gw.Sequential([every]))


def test_the_summary_of_an_unbuilt_model_says_that_it_is_unbuilt():
    text = _summary(gw.Sequential([Dense(3)]))
    assert "not built" in text
    assert "Not built: the input's shape is not known yet." in text


def test_frozen_layers_and_states_are_not_trainable():
    experts = gw.SparseExpertLayer(3, num_experts=4, balance="bias")
    model = gw.Sequential([gw.Input(shape=(2,)), Dense(2, trainable=False), experts])
    total = model.count_params()
    assert f"Non-trainable: {6 + 4:,}" in _summary(model)
    assert f"Trainable: {total - 10:,}" in _summary(model)


def test_the_summary_is_printed_by_default(capsys):
    _sequential().summary(line_length=30)
    assert "\n" + "-" * 30 + "\n" in capsys.readouterr().out


class OfUnits(gw.Model):
    def __init__(self, units, activation=None, **options):
        x = gw.Input((3,))
        super().__init__(x, Dense(units, activation=activation)(x), **options)
        self.units = units


class OfLayers(gw.Sequential):
    def __init__(self, *layers):
        super().__init__(layers)


class Described(OfLayers):
    def __init__(self, units):
        super().__init__(gw.Input((3,)), Dense(units))
        self.units = units

    def get_config(self):
        return {"units": self.units}


class Labelled(gw.SparseAutoencoder):
    """Without a constructor of its own."""


def test_a_subclass_is_described_by_the_arguments_of_its_constructor():
    model = OfUnits(np.int64(5), activation="relu", name="own")
    config = json.loads(json.dumps(model.get_config()))
    assert config == {"units": 5, "activation": "relu", "name": "own"}
    restored = OfUnits.from_config(config)
    assert (restored.units, restored.name, restored.output_shape) == (5, "own", (None, 5))
    assert json.loads(model.to_json())["config"] == config


def test_a_subclass_may_describe_itself():
    model = Described(4)
    assert Described.from_config(model.get_config()).output_shape == (None, 4)
    with pytest.raises(
        TypeError, match=r"Described.from_config: expected the arguments of .*units"
    ):
        Described.from_config({"size": 4})


def test_a_subclass_whose_arguments_are_no_json_values_must_describe_itself():
    with pytest.raises(
        NotImplementedError, match=r"OfLayers: expected get_config.* argument layers"
    ):
        OfLayers(gw.Input((3,)), Dense(2)).get_config()


def test_a_subclass_without_a_constructor_is_described_as_its_base():
    model = Labelled(16, gw.TopK(4), input_dim=8)
    restored = Labelled.from_config(model.get_config())
    assert type(restored) is Labelled
    assert restored.get_config() == model.get_config()


def test_wrong_arguments_of_a_subclass_are_reported_by_its_constructor():
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'units'"):
        OfUnits()


class Routed(gw.Sequential):
    def __init__(self, units):
        super().__init__([gw.Input((3,)), gw.SparseExpertLayer(units, num_experts=3), Dense(2)])


class Renamed(gw.Sequential):
    def __init__(self, layers=None, name="renamed"):
        super().__init__(layers, name=name)


def test_a_subclass_that_takes_layers_is_described_by_them():
    model = Renamed([gw.Input((3,)), Dense(2)])
    restored = Renamed.from_config(json.loads(json.dumps(model.get_config())))
    assert type(restored) is Renamed
    assert restored.get_config() == model.get_config()


def test_copies_of_a_subclass_with_its_own_constructor_are_of_the_package():
    model = Routed(4)
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    small = model.quantize("bfloat16")
    assert type(small) is gw.Sequential
    np.testing.assert_allclose(small(x), model(x), atol=0.1)
    model.compile("adam", "mse")
    scores = gw.decompose.importance(model, x, np.zeros((8, 2)), method="taylor")
    assert scores.weights
