"""Sparse autoencoders: training, codes, search, files and errors."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse

import gatewise as gw

WIDTH, LATENTS, ROWS = 20, 64, 300


def sparse_data(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """Sums of 3 of 40 directions, shifted and scaled."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(40, WIDTH))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    weights = np.zeros((rows, 40))
    for row in weights:
        row[rng.choice(40, 3, replace=False)] = rng.uniform(1, 2, 3)
    return (0.01 * (weights @ directions) + 5).astype(np.float32)


def fitted(x: np.ndarray | None = None, epochs: int = 3, **settings) -> gw.SparseAutoencoder:
    settings = {"activation": gw.TopK(4), "seed": 0} | settings
    sae = gw.SparseAutoencoder(LATENTS, **settings)
    sae.compile(gw.optimizers.Adam(3e-3))
    sae.fit(sparse_data() if x is None else x, batch_size=32, epochs=epochs, verbose=0)
    return sae


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_a_dictionary_learns_to_reconstruct_sparse_sums() -> None:
    sae = fitted(sparse_data(2000), epochs=60)
    held_out = sparse_data(500, seed=1)
    measured = sae.measure(held_out)
    # One direction per row would leave most of the variance; PCA with 4 values leaves 0.75.
    assert measured["fvu"] < 0.25
    assert measured["l0"] <= 4
    assert measured["mse"] == pytest.approx(
        np.mean((sae.predict(held_out) - held_out) ** 2), rel=1e-4
    )


def test_codes_are_csr_of_at_most_k_positive_values() -> None:
    sae = fitted()
    z = sae.encode(sparse_data())
    assert isinstance(z, csr_array)
    assert z.shape == (ROWS, LATENTS)
    assert z.dtype == np.float32
    assert np.diff(z.indptr).max() <= 4
    assert (z.data > 0).all()
    assert z.has_canonical_format
    np.testing.assert_array_equal(sae.encode(sparse_data(), dense=True), z.toarray())


def test_predict_is_decode_of_encode_bit_for_bit() -> None:
    sae, x = fitted(), sparse_data()
    z = sae.encode(x)
    made = sae.predict(x)
    for codes in (z, z.tocsc(), z.toarray(), z.astype(np.float64)):
        np.testing.assert_array_equal(sae.decode(codes), made)
    np.testing.assert_array_equal(sae.predict(z), made)


def test_codes_do_not_depend_on_other_rows() -> None:
    sae, x = fitted(), sparse_data()
    whole = sae.encode(x).toarray()
    alone = np.concatenate([sae.encode(row[None]).toarray() for row in x[:40]])
    np.testing.assert_array_equal(alone, whole[:40])


def test_training_has_the_same_bits_for_any_thread_count() -> None:
    kept = gw.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            gw.set_num_threads(threads)
            sae = gw.SparseAutoencoder(512, activation=gw.TopK(8), seed=1)
            sae.compile("adam")
            sae.fit(sparse_data(600), batch_size=300, epochs=2, verbose=0)
            results.append([array.tobytes() for array in sae.get_weights()])
    finally:
        gw.set_num_threads(kept)
    assert results[0] == results[1] == results[2]


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_the_first_fit_sets_center_and_scale_and_later_fits_keep_them() -> None:
    x = sparse_data()
    sae = fitted(x)
    native = sae.dictionary.native
    np.testing.assert_allclose(native.get("center"), x.mean(axis=0), rtol=1e-6)
    scaled = native.get("scale")[0] * (x - x.mean(axis=0))
    assert np.mean(scaled**2) == pytest.approx(1, rel=1e-3)
    sae.fit(x * 3, epochs=1, verbose=0)
    np.testing.assert_allclose(native.get("center"), x.mean(axis=0), rtol=1e-6)
    plain = fitted(x, center=False, scale=False)
    assert not plain.dictionary.native.get("center").any()
    assert plain.dictionary.native.get("scale").tolist() == [1.0]


def test_decoder_rows_keep_length_one() -> None:
    lengths = np.linalg.norm(fitted().dictionary.native.get("decoder"), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_the_scale_of_x_does_not_change_what_is_learned() -> None:
    x = sparse_data()
    one, other = fitted(x), fitted(1024 * x)
    assert one.measure(x)["fvu"] == pytest.approx(other.measure(1024 * x)["fvu"], rel=1e-3)


def test_fit_on_a_file_has_the_results_of_fit_on_an_array(tmp_path: Path) -> None:
    x = sparse_data()
    np.save(tmp_path / "x.npy", x)
    sae = fitted(tmp_path / "x.npy")
    assert np.isfinite(sae.measure(x)["fvu"])
    in_memory = sae.encode(x)
    from_file = sae.encode(tmp_path / "x.npy")
    np.testing.assert_array_equal(in_memory.toarray(), from_file.toarray())


def test_a_denoising_dictionary_reconstructs_the_clean_rows() -> None:
    clean = sparse_data()
    noisy = clean + np.random.default_rng(5).normal(0, 0.002, clean.shape)
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(4), seed=0)
    sae.compile("adam")
    before = sae.fit(noisy, clean, epochs=1, verbose=0).history["loss"][-1]
    after = sae.fit(noisy, clean, epochs=20, verbose=0).history["loss"][-1]
    assert after < before


