"""Parameters, score and file of `SparseCodeExperts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import balance as balances
from gatewise import experts as expert_kinds
from gatewise.code_experts.patches import PatchEncoder
from gatewise.data.scores import default_scoring
from gatewise.io.group_file import SavedGroup
from gatewise.models import Model
from gatewise.sae import SparseAutoencoder
from gatewise.utils.parameters import HasParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from gatewise.io.container import Tensors
    from gatewise.io.saved import SavedModel
    from gatewise.registry import Config


class SavedCodeExperts(HasParameters, SavedGroup):
    """The part of `SparseCodeExperts` that scikit-learn and files use."""

    kept_attributes = ("_compiled",)
    encoder: Any
    training: str
    _model: Model | None
    _encoding: Model | None
    _compiled: dict[str, Any] | None

    def score(self, x: Any, y: Any) -> float:
        """Accuracy for labels, else the fraction of variance explained; higher is better."""
        return default_scoring(y)[1](np.asarray(y), self.predict(x))  # type: ignore[attr-defined]

    def get_config(self) -> Config:
        """The settings as JSON values."""
        config = self.get_params(deep=False)
        config["expert"] = expert_kinds.EXPERTS.serialize(config["expert"])
        if config["balance"] != "auto":
            terms = balances.get(config["balance"])
            config["balance"] = [balances.BALANCES.serialize(term) for term in terms] or None
        config["encoder"] = None
        encoder = self.encoder
        if isinstance(encoder, PatchEncoder):
            config["patches"] = {
                "image_shape": list(encoder.image_shape),
                "patch": list(encoder.patch),
                "stride": list(encoder.stride),
            }
        return config

    def get_parts(self) -> dict[str, SavedModel]:
        """The encoder and the model after it."""
        encoder = self.encoder
        inner = encoder.encoder if isinstance(encoder, PatchEncoder) else encoder
        if not isinstance(inner, SparseAutoencoder):
            raise TypeError(
                "save: expected a SparseAutoencoder as encoder, got one of "
                f"{type(inner).__name__}; save model.model and the encoder on their own"
            )
        model: Model = self.model  # type: ignore[attr-defined]
        return {"encoder": inner, "model": model}

    def get_arrays(self) -> Tensors:
        """None besides those of the models."""
        return {}

    @classmethod
    def from_parts(cls, config: Config, parts: Mapping[str, Any], arrays: Tensors) -> Self:
        settings, encoder = dict(config), parts["encoder"]
        if "patches" in settings:
            encoder = PatchEncoder(encoder, **settings.pop("patches"))
        found = cls(**{**settings, "encoder": encoder})
        found.adopt_model(parts["model"])
        return found

    def adopt_model(self, model: Model) -> None:
        """Goes on with a model that `build` made for the same settings."""
        self._model = model
        settings = model.get_compile_config()
        if settings:
            loss: Any = model.loss
            metrics = settings["metrics"]
            if self.training == "joint":  # the other output is the reconstruction
                loss, metrics = loss[0], metrics and metrics[0]
            self._compiled = {"optimizer": model.optimizer, "loss": loss, "metrics": metrics}
        if self.training != "frozen":
            layer = self.expert_layer  # type: ignore[attr-defined]
            self._encoding = Model(model.inputs, model.source_of(layer))
