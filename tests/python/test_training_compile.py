"""Arguments of `compile`: accepted, refused and stored."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from training_models import make_data, make_model, make_regressor

WITHOUT_EFFECT = {
    "run_eagerly": True,
    "steps_per_execution": 2,
    "jit_compile": True,
    "auto_scale_loss": False,
}


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_how_keras_would_run_changes_nothing(name: str) -> None:
    x, y = make_data()
    losses = []
    for options in ({}, {name: WITHOUT_EFFECT[name]}):
        losses.append(make_model(**options).fit(x, y, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    with pytest.raises((TypeError, ValueError), match=f"{name}: expected"):
        make_model(**{name: "fast"})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"optimizer": "ftrl"}, ValueError, "optimizer: expected one of .*adam, adamw, .*; got"),
        ({"optimizer": 3}, TypeError, "optimizer: expected a name"),
        ({"loss": "ctc"}, ValueError, "loss: expected one of .*mse, mae, mape.*; got 'ctc'"),
        (
            {"loss": {"other": "mse"}},
            ValueError,
            "loss: expected a dict with keys dense.* got other",
        ),
        ({"loss": ["mse", "mse"]}, ValueError, "loss: expected a list with one item"),
        ({"metrics": "accuracy"}, TypeError, "metrics: expected a list or a dict .*'accuracy'"),
        ({"metrics": ["iou"]}, ValueError, "metrics: expected one of .*binary_accuracy"),
        ({"metrics": ["mse"]}, ValueError, "metrics: expected sparse_categorical_accuracy"),
        ({"loss_weights": "x"}, TypeError, "loss_weights: expected a number"),
        ({"loss_weights": [float("nan")]}, ValueError, "loss_weights: expected finite numbers"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_model(**options)


def test_a_refused_compile_keeps_the_earlier_compile() -> None:
    model = make_model()
    before = model.get_compile_config()
    with pytest.raises(ValueError, match="loss"):
        model.compile("adam", "no such loss")
    assert model.get_compile_config() == before


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mse", gw.losses.MeanSquaredError),
        ("MeanSquaredError", gw.losses.MeanSquaredError),
        ("mean_squared_error", gw.losses.MeanSquaredError),
        ("bce", gw.losses.BinaryCrossentropy),
        ("BinaryCrossentropy", gw.losses.BinaryCrossentropy),
        ("categorical_crossentropy", gw.losses.CategoricalCrossentropy),
        ("SparseCategoricalCrossentropy", gw.losses.SparseCategoricalCrossentropy),
    ],
)
def test_losses_have_the_names_of_keras(name: str, kind: type) -> None:
    assert type(gw.losses.get(name)) is kind


@pytest.mark.parametrize(
    ("units", "loss", "kind"),
    [
        (1, "binary_crossentropy", gw.metrics.BinaryAccuracy),
        (1, "mse", gw.metrics.BinaryAccuracy),
        (3, "binary_crossentropy", gw.metrics.CategoricalAccuracy),
        (3, "categorical_crossentropy", gw.metrics.CategoricalAccuracy),
        (3, "sparse_categorical_crossentropy", gw.metrics.SparseCategoricalAccuracy),
    ],
)
def test_accuracy_selects_the_same_metric_as_keras(units: int, loss: str, kind: type) -> None:
    for name in ("accuracy", "acc"):
        metric = gw.metrics.get_for_output(name, gw.losses.get(loss), units)
        assert type(metric) is kind and metric.name == name


def test_results_are_named_as_given_by_the_user() -> None:
    metrics = ["mae", gw.metrics.MeanSquaredError(), "mse", "mae"]
    model = make_regressor(metrics=metrics)
    assert model.metrics_names == ["loss", "mae", "mean_squared_error", "mse", "mae_1"]
    assert model.metric_directions()["mae"] == "down"


def two_outputs() -> gw.Model:
    x = gw.Input(shape=(6,))
    first = gw.layers.Dense(3, activation="softmax", name="kind")(x)
    return gw.Model(x, [first, gw.layers.Dense(1, name="size")(x)])


@pytest.mark.parametrize(
    "settings",
    [
        {
            "loss": ["sparse_categorical_crossentropy", "mse"],
            "loss_weights": [1.0, 0.5],
            "metrics": [["accuracy"], ["mae"]],
        },
        {
            "loss": {"size": "mse", "kind": "sparse_categorical_crossentropy"},
            "loss_weights": {"size": 0.5},
            "metrics": {"kind": ["accuracy"], "size": "mae"},
        },
    ],
)
def test_several_outputs_are_given_by_index_or_name(settings: dict[str, Any]) -> None:
    model = two_outputs()
    model.compile("sgd", **settings)
    names = ["loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"]
    assert model.metrics_names == names
    x, y = make_data()
    result = model.evaluate(x, [y, y], verbose=0, return_dict=True)
    assert list(result) == names
    assert result["loss"] == pytest.approx(result["kind_loss"] + 0.5 * result["size_loss"])


def test_metrics_by_name_inside_a_list_are_refused() -> None:
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(1)])
    with pytest.raises(TypeError, match="metrics: expected a list of metrics for each output"):
        model.compile("sgd", "mse", metrics=[{"out": "mse"}])


def test_metrics_of_several_outputs_need_a_list_for_each() -> None:
    model = two_outputs()
    with pytest.raises(ValueError, match=r"metrics: expected a list with one item for each output"):
        model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics=["accuracy"])


def test_compile_config_is_json_and_restores_the_compile() -> None:
    model = make_model(
        optimizer=gw.optimizers.AdamW(0.01, clipnorm=1.0), loss_weights=2.0, metrics=["acc"]
    )
    config = json.loads(json.dumps(model.get_compile_config()))
    other = make_model(compile=False)
    assert other.get_compile_config() == {}
    other.compile_from_config({})
    assert not other.compiled
    other.compile_from_config(config)
    assert other.get_compile_config() == model.get_compile_config()
    assert other.metrics_names == ["loss", "acc"]


def test_a_model_can_be_compiled_before_it_is_built() -> None:
    model = gw.Sequential([gw.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = make_data()
    model.fit(x, y, verbose=0)
    assert model.metrics_names == ["loss", "accuracy"]


def test_training_without_compile_or_loss_is_refused() -> None:
    x, y = make_data()
    model = make_model(compile=False)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="expected a compiled model; call compile first"):
            call(x, y)
    model.compile("adam")
    with pytest.raises(ValueError, match="loss: expected a loss in compile, got None"):
        model.fit(x, y)


def test_predict_needs_no_compile() -> None:
    assert make_model(compile=False).predict(make_data()[0]).shape == (50, 3)


def test_optimizer_defaults_are_those_of_keras() -> None:
    adam = gw.optimizers.Adam().native_options()
    assert adam["learning_rate"] == 0.001 and adam["epsilon"] == 1e-7
    assert (adam["beta_1"], adam["beta_2"], adam["weight_decay"]) == (0.9, 0.999, 0.0)
    assert gw.optimizers.AdamW().native_options()["weight_decay"] == 0.004
    sgd = gw.optimizers.SGD().native_options()
    assert (sgd["learning_rate"], sgd["momentum"], sgd["nesterov"]) == (0.01, 0.0, False)


@pytest.mark.parametrize("model", [gw.Sequential, gw.SparseAutoencoder])
def test_the_optimizer_of_compile_is_that_of_keras_but_for_autoencoders(model: Any) -> None:
    x = make_data()[0]
    if model is gw.Sequential:
        compiled = gw.Sequential([gw.Input(shape=x.shape[1:]), gw.layers.Dense(x.shape[1])])
        compiled.compile(loss="mse")
        assert isinstance(compiled.optimizer, gw.optimizers.RMSprop)
        assert compiled.optimizer.get_config() == gw.optimizers.RMSprop().get_config()
    else:
        compiled = gw.SparseAutoencoder(16)
        compiled.compile(loss="mse")
        assert isinstance(compiled.optimizer, gw.optimizers.Adam)
        assert type(compiled.optimizer.schedule).__name__ == "AutoRate"
    losses = compiled.fit(x, x, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", ["sgd", "SGD", "adam", "Adam", "adamw", "AdamW", "RMSProp"])
def test_optimizers_have_the_names_of_keras(name: str) -> None:
    optimizer = gw.optimizers.get(name)
    assert type(optimizer).__name__.lower() == name.lower()
    restored = gw.optimizers.get(gw.optimizers.serialize(optimizer))
    assert restored.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"learning_rate": -1.0}, ValueError, "learning_rate: expected a number >= 0, got -1.0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate: expected a number"),
        ({"beta_1": 1.0}, ValueError, "beta_1: expected 0 <= value < 1, got 1.0"),
        ({"amsgrad": 1}, TypeError, "amsgrad: expected True or False, got 1"),
        ({"use_ema": None}, TypeError, "use_ema: expected True or False, got None"),
        (
            {"ema_momentum": 1.5},
            ValueError,
            r"ema_momentum: expected a number in",
        ),
        ({"ema_overwrite_frequency": 0}, ValueError, "ema_overwrite_frequency: expected an integ"),
        ({"loss_scale_factor": 0}, ValueError, "loss_scale_factor: expected a number > 0, got 0"),
        ({"loss_scale_factor": "x"}, TypeError, "loss_scale_factor: expected a number >= 0"),
        (
            {"gradient_accumulation_steps": 1},
            ValueError,
            "gradient_accumulation_steps: expected an integer >= 2, got 1",
        ),
        ({"decay": 0.1}, TypeError, "Adam: unexpected argument 'decay'"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, ValueError, "expected at most one of them"),
        ({"clipnorm": -1.0}, ValueError, "clipnorm: expected a number >= 0"),
    ],
)
def test_wrong_optimizer_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        gw.optimizers.Adam(**options)


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ({"class_name": "adam"}, {}, "config: expected a dict with class_name and config, got"),
        ("adam", {}, "config: expected a dict with class_name and config, got"),
        (
            {"class_name": "adam", "config": {}},
            {"custom_objects": {}},
            "deserialize: custom_objects is not supported",
        ),
    ],
)
def test_wrong_configurations_of_optimizers_are_refused(
    config: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        gw.optimizers.deserialize(config, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gw.losses.BinaryCrossentropy(axis=0), "BinaryCrossentropy: axis is not supported"),
    ],
)
def test_unsupported_settings_of_losses_and_metrics_are_refused(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_the_learning_rate_can_be_changed_at_any_time() -> None:
    x, y = make_data()
    model = make_model()
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.fit(x, y, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.optimizer.learning_rate = 0.01
    model.fit(x, y, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert model.optimizer.iterations == 4
    assert copy.deepcopy(model.optimizer).iterations == 0


def test_recompiling_drops_the_optimizers_state() -> None:
    x, y = make_data()
    model = make_model()
    model.fit(x, y, verbose=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize("loss", [["mse", ["mse"]], [{"o": "mse"}], {"a": ["mse", "mse"]}])
def test_a_list_inside_a_list_of_losses_is_refused_by_compile(loss: Any) -> None:
    model = gw.Sequential([gw.Input(shape=(2,)), gw.layers.Dense(1)])
    with pytest.raises(TypeError, match="loss: expected one for each output"):
        model.compile("sgd", loss)
    with pytest.raises(TypeError, match="loss_weights: expected one for each output"):
        model.compile("sgd", "mse", loss_weights=[1.0, [2.0]])


def test_an_unbuilt_model_or_layer_has_no_shapes_and_no_weights() -> None:
    layer, model = gw.layers.Dense(3), gw.Sequential([gw.layers.Dense(3)])
    for each in (layer, model):
        for name in ("input_shape", "output_shape"):
            assert not hasattr(each, name)
            with pytest.raises(ValueError, match="expected a built"):
                getattr(each, name)
    assert not hasattr(layer, "native")
    model.build((None, 4))
    assert model.input_shape == (None, 4) and model.layers[0].input_shape == (None, 4)
