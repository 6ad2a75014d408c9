"""What every form of a dictionary does: activations, prefixes, experts, dead latents."""

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.sae import (
    KL,
    LISTA,
    AuxK,
    BatchTopK,
    Gated,
    Identity,
    JumpReLU,
    ReLU,
    SparseDictionary,
    TopK,
)
from gatewise.sae import codes as sparse_codes

WIDTH, LATENTS, ROWS = 20, 64, 300

FORMS: dict[str, dict[str, Any]] = {
    "relu": {"activation": ReLU(0.05)},
    "relu above a threshold": {"activation": ReLU(0.05), "threshold": 0.5},
    "top_k": {"activation": TopK(4)},
    "batch_top_k": {"activation": BatchTopK(4)},
    "jump_relu": {"activation": JumpReLU(4.0)},
    "gated": {"activation": Gated(0.02)},
    "kl": {"activation": KL()},
    "identity": {"activation": Identity()},
    "lista": {"activation": LISTA(3, 0.05)},
    "prefixes": {"activation": TopK(4), "prefixes": (8, 32)},
    "auxk": {"activation": TopK(4), "auxk": AuxK(dead_rows=20)},
    "experts": {"activation": TopK(4), "num_experts": 4, "balance": "aux_loss"},
    "tied": {"activation": TopK(4), "tied": True},
    "bias not subtracted": {"activation": TopK(4), "subtract_bias": False},
    "lazy": {"activation": TopK(4), "lazy_updates": True},
}


