"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gatewise.callbacks.base import Callback, Logs

RunHook: TypeAlias = Callable[[Logs | None], object]
StepHook: TypeAlias = Callable[[int, Logs | None], object]


class LambdaCallback(Callback):
    """Calls functions where a class of its own would be too much.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        Called with `(epoch, logs)`.
    on_train_begin, on_train_end : callable, optional
        Called with `(logs)`.
    on_train_batch_begin, on_train_batch_end : callable, optional
        Called with `(batch, logs)`.
    **hooks
        The other methods of `Callback` that begin with `on_`.

    Raises
    ------
    TypeError
        If a keyword is no such method, or what is given cannot be called.

    Examples
    --------
    >>> import gatewise as gw
    >>> shout = gw.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: StepHook | None = None,
        on_epoch_end: StepHook | None = None,
        on_train_begin: RunHook | None = None,
        on_train_end: RunHook | None = None,
        on_train_batch_begin: StepHook | None = None,
        on_train_batch_end: StepHook | None = None,
        **hooks: RunHook | StepHook | None,
    ) -> None:
        super().__init__()
        named = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, hook in {**named, **hooks}.items():
            if not (name.startswith("on_") and hasattr(Callback, name)):
                raise TypeError(f"LambdaCallback: expected methods of Callback, got {name!r}")
            if hook is None:
                continue
            if not callable(hook):
                raise TypeError(f"{name}: expected a function, got {type(hook).__name__}")
            setattr(self, name, hook)
