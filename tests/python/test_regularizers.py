"""Penalties and activations by name."""

import pytest

from gatewise import activations, regularizers
from gatewise.regularizers import l1, l1_l2, l2


def test_names_and_functions_are_those_of_keras():
    assert (l1(0.5).l1, l1(0.5).l2) == (0.5, 0)
    assert (l2().l1, l2().l2) == (0, 0.01)
    assert (l1_l2(l1=1, l2=2).l1, l1_l2(l1=1, l2=2).l2) == (1, 2)
    assert regularizers.get("l1") == regularizers.L1(0.01)
    assert regularizers.get("L1L2") == regularizers.L1L2(0.0, 0.0)
    assert regularizers.get(None) is None


@pytest.mark.parametrize("regularizer", [l1(0.5), l2(0.25), l1_l2(0.5, 0.25)])
def test_regularizers_survive_their_configuration(regularizer):
    assert regularizers.get(regularizers.serialize(regularizer)) == regularizer


def test_a_negative_penalty_is_refused():
    with pytest.raises(ValueError, match=r"l1: expected a number >= 0, got -0.1"):
        l1(-0.1)
    with pytest.raises(TypeError, match=r"l2: expected a number >= 0, got 'a' of type str"):
        l2("a")


def test_activations_have_their_keras_names():
    assert activations.get(None) == "linear"
    assert activations.get("swish") == "silu"
    assert {"relu", "gelu", "softmax", "leaky_relu", "selu"} <= set(activations.names())


def test_an_unknown_activation_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"^activation: expected one of linear, relu.*'rellu'$"):
        activations.get("rellu")


def test_a_function_as_activation_is_refused():
    with pytest.raises(TypeError, match=r"activation: expected one of the names linear"):
        activations.get(max)
