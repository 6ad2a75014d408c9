"""Autoencoders with their defaults: the recipe of `compile`, sparsity, and what `fit` reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import gatewise as gw
from gatewise.sae import AutoRate
from gatewise.sae.auto_rate import dictionary_rate, stack_rate
from gatewise.sae.training_data import Moments

ROWS, WIDTH, LATENTS = 600, 24, 128


def sparse_sums(rows: int = ROWS, seed: int = 0) -> Any:
    """Rows that are sums of 4 of 96 directions, and noise."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(96, WIDTH))
    rng = np.random.default_rng(seed + 1)
    code = np.zeros((rows, 96))
    for row in code:
        row[rng.choice(96, 4, replace=False)] = rng.uniform(0.5, 1.5, 4)
    return (code @ directions + 0.1 * rng.normal(size=(rows, WIDTH)) + 3).astype(np.float32)


def make(latents: int = LATENTS, **settings: Any) -> gw.SparseAutoencoder:
    model = gw.SparseAutoencoder(latents, seed=0, **settings)
    model.compile()
    return model


@pytest.mark.parametrize("batch_size", [32, 64])
def test_the_recipe_plans_its_rate_for_each_fit(batch_size: int) -> None:
    rates: list[float] = []
    model = make()
    watch = gw.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: rates.append(model.optimizer.learning_rate)
    )
    x = sparse_sums()
    for epochs in (4, 2):
        rates.clear()
        model.fit(x, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[watch])
        steps = epochs * -(-ROWS // batch_size)
        peak = dictionary_rate(batch_size, WIDTH, LATENTS, 16)
        assert len(rates) == steps
        assert max(rates) == pytest.approx(peak, rel=0.02)
        assert rates[0] < peak or steps < 40
        assert rates[-1] < 0.01 * peak
        at = int(np.argmax(rates))
        assert at <= 0.06 * steps + 1
        assert all(np.diff(rates[at + 1 :]) < 0)


def test_the_recipe_of_an_iterable_needs_its_length_to_decay() -> None:
    x = sparse_sums()
    model = make()
    model.fit((x[i : i + 60] for i in range(0, 600, 60)), steps_per_epoch=5, epochs=2, verbose=0)
    assert model.optimizer.schedule.steps == 10
    model = make()
    model.fit((x[i : i + 60] for i in range(0, 600, 60)), verbose=0)
    assert model.optimizer.schedule.steps is None
    assert model.optimizer.learning_rate == pytest.approx(
        dictionary_rate(60, WIDTH, LATENTS, 16) * 11 / 100
    )


def test_single_steps_have_a_rate_before_and_after_a_fit() -> None:
    x, model = sparse_sums(), make()
    rates = []
    for _ in range(101):
        rates.append(model.optimizer.learning_rate)
        model.train_on_batch(x[:32])
    assert rates[0] == pytest.approx(1e-5)
    assert rates[-1] == pytest.approx(1e-3)
    model.fit(x, verbose=0)
    assert model.optimizer.learning_rate == pytest.approx(
        0.1 * dictionary_rate(32, WIDTH, LATENTS, 16)
    )


def test_a_refused_fit_within_a_fit_does_not_change_the_plan() -> None:
    x, seen = sparse_sums(), []
    model = make()

    def fit_again(batch: int, logs: object) -> None:
        if batch == 3:
            with pytest.raises(RuntimeError):
                model.fit(x, epochs=50, verbose=0)
            seen.append(model.optimizer.schedule.steps)

    again = gw.callbacks.LambdaCallback(on_train_batch_end=fit_again)
    model.fit(x, epochs=1, verbose=0, callbacks=[again])
    assert seen == [19]


@pytest.mark.parametrize("after", [7, 19])
def test_a_resumed_training_follows_the_same_plan(after: int, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def train(folder: str, stop: bool) -> gw.SparseAutoencoder:
        def end(batch: int, logs: object) -> None:
            if stop and model.optimizer.iterations == after:
                raise StopError

        gw.utils.set_random_seed(0)
        model = make()
        backup = gw.callbacks.BackupAndRestore(tmp_path / folder, save_freq=1)
        callbacks = [backup, gw.callbacks.LambdaCallback(on_train_batch_end=end)]
        model.fit(sparse_sums(), epochs=2, verbose=0, callbacks=callbacks)
        return model

    whole = train("whole", stop=False)
    with pytest.raises(StopError):
        train("cut", stop=True)
    resumed = train("cut", stop=False)
    for ours, theirs in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert whole.history.history == resumed.history.history


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": 0}, {"steps_per_epoch": -1}, {"epochs": "x"}, {"batch_size": 2.5}],
)
def test_wrong_arguments_of_fit_are_refused_by_name(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises((ValueError, TypeError), match=f"{name}: expected"):
        make().fit(sparse_sums(), verbose=0, **settings)


def test_adam_by_name_is_adam_at_its_default() -> None:
    model = gw.SparseAutoencoder(LATENTS)
    model.compile("adam")
    assert model.optimizer.schedule is None
    assert model.optimizer.learning_rate == pytest.approx(1e-3)
    with pytest.raises(ValueError, match="optimizer: expected"):
        gw.Sequential([gw.Input((3,)), gw.layers.Dense(1)]).compile("auto", "mse")


def test_the_recipe_is_saved_and_goes_on(tmp_path: Path) -> None:
    x = sparse_sums()
    model = make()
    model.fit(x, epochs=2, verbose=0)
    model.save(tmp_path / "model.gatewise")
    loaded = gw.load_model(tmp_path / "model.gatewise")
    assert isinstance(loaded.optimizer.schedule, AutoRate)
    json.dumps(model.get_compile_config())
    for each in (model, loaded):
        each.fit(x, epochs=1, verbose=0)
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_schedule_is_known_before_autoencoders_are_imported() -> None:
    code = (
        "import gatewise as gw; config = {'class_name': 'AutoRate', 'config': {'peak': 0.5}}; "
        "print(gw.optimizers.Adam(config).schedule.peak)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "0.5"


def test_peak_rates() -> None:
    assert dictionary_rate(32, 384, 2048, 32) == pytest.approx(0.0028)
    assert dictionary_rate(128, 384, 2048, 32) == pytest.approx(0.0056)
    assert dictionary_rate(32, 384, 2048, 8) == pytest.approx(0.0014)
    assert dictionary_rate(32, 384, 2048 * 16, 32) == pytest.approx(0.0014)
    assert dictionary_rate(4096, 384, 2048, 64) == stack_rate(4096) == 0.01


def test_the_rate_rises_where_a_code_is_nearly_as_large_as_its_row() -> None:
    assert dictionary_rate(32, 128, 2048, 32) == pytest.approx(0.0028)
    assert dictionary_rate(32, 64, 2048, 32) == pytest.approx(0.0056)
    assert dictionary_rate(32, 32, 2048, 32) == pytest.approx(0.006)
    assert dictionary_rate(3200, 32, 2048, 32) == pytest.approx(0.01)


def test_top_k_has_a_default_for_the_size_of_the_code() -> None:
    for latents, k in ((4, 1), (64, 8), (512, 32)):
        for activation in (gw.TopK(), gw.BatchTopK()):
            chosen = gw.SparseAutoencoder(latents, activation).dictionary.activation
            assert chosen.k == k
    stack = gw.SparseAutoencoder(16, hidden=(20,), activation=gw.TopK())
    assert stack.get_config()["activation"]["config"]["k"] == 2


@pytest.mark.parametrize(
    "activation", [gw.ReLU(), gw.Gated(), gw.LISTA(2), gw.ReLU(target_l0=6), gw.Gated("auto", 24)]
)
def test_the_penalty_leads_to_the_target_l0(activation: Any) -> None:
    model = make(activation=activation)
    target = activation.target_l0 or 16
    assert model.dictionary.activation.target_l0 == target
    history = model.fit(sparse_sums(2400), epochs=12, verbose=0).history
    held_out = model.measure(sparse_sums(500, seed=9))
    assert held_out["l0"] == pytest.approx(target, rel=0.25)
    assert history["l0"][-1] == pytest.approx(target, rel=0.25)
    assert held_out["fvu"] < (0.45 if target >= 16 else 0.95)  # an L1 penalty shrinks few values


def test_the_penalty_weight_is_stored_and_goes_on(tmp_path: Path) -> None:
    x = sparse_sums()
    whole, first = make(activation=gw.ReLU()), make(activation=gw.ReLU())
    for each in (whole, first):
        each.compile("adam")
        each.fit(x, epochs=25, verbose=0)
    first.save(tmp_path / "model.gatewise")
    second = gw.load_model(tmp_path / "model.gatewise")
    second.fit(x, epochs=2, verbose=0)
    whole.fit(x, epochs=2, verbose=0)
    assert whole.dictionary.native.get("penalty_weight")[0] > 0.01
    for ours, theirs in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_files_of_before_keep_their_penalty() -> None:
    for name, config, l1 in (("ReLU", {"l1": 0.0}, 0.0), ("Gated", {"l1": None}, None)):
        model = gw.SparseAutoencoder(64, {"class_name": name, "config": config})
        assert model.dictionary.activation.l1 == l1
        assert model.dictionary.activation.target_l0 is None
        assert "penalty_weight" not in [p.name for p in _built(model).dictionary.parameters()]


def _built(model: gw.SparseAutoencoder) -> gw.SparseAutoencoder:
    model._build_from_data([(None, 8)])
    return model


@pytest.mark.parametrize(
    ("make_activation", "message"),
    [
        (lambda: gw.ReLU(0.1, target_l0=4), "target_l0: expected None with l1=0.1, got 4"),
        (lambda: gw.ReLU("some"), "l1: expected a number, 'auto' or None, got 'some'"),
        (lambda: gw.Gated(target_l0=0), "target_l0: expected a number above 0, got 0"),
        (
            lambda: gw.SparseAutoencoder(8, gw.ReLU(target_l0=2), hidden=(9,)),
            "target_l0: expected None with ReLU in a stack",
        ),
    ],
)
def test_wrong_penalties_are_refused(make_activation: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_activation()


def test_dense_codes_warn() -> None:
    x = sparse_sums()
    model = make(activation=gw.ReLU(0.0))
    with pytest.warns(gw.DenseCodesWarning, match=r"of 128 latents are active in a row.*l1=.auto"):
        model.fit(x, verbose=0)
    with pytest.warns(gw.DenseCodesWarning, match="Try a threshold above 0"):
        make(activation=gw.KL()).fit(x, verbose=0)
    make(activation=gw.Identity()).fit(x, verbose=0)
    make(activation=gw.TopK(100)).fit(x, verbose=0)


def test_kl_with_defaults_is_no_worse_than_pca() -> None:
    images = load_digits().data.astype(np.float32)
    images = images[np.random.default_rng(0).permutation(len(images))]
    x, held_out = images[:1400], images[1400:]
    stack = make(10, hidden=(40,), activation=gw.KL())
    stack.fit(x, epochs=60, verbose=0)
    pca = PCA(10, random_state=0).fit(x)
    error = held_out - pca.inverse_transform(pca.transform(held_out))
    assert stack.measure(held_out)["fvu"] < np.sum(error**2) / np.sum(
        (held_out - held_out.mean(0)) ** 2
    )


@pytest.mark.filterwarnings("ignore::gatewise.DenseCodesWarning")
def test_directions_of_kl_may_have_any_length() -> None:
    x = load_digits().data.astype(np.float32)
    unit, free = make(32, activation=gw.KL(), unit_norm=True), make(32, activation=gw.KL())
    for model in (unit, free):
        model.fit(x, epochs=20, verbose=0)
    assert not free.get_config()["unit_norm"]
    assert free.measure(x)["fvu"] < unit.measure(x)["fvu"] / 2


def test_batch_top_k_holds_its_l0_on_held_out_rows() -> None:
    model = make(activation=gw.BatchTopK(8))
    model.fit(sparse_sums(2400), epochs=10, verbose=0)
    assert model.measure(sparse_sums(500, seed=9))["l0"] == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("form", ["array", "file", "split", "weights"])
def test_fit_reports_the_fvu_that_measure_gives(form: str, tmp_path: Path) -> None:
    x, held_out = sparse_sums(), sparse_sums(200, seed=9)
    settings: dict[str, Any] = {"validation_data": held_out}
    train, used = x, x
    if form == "file":
        np.save(tmp_path / "x.npy", x)
        train = tmp_path / "x.npy"
    elif form == "split":
        settings, used, held_out = {"validation_split": 0.25}, x[:450], x[450:]
    elif form == "weights":
        weights = (np.arange(ROWS) % 3 > 0).astype(np.float32)
        settings["sample_weight"], used = weights, x[weights > 0]
    model = gw.SparseAutoencoder(LATENTS, seed=0)
    model.compile(gw.optimizers.SGD(0.0))
    for _ in range(2):  # the scale of the first call gives the variance; the second reads the rows
        history = model.fit(train, verbose=0, **settings).history
        assert history["fvu"][0] == pytest.approx(model.measure(used)["fvu"], rel=1e-4)
        assert history["val_fvu"][0] == pytest.approx(model.measure(held_out)["fvu"], rel=1e-4)
        assert history["l0"][0] == pytest.approx(model.measure(used)["l0"], rel=1e-4)
        assert history["dead"][0] == pytest.approx(model.measure(used)["dead"], abs=1e-6)


def test_fit_reports_no_fvu_of_another_loss() -> None:
    model = gw.SparseAutoencoder(LATENTS)
    model.compile("adam", "mae")
    history = model.fit(sparse_sums(), verbose=0).history
    assert set(history) == {"loss", "l0", "dead"}


def test_a_callback_may_watch_what_fit_reports() -> None:
    model = make()
    stop = gw.callbacks.EarlyStopping(monitor="val_fvu", patience=1)
    history = model.fit(
        sparse_sums(), epochs=4, validation_split=0.2, verbose=0, callbacks=[stop]
    ).history
    assert stop.best == min(history["val_fvu"])


def test_fvu_is_a_metric_of_evaluate_and_steps() -> None:
    x = sparse_sums()
    model = gw.SparseAutoencoder(LATENTS, seed=0)
    model.compile(metrics=["mae", "fvu"])
    model.fit(x, epochs=2, verbose=0)
    expected = model.measure(x)["fvu"]
    assert model.metrics_names == ["loss", "mae", "fvu"]
    loss, mae, fvu = model.evaluate(x, verbose=0)
    assert fvu == pytest.approx(expected, rel=1e-5)
    batches = [(x[i : i + 100],) for i in range(0, ROWS, 100)]
    by_batches = model.evaluate(iter(batches), verbose=0)
    assert by_batches == pytest.approx([loss, mae, fvu], rel=1e-4)
    assert model.evaluate(x, verbose=0, return_dict=True)["fvu"] == pytest.approx(fvu)
    assert model.test_on_batch(x)[-1] == pytest.approx(fvu, rel=1e-5)
    assert model.train_on_batch(x, return_dict=True)["fvu"] < 1
    copy = gw.SparseAutoencoder(LATENTS)
    copy.compile_from_config(model.get_compile_config())
    assert copy.get_compile_config()["metrics"][-1] == "fvu"


def test_moments_of_parts_are_those_of_all_rows() -> None:
    x = sparse_sums().astype(np.float64) + 1e3
    weights = np.random.default_rng(0).integers(0, 3, ROWS).astype(np.float64)
    moments = Moments()
    for start in range(0, ROWS, 70):
        moments.add(x[start : start + 70], weights[start : start + 70])
    mean = weights @ x / weights.sum()
    expected = weights @ ((x - mean) ** 2).sum(1) / (np.count_nonzero(weights) * WIDTH)
    assert moments.variance == pytest.approx(expected, rel=1e-9)
    assert np.isnan(Moments().variance)
