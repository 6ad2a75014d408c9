"""The expert layer in PyTorch, in the implementations of an expert user.

"sorted loop" sorts the assignments by expert once and runs the modules of a list on their rows,
expert by expert. "grouped_mm" passes the sorted rows to `grouped_mm` and adds the biases by index,
because `grouped_mm` takes no bias. "gathered, compiled" multiplies each row by the gathered kernels
of its experts, in loops that `torch.compile` fuses so that the gathered copy is never stored: the
fastest form for few rows, and slow for many.

Compilation of the others has no benefit in PyTorch 2.13: it rejects `grouped_mm` in float32, and
the loop, which is recompiled for each pattern of loads, is not faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .alternate import Step
from .shapes import Shape, make_data, make_weights
from .torch_training import training_step

# Maps rows (n, d) to outputs (n, d).
Forward = Callable[[Any], Any]


def linear(weight: Any, bias: Any = None) -> Any:
    """A Linear module from a kernel (inputs, outputs)."""
    import torch

    layer = torch.nn.Linear(*weight.shape, bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def choose(router: Any, x: Any, k: int) -> tuple[Any, Any]:
    """Weights and indices (n, k) of a softmax over all experts, normalised over the chosen."""
    import torch

    values, indices = torch.softmax(router(x), -1).topk(k, -1)
    return values / values.sum(-1, keepdim=True), indices


def combine(outputs: Any, order: Any, gates: Any) -> Any:
    """Adds the sorted outputs (n k, d), times their weights (n, k), to their rows."""
    n, k = gates.shape
    weighted = outputs * gates.flatten()[order, None]
    return outputs.new_zeros(n, outputs.shape[-1]).index_add(0, order // k, weighted)


def _sorted_loop(shape: Shape, weights: dict[str, Any]) -> tuple[Forward, list[Any]]:
    import torch

    router = linear(weights["router"])
    experts = torch.nn.ModuleList(
        torch.nn.Sequential(
            linear(weights["kernel_in"][e], weights["bias_in"][e]),
            torch.nn.ReLU(),
            linear(weights["kernel_out"][e], weights["bias_out"][e]),
        )
        for e in range(shape.E)
    )

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, shape.k)
        order = indices.flatten().argsort(stable=True)
        counts = indices.flatten().bincount(minlength=shape.E).tolist()
        parts = x[order // shape.k].split(counts)
        outputs = [experts[e](part) for e, part in enumerate(parts) if counts[e]]
        return combine(torch.cat(outputs), order, gates)

    return forward, [*router.parameters(), *experts.parameters()]


def _grouped(shape: Shape, weights: dict[str, Any]) -> tuple[Forward, list[Any]]:
    import torch

    router = linear(weights["router"])
    names = ("kernel_in", "bias_in", "kernel_out", "bias_out")
    parameters = [torch.nn.Parameter(weights[name]) for name in names]
    kernel_in, bias_in, kernel_out, bias_out = parameters
    grouped_mm = torch.nn.functional.grouped_mm

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, shape.k)
        order = indices.flatten().argsort(stable=True)
        chosen = indices.flatten()[order]
        offsets = chosen.bincount(minlength=shape.E).cumsum(0).to(torch.int32)
        hidden = grouped_mm(x[order // shape.k], kernel_in, offs=offsets) + bias_in[chosen]
        outputs = grouped_mm(hidden.relu(), kernel_out, offs=offsets) + bias_out[chosen]
        return combine(outputs, order, gates)

    return forward, [*router.parameters(), *parameters]


def _gathered(shape: Shape, weights: dict[str, Any]) -> tuple[Forward, list[Any]]:
    import torch

    router = linear(weights["router"])
    # Transposed, so that the sums run along consecutive values.
    kernel_in, kernel_out = (
        weights[name].transpose(1, 2).contiguous() for name in ("kernel_in", "kernel_out")
    )
    bias_in, bias_out = weights["bias_in"], weights["bias_out"]

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, shape.k)
        hidden = (x[:, None, None] * kernel_in[indices]).sum(-1) + bias_in[indices]
        outputs = (hidden.relu()[:, :, None] * kernel_out[indices]).sum(-1) + bias_out[indices]
        return (outputs * gates[..., None]).sum(1)

    return torch.compile(forward), [*router.parameters()]


_MAKERS = {"sorted loop": _sorted_loop, "grouped_mm": _grouped, "gathered, compiled": _gathered}


def forms(shape: Shape, trains: bool) -> list[str]:
    """The implementations to compare for a shape."""
    return [name for name in _MAKERS if name != "gathered, compiled" or (shape.few and not trains)]


def make_layer(shape: Shape, threads: int, form: str) -> tuple[Forward, list[Any]]:
    """The layer as a function, and its parameters."""
    import torch

    torch.set_num_threads(threads)
    weights = {name: torch.from_numpy(value) for name, value in make_weights(shape).items()}
    return _MAKERS[form](shape, weights)


def torch_forward(shape: Shape, threads: int, form: str) -> Step:
    """A forward pass without gradients, tensors in and out."""
    import torch

    forward, _ = make_layer(shape, threads, form)
    batches = itertools.cycle(torch.from_numpy(make_data(shape)[0]))

    def step() -> Any:
        with torch.inference_mode():
            return forward(next(batches))

    return step


def torch_step(shape: Shape, threads: int, form: str) -> Step:
    """A training step with the fused Adam."""
    import torch

    forward, parameters = make_layer(shape, threads, form)
    x, y = (torch.from_numpy(array) for array in make_data(shape))
    mse_loss = torch.nn.functional.mse_loss
    return training_step(
        parameters,
        zip(x, y, strict=True),
        lambda rows, targets: mse_loss(forward(rows), targets),
    )
