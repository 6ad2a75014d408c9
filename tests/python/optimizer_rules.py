"""Keras' update formulas in float64, for tests of the native ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradient_check import Node, group_norms

ADAM = {"kind": "adam", "learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
RMSPROP = {"kind": "rmsprop", "learning_rate": 0.02, "rho": 0.8, "epsilon": 1e-3}
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"kind": "sgd", "learning_rate": 0.1},
    "momentum": {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.8},
    "nesterov": {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.8, "nesterov": True},
    "adam": ADAM,
    "adam of Keras' defaults": {"kind": "adam", "learning_rate": 0.01},
    "adamw": ADAM | {"kind": "adamw", "weight_decay": 0.3},
    "rmsprop": RMSPROP,
    "rmsprop with momentum": RMSPROP | {"momentum": 0.7, "learning_rate": 0.01},
    "rmsprop centered": RMSPROP | {"centered": True, "learning_rate": 0.01},
    "rmsprop centered with momentum": RMSPROP
    | {"centered": True, "momentum": 0.7, "learning_rate": 0.005},
    "amsgrad": ADAM | {"amsgrad": True},
    "adagrad": {"kind": "adagrad", "learning_rate": 0.05, "initial_accumulator_value": 0.01},
    "adadelta": {"kind": "adadelta", "learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3},
    "adamax": ADAM | {"kind": "adamax"},
    "nadam": ADAM | {"kind": "nadam"},
    "adafactor": {"kind": "adafactor", "learning_rate": 0.05, "beta_2_decay": -0.6},
    "adafactor of large steps": {
        "kind": "adafactor",
        "learning_rate": 0.6,
        "epsilon_1": 1e-3,
        "epsilon_2": 0.3,
        "clip_threshold": 0.4,
    },
    "lion": {"kind": "lion", "learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.9},
}
WITH_FIRST_MOMENT = {
    *("momentum", "nesterov", "rmsprop with momentum", "rmsprop centered with momentum", "lion"),
    *("adam", "adam of Keras' defaults", "adamw", "amsgrad", "adamax", "nadam"),
}
WITH_STATISTICS = {"adafactor", "adafactor of large steps"}
WITH_SECOND_MOMENT = RULES.keys() - WITH_STATISTICS - {"sgd", "momentum", "nesterov", "lion"}
WITH_THIRD_MOMENT = {"rmsprop centered", "rmsprop centered with momentum", "amsgrad", "adadelta"}
WITH_L1 = [rule for rule in RULES if rule != "lion" and rule not in WITH_STATISTICS]


class Slices:
    """Moments and step counts of one parameter, one slice per expert."""

    def __init__(self, w: np.ndarray, per_expert: bool, second: float = 0.0) -> None:
        count = len(w) if per_expert else 1
        self.first, self.third = np.zeros_like(w), np.zeros_like(w)
        self.second = np.full_like(w, second)
        self.steps = np.zeros(count, int)
        # Adafactor's of each slice: those of rows and columns, or of a vector's values.
        self.statistics: list[list[np.ndarray]] = [[] for _ in range(count)]
        self.slices = list(range(count)) if per_expert else [...]


def update(
    o: dict[str, Any],
    w: np.ndarray,
    g: np.ndarray,
    state: Slices,
    at: int,
    l1: float,
    groups: str = "none",
):
    """Updates slice `at` of w and of `state` in place by its gradient g."""
    rate, decay = o["learning_rate"], o.get("weight_decay", 0.0)
    index = state.slices[at]
    state.steps[at] += 1
    t = state.steps[at]
    new = w[index] - rate * decay * w[index]
    m, v, third = state.first[index], state.second[index], state.third[index]
    scale: float | np.ndarray = 1.0
    velocity_share = 0.0
    if o["kind"] == "sgd" and not o.get("momentum"):
        new = new - rate * g
    elif o["kind"] == "sgd":
        beta = o["momentum"]
        m = beta * m - rate * g
        new = new + (beta * m - rate * g if o.get("nesterov") else m)
        velocity_share = 1 / (1 + beta) if o.get("nesterov") else 1.0
        scale = velocity_share
    elif o["kind"] == "rmsprop":
        v = v + (g**2 - v) * (1 - o["rho"])
        if o.get("centered"):
            third = third + (g - third) * (1 - o["rho"])
        root, beta = np.sqrt(v - third**2 + o["epsilon"]), o.get("momentum", 0.0)
        m = beta * m - rate * g / root
        new = new + m
        scale = root
        velocity_share = float(beta > 0)
    elif o["kind"] == "lion":
        new = new - rate * np.sign(o["beta_1"] * m + (1 - o["beta_1"]) * g)
        m = o["beta_2"] * m + (1 - o["beta_2"]) * g
    elif o["kind"] == "adagrad":
        v = v + g**2
        scale = np.sqrt(v + 1e-7)
        new = new - rate * g / scale
    elif o["kind"] == "adadelta":
        v = v + (g**2 - v) * (1 - o["rho"])
        step = np.sqrt((third + o["epsilon"]) / (v + o["epsilon"])) * g
        before, third = third, third + (step**2 - third) * (1 - o["rho"])
        new = new - rate * step
        # Groups are shrunk after all updates, by the mean square that includes this step.
        scale = np.sqrt(
            (v + o["epsilon"]) / ((before if groups == "none" else third) + o["epsilon"])
        )
    elif o["kind"] in ("adam", "adamw", "adamax", "nadam"):
        beta_1, beta_2 = o.get("beta_1", 0.9), o.get("beta_2", 0.999)
        epsilon = o.get("epsilon", 1e-7)
        m = m + (g - m) * (1 - beta_1)
        direction = m / (1 - beta_1**t)
        if o["kind"] == "adamax":
            v = np.maximum(beta_2 * v, np.abs(g))
            scale = v + epsilon
        else:
            v = v + (g**2 - v) * (1 - beta_2)
            third = np.maximum(third, v) if o.get("amsgrad") else third
            root = np.sqrt((third if o.get("amsgrad") else v) / (1 - beta_2**t))
            scale = root + epsilon
        if o["kind"] == "nadam":
            u = [beta_1 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)]
            direction = u[t] * m / (1 - np.prod(u)) + (1 - u[t - 1]) * g / (1 - np.prod(u[:t]))
        # Adam and AdamW add epsilon to the root of the uncorrected v.
        in_adam = o["kind"] in ("adam", "adamw")
        divisor = root + epsilon / np.sqrt(1 - beta_2**t) if in_adam else scale
        new = new - rate * direction / divisor
    elif o["kind"] == "adafactor":
        new = new - adafactor_step(o, new, g, state.statistics[at], t)
    else:
        raise ValueError(f"update: expected a kind with a formula here, got {o['kind']}")
    if l1 > 0:
        free = new
        if groups == "none":
            new = np.sign(new) * np.maximum(np.abs(new) - rate * l1 / scale, 0)
        else:
            new = shrink_groups(new, scale, rate * l1, groups)
        m = m + velocity_share * (new - free)
    w[index], state.first[index], state.second[index] = new, m, v
    state.third[index] = third


def adafactor_step(
    o: dict[str, Any], w: np.ndarray, g: np.ndarray, statistics: list[np.ndarray], t: int
) -> np.ndarray:
    """The step of one slice; updates its statistics."""
    share = t ** o.get("beta_2_decay", -0.8)
    squares = g**2 + o.get("epsilon_1", 1e-30)
    means = [squares.mean(-1), squares.mean(-2)] if g.ndim > 1 else [squares]
    before = statistics or [np.zeros_like(each) for each in means]
    statistics[:] = [old + (each - old) * share for old, each in zip(before, means, strict=True)]
    if g.ndim > 1:
        r, c = statistics
        u = g / np.sqrt(np.outer(r / r.mean(), c))
    else:
        u = g / np.sqrt(statistics[0])
    u = u / max(1.0, rms(u) / o.get("clip_threshold", 1.0))
    rate = min(o["learning_rate"], t**-0.5)
    step: np.ndarray = max(o.get("epsilon_2", 1e-3), rms(w)) * rate * u
    return step


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def shrink_groups(w: np.ndarray, h: np.ndarray | float, rate: float, groups: str) -> np.ndarray:
    """argmin_x sum h (x - w)^2 / 2 + rate sum_g sqrt(p_g) |x_g|, with |x_g| by bisection."""
    norms, sizes = group_norms(h * w, groups)
    t = rate * np.sqrt(sizes)
    low, high = np.zeros_like(norms), group_norms(w, groups)[0]
    for _ in range(80):
        n = (low + high) / 2
        is_low = group_norms(h * w / (h * n + t), groups)[0] > 1
        low, high = np.where(is_low, n, low), np.where(is_low, high, n)
    return np.where(norms > t, w * h * n / (h * n + t), 0.0)


def clip(o: dict[str, Any], gradients: dict[tuple[Node, str], np.ndarray]) -> None:
    """Clips like Keras: by value, by each parameter's norm or by the global norm."""
    norms = {key: np.linalg.norm(g) for key, g in gradients.items()}
    norm_of_all = np.sqrt(sum(norm**2 for norm in norms.values()))
    for key, g in gradients.items():
        if "clipvalue" in o:
            gradients[key] = np.clip(g, -o["clipvalue"], o["clipvalue"])
        if "clipnorm" in o:
            gradients[key] = g * o["clipnorm"] / max(norms[key], o["clipnorm"])
        if "global_clipnorm" in o:
            gradients[key] = g * o["global_clipnorm"] / max(norm_of_all, o["global_clipnorm"])
