"""Splits models into experts: by importance of parameters, or by groups of hidden units."""

from gatewise.decompose.combining import combine
from gatewise.decompose.create import create_sparse_expert_model
from gatewise.decompose.ranking import Importance, importance
from gatewise.decompose.report import Report
from gatewise.decompose.slicing import quality_by_share, to_experts, with_k
from gatewise.decompose.sparse_experts import SparseExperts
from gatewise.decompose.sparsity_choice import SparsityChoice, choose_sparsity
from gatewise.utils.public_names import public_names

__all__ = [
    "Importance",
    "Report",
    "SparseExperts",
    "SparsityChoice",
    "choose_sparsity",
    "combine",
    "create_sparse_expert_model",
    "importance",
    "quality_by_share",
    "to_experts",
    "with_k",
]


def __dir__() -> list[str]:
    return public_names(globals())
