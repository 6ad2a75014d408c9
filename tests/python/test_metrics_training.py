"""Metrics that see the rows of steps: objects, functions and weighted metrics in `compile`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

ROWS, WIDTH = 30, 4
RNG = np.random.default_rng(5)
X = RNG.normal(size=(ROWS, WIDTH)).astype(np.float32)
FLAGS = (X[:, 0] + RNG.normal(size=ROWS) > 0).astype(np.float32)
WEIGHTS = np.where(np.arange(ROWS) % 5 == 2, 0.0, RNG.uniform(0.5, 2.0, ROWS)).astype(np.float32)


def make_model(metrics: Any = None, units: int = 1, **settings: Any) -> gw.Sequential:
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input((WIDTH,)), gw.layers.Dense(units, activation="sigmoid")])
    model.compile(gw.optimizers.SGD(0.1), "binary_crossentropy", metrics=metrics, **settings)
    return model


class Rows(gw.metrics.Metric):
    """Keeps what it is given."""

    def __init__(self, name: str = "rows") -> None:
        super().__init__(name)
        self.count = self.add_variable()
        self.given: list[tuple[Any, Any, Any]] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.given.append((y_true, y_pred, sample_weight))
        self.count.assign_add(len(y_pred))

    def result(self) -> float:
        return float(self.count)


def area(y_true: np.ndarray, scores: np.ndarray) -> float:
    """The share of pairs of a positive and a negative that are ranked right."""
    pairs = scores[y_true > 0][:, np.newaxis] - scores[y_true == 0]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_a_metric_that_is_no_mean_is_exact_over_all_batches() -> None:
    model = make_model([gw.metrics.AUC(num_thresholds=20000)])
    found = model.evaluate(X, FLAGS, batch_size=4, verbose=0, return_dict=True)["auc"]
    expected = area(FLAGS, model.predict(X)[:, 0])
    assert found == pytest.approx(expected, abs=1e-6)
    assert found == model.evaluate(X, FLAGS, batch_size=ROWS, verbose=0)[1]


def test_objects_see_the_rows_of_a_step_in_their_order_with_those_of_weight_0() -> None:
    plain, weighted = Rows(), Rows("weighted")
    model = make_model([plain], weighted_metrics=[weighted])
    outputs = model.predict(X)
    logs = model.evaluate(
        X, FLAGS, batch_size=7, sample_weight=WEIGHTS, verbose=0, return_dict=True
    )
    assert logs["rows"] == logs["weighted"] == ROWS
    for metric, weights in ((plain, None), (weighted, WEIGHTS)):
        y_true, y_pred, given = zip(*metric.given, strict=True)
        np.testing.assert_array_equal(np.concatenate(y_true), FLAGS[:, np.newaxis])
        np.testing.assert_array_equal(np.concatenate(y_pred), outputs)
        assert [len(each) for each in y_pred] == [7, 7, 7, 7, 2]
        if weights is None:
            assert given == (None,) * 5
        else:
            np.testing.assert_array_equal(np.concatenate(given), weights)


def test_objects_see_samples_with_their_axes() -> None:
    gw.utils.set_random_seed(0)
    metric, weighted = Rows(), Rows("w")
    model = gw.Sequential([gw.Input((None, WIDTH)), gw.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[metric], weighted_metrics=[weighted])
    x, y = RNG.normal(size=(6, 3, WIDTH)), RNG.normal(size=(6, 3, 2)).astype(np.float32)
    weights = np.arange(18.0).reshape(6, 3)
    model.evaluate(x, y, sample_weight=weights, batch_size=4, verbose=0)
    assert [each[1].shape for each in metric.given] == [(4, 3, 2), (2, 3, 2)]
    np.testing.assert_array_equal(np.concatenate([each[0] for each in metric.given]), y)
    np.testing.assert_array_equal(np.concatenate([each[2] for each in weighted.given]), weights)


def test_objects_see_class_indices() -> None:
    labels = RNG.integers(0, 3, ROWS)
    metric = Rows()
    model = gw.Sequential([gw.Input((WIDTH,)), gw.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric])
    model.evaluate(X, labels, verbose=0)
    np.testing.assert_array_equal(metric.given[0][0], labels)
    assert metric.given[0][0].dtype == np.int32


def test_objects_of_an_ensemble_see_the_mean_of_the_members() -> None:
    metric = Rows()
    model = gw.Sequential([gw.Input((WIDTH,)), gw.layers.MemberScale(3), gw.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metric])
    expected = model.predict(X)
    model.evaluate(X, FLAGS, batch_size=ROWS, verbose=0)
    np.testing.assert_array_equal(metric.given[0][1], expected)
    assert model.train_on_batch(X, FLAGS)[1] == ROWS


def test_steps_do_not_depend_on_objects() -> None:
    histories = []
    for metrics in (["mae"], ["mae", gw.metrics.AUC(), Rows()]):
        model = make_model(metrics)
        history = model.fit(X, FLAGS, epochs=2, sample_weight=WEIGHTS, verbose=0)
        histories.append((history.history["loss"], history.history["mae"], model.get_weights()))
    for one, other in zip(*histories, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_metrics_are_reset_for_each_epoch_and_test() -> None:
    metric = Rows()
    model = make_model([metric])
    history = model.fit(
        X, FLAGS, epochs=3, batch_size=8, validation_data=(X[:10], FLAGS[:10]), verbose=0
    )
    assert history.history["rows"] == [ROWS] * 3
    assert history.history["val_rows"] == [10] * 3
    assert metric.result() == 10  # of the last validation, as in Keras
    assert model.test_on_batch(X[:5], FLAGS[:5])[1] == 5
    assert model.train_on_batch(X[:6], FLAGS[:6], return_dict=True)["rows"] == 6


def test_a_test_within_a_training_does_not_disturb_its_metrics() -> None:
    class Tests(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert self.model.evaluate(X[:3], FLAGS[:3], verbose=0)[1] == 3
            assert self.model.test_on_batch(X[:2], FLAGS[:2])[1] == 2

    model = make_model([Rows()])
    history = model.fit(X, FLAGS, batch_size=8, callbacks=Tests(), verbose=0)
    assert history.history["rows"] == [ROWS]


def test_a_function_of_rows_or_of_a_batch_is_a_mean() -> None:
    def difference(y_true: Any, y_pred: Any) -> Any:
        return np.abs(y_pred - y_true)[:, 0]

    def largest(y_true: Any, y_pred: Any) -> float:
        return float(np.abs(y_pred - y_true).max())

    model = make_model([difference, largest, gw.losses.mean_absolute_error, "mae"])
    logs = model.evaluate(X, FLAGS, batch_size=15, verbose=0, return_dict=True)
    assert [*logs] == ["loss", "difference", "largest", "mean_absolute_error", "mae"]
    errors = np.abs(model.predict(X)[:, 0] - FLAGS)
    assert logs["difference"] == pytest.approx(errors.mean(), rel=1e-6)  # float32
    assert logs["largest"] == pytest.approx((errors[:15].max() + errors[15:].max()) / 2, rel=1e-6)
    assert logs["mean_absolute_error"] == pytest.approx(logs["mae"], rel=1e-6)


def test_weighted_metrics_are_weighted_means() -> None:
    model = make_model(["mae"], weighted_metrics=["mae", "accuracy"])
    logs = model.evaluate(
        X, FLAGS, batch_size=8, sample_weight=WEIGHTS, verbose=0, return_dict=True
    )
    outputs = model.predict(X)[:, 0]
    assert [*logs] == ["loss", "mae", "weighted_mae", "accuracy"]
    errors = np.abs(outputs - FLAGS)
    assert logs["mae"] == pytest.approx(errors.mean(), rel=1e-6)  # float32
    assert logs["weighted_mae"] == pytest.approx(np.average(errors, weights=WEIGHTS), rel=1e-6)
    right = (outputs > 0.5) == FLAGS
    assert logs["accuracy"] == pytest.approx(np.average(right, weights=WEIGHTS), rel=1e-6)
    same = model.evaluate(X, FLAGS, verbose=0)
    assert same[1] == pytest.approx(same[2], rel=1e-6)


def test_class_weights_are_seen_by_weighted_metrics() -> None:
    weighted = Rows()
    model = make_model(weighted_metrics=[weighted])
    model.fit(X, FLAGS, class_weight={1: 3.0}, batch_size=ROWS, shuffle=False, verbose=0)
    np.testing.assert_array_equal(weighted.given[0][2], np.where(FLAGS == 1, 3.0, 1.0))


def test_names_that_repeat_are_numbered_as_in_keras() -> None:
    x = gw.Input((WIDTH,))
    outputs = [gw.layers.Dense(1, activation="sigmoid", name=name)(x) for name in "ab"]
    model = gw.Model(x, outputs)
    metrics = [["mae", Rows("mae")], ["mae"]]
    model.compile("sgd", "binary_crossentropy", metrics=metrics, weighted_metrics=metrics)
    assert model.metrics_names[3:] == [
        *("a_mae", "a_mae_1", "b_mae"),
        *("a_weighted_mae", "a_weighted_mae_1", "b_weighted_mae"),
    ]


def test_results_of_several_numbers_are_arrays(capsys: Any, tmp_path: Path) -> None:
    y = np.stack([FLAGS, 1 - FLAGS], axis=1)
    model = make_model([gw.metrics.F1Score()], units=2)
    backup = gw.callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    history = model.fit(X, y, epochs=2, callbacks=[backup], verbose=2)
    scores = history.history["f1_score"]
    assert [each.shape for each in scores] == [(2,), (2,)]
    assert "f1_score: [0." in capsys.readouterr().out
    assert model.evaluate(X, y, verbose=0)[1].shape == (2,)
    assert "<table" in history._repr_html_()
    again = make_model([gw.metrics.F1Score()], units=2)
    backup = gw.callbacks.BackupAndRestore(tmp_path / "b")
    resumed = again.fit(X, y, epochs=3, callbacks=[backup], verbose=0)
    np.testing.assert_array_equal(resumed.history["f1_score"][:2], scores)
    with pytest.raises(ValueError, match="monitor: expected a metric that is one number, got an"):
        stop = gw.callbacks.EarlyStopping("f1_score")
        model.fit(X, y, epochs=2, callbacks=[stop], verbose=0)


class CrashError(Exception):
    """Ends a training in mid-epoch."""


def test_sums_of_metrics_are_continued_from_a_checkpoint_in_mid_epoch(tmp_path: Path) -> None:
    def metrics() -> list[Any]:
        macro = gw.metrics.F1Score(average="macro", threshold=0.5)
        return [gw.metrics.AUC(), macro, gw.metrics.R2Score(), Rows(), "mae"]

    class Crash(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.model.optimizer.iterations == 6:
                raise CrashError

    def fit(model: gw.Sequential, *callbacks: Any) -> dict[str, Any]:
        backup = gw.callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)
        history = model.fit(
            X, FLAGS, batch_size=8, epochs=3, callbacks=[backup, *callbacks], verbose=0
        )
        return dict(history.history)

    whole = make_model(metrics()).fit(X, FLAGS, batch_size=8, epochs=3, verbose=0).history
    with pytest.raises(CrashError):
        fit(make_model(metrics()), Crash())
    assert fit(make_model(metrics())) == whole


def test_a_checkpoint_without_the_sums_of_a_metric_is_refused(tmp_path: Path) -> None:
    class Crash(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                raise CrashError

    class Larger(Rows):
        def __init__(self) -> None:
            super().__init__()
            self.more = self.add_variable((2,))

    def backup() -> gw.callbacks.BackupAndRestore:
        return gw.callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)

    with pytest.raises(CrashError):
        make_model([Rows()]).fit(X, FLAGS, batch_size=8, callbacks=[backup(), Crash()], verbose=0)
    with pytest.raises(ValueError, match=r"metric\.0\.1: expected an array of shape \(2,\)"):
        make_model([Larger()]).fit(X, FLAGS, batch_size=8, callbacks=[backup()], verbose=0)


@pytest.mark.parametrize(
    ("monitor", "upwards"), [("val_auc", True), ("weighted_mae", False), ("mae_1", False)]
)
def test_callbacks_learn_which_way_of_a_metric_is_better(monitor: str, upwards: bool) -> None:
    model = make_model([gw.metrics.AUC(), "mae", "mae"], weighted_metrics=["mae"])
    directions = model.metric_directions()
    assert directions[monitor.removeprefix("val_")] == ("up" if upwards else "down")
    stop = gw.callbacks.EarlyStopping(monitor)
    model.fit(X, FLAGS, validation_split=0.3, callbacks=[stop], verbose=0)
    assert stop.improves(1.0, 0.0) == upwards


def test_a_metric_that_does_not_tell_its_direction_needs_a_mode() -> None:
    model = make_model([gw.metrics.TruePositives()])
    with pytest.raises(ValueError, match="mode: expected 'min' or 'max' for 'val_true_positives'"):
        stop = gw.callbacks.EarlyStopping("val_true_positives")
        model.fit(X, FLAGS, validation_split=0.3, callbacks=[stop], verbose=0)
    stop = gw.callbacks.EarlyStopping("val_true_positives", mode="max")
    model.fit(X, FLAGS, validation_split=0.3, callbacks=[stop], verbose=0)
    assert stop.best is not None


def test_an_error_in_a_metric_ends_the_call() -> None:
    def wrong(y_true: Any, y_pred: Any) -> Any:
        raise CrashError("own")

    with pytest.raises(CrashError, match="own"):
        make_model([wrong]).fit(X, FLAGS, verbose=0)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"weighted_metrics": "mae"}, TypeError, r"weighted_metrics: expected a list .*\['mae'\]"),
        ({"weighted_metrics": ["x"]}, ValueError, r"weighted_metrics: expected one of .*; got 'x'"),
        ({"weighted_metrics": {"a": []}}, ValueError, "metrics: expected a dict with keys dense"),
        ({"metrics": ["sparse_categorical_accuracy"]}, ValueError, "metrics: expected a metric of"),
        ({"metrics": [3]}, TypeError, "metrics: expected a name, an instance of Metric"),
    ],
)
def test_wrong_metrics_are_refused(settings: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_model(**settings)


def test_a_metric_of_values_is_refused_for_class_indices() -> None:
    model = gw.Sequential([gw.Input((WIDTH,)), gw.layers.Dense(3, activation="softmax")])
    with pytest.raises(ValueError, match="metrics: expected sparse_categorical_accuracy"):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[gw.metrics.AUC()])


def test_a_function_that_gives_one_number_has_no_weights() -> None:
    model = make_model(weighted_metrics=[lambda y_true, y_pred: 1.0])
    with pytest.raises(ValueError, match="sample_weight: expected at most the axes of the values"):
        model.evaluate(X, FLAGS, sample_weight=WEIGHTS, verbose=0)


def test_metrics_of_this_package_are_saved(tmp_path: Path) -> None:
    f1 = gw.metrics.F1Score(average="macro", threshold=0.5)
    model = make_model([gw.metrics.AUC(curve="PR"), f1], weighted_metrics=["mae"])
    model.fit(X, FLAGS, verbose=0)
    model.save(tmp_path / "model.gatewise")
    loaded = gw.load_model(tmp_path / "model.gatewise")
    assert loaded.metrics_names == model.metrics_names
    assert loaded.evaluate(X, FLAGS, verbose=0) == model.evaluate(X, FLAGS, verbose=0)


def test_a_model_with_own_metrics_is_saved_without_its_compile_settings(tmp_path: Path) -> None:
    def own(y_true: Any, y_pred: Any) -> Any:
        return np.abs(y_true - y_pred).mean(axis=1)

    model = make_model([own, Rows()])
    with pytest.warns(UserWarning, match=r"save: expected losses and metrics of .*, got own, rows"):
        model.save(tmp_path / "model.gatewise")
    assert not gw.load_model(tmp_path / "model.gatewise").compiled
    assert model.get_compile_config()["metrics"][0] is own


def test_functions_have_the_names_that_keras_gives_them() -> None:
    def RMSE(y_true: Any, y_pred: Any) -> Any:  # noqa: N802, such names are usual for metrics
        return np.sqrt(np.square(y_true - y_pred).mean())

    history = make_model([RMSE, lambda y_true, y_pred: 1.0]).fit(X, FLAGS, verbose=0).history
    assert list(history) == ["loss", "rmse", "lambda"]


def test_a_variable_is_assigned_as_one_of_keras() -> None:
    metric = Rows()
    variable = metric.add_weight((2,), initializer=np.ones, dtype="float32", name="a")
    variable.assign_add([1.0, 2.0])
    np.testing.assert_array_equal(variable, [2.0, 3.0])
    metric.reset_state()
    np.testing.assert_array_equal(variable, [0.0, 0.0])
    assert [each.shape for each in metric.variables] == [(), (2,)]
    assert metric.add_weight(name="b", initializer="zeros") == 0.0
    assert metric.add_weight((2,), "ones").tolist() == [1.0, 1.0]
    assert metric.add_weight((2,), gw.initializers.Constant(3.0)).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="initializer: expected one of zeros, ones, got 'he'"):
        metric.add_weight(initializer="he")
    assert metric.dtype == gw.losses.Huber().dtype == "float32"
    assert repr(metric) == "Rows(name='rows')"
