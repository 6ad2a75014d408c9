"""A training step of a sparse dictionary (TopK), against PyTorch and EleutherAI's sparsify.

MSE, Adam, decoder rows kept at unit length, no loss for dead latents. Peers: dense autograd (top-k,
scatter and two dense products, as in most libraries), and sparsify's SparseCoder (sparse decoder
and encoder gradients), which is omitted if its package is not installed:
`pip install eai-sparsify`.

python -m benchmarks.peers dictionary          (needs the extra `bench`)
"""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON, TORCH_EPSILON
from .table import Work, print_table

# Rows per batch, input width, latents, latents kept per row.
SHAPES = ((1024, 384, 6144, 32), (2048, 768, 16384, 32))
BATCHES = 4
THREADS = 2
# Losses before and after the first step; see EPSILON.
CHECKED = 2
Shape = tuple[int, int, int, int]
Floats = npt.NDArray[np.float32]


def make_batches(shape: Shape) -> list[Floats]:
    """Batches of rows; each row is a sum of k random directions, with noise."""
    n, d, m, k = shape
    random = np.random.default_rng(0)
    directions = random.standard_normal((m, d), np.float32) / np.float32(d) ** 0.5
    batches = []
    for _ in range(BATCHES):
        weights = np.zeros((n, m), np.float32)
        chosen = random.integers(0, m, (n, k))
        np.put_along_axis(weights, chosen, random.uniform(0.5, 2, (n, k)).astype(np.float32), 1)
        noise = random.standard_normal((n, d), np.float32)
        batches.append(weights @ directions + np.float32(0.1) * noise)
    return batches


def make_decoder(shape: Shape) -> Floats:
    """Decoder with rows of unit length; the encoder starts as its transpose."""
    rows: Floats = np.random.default_rng(1).standard_normal((shape[2], shape[1]), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def our_step(shape: Shape, threads: int) -> Step:
    """The training step of `fit`: one native call."""
    import gatewise as gw
    from gatewise import _core

    gw.set_num_threads(threads)
    _, d, m, k = shape
    sae = gw.SparseAutoencoder(
        m, activation=gw.TopK(k), center=False, scale=False, input_dim=d, seed=0
    )
    decoder = make_decoder(shape)
    sae.dictionary.native.set("decoder", decoder)
    sae.dictionary.native.set("encoder", np.ascontiguousarray(decoder.T))
    sae.compile(gw.optimizers.Adam(epsilon=EPSILON))
    trainer = sae._training.prepare_trainer()
    batches = [_core.Dataset([x], [x], [None]) for x in make_batches(shape)]
    samples = np.arange(shape[0])
    order = itertools.cycle(batches)
    return lambda: trainer.train_step(next(order), samples)[0]


def _torch_loop(shape: Shape, parameters: list[Any], decoder: Any, loss_of: Any) -> Step:
    """A step with the fused Adam; decoder gradients are orthogonal to rows of unit length."""
    import torch

    optimizer = torch.optim.Adam(parameters, fused=True, eps=TORCH_EPSILON)
    order = itertools.cycle([torch.from_numpy(x) for x in make_batches(shape)])

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(next(order))
        loss.backward()
        with torch.no_grad():
            along = (decoder.grad * decoder).sum(dim=1, keepdim=True)
            decoder.grad.addcmul_(along, decoder, value=-1)
            optimizer.step()
            decoder.div_(decoder.norm(dim=1, keepdim=True))
        return loss.detach()

    return step


def dense_step(shape: Shape, threads: int) -> Step:
    """Dense autograd."""
    import torch

    torch.set_num_threads(threads)
    _, d, m, k = shape
    decoder = torch.nn.Parameter(torch.from_numpy(make_decoder(shape)))
    encoder = torch.nn.Parameter(decoder.detach().clone())
    encoder_bias = torch.nn.Parameter(torch.zeros(m))
    bias = torch.nn.Parameter(torch.zeros(d))

    def loss_of(x: Any) -> Any:
        hidden = torch.nn.functional.linear(x - bias, encoder, encoder_bias)
        values, indices = hidden.topk(k, dim=1, sorted=False)
        code = torch.zeros_like(hidden).scatter(1, indices, values.relu())
        return torch.nn.functional.mse_loss(code @ decoder + bias, x)

    return _torch_loop(shape, [encoder, encoder_bias, decoder, bias], decoder, loss_of)


def sparsify_step(shape: Shape, threads: int) -> Step:
    """EleutherAI's SparseCoder, with its own sparse encoder and decoder."""
    import torch
    from sparsify import SparseCoder, SparseCoderConfig

    torch.set_num_threads(threads)
    n, d, m, k = shape
    coder = SparseCoder(d, SparseCoderConfig(num_latents=m, k=k))
    decoder = torch.from_numpy(make_decoder(shape))
    coder.W_dec.data.copy_(decoder)
    coder.encoder.weight.data.copy_(decoder)
    coder.encoder.bias.data.zero_()
    values = torch.tensor(float(n * d))  # instead of the variance, so that fvu is the MSE

    def loss_of(x: Any) -> Any:
        return coder(x, total_variance=values).fvu

    return _torch_loop(shape, list(coder.parameters()), coder.W_dec, loss_of)


def main(rounds: int = 15) -> None:
    """Prints a table for each shape."""
    forms = {"PyTorch dense autograd": dense_step}
    if importlib.util.find_spec("sparsify") is not None:
        forms["sparsify"] = sparsify_step
    for shape in SHAPES:
        n, d, m, k = shape
        contenders = [
            Contender(f"gatewise, {threads} threads", our_step, (shape, threads), ours=True)
            for threads in range(1, THREADS + 1)
        ]
        contenders += [
            Contender(f"{name}, {THREADS} threads", make, (shape, THREADS))
            for name, make in forms.items()
        ]
        timings = alternate(contenders, rounds=rounds, check=CHECKED)
        title = f"Training step of a dictionary, n={n} d={d} m={m} k={k}; flops of the encoder"
        print_table(title, timings, Work(2.0 * n * d * m))
