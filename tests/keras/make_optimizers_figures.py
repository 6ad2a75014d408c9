"""Weights and averages of Keras after 20 steps of each of its optimizers, in float64.

`KERAS_BACKEND=torch python tests/keras/make_optimizers_figures.py` writes
`figures/optimizers.json` beside this file. Keras 3 and PyTorch are needed for that alone.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 20, 4, 3, 4, 2
EPOCHS, STEPS_PER_EPOCH = 2, 10

# Class and arguments of each form of each optimizer; of those with "settings" in their names only
# that, without further options.
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "sgd momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "sgd nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop momentum": ("RMSprop", {"learning_rate": 0.005, "rho": 0.8, "momentum": 0.7}),
    "rmsprop centered": ("RMSprop", {"learning_rate": 0.01, "centered": True}),
    "rmsprop centered momentum": (
        "RMSprop",
        {"learning_rate": 0.005, "momentum": 0.7, "centered": True, "epsilon": 1e-3},
    ),
    "adam": ("Adam", {"learning_rate": 0.01}),
    "adam amsgrad": ("Adam", {"learning_rate": 0.01, "beta_2": 0.8, "amsgrad": True}),
    "adamw": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "adamw amsgrad": ("AdamW", {"learning_rate": 0.01, "beta_2": 0.8, "amsgrad": True}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad settings": (
        "Adagrad",
        {"learning_rate": 0.1, "initial_accumulator_value": 0.01, "epsilon": 1e-3},
    ),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-3}),
    "adadelta settings": ("Adadelta", {"learning_rate": 1.0}),
    "adamax": ("Adamax", {"learning_rate": 0.01}),
    "adamax settings": ("Adamax", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.7}),
    "nadam": ("Nadam", {"learning_rate": 0.01}),
    "nadam settings": ("Nadam", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.7}),
    "adafactor": ("Adafactor", {"learning_rate": 0.1}),
    "adafactor settings": (
        "Adafactor",
        {
            "learning_rate": 0.5,
            "beta_2_decay": -0.5,
            "epsilon_1": 1e-4,
            "epsilon_2": 1e-2,
            "clip_threshold": 0.5,
            "relative_step": False,
        },
    ),
    "lion": ("Lion", {"learning_rate": 0.01}),
    "lion settings": ("Lion", {"learning_rate": 0.05, "beta_1": 0.5, "beta_2": 0.6}),
}
# What every optimizer can be given.
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "weight_decay": {"weight_decay": 0.03},
    "clipnorm": {"clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.05},
    "global_clipnorm": {"global_clipnorm": 0.15},
    "accumulation": {"gradient_accumulation_steps": 3},
    "accumulation and clipnorm": {"gradient_accumulation_steps": 4, "clipnorm": 0.1},
    "ema": {"use_ema": True, "ema_momentum": 0.8},
    "ema overwriting": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 6},
    "ema and accumulation": {
        "use_ema": True,
        "ema_momentum": 0.8,
        "ema_overwrite_frequency": 3,
        "gradient_accumulation_steps": 3,
    },
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "ExponentialDecay": {"initial_learning_rate": 0.2, "decay_steps": 7, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.2, "decay_steps": 5, "decay_rate": 1.5},
    "PiecewiseConstantDecay": {"boundaries": [3, 9], "values": [0.2, 0.1, 0.02]},
    "PolynomialDecay": {"initial_learning_rate": 0.2, "decay_steps": 9, "power": 2.0},
    "CosineDecay": {
        "initial_learning_rate": 0.01,
        "decay_steps": 12,
        "alpha": 0.1,
        "warmup_target": 0.2,
        "warmup_steps": 5,
    },
    "CosineDecayRestarts": {
        "initial_learning_rate": 0.2,
        "first_decay_steps": 5,
        "t_mul": 1.5,
        "m_mul": 0.7,
    },
}
# Further settings of schedules, whose rates alone are stored.
SCHEDULE_FORMS: list[tuple[str, dict[str, Any]]] = [
    *SCHEDULES.items(),
    ("ExponentialDecay", SCHEDULES["ExponentialDecay"] | {"staircase": True}),
    ("InverseTimeDecay", SCHEDULES["InverseTimeDecay"] | {"staircase": True}),
    ("PolynomialDecay", SCHEDULES["PolynomialDecay"] | {"cycle": True}),
    ("PolynomialDecay", {"initial_learning_rate": 0.2, "decay_steps": 8}),
    ("CosineDecay", {"initial_learning_rate": 0.2, "decay_steps": 12}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.2, "first_decay_steps": 5}),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.2, "first_decay_steps": 5, "t_mul": 1.0, "alpha": 0.1},
    ),
]
SCHEDULE_STEPS = 40


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """Class and arguments of every case."""
    found = {}
    for form, (kind, arguments) in FORMS.items():
        for option, further in OPTIONS.items():
            if option and "settings" in form:
                continue
            found[f"{form} {option}".strip()] = (kind, arguments | further)
    for schedule, settings in SCHEDULES.items():
        rate = {"class_name": schedule, "config": settings}
        found[f"sgd {schedule}"] = ("SGD", {"learning_rate": rate})
        found[f"adam {schedule}"] = ("Adam", {"learning_rate": rate})
        found[f"adafactor {schedule}"] = ("Adafactor", {"learning_rate": rate})
    rate = {"class_name": "ExponentialDecay", "config": SCHEDULES["ExponentialDecay"]}
    found["sgd schedule accumulation"] = (
        "SGD",
        {"learning_rate": rate, "gradient_accumulation_steps": 3},
    )
    return found


def data() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Inputs and targets of all steps, and the first weights; float32 values."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS * BATCH, INPUTS)).astype(np.float32)
    y = np.stack([np.sin(x[:, 0]) + x[:, 1], x[:, 1] * x[:, 2]], axis=1).astype(np.float32)
    shapes = [(INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, OUTPUTS), (OUTPUTS,)]
    weights = [rng.normal(scale=0.5, size=shape).astype(np.float32) for shape in shapes]
    return x, y, weights


def make_schedule(kind: str, settings: dict[str, Any]) -> Any:
    return getattr(keras.optimizers.schedules, kind)(**settings)


def compiled(kind: str, arguments: dict[str, Any]) -> Any:
    """A model with the first weights and this optimizer."""
    rate = arguments["learning_rate"]
    if isinstance(rate, dict):
        rate = make_schedule(rate["class_name"], rate["config"])
    model = keras.Sequential(
        [
            keras.Input((INPUTS,)),
            keras.layers.Dense(HIDDEN, "tanh"),
            keras.layers.Dense(OUTPUTS),
        ]
    )
    model.set_weights(data()[2])
    optimizer = getattr(keras.optimizers, kind)(**arguments | {"learning_rate": rate})
    model.compile(optimizer, "mse")
    return model


def plain(arrays: list[Any]) -> list[float]:
    """All values one after the other, of 9 digits."""
    values = np.concatenate([np.asarray(each, np.float64).reshape(-1) for each in arrays])
    return [float(f"{value:.9g}") for value in values]


def figures(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What one case computes."""
    x, y, _ = data()
    model = compiled(kind, arguments)
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        model.train_on_batch(x[rows], y[rows])
    optimizer = model.optimizer
    found = {
        "class_name": kind,
        "arguments": arguments,
        "iterations": int(optimizer.iterations),
        "learning_rate": float(f"{float(optimizer.learning_rate):.9g}"),
        "weights": plain(model.get_weights()),
    }
    if arguments.get("use_ema"):
        averages = [np.asarray(each) for each in optimizer._model_variables_moving_average]
        found["averages"] = plain(averages)
        model = compiled(kind, arguments)
        rows = STEPS_PER_EPOCH * BATCH
        model.fit(x[:rows], y[:rows], BATCH, EPOCHS, shuffle=False, verbose=0)
        found["after_fit"] = plain(model.get_weights())
    return found


