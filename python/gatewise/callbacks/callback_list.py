"""All callbacks of a run as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gatewise.callbacks.backup_and_restore import BackupAndRestore
from gatewise.callbacks.base import Callback, Logs
from gatewise.callbacks.history import History
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults

if TYPE_CHECKING:
    from gatewise.callbacks.protocols import Run, TrainedModel


class CallbackList(Callback):
    """Calls each of several callbacks in their order.

    `BackupAndRestore` comes last wherever it was put, so that it stores what the others made of the
    same batch or epoch.

    Parameters
    ----------
    callbacks : Callback, CallbackList, list of them, or None
        What the user passed; lists may be nested.
    add_history : bool, default False
        Whether to add a `History` if there is none.
    add_progbar : False
        Only False: `fit`, `evaluate` and `predict` draw their progress themselves (`verbose=`).
    model : Model, optional
        Passed on to each.
    **params
        Passed on to each.

    Raises
    ------
    TypeError
        If one of them is not a `Callback`, or `add_progbar` is not False.
    """

    def __init__(
        self,
        callbacks: object = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: TrainedModel | None = None,
        **params: object,
    ) -> None:
        super().__init__()
        check_defaults("CallbackList", {"add_progbar": add_progbar}, {"add_progbar": False})
        given = list(_flatten(callbacks))
        if add_history and not any(isinstance(each, History) for each in given):
            given.append(History())
        self.callbacks = sorted(given, key=lambda each: isinstance(each, BackupAndRestore))
        if model is not None:
            self.set_model(model)
        self.set_params(params)
        self._train_begin = self._overriding("on_train_batch_begin", "on_batch_begin")
        self._train_end = self._overriding("on_train_batch_end", "on_batch_end")
        self._test_begin = self._overriding("on_test_batch_begin")
        self._test_end = self._overriding("on_test_batch_end")
        self._predict_begin = self._overriding("on_predict_batch_begin")
        self._predict_end = self._overriding("on_predict_batch_end")

    @property
    def history(self) -> History | None:
        """The `History` among them."""
        return next((each for each in self.callbacks if isinstance(each, History)), None)

    @property
    def watches_train_batches(self) -> bool:
        """Whether any of them overrides a hook of a training step."""
        return bool(self._train_begin or self._train_end)

    @property
    def watches_test_batches(self) -> bool:
        """Whether any of them overrides a hook of a test batch."""
        return bool(self._test_begin or self._test_end)

    @property
    def watches_predict_batches(self) -> bool:
        """Whether any of them overrides a hook of a prediction batch."""
        return bool(self._predict_begin or self._predict_end)

    def set_params(self, params: Config) -> None:
        """Takes the run's parameters and passes them on."""
        self.params = params
        for each in self.callbacks:
            each.set_params(params)

    def set_model(self, model: TrainedModel) -> None:
        """Takes the model and passes it on."""
        self.model = model
        for each in self.callbacks:
            each.set_model(model)

    def set_run(self, run: Run | None) -> None:
        """Takes the run and passes it on."""
        self.run = run
        for each in self.callbacks:
            each.set_run(run)

    def restore_run(self) -> bool:
        """Whether one of them continued an earlier, unfinished run."""
        return any(each.restore_run() for each in self.callbacks)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_train_end(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_test_begin(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_test_end(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_predict_begin(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_predict_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Calls each."""
        for each in self.callbacks:
            each.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Calls those that override it."""
        for each in self._train_begin:
            each.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls those that override it."""
        for each in self._train_end:
            each.on_train_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Calls those that override it."""
        for each in self._test_begin:
            each.on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls those that override it."""
        for each in self._test_end:
            each.on_test_batch_end(batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Calls those that override it."""
        for each in self._predict_begin:
            each.on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls those that override it."""
        for each in self._predict_end:
            each.on_predict_batch_end(batch, logs)

    def _overriding(self, *hooks: str) -> list[Callback]:
        return [each for each in self.callbacks if any(_overrides(each, hook) for hook in hooks)]


def _flatten(callbacks: object) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif isinstance(callbacks, Callback):
        yield callbacks
    elif isinstance(callbacks, (list, tuple)):
        for each in callbacks:
            yield from _flatten(each)
    else:
        hint = ""
        if isinstance(callbacks, type) and issubclass(callbacks, Callback):
            hint = f"; expected {callbacks.__name__}()"
        raise TypeError(
            "callbacks: expected Callback objects or a list of them, "
            f"got {type(callbacks).__name__}{hint}"
        )


def _overrides(callback: Callback, hook: str) -> bool:
    """Whether a method is not the empty one of `Callback`; it may be set on the object itself."""
    if isinstance(callback, BackupAndRestore) and callback.save_freq == "epoch":
        return False
    method = getattr(callback, hook)
    return getattr(method, "__func__", method) is not getattr(Callback, hook)
