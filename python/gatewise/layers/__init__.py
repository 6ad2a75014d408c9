"""Layers. `Layer` is the base class; `SparseExpertLayer` is the expert layer."""

from typing import TYPE_CHECKING

from gatewise.layers.activation import Activation
from gatewise.layers.base import LAYERS, Layer
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
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.layers.symbol import set_operators_module
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.layers.convolution import Conv1D, Conv2D, Convolution1D, Convolution2D
    from gatewise.layers.elementwise import GaussianNoise, LeakyReLU, ReLU, Rescaling, Softmax
    from gatewise.layers.embedding import Embedding
    from gatewise.layers.lookups import CategoryEncoding, IntegerLookup, StringLookup
    from gatewise.layers.normalization import BatchNormalization, Normalization, RMSNormalization
    from gatewise.layers.pooling import (
        AveragePooling1D,
        AveragePooling2D,
        AvgPool1D,
        AvgPool2D,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        MaxPool1D,
        MaxPool2D,
        MaxPooling1D,
        MaxPooling2D,
    )
    from gatewise.layers.rearrange import Broadcast, Flatten, Permute, RepeatVector, Reshape, Slice

# Modules that are imported at the first use of one of their layers, since import time is promised.
_LAZY = {
    "convolution": "Conv1D Conv2D Convolution1D Convolution2D",
    "elementwise": "GaussianNoise LeakyReLU ReLU Rescaling Softmax",
    "embedding": "Embedding",
    "lookups": "CategoryEncoding IntegerLookup StringLookup",
    "normalization": "BatchNormalization Normalization RMSNormalization",
    "pooling": (
        "AveragePooling1D AveragePooling2D GlobalAveragePooling1D "
        "GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D "
        "MaxPooling1D MaxPooling2D AvgPool1D AvgPool2D MaxPool1D MaxPool2D "
        "GlobalAvgPool1D GlobalAvgPool2D GlobalMaxPool1D GlobalMaxPool2D"
    ),
    "rearrange": "Broadcast Flatten Permute RepeatVector Reshape Slice",
}
_MODULES = {name: module for module, names in _LAZY.items() for name in names.split()}
LAYERS.register_late({name: f"{__name__}.{at}" for name, at in _MODULES.items() if at != "lookups"})
set_operators_module(f"{__name__}.operators")
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _MODULES)

__all__ = [
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Broadcast",
    "CategoryEncoding",
    "CompressedDense",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Convolution1D",
    "Convolution2D",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "ExpertLoad",
    "Flatten",
    "GatedExperts",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "MemberDense",
    "MemberScale",
    "Minimum",
    "Multiply",
    "Normalization",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Slice",
    "Softmax",
    "SparseExpertLayer",
    "StringLookup",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def __dir__() -> list[str]:
    return public_names(globals())
