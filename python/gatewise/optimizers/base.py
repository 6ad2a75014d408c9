"""What all optimizers share: step size, clipping, decay, and how the core is told."""

from __future__ import annotations

from typing import ClassVar

from gatewise import _core
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
    learning_rate : float
        Step size, at least 0; may be changed while training runs.
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
        learning_rate: float,
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
        self._learning_rate = check_number("learning_rate", learning_rate, 0.0)
        self.weight_decay = _optional("weight_decay", weight_decay)
        self.clipnorm = _optional("clipnorm", clipnorm)
        self.clipvalue = _optional("clipvalue", clipvalue)
        self.global_clipnorm = _optional("global_clipnorm", global_clipnorm)
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        set_ones = [key for key, value in given.items() if value is not None]
        if len(set_ones) > 1:
            raise ValueError(
                "clipnorm, clipvalue, global_clipnorm: expected at most one of them, "
                f"got {' and '.join(set_ones)}"
            )
        self.dense_updates = check_flag("dense_updates", dense_updates)
        self.name = name

    @property
    def learning_rate(self) -> float:
        """The step size; what is set here counts from the next step on."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = check_number("learning_rate", value, 0.0)
        if self._trainer is not None:
            self._trainer.learning_rate = self._learning_rate

    @property
    def iterations(self) -> int:
        """How many steps the compiled model has been trained."""
        return 0 if self._trainer is None else self._trainer.steps

    def attach(self, trainer: _core.Trainer) -> None:
        """Makes `trainer` follow this optimizer's learning rate."""
        self._trainer = trainer
        trainer.learning_rate = self._learning_rate

    def native_options(self) -> Config:
        """The settings as the core reads them."""
        return {
            "kind": self.kind,
            "learning_rate": self._learning_rate,
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
        """The settings as JSON values, from which `from_config` makes an equal object."""
        return {
            "name": self.name,
            "learning_rate": self._learning_rate,
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
        settings = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


registry: Registry[Optimizer] = Registry("optimizer", Optimizer)


def _optional(name: str, value: float | None) -> float | None:
    return None if value is None else check_number(name, value, 0.0)
