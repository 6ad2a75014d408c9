"""Layers. `Layer` is the base class; `SparseExpertLayer` is the expert layer."""

from gatewise.layers.activation import Activation
from gatewise.layers.base import Layer
from gatewise.layers.compressed_dense import CompressedDense
from gatewise.layers.convolution import Conv1D, Conv2D
from gatewise.layers.dense import Dense
from gatewise.layers.dropout import Dropout
from gatewise.layers.elementwise import GaussianNoise, LeakyReLU, ReLU, Rescaling, Softmax
from gatewise.layers.embedding import Embedding
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
from gatewise.layers.normalization import BatchNormalization, Normalization, RMSNormalization
from gatewise.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from gatewise.layers.rearrange import Broadcast, Flatten, Permute, RepeatVector, Reshape, Slice
from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.utils.public_names import public_names

# Second names that Keras has.
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
Convolution1D = Conv1D
Convolution2D = Conv2D

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
