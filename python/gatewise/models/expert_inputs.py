"""The rows that an expert layer inside a model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.layers import InputLayer, MemberScale, SparseExpertLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewise.layers import Layer
    from gatewise.layers.symbol import Node
    from gatewise.models.graph import Graph


def find_expert_layer(layers: Sequence[Layer], layer: str | Layer | None) -> SparseExpertLayer:
    """The expert layer that is named; the only one if None.

    Raises
    ------
    ValueError
        There is none, there are several and none is named, or the named one is no expert layer.
    """
    found = [each for each in layers if isinstance(each, SparseExpertLayer)]
    if not found:
        raise ValueError("routing: expected a model with a SparseExpertLayer, got one without")
    if layer is None and len(found) == 1:
        return found[0]
    for each in found:
        if layer is each or layer == each.name:
            return each
    names = ", ".join(repr(each.name) for each in found)
    given = getattr(layer, "name", layer)
    raise ValueError(f"layer: expected one of {names}, got {given!r}")


def node_before(graph: Graph, layer: SparseExpertLayer) -> Node:
    """The call whose output the layer reads."""
    return next(each for each in graph.nodes if each.layer is layer).inputs[0].node


def rows_without_a_model(before: Node, x: Any) -> Any:
    """The rows that a layer behind `before` reads, if no network is needed for them; else None.

    They are x itself, or x scaled for each member: all rows for member 0, then all for member 1.
    """
    if isinstance(before.layer, InputLayer):
        return x
    if isinstance(before.layer, MemberScale) and isinstance(
        before.inputs[0].node.layer, InputLayer
    ):
        rows = np.asarray(x, np.float32)
        return np.concatenate([rows * scale for scale in before.layer.get_weights()[0]])
    return None


def check_no_members(layers: Sequence[Layer], name: str) -> None:
    """Raises ValueError if a layer has members, whose outputs a model would average."""
    if any(getattr(each, "members", 1) > 1 for each in layers):
        raise ValueError(
            f"routing: expected layer {name!r} behind the input, or behind a MemberScale of it, "
            "got one behind other layers of several members"
        )
