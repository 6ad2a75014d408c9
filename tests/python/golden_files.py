"""Files of format 1 in tests/golden/files_1, with predictions and a training step of each.

`write_all` wrote them with the code of format 1. Each function in `FILES` loads one file and
returns arrays whose bits must not change.
"""

from __future__ import annotations

import base64
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import gatewise as gw
from gatewise.sae.code_serialization import from_bytes, to_bytes
from golden_cases import CLASSES, SUMS, WIDTH, Arrays, X, Y, arrays_of, losses_of, uniform

FOLDER = Path(__file__).parents[1] / "golden" / "files_1"
FIT: dict[str, Any] = {"batch_size": 16, "verbose": 0}
LOSS = "sparse_categorical_crossentropy"


class StopError(Exception):
    """Stops a training before its end."""


def experts_model() -> Any:
    gw.utils.set_random_seed(1)
    layer = gw.SparseExpertLayer(
        8,
        4,
        expert=gw.experts.MLP(6),
        router=gw.routers.NoisyTopK(2),
        balance=[gw.balance.AuxLoss(0.01), gw.balance.Bias(0.01)],
        kernel_regularizer=gw.regularizers.L1(0.001),
        activation="relu",
    )
    layers = [gw.Input(shape=(WIDTH,)), layer, gw.layers.Dropout(0.2)]
    model = gw.Sequential([*layers, gw.layers.Dense(CLASSES, activation="softmax")])
    model.compile(gw.optimizers.AdamW(0.01, weight_decay=0.01), LOSS, metrics=["accuracy"])
    return model


def linear_experts_model() -> Any:
    gw.utils.set_random_seed(1)
    router = gw.routers.Static()
    layer = gw.SparseExpertLayer(CLASSES, 4, router=router, activation="softmax")
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), layer])
    model.compile(gw.optimizers.Adam(0.01), LOSS)
    return model


def graph_model() -> Any:
    gw.utils.set_random_seed(1)
    first, second = gw.Input(shape=(WIDTH,)), gw.Input(shape=(WIDTH,))
    shared = gw.layers.Dense(12, activation="gelu")
    a, b = shared(first), shared(second)
    joined = gw.layers.Concatenate()([a, gw.layers.Multiply()([a, b])])
    routed = gw.SparseExpertLayer(6, 4, expert=gw.experts.GLU(6))(
        gw.layers.LayerNormalization()(joined)
    )
    routed = gw.layers.Activation("tanh")(routed)
    gates = gw.layers.GatedExperts(6, width=6, groups=2, combine="sum")(a)
    summed = gw.layers.Add()([routed, gates])
    model = gw.Model([first, second], gw.layers.Dense(CLASSES, activation="softmax")(summed))
    model.compile(gw.optimizers.SGD(0.1, momentum=0.9), LOSS)
    return model


def routers_model() -> Any:
    """A sequence of layers, one for each other router."""
    gw.utils.set_random_seed(1)
    r = gw.routers
    routers = (
        *(r.TopK(2, combine="sum"), r.Switch(), r.SigmoidTopK(2), r.Keys(2), r.OutputSum(2)),
        r.All(),
    )
    layers = [gw.SparseExpertLayer(10, 4, router=each, activation="tanh") for each in routers]
    convolution = gw.SparseExpertLayer(6, 3, expert=gw.experts.Conv1D(4, 3, 10, "relu"), k=1)
    top = gw.layers.Dense(CLASSES, activation="softmax")
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), *layers, convolution, top])
    model.compile(gw.optimizers.Adam(0.01), LOSS)
    return model


def autoencoder(**settings: Any) -> gw.SparseAutoencoder:
    gw.utils.set_random_seed(1)
    sae = gw.SparseAutoencoder(settings.pop("latents", 64), seed=2, **settings)
    sae.compile(gw.optimizers.Adam(0.003))
    return sae


AUTOENCODERS: dict[str, dict[str, Any]] = {
    "sae_top_k": {"activation": gw.TopK(4), "auxk": gw.AuxK(dead_rows=20)},
    "sae_batch_top_k": {"activation": gw.BatchTopK(4), "prefixes": (8, 32)},
    "sae_jump_relu": {"activation": gw.JumpReLU(4.0), "scale": True},
    "sae_relu": {"activation": gw.ReLU(0.05), "threshold": 0.01, "tied": True},
    "sae_gated": {"activation": gw.Gated(0.02)},
    "sae_lista": {"activation": gw.LISTA(3, 0.05)},
    "sae_experts": {"activation": gw.TopK(4), "num_experts": 4, "balance": "aux_loss"},
    "sae_lazy": {"activation": gw.TopK(4), "lazy_updates": True},
    "sae_stack": {"latents": 6, "hidden": (12, 8), "activation": gw.KL(weight=0.01)},
    "sae_stack_top_k": {"latents": 6, "hidden": (12,), "activation": gw.TopK(2)},
}
MODELS: dict[str, Callable[[], Any]] = {
    "experts": experts_model,
    "routers": routers_model,
    "gating_model": lambda: gw.SparseExpertModel(
        6, WIDTH, CLASSES, k=2, activation="softmax", seed=1
    ),
    "gated_stack": lambda: gw.build_sparse_experts_model(WIDTH, 3, CLASSES),
    "graph": graph_model,
}


