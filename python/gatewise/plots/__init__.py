"""Pictures of training runs and sparse autoencoders, as matplotlib figures (extra `plots`)."""

from gatewise.plots.history import training_curves
from gatewise.plots.images import dictionary_images, reconstructions, top_rows
from gatewise.plots.load import expert_load
from gatewise.plots.sparsity import density_histogram, fvu_against_l0

__all__ = [
    "density_histogram",
    "dictionary_images",
    "expert_load",
    "fvu_against_l0",
    "reconstructions",
    "top_rows",
    "training_curves",
]
