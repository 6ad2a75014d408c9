"""When callbacks are called, and with which arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import CallbackList
from training_models import assert_same_weights, make_data, make_model, make_regressor

HOOKS = [name for name in dir(gw.callbacks.Callback) if name.startswith("on_")]


class Recorder(gw.callbacks.Callback):
    """Records every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any, dict[str, float]]] = []

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


def _recording(name: str) -> Any:
    def hook(self: Recorder, *arguments: Any, **named: Any) -> None:
        logs = named.get("logs", arguments[-1] if arguments else None)
        index = arguments[0] if len(arguments) + len(named) == 2 else None
        self.calls.append((name.removeprefix("on_"), index, dict(logs or {})))

    return hook


for _name in HOOKS:
    if _name not in ("on_batch_begin", "on_batch_end"):
        setattr(Recorder, _name, _recording(_name))


def test_hooks_of_fit_are_called_in_the_order_of_keras() -> None:
    x, y = make_data()
    recorder = Recorder()
    make_model().fit(x, y, batch_size=25, validation_data=(x, y), verbose=0, callbacks=[recorder])
    assert recorder.names() == [
        "train_begin",
        "epoch_begin",
        *["train_batch_begin", "train_batch_end"] * 2,
        "test_begin",
        *["test_batch_begin", "test_batch_end"] * 2,
        "test_end",
        "epoch_end",
        "train_end",
    ]
    assert recorder.params == {"epochs": 1, "steps": 2, "verbose": 0}


