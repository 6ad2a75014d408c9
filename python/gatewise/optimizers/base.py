"""Base class of optimizers: learning rate, clipping, weight decay, settings for the core."""

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
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

_UNSUPPORTED: Config = {
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
# Settings that checkpoints of earlier versions do not have, with the values that they meant.
_ADDED_SETTINGS: Config = {"amsgrad": False, "centered": False}


class Optimizer(Configurable, RefusesUnusedHooks):
    """Base class of optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict
        Step size, at least 0, which can be changed during training; or a schedule of
        `gw.optimizers.schedules`, or its configuration, that sets the rate of each step.
    weight_decay : float, optional
        `w <- w - lr * weight_decay * w` before each update (decoupled, as in Keras).
    clipnorm, clipvalue, global_clipnorm : float, optional
        At most one of: maximum norm of each parameter's gradient, maximum absolute value of its
        elements, maximum norm of all gradients together.
    use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        Only with Keras' defaults.
    name : str
        Name of the optimizer.
    dense_updates : bool
        If True, inactive experts are updated too, with a zero gradient: the textbook form.
    unsupported : dict
        Arguments that no optimizer has.

    Raises
    ------
    TypeError
        If an argument is not supported, or is not a number.
    ValueError
        If a number is out of range, or more than one kind of clipping is set.
    """

    unused_hooks = hooks(
        "updates run in the core: a new optimizer is one C++ file and one class (CONTRIBUTING)",
        "update_step",
        "apply_gradients",
        "apply",
    )

    kind: ClassVar[str]

    def __init__(
        self,
        learning_rate: Rate | Config,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str,
        dense_updates: bool = False,
        unsupported: dict[str, object] | None = None,
    ) -> None:
        given_later: dict[str, object] = {
            "use_ema": use_ema,
            "ema_momentum": ema_momentum,
            "ema_overwrite_frequency": ema_overwrite_frequency,
            "loss_scale_factor": loss_scale_factor,
            "gradient_accumulation_steps": gradient_accumulation_steps,
        }
        check_defaults(type(self).__name__, given_later | (unsupported or {}), _UNSUPPORTED)
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
        """Learning rate of the next step; a new number or schedule applies from that step.

        Raises
        ------
        TypeError
            If a number is set while a schedule is in use, as in Keras.
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
        """The learning rate schedule; None if the rate is a number."""
        return self._schedule

    @property
    def iterations(self) -> int:
        """Count of training steps of the compiled model."""
        return 0 if self._trainer is None else self._trainer.steps

    def attach(self, trainer: _core.Trainer) -> None:
        """Connects `trainer` and, if the learning rate is a number, sets its rate."""
        self._trainer = trainer
        if self._schedule is None:
            trainer.learning_rate = self._constant_rate

    def follow_schedule(self, trainer: _core.Trainer) -> None:
        """Sets the trainer's rate for its next step from the schedule."""
        assert self._schedule is not None
        trainer.learning_rate = rate_at(self._schedule, trainer.steps)

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return {
            "kind": self.kind,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay or 0.0,
            "clipnorm": self.clipnorm or 0.0,
            "clipvalue": self.clipvalue or 0.0,
            "global_clipnorm": self.global_clipnorm or 0.0,
            "dense_updates": self.dense_updates,
            **self._own_settings(),
        }

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them.

        Raises
        ------
        TypeError
            If the schedule has a user-defined class, which cannot be serialized.
        """
        return {**self._settings(), "learning_rate": serialize_rate(self._rate)}

    def fixed_settings(self) -> Config:
        """The settings that training does not change: all but the learning rate.

        Those that earlier versions did not have are left out where they change nothing, so that
        checkpoints of then are continued.
        """
        settings = self._settings().items()
        return {
            key: value
            for key, value in settings
            if key not in _ADDED_SETTINGS or value != _ADDED_SETTINGS[key]
        }

    def _settings(self) -> Config:
        return {
            "name": self.name,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
            "dense_updates": self.dense_updates,
            **self._own_settings(),
        }

    def _own_settings(self) -> Config:
        """The settings that only this kind of optimizer has, by their names in the core."""
        return {}

    def __getstate__(self) -> dict[str, object]:
        # A copy does not control the trainer of the original.
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


def check_decay_rate(name: str, value: float) -> float:
    checked = check_number(name, value, 0.0)
    if checked >= 1:
        raise ValueError(f"{name}: expected 0 <= value < 1, got {value!r}")
    return checked
