"""Sparse expert models and sparse autoencoders on ordinary CPUs, with the names of Keras."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from gatewise import (
    activations,
    balance,
    callbacks,
    compress,
    constraints,
    data,
    experts,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    routers,
    sae,
    utils,
)
from gatewise.config import get_num_threads, set_num_threads, show_config
from gatewise.io import load_model, save_model
from gatewise.layers import Input, Layer, SparseExpertLayer
from gatewise.models import Comparison, Model, Sequential
from gatewise.sae import (
    KL,
    LISTA,
    AuxK,
    BatchTopK,
    DeadUnitsWarning,
    Gated,
    Identity,
    JumpReLU,
    ReLU,
    SparseAutoencoder,
    TopK,
)
from gatewise.training import RoutingCollapseWarning

if TYPE_CHECKING:
    from gatewise import plots

__version__ = "0.1.0"

__all__ = [
    "KL",
    "LISTA",
    "AuxK",
    "BatchTopK",
    "Comparison",
    "DeadUnitsWarning",
    "Gated",
    "Identity",
    "Input",
    "JumpReLU",
    "Layer",
    "Model",
    "ReLU",
    "RoutingCollapseWarning",
    "Sequential",
    "SparseAutoencoder",
    "SparseExpertLayer",
    "TopK",
    "__version__",
    "activations",
    "balance",
    "callbacks",
    "compress",
    "constraints",
    "data",
    "experts",
    "get_num_threads",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "plots",
    "regularizers",
    "routers",
    "sae",
    "save_model",
    "set_num_threads",
    "show_config",
    "utils",
]


def __getattr__(name: str) -> ModuleType:
    # Plots are imported at first use: few programs draw, and import time is promised.
    if name == "plots":
        return importlib.import_module("gatewise.plots")
    raise AttributeError(f"module 'gatewise' has no attribute {name!r}")
