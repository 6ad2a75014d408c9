"""Sparse autoencoders: a dictionary of one wide layer, or a stack of Dense layers."""

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
from gatewise.sae.autoencoder import SparseAutoencoder
from gatewise.sae.auxk import AuxK
from gatewise.sae.dead_units import DeadUnitsWarning
from gatewise.sae.sparse_code import SparseCode
from gatewise.sae.sparse_dictionary import SparseDictionary
from gatewise.sae.standardize import Units

__all__ = [
    "KL",
    "LISTA",
    "AuxK",
    "BatchTopK",
    "DeadUnitsWarning",
    "Gated",
    "Identity",
    "JumpReLU",
    "ReLU",
    "SparseAutoencoder",
    "SparseCode",
    "SparseDictionary",
    "TopK",
    "Units",
]
