"""Experts on a sparse code: an encoder, experts that read its code, fusion with the input."""

from gatewise.code_experts.contributions import Contributions
from gatewise.code_experts.model import SparseCodeExperts
from gatewise.code_experts.patches import CodeMap, PatchEncoder, encode_patches
from gatewise.utils.public_names import public_names

__all__ = ["CodeMap", "Contributions", "PatchEncoder", "SparseCodeExperts", "encode_patches"]


def __dir__() -> list[str]:
    return public_names(globals())
