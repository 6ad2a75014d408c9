"""`compile` of an autoencoder: its recipe, and its metric."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.losses import MeanSquaredError
from gatewise.optimizers import Adam
from gatewise.sae.auto_rate import AutoRate
from gatewise.sae.encoding_model import EncodingModel
from gatewise.sae.training_data import Moments

if TYPE_CHECKING:
    from gatewise.callbacks.protocols import Direction
    from gatewise.registry import Config


class CompilingModel(EncodingModel):
    """The part of `SparseAutoencoder` that sets how it is trained and evaluated."""

    def _start(self, name: str | None) -> None:
        super()._start(name)
        self._with_fvu = False

    def compile(  # type: ignore[override]
        self,
        optimizer: Any = "auto",
        loss: Any = "mse",
        loss_weights: Any = None,
        metrics: Any = None,
        **settings: Any,
    ) -> None:
        """`Model.compile`, by default with the recipe `"auto"` and the mean squared error.

        Parameters
        ----------
        optimizer : str, dict or Optimizer
            `"auto"`: Adam, whose rate each call of `fit` plans for its count of steps and the sizes
            of dictionary and batch (`gw.sae.AutoRate`). Others as for `Model.compile`; `"adam"` is
            Adam at 1e-3.
        loss, loss_weights, **settings
            See `Model.compile`.
        metrics : list, optional
            See `Model.compile`; also `"fvu"`, the fraction of variance unexplained, for `evaluate`
            and single steps. `fit` reports it in any case.
        """
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = Adam(AutoRate())
        is_list = isinstance(metrics, list | tuple)
        with_fvu = is_list and "fvu" in metrics
        if with_fvu:
            metrics = [each for each in metrics if not (isinstance(each, str) and each == "fvu")]
        super().compile(optimizer, loss, loss_weights, metrics, **settings)
        self._with_fvu = with_fvu

    def get_compile_config(self) -> Config:
        """`Model.get_compile_config`, with `"fvu"` among the metrics if it was given."""
        config = super().get_compile_config()
        if config and self._with_fvu:
            config["metrics"] = [*(config["metrics"] or []), "fvu"]
        return config

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in order."""
        return [*super().metrics_names, *(["fvu"] if self._with_fvu else [])]

    def metric_directions(self) -> dict[str, Direction | None]:
        """For each of `metrics_names`, and of what `fit` adds, the better direction."""
        added: dict[str, Direction | None] = {"fvu": "down", "l0": "down", "dead": "down"}
        return {**super().metric_directions(), **added}

    def _with_fvu_of(self, result: Any, x: Any, y: Any) -> Any:
        """The results of `evaluate` or of a step on arrays, with `"fvu"` if it was asked for."""
        return self._join(result, lambda: self.measure(x, y, cosines=False)["fvu"])

    def _join(self, result: Any, fvu: Callable[[], float]) -> Any:
        """The results, with a value of the metric `"fvu"` if it was asked for."""
        if not self._with_fvu:
            return result
        if isinstance(result, dict):
            return {**result, "fvu": fvu()}
        return [*(result if isinstance(result, list) else [result]), fvu()]

    def _fvu_of(self, result: Any, moments: Moments | None) -> float:
        """The FVU from the mean squared error of `evaluate`; NaN with another loss."""
        variance = math.nan if moments is None else moments.variance
        if not isinstance(self.loss, MeanSquaredError) or not variance:
            return math.nan
        loss = result["loss"] if isinstance(result, dict) else np.ravel(result)[0]
        return float(loss / variance)