def test_tests_and_predictions_tell_their_batches_as_in_keras() -> None:
    x, y = make_data()
    model, recorder = make_model(), Recorder()

    class Loader(gw.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return x[25 * index : 25 * index + 25]

    for settings, steps in (
        ({}, -(-len(x) // 32)),
        ({"batch_size": 10}, len(x) // 10),
        ({"steps": 2}, 2),
        ({"steps": 2, "batch_size": 10}, 2),
    ):
        for call in (
            lambda options: model.evaluate(x, y, callbacks=[recorder], verbose=0, **options),
            lambda options: model.predict(x, callbacks=[recorder], verbose=0, **options),
        ):
            recorder.calls.clear()
            call(settings)
            assert recorder.params == {"epochs": 1, "steps": steps, "verbose": 0}
            assert sum(name.endswith("batch_end") for name in recorder.names()) == steps
    model.predict(Loader(), callbacks=[recorder], verbose=0)
    assert recorder.params == {"epochs": 1, "steps": 2, "verbose": 0}


def test_logs_contain_running_means_and_epoch_results() -> None:
    x, y = make_data()
    recorder = Recorder()
    history = make_model().fit(
        x, y, batch_size=25, validation_data=(x, y), verbose=0, callbacks=recorder
    )
    by_name = {name: logs for name, _, logs in recorder.calls}
    assert by_name["train_batch_end"]["loss"] == history.history["loss"][0]
    assert by_name["epoch_end"] == {key: values[0] for key, values in history.history.items()}
    assert by_name["train_end"] == by_name["epoch_end"]
    assert [n for name, n, _ in recorder.calls if name == "train_batch_end"] == [0, 1]
    assert set(by_name["test_end"]) == {"loss", "accuracy"}


def test_on_batch_end_is_an_alias_of_on_train_batch_end() -> None:
    class Old(gw.callbacks.Callback):
        seen = 0

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            assert "loss" in (logs or {})
            self.seen += 1

    x, y = make_data()
    old = Old()
    make_model().fit(x, y, batch_size=25, verbose=0, callbacks=[old])
    assert old.seen == 2


def test_hooks_without_an_override_are_not_watched() -> None:
    plain = CallbackList([gw.callbacks.EarlyStopping(), gw.callbacks.History()])
    assert not plain.watches_train_batches and not plain.watches_test_batches
    hook = gw.callbacks.LambdaCallback(on_predict_batch_begin=print)
    assert CallbackList([hook]).watches_predict_batches
    assert not CallbackList([hook]).watches_train_batches
    assert CallbackList(gw.callbacks.TerminateOnNaN()).watches_train_batches


def test_a_callback_can_stop_training_after_a_batch_or_an_epoch() -> None:
    x, y = make_data()

    class Stopper(gw.callbacks.Callback):
        def __init__(self, hook: str) -> None:
            super().__init__()
            setattr(self, hook, lambda index, logs=None: setattr(self.model, "stop_training", True))

    for hook, steps in (("on_train_batch_end", 1), ("on_epoch_end", 5)):
        model = make_model()
        history = model.fit(x, y, batch_size=10, epochs=3, verbose=0, callbacks=[Stopper(hook)])
        assert history.epoch == [0]
        assert model.optimizer.iterations == steps


def test_the_model_can_be_used_inside_a_hook() -> None:
    x, y = make_data()
    model, other = make_model(), make_model()
    results: list[Any] = []

    def use(epoch: int, logs: Any) -> None:
        results.append((model.predict(x), model.evaluate(x, y, verbose=0)))
        model.set_weights(model.get_weights())

    model.fit(x, y, epochs=2, verbose=0, callbacks=[gw.callbacks.LambdaCallback(on_epoch_end=use)])
    other.fit(x, y, epochs=2, verbose=0)
    assert len(results) == 2
    assert_same_weights(model, other)


def test_the_learning_rate_can_be_set_inside_a_hook() -> None:
    x, y = make_data()
    model, other = make_model(), make_model()

    def stop(epoch: int, logs: Any) -> None:
        if epoch == 1:
            model.optimizer.learning_rate = 0.0

    model.fit(
        x, y, epochs=5, verbose=0, callbacks=[gw.callbacks.LambdaCallback(on_epoch_begin=stop)]
    )
    other.fit(x, y, epochs=1, verbose=0)
    assert_same_weights(model, other)


def test_an_error_in_a_hook_leaves_the_model_usable() -> None:
    x, y = make_data()
    model = make_model()

    def fail(batch: int, logs: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[gw.callbacks.LambdaCallback(on_train_batch_end=fail)])
    assert model.optimizer.iterations == 1
    model.fit(x, y, verbose=0)


def test_lambda_callback_refuses_unknown_hooks() -> None:
    with pytest.raises(TypeError, match="LambdaCallback: expected methods of Callback, got 'on_x'"):
        gw.callbacks.LambdaCallback(on_x=print)
    with pytest.raises(TypeError, match="on_epoch_end: expected a function, got int"):
        gw.callbacks.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


def diverging() -> tuple[Any, np.ndarray, np.ndarray]:
    x, _ = make_data()
    model = make_regressor(optimizer=gw.optimizers.SGD(1e30))
    return model, x, x[:, 0]


@pytest.mark.filterwarnings("ignore::gatewise.DivergenceWarning")
def test_terminate_on_nan_stops_at_the_first_bad_batch(capsys: pytest.CaptureFixture[str]) -> None:
    model, x, y = diverging()
    stop = gw.callbacks.TerminateOnNaN()
    history = model.fit(x, y, epochs=50, batch_size=50, verbose=0, callbacks=[stop])
    assert len(history.epoch) < 5
    assert "terminating training" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::gatewise.DivergenceWarning")
def test_terminate_on_nan_can_raise() -> None:
    model, x, y = diverging()
    stop = gw.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="loss: expected a finite number, got"):
        model.fit(x, y, epochs=50, batch_size=50, verbose=0, callbacks=[stop])


def test_a_history_that_is_passed_in_is_extended() -> None:
    x, y = make_data()
    history = gw.callbacks.History()
    model = make_model()
    assert model.fit(x, y, verbose=0, callbacks=[history]) is history
    model.fit(x, y, verbose=0, callbacks=[history])
    assert len(history.history["loss"]) == 2 and history.epoch == [0]
