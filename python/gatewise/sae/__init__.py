"""Sparse autoencoders: a dictionary of one wide layer, or a stack of Dense layers."""

from typing import Any

from gatewise.sae.activations import (
    KL,
    LISTA,
    BatchTopK,
    Gated,
    Identity,
    JumpReLU,
    ReLU,
    TopK,
)
from gatewise.sae.auto_rate import AutoRate
from gatewise.sae.autoencoder import SparseAutoencoder
from gatewise.sae.auxk import AuxK
from gatewise.sae.dead_units import DeadUnitsWarning
from gatewise.sae.dense_codes import DenseCodesWarning
from gatewise.sae.sparse_code import SparseCode
from gatewise.sae.sparse_dictionary import SparseDictionary
from gatewise.sae.standardize import Standardize
from gatewise.utils.deprecation import warn_renamed
from gatewise.utils.public_names import public_names

__all__ = [
    "KL",
    "LISTA",
    "AutoRate",
    "AuxK",
    "BatchTopK",
    "DeadUnitsWarning",
    "DenseCodesWarning",
    "Gated",
    "Identity",
    "JumpReLU",
    "ReLU",
    "SparseAutoencoder",
    "SparseCode",
    "SparseDictionary",
    "Standardize",
    "TopK",
]


def __getattr__(name: str) -> Any:
    if name == "Units":
        warn_renamed("gw.sae.Units", "gw.sae.Standardize")
        return Standardize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return public_names(globals())
