"""Expert layers of published language models, against PyTorch and against dense products.

SwiGLU experts without biases, softmax over all experts, weights normalised over the chosen, random
weights. "dense products" are those that the chosen experts need, n k rows by one matrix each, in
PyTorch: a layer at their rate costs its user nothing for being sparse. PyTorch's layers sort rows
by expert and run a loop of linear layers, or `grouped_mm`; in bfloat16 weights and rows of
experts are bfloat16, and the router is float32, so that all choose the same experts.

python -m benchmarks.peers real_shapes      (needs the extra `bench`)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .shapes import Shape
from .table import Work, print_table
from .torch_experts import choose, combine, linear

ROWS = (1, 16, 64, 512, 4096)
THREADS = 2
_FEW_ROWS = 16
_BATCHES = 20
"""Of new rows, where few rows read other experts' weights in each call."""


@dataclass(frozen=True)
class Layer:
    """d inputs and outputs, E experts of h hidden units, k for a row."""

    name: str
    d: int
    h: int
    E: int
    k: int

    def shape(self, n: int) -> Shape:
        return Shape(n, self.d, self.h, self.E, self.k)

    @property
    def flops(self) -> float:
        """Of a row's experts; the router's are less than 1 %."""
        return 6.0 * self.k * self.d * self.h


LAYERS = (
    Layer("Granite 3.0 1B-A400M", 1024, 512, 32, 8),
    Layer("OLMoE 1B-7B", 2048, 1024, 64, 8),
    Layer("LFM2 8B-A1B", 2048, 1792, 32, 4),
    Layer("Qwen3 30B-A3B", 2048, 768, 128, 8),
    Layer("DeepSeek-V2-Lite", 2048, 1408, 64, 6),
)


def _weights(layer: Layer) -> dict[str, Any]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape, np.float32) / np.float32(shape[-2] ** 0.5)

    return {
        "gate": draw(layer.E, layer.d, layer.h),
        "value": draw(layer.E, layer.d, layer.h),
        "out": draw(layer.E, layer.h, layer.d),
        "router": draw(layer.d, layer.E),
    }


def _batches(layer: Layer, n: int) -> Any:
    count = _BATCHES if n <= _FEW_ROWS else 1
    return np.random.default_rng(1).standard_normal((count, n, layer.d), np.float32)


def ours(layer: Layer, n: int, storage: str) -> Step:
    """`predict` of a batch."""
    import gatewise as gw

    gw.set_num_threads(THREADS)
    expert = gw.experts.GLU(layer.h, activation="silu", use_bias=False)
    experts = gw.SparseExpertLayer(layer.d, layer.E, layer.k, expert, balance=None, use_bias=False)
    model = gw.Sequential([gw.Input(shape=(layer.d,)), experts])
    model.set_weights(list(_weights(layer).values()))
    if storage != "float32":
        model = model.quantize(storage)
    batches = itertools.cycle(_batches(layer, n))
    return lambda: model.predict(next(batches), batch_size=n)


def torch_layer(layer: Layer, n: int, dtype: str, form: str) -> Step:
    """A layer of PyTorch, without gradients."""
    import torch

    torch.set_num_threads(THREADS)
    kind = getattr(torch, dtype)
    given = {name: torch.from_numpy(value) for name, value in _weights(layer).items()}
    router = linear(given["router"])
    both = torch.cat([given["gate"], given["value"]], -1).to(kind)
    out = given["out"].to(kind)
    batches = itertools.cycle(torch.from_numpy(_batches(layer, n)))
    mm, silu = torch.nn.functional.grouped_mm, torch.nn.functional.silu
    if form == "loop":
        both, out = both.transpose(1, 2).contiguous(), out.transpose(1, 2).contiguous()

    def hidden(values: Any) -> Any:
        gate, value = values.chunk(2, -1)
        return silu(gate) * value

    def step() -> Any:
        with torch.inference_mode():
            x = next(batches)
            gates, indices = choose(router, x, layer.k)
            order = indices.flatten().argsort(stable=True)
            counts = indices.flatten().bincount(minlength=layer.E)
            rows = x.to(kind)[order // layer.k]
            if form == "loop":
                map_rows = torch.nn.functional.linear
                parts = enumerate(rows.split(counts.tolist()))
                outputs = torch.cat(
                    [map_rows(hidden(map_rows(part, both[e])), out[e]) for e, part in parts]
                )
            else:
                offsets = counts.cumsum(0).to(torch.int32)
                outputs = mm(hidden(mm(rows, both, offs=offsets)), out, offs=offsets)
            return combine(outputs, order, gates.to(kind)).float()

    return step


def dense_products(layer: Layer, n: int, dtype: str) -> Step:
    """The products alone, by one matrix each."""
    import torch

    torch.set_num_threads(THREADS)
    kind, rows = getattr(torch, dtype), n * layer.k
    x, hidden = torch.randn(rows, layer.d).to(kind), torch.randn(rows, layer.h).to(kind)
    into = torch.randn(2 * layer.h, layer.d).to(kind)
    out = torch.randn(layer.d, layer.h).to(kind)

    def step() -> Any:
        with torch.inference_mode():
            torch.nn.functional.linear(x, into)
            return torch.nn.functional.linear(hidden, out)[:1].float()

    return step


def _contenders(layer: Layer, n: int) -> list[Contender]:
    found = [Contender("gatewise, float32", ours, (layer, n, "float32"), True)]
    found += [
        Contender(f"gatewise, {storage}", ours, (layer, n, storage), True, tolerance)
        for storage, tolerance in (("bfloat16", 0.1), ("int8", 0.2))
    ]
    for dtype in ("float32", "bfloat16"):
        tolerance = None if dtype == "float32" else 0.1
        found += [
            Contender(
                f"PyTorch {form}, {dtype}", torch_layer, (layer, n, dtype, form), False, tolerance
            )
            for form in ("loop", "grouped_mm")
        ]
        if n > _FEW_ROWS:
            arguments = (layer, n, dtype)
            name = f"dense products, {dtype}"
            found.append(Contender(name, dense_products, arguments, is_same_work=False))
    return found


def main(rounds: int = 15) -> None:
    """Prints a table for each layer and number of rows."""
    for layer in LAYERS:
        for n in ROWS:
            shape = layer.shape(n)
            timings = alternate(_contenders(layer, n), rounds=rounds if n < 512 else 3, check=1)
            print_table(f"{layer.name}, {shape.name}", timings, Work(n * layer.flops))


if __name__ == "__main__":
    main()
