"""Configuration objects of experts."""

import pytest

from gatewise import _core, experts


def test_native_options_of_experts_have_their_prefix():
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


def test_every_expert_of_the_core_has_exactly_one_class():
    kinds = {experts.EXPERTS.find(name, "expert").kind for name in experts.EXPERTS.names()}
    assert kinds == set(_core.expert_kinds())


@pytest.mark.parametrize("expert", [experts.MLP, experts.GLU])
def test_hidden_width_must_be_a_positive_integer(expert):
    with pytest.raises(ValueError, match=r"hidden: expected an integer >= 1, got 0"):
        expert(0)
    with pytest.raises(TypeError, match=r"hidden: expected an integer >= 1, got 2.5"):
        expert(2.5)


def test_softmax_inside_an_expert_is_refused():
    with pytest.raises(ValueError, match=r"activation: expected an elementwise function in an exp"):
        experts.MLP(4, activation="softmax")


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(TypeError, match="hiden"):
        experts.MLP(hiden=4)


def test_experts_compare_by_value_and_are_immutable():
    assert experts.MLP(4) == experts.MLP(4, activation="relu")
    with pytest.raises(AttributeError):
        experts.MLP(4).hidden = 5
