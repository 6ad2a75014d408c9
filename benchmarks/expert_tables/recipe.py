"""One recipe for experts, dense networks, and ensembles of either."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gatewise as gw
from benchmarks.expert_tables.table import Split, Table, split

EXPERTS, PER_ROW, HIDDEN = 16, 4, 32
_MEMBERS, _MEMBER_K, _MEMBER_HIDDEN, _UNITS = 8, 2, 64, 64
_BATCH, _MIN_EPOCHS, _MIN_STEPS = 128, 40, 1500
_TOO_SLOW = 5_000
"""Classes times inputs above which boosted trees take minutes a seed: they are left out."""
_RATE, _RATE_WIDTH, _DECAY, _WARM_UP = 1e-2, 64, 0.03, 0.05


@dataclass(frozen=True)
class Score:
    """Loss on held-out rows: log loss of labels, RMSE of values."""

    loss: float
    accuracy: float | None = None
    dead_experts: int = 0


def _router() -> gw.routers.Router:
    return gw.routers.TopK(scale=None, initial_scale=0.01, noise=1.0, noise_steps=100)


def experts(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """16 experts `MLP(32)`, 4 for each row, which a router with declining noise chooses."""
    return _experts(width, outputs, activation, router=_router())


def experts_by_default(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """The same with the default router, without noise."""
    return _experts(width, outputs, activation)


def _experts(width: int, outputs: int, activation: str | None, **routing: Any) -> gw.Sequential:
    expert = gw.experts.MLP(HIDDEN)
    layer = gw.SparseExpertLayer(
        outputs, EXPERTS, PER_ROW, expert, activation=activation, **routing
    )
    return gw.Sequential([gw.Input((width,)), layer])


def dense_of_active_size(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """One hidden layer of as many parameters as a row uses, those of the router included."""
    return _dense(width, outputs, activation, PER_ROW)


def dense_of_total_size(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """One hidden layer of as many parameters as all experts and the router have."""
    return _dense(width, outputs, activation, EXPERTS)


def _dense(width: int, outputs: int, activation: str | None, count: int) -> gw.Sequential:
    each = HIDDEN * (width + 1 + outputs) + outputs
    hidden = round((count * each + EXPERTS * width - outputs) / (width + 1 + outputs))
    layers = [gw.layers.Dense(hidden, "relu"), gw.layers.Dense(outputs, activation)]
    return gw.Sequential([gw.Input((width,)), *layers])


MODELS: dict[str, Callable[[int, int, str | None], gw.Sequential]] = {
    "experts": experts,
    "experts, defaults": experts_by_default,
    "dense = active": dense_of_active_size,
    "dense = total": dense_of_total_size,
}


def shared_experts(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """Members share 16 experts `MLP(64)`, 2 for each row of each member."""
    expert = gw.experts.MLP(_MEMBER_HIDDEN)
    shared = gw.SparseExpertLayer(_UNITS, EXPERTS, _MEMBER_K, expert, _router(), activation="relu")
    return _ensemble(width, outputs, activation, gw.layers.MemberScale(_MEMBERS), shared)


def own_experts(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """Each member has 16 experts `MLP(64)`, 2 for each row."""
    expert = gw.experts.MLP(_MEMBER_HIDDEN)
    layer = gw.SparseExpertLayer(
        outputs, EXPERTS, _MEMBER_K, expert, _router(), activation=activation, members=_MEMBERS
    )
    return gw.Sequential([gw.Input((width,)), layer])


def shared_dense_of_active_size(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """Members share a hidden layer: as many parameters as a row of one member uses of experts."""
    size = _MEMBER_K * _expert_size(width, _UNITS) + EXPERTS * width + _head_size(outputs)
    units = round((size - outputs) / (width + 1 + outputs))
    return _shared_dense(width, outputs, activation, units)


def shared_dense_of_total_size(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """Members share a hidden layer: as many parameters as the shared experts have in all."""
    size = EXPERTS * (_expert_size(width, _UNITS) + width) + _MEMBERS * _head_size(outputs)
    units = round((size - _MEMBERS * outputs) / (width + 1 + _MEMBERS * outputs))
    return _shared_dense(width, outputs, activation, units)


def own_dense_of_active_size(width: int, outputs: int, activation: str | None) -> gw.Sequential:
    """Each member has a hidden layer: as many parameters as a row of one member of experts uses."""
    return own_dense(width, outputs, activation, _MEMBER_K)


def own_dense(
    width: int,
    outputs: int,
    activation: str | None,
    count: int,
    expert_hidden: int = _MEMBER_HIDDEN,
) -> gw.Sequential:
    """Each member has a hidden layer: as many parameters as `count` experts and a router have."""
    size = count * _expert_size(width, outputs, expert_hidden) + EXPERTS * width
    units = round((size - outputs) / (width + 1 + outputs))
    hidden = gw.layers.MemberDense(units, _MEMBERS, "relu")
    return _ensemble(width, outputs, activation, hidden)


def _expert_size(width: int, outputs: int, hidden: int = _MEMBER_HIDDEN) -> int:
    return hidden * (width + 1 + outputs) + outputs


def _head_size(outputs: int) -> int:
    return (_UNITS + 1) * outputs


def _shared_dense(width: int, outputs: int, activation: str | None, units: int) -> gw.Sequential:
    scale, hidden = gw.layers.MemberScale(_MEMBERS), gw.layers.Dense(units, "relu")
    return _ensemble(width, outputs, activation, scale, hidden)


def _ensemble(
    width: int, outputs: int, activation: str | None, *layers: gw.layers.Layer
) -> gw.Sequential:
    head = gw.layers.MemberDense(outputs, _MEMBERS, activation)
    return gw.Sequential([gw.Input((width,)), *layers, head])


ENSEMBLES: dict[str, Callable[[int, int, str | None], gw.Sequential]] = {
    "shared experts": shared_experts,
    "shared dense = active": shared_dense_of_active_size,
    "shared dense = total": shared_dense_of_total_size,
    "own experts": own_experts,
    "own dense = active": own_dense_of_active_size,
}


LIBRARY = ("linear", "boosted trees")


def score(name: str, table: Table, seed: int) -> Score:
    """Loss on held-out rows of a model of this file, or of `LIBRARY`."""
    return library_score(name, table, seed) if name in LIBRARY else train(name, table, seed)


def train(name: str, table: Table, seed: int) -> Score:
    """Loss on held-out rows of a model that `fitted` has trained."""
    parts = split(table, seed)
    return _score(fitted(name, table, parts, seed), table, parts)


def fitted(name: str, table: Table, parts: Split, seed: int) -> gw.Sequential:
    """AdamW, cosine decay after a warm-up, best epoch by validation restored."""
    x, y = parts.train
    activation = "softmax" if table.classes else None
    gw.utils.set_random_seed(10 * seed + 1)
    model = (MODELS | ENSEMBLES)[name](x.shape[1], max(1, table.classes), activation)
    epoch_steps = -(-len(x) // _BATCH)
    epochs = max(_MIN_EPOCHS, -(-_MIN_STEPS // epoch_steps))
    steps = epochs * epoch_steps
    rate = _RATE * min(1.0, (_RATE_WIDTH / x.shape[1]) ** 0.5)
    warm_up = round(_WARM_UP * steps)
    schedule = gw.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=rate, warmup_steps=warm_up
    )
    model.compile(
        gw.optimizers.AdamW(schedule, weight_decay=_DECAY),
        "sparse_categorical_crossentropy" if table.classes else "mse",
        metrics=["accuracy"] if table.classes else [],
    )
    best = gw.callbacks.EarlyStopping(
        monitor="val_loss", patience=epochs, restore_best_weights=True
    )
    warnings.simplefilter("ignore", gw.RoutingCollapseWarning)  # dead experts are counted below
    model.fit(
        x,
        y,
        validation_data=parts.validation,
        epochs=epochs,
        batch_size=_BATCH,
        verbose=0,
        callbacks=[best],
    )
    return model


def _score(model: gw.Sequential, table: Table, parts: Split) -> Score:
    found = model.evaluate(*parts.held_out, verbose=0)
    dead = sum(
        len(layer.load_.dead) for layer in model.layers if isinstance(layer, gw.SparseExpertLayer)
    )
    if table.classes:
        return Score(found[0], found[1], dead)
    return Score(float(np.sqrt(found)) * parts.scale, None, dead)


def library_score(name: str, table: Table, seed: int) -> Score:
    """scikit-learn's defaults, trained on training and validation rows."""
    from sklearn import ensemble, linear_model

    if name == "boosted trees" and table.classes * table.x.shape[1] > _TOO_SLOW:
        return Score(float("nan"))
    parts = split(table, seed)
    pairs = (parts.train, parts.validation)
    x, y = (np.concatenate([pair[index] for pair in pairs]) for index in range(2))
    kinds: dict[str, Any] = {
        "linear": linear_model.LogisticRegression(max_iter=1000)
        if table.classes
        else linear_model.Ridge(),
        "boosted trees": ensemble.HistGradientBoostingClassifier(random_state=seed)
        if table.classes
        else ensemble.HistGradientBoostingRegressor(random_state=seed),
    }
    model = kinds[name].fit(x, y)
    held_out, expected = parts.held_out
    if table.classes:
        shares = np.full((len(expected), table.classes), 1e-15)
        shares[:, model.classes_] = np.maximum(model.predict_proba(held_out), 1e-15)
        loss = -np.log(shares[np.arange(len(expected)), expected]).mean()
        return Score(float(loss), float((model.predict(held_out) == expected).mean()))
    error = model.predict(held_out) - expected
    return Score(float(np.sqrt((error**2).mean())) * parts.scale)
