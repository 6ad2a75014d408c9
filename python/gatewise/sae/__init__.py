"""Sparse autoencoders: a row as the sum of few rows of a learned dictionary."""

from gatewise.sae.activations import TopK
from gatewise.sae.autoencoder import SparseAutoencoder
from gatewise.sae.dictionary import SparseDictionary

__all__ = ["SparseAutoencoder", "SparseDictionary", "TopK"]
