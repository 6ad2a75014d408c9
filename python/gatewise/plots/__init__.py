"""Pictures of trainings, sparse weights and autoencoders, as matplotlib figures (extra `plots`)."""

from gatewise.plots.history import training_curves
from gatewise.plots.images import dictionary_images, reconstructions, top_rows
from gatewise.plots.load import expert_load
from gatewise.plots.sparse_weights import accuracy_against_zeros, input_weights
from gatewise.plots.sparsity import density_histogram, fvu_against_l0

__all__ = [
    "accuracy_against_zeros",
    "density_histogram",
    "dictionary_images",
    "expert_load",
    "fvu_against_l0",
    "input_weights",
    "reconstructions",
    "top_rows",
    "training_curves",
]
