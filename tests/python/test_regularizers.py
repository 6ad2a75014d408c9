"""Penalties and activations by name; group penalties in training."""

import numpy as np
import pytest

import gatewise as gw
from gatewise import activations, regularizers
from gatewise.regularizers import GROUPS, GroupL1, l1, l1_l2, l2
from gradient_check import group_norms, penalty


def test_names_and_functions_agree_with_keras():
    assert (l1(0.5).l1, l1(0.5).l2) == (0.5, 0)
    assert (l2().l1, l2().l2) == (0, 0.01)
    assert (l1_l2(l1=1, l2=2).l1, l1_l2(l1=1, l2=2).l2) == (1, 2)
    assert regularizers.get("l1") == regularizers.L1(0.01)
    assert regularizers.get("L1L2") == regularizers.L1L2(0.0, 0.0)
    assert regularizers.get(None) is None


@pytest.mark.parametrize(
    "regularizer", [l1(0.5), l2(0.25), l1_l2(0.5, 0.25), GroupL1(0.5), GroupL1(0.1, "block")]
)
def test_regularizers_are_restored_from_their_configuration(regularizer):
    assert regularizers.get(regularizers.serialize(regularizer)) == regularizer


def test_a_negative_penalty_is_refused():
    with pytest.raises(ValueError, match=r"l1: expected a number >= 0, got -0.1"):
        l1(-0.1)
    with pytest.raises(TypeError, match=r"l2: expected a number >= 0, got 'a' of type str"):
        l2("a")
    with pytest.raises(ValueError, match=r"l1: expected a number >= 0, got -0.1"):
        GroupL1(-0.1)


def test_group_l1_accepts_three_kinds_of_groups():
    assert regularizers.get("group_l1") == GroupL1(0.01, "input")
    with pytest.raises(ValueError, match=r"groups: expected one of input, unit, block, got 'row'"):
        GroupL1(0.1, "row")


ROWS, WIDTH, UNITS = 60, 70, 37
"""More inputs than a chunk has rows; two whole panels of units and a narrower one."""


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, WIDTH)).astype(np.float32)
    # y depends on 5 inputs only.
    return x, x[:, :5] @ rng.standard_normal((5, UNITS)).astype(np.float32)


def wide_layer(kind, regularizer, **settings):
    if kind == "dense":
        layer = gw.layers.Dense(UNITS, kernel_regularizer=regularizer, seed=1, **settings)
    else:
        layer = gw.SparseExpertLayer(
            UNITS, 3, router="all", kernel_regularizer=regularizer, seed=1, **settings
        )
    layer.compile("adam", "mse")
    return layer


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("kind", ["dense", "experts"])
def test_group_l1_makes_whole_groups_exactly_zero(data, kind, groups):
    layer = wide_layer(kind, GroupL1(0.02, groups))
    history = layer.fit(*data, epochs=60, batch_size=20, verbose=0)
    kernel = layer.get_weights()[0]
    norms = np.broadcast_to(group_norms(kernel, groups)[0], kernel.shape)
    np.testing.assert_array_equal(kernel == 0, norms == 0)
    assert 0.01 < (kernel == 0).mean() < 0.95
    by_input = (kernel != 0).reshape(-1, WIDTH, UNITS).mean(axis=(0, 2))
    assert by_input[:5].min() > 0.8, "the inputs that count stay"
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("kind", ["dense", "experts"])
def test_the_loss_includes_the_group_penalty(data, kind, groups):
    layer = wide_layer(kind, GroupL1(0.05, groups))
    plain = wide_layer(kind, None)
    for each in (layer, plain):
        each.fit(*data, verbose=0)
    plain.set_weights(layer.get_weights())
    expected = plain.evaluate(*data, verbose=0)
    expected += 0.05 * penalty(layer.get_weights()[0].astype(np.float64), groups)
    assert layer.evaluate(*data, verbose=0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("groups", GROUPS)
def test_the_group_penalty_neither_reads_nor_updates_inactive_experts(data, groups):
    x, y = data
    kernels = []
    for filling in (None, np.nan):
        layer = gw.SparseExpertLayer(
            UNITS, 4, router=gw.routers.TopK(1), kernel_regularizer=GroupL1(1.0, groups), seed=2
        )
        layer.compile(gw.optimizers.Adam(0.01), "mse")
        layer.predict(x, verbose=0)
        inactive = layer.load(x[:3]).rows == 0
        before = layer.named_weights()
        before["kernel"][inactive] = before["kernel"][inactive] if filling is None else filling
        layer.set_weights(list(before.values()))
        layer.train_on_batch(x[:3], y[:3])
        kernels.append(layer.named_weights()["kernel"])
        np.testing.assert_array_equal(kernels[-1][inactive], before["kernel"][inactive])
    assert inactive.any() and not inactive.all()
    assert (kernels[0] != before["kernel"])[~inactive].all()
    np.testing.assert_array_equal(kernels[0][~inactive], kernels[1][~inactive])


def test_groups_and_their_zeros_are_saved(data, tmp_path):
    model = wide_layer("dense", GroupL1(0.02, "block")).as_model()
    model.fit(*data, epochs=5, verbose=0)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert loaded.layers[-1].kernel_regularizer == GroupL1(0.02, "block")
    for each in (model, loaded):
        each.fit(*data, epochs=5, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], loaded.get_weights()[0])


def test_a_frozen_layers_penalty_is_not_in_the_loss_as_in_keras(data):
    losses = []
    for regularizer, trainable in ((None, True), (l1_l2(0.1, 0.1), False), (l1_l2(0.1, 0.1), True)):
        layer = wide_layer("dense", regularizer)
        layer.trainable = trainable
        losses.append(layer.evaluate(*data, verbose=0))
    assert losses[0] == losses[1] < losses[2]


def test_activations_have_the_names_of_keras():
    assert activations.get(None) == "linear"
    assert activations.get("swish") == "silu"
    assert {"relu", "gelu", "softmax", "leaky_relu", "selu"} <= set(activations.names())


def test_the_exponential_overflows_where_float32_does():
    layer = gw.layers.Activation("exponential")
    model = gw.Sequential([gw.Input(shape=(6,)), layer])
    x = np.array([[-1, 87, 88, 88.5, 88.7, 88.8]], np.float32)
    with np.errstate(over="ignore"):
        expected = np.exp(x.astype(np.float64)).astype(np.float32)
    assert np.isinf(expected[0, -1]) and np.isfinite(expected[0, :-1]).all()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=5e-7)


def test_the_error_of_an_unknown_activation_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"^activation: expected one of linear, relu.*'rellu'$"):
        activations.get("rellu")


def test_a_function_as_activation_is_refused():
    with pytest.raises(TypeError, match=r"activation: expected one of the names linear"):
        activations.get(max)
