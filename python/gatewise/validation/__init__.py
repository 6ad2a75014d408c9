"""Cross-validation: models side by side, and how many experts to take."""

from gatewise.validation.choose_experts import ExpertChoice, choose_experts
from gatewise.validation.compare import compare
from gatewise.validation.cross_validation import CrossValidation

__all__ = ["CrossValidation", "ExpertChoice", "choose_experts", "compare"]