def test_search_agrees_with_exact_inner_products() -> None:
    sae, x = fitted(), sparse_data()
    z = sae.encode(x)
    made = sae.decode(z).astype(np.float64)
    queries = np.random.default_rng(3).normal(size=(7, WIDTH)).astype(np.float32)
    indices, scores = sae.search(z, queries, 5)
    exact = queries @ made.T
    for row in range(7):
        best = np.sort(exact[row])[::-1][:5]
        np.testing.assert_allclose(scores[row], best, rtol=1e-4)
        np.testing.assert_allclose(exact[row][indices[row]], best, rtol=1e-4)
    indices, scores = sae.search(z, z[:3], 4)
    table = (z[:3] @ z.T).toarray()
    np.testing.assert_allclose(scores, -np.sort(-table, axis=1)[:, :4], rtol=1e-6)


def test_search_breaks_ties_by_the_lower_row() -> None:
    sae = fitted()
    z = sae.encode(np.repeat(sparse_data(3), 4, axis=0))
    indices, _ = sae.search(z, z[[0]], 3)
    assert indices.tolist() == [[0, 1, 2]]


def test_a_saved_model_is_restored(tmp_path: Path) -> None:
    sae, x = fitted(), sparse_data()
    sae.save(tmp_path / "sae.gatewise")
    loaded = gw.load_model(tmp_path / "sae.gatewise")
    assert isinstance(loaded, gw.SparseAutoencoder)
    np.testing.assert_array_equal(loaded.encode(x).toarray(), sae.encode(x).toarray())
    for model in (sae, loaded):
        model.fit(x, epochs=1, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x), sae.predict(x))


def test_validation_data_can_be_rows_without_targets() -> None:
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(4))
    sae.compile("adam")
    history = sae.fit(sparse_data(), epochs=1, verbose=0, validation_data=sparse_data(50, 1))
    assert history.history["val_loss"][0] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": gw.TopK(65)}, r"k: expected 1 <= k <= latents \(64\), got 65"),
        ({"threshold": -1}, "threshold: expected a number >= 0, got -1"),
        ({"activation": "nothing"}, "activation: expected one of relu, top_k, .*; got 'nothing'"),
    ],
)
def test_settings_out_of_range_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gw.SparseAutoencoder(LATENTS, **arguments)


def test_k_must_be_a_positive_integer() -> None:
    with pytest.raises(ValueError, match="k: expected an integer >= 1, got 0"):
        gw.TopK(0)


def test_rows_and_codes_of_wrong_shape_are_refused_and_change_nothing() -> None:
    sae, x = fitted(), sparse_data()
    before = [array.tobytes() for array in sae.get_weights()]
    bad = x.copy()
    bad[7, 3] = np.nan
    z = sae.encode(x)
    for call, message in [
        (lambda: sae.fit(bad, verbose=0), "row 7, column 3"),
        (lambda: sae.encode(bad), "row 7, column 3"),
        (lambda: sae.encode(x[:, :5]), r"expected shape \(n, 20\)"),
        (lambda: sae.encode(x[0]), r"expected rows \(n, d\)"),
        (lambda: sae.decode(z[:, :10]), r"codes: expected shape \(n, 64\)"),
        (lambda: sae.search(z, x[:2], 0), "k: expected an integer >= 1"),
        (lambda: sae.search(z, x[:2], 301), "k: expected at most the 300 rows"),
        (lambda: sae.search(z, x[:2, :4], 3), "query"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    assert [array.tobytes() for array in sae.get_weights()] == before


def test_a_refused_fit_does_not_set_center_and_scale(tmp_path: Path) -> None:
    x = sparse_data()
    x[200, 4] = np.inf
    np.save(tmp_path / "x.npy", x)
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(4))
    with pytest.raises(ValueError, match="call compile first"):
        sae.fit(sparse_data())
    sae.compile("adam")
    with pytest.raises(ValueError, match="row 200, column 4"):
        sae.fit(tmp_path / "x.npy", verbose=0)
    with pytest.raises(ValueError, match="epochs"):
        sae.fit(1000 * sparse_data(), epochs=-1, verbose=0)
    assert not sae.dictionary.is_standardized
    assert not sae.dictionary.native.get("center").any()
    sae.fit(sparse_data(), verbose=0)
    assert sae.dictionary.native.get("center").mean() == pytest.approx(5, abs=0.1)


def test_latents_out_of_range_are_refused() -> None:
    sae = fitted()
    for dtype in (np.int32, np.int64):
        codes = csr_array((2, LATENTS), dtype=np.float32)
        codes.indptr = np.array([0, 1, 1], dtype)
        codes.indices = np.array([LATENTS], dtype)
        codes.data = np.ones(1, np.float32)
        with pytest.raises(ValueError, match="64 in indices, expected 0 to 63"):
            sae.decode(codes)
    codes = csr_array((2, LATENTS), dtype=np.float32)
    codes.indptr = np.array([0, 1, 1], np.int64)
    codes.indices = np.array([2**32 + 1], np.int64)
    codes.data = np.ones(1, np.float32)
    with pytest.raises(ValueError, match="4294967297 in indices, expected 0 to 63"):
        sae.decode(codes)


def test_codes_can_have_int64_indices() -> None:
    sae = fitted()
    z = sae.encode(sparse_data())
    int64_codes = z.copy()
    int64_codes.indices, int64_codes.indptr = z.indices.astype(np.int64), z.indptr.astype(np.int64)
    assert issparse(int64_codes)
    np.testing.assert_array_equal(sae.decode(int64_codes), sae.decode(z))


def test_layers_cannot_be_added_to_an_autoencoder() -> None:
    sae = gw.SparseAutoencoder(LATENTS)
    with pytest.raises(TypeError, match="expected no further layer"):
        sae.add(gw.layers.Dense(3))
    with pytest.raises(TypeError, match="keep its layers"):
        sae.pop()
