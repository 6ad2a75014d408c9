"""What all optimizers share: step size, clipping, decay, and how the core is told."""

from __future__ import annotations

from typing import ClassVar

from gatewise import _core
from gatewise.optimizers.learning_rate import (
    LearningRateSchedule,
    Rate,
    check_rate,
    rate_at,
    serialize_rate,
)
from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults, check_flag, check_number

_UNSUPPORTED: Config = {
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class Optimizer(Configurable):
    """What the optimizers have in common.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict
        Step size, at least 0, which may be changed while training runs; or a schedule of
        `gw.optimizers.schedules`, or its configuration, that gives the size of each step.
    weight_decay : float, optional
        `w <- w - lr * weight_decay * w` before each update (decoupled, as Keras does it).
    clipnorm, clipvalue, global_clipnorm : float, optional
        At most one: the greatest norm of one parameter's gradient, the greatest absolute value of
        its elements, the greatest norm of all gradients together.
    dense_updates : bool
        Whether resting experts are updated too, with a zero gradient: the textbook form.
    name : str
        Its name.
    **unsupported
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor`,
        `gradient_accumulation_steps`: only at Keras' defaults.

    Raises
    ------
    TypeError
        For an argument that is not supported, or is no number.
    ValueError
        For a number outside its range, or more than one kind of clipping.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        learning_rate: Rate | Config,
        weight_decay: float | None,
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
        dense_updates: bool,
        name: str,
        unsupported: dict[str, object],
    ) -> None:
        check_defaults(type(self).__name__, unsupported, _UNSUPPORTED)
        self._trainer: _core.Trainer | None = None
        self._set_rate(check_rate("learning_rate", learning_rate))
        self.weight_decay = _optional("weight_decay", weight_decay)
        self.clipnorm = _optional("clipnorm", clipnorm)
        self.clipvalue = _optional("clipvalue", clipvalue)
        self.global_clipnorm = _optional("global_clipnorm", global_clipnorm)
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        clip_arguments = [key for key, value in given.items() if value is not None]
        if len(clip_arguments) > 1:
            raise ValueError(
                "clipnorm, clipvalue, global_clipnorm: expected at most one of them, "
                f"got {' and '.join(clip_arguments)}"
            )
        self.dense_updates = check_flag("dense_updates", dense_updates)
        self.name = name

    @property
    def learning_rate(self) -> float:
        """The size of the next step; what is set here, a number or a schedule, counts from it on.

        Raises
        ------
        TypeError
            If a number is set where there is a schedule, as in Keras.
        """
        if self._schedule is None:
            return self._constant_rate
        return rate_at(self._schedule, self.iterations)

    @learning_rate.setter
    def learning_rate(self, value: Rate | Config) -> None:
        rate = check_rate("learning_rate", value)
        if self._schedule is not None and not isinstance(rate, LearningRateSchedule):
            raise TypeError(
                f"learning_rate: expected a schedule, since {type(self._schedule).__name__} sets "
                f"the rate of each step, got {value!r}; compile with a number to set it by hand"
            )
        self._set_rate(rate)
        if self._trainer is not None:
            self.attach(self._trainer)

    @property
    def schedule(self) -> LearningRateSchedule | None:
        """What gives each step's learning rate; None where that is a number."""
        return self._schedule

    @property
    def iterations(self) -> int:
        """How many steps the compiled model has been trained."""
        return 0 if self._trainer is None else self._trainer.steps

    def attach(self, trainer: _core.Trainer) -> None:
        """Makes `trainer` follow this optimizer's learning rate, where that is a number."""
        self._trainer = trainer
        if self._schedule is None:
            trainer.learning_rate = self._constant_rate

    def follow_schedule(self, trainer: _core.Trainer) -> None:
        """Sets the rate of the trainer's next step to the schedule's."""
        assert self._schedule is not None
        trainer.learning_rate = rate_at(self._schedule, trainer.steps)

    def native_options(self) -> Config:
        """The settings as the core reads them."""
        return {
            "kind": self.kind,
            "learning_rate": self.learning_rate,
            "momentum": 0.0,
            "nesterov": False,
            "beta_1": 0.9,
            "beta_2": 0.999,
            "epsilon": 1e-7,
            "weight_decay": self.weight_decay or 0.0,
            "clipnorm": self.clipnorm or 0.0,
            "clipvalue": self.clipvalue or 0.0,
            "global_clipnorm": self.global_clipnorm or 0.0,
            "dense_updates": self.dense_updates,
        }

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal object.

        Raises
        ------
        TypeError
            If the schedule is of a class of your own, which files cannot name.
        """
        return {**self.fixed_settings(), "learning_rate": serialize_rate(self._rate)}

    def fixed_settings(self) -> Config:
        """The settings that training leaves as they are: all but the learning rate."""
        return {
            "name": self.name,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
            "dense_updates": self.dense_updates,
        }

    def __getstate__(self) -> dict[str, object]:
        # A copy is not the one that steers the training of the original's model.
        return {**self.__dict__, "_trainer": None}

    def __repr__(self) -> str:
        given = {"learning_rate": self._rate, **self.fixed_settings()}
        settings = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return f"{type(self).__name__}({settings})"

    @property
    def _rate(self) -> Rate:
        return self._constant_rate if self._schedule is None else self._schedule

    def _set_rate(self, rate: Rate) -> None:
        self._schedule, self._constant_rate = None, 0.0
        if isinstance(rate, LearningRateSchedule):
            self._schedule = rate
        else:
            self._constant_rate = rate


registry: Registry[Optimizer] = Registry("optimizer", Optimizer)


def _optional(name: str, value: float | None) -> float | None:
    return None if value is None else check_number(name, value, 0.0)
