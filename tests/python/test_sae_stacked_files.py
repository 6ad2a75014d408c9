"""Stacked autoencoders: files, checkpoints, copies, dropped neurons and errors."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import BackupAndRestore, LambdaCallback
from stacked_models import LATENTS, ROWS, WIDTH, X, bits, fitted, kill_first, stack

pytestmark = pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")

MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "top_k": {"activation": gw.TopK(3), "threshold": 0.1, "revive": False},
    "units": {"activation": gw.KL(0.1, 0.02), "center": True, "scale": True},
    "sigmoid": {"activation": gw.Identity(), "output_activation": "sigmoid"},
}


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_files_and_copies_restore_the_model(settings: dict[str, Any], tmp_path: Path) -> None:
    sae = fitted(**settings)
    sae.save(tmp_path / "sae.gatewise")
    loaded = gw.load_model(tmp_path / "sae.gatewise")
    others = [loaded, pickle.loads(pickle.dumps(sae)), copy.deepcopy(sae)]
    for other in others:
        assert isinstance(other, gw.SparseAutoencoder)
        assert other.get_config() == sae.get_config()
        assert bits(other) == bits(sae)
        np.testing.assert_array_equal(other.encode(X).toarray(), sae.encode(X).toarray())
    for model in (sae, *others):
        model.fit(X, epochs=1, verbose=0)
    assert {tuple(bits(other)) for other in others} == {tuple(bits(sae))}


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_a_model_from_the_configuration_is_equal(settings: dict[str, Any]) -> None:
    for sae in (stack(**settings), stack(input_dim=WIDTH, **settings)):
        restored = gw.models.model_from_json(sae.to_json())
        assert restored.get_config() == sae.get_config()
        restored.compile("adam")
        sae.fit(X, epochs=1, verbose=0)
        restored.fit(X, epochs=1, verbose=0)
        assert bits(restored) == bits(sae)


class KilledError(Exception):
    """The exception that stops a training in these tests."""


def end_after(steps: int) -> LambdaCallback:
    left = [steps]

    def count(batch: int, logs: Any = None) -> None:
        left[0] -= 1
        if not left[0]:
            raise KilledError

    return LambdaCallback(on_train_batch_end=count)


@pytest.mark.parametrize("save_freq", ["epoch", 5, 13])
@pytest.mark.parametrize("after", [7, 13, 20, 30])
def test_a_continued_training_revives_the_same_units(
    tmp_path: Path, save_freq: Any, after: int
) -> None:
    results = []
    for index, steps in enumerate([0, after]):
        folder = tmp_path / str(index)
        sae = stack()
        kill_first(sae)
        try:
            callbacks = [BackupAndRestore(folder, save_freq), end_after(steps)]
            sae.fit(X, epochs=3, verbose=0, callbacks=callbacks)
        except KilledError:
            sae = stack()
            kill_first(sae)
            callbacks = [BackupAndRestore(folder, save_freq), end_after(0)]
            sae.fit(X, epochs=3, verbose=0, callbacks=callbacks)
        assert 0 not in sae.dead_units(ROWS)
        results.append(bits(sae))
    assert results[0] == results[1]


def test_search_by_codes_agrees_with_exact_inner_products() -> None:
    sae = fitted()
    z = sae.encode(X)
    _, scores = sae.search(z, z[:3], 4)
    table = (z[:3] @ z.T).toarray()
    np.testing.assert_allclose(scores, -np.sort(-table, axis=1)[:, :4], rtol=1e-6)
    with pytest.raises(ValueError, match="query: expected codes"):
        sae.search(z, X[:3], 4)


def test_drop_neurons_removes_those_of_smallest_norm_and_keeps_the_other_weights() -> None:
    sae = fitted(epochs=10)
    last, after = sae.get_layer("encoder_3"), sae.get_layer("decoder_1")
    incoming, outgoing = last.get_weights()[0], after.get_weights()[0]
    norms = np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
    kept = np.sort(np.argsort(-norms)[:4])
    codes = sae.encode(X, dense=True)
    idle = sae.get_layer("code").native.get("rows_since_active")
    sae.drop_neurons(keep=4)
    assert sae.latents == 4
    np.testing.assert_array_equal(sae.encode(X, dense=True), codes[:, kept])
    np.testing.assert_array_equal(sae.get_layer("decoder_1").get_weights()[0], outgoing[kept])
    np.testing.assert_array_equal(sae.get_layer("code").native.get("rows_since_active"), idle[kept])
    before = sae.measure(X)["fvu"]
    sae.fit(X, epochs=20, verbose=0)
    assert sae.measure(X)["fvu"] < before


def test_dropping_a_neuron_of_zero_weights_changes_no_prediction(tmp_path: Path) -> None:
    sae = fitted(epochs=5)
    for name, row in (("encoder_2", 3), ("decoder_3", 7)):
        layer = sae.get_layer(name)  # set the input weights of one neuron to zero
        kernel = layer.native.get("kernel")
        kernel[row] = 0
        layer.native.set("kernel", kernel)
    made = sae.predict(X)
    sae.drop_neurons(keep=1.0, hidden=(9, 1.0))
    assert sae.get_config()["hidden"] == [9, 8]
    assert [
        len(sae.get_layer(f"{half}").get_weights()[1]) for half in ("encoder_1", "decoder_2")
    ] == [9, 9]
    np.testing.assert_allclose(sae.predict(X), made, atol=1e-6)
    sae.save(tmp_path / "sae.gatewise")
    np.testing.assert_array_equal(
        gw.load_model(tmp_path / "sae.gatewise").predict(X), sae.predict(X)
    )


def test_a_dictionary_drops_latents_and_keeps_center_and_scale() -> None:
    sae = gw.SparseAutoencoder(16, gw.TopK(3), seed=0)
    sae.compile("adam")
    sae.fit(X, epochs=2, verbose=0)
    center, decoder = (sae.dictionary.native.get(name) for name in ("center", "decoder"))
    sae.drop_neurons(keep=0.5)
    assert sae.encode(X).shape == (ROWS, 8)
    np.testing.assert_array_equal(sae.dictionary.native.get("center"), center)
    rows = sae.dictionary.native.get("decoder")
    assert all((row == decoder).all(axis=1).any() for row in rows)
    assert sae.dictionary.is_standardized
    before = sae.measure(X)["fvu"]
    sae.fit(X, epochs=5, verbose=0)
    assert sae.measure(X)["fvu"] < before
    with pytest.raises(ValueError, match=r"k: expected 1 <= k <= latents \(2\), got 3"):
        sae.drop_neurons(keep=2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"keep": 0},
            ValueError,
            r"keep: expected a count from 1 to 6 or a fraction in \(0, 1\], got 0",
        ),
        ({"keep": 7}, ValueError, "keep: expected a count from 1 to 6"),
        ({"keep": 1.5}, ValueError, "keep: expected a count from 1 to 6"),
        ({"keep": True}, TypeError, "keep: expected a count from 1 to 6"),
        ({"keep": 5, "hidden": (10,)}, ValueError, "hidden: expected one count or fraction"),
        ({"keep": 5, "hidden": 9}, ValueError, "hidden: expected a count from 1 to 8"),
    ],
)
def test_drop_neurons_refuses_wrong_arguments_and_changes_nothing(
    arguments, error, message
) -> None:
    sae = fitted()
    before = bits(sae)
    with pytest.raises(error, match=message):
        sae.drop_neurons(**arguments)
    assert bits(sae) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"unit_norm": True}, ValueError, "unit_norm: expected None, a stack has no such setting"),
        (
            {"hidden": (), "output_activation": "relu"},
            ValueError,
            "output_activation: expected None",
        ),
        ({"hidden": 5}, TypeError, "hidden: expected a tuple of sizes such as"),
        ({"hidden": (5, 0)}, ValueError, "hidden: expected an integer >= 1, got 0"),
        (
            {"output_activation": "tanh"},
            ValueError,
            "expected one of linear, relu, sigmoid; got 'tanh'",
        ),
        (
            {"activation": "gated"},
            ValueError,
            "expected ReLU, TopK, KL or Identity in a stack, got",
        ),
        ({"activation": gw.TopK(7)}, ValueError, r"k: expected 1 <= k <= latents \(6\), got 7"),
        ({"activation": gw.Identity(), "threshold": 0.1}, ValueError, "expected 0 with Identity"),
        ({"activation": gw.Identity(), "revive": True}, ValueError, "revive: expected False with"),
        (
            {"activation": gw.KL(), "threshold": 1.0},
            ValueError,
            "expected a number below 1 with KL",
        ),
        ({"threshold": -0.1}, ValueError, "threshold: expected a number >= 0, got -0.1"),
        (
            {"output_activation": "sigmoid", "center": True},
            ValueError,
            "center: expected False with output_activation='sigmoid'",
        ),
    ],
)
def test_settings_that_do_not_apply_are_refused(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        gw.SparseAutoencoder(LATENTS, **{"hidden": (10, 8)} | arguments)


def test_sizes_of_a_stack_are_refused_by_name() -> None:
    for sizes, message in [
        ((0, 10, 3), "input_size: expected an integer >= 1"),
        ((9, 1, 3), "hidden_size: expected an integer >= 2"),
        ((9, 10, 0), "output_size: expected an integer >= 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            gw.SparseAutoencoder.stacked(*sizes)


def test_rows_and_codes_of_wrong_shape_are_refused_and_change_nothing() -> None:
    sae = fitted()
    before, z = bits(sae), sae.encode(X)
    bad = X.copy()
    bad[7, 3] = np.nan
    for call, message in [
        (lambda: sae.fit(bad, verbose=0), "row 7, column 3"),
        (lambda: sae.fit(X, epochs=-1, verbose=0), "epochs"),
        (lambda: sae.fit(iter([]), verbose=0), "at least one batch"),
        (lambda: sae.fit(iter([X]), X, verbose=0), "y"),
        (lambda: sae.encode(bad), "row 7, column 3"),
        (lambda: sae.encode(X[:, :5]), r"expected shape \(n, 12\)"),
        (lambda: sae.encode(X[:0]), "expected at least one"),
        (lambda: sae.decode(z[:, :4]), r"codes: expected shape \(n, 6\)"),
        (lambda: sae.decode(np.full((2, LATENTS), np.inf)), "codes: expected finite numbers"),
        (lambda: gw.SparseAutoencoder(LATENTS, hidden=(10,)).encode(X), "built"),
        (lambda: gw.SparseAutoencoder(LATENTS, hidden=(10,)).drop_neurons(3), "built"),
        (lambda: gw.SparseAutoencoder(LATENTS, hidden=(10,)).dead_units(3), "built"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            call()
    assert bits(sae) == before
