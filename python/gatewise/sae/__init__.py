"""Sparse autoencoders: a row as the sum of few rows of a learned dictionary."""

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
from gatewise.sae.dictionary import SparseDictionary

__all__ = [
    "KL",
    "LISTA",
    "AuxK",
    "BatchTopK",
    "Gated",
    "Identity",
    "JumpReLU",
    "ReLU",
    "SparseAutoencoder",
    "SparseDictionary",
    "TopK",
]
