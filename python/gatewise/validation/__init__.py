"""Cross-validation: comparison of models, and choice of the expert count."""

from gatewise.utils.public_names import public_names
from gatewise.validation.comparing import compare
from gatewise.validation.cross_validation import CrossValidation
from gatewise.validation.expert_choice import ExpertChoice, choose_experts

__all__ = ["CrossValidation", "ExpertChoice", "choose_experts", "compare"]


def __dir__() -> list[str]:
    return public_names(globals())
