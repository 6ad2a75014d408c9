"""Descriptions of experts."""

import pytest

from gatewise import _core, experts


def test_native_options_carry_the_prefix_of_experts():
    assert experts.MLP(4).native_options() == {
        "expert.kind": "mlp",
        "expert.hidden": 4,
        "expert.activation": "relu",
        "expert.use_bias": True,
    }
    assert experts.GLU(4).native_options() == {
        "expert.kind": "glu",
        "expert.hidden": 4,
        "expert.activation": "silu",
        "expert.use_bias": False,
    }


def test_every_expert_of_the_core_has_a_class_and_no_other():
    kinds = {experts.EXPERTS.find(name, "expert").kind for name in experts.EXPERTS.names()}
    assert kinds == set(_core.expert_kinds())


@pytest.mark.parametrize("expert", [experts.MLP, experts.GLU])
def test_a_hidden_width_must_be_a_positive_integer(expert):
    with pytest.raises(ValueError, match=r"hidden: expected an integer >= 1, got 0"):
        expert(0)
    with pytest.raises(TypeError, match=r"hidden: expected an integer >= 1, got 2.5"):
        expert(2.5)


def test_a_softmax_inside_an_expert_is_refused():
    with pytest.raises(ValueError, match=r"activation: expected an elementwise one inside an exp"):
        experts.MLP(4, activation="softmax")


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(TypeError, match="hiden"):
        experts.MLP(hiden=4)


def test_experts_are_equal_by_value_and_fixed():
    assert experts.MLP(4) == experts.MLP(4, activation="relu")
    with pytest.raises(AttributeError):
        experts.MLP(4).hidden = 5
