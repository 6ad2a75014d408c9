"""Experts on a sparse code: an encoder, experts over what it finds, and the input beside them."""

from gatewise.code_experts.contributions import Contributions
from gatewise.code_experts.model import SparseCodeExperts
from gatewise.code_experts.patches import CodeMap, PatchEncoder, encode_patches

__all__ = ["CodeMap", "Contributions", "PatchEncoder", "SparseCodeExperts", "encode_patches"]