def sparse_sums(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """Sums of 3 of 40 directions."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(40, WIDTH))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    weights = rng.uniform(1, 2, (rows, 40)) * (rng.random((rows, 40)) < 3 / 40)
    return (weights @ directions).astype(np.float32)


def fitted(epochs: int = 3, batch_size: int = 50, **settings: Any) -> SparseDictionary:
    gw.utils.set_random_seed(0)  # of shuffles
    layer = SparseDictionary(LATENTS, seed=0, **settings)
    layer.compile(gw.optimizers.Adam(3e-3), "mse")
    x = sparse_sums()
    layer.fit(x, x, batch_size=batch_size, epochs=epochs, verbose=0)
    return layer


def encode(layer: SparseDictionary, x: np.ndarray) -> Any:
    return sparse_codes.encode(layer.native, x, WIDTH, LATENTS, 1 << 16)


def decode(layer: SparseDictionary, z: Any) -> np.ndarray:
    return sparse_codes.decode(layer.native, z, LATENTS)


def fvu(layer: SparseDictionary, x: np.ndarray) -> float:
    return float(np.sum((layer.predict(x) - x) ** 2) / np.sum((x - x.mean(axis=0)) ** 2))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_learns_and_decodes_what_it_encodes(form: str) -> None:
    layer = fitted(epochs=30, **FORMS[form])
    x = sparse_sums(seed=1)
    assert fvu(layer, x) < 0.8
    z = encode(layer, x)
    np.testing.assert_array_equal(decode(layer, z), layer.predict(x))
    np.testing.assert_array_equal(encode(layer, x[7:8]).toarray(), z[[7]].toarray())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_bits_on_any_number_of_threads(form: str) -> None:
    kept = gw.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            gw.set_num_threads(threads)
            layer = fitted(batch_size=150, **FORMS[form])
            z = encode(layer, sparse_sums())
            results.append([*map(np.ndarray.tobytes, layer.get_weights()), z.data.tobytes()])
    finally:
        gw.set_num_threads(kept)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_back_from_its_configuration(form: str) -> None:
    layer = fitted(epochs=1, **FORMS[form])
    again = SparseDictionary.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.build((None, WIDTH))
    again.set_weights(layer.get_weights())
    x = sparse_sums(seed=1)
    np.testing.assert_array_equal(again.predict(x), layer.predict(x))


def test_a_batch_has_k_latents_a_row_and_the_stored_threshold_predicts_about_as_many() -> None:
    layer = fitted(epochs=60, activation=BatchTopK(4, momentum=0.9))
    threshold = float(layer.native.get("batch_threshold")[0])
    assert threshold > 0
    z = encode(layer, sparse_sums())
    assert z.data.min() > threshold
    assert 3 < z.nnz / ROWS < 5
    assert len(set(np.diff(z.indptr))) > 1


def test_an_untrained_batch_top_k_is_a_relu() -> None:
    layer = SparseDictionary(LATENTS, activation=BatchTopK(4), seed=0)
    layer.build((None, WIDTH))
    layer.parameters()
    x = sparse_sums()
    h = x @ layer.native.get("encoder")
    np.testing.assert_allclose(encode(layer, x).toarray(), np.maximum(h, 0), atol=1e-5)


def test_jump_relu_is_pulled_to_its_number_of_latents() -> None:
    counts = []
    for target in (3.0, 8.0):
        activation = JumpReLU(target, weight=3.0, bandwidth=0.3)
        layer = fitted(epochs=150, activation=activation)
        counts.append(encode(layer, sparse_sums()).nnz / ROWS)
        assert np.all(layer.native.get("latent_threshold") >= 0)
    assert counts[0] == pytest.approx(3, abs=1)
    assert counts[1] == pytest.approx(8, abs=2)


def test_a_gate_decides_and_a_magnitude_tells() -> None:
    layer = fitted(epochs=10, activation=Gated(0.02))
    native, x = layer.native, sparse_sums(seed=1)
    h = (x - native.get("decoder_bias")) @ native.get("encoder")
    magnitude = np.exp(native.get("magnitude_log")) * h + native.get("magnitude_bias")
    expected = np.where(h + native.get("encoder_bias") > 0, np.maximum(magnitude, 0), 0)
    np.testing.assert_allclose(encode(layer, x).toarray(), expected, atol=1e-4)


def test_lista_codes_are_steps_of_shrinkage() -> None:
    layer = fitted(epochs=5, activation=LISTA(3, 0.05))
    native, x = layer.native, sparse_sums(seed=1)
    u, z = x - native.get("decoder_bias"), np.zeros((ROWS, LATENTS))
    for _ in range(3):
        h = z + (u - z @ native.get("decoder")) @ native.get("encoder")
        z = np.maximum(h + native.get("encoder_bias"), 0)
    np.testing.assert_allclose(encode(layer, x).toarray(), z, atol=1e-4)


def test_kl_pulls_the_mean_activation_to_rho() -> None:
    x = sparse_sums()
    far, near = (
        abs(encode(fitted(epochs=40, activation=KL(0.1, weight)), x).toarray().mean() - 0.1)
        for weight in (0.0, 0.1)
    )
    assert near < 0.05 < far


def test_prefixes_make_the_first_latents_reconstruct_by_themselves() -> None:
    x = sparse_sums(seed=1)
    errors = []
    for prefixes in ((), (8,)):
        layer = fitted(epochs=60, activation=TopK(4), prefixes=prefixes)
        z = encode(layer, x).toarray()
        z[:, 8:] = 0
        errors.append(float(np.mean((decode(layer, z) - x) ** 2)))
    assert errors[1] < 0.9 * errors[0]


def test_an_expert_that_no_row_chose_is_not_read() -> None:
    layer = fitted(activation=TopK(4), num_experts=4, balance="aux_loss")
    native, x = layer.native, sparse_sums()
    whole = encode(layer, x).toarray()
    chosen = np.argmax(whole.reshape(ROWS, 4, -1).sum(axis=2), axis=1)
    expert = int(np.argmin(np.bincount(chosen, minlength=4)))
    rows = x[chosen != expert]
    before = layer.predict(rows)
    own = slice(expert * LATENTS // 4, (expert + 1) * LATENTS // 4)
    for name, axis in (("encoder", 1), ("decoder", 0), ("encoder_bias", 0)):
        value = native.get(name)
        value[(slice(None), own) if axis else own] = np.nan
        native.set(name, value)
    np.testing.assert_array_equal(layer.predict(rows), before)
    layer.fit(rows, rows, batch_size=50, epochs=1, verbose=0, shuffle=False)
    assert np.isfinite(layer.predict(rows[:50])).all()


def test_a_row_has_latents_of_one_expert_alone() -> None:
    layer = fitted(activation=TopK(4), num_experts=4, balance="aux_loss")
    each = encode(layer, sparse_sums()).toarray().reshape(ROWS, 4, -1)
    assert (np.count_nonzero(each.any(axis=2), axis=1) <= 1).all()


def dead_and_untrained(**settings: Any) -> SparseDictionary:
    """The first 16 latents are far from being active, and have been for long."""
    layer = SparseDictionary(LATENTS, seed=0, **settings)
    layer.build((None, WIDTH))
    layer.parameters()
    bias, idle = np.zeros(LATENTS, np.float32), np.zeros(LATENTS, np.float32)
    bias[:16], idle[:16] = -3, 1000
    layer.native.set("encoder_bias", bias)
    layer.native.set("idle_rows", idle)
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
        dead.append(int(np.sum(layer.native.get("idle_rows") > 2000)))
    assert dead[1] < dead[0]


def test_without_dead_latents_auxk_changes_nothing() -> None:
    plain = fitted(activation=TopK(4))
    watched = fitted(activation=TopK(4), auxk=AuxK(dead_rows=10**9))
    for one, other in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("lazy", [False, True])
def test_lazy_updates_leave_latents_alone_that_no_row_chose(lazy: bool) -> None:
    layer = SparseDictionary(LATENTS, activation=TopK(2), lazy_updates=lazy, seed=0)
    layer.compile(gw.optimizers.Adam(1e-2), "mse")
    x = sparse_sums()
    layer.fit(x, x, batch_size=300, epochs=2, verbose=0)  # now all have moments
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
    """One step of plain descent without clipping tells the gradient."""
    x, changes = sparse_sums(), []
    for settings in ({}, {clipping: 1e9}, {clipping: 1e-2}):
        layer = SparseDictionary(LATENTS, seed=0, **(FORMS[form] | {"unit_norm": False}))
        layer.build((None, WIDTH))
        before = {each.name: layer.native.get(each.name) for each in layer.parameters()}
        layer.compile(gw.optimizers.SGD(1.0, **settings), "mse")
        layer.fit(x, x, batch_size=ROWS, epochs=1, verbose=0, shuffle=False)
        trained = [each.name for each in layer.parameters() if each.role != "state"]
        changes.append({name: before[name] - layer.native.get(name) for name in trained})
    plain, wide, clipped = changes
    norms = {name: np.linalg.norm(change) for name, change in plain.items()}
    together = np.linalg.norm(list(norms.values()))
    for name, change in plain.items():
        size = 1e-6 * np.abs(before[name]).max() + 1e-4 * np.abs(change).max()
        np.testing.assert_allclose(wide[name], change, atol=size)
        norm = norms[name] if clipping == "clipnorm" else together
        if name == "latent_threshold":  # which stays at 0 or above
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": BatchTopK(65)}, r"k: expected 1 <= k <= latents \(64\), got 65"),
        ({"activation": Gated(), "threshold": 0.1}, "threshold: expected 0 with Gated, got 0.1"),
        ({"activation": LISTA(), "auxk": AuxK()}, "auxk: expected None with LISTA"),
        ({"activation": ReLU(), "auxk": AuxK()}, "auxk: expected None with ReLU"),
        ({"activation": BatchTopK(), "num_experts": 2}, "num_experts: expected 1 with BatchTopK"),
        ({"num_experts": 2, "prefixes": (3,)}, "num_experts: expected 1 with prefixes or auxk"),
        ({"num_experts": 3}, r"latents: expected a multiple of 16 num_experts \(48\), got 64"),
        ({"num_experts": 4, "activation": TopK(17)}, r"k: expected 1 <= k <= latents \(16\)"),
        ({"balance": "aux_loss"}, "balance: expected None without experts"),
        ({"prefixes": (9, 3)}, r"prefixes: expected ascending numbers up to latents \(64\)"),
        ({"prefixes": (9, 65)}, r"prefixes: expected ascending numbers up to latents \(64\)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SparseDictionary(LATENTS, **({"activation": TopK(4)} | settings))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReLU(-1.0), "l1: expected a number >= 0, got -1.0"),
        (lambda: TopK(0), "k: expected an integer >= 1, got 0"),
        (lambda: BatchTopK(4, 1.0), "momentum: expected 0 <= value < 1, got 1.0"),
        (lambda: JumpReLU(0.0), "target_l0: expected a number above 0, got 0.0"),
        (lambda: JumpReLU(bandwidth=0.0), "bandwidth: expected a number above 0, got 0.0"),
        (lambda: KL(1.0), "rho: expected a number between 0 and 1, got 1.0"),
        (lambda: LISTA(0), "steps: expected an integer >= 1, got 0"),
        (lambda: AuxK(0), "k: expected an integer >= 1, got 0"),
        (lambda: AuxK(weight=-1.0), "weight: expected a number >= 0, got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
