"""Layers, routers and losses as plain NumPy formulas in float64, row by row where that is clearer.

Letters: n rows, d inputs, h hidden width, u outputs, E experts, k experts kept per row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import erf

import position_reference as positions
from dictionary_reference import run_dictionary
from gatewise import _core

SEED = 5  # seed of the native layers' random numbers
# Keras' epsilon. In float32, 1 - 1e-7 is 1 - 2^-23, whose logarithm differs in the second digit.
PROBABILITIES = 1e-7, float(np.float32(1) - np.float32(1e-7))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def softmax(x):
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.05070098735548 * np.where(x > 0, x, 1.67326324235438 * np.expm1(x)),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "exponential": np.exp,
    "softmax": softmax,
}


@dataclass
class Run:
    """Settings of a forward pass, and its results besides the outputs."""

    step: int = 0
    training: bool = True
    loss: float = 0.0
    target: np.ndarray | None = None  # (n, u) target of the only output
    weights: np.ndarray | None = None  # (n,)
    margin: float = np.inf  # min difference of a kept score and the next one
    chosen: dict[Node, list[np.ndarray]] = field(default_factory=dict)
    drawn: Counter[Node] = field(default_factory=Counter)

    def stream(self, node: Node) -> int:
        """The random stream of a layer's next use; a layer used twice has two streams."""
        self.drawn[node] += 1
        return ((node.stream + 1) << 40) + ((self.drawn[node] - 1) << 32)


@dataclass(eq=False)
class Node:
    """A layer; a node that occurs twice in a graph is one layer."""

    kind: str
    options: dict[str, Any]
    l1: float = 0.0
    l2: float = 0.0
    groups: str = "none"  # groups of the L1 penalty
    trainable: bool = True
    stream: int = 1
    native: Any = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)  # float64, exact in float32


def run_expert(o, p, prefix, e, x):
    """Output (u,) of expert e for one row x (d,)."""

    def of(name):
        values = p.get(prefix + name)
        return 0.0 if values is None else values[e]

    f = ACTIVATIONS[o["expert.activation"]]
    if o["expert.kind"] == "linear":
        return f(x @ of("kernel") + of("bias"))
    if o["expert.kind"] == "convolution":
        return convolve(o, x, of("kernel_in"), of("bias_in"), f) @ of("kernel_out") + of("bias_out")
    if o["expert.kind"] == "mlp":
        hidden = f(x @ of("kernel_in") + of("bias_in"))
    else:
        gate = f(x @ of("kernel_gate") + of("bias_gate"))
        hidden = gate * (x @ of("kernel_value") + of("bias_value"))
    return hidden @ of("kernel_out") + of("bias_out")


