"""Layers. `Layer` is the base class; `SparseExpertLayer` is the expert layer."""

from gatewise.layers.activation import Activation
from gatewise.layers.base import Layer
from gatewise.layers.compressed_dense import CompressedDense
from gatewise.layers.dense import Dense
from gatewise.layers.dropout import Dropout
from gatewise.layers.expert_load import ExpertLoad
from gatewise.layers.gated_experts import GatedExperts
from gatewise.layers.input import Input, InputLayer
from gatewise.layers.layer_normalization import LayerNormalization
from gatewise.layers.members import MemberDense, MemberScale
from gatewise.layers.merge import (
    Add,
    Concatenate,
    Multiply,
    Subtract,
    add,
    concatenate,
    multiply,
    subtract,
)
from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.utils.public_names import public_names

__all__ = [
    "Activation",
    "Add",
    "CompressedDense",
    "Concatenate",
    "Dense",
    "Dropout",
    "ExpertLoad",
    "GatedExperts",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "MemberDense",
    "MemberScale",
    "Multiply",
    "SparseExpertLayer",
    "Subtract",
    "add",
    "concatenate",
    "multiply",
    "subtract",
]


def __dir__() -> list[str]:
    return public_names(globals())