def signatures() -> dict[str, dict[str, Any]]:
    """Names and defaults of the arguments of each class, in order."""
    kinds = sorted({kind for kind, _ in FORMS.values()})
    return {
        kind: {
            name: parameter.default
            for name, parameter in inspect.signature(
                getattr(keras.optimizers, kind).__init__
            ).parameters.items()
            if name != "self" and parameter.kind != parameter.VAR_KEYWORD
        }
        for kind in kinds
    }


def main() -> None:
    keras.config.set_floatx("float64")
    x, y, weights = data()
    rates = [
        {
            "class_name": kind,
            "config": settings,
            "rates": plain([make_schedule(kind, settings)(t) for t in range(SCHEDULE_STEPS)]),
        }
        for kind, settings in SCHEDULE_FORMS
    ]
    head = {
        "keras": keras.__version__,
        "schedules": rates,
        "signatures": signatures(),
        "batch": BATCH,
        "epochs": EPOCHS,
        "x": x.tolist(),
        "y": y.tolist(),
        "weights": [each.tolist() for each in weights],
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    found = [f"{json.dumps(name)}: {json.dumps(figures(*case))}" for name, case in cases().items()]
    lines.append('"cases": {\n' + ",\n".join(found) + "\n}")
    path = Path(__file__).parent / "figures" / "optimizers.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
