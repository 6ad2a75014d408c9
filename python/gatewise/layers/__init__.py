"""Layers. `Layer` is the base class; `SparseExpertLayer` is the expert layer."""

from typing import TYPE_CHECKING

from gatewise.layers.activation import Activation
from gatewise.layers.base import LAYERS, Layer
from gatewise.layers.compressed_dense import CompressedDense
from gatewise.layers.dense import Dense
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
from gatewise.registry import Config
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.layers.borders import (
        Cropping1D,
        Cropping2D,
        Cropping3D,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    )
    from gatewise.layers.convolution import (
        Conv1D,
        Conv2D,
        Conv3D,
        Convolution1D,
        Convolution2D,
        Convolution3D,
    )
    from gatewise.layers.convolution_transpose import (
        Conv1DTranspose,
        Conv2DTranspose,
        Conv3DTranspose,
        Convolution1DTranspose,
        Convolution2DTranspose,
        Convolution3DTranspose,
    )
    from gatewise.layers.depthwise_convolution import (
        DepthwiseConv1D,
        DepthwiseConv2D,
        SeparableConv1D,
        SeparableConv2D,
        SeparableConvolution1D,
        SeparableConvolution2D,
    )
    from gatewise.layers.discretization import Discretization
    from gatewise.layers.dropout import (
        AlphaDropout,
        Dropout,
        GaussianDropout,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
    )
    from gatewise.layers.elementwise import (
        ELU,
        ActivityRegularization,
        GaussianNoise,
        Identity,
        LeakyReLU,
        ReLU,
        Rescaling,
        Softmax,
    )
    from gatewise.layers.embedding import Embedding
    from gatewise.layers.lookups import CategoryEncoding, IntegerLookup, StringLookup
    from gatewise.layers.normalization import BatchNormalization, Normalization, RMSNormalization
    from gatewise.layers.pooling import (
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
        AvgPool1D,
        AvgPool2D,
        AvgPool3D,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalAvgPool3D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GlobalMaxPool3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        MaxPool1D,
        MaxPool2D,
        MaxPool3D,
        MaxPooling1D,
        MaxPooling2D,
        MaxPooling3D,
    )
    from gatewise.layers.prelu import PReLU
    from gatewise.layers.rearrange import Broadcast, Flatten, Permute, RepeatVector, Reshape, Slice
    from gatewise.layers.unit_normalization import UnitNormalization

# Modules that are imported at the first use of one of their layers, since import time is promised.
_LAZY = {
    "borders": (
        "Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling2D UpSampling3D "
        "ZeroPadding1D ZeroPadding2D ZeroPadding3D"
    ),
    "convolution": "Conv1D Conv2D Conv3D Convolution1D Convolution2D Convolution3D",
    "discretization": "Discretization",
    "convolution_transpose": (
        "Conv1DTranspose Conv2DTranspose Conv3DTranspose Convolution1DTranspose "
        "Convolution2DTranspose Convolution3DTranspose"
    ),
    "depthwise_convolution": (
        "DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D "
        "SeparableConvolution1D SeparableConvolution2D"
    ),
    "dropout": (
        "AlphaDropout Dropout GaussianDropout SpatialDropout1D SpatialDropout2D SpatialDropout3D"
    ),
    "elementwise": (
        "ActivityRegularization ELU GaussianNoise Identity LeakyReLU ReLU Rescaling Softmax"
    ),
    "embedding": "Embedding",
    "lookups": "CategoryEncoding IntegerLookup StringLookup",
    "normalization": "BatchNormalization Normalization RMSNormalization",
    "pooling": (
        "AveragePooling1D AveragePooling2D GlobalAveragePooling1D "
        "GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D "
        "MaxPooling1D MaxPooling2D AvgPool1D AvgPool2D MaxPool1D MaxPool2D "
        "GlobalAvgPool1D GlobalAvgPool2D GlobalMaxPool1D GlobalMaxPool2D "
        "AveragePooling3D MaxPooling3D GlobalAveragePooling3D GlobalMaxPooling3D "
        "AvgPool3D MaxPool3D GlobalAvgPool3D GlobalMaxPool3D"
    ),
    "prelu": "PReLU",
    "rearrange": "Broadcast Flatten Permute RepeatVector Reshape Slice",
    "unit_normalization": "UnitNormalization",
}
_MODULES = {name: module for module, names in _LAZY.items() for name in names.split()}
_OF_ARRAYS = ("discretization", "lookups")  # no layers of a model
LAYERS.register_late(
    {name: f"{__name__}.{at}" for name, at in _MODULES.items() if at not in _OF_ARRAYS}
)
set_operators_module(f"{__name__}.operators")
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _MODULES)

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Broadcast",
    "CategoryEncoding",
    "CompressedDense",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "Embedding",
    "ExpertLoad",
    "Flatten",
    "GatedExperts",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "MemberDense",
    "MemberScale",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "Slice",
    "Softmax",
    "SparseExpertLayer",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StringLookup",
    "Subtract",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]


def serialize(layer: Layer) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `deserialize` makes an unbuilt layer.

    Raises
    ------
    TypeError
        If the layer is of a class that is not one of this module.
    """
    return LAYERS.serialize(layer)


def deserialize(config: object, custom_objects: None = None) -> Layer:
    """The unbuilt layer of a configuration that `serialize` returned: without its weights.

    Raises
    ------
    ValueError
        If the class is unknown, or needs settings that are not there.
    TypeError
        If `config` is no such dict, or `custom_objects` is given, which is not supported.

    Examples
    --------
    >>> import gatewise as gw
    >>> stored = gw.layers.serialize(gw.layers.Dense(3, activation="relu"))
    >>> gw.layers.deserialize(stored).units
    3
    """
    return LAYERS.deserialize(config, custom_objects)


def __dir__() -> list[str]:
    return public_names(globals())
