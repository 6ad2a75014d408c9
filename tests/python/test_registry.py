"""Names instead of objects."""

import json

import pytest

import gatewise as gw
from gatewise import experts, initializers, regularizers, routers
from gatewise.registry import to_snake_case


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("TopK", "top_k"),
        ("MLP", "mlp"),
        ("L1L2", "l1_l2"),
        ("Conv2D", "conv2d"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("PReLU", "p_re_lu"),
    ],
)
def test_snake_case_agrees_with_keras(name, expected):
    assert to_snake_case(name) == expected


@pytest.mark.parametrize("name", ["glorot_uniform", "GlorotUniform"])
def test_names_are_accepted_in_both_spellings(name):
    assert initializers.get(name) == initializers.GlorotUniform()


def test_an_instance_is_returned_unchanged():
    router = routers.TopK(3)
    assert routers.get(router) is router


def test_a_serialized_object_is_restored_equal():
    expert = experts.GLU(7, activation="gelu", use_bias=True)
    assert experts.get(experts.EXPERTS.serialize(expert)) == expert


def test_the_error_of_an_unknown_name_lists_the_known_names():
    with pytest.raises(ValueError, match=r"^router: expected one of .*top_k, switch, .*'top_kk'$"):
        routers.get("top_kk")


def test_the_error_of_a_class_that_needs_arguments_names_them():
    with pytest.raises(ValueError, match=r"expert: expected MLP\(hidden\), got 'mlp' without"):
        experts.get("mlp")


def test_a_class_instead_of_an_object_is_refused():
    with pytest.raises(TypeError, match=r"expert: expected a name, .* got the class Linear"):
        experts.get(experts.Linear)


def test_a_configuration_with_an_unregistered_class_is_refused():
    with pytest.raises(
        ValueError, match=r"regularizer: expected one of l1, l2, l1_l2, group_l1; got 'os'"
    ):
        regularizers.get({"class_name": "os", "config": {}})


def test_unregistered_classes_are_not_serialized():
    class Own(routers.TopK):
        pass

    with pytest.raises(TypeError, match=r"router: expected an instance of .*top_k, .* one of Own"):
        routers.ROUTERS.serialize(Own(2))


def test_configuration_objects_compare_and_print_by_value() -> None:
    assert gw.TopK(4) == gw.TopK(4) != gw.TopK(5)
    assert gw.TopK(4) != gw.BatchTopK(4) != 4
    assert len({gw.experts.MLP(8), gw.experts.MLP(8), gw.experts.MLP(9)}) == 2
    assert repr(gw.TopK(4)) == "TopK(k=4)"
    assert eval(repr(gw.initializers.RandomNormal(0.5)), vars(gw.initializers)) == (
        gw.initializers.RandomNormal(0.5)
    )
    with pytest.raises(AttributeError):
        gw.TopK(4).k = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("module", "instance"),
    [
        (gw.losses, gw.losses.Huber(0.5, reduction="sum")),
        (gw.metrics, gw.metrics.TopKCategoricalAccuracy(3, name="top3")),
        (gw.layers, gw.layers.Dense(3, activation="relu", kernel_regularizer="l2", name="hidden")),
    ],
)
def test_losses_metrics_and_layers_are_restored_from_their_configuration(module, instance):
    stored = json.loads(json.dumps(module.serialize(instance)))
    restored = module.deserialize(stored)
    assert type(restored) is type(instance)
    assert restored.get_config() == instance.get_config()
    with pytest.raises(TypeError, match="deserialize: custom_objects is not supported"):
        module.deserialize(stored, custom_objects={"Huber": gw.losses.Huber})
    with pytest.raises(TypeError, match=r"config: expected a name, .* got 3 of type int"):
        module.deserialize(3)
    with pytest.raises(ValueError, match=r"config: expected one of .*; got 'os'"):
        module.deserialize({"class_name": "os", "config": {}})


def test_a_configuration_may_have_the_other_keys_that_keras_writes():
    stored = {
        "module": "keras.losses",
        "class_name": "Huber",
        "config": {"name": "huber_loss", "reduction": "sum", "delta": 0.5},
        "registered_name": None,
    }
    assert (
        gw.losses.deserialize(stored).get_config()
        == gw.losses.Huber(0.5, reduction="sum").get_config()
    )
    assert gw.optimizers.deserialize(stored | {"class_name": "Adam", "config": {}}).kind == "adam"
    model = gw.Sequential([gw.Input((2,)), gw.layers.Dense(1)])
    model.compile(loss=stored)
    assert model.loss.delta == 0.5
    with pytest.raises(TypeError, match="config: expected a name"):
        gw.losses.deserialize(stored | {"own": 1})
