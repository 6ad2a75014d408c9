"""Expert layers of published language models, against PyTorch and against dense products.

SwiGLU experts without biases, softmax over all experts, weights normalised over the chosen, random
weights. "dense products" are those that the chosen experts need, n k rows by one matrix each, in
PyTorch: a layer at their rate costs its user nothing for being sparse. PyTorch's layers sort rows
by expert and run a loop of linear layers, or `grouped_mm`; in bfloat16 weights and rows of
experts are bfloat16, and the router is float32, so that all choose the same experts. "medium" is
PyTorch's float32 precision that may use bfloat16 products. ONNX Runtime has one node for the
experts, in float32 and in int8; kt-kernel runs the experts behind PyTorch's router.

python -m benchmarks.peers real_shapes      (needs the extra `bench`)
"""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .kt_experts import kt_step
from .onnx_experts import onnx_step
from .shapes import Shape
from .table import Work, print_table
from .torch_experts import choose, combine, linear

ROWS = (1, 16, 64, 512, 4096)
THREADS = 2
_FEW_ROWS = 16
_BATCHES = 20
"""Of new rows, where few rows read other experts' weights in each call."""


LAYERS = {
    "Granite 3.0 1B-A400M": Shape(1, 1024, 512, 32, 8),
    "OLMoE 1B-7B": Shape(1, 2048, 1024, 64, 8),
    "LFM2 8B-A1B": Shape(1, 2048, 1792, 32, 4),
    "Qwen3 30B-A3B": Shape(1, 2048, 768, 128, 8),
    "DeepSeek-V2-Lite": Shape(1, 2048, 1408, 64, 6),
}
"""Of one row; `n` is replaced."""


def _weights(layer: Shape) -> dict[str, Any]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape, np.float32) / np.float32(shape[-2] ** 0.5)

    return {
        "gate": draw(layer.E, layer.d, layer.h),
        "value": draw(layer.E, layer.d, layer.h),
        "out": draw(layer.E, layer.h, layer.d),
        "router": draw(layer.d, layer.E),
    }


def _batches(layer: Shape) -> Any:
    count = _BATCHES if layer.n <= _FEW_ROWS else 1
    return np.random.default_rng(1).standard_normal((count, layer.n, layer.d), np.float32)


def our_model(layer: Shape, dtype: str = "float32") -> Any:
    """A model of one layer."""
    import gatewise as gw

    gw.set_num_threads(THREADS)
    expert = gw.experts.GLU(layer.h, activation="silu", use_bias=False)
    experts = gw.SparseExpertLayer(
        layer.d, layer.E, layer.k, expert, balance=None, use_bias=False, dtype=dtype
    )
    model = gw.Sequential([gw.Input(shape=(layer.d,)), experts])
    model.set_weights(list(_weights(layer).values()))
    return model


def ours(layer: Shape, storage: str) -> Step:
    """`predict` of a batch."""
    model = our_model(layer)
    if storage != "float32":
        model = model.quantize(storage)
    batches = itertools.cycle(_batches(layer))
    return lambda: model.predict(next(batches), batch_size=layer.n)


def torch_layer(layer: Shape, dtype: str, form: str) -> Step:
    """A layer of PyTorch, without gradients."""
    import torch

    torch.set_num_threads(THREADS)
    if dtype == "medium":
        torch.set_float32_matmul_precision("medium")
    kind = torch.float32 if dtype == "medium" else getattr(torch, dtype)
    forward, _ = torch_forward(layer, kind, kind, form)
    batches = itertools.cycle(torch.from_numpy(_batches(layer)))

    def step() -> Any:
        with torch.inference_mode():
            return forward(next(batches))

    return step


