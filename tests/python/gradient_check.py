"""Compares native gradients with central differences of the formulas in `gradient_reference`.

A `Graph` represents one model twice: in the native core, and as formulas over the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gatewise import _core, balance, experts, routers
from gradient_reference import SEED, Node, Run, row_losses, run_layer

# Weight of every loss. It makes gradients larger than weights, so that float32 rounds the
# difference "weights before - weights after" of a step at rate 1 by at most 1e-7 of itself.
LOSS_WEIGHT = 64.0
# Float32 sums of up to a few dozen products, through three layers and an activation whose
# polynomial errs by 5e-7; the largest measured error is 1.2e-6.
RELATIVE = 1e-5
# Central differences in double err by STEP^2 times a third derivative, and by 1e-16 times a loss
# near 100 over STEP = 1e-9: both are below RELATIVE times any gradient that is not 0.
STEP = 1e-5
ABSOLUTE = 1e-6
# Losses of rows, which may have both signs, are rounded to 1e-7 of a size near 1.
ROUNDING = 1e-7 * LOSS_WEIGHT
# Scores in float32 and float64, and on both sides of a difference, differ by less than this. If
# each kept score exceeds the next one by more, all choose the same experts.
MARGIN = 1e-3

# Parameters that training changes without a gradient.
CHANGED_BY_RULES = ("balance_bias", "rows_since_active", "batch_threshold", "batch_counts")

EXPERT = experts.Linear()
ROUTER = routers.TopK(2)
MSE = ("mse", {})


def dense(units: int, activation: str = "linear", use_bias: bool = True, **settings: Any) -> Node:
    options = {"units": units, "activation": activation, "use_bias": use_bias}
    return Node("dense", options, **settings)


def sparse_expert(expert=EXPERT, router=ROUTER, terms=(), settings=None, **changed: Any) -> Node:
    """A layer of 4 experts with 3 outputs; `changed` overrides its options."""
    options = {"units": 3, "num_experts": 4, "shared_experts": 0}
    options |= {"activation": "linear", "use_bias": True} | changed
    parts = expert.native_options() | router.native_options() | balance.native_options(terms)
    return Node("sparse_expert", options | parts, **(settings or {}))


def put(node: Node, name: str, value: np.ndarray) -> None:
    """Sets a parameter in both models."""
    single = np.ascontiguousarray(value, np.float32)
    node.native.set(name, single)
    node.weights[name] = single.astype(np.float64)


def build(node: Node, widths: list[int], rng: np.random.Generator) -> None:
    node.native = _core.Layer(node.kind, node.options)
    node.native.build(widths)
    node.native.trainable = node.trainable
    node.native.set_random_stream(SEED, node.stream)
    for each in node.native.parameters():
        around = {"scale": 1.0, "alpha": 1.5}.get(each.role, 0.0)
        spread = {"router": 1.0, "state": 0.1}.get(each.role, 0.5)
        put(node, each.name, rng.normal(around, spread, each.shape))
        if each.role == "kernel":
            node.native.set_penalty(each.name, node.l1, node.l2)
            node.native.set_penalty_groups(each.name, node.groups)


@dataclass
class Batch:
    """Samples of a graph: inputs (n, ..., d), targets in the form of each loss, weights or None."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    weights: list[np.ndarray | None]

    def dataset(self, inputs: list[Any] | None = None) -> _core.Dataset:
        return _core.Dataset(inputs or self.inputs, self.targets, self.weights)


