"""NumPy scalars as settings become Python numbers where they enter, so that models are saved."""

import json

import numpy as np
import pytest

import gatewise as gw
from gatewise import balance, constraints, initializers, losses, metrics, optimizers, regularizers
from gatewise import experts as expert_kinds
from gatewise import routers as router_kinds
from gatewise.sae.code_activation import CODE_ACTIVATIONS

REGISTRIES = {
    "initializer": initializers.INITIALIZERS,
    "regularizer": regularizers.REGULARIZERS,
    "constraint": constraints.CONSTRAINTS,
    "loss": losses.registry,
    "metric": metrics.registry,
    "optimizer": optimizers.registry,
    "schedule": optimizers.learning_rate.registry,
    "expert": expert_kinds.EXPERTS,
    "router": router_kinds.ROUTERS,
    "balance": balance.BALANCES,
    "activation": CODE_ACTIVATIONS,
}
# Settings without a default.
REQUIRED = {
    "MLP": {"hidden": 4},
    "GLU": {"hidden": 4},
    "Conv1D": {"filters": 2, "map_shape": 8},
    "Conv2D": {"filters": 2, "map_shape": (4, 4)},
    "LISTA": {"steps": 2},
    "Gated": {"l1": 0.1},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [0.3, 0.2, 0.1]},
    "LinearWarmup": {"learning_rate": 0.1, "warmup_steps": 10},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
}
CLASSES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names()]


def as_numpy(value):
    """The same settings, with every number and flag a scalar of NumPy."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value)
    if isinstance(value, float):
        return np.array(value, np.float64) if value == 0.1 else np.float64(value)
    if isinstance(value, list | tuple):
        return type(value)(map(as_numpy, value))
    return value


@pytest.mark.parametrize(("kind", "name"), CLASSES, ids=[f"{k} {n}" for k, n in CLASSES])
def test_settings_of_numpy_are_those_of_python(kind, name):
    found = REGISTRIES[kind].find(name)
    plain = found(**REQUIRED.get(found.__name__, {}))
    config = plain.get_config()
    given = {key: as_numpy(value) for key, value in config.items()}
    assert json.dumps(found.from_config(given).get_config()) == json.dumps(config)


def test_a_model_with_settings_of_numpy_is_saved_and_loaded(tmp_path):
    layer = gw.SparseExpertLayer(
        np.int64(3),
        num_experts=np.int32(4),
        k=np.int64(2),
        expert=gw.experts.MLP(np.int64(5)),
        balance=gw.balance.AuxLoss(np.float32(0.01)),
        kernel_regularizer=gw.regularizers.L1L2(np.float32(1e-4), np.array(1e-4)),
        seed=np.int64(3),
    )
    constant = gw.initializers.Constant(np.float32(0.5))
    last = gw.layers.Dense(np.int64(3), activation="softmax", bias_initializer=constant)
    model = gw.Sequential([gw.Input(shape=(np.int64(6),)), layer, last])
    model.trainable = np.bool_(True)
    rate = gw.optimizers.schedules.ExponentialDecay(np.float32(0.01), np.int64(5), np.float32(0.9))
    model.compile(
        gw.optimizers.Adam(rate, clipnorm=np.float32(1), dense_updates=np.bool_(True)),
        "sparse_categorical_crossentropy",
        loss_weights=np.float32(2),
    )
    x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    y = np.arange(40) % 3
    backup = gw.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=np.int64(1))
    model.fit(
        x,
        y,
        batch_size=np.int64(10),
        epochs=np.int64(2),
        validation_split=np.float32(0.25),
        class_weight={np.int64(0): np.float32(2)},
        shuffle=np.bool_(True),
        verbose=0,
        callbacks=[backup],
    )
    model.save(tmp_path / "model.gatewise", overwrite=np.bool_(True))
    loaded = gw.load_model(tmp_path / "model.gatewise")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_an_autoencoder_with_settings_of_numpy_is_saved(tmp_path):
    sae = gw.SparseAutoencoder(
        np.int64(16),
        activation=gw.TopK(np.int64(3)),
        prefixes=np.array([4, 8]),
        unit_norm=np.bool_(True),
        threshold=np.float32(0),
        auxk=gw.AuxK(k=np.int64(2), weight=np.float32(0.5), dead_rows=np.int64(10)),
        seed=np.int64(1),
    )
    sae.compile("adam")
    sae.fit(np.random.default_rng(0).normal(size=(64, 5)), verbose=0)
    sae.save(tmp_path / "sae.gatewise")
    assert gw.load_model(tmp_path / "sae.gatewise").get_config() == sae.get_config()


@pytest.mark.parametrize("value", [np.nan, np.inf, "x", np.ones(1)])
def test_a_constant_that_is_no_finite_number_is_refused(value):
    with pytest.raises((TypeError, ValueError), match="value: expected a number"):
        gw.initializers.Constant(value)
