"""Writes the stored runs of tests/python/test_golden.py: `python tests/golden/make_golden.py`.

Arguments are names of runs; without arguments all runs are written. Needs torch (written with
2.13.0, CPU). Gradients are PyTorch's, in float64. The update is an implementation of Keras' Adam
with a step count for each expert; an inactive expert is not updated. The seed is one with a routing
margin above `MIN_MARGIN` in every step, so that float32 chooses the same experts as float64.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

STEPS, BATCH, SAMPLES = 50, 6, 60
D, H, U, E = 6, 5, 3, 6
RATE, BETA_1, BETA_2, EPSILON = 0.01, 0.9, 0.999, 1e-7  # Keras' defaults, but a larger rate
MIN_MARGIN = 1e-3
MIN_INACTIVE = 10  # minimum count of (step, inactive expert) pairs

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softmax": lambda x: torch.softmax(x, -1),
}
Weights = dict[str, torch.Tensor]
Options = dict[str, Any]


def dense(units: int, activation: str) -> tuple[str, Options]:
    return "dense", {"units": units, "activation": activation, "use_bias": True}


def experts(kind: str, activation: str, use_bias: bool = True) -> Options:
    options: Options = {"expert.kind": kind, "expert.activation": activation}
    inner = {"expert.hidden": H, "expert.use_bias": use_bias}
    return options if kind == "linear" else options | inner


def router(kind: str, **settings: Any) -> Options:
    return {"router.kind": kind} | {f"router.{name}": value for name, value in settings.items()}


def model(expert: Options, routing: Options, shared: int = 0, **terms: float) -> list[Any]:
    """A Dense, so that gradients of the layer's input matter, and the layer, with a softmax."""
    options = {"units": U, "num_experts": E, "shared_experts": shared, "use_bias": True}
    strengths = {"aux_loss": 0.0, "z_loss": 0.0, "bias": 0.0} | terms
    balance = {f"balance.{name}": value for name, value in strengths.items()}
    options |= {"activation": "softmax"} | expert | routing | balance
    return [dense(D, "tanh"), ("sparse_expert", options)]


TOP_2 = router("top_k", k=2, normalize=True, over="all")
MLP = experts("mlp", "relu")
LINEAR = experts("linear", "linear")
MAP = {"height": 2, "width": 3, "kernel_height": 3, "kernel_width": 3, "filters": H}
CONVOLUTION: Options = {f"expert.{name}": value for name, value in MAP.items()}
CONVOLUTION |= {"expert.kind": "convolution", "expert.activation": "gelu", "expert.pooling": "mean"}
CASES = {
    "dense": [dense(9, "tanh"), dense(U, "softmax")],
    "expert_linear": model(experts("linear", "tanh"), TOP_2),
    "expert_mlp": model(experts("mlp", "gelu"), TOP_2, shared=1),
    "expert_glu": model(experts("glu", "silu"), TOP_2, shared=2),
    "expert_convolution": model(CONVOLUTION, TOP_2),
    "router_top_k": model(MLP, router("top_k", k=2, normalize=False, over="all"), aux_loss=0.1),
    "router_top_k_over_chosen": model(MLP, router("top_k", k=2, normalize=True, over="chosen")),
    "router_switch": model(MLP, router("switch"), aux_loss=0.1, z_loss=0.01),
    "router_sigmoid_top_k": model(MLP, router("sigmoid_top_k", k=2, normalize=True), bias=0.01),
    "router_keys": model(MLP, router("keys", k=2, key_dim=4, similarity="cosine", temperature=0.3)),
    "router_output_sum": model(LINEAR, router("output_sum", k=2, combine="softmax"), bias=0.01),
    "router_output_sum_summed": model(LINEAR, router("output_sum", k=2, combine="sum")),
    "router_all": model(MLP, router("all", shared_bias=True)),
    **{
        f"router_static_{each}": model(MLP, router("static", constraint=each, shared_bias=False))
        for each in ("free", "non_negative", "simplex")
    },
}


def expert_shapes(o: Options, prefix: str, count: int) -> dict[str, tuple[int, ...]]:
    kind = o["expert.kind"]
    bias = {} if o.get("router.shared_bias") else {"bias" if kind == "linear" else "bias_out": (U,)}
    if kind == "linear":
        shapes = {"kernel": (D, U)}
    elif kind == "convolution":
        shapes = {"kernel_in": (9, H), "bias_in": (H,), "kernel_out": (H, U)}
    else:
        inner = ["in"] if kind == "mlp" else ["gate", "value"]
        shapes = {f"kernel_{each}": (D, H) for each in inner} | {"kernel_out": (H, U)}
        shapes |= {f"bias_{each}": (H,) for each in inner if o["expert.use_bias"]}
    return {prefix + name: (count, *shape) for name, shape in (shapes | bias).items()}


