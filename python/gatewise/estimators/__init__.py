"""Estimators for scikit-learn: its conventions around the models of this package.

Importing this package imports scikit-learn (extra `sklearn`).
"""

from gatewise.estimators.autoencoder import SparseAutoencoderTransformer
from gatewise.estimators.experts import SparseExpertClassifier, SparseExpertRegressor
from gatewise.estimators.wrapped import ModelClassifier, ModelRegressor
from gatewise.utils.public_names import public_names

__all__ = [
    "ModelClassifier",
    "ModelRegressor",
    "SparseAutoencoderTransformer",
    "SparseExpertClassifier",
    "SparseExpertRegressor",
]


def __dir__() -> list[str]:
    return public_names(globals())
