"""Initial values of kernels and biases.

Fan-in and fan-out are those of one expert, so 16 experts are initialised like 16 separate layers.
The random numbers are counter-based: they depend on seed and stream, not on the order in which
layers are created.
"""

from typing import TYPE_CHECKING

from gatewise.initializers.base import (
    INITIALIZERS,
    Constant,
    Identity,
    Initializer,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomSigns,
    RandomUniform,
    TruncatedNormal,
    Zeros,
    deserialize,
    get,
    serialize,
)
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
constant = Constant
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
zeros = Zeros

if TYPE_CHECKING:
    from gatewise.initializers.scaling import (
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        LecunNormal,
        LecunUniform,
        VarianceScaling,
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        lecun_normal,
        lecun_uniform,
        variance_scaling,
    )

# Imported at first use, since import time is promised.
_MODULES = dict.fromkeys(
    (
        *("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal"),
        *("LecunUniform", "VarianceScaling", "glorot_normal", "glorot_uniform", "he_normal"),
        *("he_uniform", "lecun_normal", "lecun_uniform", "variance_scaling"),
    ),
    "scaling",
)
INITIALIZERS.register_late({name: f"{__name__}.scaling" for name in _MODULES if name[0].isupper()})
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _MODULES)

__all__ = [
    "INITIALIZERS",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomSigns",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


def __dir__() -> list[str]:
    return public_names(globals())
