"""Short trainings through the public API; each returns arrays that are compared bitwise.

A change that should not change results must keep these bits. `tests/golden/make_bits.py`
stores their digests for the instruction-set levels of the machine that runs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

import gatewise as gw

Arrays = list[np.ndarray]
WIDTH, LATENTS, CLASSES, ROWS = 20, 64, 3, 120


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    """Float32 in [0, 1), from integers and one exact product: the same bits with any NumPy."""
    return np.random.default_rng(seed).random(shape, np.float32)


def sparse_sums(rows: int = ROWS) -> np.ndarray:
    """Rows (n, 20): sums of 2 of 30 directions, weighted by small multiples of 1/64."""
    rng = np.random.default_rng(5)
    directions = rng.integers(-8, 9, (30, WIDTH)) / 64
    chosen = rng.integers(0, 30, (rows, 2))
    return directions[chosen].sum(axis=1).astype(np.float32)


X = uniform(ROWS, WIDTH)
Y = np.random.default_rng(3).integers(0, CLASSES, ROWS)
SUMS = sparse_sums()


def digest(arrays: Arrays) -> str:
    """SHA-256 of types, shapes and bytes."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:32]


def arrays_of(codes: Any) -> Arrays:
    """The arrays of a CSR matrix, or the dense array itself."""
    if isinstance(codes, np.ndarray):
        return [codes]
    return [codes.indptr.astype(np.int64), codes.indices.astype(np.int64), codes.data]


def losses_of(history: Any) -> Arrays:
    """What `fit` reported when the bits were stored."""
    later = {"fvu", "l0", "dead", "val_fvu", "balance_loss", "val_balance_loss"}
    names = sorted(set(history.history) - later)
    return [np.asarray(history.history[name]) for name in names]


def trained(model: Any, x: Any, y: Any, epochs: int = 3, **options: Any) -> Arrays:
    """Losses, weights and predictions after a few epochs."""
    history = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, **options)
    losses = losses_of(history)
    return [*losses, *model.get_weights(), np.asarray(model.predict(x, verbose=0))]


def autoencoder(x: np.ndarray = SUMS, latents: int = LATENTS, **settings: Any) -> Arrays:
    gw.utils.set_random_seed(1)
    sae = gw.SparseAutoencoder(latents, seed=2, **settings)
    sae.compile(gw.optimizers.Adam(0.003))
    found = trained(sae, x, None)
    return [*found, *arrays_of(sae.encode(x))]


def classifier(*layers: Any, optimizer: Any = None, x: Any = X, **options: Any) -> Arrays:
    gw.utils.set_random_seed(1)
    top = gw.layers.Dense(CLASSES, activation="softmax")
    model = gw.Sequential([gw.Input(shape=x.shape[1:]), *layers, top])
    optimizer = optimizer or gw.optimizers.Adam(0.01)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return trained(model, x, Y, **options)


def experts(expert: Any = None, router: Any = "top_k", **settings: Any) -> Arrays:
    optimizer = settings.pop("optimizer", None)
    settings.setdefault("balance", None)
    expert = gw.experts.MLP(7, activation="relu") if expert is None else expert
    layer = gw.SparseExpertLayer(8, 6, expert=expert, router=router, activation="tanh", **settings)
    return classifier(layer, optimizer=optimizer)


def convolution() -> Arrays:
    layer = gw.SparseExpertLayer(
        8, 4, 2, expert=gw.experts.Conv2D(5, 3, (4, 5), "gelu"), balance=None
    )
    return classifier(layer)


def gated(**settings: Any) -> Arrays:
    return classifier(gw.layers.GatedExperts(6, width=16, groups=4, **settings))


def regressor(loss: Any, activation: str = "sigmoid") -> Arrays:
    gw.utils.set_random_seed(1)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(2, activation=activation)])
    model.compile(gw.optimizers.SGD(0.1), loss)
    return trained(model, X, np.ascontiguousarray(uniform(ROWS, 2, seed=9) > 0.5, np.float32))