def torch_forward(layer: Shape, stored: Any, multiplied: Any, form: str) -> tuple[Any, list[Any]]:
    """Maps rows to outputs, and the parameters; the router is float32.

    Experts' weights have the type `stored`, and factors of their products are `multiplied`.
    """
    import torch

    given = {name: torch.from_numpy(value) for name, value in _weights(layer).items()}
    router = linear(given["router"])
    both = torch.cat([given["gate"], given["value"]], -1)
    weights: list[Any] = [both.to(stored), given["out"].to(stored)]
    if form == "loop":  # a matrix for each expert, transposed: kernels of both products in turn
        weights = [each.T.contiguous() for pair in zip(*weights, strict=True) for each in pair]
    weights = [torch.nn.Parameter(each) for each in weights]
    mm, silu = torch.nn.functional.grouped_mm, torch.nn.functional.silu

    def hidden(values: Any) -> Any:
        gate, value = values.chunk(2, -1)
        return silu(gate) * value

    def forward(x: Any) -> Any:
        gates, indices = choose(router, x, layer.k)
        order = indices.flatten().argsort(stable=True)
        counts = indices.flatten().bincount(minlength=layer.E)
        rows = x.to(multiplied)[order // layer.k]
        if form == "loop":
            apply = torch.nn.functional.linear
            outputs = torch.cat(
                [
                    apply(hidden(apply(part, into.to(multiplied))), out.to(multiplied))
                    for part, into, out in zip(
                        rows.split(counts.tolist()), weights[::2], weights[1::2], strict=True
                    )
                    if len(part)
                ]
            )
        else:
            offsets = counts.cumsum(0).to(torch.int32)
            into, out = (each.to(multiplied) for each in weights)
            outputs = mm(hidden(mm(rows, into, offs=offsets)), out, offs=offsets)
        return combine(outputs, order, gates.to(multiplied)).float()

    return forward, [*router.parameters(), *weights]


def onnx_layer(layer: Shape, kind: str) -> Step:
    """A node of ONNX Runtime."""
    return onnx_step(_weights(layer), layer.k, kind, THREADS, itertools.cycle(_batches(layer)))


def kt_layer(layer: Shape, kind: str) -> Step:
    """The experts of kt-kernel."""
    return kt_step(_weights(layer), layer.k, kind, THREADS, itertools.cycle(_batches(layer)))


def dense_products(layer: Shape, dtype: str) -> Step:
    """The products alone, by one matrix each."""
    import torch

    torch.set_num_threads(THREADS)
    kind, rows = getattr(torch, dtype), layer.n * layer.k
    x, hidden = torch.randn(rows, layer.d).to(kind), torch.randn(rows, layer.h).to(kind)
    into = torch.randn(2 * layer.h, layer.d).to(kind)
    out = torch.randn(layer.d, layer.h).to(kind)

    def step() -> Any:
        with torch.inference_mode():
            torch.nn.functional.linear(x, into)
            return torch.nn.functional.linear(hidden, out)[:1].float()

    return step


def _has_amx() -> bool:
    """Whether bfloat16 products of float32 values may be faster; "medium" changes nothing else."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _contenders(layer: Shape) -> list[Contender]:
    found = [Contender("gatewise, float32", ours, (layer, "float32"), True)]
    found += [
        Contender(f"gatewise, {storage}", ours, (layer, storage), True, tolerance)
        for storage, tolerance in (("bfloat16", 0.1), ("int8", 0.2), ("int4", 0.5))
    ]
    if all(map(importlib.util.find_spec, ("onnx", "onnxruntime"))):
        found += [
            Contender(f"ONNX Runtime {kind}", onnx_layer, (layer, kind), False, tolerance)
            for kind, tolerance in (("MoE", None), ("QMoE", 0.2))
        ]
    if importlib.util.find_spec("kt_kernel"):
        found += [
            Contender(f"kt-kernel {kind}", kt_layer, (layer, kind), False, tolerance)
            for kind, tolerance in (("bfloat16", 0.1), ("int8", 0.2))
        ]
    for dtype in ("float32", *(["medium"] if _has_amx() else []), "bfloat16"):
        tolerance = None if dtype == "float32" else 0.1
        found += [
            Contender(
                f"PyTorch {form}, {dtype}", torch_layer, (layer, dtype, form), False, tolerance
            )
            for form in ("loop", "grouped_mm")
        ]
        if layer.n > _FEW_ROWS and dtype != "medium":
            arguments = (layer, dtype)
            name = f"dense products, {dtype}"
            found.append(Contender(name, dense_products, arguments, is_same_work=False))
    return found


def main(rounds: int = 15) -> None:
    """Prints a table for each layer and number of rows."""
    for name, row in LAYERS.items():
        for n in ROWS:
            layer = replace(row, n=n)
            timings = alternate(_contenders(layer), rounds=rounds if n < 512 else 3, check=1)
            flops = 6.0 * n * layer.k * layer.d * layer.h  # the router's are less than 1 %
            print_table(f"{name}, {layer.name}", timings, Work(flops))


if __name__ == "__main__":
    main()
