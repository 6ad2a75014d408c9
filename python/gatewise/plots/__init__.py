"""Matplotlib figures of trainings, choices, weights and autoencoders (extra `plots`)."""

from gatewise.plots.history import training_curves
from gatewise.plots.images import dictionary_images, reconstructions, top_rows
from gatewise.plots.load import expert_load
from gatewise.plots.sparse_weights import accuracy_against_zeros, input_weights
from gatewise.plots.sparsity import density_histogram, fvu_against_l0
from gatewise.plots.specialisation import specialisation
from gatewise.plots.validation import (
    comparison,
    expert_choice,
    quality_against_share,
    sparsity_choice,
)
from gatewise.utils.public_names import public_names

__all__ = [
    "accuracy_against_zeros",
    "comparison",
    "density_histogram",
    "dictionary_images",
    "expert_choice",
    "expert_load",
    "fvu_against_l0",
    "input_weights",
    "quality_against_share",
    "reconstructions",
    "sparsity_choice",
    "specialisation",
    "top_rows",
    "training_curves",
]


def __dir__() -> list[str]:
    return public_names(globals())
