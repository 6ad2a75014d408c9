"""Cross-validation: models side by side, and how many experts to take."""

from gatewise.validation.comparing import compare
from gatewise.validation.cross_validation import CrossValidation
from gatewise.validation.expert_choice import ExpertChoice, choose_experts

__all__ = ["CrossValidation", "ExpertChoice", "choose_experts", "compare"]
