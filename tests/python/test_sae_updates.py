"""Updates of latents: dead, inactive, clipped and tied ones."""

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from dictionary_forms import FORMS, LATENTS, ROWS, WIDTH, encode, fitted, sparse_sums
from gatewise.sae import AuxK, BatchTopK, JumpReLU, SparseDictionary, TopK


def dead_and_untrained(**settings: Any) -> SparseDictionary:
    """A layer whose first 16 latents are dead: low biases and high idle counters."""
    layer = SparseDictionary(LATENTS, seed=0, **settings)
    layer.build((None, WIDTH))
    layer.parameters()
    bias, idle = np.zeros(LATENTS, np.float32), np.zeros(LATENTS, np.float32)
    bias[:16], idle[:16] = -3, 1000
    layer.native.set("encoder_bias", bias)
    layer.native.set("rows_since_active", idle)
    layer.compile(gw.optimizers.Adam(3e-3), "mse")
    return layer


@pytest.mark.parametrize(
    "activation", [TopK(2), BatchTopK(2), JumpReLU(3.0)], ids=lambda each: str(each)[:6]
)
def test_auxk_revives_dead_latents(activation: Any) -> None:
    x = sparse_sums()
    dead = []
    for auxk in (None, AuxK(weight=1.0, dead_rows=500)):
        layer = dead_and_untrained(activation=activation, auxk=auxk)
        layer.native.set("encoder_bias", np.where(np.arange(LATENTS) < 16, -1.0, 0).astype("f4"))
        layer.fit(x, x, batch_size=50, epochs=40, verbose=0)
        dead.append(int(np.sum(layer.native.get("rows_since_active") > 2000)))
    assert dead[1] < dead[0]


def test_without_dead_latents_auxk_changes_nothing() -> None:
    plain = fitted(activation=TopK(4))
    watched = fitted(activation=TopK(4), auxk=AuxK(dead_rows=10**9))
    for one, other in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("clipping", [{}, {"clipnorm": 0.1}, {"global_clipnorm": 0.1}])
@pytest.mark.parametrize("lazy", [False, True])
def test_lazy_updates_do_not_change_inactive_latents(
    lazy: bool, clipping: dict[str, float]
) -> None:
    layer = SparseDictionary(LATENTS, activation=TopK(2), lazy_updates=lazy, seed=0)
    layer.compile(gw.optimizers.Adam(1e-2, **clipping), "mse")
    x = sparse_sums()
    layer.fit(x, x, batch_size=300, epochs=2, verbose=0)  # now all latents have moments
    before = {name: layer.native.get(name) for name in ("encoder", "decoder", "encoder_bias")}
    active = np.zeros(LATENTS, bool)
    active[encode(layer, x[:3]).indices] = True
    layer.fit(x[:3], x[:3], batch_size=3, epochs=1, verbose=0)
    assert 0 < active.sum() < LATENTS
    after = {name: layer.native.get(name) for name in before}
    for name, axis in (("encoder", 0), ("decoder", 1), ("encoder_bias", None)):
        moved = before[name] != after[name]
        moved = moved if axis is None else moved.any(axis=axis)
        assert moved[active].all()
        assert moved[~active].any() != lazy


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("clipping", ["clipnorm", "global_clipnorm"])
def test_clipping_scales_the_gradient_to_its_norm(form: str, clipping: str) -> None:
    """A plain SGD step without clipping shows the gradient."""
    x, changes = sparse_sums(), []
    for settings in ({}, {clipping: 1e9}, {clipping: 1e-2}):
        layer = SparseDictionary(LATENTS, seed=0, **(FORMS[form] | {"unit_norm": False}))
        layer.build((None, WIDTH))
        before = {each.name: layer.native.get(each.name) for each in layer.parameters()}
        layer.compile(gw.optimizers.SGD(1.0, **settings), "mse")
        layer.fit(x, x, batch_size=ROWS, epochs=1, verbose=0, shuffle=False)
        trained = [each.name for each in layer.parameters() if each.role != "state"]
        changes.append({name: before[name] - layer.native.get(name) for name in trained})
    plain, unclipped, clipped = changes
    norms = {name: np.linalg.norm(change) for name, change in plain.items()}
    global_norm = np.linalg.norm(list(norms.values()))
    for name, change in plain.items():
        size = 1e-6 * np.abs(before[name]).max() + 1e-4 * np.abs(change).max()
        np.testing.assert_allclose(unclipped[name], change, atol=size)
        norm = norms[name] if clipping == "clipnorm" else global_norm
        if name == "latent_threshold":  # it is clamped at 0
            continue
        np.testing.assert_allclose(clipped[name], change * min(1, 1e-2 / norm), atol=size)


@pytest.mark.parametrize("clipping", [{}, {"global_clipnorm": 0.01}])
def test_a_tied_encoder_is_the_transpose_of_the_decoder(clipping: dict[str, float]) -> None:
    layer = SparseDictionary(LATENTS, activation=TopK(4), tied=True, seed=0)
    layer.compile(gw.optimizers.Adam(3e-3, **clipping), "mse")
    x = sparse_sums()
    first = layer.fit(x, x, batch_size=50, epochs=1, verbose=0)
    np.testing.assert_array_equal(layer.native.get("encoder"), layer.native.get("decoder").T)
    layer.fit(x, x, batch_size=50, epochs=10, verbose=0)
    assert layer.evaluate(x, x, verbose=0) < first.history["loss"][0]
