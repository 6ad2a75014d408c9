"""scikit-learn's callbacks as callbacks of a training."""

from __future__ import annotations

from typing import Any

from gatewise._extras import import_extra
from gatewise.callbacks import Callback

try:
    Callbacks: Any = import_extra("sklearn.callback", "sklearn").CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9
    Callbacks = object


class ReportsEpochs(Callbacks):  # type: ignore[misc]
    """Mixin of estimators that tell the callbacks of scikit-learn of each epoch."""

    def _epoch_callbacks(self, X: Any, y: Any, epochs: int) -> list[Callback]:
        """What tells them during a `fit`; none before scikit-learn 1.9, or if none are set."""
        if not getattr(self, "_skl_callbacks", None):
            return []
        context = self._init_callback_context(max_subtasks=epochs)
        return [_Epochs(context, {"estimator": self, "X": X, "y": y})]


class _Epochs(Callback):
    """Begins and ends a task of scikit-learn's for the fit and each of its epochs."""

    def __init__(self, context: Any, arguments: dict[str, Any]) -> None:
        super().__init__()
        self._fit, self._arguments = context, arguments
        self._epoch: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        self._fit.call_on_fit_task_begin(**self._arguments)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._epoch.call_on_fit_task_end(**self._arguments):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self._fit.call_on_fit_task_end(**self._arguments)