def convolve(o, row, kernel, bias, f):
    """The pooled or flattened convolution of one map, after activation f."""
    height, width = o["expert.height"], o["expert.width"]
    taps = o["expert.kernel_height"], o["expert.kernel_width"]
    maps = row.reshape(height, width, -1)
    before = [(size - 1) // 2 for size in taps]
    padded = np.pad(maps, [(b, t - 1 - b) for b, t in zip(before, taps, strict=True)] + [(0, 0)])
    patches = [
        padded[y : y + taps[0], x : x + taps[1]].ravel()
        for y in range(height)
        for x in range(width)
    ]
    made = f(np.array(patches) @ kernel + bias)
    return made.mean(axis=0) if o["expert.pooling"] == "mean" else made.ravel()


def score(node: Node, x):
    """Logits (n, E) that a router ranks."""
    o, p = node.options, node.weights
    if o["router.kind"] == "output_sum":
        return x @ p["kernel"].sum(axis=2).T + (p["bias"].sum(axis=1) if o["use_bias"] else 0.0)
    if o["router.kind"] == "keys":
        rows, keys = x @ p["router_projection"], p["router_keys"]
        if o["router.similarity"] == "cosine":
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
            keys = keys / np.linalg.norm(keys, axis=0)
        return rows @ keys / o["router.temperature"]
    return x @ p["router_kernel"]


def route(node: Node, x, run: Run):
    """Experts and weights of rows (n, d), both (n, k), best first."""
    o, p, (n, d), E = node.options, node.weights, x.shape, node.options["num_experts"]
    kind = o["router.kind"]
    if kind in ("all", "static"):
        alpha = p.get("router_alpha", np.ones(E))
        alpha = softmax(alpha) if o.get("router.constraint") == "simplex" else alpha
        return np.tile(np.arange(E), (n, 1)), np.tile(alpha, (n, 1))
    logits = score(node, x)  # (n, E)
    logits = logits * o.get("router.scale", min(1, o.get("router.scaled_width", d) / d))
    is_noisy = kind == "noisy_top_k" or o.get("router.noise", 0) > 0
    if is_noisy and run.training:
        assert run.step == 0, "random_normal begins where step 0 does"
        draws = _core.random_normal(SEED, run.stream(node), n * E, 0.0, 1.0).astype(np.float64)
        learned = kind == "noisy_top_k"
        deviations = softplus(x @ p["router_noise_kernel"]) if learned else o["router.noise"]
        logits = logits + draws.reshape(n, E) * deviations
    scores = sigmoid(logits) if kind == "sigmoid_top_k" else softmax(logits)
    ranks = scores + p.get("balance_bias", 0.0)
    k = o.get("router.k", 1)
    chosen = np.argsort(-ranks, axis=1, kind="stable")[:, :k]
    weights = np.take_along_axis(scores, chosen, axis=1)
    if o.get("router.combine") == "sum":
        weights = np.ones_like(weights)
    elif kind == "output_sum" or o.get("router.over") == "chosen":
        weights = softmax(np.take_along_axis(logits, chosen, axis=1))
    elif o.get("router.normalize", False):
        weights = weights / weights.sum(axis=1, keepdims=True)

    share = np.bincount(chosen.ravel(), minlength=E) / chosen.size
    mean = (scores / scores.sum(axis=1, keepdims=True)).mean(axis=0)
    log_sums = np.log(np.exp(logits).sum(axis=1))
    run.loss += o["balance.aux_loss"] * E * (share * mean).sum()
    run.loss += o["balance.z_loss"] * (log_sums**2).mean()
    if k < E:
        descending = -np.sort(-ranks, axis=1)
        run.margin = min(run.margin, (descending[:, k - 1] - descending[:, k]).min())
    return chosen, weights


def run_sparse_expert(node: Node, x, run: Run):
    o, p = node.options, node.weights
    chosen, weights = route(node, x, run)
    run.chosen.setdefault(node, []).append(chosen)
    y = np.zeros((len(x), o["units"]))
    for i, row in enumerate(x):
        for e, weight in zip(chosen[i], weights[i], strict=True):
            y[i] += weight * run_expert(o, p, "", e, row)
        for s in range(o["shared_experts"]):
            y[i] += run_expert(o, p, "shared_", s, row)
    bias = p.get("output_bias", 0.0) if o.get("router.shared_bias") else 0.0
    return ACTIVATIONS[o["activation"]](y + bias)


def run_gated_experts(node: Node, x, run: Run):
    """Gated units, concatenated or summed; soft gates are soft in training only."""
    o, p = node.options, node.weights
    groups = [int(group) for group in o["groups"].split(",")]
    gates = sigmoid(x @ p["gate_kernel"] + p["gate_bias"])
    factors = gates * (gates > o["threshold"])
    if o["gate"] == "soft" and run.training:
        factors = gates * sigmoid((gates - o["threshold"]) / o["temperature"])
    else:
        run.margin = min(run.margin, np.abs(gates - o["threshold"]).min())
    run.loss += o["open_weight"] * ((gates.mean(axis=0) - o["open_share"]) ** 2).mean()
    f = ACTIVATIONS[o["activation"]]
    h = np.einsum("nd,cdp->cnp", x, p["kernel"])
    units = [factors[:, [i]] * f(p["scale"][i] * h[c] + p["bias"][i]) for i, c in enumerate(groups)]
    return np.sum(units, axis=0) if o["combine"] == "sum" else np.concatenate(units, axis=1)


def run_code(node: Node, h, run: Run):
    o, kind = node.options, node.options["activation.kind"]
    if kind == "identity":
        return h
    values = sigmoid(h) if kind == "kl" else h
    kept = values > o["threshold"]
    if kind != "kl" or o["threshold"] > 0:
        run.margin = min(run.margin, np.abs(values - o["threshold"]).min())
    if kind == "top_k" and o["activation.k"] < h.shape[1]:
        ranked = np.sort(h, axis=1)[:, ::-1]
        kth_score, next_score = ranked[:, o["activation.k"] - 1], ranked[:, o["activation.k"]]
        run.margin = min(run.margin, (kth_score - next_score).min())
        kept &= h >= kth_score[:, None]
    z = np.where(kept, values, 0)
    if kind == "relu":
        run.loss += o["activation.l1"] * z.sum(axis=1).mean()
    if kind == "kl":
        rho, mean = o["activation.rho"], np.clip(z.mean(axis=0), 1e-7, 1 - 1e-7)
        terms = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
        run.loss += o["activation.weight"] * terms.sum()
    return z


def run_layer(node: Node, xs: list[np.ndarray], run: Run):
    """Output (n, u) of a layer for its inputs, each (n, width)."""
    o, p, x = node.options, node.weights, xs[0]
    if node.kind == "dense":
        return ACTIVATIONS[o["activation"]](x @ p["kernel"] + p.get("bias", 0.0))
    if node.kind == "activation":
        return ACTIVATIONS[o["activation"]](x)
    if node.kind == "gated_experts":
        return run_gated_experts(node, x, run)
    if node.kind == "layer_normalization":
        centred = x - x.mean(axis=1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + o["epsilon"])
        return normal * p.get("gamma", 1.0) + p.get("beta", 0.0)
    if node.kind == "dropout":
        # Each step has its own stream; a row's draws begin at a multiple of 4.
        n, width, padded = *x.shape, -(-x.shape[1] // 4) * 4
        stream = run.stream(node) + run.step
        draws = _core.random_uniform(SEED, stream, n * padded, 0.0, 1.0).reshape(n, padded)
        return np.where(draws[:, :width] >= o["rate"], x / (1 - o["rate"]), 0.0)
    if node.kind in ("shared_dropout", "gaussian_dropout", "alpha_dropout"):
        stream = run.stream(node) + run.step

        def draw(kind, count):
            made = {"normal": _core.random_normal, "uniform": _core.random_uniform}[kind]
            return made(SEED, stream, count, 0.0, 1.0).astype(np.float64)

        return positions.random_factors(node.kind, o, x, draw)
    if node.kind in ("convolution", "grouped_convolution"):
        return ACTIVATIONS[o["activation"]](positions.convolve(o, p, x))
    if node.kind == "separable_convolution":
        return ACTIVATIONS[o["activation"]](positions.convolve_separably(o, p, x))
    if node.kind == "convolution_transpose":
        return ACTIVATIONS[o["activation"]](positions.convolve_transposed(o, p, x))
    if node.kind == "elu":
        return np.where(x > 0, x, o["alpha"] * np.expm1(x))
    if node.kind == "prelu":
        return np.where(x > 0, x, positions.of_axes(o, p["alpha"], *x.shape) * x)
    if node.kind == "unit_normalization":
        return x / np.linalg.norm(x, axis=1, keepdims=True)
    if node.kind == "sparse_dictionary":
        return run_dictionary(node, x, run, route)
    if node.kind == "sparse_code":
        return run_code(node, x, run)
    if node.kind == "standardize":
        if o["inverse"]:
            return x / p["scale"] + p["center"]
        return p["scale"] * (x - p["center"])
    if node.kind == "concatenate":
        return np.concatenate(xs, axis=1)
    if node.kind == "add":
        return sum(xs)
    if node.kind == "multiply":
        return np.prod(xs, axis=0)
    return run_sparse_expert(node, x, run)


def row_losses(name: str, o: dict[str, Any], y, t):
    """One loss per row, from outputs (n, u) and targets (n, u) or labels (n,)."""
    if name in OF_VALUES:
        return OF_VALUES[name](o, y, t)
    u, smoothing = y.shape[1], o.get("label_smoothing", 0.0)
    if name.startswith("binary"):
        t = t * (1 - smoothing) + smoothing / 2
        if o["from_logits"] and name == "binary_crossentropy":
            return (softplus(y) - y * t).mean(axis=1)
        y = sigmoid(y) if o["from_logits"] else y
        p = np.clip(y, *PROBABILITIES)
        units = -(t * np.log(p) + (1 - t) * np.log(1 - p))
        if name == "binary_focal_crossentropy":
            units *= np.abs(1 - t * y - (1 - t) * (1 - y)) ** o["gamma"]
            if o["apply_class_balancing"]:
                units *= t * o["alpha"] + (1 - t) * (1 - o["alpha"])
        return units.mean(axis=1)
    counts = np.ones(len(y))
    if t.ndim == 1:
        counts = (t != o.get("ignore_class", u)) * 1.0
        t = np.eye(u)[np.clip(t, 0, u - 1)] * counts[:, np.newaxis]
    t = t * (1 - smoothing) + smoothing / u
    if o["from_logits"]:
        shift = y.max(axis=1, keepdims=True)
        log_p = y - shift - np.log(np.exp(y - shift).sum(axis=1, keepdims=True))
    else:
        log_p = np.log(np.clip(y / y.sum(axis=1, keepdims=True), *PROBABILITIES))
    if name == "categorical_focal_crossentropy":
        alphas = [o[f"alpha.{j}"] if "alpha.0" in o else o["alpha"] for j in range(u)]
        t = t * alphas * (1 - np.exp(log_p)) ** o["gamma"]
    # The loss is a mean over the rows that count.
    return -(t * log_p).sum(axis=1) * len(counts) / max(counts.sum(), 1)


EPSILON = 1e-7  # Keras'


def margins(t):
    """Targets -1 and 1; targets that are all 0 or 1 are read so."""
    return 2 * t - 1 if np.isin(t, (0, 1)).all() else t


def direction(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), EPSILON)


def huber(o, error):
    d = o["delta"]
    return np.where(error <= d, error**2 / 2, d * error - d**2 / 2)


def categorical_hinge(y, t):
    return np.maximum(1 + ((1 - t) * y).max(axis=1) - (t * y).sum(axis=1), 0)


# Losses of options, outputs (n, u) and targets (n, u).
OF_VALUES = {
    "mse": lambda o, y, t: ((y - t) ** 2).mean(axis=1),
    "mae": lambda o, y, t: np.abs(y - t).mean(axis=1),
    "mean_absolute_percentage_error": lambda o, y, t: (
        100 * (np.abs(y - t) / np.maximum(np.abs(t), EPSILON)).mean(axis=1)
    ),
    "mean_squared_logarithmic_error": lambda o, y, t: (
        (np.log1p(np.maximum(y, EPSILON)) - np.log1p(np.maximum(t, EPSILON))) ** 2
    ).mean(axis=1),
    "huber": lambda o, y, t: huber(o, np.abs(y - t)).mean(axis=1),
    "log_cosh": lambda o, y, t: np.log(np.cosh(y - t)).mean(axis=1),
    "poisson": lambda o, y, t: (y - t * np.log(y + EPSILON)).mean(axis=1),
    "hinge": lambda o, y, t: np.maximum(1 - margins(t) * y, 0).mean(axis=1),
    "squared_hinge": lambda o, y, t: (np.maximum(1 - margins(t) * y, 0) ** 2).mean(axis=1),
    "categorical_hinge": lambda o, y, t: categorical_hinge(y, t),
    "kl_divergence": lambda o, y, t: (
        np.clip(t, EPSILON, 1) * np.log(np.clip(t, EPSILON, 1) / np.clip(y, EPSILON, 1))
    ).sum(axis=1),
    "cosine_similarity": lambda o, y, t: -(direction(y) * direction(t)).sum(axis=1),
}