def graph() -> Arrays:
    """Two inputs, two outputs, a layer used twice, normalization, dropout and merges."""
    gw.utils.set_random_seed(1)
    first, second = gw.Input(shape=(WIDTH,)), gw.Input(shape=(WIDTH,))
    shared = gw.layers.Dense(12, activation="gelu")
    a, b = shared(first), shared(second)
    joined = gw.layers.Concatenate()([a, gw.layers.Multiply()([a, b])])
    normal = gw.layers.LayerNormalization()(joined)
    dropped = gw.layers.Dropout(0.3)(normal)
    routed = gw.SparseExpertLayer(12, 4, expert=gw.experts.GLU(6), balance=None)(dropped)
    label = gw.layers.Dense(CLASSES, activation="softmax")(gw.layers.Add()([routed, a]))
    value = gw.layers.Dense(2)(routed)
    model = gw.Model([first, second], [label, value])
    optimizer = gw.optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5)
    model.compile(optimizer, ["sparse_categorical_crossentropy", "mse"])
    targets = [Y, uniform(ROWS, 2, seed=9)]
    inputs = [X, uniform(ROWS, WIDTH, seed=8)]
    history = model.fit(inputs, targets, batch_size=16, epochs=3, verbose=0)
    losses = losses_of(history)
    return [*losses, *model.get_weights(), *model.predict(inputs, verbose=0)]


def contributions() -> Arrays:
    """Integrated gradients of outputs with respect to inputs, through MLP experts."""
    gw.utils.set_random_seed(1)
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(4), seed=2)
    sae.compile(gw.optimizers.Adam(0.003))
    sae.fit(SUMS, batch_size=16, epochs=2, verbose=0)
    model = gw.SparseCodeExperts(
        sae,
        CLASSES,
        expert=gw.experts.MLP(5),
        num_experts=4,
        k=2,
        fusion="gated_sum",
        balance="aux_loss",
    )
    loss = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gw.optimizers.Adam(0.01), loss)
    model.fit(SUMS, Y, batch_size=16, epochs=2, verbose=0)
    found = model.contributions(SUMS[:40], output=1)
    return [*arrays_of(found.values), found.base, found.output]


def importance(method: str) -> Arrays:
    gw.utils.set_random_seed(1)
    model = gw.Sequential(
        [gw.Input(shape=(WIDTH,)), gw.layers.Dense(9, activation="relu"), gw.layers.Dense(CLASSES)]
    )
    loss = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gw.optimizers.Adam(0.01), loss)
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    weights = gw.decompose.importance(model, X, Y, method=method).weights
    return [weights[name] for name in sorted(weights)]


def sparse_rows() -> Arrays:
    """Experts on CSR rows."""
    from scipy.sparse import csr_array

    x = csr_array(np.where(uniform(ROWS, WIDTH, seed=4) < 0.2, X, 0))
    gw.utils.set_random_seed(1)
    layer = gw.SparseExpertLayer(8, 5, activation="relu", kernel_regularizer="l1", balance=None)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), layer, gw.layers.Dense(CLASSES)])
    loss = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gw.optimizers.Adam(0.01), loss)
    return trained(model, x, Y)


def schedule() -> Any:
    return gw.optimizers.schedules.CosineDecay(0.01, 20, warmup_target=0.02, warmup_steps=4)


