"""Measures of sparse reconstructions agree with plain float64 formulas."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from gatewise.sae import measures as sae_measures
from gatewise.sae.latent_statistics import nearest_features
from gatewise.sae.measures import Measures, measure

ROWS, WIDTH, LATENTS = 500, 12, 40


def example(rows: int = ROWS, mean: float = 0.0, seed: int = 0) -> tuple:
    """Rows x of deviation 1 about `mean`, codes with about 4 latents per row, and rows near x."""
    rng = np.random.default_rng(seed)
    x = (mean + rng.normal(size=(rows, WIDTH))).astype(np.float32)
    z = np.where(rng.random((rows, LATENTS)) < 0.1, rng.random((rows, LATENTS)) + 0.1, 0)
    z[:, -5:] = 0
    y = (x + 0.3 * rng.normal(size=x.shape)).astype(np.float32)
    return x, csr_array(z.astype(np.float32)), y


def direct(x: np.ndarray, codes: csr_array, y: np.ndarray) -> dict[str, float]:
    x, y, z = x.astype(np.float64), y.astype(np.float64), codes.toarray()
    fvu = ((x - y) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()
    lengths, made = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    return {
        "mse": np.mean((x - y) ** 2),
        "fvu": fvu,
        "explained_variance": 1 - fvu,
        "l0": np.mean((z > 0).sum(axis=1)),
        "cosine": np.mean((x * y).sum(axis=1) / (lengths * made)),
        "l2_ratio": np.mean(made / lengths),
        "relative_bias": (y**2).sum() / (x * y).sum(),
        "alive": np.mean((z > 0).any(axis=0)),
        "dead": np.mean(~(z > 0).any(axis=0)),
    }


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_measures_agree_with_direct_formulas(mean: float) -> None:
    # Float64 sums of values near 1e4 about a mean with one rounding error, 1e-12 squared.
    measured, expected = measure(*example(mean=mean)), direct(*example(mean=mean))
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, rel=1e-10), name


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("part", [1, 7, 499])
def test_measures_added_in_parts_agree_with_the_whole(
    part: int, mean: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sae_measures, "_BLOCK_VALUES", 5 * WIDTH)
    x, codes, y = example(mean=mean)
    measures = Measures()
    for start in range(0, ROWS, part):
        measures.add(*(rows[start : start + part] for rows in (x, codes, y)))
    assert measures.rows == ROWS
    for name, value in direct(x, codes, y).items():
        assert measures.result()[name] == pytest.approx(value, rel=1e-10), name


def test_measures_of_parts_with_a_large_mean_lose_no_accuracy() -> None:
    # A plain sum of squares would lose a deviation of 1e-3 about a mean of 1e6.
    rng = np.random.default_rng(1)
    parts = [mean + 1e-3 * rng.normal(size=(200, WIDTH)) for mean in (1e6, 1e6, 1e6 + 1e-2)]
    measures = Measures()
    for part in parts:
        measures.add(part, np.ones((200, 1)), part + 1e-4)
    x = np.concatenate(parts)
    assert measures.result()["fvu"] == pytest.approx(
        direct(x, csr_array(np.ones((600, 1))), np.concatenate([p + 1e-4 for p in parts]))["fvu"],
        rel=1e-6,
    )


def test_density_counts_latents_by_the_fraction_of_rows_they_are_active_in() -> None:
    codes = np.zeros((1000, 6))
    codes[:, 0] = 1  # density 1 belongs to the last bin
    codes[:500, 1] = 1
    codes[:500, 2] = 1
    codes[7, 3] = 1
    codes[8, 4] = -1  # values below 0 are not active
    x = np.random.default_rng(0).normal(size=(1000, 2))
    density = measure(x, codes, x)["density"]
    edges, counts = density["edges"], density["counts"]
    assert (edges[0], edges[-1], len(counts)) == (pytest.approx(1e-6), 1, len(edges) - 1)
    assert counts.sum() == 4
    assert density["never"] == 2
    assert counts[-1] == 1
    assert counts[np.flatnonzero((edges[:-1] <= 0.5) & (edges[1:] > 0.5))] == 2
    assert counts[(edges[:-1] < 1.001e-3) & (edges[1:] > 0.999e-3)].sum() == 1


def test_densities_below_the_first_bin_are_counted_in_it() -> None:
    density = sae_measures.density_bins(np.array([1, 0]), 10**8)
    assert (density["counts"][0], density["never"]) == (1, 1)


def test_values_that_are_not_positive_are_not_active() -> None:
    x, codes, y = example()
    padded = codes.copy()
    padded.data[::3] = 0
    cleaned = padded.copy()
    cleaned.eliminate_zeros()
    assert measure(x, padded, y)["l0"] == cleaned.nnz / ROWS
    assert padded.nnz == codes.nnz, "what the caller holds is left alone"


def test_rows_of_zeros_are_excluded_from_cosine_and_ratio() -> None:
    x, y = np.ones((4, 3)), np.ones((4, 3))
    x[0] = 0
    y[1] = 0
    measured = measure(x, np.ones((4, 1)), y)
    assert measured["cosine"] == pytest.approx(2 / 3)
    assert measured["l2_ratio"] == pytest.approx(2 / 3)
    x[0] = 1
    assert np.isnan(measure(x, np.ones((4, 1)), y)["fvu"]), "rows that are all the same"


def test_the_largest_cosine_is_that_of_two_different_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewise.sae.latent_statistics._MAX_COSINES", 3 * LATENTS)
    decoder = np.random.default_rng(4).normal(size=(LATENTS, WIDTH)).astype(np.float32)
    decoder[31] = 2 * decoder[9] + 0.1 * decoder[10]
    measured = measure(*example(), decoder)
    units = decoder.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    table = units @ units.T - 2 * np.eye(LATENTS)
    assert measured["largest_cosine"] == pytest.approx(table.max(), rel=1e-12)
    assert measured["largest_cosine_pair"] == (9, 31)
    neighbours, cosines = nearest_features(decoder, [9, 5], 3)
    np.testing.assert_array_equal(neighbours, np.argsort(-table, axis=1)[[9, 5], :3])
    np.testing.assert_allclose(cosines, -np.sort(-table, axis=1)[[9, 5], :3], rtol=1e-12)


def test_decoder_rows_can_be_zero_or_single() -> None:
    decoder = np.zeros((3, 2))
    decoder[1] = decoder[2] = [0, -5]
    x = np.eye(4)[:, :2]
    measured = measure(x, np.ones((4, 3)), x, decoder)
    assert (measured["largest_cosine"], measured["largest_cosine_pair"]) == (1, (1, 2))
    alone = measure(x, np.ones((4, 1)), x, decoder[:1])
    assert np.isnan(alone["largest_cosine"])
    assert alone["largest_cosine_pair"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((3, WIDTH))}, r"y: expected the shape of x, \(3, 12\), got \(500, 12\)"),
        ({"codes": csr_array((499, LATENTS))}, "codes: expected 500 rows, as x has, got 499"),
        ({"codes": csr_array((500, 3))}, r"codes: expected shape \(n, 40\), got \(500, 3\)"),
        ({"x": np.ones(WIDTH)}, r"x: expected rows \(n, d\), got an array \(12,\)"),
        ({"y": np.full((ROWS, WIDTH), np.nan)}, "y: expected finite numbers"),
    ],
)
def test_a_part_of_wrong_shape_is_refused_and_not_added(change: dict, message: str) -> None:
    x, codes, y = example()
    measures = Measures()
    measures.add(x, codes, y)
    before = measures.result()
    with pytest.raises(ValueError, match=message):
        measures.add(**{"x": x, "codes": codes, "y": y, **change})
    assert measures.rows == ROWS
    assert measures.result()["mse"] == before["mse"]


def test_measures_of_no_rows_are_refused_and_one_row_has_no_variance() -> None:
    with pytest.raises(ValueError, match="x: expected at least one row, got none"):
        Measures().result()
    measured = measure(np.ones((1, 2)), np.ones((1, 3)), np.zeros((1, 2)))
    assert np.isnan(measured["fvu"])
    assert measured["mse"] == 1


def test_a_decoder_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decoder: expected shape \(40, 12\), got \(12, 40\)"):
        measure(*example(), np.ones((WIDTH, LATENTS)))
