"""Cross-validation: comparison of models, and choice of the expert count."""

from gatewise.validation.comparing import compare
from gatewise.validation.cross_validation import CrossValidation
from gatewise.validation.expert_choice import ExpertChoice, choose_experts

__all__ = ["CrossValidation", "ExpertChoice", "choose_experts", "compare"]