R, B, O = gw.routers, gw.balance, gw.optimizers  # noqa: E741
TOP_4 = gw.TopK(4)
GROUP_L1 = gw.regularizers.GroupL1(0.01)
CASES: dict[str, Callable[[], Arrays]] = {
    "dictionary top_k": lambda: autoencoder(activation=TOP_4),
    "dictionary batch_top_k": lambda: autoencoder(activation=gw.BatchTopK(4)),
    "dictionary jump_relu": lambda: autoencoder(activation=gw.JumpReLU(4.0)),
    "dictionary relu": lambda: autoencoder(activation=gw.ReLU(0.05), threshold=0.01),
    "dictionary gated": lambda: autoencoder(activation=gw.Gated(0.02)),
    "dictionary lista": lambda: autoencoder(activation=gw.LISTA(3, 0.05)),
    "dictionary kl": lambda: autoencoder(activation=gw.KL(weight=0.01), unit_norm=True),
    "dictionary identity": lambda: autoencoder(activation=gw.Identity()),
    "dictionary prefixes": lambda: autoencoder(activation=TOP_4, prefixes=(8, 32)),
    "dictionary prefixes batch": lambda: autoencoder(activation=gw.BatchTopK(4), prefixes=(8, 32)),
    "dictionary auxk": lambda: autoencoder(activation=TOP_4, auxk=gw.AuxK(dead_rows=20)),
    "dictionary experts": lambda: autoencoder(activation=TOP_4, num_experts=4, balance="aux_loss"),
    "dictionary tied": lambda: autoencoder(activation=TOP_4, tied=True),
    "dictionary lazy": lambda: autoencoder(activation=TOP_4, lazy_updates=True),
    "dictionary free norms": lambda: autoencoder(activation=TOP_4, unit_norm=False),
    "dictionary revived": lambda: autoencoder(activation=TOP_4, latents=200, revive=True),
    "stack relu": lambda: autoencoder(X, 6, hidden=(12, 8)),
    "stack top_k": lambda: autoencoder(X, 6, hidden=(12,), activation=gw.TopK(2)),
    "stack kl": lambda: autoencoder(
        X, 6, hidden=(12,), activation=gw.KL(weight=0.01), output_activation="sigmoid"
    ),
    "experts linear": lambda: experts(gw.experts.Linear(), shared_experts=1),
    "experts mlp": lambda: experts(balance=B.AuxLoss(0.1)),
    "experts glu": lambda: experts(gw.experts.GLU(6), balance=[B.ZLoss(0.01), B.Bias(0.01)]),
    "experts convolution": convolution,
    "experts mixed": lambda: experts(gw.experts.GLU(40), dtype="mixed_bfloat16"),
    "router switch": lambda: experts(router=R.Switch()),
    "router sigmoid_top_k": lambda: experts(router=R.SigmoidTopK(2), balance=B.Bias(0.01)),
    "router noisy_top_k": lambda: experts(router=R.NoisyTopK(2)),
    "router keys": lambda: experts(router=R.Keys(2, key_dim=4)),
    "router output_sum": lambda: experts(gw.experts.Linear(), router=R.OutputSum(2)),
    "router all": lambda: experts(router=R.All()),
    "router static": lambda: experts(router=R.Static()),
    "gated hard": lambda: gated(),
    "gated soft": lambda: gated(gate="soft", combine="sum"),
    "gated straight_through": lambda: gated(gate="straight_through", open_share=0.3),
    "sgd": lambda: experts(optimizer=O.SGD(0.1)),
    "sgd momentum": lambda: experts(optimizer=O.SGD(0.1, momentum=0.9, nesterov=True)),
    "adam clipnorm": lambda: experts(optimizer=O.Adam(0.01, clipnorm=0.1)),
    "adam dense": lambda: experts(optimizer=O.Adam(0.01, dense_updates=True)),
    "adam clipvalue": lambda: experts(optimizer=O.Adam(schedule(), clipvalue=0.01)),
    "adamw l1": lambda: experts(
        optimizer=O.AdamW(0.01, weight_decay=0.1), kernel_regularizer=gw.regularizers.L1(0.001)
    ),
    "adam group_l1": lambda: experts(kernel_regularizer=GROUP_L1),
    "loss mse": lambda: regressor("mse"),
    "loss binary_crossentropy": lambda: regressor("binary_crossentropy"),
    "loss categorical_crossentropy": lambda: regressor(
        gw.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), "linear"
    ),
    "graph": graph,
    "sparse rows": sparse_rows,
    "contributions": contributions,
    "importance taylor": lambda: importance("taylor"),
    "importance fisher": lambda: importance("fisher"),
}