def shapes_of(kind: str, o: Options, width: int) -> dict[str, tuple[int, ...]]:
    """Parameters by name; those of experts have a first axis of E."""
    if kind == "dense":
        return {"kernel": (width, o["units"]), "bias": (o["units"],)}
    shapes = expert_shapes(o, "", E)
    if o["shared_experts"]:
        shapes |= expert_shapes(o, "shared_", o["shared_experts"])
    if o["router.kind"] == "static":
        shapes["router_alpha"] = (E,)
    elif o["router.kind"] == "keys":
        shapes |= {"router_projection": (D, o["router.key_dim"])}
        shapes |= {"router_keys": (o["router.key_dim"], E)}
    elif o["router.kind"] not in ("all", "output_sum"):
        shapes["router_kernel"] = (D, E)
    if o.get("router.shared_bias"):
        shapes["output_bias"] = (U,)
    if o["balance.bias"]:
        shapes["balance_bias"] = (E,)
    return shapes


def run_experts(o: Options, p: Weights, prefix: str, x: torch.Tensor) -> torch.Tensor:
    """All experts on all rows: (n, count, u)."""

    def product(values: torch.Tensor, name: str) -> torch.Tensor:
        axes = "nd,edh->neh" if values.ndim == 2 else "ned,edh->neh"
        result = torch.einsum(axes, values, p[prefix + "kernel" + name])
        bias = p.get(prefix + "bias" + name)
        return result if bias is None or bias.ndim == 1 else result + bias

    f = ACTIVATIONS[o["expert.activation"]]
    if o["expert.kind"] == "linear":
        return f(product(x, ""))
    if o["expert.kind"] == "convolution":
        maps = x.reshape(-1, 1, o["expert.height"], o["expert.width"])
        patches = functional.unfold(maps, 3, padding=1).transpose(1, 2)  # (n, positions, taps)
        made = torch.einsum("npt,eth->neph", patches, p[prefix + "kernel_in"])
        hidden = f(made + p[prefix + "bias_in"][:, None]).mean(2)
        return product(hidden, "_out")
    if o["expert.kind"] == "mlp":
        return product(f(product(x, "_in")), "_out")
    return product(f(product(x, "_gate")) * product(x, "_value"), "_out")


class Step:
    """Results of one step besides the loss: balance losses, smallest margin, rows per expert."""

    def __init__(self) -> None:
        self.loss: torch.Tensor | float = 0.0
        self.margin = np.inf
        self.counts = torch.full((E,), BATCH)


def score(o: Options, p: Weights, x: torch.Tensor) -> torch.Tensor:
    """Scores (n, E) by which the experts of a row are ranked."""
    if o["router.kind"] == "output_sum":
        return run_experts(o, p, "", x).sum(-1)
    if o["router.kind"] == "keys":
        rows = functional.normalize(x @ p["router_projection"], dim=1)
        return rows @ functional.normalize(p["router_keys"], dim=0) / o["router.temperature"]
    return x @ p["router_kernel"]


def route(o: Options, p: Weights, x: torch.Tensor, step: Step) -> torch.Tensor:
    """Weights (n, E) of the experts of each row; 0 for experts not chosen."""
    if o["router.kind"] in ("all", "static"):
        alpha = p.get("router_alpha", torch.ones(E, dtype=torch.float64))
        alpha = torch.softmax(alpha, 0) if o.get("router.constraint") == "simplex" else alpha
        return alpha.expand(len(x), E)
    logits = score(o, p, x)
    is_sigmoid = o["router.kind"] == "sigmoid_top_k"
    scores = torch.sigmoid(logits) if is_sigmoid else torch.softmax(logits, -1)
    k = o.get("router.k", 1)
    ranked = (scores + p.get("balance_bias", 0.0)).detach().topk(k + 1)
    step.margin = float((ranked.values[:, k - 1] - ranked.values[:, k]).min())
    chosen = torch.zeros_like(scores).scatter(1, ranked.indices[:, :k], 1.0)
    step.counts = chosen.sum(0)
    mean = (scores / scores.sum(-1, keepdim=True)).mean(0)
    step.loss = o["balance.aux_loss"] * E * (step.counts / step.counts.sum() * mean).sum()
    step.loss = step.loss + o["balance.z_loss"] * torch.logsumexp(logits, -1).square().mean()
    if o.get("router.combine") == "sum":
        return chosen
    if o["router.kind"] in ("keys", "output_sum"):
        return torch.softmax(logits.masked_fill(chosen == 0, -np.inf), -1)
    weights = scores * chosen
    if o.get("router.normalize", False):
        weights = weights / weights.sum(-1, keepdim=True)
    return weights


def loss_of(layers: list[Any], weights: list[Weights], x: torch.Tensor, y: torch.Tensor):
    step = Step()
    for (kind, o), p in zip(layers, weights, strict=True):
        if kind == "dense":
            x = ACTIVATIONS[o["activation"]](x @ p["kernel"] + p["bias"])
            continue
        sparse = (route(o, p, x, step)[:, :, None] * run_experts(o, p, "", x)).sum(1)
        if o["shared_experts"]:
            sparse = sparse + run_experts(o, p, "shared_", x).sum(1)
        bias = p["output_bias"] if o.get("router.shared_bias") else 0.0
        x = ACTIVATIONS[o["activation"]](sparse + bias)
    return functional.nll_loss(torch.log(x), y) + step.loss, step


