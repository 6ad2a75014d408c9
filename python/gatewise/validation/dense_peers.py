"""Dense networks of the size of sparse experts, which `compare` sets beside a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gatewise import experts, routers
from gatewise.layers import SparseExpertLayer
from gatewise.models import Model
from gatewise.models.copying import copy_model
from gatewise.utils.random import seeds_from
from gatewise.validation.candidates import is_factory, new_model

if TYPE_CHECKING:
    from gatewise.layers import Layer
    from gatewise.registry import Config

ACTIVE, TOTAL = "dense = active", "dense = total"


def with_dense_peers(models: dict[str, Any], width: int, seed: int) -> dict[str, Any]:
    """The candidates, each model with experts followed by two dense ones of its size.

    In these every `SparseExpertLayer` is one dense expert: of as many parameters as a row uses in
    the layer, those of the router included, and of as many as the layer has. A linear expert
    becomes a hidden layer with ReLU, since it has no size of its own.

    Raises
    ------
    ValueError
        No candidate is a model with experts of vectors.
    """
    result: dict[str, Any] = {}
    for name, candidate in models.items():
        result[name] = candidate
        model = new_model(name, candidate, seed) if is_factory(candidate) else candidate
        if not isinstance(model, Model):
            continue
        with seeds_from(seed):
            for kind, config in _peer_settings(model, width).items():
                result[f"{name}, {kind}"] = copy_model(model, config, _keep_new_weights)
    if len(result) == len(models):
        raise ValueError(
            "dense_peers: expected at least one model with a SparseExpertLayer of linear, MLP or "
            "GLU experts, got none"
        )
    return result


def parameters_of(layer: Layer) -> tuple[float, float]:
    """Parameters of a built layer that a row uses, and all of them; states are none."""
    active, total = 0.0, 0.0
    share = 1.0
    if isinstance(layer, SparseExpertLayer) and layer.k is not None:
        share = layer.k / layer.num_experts
    for parameter in layer.parameters():
        if parameter.role == "state":
            continue
        size = math.prod(parameter.shape)
        total += size
        is_routed = parameter.per_expert and not parameter.name.startswith("shared_")
        active += size * share if is_routed else size
    return active, total


def _peer_settings(model: Model, width: int) -> dict[str, Config]:
    """`layer_settings` of both peers; empty without experts that can be replaced."""
    built = model
    if not model.built:
        built = copy_model(model, None, _keep_new_weights)
        built.build((None, width))
    found: dict[str, Config] = {}
    replaced = {
        layer.name: layer
        for layer in built.layers
        if isinstance(layer, SparseExpertLayer)
        and isinstance(layer.expert, experts.Linear | experts.MLP | experts.GLU)
    }
    if not replaced:
        return {}
    for which, kind in enumerate((ACTIVE, TOTAL)):
        config = built.layer_settings()
        for each in config["layers"]:
            layer = replaced.get(each["config"]["name"])
            if layer is not None:
                each["config"] = _dense_config(layer, each["config"], parameters_of(layer)[which])
        found[kind] = config
    return found


def _dense_config(layer: SparseExpertLayer, config: Config, size: float) -> Config:
    """The settings of a layer with one expert of about `size` parameters."""
    width = layer.input_shape[-1]
    one, two = (_parameters(layer, width, hidden) for hidden in (1, 2))
    hidden = max(1, round((size - one) / (two - one)) + 1)
    return {
        **config,
        "num_experts": 1,
        "k": None,
        "expert": experts.EXPERTS.serialize(_sized(layer.expert, hidden)),
        "router": routers.ROUTERS.serialize(routers.All()),
        "balance": None,
        "shared_experts": 0,
    }


def _parameters(layer: SparseExpertLayer, width: int, hidden: int) -> float:
    """Parameters of the layer with one expert of `hidden` units."""
    dense = SparseExpertLayer(
        layer.units,
        1,
        None,
        _sized(layer.expert, hidden),
        routers.All(),
        use_bias=layer.use_bias,
        members=layer.members,
    )
    dense.build((None, width))
    return parameters_of(dense)[1]


def _sized(expert: experts.Expert, hidden: int) -> experts.Expert:
    if isinstance(expert, experts.Linear):
        return experts.MLP(hidden)
    return type(expert)(**{**expert.get_config(), "hidden": hidden})


def _keep_new_weights(layer: Any, copy: Any) -> None:
    """A peer has weights of its own."""
