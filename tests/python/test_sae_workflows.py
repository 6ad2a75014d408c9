"""Uses of a trained dictionary: measures, reports, bytes, other projects' files."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

# Short trainings, some with small penalties: their codes are dense.
pytestmark = pytest.mark.filterwarnings("ignore::gatewise.DenseCodesWarning")

GOLDEN = Path(__file__).parents[1] / "golden" / "sae"
CASES = sorted(each for each in GOLDEN.iterdir() if each.is_dir())
WIDTH, LATENTS, ROWS = 20, 64, 300


def rows(count: int = ROWS, seed: int = 0) -> np.ndarray:
    """Sums of 3 of 40 directions, shifted and scaled."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(40, WIDTH))
    weights = rng.uniform(1, 2, (count, 40)) * (rng.random((count, 40)) < 3 / 40)
    return (0.01 * (weights @ directions) + 5).astype(np.float32)


def fitted(epochs: int = 10, **settings: Any) -> gw.SparseAutoencoder:
    settings = {"activation": gw.TopK(4), "seed": 0} | settings
    sae = gw.SparseAutoencoder(LATENTS, **settings)
    sae.compile(gw.optimizers.Adam(3e-3))
    sae.fit(rows(), batch_size=32, epochs=epochs, verbose=0)
    return sae


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {"activation": gw.BatchTopK(4)},
        {"activation": gw.JumpReLU(4.0)},
        {"activation": gw.Gated(0.01)},
        {"tied": True, "unit_norm": False},
        {"subtract_bias": False, "prefixes": (8, 32)},
        {"auxk": gw.AuxK(k=5, dead_rows=100)},
        {"num_experts": 2, "balance": "aux_loss"},
        {"lazy_updates": True, "revive": True, "center": "geometric_median"},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_a_loaded_dictionary_has_its_settings_and_continues_training_equally(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    sae, x = fitted(epochs=2, **settings), rows(seed=1)
    sae.save(tmp_path / "sae.gatewise")
    reloaded = gw.load_model(tmp_path / "sae.gatewise")
    assert reloaded.get_config() == sae.get_config()
    for model in (sae, reloaded):
        model.fit(rows(), batch_size=32, epochs=1, verbose=0)
    np.testing.assert_array_equal(reloaded.predict(x), sae.predict(x))


def test_measures_of_a_file_equal_measures_of_its_rows(tmp_path: Path) -> None:
    sae, x = fitted(), rows(seed=1)
    np.save(tmp_path / "x.npy", x)
    measured, of_file = sae.measure(x), sae.measure(tmp_path / "x.npy")
    assert measured.keys() == of_file.keys()
    assert measured["fvu"] == of_file["fvu"]
    assert measured["alive"] + measured["dead"] == pytest.approx(1)
    assert measured["density"]["counts"].sum() + measured["density"]["never"] == LATENTS
    directions = sae.dictionary.native.get("decoder")
    cosines = directions @ directions.T - 2 * np.eye(LATENTS)
    assert measured["largest_cosine"] == pytest.approx(cosines.max(), abs=1e-5)


def test_measure_accepts_targets_other_than_the_rows() -> None:
    sae, clean = fitted(), rows(seed=1)
    noisy = clean + np.float32(0.001)
    measured = sae.measure(noisy, clean)
    assert measured["mse"] == pytest.approx(np.mean((sae.predict(noisy) - clean) ** 2), rel=1e-4)
    with pytest.raises(ValueError, match=r"y: expected the shape of x, \(300, 20\), got \(9, 20\)"):
        sae.measure(noisy, clean[:9])


def test_evaluate_returns_the_loss_or_a_dict_with_the_measures() -> None:
    sae, x = fitted(), rows(seed=1)
    loss = sae.evaluate(x, verbose=0)
    measures = sae.evaluate(x, verbose=0, return_dict=True)
    assert measures["loss"] == loss == pytest.approx(measures["mse"], rel=1e-4)
    assert measures["fvu"] == sae.measure(x)["fvu"]


def test_a_report_lists_the_strongest_rows() -> None:
    sae, x = fitted(), rows()
    texts = [f"row {index} <b>" for index in range(ROWS)]
    feature = int(np.argmax(sae.encode(x).sum(axis=0)))
    report = sae.report(x, texts=texts, rows=2, max_latents=3)
    strongest = int(np.argmax(sae.encode(x, dense=True)[:, feature]))
    assert report.features[0].feature == feature
    assert report.features[0].rows[0].row == strongest
    assert f"row {strongest} <b>" in str(report)
    assert f"row {strongest} &lt;b&gt;" in report._repr_html_()


def test_a_stack_has_no_report() -> None:
    stack = gw.SparseAutoencoder.stacked(WIDTH, 8, 3)
    with pytest.raises(ValueError, match="expected a dictionary, got a stack, which has no"):
        stack.report(rows())


def test_codes_are_restored_from_bytes() -> None:
    sae = fitted()
    z = sae.encode(rows())
    data = sae.to_bytes(z)
    back = sae.from_bytes(data)
    np.testing.assert_array_equal(back.indices, z.indices)
    np.testing.assert_allclose(back.data, z.data, atol=np.ptp(z.data) / 255)
    assert len(data) < 3 * z.nnz
    exact = sae.from_bytes(sae.to_bytes(z, bits=32))
    np.testing.assert_array_equal(exact.data, z.data)
    with pytest.raises(ValueError, match="codes: expected 64 latents a row, got 63"):
        sae.to_bytes(z[:, :63])
    with pytest.raises(TypeError, match="codes: expected a SciPy sparse matrix, got ndarray"):
        sae.to_bytes(z.toarray())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_imported_dictionaries_encode_like_their_own_packages(case: Path) -> None:
    expected = np.load(case / "expected.npz")
    sae = gw.SparseAutoencoder.import_from(case)
    z = sae.encode(expected["x"], dense=True)
    np.testing.assert_allclose(z, expected["codes"], atol=1e-5)
    np.testing.assert_allclose(sae.decode(z), expected["rows"], atol=2e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": gw.BatchTopK(4)},
        {"activation": gw.JumpReLU(4.0)},
        {"activation": gw.Gated(0.01)},
        {"activation": gw.ReLU(0.05)},
        {"subtract_bias": False},
    ],
    ids=lambda settings: "-".join(map(str, settings.values()))[:12],
)
def test_an_exported_dictionary_encodes_the_same_after_import(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    sae, x = fitted(**settings), rows(seed=1)
    sae.export_to(tmp_path / "sae", "sae_lens")
    back = gw.SparseAutoencoder.import_from(tmp_path / "sae")
    one, other = sae.encode(x, dense=True), back.encode(x, dense=True)
    # x has mean 5 and deviation 0.02: folding the centre and scale loses digits.
    same_support = np.all((one > 0) == (other > 0), axis=1)  # else a value is near the threshold
    assert np.mean(same_support) > 0.98
    np.testing.assert_allclose(
        back.predict(x)[same_support], sae.predict(x)[same_support], atol=2e-4
    )
    activation = settings.get("activation", gw.TopK(4))
    if isinstance(activation, gw.BatchTopK):  # the format stores its threshold
        activation = gw.JumpReLU(4.0)
    reloaded = gw.SparseAutoencoder.import_from(tmp_path / "sae", "sae_lens", activation)
    reloaded.compile("adam")
    reloaded.fit(x, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("activation", "setting"),
    [(gw.ReLU(0.05), "l1"), (gw.JumpReLU(4.0), "target_l0"), (gw.Gated(0.01), "l1")],
    ids=["relu", "jump_relu", "gated"],
)
def test_an_imported_penalty_that_is_not_stored_is_asked_for(
    activation: Any, setting: str, tmp_path: Path
) -> None:
    sae, x = fitted(activation=activation), rows(seed=1)
    sae.export_to(tmp_path / "sae", "sae_lens")
    back = gw.SparseAutoencoder.import_from(tmp_path / "sae")
    back.compile("adam")
    back.save(tmp_path / "own.gatewise")
    for model in (back, gw.load_model(tmp_path / "own.gatewise")):
        before = model.encode(x, dense=True)
        for train in (model.fit, model.train_on_batch):
            with pytest.raises(ValueError, match=f"activation: expected a value of {setting}"):
                train(x)
        np.testing.assert_array_equal(model.encode(x, dense=True), before)
    with pytest.raises(ValueError, match=r"activation: expected .* as in .*, got TopK"):
        gw.SparseAutoencoder.import_from(tmp_path / "sae", activation=gw.TopK(4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": gw.LISTA()}, "activation: expected TopK, BatchTopK, ReLU, JumpReLU or"),
        ({"threshold": 0.1}, "threshold: expected 0 in a file, got 0.1"),
        ({"num_experts": 2}, "num_experts: expected 1 in a file, got 2"),
    ],
)
def test_export_refuses_what_the_format_cannot_store(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settings = {"activation": gw.TopK(4), "input_dim": WIDTH, "seed": 0} | settings
    sae = gw.SparseAutoencoder(LATENTS, **settings)
    with pytest.raises(ValueError, match=message):
        sae.export_to(tmp_path / "sae", "sae_lens")
    assert not (tmp_path / "sae").exists()


def test_a_geometric_median_is_robust_to_outliers() -> None:
    x = rows()
    x[:10] = 1000
    centers = {}
    for center in ("mean", "geometric_median"):
        sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(4), center=center, seed=0)
        sae.compile("adam")
        sae.fit(x, epochs=1, batch_size=ROWS, verbose=0)
        centers[center] = sae.dictionary.native.get("center")
    np.testing.assert_allclose(centers["mean"], x.mean(axis=0), rtol=1e-5)
    assert np.abs(centers["geometric_median"] - 5).max() < 0.05
    gradient = np.sum(
        (x[10:] - centers["geometric_median"])
        / np.linalg.norm(x[10:] - centers["geometric_median"], axis=1, keepdims=True),
        axis=0,
    )
    assert np.linalg.norm(gradient) < 11  # balanced by the ten distant rows


def test_a_refused_nested_fit_keeps_center_and_scale_of_the_running_fit() -> None:
    x = rows()
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(4), seed=0)
    sae.compile("adam")
    refused = []

    def fit_others() -> None:
        try:
            sae.fit(x + 5, epochs=1, verbose=0)
        except RuntimeError as error:
            refused.append(str(error))

    def run_other(_: Any) -> None:
        thread = threading.Thread(target=fit_others)
        thread.start()
        thread.join()

    callback = gw.callbacks.LambdaCallback(on_train_begin=run_other)
    sae.fit(x, epochs=1, verbose=0, callbacks=[callback])
    assert refused == ["fit: another call is at work on this model"]
    np.testing.assert_allclose(sae.dictionary.native.get("center"), x.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("content", ["text", "objects", "archive"])
def test_files_without_rows_are_refused_by_name(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    if content == "text":
        path.write_text("1, 2, 3")
    elif content == "objects":
        np.save(path, np.array([{}]), allow_pickle=True)
    else:
        np.savez(tmp_path / "x.npz", x=rows())
        (tmp_path / "x.npz").rename(path)
    with pytest.raises(ValueError, match=r"x: expected a .npy file.*x\.npy"):
        fitted().encode(path)


def test_predict_on_codes_accepts_no_further_arguments() -> None:
    sae = fitted()
    with pytest.raises(TypeError, match="predict: expected codes alone"):
        sae.predict(sae.encode(rows()), batch_size=3)


def test_hidden_none_creates_a_dictionary() -> None:
    assert gw.SparseAutoencoder(LATENTS, hidden=None).get_config()["latents"] == LATENTS


def test_revive_is_refused_for_activations_without_dead_latents() -> None:
    with pytest.raises(ValueError, match="revive: expected False with Identity"):
        gw.SparseAutoencoder(LATENTS, activation=gw.Identity(), revive=True)


@pytest.mark.parametrize("hidden", [(), (8, 4)])
def test_penalties_are_part_of_the_loss_only_in_training(hidden: tuple[int, ...]) -> None:
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.ReLU(5.0), hidden=hidden, seed=0)
    sae.compile(gw.optimizers.Adam(0.0))
    trained = sae.fit(rows(), epochs=1, batch_size=ROWS, verbose=0).history["loss"][0]
    tested = sae.evaluate(rows(), verbose=0)
    assert tested == pytest.approx(sae.measure(rows())["mse"], rel=1e-4)
    assert trained > 1.5 * tested


def test_an_unknown_center_is_refused() -> None:
    with pytest.raises(ValueError, match="center: expected True, False, 'mean' or"):
        gw.SparseAutoencoder(LATENTS, center="middle")


def test_measures_accept_a_single_row() -> None:
    sae, x = fitted(), rows(1, seed=1)
    measured = sae.measure(x, cosines=False)
    assert np.isnan(measured["fvu"])
    assert measured["l0"] > 0
    assert "largest_cosine" not in measured
    assert sae.evaluate(x, verbose=0, return_dict=True)["loss"] > 0


@pytest.mark.parametrize(
    ("activation", "name"), [(gw.JumpReLU(4.0), "latent_threshold"), (gw.Gated(), "magnitude_bias")]
)
@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_revive_resets_the_activations_own_parameters(activation: Any, name: str) -> None:
    sae = gw.SparseAutoencoder(LATENTS, activation=activation, input_dim=WIDTH, seed=0, revive=True)
    shut = 1000 if name == "latent_threshold" else -1000
    sae.dictionary.native.set(name, np.full(LATENTS, shut, np.float32))
    sae.compile(gw.optimizers.Adam(1e-3))
    sae.fit(rows(), batch_size=8, epochs=60, verbose=0)
    assert sae.measure(rows())["alive"] > 0.5


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_resampled_latents_are_initialized_to_residuals() -> None:
    x = rows()
    share = []
    for revive in (False, True):
        gw.utils.set_random_seed(0)
        sae = gw.SparseAutoencoder(
            LATENTS, activation=gw.ReLU(), input_dim=WIDTH, seed=0, revive=revive
        )
        bias = np.zeros(LATENTS, np.float32)
        bias[:40] = -1000
        sae.dictionary.native.set("encoder_bias", bias)
        sae.compile(gw.optimizers.Adam(1e-3))
        sae.fit(x, batch_size=8, epochs=60, verbose=0)
        share.append(sae.measure(x)["alive"])
        lengths = np.linalg.norm(sae.dictionary.native.get("decoder"), axis=1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    assert share[0] == 24 / LATENTS
    assert share[1] > 0.9
