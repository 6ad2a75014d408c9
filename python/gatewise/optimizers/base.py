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
from gatewise.utils.checks import check_defaults, check_flag, check_integer, check_number
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

# Settings that checkpoints of earlier versions do not have, with the values that they meant.
_ADDED_SETTINGS: Config = {
    "amsgrad": False,
    "centered": False,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


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
    use_ema : bool
        If True, an exponential moving average a of every trained weight is kept,
        `a <- ema_momentum a + (1 - ema_momentum) w` after each step, from the weights after the
        first one on. At the end of `fit` the averages become the weights.
    ema_momentum : float in [0, 1], default 0.99
        Decay of the averages.
    ema_overwrite_frequency : int, optional
        The averages become the weights every so many updates, too; None: only after `fit`.
    loss_scale_factor : float, optional
        Above 0. Without effect: it keeps gradients of few bits from becoming 0, and these are
        float32.
    gradient_accumulation_steps : int, optional
        At least 2: gradients of so many steps are summed before each update, which has their mean.
        Weights stay as they are in between. None: every step is an update.
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
        name: str | None,
        dense_updates: bool = False,
        unsupported: dict[str, object] | None = None,
    ) -> None:
        check_defaults(type(self).__name__, unsupported or {}, {})
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
        self.use_ema = check_flag("use_ema", use_ema)
        self.ema_momentum = check_number("ema_momentum", ema_momentum, 0.0, 1.0)
        self.ema_overwrite_frequency = _optional_count(
            "ema_overwrite_frequency", ema_overwrite_frequency, 1
        )
        self.loss_scale_factor = _optional("loss_scale_factor", loss_scale_factor)
        if self.loss_scale_factor == 0:
            raise ValueError(f"loss_scale_factor: expected a number > 0, got {loss_scale_factor!r}")
        self.gradient_accumulation_steps = _optional_count(
            "gradient_accumulation_steps", gradient_accumulation_steps, 2
        )
        self.dense_updates = check_flag("dense_updates", dense_updates)
        self.name = self.kind if name is None else name

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
        return rate_at(self._schedule, self._steps)

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
        """Count of updates of the compiled model: of its training steps, unless it accumulates.

        A learning rate schedule counts steps, also where `gradient_accumulation_steps` of them
        make one update, as in Keras.
        """
        return self._steps // (self.gradient_accumulation_steps or 1)

    @property
    def _steps(self) -> int:
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

    def swap_ema_weights(self) -> None:
        """Exchanges the weights of the compiled model and their averages.

        Between two calls the model predicts and is evaluated and stored with its averages.
        `train_on_batch` raises ValueError then, and `fit` exchanges them back at its beginning. At
        the end of `fit` averages that are the weights stay so.

        Raises
        ------
        ValueError
            Without `use_ema`, or if the model was neither trained nor evaluated since `compile`.
        RuntimeError
            If another call is at work on the model.
        """
        if not self.use_ema or self._trainer is None:
            given = "one without" if not self.use_ema else "one of no model in use"
            raise ValueError(
                "swap_ema_weights: expected an optimizer with use_ema=True of a model that was "
                f"trained or evaluated, got {given}"
            )
        self._trainer.swap_averages()

    def finalize_variable_values(self, var_list: object = None) -> None:
        """Makes the averages of `use_ema` the model's weights, as `fit` does at its end.

        Does nothing without `use_ema` or before the first step. For models that are trained by
        `train_on_batch`.

        Parameters
        ----------
        var_list : object
            Not used: it is all trained weights (Keras' argument).

        Raises
        ------
        RuntimeError
            If another call is at work on the model.
        """
        if self._trainer is not None:
            self._trainer.keep_averages()

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        averages = {
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency or 0,
        }
        return {
            "kind": self.kind,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay or 0.0,
            "clipnorm": self.clipnorm or 0.0,
            "clipvalue": self.clipvalue or 0.0,
            "global_clipnorm": self.global_clipnorm or 0.0,
            "dense_updates": self.dense_updates,
            "gradient_accumulation_steps": self.gradient_accumulation_steps or 1,
            **(averages if self.use_ema else {}),
            **self._native_settings(),
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
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            "dense_updates": self.dense_updates,
            **self._own_settings(),
        }

    def _own_settings(self) -> Config:
        """The settings that only this kind of optimizer has."""
        return {}

    def _native_settings(self) -> Config:
        """Those of them that the core reads, by the same names."""
        return self._own_settings()

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


def _optional_count(name: str, value: int | None, low: int) -> int | None:
    return None if value is None else check_integer(name, value, low)


def check_decay_rate(name: str, value: float) -> float:
    checked = check_number(name, value, 0.0)
    if checked >= 1:
        raise ValueError(f"{name}: expected 0 <= value < 1, got {value!r}")
    return checked
