"""scikit-learn's callbacks as callbacks of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gatewise._extras import import_extra
from gatewise.callbacks import Callback

F = TypeVar("F", bound=Callable[..., Any])

try:
    _callback: Any = import_extra("sklearn.callback", "sklearn")
except ImportError:  # before scikit-learn 1.9
    _callback = None
Callbacks: Any = object if _callback is None else _callback.CallbackSupportMixin


def with_callbacks(fit: F) -> F:
    """Decorator of a `fit` that tells callbacks: whatever ends it, they are told so."""
    if _callback is None:
        return fit
    decorated: F = _callback.with_callbacks(fit)
    return decorated


class ReportsEpochs(Callbacks):  # type: ignore[misc]
    """Mixin of estimators that tell the callbacks of scikit-learn of each epoch."""

    def _epoch_callbacks(self, X: Any, y: Any, epochs: int) -> Epochs:
        """What tells them during a `fit`; nothing before scikit-learn 1.9, or if none are set."""
        if not getattr(self, "_skl_callbacks", None):
            return Epochs(None, {})
        context = self._init_callback_context(max_subtasks=epochs)
        return Epochs(context, {"estimator": self, "X": X, "y": y})

    def _set(self, attributes: dict[str, Any]) -> None:
        """Sets attributes of a fitted estimator."""
        for name, value in attributes.items():
            setattr(self, name, value)


class Epochs(Callback):
    """Tells scikit-learn's callbacks of a fit, and of the epochs of each of its trainings.

    Parameters
    ----------
    context : CallbackContext, optional
        That of the fit; None if there are no callbacks.
    arguments : dict
        Those of the hooks.

    Attributes
    ----------
    fitted : callable
        From the model that is trained to the attributes of a fitted estimator.
    """

    def __init__(self, context: Any, arguments: dict[str, Any]) -> None:
        super().__init__()
        self._fit, self._arguments = context, arguments
        self._epoch: Any = None
        self.fitted: Callable[[Any], dict[str, Any]] = lambda model: {"model_": model}
        if context is not None:
            context.call_on_fit_task_begin(**arguments)

    @property
    def is_heard(self) -> bool:
        """Whether there are callbacks."""
        return self._fit is not None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._fit is not None and self._epoch.call_on_fit_task_end(**self._with_fitted()):
            self.model.stop_training = True

    def end(self) -> None:
        """The fit is over."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._with_fitted())

    def _with_fitted(self) -> dict[str, Any]:
        fitted = {"reconstruction_attributes": lambda: self.fitted(self.model)}
        return {**self._arguments, **fitted}
