"""Sparse expert models and sparse autoencoders on ordinary CPUs, with the names of Keras."""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from gatewise import (
    activations,
    backend,
    balance,
    callbacks,
    config,
    constraints,
    data,
    dtype_policies,
    experts,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    routers,
    saving,
    utils,
)
from gatewise._version import __version__
from gatewise.callbacks import DivergenceWarning
from gatewise.config import get_num_threads, set_num_threads, show_config
from gatewise.dtype_policies import DTypePolicy
from gatewise.initializers import Initializer
from gatewise.io import load_model, save_model
from gatewise.io.group_file import GROUPS
from gatewise.io.saved import MODELS, register_formats
from gatewise.layers import GatedExperts, Input, Layer, SparseExpertLayer
from gatewise.layers.base import LAYERS
from gatewise.losses import Loss
from gatewise.metrics import Metric
from gatewise.models import (
    Comparison,
    Model,
    Sequential,
    SparseExpertModel,
    build_sparse_experts_model,
)
from gatewise.optimizers import Optimizer
from gatewise.optimizers.learning_rate import registry as SCHEDULES  # noqa: N812
from gatewise.regularizers import Regularizer
from gatewise.training import (
    EndOfDataWarning,
    OneClassWarning,
    RoutingCollapseWarning,
    TargetScaleWarning,
)
from gatewise.utils import absent_names

if TYPE_CHECKING:
    from gatewise import (
        code_experts,
        compress,
        decompose,
        estimators,
        plots,
        sae,
        selection,
        validation,
    )
    from gatewise.code_experts import PatchEncoder, SparseCodeExperts, encode_patches
    from gatewise.decompose import create_sparse_expert_model
    from gatewise.estimators import (
        SparseAutoencoderTransformer,
        SparseExpertClassifier,
        SparseExpertRegressor,
    )
    from gatewise.sae import (
        KL,
        LISTA,
        AuxK,
        BatchTopK,
        DeadUnitsWarning,
        DenseCodesWarning,
        Gated,
        Identity,
        JumpReLU,
        ReLU,
        SparseAutoencoder,
        TopK,
    )
    from gatewise.validation import choose_experts, compare

__all__ = [
    "KL",
    "LISTA",
    "AuxK",
    "BatchTopK",
    "Comparison",
    "DTypePolicy",
    "DeadUnitsWarning",
    "DenseCodesWarning",
    "DivergenceWarning",
    "EndOfDataWarning",
    "Gated",
    "GatedExperts",
    "Identity",
    "Initializer",
    "Input",
    "JumpReLU",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "OneClassWarning",
    "Optimizer",
    "PatchEncoder",
    "ReLU",
    "Regularizer",
    "RoutingCollapseWarning",
    "Sequential",
    "SparseAutoencoder",
    "SparseAutoencoderTransformer",
    "SparseCodeExperts",
    "SparseExpertClassifier",
    "SparseExpertLayer",
    "SparseExpertModel",
    "SparseExpertRegressor",
    "TargetScaleWarning",
    "TopK",
    "__version__",
    "activations",
    "backend",
    "balance",
    "build_sparse_experts_model",
    "callbacks",
    "choose_experts",
    "code_experts",
    "compare",
    "compress",
    "config",
    "constraints",
    "create_sparse_expert_model",
    "data",
    "decompose",
    "dtype_policies",
    "encode_patches",
    "estimators",
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
    "saving",
    "selection",
    "set_num_threads",
    "show_config",
    "utils",
    "validation",
    "version",
]


# Imported at first use: few programs need them, and import time is promised.
_LAZY_IMPORTS = {
    "KL": "sae",
    "LISTA": "sae",
    "AuxK": "sae",
    "BatchTopK": "sae",
    "DeadUnitsWarning": "sae",
    "DenseCodesWarning": "sae",
    "Gated": "sae",
    "Identity": "sae",
    "JumpReLU": "sae",
    "ReLU": "sae",
    "SparseAutoencoder": "sae",
    "TopK": "sae",
    "sae": "",
    "PatchEncoder": "code_experts",
    "SparseCodeExperts": "code_experts",
    "code_experts": "",
    "encode_patches": "code_experts",
    "SparseAutoencoderTransformer": "estimators",
    "SparseExpertClassifier": "estimators",
    "SparseExpertRegressor": "estimators",
    "estimators": "",
    "choose_experts": "validation",
    "compare": "validation",
    "compress": "",
    "create_sparse_expert_model": "decompose",
    "decompose": "",
    "plots": "",
    "selection": "",
    "validation": "",
}


def version() -> str:
    """The version of the package, `gw.__version__`."""
    return __version__


# Modules of Keras that are here, which answer for its names that they lack.
_KERAS_MODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "saving",
    "utils",
)

# Classes that a name or a file may mean, with the modules that register them: class name to module.
MODELS.register_late(
    {
        "Model": "gatewise.models",
        "Sequential": "gatewise.models",
        "SparseExpertModel": "gatewise.models",
        "SparseAutoencoder": "gatewise.sae",
    }
)
register_formats("gatewise.models.keras_format", read_keras="read_keras_model")
register_formats("gatewise.models.keras_writing", write_keras="write_keras_model")
GROUPS.register_late(
    {"SparseCodeExperts": "gatewise.code_experts", "SparseExperts": "gatewise.decompose"}
)
LAYERS.register_late(
    dict.fromkeys(("SparseCode", "SparseDictionary", "Standardize"), "gatewise.sae")
)
SCHEDULES.register_late(
    dict.fromkeys(
        (
            "CosineDecay",
            "CosineDecayRestarts",
            "ExponentialDecay",
            "InverseTimeDecay",
            "LinearWarmup",
            "PiecewiseConstantDecay",
            "PolynomialDecay",
        ),
        "gatewise.optimizers.schedules",
    )
)
SCHEDULES.register_late({"AutoRate": "gatewise.sae"})


def __getattr__(name: str) -> Any:
    if name not in _LAZY_IMPORTS:
        raise AttributeError(f"module 'gatewise' has no attribute {name!r}")
    if not _LAZY_IMPORTS[name]:
        return importlib.import_module(f"gatewise.{name}")
    return getattr(importlib.import_module(f"gatewise.{_LAZY_IMPORTS[name]}"), name)


# Last, when all names that are here exist.
absent_names.install(
    sys.modules[name] for name in (__name__, *(f"{__name__}.{each}" for each in _KERAS_MODULES))
)


def __dir__() -> list[str]:
    return sorted(__all__)
