"""Initializers, constraints and regularizers are Keras'; see make_weights_figures.py."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise import constraints, initializers, regularizers
from training_models import make_data, make_model

KERAS = Path(__file__).parents[1] / "keras"
SCRIPT = runpy.run_path(str(KERAS / "make_weights_figures.py"))
STORED = json.loads((KERAS / "figures" / "weights.json").read_text(encoding="utf-8"))
KERNEL: np.ndarray = SCRIPT["kernel"]()


def cases(kind: str, stored: str) -> list[Any]:
    return [(*case, value) for case, value in zip(SCRIPT[kind], STORED[stored], strict=True)]


@pytest.mark.parametrize(("name", "options", "expected"), cases("CONSTRAINTS", "constraints"))
def test_a_constraint_of_an_array_is_that_of_keras(
    name: str, options: dict[str, Any], expected: Any
) -> None:
    constraint = getattr(constraints, name)(**options)
    found = constraint(KERNEL)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)  # float32 rounding
    stored = json.loads(json.dumps(constraints.serialize(constraint)))
    assert constraints.deserialize(stored)(KERNEL).tobytes() == found.tobytes()


@pytest.mark.parametrize(("name", "options", "expected"), cases("REGULARIZERS", "regularizers"))
def test_a_penalty_of_an_array_is_that_of_keras(
    name: str, options: dict[str, Any], expected: float
) -> None:
    penalty = getattr(regularizers, name)(**options)
    assert penalty(KERNEL) == pytest.approx(expected, rel=1e-6)  # Keras sums in float32
    assert regularizers.deserialize(regularizers.serialize(penalty)) == penalty


@pytest.mark.parametrize("penalty", ["l1", "l2", "l1_l2", "input", "unit", "block"])
def test_a_penalty_of_an_array_is_what_training_adds_to_the_loss(penalty: str) -> None:
    made = (
        regularizers.GroupL1(0.01, penalty)
        if penalty in regularizers.GROUPS
        else regularizers.get({"class_name": penalty, "config": {"l1": 0.01, "l2": 0.02}})
        if penalty == "l1_l2"
        else regularizers.get(penalty)
    )
    gw.utils.set_random_seed(0)
    layer = gw.layers.Dense(40, kernel_regularizer=made)  # two blocks and a half
    model = gw.Sequential([gw.Input((6,)), layer, gw.layers.Dense(3, activation="softmax")])
    plain = gw.Sequential([gw.Input((6,)), gw.layers.Dense(40), model.layers[1]])
    plain.set_weights(model.get_weights())
    losses = []
    for each in (model, plain):
        each.compile("sgd", "sparse_categorical_crossentropy")
        losses.append(each.evaluate(*make_data(), verbose=0))
    added = losses[0] - losses[1]
    assert added == pytest.approx(made(layer.get_weights()[0]), rel=1e-4)  # of two float32 losses
    assert added > 0


def test_each_expert_has_groups_of_its_own() -> None:
    kernels = np.random.default_rng(0).normal(size=(3, 5, 20))
    for groups in regularizers.GROUPS:
        penalty = regularizers.GroupL1(0.5, groups)
        assert penalty(kernels) == pytest.approx(sum(map(penalty, kernels)), rel=1e-12)


@pytest.mark.parametrize(("name", "options", "expected"), cases("FIXED", "fixed"))
def test_fixed_values_are_those_of_keras(name: str, options: dict[str, Any], expected: Any) -> None:
    initializer = getattr(initializers, name)(**options)
    found = initializer((4, 3), dtype="float32")
    assert found.dtype == np.float32
    assert found.tolist() == expected
    assert initializers.deserialize(initializers.serialize(initializer)) == initializer


@pytest.mark.parametrize(("name", "options", "expected"), cases("RANDOM", "random"))
def test_random_values_have_the_moments_of_those_of_keras(
    name: str, options: dict[str, Any], expected: list[float]
) -> None:
    initializer = getattr(initializers, name)(seed=1, **options)
    values = initializer(SCRIPT["SHAPE"])
    mean, deviation, reach = SCRIPT["moments"](values)
    # 60,000 numbers: the standard error of a mean is 0.004 deviations, of both twice 0.006; that of
    # a deviation is 0.3 %. The largest of normal numbers varies, that of the others is a bound.
    assert mean == pytest.approx(expected[0], abs=0.03 * deviation)
    assert deviation == pytest.approx(expected[1], rel=0.02)
    has_bound = name not in ("RandomNormal", "Orthogonal") and (
        options.get("distribution") != "untruncated_normal"
    )
    assert reach == pytest.approx(expected[2], rel=0.03 if has_bound else 0.3)
    assert values.tobytes() == initializer(SCRIPT["SHAPE"]).tobytes()
    assert initializers.deserialize(initializers.serialize(initializer)) == initializer


def test_the_identity_is_that_of_each_expert() -> None:
    values = initializers.Identity(2.0)((3, 2, 4))
    assert values.tolist() == [(2 * np.eye(2, 4)).tolist()] * 3
    layer = gw.layers.Dense(3, kernel_initializer="identity")
    assert layer(np.array([[1.0, 2.0, 3.0]])).tolist() == [[1.0, 2.0, 3.0]]


def test_names_and_classes_have_the_spellings_of_keras() -> None:
    for module, names in (
        (initializers, "glorot_normal he_uniform lecun_normal ones orthogonal random_uniform"),
        (initializers, "constant truncated_normal variance_scaling zeros identity"),
        (constraints, "max_norm min_max_norm non_neg unit_norm"),
        (regularizers, "l1 l2 l1_l2"),
    ):
        for name in names.split():
            assert isinstance(module.get(name), getattr(module, name))  # type: ignore[attr-defined]
    assert initializers.OrthogonalInitializer is initializers.Orthogonal
    assert isinstance(initializers.get("IdentityInitializer"), initializers.Identity)
    assert isinstance(initializers.get("OrthogonalInitializer"), initializers.Orthogonal)
    scaled = initializers.VarianceScaling(distribution="normal")
    assert scaled.distribution == "truncated_normal"


LAYERS = {
    "Dense": lambda given: gw.layers.Dense(2, kernel_constraint=given),
    "SparseExpertLayer": lambda given: gw.SparseExpertLayer(2, kernel_constraint=given),
    "GatedExperts": lambda given: gw.layers.GatedExperts(2, width=4, kernel_constraint=given),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("given", [constraints.NonNeg(), "unit_norm", constraints.MaxNorm(0.1)])
def test_layers_keep_a_constraint_of_their_kernels(layer: str, given: Any) -> None:
    built = LAYERS[layer](given)
    x, _ = make_data()
    model = gw.Sequential([gw.Input((x.shape[1],)), built])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((len(x), model.output_shape[-1])), epochs=1, verbose=0)
    constraint = constraints.get(given)
    kernels = [
        kernel
        for parameter, weight in zip(built.parameters(), built.get_weights(), strict=True)
        if parameter.role == "kernel"
        for kernel in (weight if parameter.per_expert else [weight])
    ]
    assert kernels
    for kernel in kernels:
        np.testing.assert_allclose(constraint(kernel), kernel, rtol=1e-5, atol=1e-6)


def test_constraints_hold_for_experts_that_a_step_touches_and_in_bfloat16() -> None:
    rows = np.random.default_rng(0).standard_normal((1, 6)).astype(np.float32)
    layer = gw.SparseExpertLayer(
        3, num_experts=8, k=2, kernel_constraint="non_neg", dtype="mixed_bfloat16", seed=0
    )
    model = gw.Sequential([gw.Input((6,)), layer])
    model.compile("sgd", "mse")
    before = layer.get_weights()
    chosen = set(layer.routing(rows)[0].ravel().tolist())
    model.train_on_batch(rows, np.ones((1, 3)))
    kernel = next(i for i, each in enumerate(layer.parameters()) if each.name == "kernel")
    after = layer.get_weights()[kernel]
    for expert in range(8):
        if expert in chosen:
            assert after[expert].min() >= 0
        else:
            np.testing.assert_array_equal(after[expert], before[kernel][expert])
    again = gw.models.clone_model(model)
    again.set_weights(model.get_weights())  # products read copies that followed the constraint
    np.testing.assert_array_equal(again.predict(rows, verbose=0), model.predict(rows, verbose=0))


def test_a_constraint_ends_where_it_is_taken_off() -> None:
    layer = gw.layers.Dense(3, kernel_constraint="non_neg", seed=0)
    x, _ = make_data()
    model = gw.Sequential([gw.Input((x.shape[1],)), layer])
    model.compile(gw.optimizers.SGD(0.1), "mse")
    model.fit(x, -x[:, :3], epochs=1, verbose=0)
    assert layer.kernel.numpy().min() >= 0
    layer.kernel_constraint = None
    model.fit(x, -x[:, :3], epochs=5, verbose=0)
    assert layer.kernel.numpy().min() < 0


def test_a_constraint_of_an_axis_that_is_not_there_is_refused() -> None:
    layer = gw.layers.Dense(3, kernel_constraint=constraints.MaxNorm(axis=2))
    with pytest.raises(ValueError, match=re.escape("axis: expected an axis of weights of shape")):
        layer.build((None, 4))
    with pytest.raises(ValueError, match="activity_regularizer: expected L1, L2 or L1L2"):
        gw.layers.Dense(3, activity_regularizer="group_l1").build((None, 4))


def test_a_callback_can_apply_a_constraint_to_all_weights() -> None:
    model, constraint = make_model(), constraints.NonNeg()

    def apply(batch: int, logs: Any) -> None:
        model.set_weights([constraint(weight) for weight in model.get_weights()])

    callback = gw.callbacks.LambdaCallback(on_train_batch_end=apply)
    model.fit(*make_data(), epochs=2, verbose=0, callbacks=[callback])
    assert min(weight.min() for weight in model.get_weights()) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: constraints.UnitNorm(0.5), "axis: expected an int or several, got 0.5"),
        (lambda: constraints.UnitNorm([]), "axis: expected an int or several, got []"),
        (lambda: constraints.MaxNorm(-1), "max_value: expected a number >= 0, got -1"),
        (lambda: constraints.MinMaxNorm(-1), "min_value: expected a number >= 0, got -1"),
        (lambda: constraints.MinMaxNorm(2, 1), "max_value: expected a number >= 2, got 1"),
        (
            lambda: constraints.MinMaxNorm(rate=2),
            "rate: expected a number in [0, 1], got 2",
        ),
        (
            lambda: initializers.VarianceScaling(scale=0),
            "scale: expected a number > 0, got 0",
        ),
        (
            lambda: initializers.VarianceScaling(mode="fan"),
            "mode: expected one of fan_in, fan_out, fan_avg, got 'fan'",
        ),
        (
            lambda: initializers.VarianceScaling(distribution="gamma"),
            "distribution: expected one of truncated_normal, untruncated_normal, uniform",
        ),
        (lambda: initializers.TruncatedNormal(stddev=-1), "stddev: expected a number >= 0"),
        (
            lambda: initializers.Identity()((3,)),
            "shape: identity: expected at least two axes, got (3,)",
        ),
        (lambda: initializers.Identity("a"), "gain: expected a number >= -inf, got 'a'"),
        (
            lambda: initializers.Zeros()((3,), dtype="float16"),
            "Zeros: dtype is not supported; expected None, got 'float16'",
        ),
        (
            lambda: regularizers.GroupL1()(np.ones(3)),
            "x: expected a kernel (..., d, u), got shape (3,)",
        ),
        *(
            (
                lambda module=module: module.deserialize("zeros", {"a": 1}),
                "deserialize: custom_objects is not supported; expected None",
            )
            for module in (initializers, constraints, regularizers)
        ),
    ],
)
def test_wrong_settings_are_refused(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()
