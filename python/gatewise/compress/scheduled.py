"""Base class of callbacks that change kernels at regular steps of training."""

from __future__ import annotations

from abc import ABC, abstractmethod

from gatewise.callbacks.base import Callback, Logs, State
from gatewise.compress.kernels import Kernel, LayerChoice, find_kernels
from gatewise.utils.checks import check_integer, check_number


class KernelSchedule(Callback, ABC):
    """Calls `_update_kernels(step)` every `frequency` steps from `begin` to `end`, and at `end`.

    An int is a step count, a float a fraction of all steps of the `fit`. Steps count from 1; the
    first step of epoch e is `e * steps + 1`, so `initial_epoch` skips the steps before it.
    """

    def __init__(
        self, begin: tuple[str, object], end: tuple[str, object], frequency: object, layers: object
    ) -> None:
        super().__init__()
        self._spans = {
            "begin": (begin[0], _check_span(*begin)),
            "end": (end[0], _check_span(*end)),
            "frequency": ("frequency", _check_span("frequency", frequency)),
        }
        self.layers: LayerChoice = layers  # type: ignore[assignment]
        self._kernels: list[Kernel] = []
        self._step = self._begin = self._end = 0
        self._frequency = 1

    def get_state(self) -> State:
        """The step count so far."""
        return {"step": self._step}

    def set_state(self, state: State) -> None:
        """Restores the result of `get_state`."""
        self._step = int(state["step"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Finds the kernels and the steps at which they change."""
        self._kernels = find_kernels(self.model, self.layers)
        self._step = 0
        self._begin, self._end = self._steps_of("begin"), self._steps_of("end")
        self._frequency = max(1, self._steps_of("frequency"))
        if self._begin >= self._end:
            raise ValueError(
                f"{self._spans['end'][0]}: expected a step after "
                f"{self._spans['begin'][0]}, {self._begin}, got {self._end}"
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets the step count to the start of the epoch."""
        if self.params["steps"]:
            self._step = epoch * self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Changes the kernels if an update is due."""
        self._step += 1
        since = self._step - self._begin
        if since >= 0 and (
            self._step == self._end or (self._step < self._end and since % self._frequency == 0)
        ):
            self._update_kernels(self._step)

    @abstractmethod
    def _update_kernels(self, step: int) -> None:
        """Changes the kernels at this step."""

    def _steps_of(self, which: str) -> int:
        name, span = self._spans[which]
        if isinstance(span, int):
            return span
        if not self.params["steps"]:
            raise ValueError(
                f"{name}: expected a step count as an int, since the steps per epoch are unknown, "
                f"got the fraction {span}"
            )
        steps: int = self.params["steps"] * self.params["epochs"]
        return round(span * steps)


def _check_span(name: str, value: object) -> int | float:
    """Checks a step count as an int >= 0, or a fraction in [0, 1] as a float."""
    if isinstance(value, float):
        return check_number(name, value, 0, 1)
    return check_integer(name, value, 0)