def inputs_of(model: Any) -> Any:
    return [X, uniform(len(X), WIDTH, seed=8)] if len(model.inputs) == 2 else X


def train(model: Any, epochs: int = 1, **options: Any) -> Arrays:
    """Losses, weights and predictions."""
    if isinstance(model, gw.SparseAutoencoder):
        x, y = SUMS, None
    else:
        x, y = inputs_of(model), Y
    history = model.fit(x, y, epochs=epochs, **FIT, **options)
    losses = losses_of(history)
    return [*losses, *model.get_weights(), np.asarray(model.predict(x, verbose=0))]


def prepare(model: Any) -> Any:
    train(model)
    return model


def write_all() -> None:
    FOLDER.mkdir()
    for name, settings in AUTOENCODERS.items():
        prepare(autoencoder(**settings)).save(FOLDER / f"{name}.gatewise")
    made = {name: build() for name, build in MODELS.items()}
    for name, model in made.items():
        if name in ("gating_model", "gated_stack"):
            gw.utils.set_random_seed(1)
            model.compile(gw.optimizers.Adam(0.01), LOSS)
        prepare(model).save(FOLDER / f"{name}.gatewise")
    experts = made["experts"]
    experts.save_weights(FOLDER / "experts.weights")
    experts.quantize("int8").save(FOLDER / "experts_int8.gatewise")
    experts.quantize("bfloat16").save(FOLDER / "experts_bfloat16.gatewise")
    (FOLDER / "experts.pickle.txt").write_bytes(base64.encodebytes(pickle.dumps(experts)))
    pruned = linear_experts_model()
    train(pruned, 2, callbacks=[gw.compress.MagnitudePruning(0.8)])
    gw.compress.compress(pruned).save(FOLDER / "compressed.gatewise")
    (FOLDER / "codes.bytes").write_bytes(codes_as_bytes())
    interrupt(experts_model(), FOLDER / "experts.checkpoint")
    interrupt(autoencoder(**AUTOENCODERS["sae_top_k"]), FOLDER / "sae.checkpoint")


def codes_as_bytes() -> bytes:
    sae = gw.load_model(FOLDER / "sae_top_k.gatewise")
    return to_bytes(sae.encode(SUMS))


def interrupt(model: Any, path: Path) -> None:
    """Stores the checkpoint of a training that stops in its second epoch."""

    def stop(epoch: int, logs: Any) -> None:
        if epoch == 1:
            raise StopError

    with tempfile.TemporaryDirectory() as folder:
        backup = gw.callbacks.BackupAndRestore(folder, save_freq=3)
        stopping = gw.callbacks.LambdaCallback(on_epoch_end=stop)
        try:
            train(model, 3, callbacks=[backup, stopping])
        except StopError:
            shutil.copy(backup.path, path)


def resume(model: Any, path: Path) -> Arrays:
    """Continues a training from its checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        backup = gw.callbacks.BackupAndRestore(folder, save_freq=3)
        shutil.copy(path, backup.path)
        stopping = gw.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
        return train(model, 3, callbacks=[backup, stopping])


def continued(model: Any) -> Arrays:
    """Predictions of a loaded model and the results of its next epoch."""
    if isinstance(model, gw.SparseAutoencoder):
        first = [model.predict(SUMS, verbose=0), *arrays_of(model.encode(SUMS))]
    else:
        first = [model.predict(inputs_of(model), verbose=0)]
    gw.utils.set_random_seed(7)
    return [*first, *train(model)]


def predicted(model: Any) -> Arrays:
    return [np.asarray(model.predict(inputs_of(model), verbose=0))]


def load(name: str) -> Any:
    return gw.load_model(FOLDER / f"{name}.gatewise")


def with_loaded_weights() -> Any:
    model = experts_model()
    model.load_weights(FOLDER / "experts.weights")
    return model


def unpickled() -> Any:
    return pickle.loads(base64.decodebytes((FOLDER / "experts.pickle.txt").read_bytes()))


FILES: dict[str, Callable[[], Arrays]] = {
    **{name: lambda name=name: continued(load(name)) for name in (*MODELS, *AUTOENCODERS)},
    "experts.weights": lambda: continued(with_loaded_weights()),
    "experts.pickle": lambda: continued(unpickled()),
    "experts_int8": lambda: predicted(load("experts_int8")),
    "experts_bfloat16": lambda: predicted(load("experts_bfloat16")),
    "compressed": lambda: predicted(load("compressed")),
    "codes.bytes": lambda: arrays_of(from_bytes((FOLDER / "codes.bytes").read_bytes())),
    "experts.checkpoint": lambda: resume(experts_model(), FOLDER / "experts.checkpoint"),
    "sae.checkpoint": lambda: resume(
        autoencoder(**AUTOENCODERS["sae_top_k"]), FOLDER / "sae.checkpoint"
    ),
}