class Moments:
    """Adam state of one parameter, with one step count per expert, or one for all of it."""

    def __init__(self, w: torch.Tensor, is_per_expert: bool) -> None:
        self.m, self.v = torch.zeros_like(w), torch.zeros_like(w)
        self.slices: list[Any] = list(range(len(w))) if is_per_expert else [...]
        self.steps = [0] * len(self.slices)

    def update(self, w: torch.Tensor, gradient: torch.Tensor, is_active: list[bool]) -> None:
        """Keras' formula, in place: epsilon is added to the root of the uncorrected v."""
        for at, index in enumerate(self.slices):
            g, m, v = gradient[index], self.m[index], self.v[index]
            if not is_active[at]:
                assert not g.any(), "an inactive expert has no gradient"
                continue
            self.steps[at] += 1
            t = self.steps[at]
            m += (g - m) * (1 - BETA_1)
            v += (g * g - v) * (1 - BETA_2)
            alpha = RATE * np.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
            w[index] -= alpha * m / (torch.sqrt(v) + EPSILON)


def first_weights(layers: list[Any], rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    weights, width = [], D
    for kind, o in layers:
        draws = {
            name: rng.normal(0, 0.5, shape) for name, shape in shapes_of(kind, o, width).items()
        }
        for name in draws:
            if name == "router_kernel":
                draws[name] *= 2  # scores far apart
            if name == "router_alpha":
                draws[name] = np.abs(draws[name])
        weights.append({name: value.astype(np.float32) for name, value in draws.items()})
        width = o["units"]
    return weights


def finish_step(o: Options, p: Weights, step: Step) -> None:
    """Applies the updates that do not use gradients."""
    if o.get("router.constraint") == "non_negative":
        p["router_alpha"].data.clamp_(min=0)
    if "balance_bias" in p:
        excess = step.counts.mean() - step.counts
        p["balance_bias"].data += o["balance.bias"] * torch.sign(excess)


def train(layers: list[Any], seed: int) -> dict[str, np.ndarray] | None:
    """One run; None as soon as the routing margin of a row is too small."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, D)).astype(np.float32)
    y = rng.integers(0, U, SAMPLES).astype(np.int32)
    order = np.concatenate([rng.permutation(SAMPLES) for _ in range(-(-STEPS * BATCH // SAMPLES))])
    batches = order[: STEPS * BATCH].reshape(STEPS, BATCH)
    initial = first_weights(layers, rng)
    weights = [{n: torch.tensor(w, dtype=torch.float64) for n, w in p.items()} for p in initial]
    trained = [(at, n) for at, p in enumerate(weights) for n in p if n != "balance_bias"]
    leaves = [weights[at][name].requires_grad_() for at, name in trained]
    is_expert = [
        w.ndim == 2 + ("kernel" in n) and not n.startswith("router")
        for (_, n), w in zip(trained, leaves, strict=True)
    ]
    moments = [Moments(w.detach(), each) for w, each in zip(leaves, is_expert, strict=True)]
    losses, worked, margin = [], np.zeros(E, np.int64), np.inf
    for batch in batches:
        rows = torch.tensor(x[batch], dtype=torch.float64)
        loss, step = loss_of(layers, weights, rows, torch.tensor(y[batch], dtype=torch.int64))
        margin = min(margin, step.margin)
        if margin <= MIN_MARGIN:
            return None
        gradients = torch.autograd.grad(loss, leaves)
        worked += (step.counts > 0).numpy()
        for (_, name), w, g, moment in zip(trained, leaves, gradients, moments, strict=True):
            shared = len(moment.slices) == 1 or name.startswith("shared_")
            is_active = [True] * len(moment.slices) if shared else (step.counts > 0).tolist()
            moment.update(w.data, g, is_active)
        finish_step(layers[-1][1], weights[-1], step)
        losses.append(loss.item())
    assert margin > MIN_MARGIN
    if "router_kernel" in initial[-1]:
        num_inactive = STEPS * E - worked.sum()
        assert num_inactive >= MIN_INACTIVE, f"experts were inactive {num_inactive} times"
    result = {"x": x, "y": y, "batches": batches.astype(np.int64), "losses": np.array(losses)}
    result["worked"] = worked
    for at, p in enumerate(initial):
        result |= {f"initial.{at}.{name}": value for name, value in p.items()}
        result |= {f"final.{at}.{name}": weights[at][name].detach().numpy() for name in p}
    return result | {"margin": np.array(margin)}


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    for name in names or CASES:
        layers = CASES[name]
        runs = ((seed, train(layers, seed)) for seed in range(10_000))
        seed, run = next((seed, run) for seed, run in runs if run is not None)
        optimizer = {"learning_rate": RATE, "beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON}
        config = {"layers": layers, "optimizer": {"kind": "adam"} | optimizer}
        path = Path(__file__).with_name(f"{name}.npz")
        np.savez_compressed(path, config=np.array(json.dumps(config)), **run)
        summary = f"margin {run['margin']:.1e}, steps of each expert {run['worked'].tolist()}"
        print(f"{name}: seed {seed}, {summary}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
