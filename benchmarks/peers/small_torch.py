"""The small models in eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .alternate import Step
from .small_data import BATCH, CLASSES, EXPERTS, FEATURES, K, make_data, make_weights
from .torch_experts import choose, combine, linear
from .torch_training import training_step

EXPERT_FORMS = ("module list", "one linear", "grouped_mm")
# grouped_mm needs rows of a multiple of 16 bytes.
PADDED_CLASSES = 12

# A function from rows to logits, and its parameters.
Parts = tuple[Callable[[Any], Any], list[Any]]
Weights = dict[str, Any]


def _dense(weights: Weights) -> Parts:
    import torch

    layers = [linear(weights[name], torch.zeros(weights[name].shape[1])) for name in weights]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    return model, list(model.parameters())


def _module_list(weights: Weights) -> Parts:
    import torch

    router = linear(weights["router"])
    experts = torch.nn.ModuleList(
        linear(value, torch.zeros(CLASSES)) for value in weights["experts"]
    )

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, K)
        out = x.new_zeros(len(x), CLASSES)
        for e, expert in enumerate(experts):
            rows, slots = torch.where(indices == e)
            if rows.numel():
                out = out.index_add(0, rows, expert(x[rows]) * gates[rows, slots, None])
        return out

    return forward, [*router.parameters(), *experts.parameters()]


def _one_linear(weights: Weights) -> Parts:
    """Computes all experts for all rows and selects the chosen ones."""
    import torch

    router = linear(weights["router"])
    kernel = weights["experts"].permute(1, 0, 2).reshape(FEATURES, EXPERTS * CLASSES)
    all_experts = linear(kernel, torch.zeros(EXPERTS * CLASSES))

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, K)
        outputs = all_experts(x).view(len(x), EXPERTS, CLASSES)
        chosen = outputs.gather(1, indices[:, :, None].expand(-1, -1, CLASSES))
        return (chosen * gates[:, :, None]).sum(1)

    return forward, [*router.parameters(), *all_experts.parameters()]


def _grouped(weights: Weights) -> Parts:
    import torch

    router = linear(weights["router"])
    padded = torch.zeros(EXPERTS, FEATURES, PADDED_CLASSES)
    padded[:, :, :CLASSES] = weights["experts"]
    kernel = torch.nn.Parameter(padded)
    bias = torch.nn.Parameter(torch.zeros(EXPERTS, CLASSES))

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, K)
        order = indices.flatten().argsort(stable=True)
        chosen = indices.flatten()[order]
        offsets = chosen.bincount(minlength=EXPERTS).cumsum(0).to(torch.int32)
        outputs = torch.nn.functional.grouped_mm(x[order // K], kernel, offs=offsets)
        return combine(outputs[:, :CLASSES] + bias[chosen], order, gates)

    return forward, [*router.parameters(), kernel, bias]


_MAKERS = {
    "dense": _dense,
    "module list": _module_list,
    "one linear": _one_linear,
    "grouped_mm": _grouped,
}


def _make(threads: int, form: str) -> Parts:
    import torch

    torch.set_num_threads(threads)
    weights = make_weights("dense" if form == "dense" else "experts")
    return _MAKERS[form]({name: torch.from_numpy(value) for name, value in weights.items()})


def torch_step(threads: int, form: str) -> Step:
    """A step with the fused Adam, on batches split beforehand."""
    import torch

    forward, parameters = _make(threads, form)
    x, y = (torch.from_numpy(array) for array in make_data())
    batches = zip(x.split(BATCH), y.long().split(BATCH), strict=True)
    cross_entropy = torch.nn.functional.cross_entropy
    return training_step(
        parameters, batches, lambda rows, labels: cross_entropy(forward(rows), labels)
    )


def torch_row(threads: int) -> Step:
    """Prediction of one row, NumPy in and out."""
    import torch

    model, _ = _make(threads, "dense")
    row = make_data()[0][:1].copy()

    def step() -> Any:
        with torch.inference_mode():
            return torch.softmax(model(torch.from_numpy(row)), -1).numpy()

    return step
