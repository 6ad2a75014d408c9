"""Models: `Sequential`, and `Model` for any acyclic graph of layers."""

from typing import TYPE_CHECKING

from gatewise.io import load_model, model_from_json, save_model
from gatewise.models.comparing import Comparison
from gatewise.models.functional import Model
from gatewise.models.gated import build_sparse_experts_model
from gatewise.models.sequential import Sequential
from gatewise.models.sparse_expert_model import SparseExpertModel
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.models.cloning import clone_model
else:
    __getattr__ = lazy_names(__name__, {"clone_model": "cloning"})

__all__ = [
    "Comparison",
    "Model",
    "Sequential",
    "SparseExpertModel",
    "build_sparse_experts_model",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __dir__() -> list[str]:
    return public_names(globals())
