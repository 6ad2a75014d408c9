"""Small models at batch 32, as people train them on CPUs: a training step, and one row predicted.

python -m benchmarks.peers.small_steps          (needs the extra `bench`)
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON, TORCH_EPSILON
from .table import print_table

# Losses are compared before and after the first step; later on, rounding changes which experts are
# chosen, in PyTorch's own forms among each other too.
CHECKED = 2
ROWS, FEATURES, HIDDEN, CLASSES, BATCH = 4000, 784, 64, 10, 32
EXPERTS, K = 16, 2


def make_data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.random((ROWS, FEATURES), dtype=np.float32)
    return x, random.integers(0, CLASSES, ROWS).astype(np.int32)


def make_weights(kind: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)

    def normal(*shape: int) -> np.ndarray:
        return (random.normal(size=shape) / np.sqrt(shape[-2])).astype(np.float32)

    if kind == "dense":
        return {"first": normal(FEATURES, HIDDEN), "second": normal(HIDDEN, CLASSES)}
    return {"router": normal(FEATURES, EXPERTS), "experts": normal(EXPERTS, FEATURES, CLASSES)}


def our_model(kind: str, threads: int) -> Any:
    import gatewise as gw

    gw.set_num_threads(threads)
    weights = make_weights(kind)
    if kind == "dense":
        model = gw.Sequential(
            [
                gw.Input(shape=(FEATURES,)),
                gw.layers.Dense(HIDDEN, activation="relu"),
                gw.layers.Dense(CLASSES, activation="softmax"),
            ]
        )
        zeros = [np.zeros(HIDDEN, np.float32), np.zeros(CLASSES, np.float32)]
        model.set_weights([weights["first"], zeros[0], weights["second"], zeros[1]])
    else:
        layer = gw.SparseExpertLayer(CLASSES, num_experts=EXPERTS, k=K, activation="softmax")
        model = gw.Sequential([gw.Input(shape=(FEATURES,)), layer])
        biases = np.zeros((EXPERTS, CLASSES), np.float32)
        model.set_weights([weights["experts"], biases, weights["router"]])
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "sparse_categorical_crossentropy")
    return model


def our_step(kind: str, threads: int) -> Step:
    """The step of `fit`: one native call on rows named by their numbers."""
    from gatewise import _core

    x, y = make_data()
    model = our_model(kind, threads)
    trainer = model._ready_trainer()
    data = _core.Dataset([x], [y], [None])
    batches = [np.arange(i, i + BATCH) for i in range(0, ROWS, BATCH)]
    turn = iter(range(10**9))
    return lambda: trainer.train_step(data, batches[next(turn) % len(batches)])[0]


def our_row(threads: int) -> Step:
    model, row = our_model("dense", threads), make_data()[0][:1].copy()
    return lambda: model.predict(row)


def torch_parts(kind: str, threads: int, form: str) -> tuple[Any, Any]:
    """A function from a batch to logits, and its parameters."""
    import torch

    torch.set_num_threads(threads)
    weights = {name: torch.tensor(value) for name, value in make_weights(kind).items()}

    def linear(value: Any, bias: bool = True) -> Any:
        layer = torch.nn.Linear(*value.shape, bias=bias)
        with torch.no_grad():
            layer.weight.copy_(value.T)
            if bias:
                layer.bias.zero_()
        return layer

    if kind == "dense":
        model = torch.nn.Sequential(
            linear(weights["first"]), torch.nn.ReLU(), linear(weights["second"])
        )
        return model, list(model.parameters())
    router = linear(weights["router"], bias=False)
    parameters = list(router.parameters())

    def choose(x: Any) -> tuple[Any, Any]:
        values, indices = torch.softmax(router(x), -1).topk(K, -1)
        return values / values.sum(-1, keepdim=True), indices

    if form == "module list":
        experts = torch.nn.ModuleList([linear(value) for value in weights["experts"]])

        def forward(x: Any) -> Any:
            gates, indices = choose(x)
            out = x.new_zeros(len(x), CLASSES)
            for e, expert in enumerate(experts):
                rows, slots = torch.where(indices == e)
                if rows.numel():
                    out = out.index_add(0, rows, expert(x[rows]) * gates[rows, slots, None])
            return out

        return forward, parameters + list(experts.parameters())
    if form == "one linear":
        wide = linear(weights["experts"].permute(1, 0, 2).reshape(FEATURES, EXPERTS * CLASSES))

        def forward(x: Any) -> Any:
            gates, indices = choose(x)
            outputs = wide(x).view(len(x), EXPERTS, CLASSES)
            chosen = outputs.gather(1, indices[:, :, None].expand(-1, -1, CLASSES))
            return (chosen * gates[:, :, None]).sum(1)

        return forward, parameters + list(wide.parameters())
    # grouped_mm wants strides of 16 bytes: 10 classes are padded to 12.
    padded = torch.zeros(EXPERTS, FEATURES, 12)
    padded[:, :, :CLASSES] = weights["experts"]
    kernel = torch.nn.Parameter(padded)
    bias = torch.nn.Parameter(torch.zeros(EXPERTS, CLASSES))

    def forward(x: Any) -> Any:
        gates, indices = choose(x)
        order = indices.flatten().argsort(stable=True)
        chosen = indices.flatten()[order]
        offsets = torch.bincount(chosen, minlength=EXPERTS).cumsum(0).to(torch.int32)
        outputs = torch.nn.functional.grouped_mm(x[order // K], kernel, offs=offsets)
        outputs = (outputs[:, :CLASSES] + bias[chosen]) * gates.flatten()[order, None]
        return x.new_zeros(len(x), CLASSES).index_add(0, order // K, outputs)

    return forward, [*parameters, kernel, bias]


def torch_step(kind: str, threads: int, form: str) -> Step:
    """Eager PyTorch with fused Adam, on batches cut beforehand."""
    import torch

    forward, parameters = torch_parts(kind, threads, form)
    optimizer = torch.optim.Adam(parameters, fused=True, eps=TORCH_EPSILON)
    x, y = (torch.tensor(array) for array in make_data())
    y = y.long()
    batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, ROWS, BATCH)]
    turn = iter(range(10**9))

    def step() -> Any:
        rows, labels = batches[next(turn) % len(batches)]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(forward(rows), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def torch_row(threads: int) -> Step:
    import torch

    model, _ = torch_parts("dense", threads, "")
    row = make_data()[0][:1].copy()

    def step() -> Any:
        with torch.inference_mode():
            return torch.softmax(model(torch.from_numpy(row)), -1).numpy()

    return step


def main() -> None:
    print(platform.processor() or platform.machine())
    both = (1, 2)
    ours = [Contender(f"gatewise, {t} threads", our_step, ("dense", t), True) for t in both]
    theirs = [Contender(f"PyTorch, {t} threads", torch_step, ("dense", t, "")) for t in both]
    print_table(
        "Training step, 784-64-10, batch 32",
        alternate([*ours, *theirs], check=CHECKED),
    )

    ours = [Contender(f"gatewise, {t} threads", our_step, ("experts", t), True) for t in both]
    theirs = [
        Contender(f"PyTorch {form}, {t} threads", torch_step, ("experts", t, form))
        for form in ("module list", "one linear", "grouped_mm")
        for t in both
    ]
    title = "Training step, 16 linear experts 784-10, top-2, batch 32"
    print_table(title, alternate([*ours, *theirs], check=CHECKED))

    ours = [Contender(f"gatewise, {t} threads", our_row, (t,), True) for t in both]
    theirs = [Contender(f"PyTorch, {t} threads", torch_row, (t,)) for t in both]
    title = "One row predicted, 784-64-10, NumPy in and out"
    print_table(title, alternate([*ours, *theirs], check=CHECKED))


if __name__ == "__main__":
    main()