@dataclass
class Graph:
    """Nodes as for the core's `Network`, inputs of the given `widths`, and one loss per output."""

    widths: list[int]
    nodes: list[tuple[Node, list[int]]]
    outputs: list[int]
    losses: list[tuple[str, dict[str, Any]]] = field(default_factory=lambda: [MSE])
    loss_weights: list[float] = field(default_factory=lambda: [LOSS_WEIGHT])
    seed: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.value_widths = list(self.widths)
        for node, values in self.nodes:
            if node.native is None:
                build(node, [self.value_widths[value] for value in values], rng)
            self.value_widths.append(node.native.output_width)
        self.layers = list(dict.fromkeys(node for node, _ in self.nodes))
        natives = [(node.native, values) for node, values in self.nodes]
        self.network = _core.Network(len(self.widths), natives, self.outputs)

    def batch(
        self,
        samples: int = 7,
        inner: tuple[int, ...] = (),
        weighted: bool = False,
        density: float = 1.0,
    ) -> Batch:
        """The first random batch whose scores differ by MARGIN; samples have `inner` rows."""
        for seed in range(1000):
            rng = np.random.default_rng([self.seed, seed])
            batch = self._draw(rng, (samples, *inner))
            for x in batch.inputs:
                x[rng.random(x.shape) > density] = 0
            run = Run()
            self._set_target(batch, run)
            self.forward(batch.inputs, run)
            if run.margin > MARGIN:
                break
        return batch if weighted else Batch(batch.inputs, batch.targets, [None] * len(self.outputs))

    def _draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
        inputs = [rng.normal(size=(*shape, width)).astype(np.float32) for width in self.widths]
        targets: list[np.ndarray] = []
        for value, (name, _) in zip(self.outputs, self.losses, strict=True):
            units = self.value_widths[value]
            if name == "sparse_categorical_crossentropy":
                targets.append(rng.integers(0, units, shape).astype(np.int32))
            else:
                targets.append(rng.dirichlet(np.ones(units), shape).astype(np.float32))
        weights = [rng.uniform(0, 2, shape[0]).astype(np.float32) for _ in self.outputs]
        return Batch(inputs, targets, weights)

    def trainer(self, **optimizer: Any) -> _core.Trainer:
        """A trainer whose step subtracts the gradient (SGD at rate 1), unless options differ."""
        settings = {"kind": "sgd", "learning_rate": 1.0} | optimizer
        metrics: list[list[Any]] = [[] for _ in self.outputs]
        return _core.Trainer(self.network, self.losses, self.loss_weights, metrics, settings)

    def forward(self, inputs: list[np.ndarray], run: Run) -> list[np.ndarray]:
        values = [rows_of(x) for x in inputs]
        for node, at in self.nodes:
            values.append(run_layer(node, [values[i] for i in at], run))
        return [values[i] for i in self.outputs]

    def loss(self, batch: Batch, run: Run | None = None) -> float:
        """The mean loss over rows, each with its sample's weight, plus penalties."""
        norms = sum(node.l1 * penalty(w, node.groups) for node, w in self._kernels())
        return self.smooth_loss(batch, run or Run()) + norms

    def smooth_loss(self, batch: Batch, run: Run) -> float:
        """The loss without the L1 penalty, which is applied by a proximal step."""
        total = sum(node.l2 * (w**2).sum() for node, w in self._kernels())
        self._set_target(batch, run)
        for at, y in enumerate(self.forward(batch.inputs, run)):
            losses = row_losses(*self.losses[at], y, rows_of(batch.targets[at]))
            weights = batch.weights[at]
            if weights is not None:
                losses = losses * np.repeat(weights, len(losses) // len(weights))
            total += self.loss_weights[at] * losses.mean()
        return total + run.loss

    def _set_target(self, batch: Batch, run: Run) -> None:
        """Sets the target for an output layer with its own losses, if it is the only output."""
        if len(self.outputs) > 1 or batch.targets[0].dtype == np.int32:
            return
        run.target = rows_of(batch.targets[0])
        run.weights = np.ones(len(run.target))
        if batch.weights[0] is not None:
            run.weights = np.repeat(batch.weights[0], len(run.target) // len(batch.weights[0]))

    def _kernels(self) -> Iterator[tuple[Node, np.ndarray]]:
        for node in self.layers:
            for each in node.native.parameters():
                if each.role == "kernel":
                    yield node, node.weights[each.name]

    def differences(self, batch: Batch, step: int = 0) -> dict[tuple[Node, str], np.ndarray]:
        """Central differences of the loss with respect to every trained parameter."""
        return {
            (node, each.name): self._difference(node.weights[each.name], batch, step)
            for node in self.layers
            if node.trainable
            for each in node.native.parameters()
            if each.role != "state"
        }

    def _difference(self, w: np.ndarray, batch: Batch, step: int) -> np.ndarray:
        gradient = np.zeros_like(w)
        for at in np.ndindex(w.shape):
            kept = w[at]
            w[at] = kept + STEP
            above = self.smooth_loss(batch, Run(step))
            w[at] = kept - STEP
            below = self.smooth_loss(batch, Run(step))
            w[at] = kept
            gradient[at] = (above - below) / (2 * STEP)
        return gradient


def group_starts(groups: str, units: int) -> list[int]:
    """The columns at which the groups of a kernel row begin."""
    return list(range(0, units, 16)) if groups == "block" else [0]


def group_norms(w: np.ndarray, groups: str) -> tuple[np.ndarray, np.ndarray | int]:
    """Norm and size of the group of each weight; shapes broadcast to that of w, (..., d, u)."""
    if groups == "unit":
        return np.linalg.norm(w, axis=-2, keepdims=True), w.shape[-2]
    starts = group_starts(groups, w.shape[-1])
    sizes = np.diff([*starts, w.shape[-1]])
    norms = np.sqrt(np.add.reduceat(w**2, starts, axis=-1))
    return np.repeat(norms, sizes, axis=-1), np.repeat(sizes, sizes)


def penalty(w: np.ndarray, groups: str) -> float:
    """The factor of l1: the sum of |w|, or of group norms times the roots of group sizes."""
    if groups == "none":
        return float(np.abs(w).sum())
    norms, sizes = group_norms(w, groups)
    # The group's term, divided evenly among its weights.
    return float(np.broadcast_to(norms / np.sqrt(sizes), w.shape).sum())


def rows_of(x: np.ndarray) -> np.ndarray:
    """Samples of any rank as rows: labels (n,) or float64 (n, width)."""
    return x.reshape(-1) if x.dtype == np.int32 else x.reshape(-1, x.shape[-1]).astype(np.float64)


def sparse_rows(x: np.ndarray) -> _core.SparseRows:
    """The CSR form of x (n, d)."""
    rows, columns = np.nonzero(x)
    indptr = np.searchsorted(rows, np.arange(len(x) + 1)).astype(np.int64)
    return _core.SparseRows(indptr, columns.astype(np.int32), x[rows, columns], x.shape[1])


def all_samples(dataset: _core.Dataset) -> np.ndarray:
    return np.arange(dataset.samples)


def check_gradients(graph: Graph, batch: Batch | None = None, steps: int = 1, inputs=None) -> Run:
    """Compares the loss and all gradients of the first `steps` steps; returns the last run.

    The core reads `inputs`, if any, instead of the batch's: the same values in another form.
    """
    batch = batch or graph.batch()
    data, trainer = batch.dataset(inputs), graph.trainer()
    for step in range(steps):
        run = Run(step)
        expected_loss = graph.loss(batch, run)
        assert run.margin > MARGIN
        expected = graph.differences(batch, step)
        loss = trainer.train_step(data, all_samples(data))[0]
        assert abs(loss - expected_loss) <= 1e-6 * abs(expected_loss) + ROUNDING
        for node in graph.layers:
            check_node(node, expected)
    return run


def check_node(node: Node, expected: dict[tuple[Node, str], np.ndarray]) -> None:
    """Checks that the core's step was `expected`, then restores the weights of both models."""
    for name, before in list(node.weights.items()):
        after = node.native.get(name)
        if (node, name) in expected:
            gradient = expected[node, name]
            error = np.linalg.norm(before - after - gradient)
            size = np.linalg.norm(gradient)
            assert error <= RELATIVE * size + ABSOLUTE, f"{node.kind} {name}: {error / size:.1e}"
            np.testing.assert_array_equal(after[gradient == 0], before[gradient == 0])
        elif name not in CHANGED_BY_RULES and not (name == "encoder" and node.options["tied"]):
            np.testing.assert_array_equal(after, before)
        put(node, name, before)
