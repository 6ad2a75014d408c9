"""Stacked autoencoders: shape, learning, codes, batches and dead units."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from digits import load_digits
from stacked_models import LATENTS, ROWS, WIDTH, X, bits, fitted, kill, kill_first, stack

# Trainings of a few epochs leave dead units; tests of dead units check them explicitly.
pytestmark = pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")


def test_stacked_halves_the_width_and_the_decoder_mirrors_the_encoder() -> None:
    sae = gw.SparseAutoencoder.stacked(784, 100, 10)
    dense = [layer for layer in sae.layers if isinstance(layer, gw.layers.Dense)]
    assert [layer.units for layer in dense] == [100, 50, 10, 50, 100, 784]
    activations = [layer.activation for layer in dense]
    assert activations == ["relu", "relu", "linear", "relu", "relu", "linear"]
    assert sae.get_layer("code").activation == gw.ReLU(0.0)
    assert isinstance(sae.optimizer, gw.optimizers.Adam)
    assert sae.optimizer.learning_rate == pytest.approx(1e-3)
    assert sae.input_shape == sae.output_shape == (None, 784)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ten_values_reconstruct_digits_better_than_principal_components(seed: int) -> None:
    x, _, held_out, _ = load_digits(0)
    sae = gw.SparseAutoencoder.stacked(784, 100, 10, output_activation="sigmoid", seed=seed)
    sae.fit(x, epochs=20, verbose=0)
    measured = sae.measure(held_out)
    assert measured["fvu"] <= 0.42  # PCA leaves 0.51
    assert measured["alive"] >= 0.8


def test_codes_are_csr_of_positive_values_and_can_be_decoded_from_any_form() -> None:
    sae = fitted()
    z = sae.encode(X)
    assert isinstance(z, csr_array)
    assert z.shape == (ROWS, LATENTS)
    assert z.dtype == np.float32
    assert (z.data > 0).all()
    np.testing.assert_array_equal(sae.encode(X, dense=True), z.toarray())
    made = sae.predict(X)
    for codes in (z, z.tocsc(), z.toarray(), z.astype(np.float64)):
        np.testing.assert_array_equal(sae.decode(codes), made)
    np.testing.assert_array_equal(sae.predict(z), made)


def test_codes_agree_with_a_forward_pass_of_the_layers() -> None:
    sae = fitted(threshold=0.05)
    h = X
    for index in (1, 2, 3):
        kernel, bias = sae.get_layer(f"encoder_{index}").get_weights()
        h = h @ kernel + bias
        h = np.maximum(h, 0) if index < 3 else np.where(h > 0.05, h, 0)
    np.testing.assert_allclose(sae.encode(X, dense=True), h, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("threshold", [0.0, 0.3])
@pytest.mark.parametrize("activation", [gw.ReLU(0.01), gw.TopK(2), gw.KL(0.1, 0.01)])
def test_every_activation_learns_and_applies_the_threshold(activation, threshold) -> None:
    sae = stack(activation=activation, threshold=threshold)
    losses = sae.fit(X, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    z = sae.encode(X)
    assert z.nnz
    assert z.data.min() > threshold
    if isinstance(activation, gw.TopK):
        assert np.diff(z.indptr).max() <= 2


def test_identity_returns_dense_codes() -> None:
    z = fitted(activation=gw.Identity()).encode(X)
    assert z.nnz == ROWS * LATENTS
    assert (z.data < 0).any()


def test_a_penalty_is_part_of_the_loss_and_reduces_codes() -> None:
    plain, held = fitted(epochs=10), fitted(epochs=10, activation=gw.ReLU(0.05))
    assert held.encode(X).sum() < 0.7 * plain.encode(X).sum()
    mse = np.mean((held.predict(X) - X) ** 2)
    penalty = 0.05 * held.encode(X).sum() / ROWS
    assert held.evaluate(X, verbose=0) == pytest.approx(mse, rel=1e-4)
    held.compile(gw.optimizers.SGD(0.0))
    trained = held.train_on_batch(X)  # does not revive units
    assert trained == pytest.approx(mse + penalty, rel=1e-4)


def test_an_autoencoder_without_hidden_layers_is_a_dictionary() -> None:
    assert isinstance(gw.SparseAutoencoder(32).dictionary, gw.sae.SparseDictionary)
    with pytest.raises(AttributeError, match="this is a stack"):
        _ = stack().dictionary


def test_a_denoising_stack_reconstructs_the_clean_rows() -> None:
    noisy = X + np.random.default_rng(5).normal(0, 0.3, X.shape).astype(np.float32)
    sae = stack()
    sae.fit(noisy, X, epochs=60, verbose=0)
    assert np.mean((sae.predict(noisy) - X) ** 2) < np.mean((noisy - X) ** 2)


def test_center_and_scale_of_a_stack_are_off_by_default() -> None:
    assert fitted().layers[0].name == "encoder_1"
    x = 1000 * X + 5
    sae = fitted(x, epochs=30, center=True, scale=True)
    standardize = sae.get_layer("standardize").native
    np.testing.assert_allclose(standardize.get("center"), x.mean(axis=0), rtol=1e-5)
    assert sae.measure(x)["fvu"] < 0.6
    assert sae.evaluate(x, verbose=0) == pytest.approx(sae.measure(x)["mse"], rel=1e-4)
    kept = standardize.get("center")
    sae.fit(2 * x, epochs=1, verbose=0)
    np.testing.assert_array_equal(standardize.get("center"), kept)


def test_the_scale_of_x_does_not_change_what_a_standardizing_stack_learns() -> None:
    settings: dict[str, Any] = {"center": True, "scale": True, "activation": gw.ReLU(0.01)}
    one, other = fitted(X, **settings), fitted(1024 * X, **settings)
    assert one.measure(X)["fvu"] == pytest.approx(other.measure(1024 * X)["fvu"], rel=1e-3)
    ratio = other.evaluate(1024 * X, verbose=0) / one.evaluate(X, verbose=0)
    assert ratio == pytest.approx(1024**2, rel=1e-3)


@pytest.mark.parametrize("form", ["stack", "dictionary"])
def test_training_on_an_iterator_equals_training_on_arrays(form: str, tmp_path: Path) -> None:
    parts = np.split(X, 10)

    def once() -> Any:
        return iter(parts * 3)

    def learn(x: Any, **settings: Any) -> list[bytes]:
        if form == "stack":
            sae = stack()
        else:
            sae = gw.SparseAutoencoder(16, gw.TopK(3), center=False, scale=False, seed=0)
            sae.compile("adam")
        sae.fit(x, epochs=3, verbose=0, **settings)
        return bits(sae)

    np.save(tmp_path / "x.npy", X)
    expected = learn(X, batch_size=40, shuffle=False)
    assert learn(parts_of(parts)) == expected
    assert learn(once(), steps_per_epoch=10) == expected
    assert learn(iter([(x, x) for x in parts] * 3), steps_per_epoch=10) == expected
    assert learn(np.load(tmp_path / "x.npy", mmap_mode="r"), batch_size=400) == learn(
        str(tmp_path / "x.npy"), batch_size=400
    )


class parts_of:  # noqa: N801, reads as a function
    """An iterable of known length, like a data loader."""

    def __init__(self, parts: list[np.ndarray]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Any:
        return iter(self.parts)


def test_the_first_batch_of_an_iterator_sets_center_and_scale() -> None:
    sae = gw.SparseAutoencoder(16, gw.TopK(3), seed=0)
    sae.compile("adam")
    sae.fit(iter([X[:50], X[50:] + 3]), epochs=1, verbose=0, validation_data=iter([X, X]))
    center = sae.dictionary.native.get("center")
    np.testing.assert_allclose(center, X[:50].mean(axis=0), rtol=1e-5)
    assert sae.evaluate(iter([X]), verbose=0) == pytest.approx(sae.measure(X)["mse"], rel=1e-4)


def test_single_batches_are_their_own_targets_and_set_center_and_scale() -> None:
    sae = gw.SparseAutoencoder(16, gw.TopK(3), seed=0)
    sae.compile("adam")
    before = sae.train_on_batch(X)
    np.testing.assert_allclose(sae.dictionary.native.get("center"), X.mean(axis=0), rtol=1e-5)
    assert sae.test_on_batch(X) < before


def test_training_has_the_same_bits_for_any_thread_count() -> None:
    kept = gw.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            gw.set_num_threads(threads)
            sae = stack(activation=gw.TopK(2))
            kill_first(sae)
            sae.fit(X, epochs=3, verbose=0)
            results.append(bits(sae))
    finally:
        gw.set_num_threads(kept)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("activation", "threshold"),
    [(gw.ReLU(), 0.0), (gw.ReLU(), 0.2), (gw.TopK(3), 0.0), (gw.KL(), 0.4)],
)
def test_a_dead_unit_is_reinitialized(activation, threshold) -> None:
    sae = stack(activation=activation, threshold=threshold)
    kill_first(sae)
    sae.fit(X, epochs=2, verbose=0)
    assert 0 not in sae.dead_units(ROWS)
    assert 0.1 < np.mean(sae.encode(X, dense=True)[:, 0] > 0) < 0.9


def test_a_dead_unit_is_not_reinitialized_after_the_training_stops() -> None:
    sae = stack()
    kill_first(sae)

    def stop(epoch: int, logs: Any = None) -> None:
        sae.stop_training = True

    stopper = gw.callbacks.LambdaCallback(on_epoch_end=stop)
    sae.fit(X, epochs=5, verbose=0, callbacks=[stopper])
    assert 0 in sae.dead_units(ROWS)


def test_a_refused_fit_within_a_fit_does_not_disturb_it() -> None:
    sae = stack()
    kill_first(sae)

    def refit(epoch: int, logs: Any = None) -> None:
        with pytest.raises(RuntimeError, match="another call is at work"):
            sae.fit(X[:50], verbose=0)

    nested = gw.callbacks.LambdaCallback(on_epoch_begin=refit)
    sae.fit(X, epochs=3, verbose=0, callbacks=[nested])
    alone = stack()
    kill_first(alone)
    alone.fit(X, epochs=3, verbose=0)
    assert bits(sae) == bits(alone)


def test_two_trainings_equal_one_with_the_same_total_epochs() -> None:
    once, twice = stack(), stack()
    for sae, epochs in ((once, [4]), (twice, [1, 3])):
        kill_first(sae)
        for num_epochs in epochs:
            sae.fit(X, epochs=num_epochs, verbose=0)
    assert bits(once) == bits(twice)


def test_a_revived_unit_is_active_in_half_of_the_rows_and_changes_no_reconstruction() -> None:
    sae = fitted()
    kill(sae, 2)
    made = sae.predict(X)
    sae._architecture.reinitialize_dead(sae._built_graph(), np.array([2]), X, seed=1, step=7)
    assert np.mean(sae.encode(X, dense=True)[:, 2] > 0) == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(sae.predict(X), made)


def test_dead_units_warn_without_revive() -> None:
    sae = stack(revive=False)
    kill_first(sae)
    with pytest.warns(gw.DeadUnitsWarning, match=r"1 of 6 code units .*\(0\).* Try revive=True"):
        sae.fit(X, epochs=3, verbose=0)
    assert sae.dead_units(ROWS).tolist() == [0]


def test_a_dictionary_warns_of_dead_units_too() -> None:
    sae = gw.SparseAutoencoder(8, gw.TopK(2), seed=0, input_dim=WIDTH)
    sae.compile("adam")
    bias = sae.dictionary.native.get("encoder_bias")
    bias[:2] = -100
    sae.dictionary.native.set("encoder_bias", bias)
    with pytest.warns(gw.DeadUnitsWarning, match="2 of 8 code units were active in none of the"):
        sae.fit(X, epochs=1, verbose=0)
    assert sae.measure(X)["alive"] <= 0.75


def test_a_relu_output_refuses_negative_targets() -> None:
    bad = X.copy()
    bad[7, 3] = -0.25
    sae = stack(output_activation="relu")
    with pytest.raises(ValueError, match=r">= 0 with output_activation='relu', got -0.25 at row 7"):
        sae.fit(bad, verbose=0)
    with pytest.raises(ValueError, match="batch 1: y: expected targets >= 0"):
        sae.fit(iter([X, bad]), verbose=0)
    with pytest.raises(ValueError, match="y: expected targets >= 0"):
        sae.train_on_batch(X, bad)
    sae.fit(bad, X, epochs=1, verbose=0)
    assert sae.predict(X).min() >= 0
    with pytest.raises(ValueError, match=r"in \[0, 1\] with output_activation='sigmoid', got 2"):
        stack(output_activation="sigmoid").fit(X, 2 * np.ones_like(X), verbose=0)
