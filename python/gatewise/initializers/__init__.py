"""Initial values of kernels and biases.

Fan-in and fan-out are those of one expert, so 16 experts are initialised like 16 separate layers.
The random numbers are counter-based: they depend on seed and stream, not on the order in which
layers are created.
"""

from typing import TYPE_CHECKING

from gatewise.initializers.base import (
    INITIALIZERS,
    Constant,
    Initializer,
    Ones,
    RandomUniform,
    Zeros,
    deserialize,
    get,
    serialize,
)
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

constant = Constant
ones = Ones
random_uniform = RandomUniform
zeros = Zeros

if TYPE_CHECKING:
    from gatewise.initializers.matrices import (
        Identity,
        IdentityInitializer,
        Orthogonal,
        OrthogonalInitializer,
        identity,
        orthogonal,
    )
    from gatewise.initializers.random_values import (
        RandomNormal,
        RandomSigns,
        TruncatedNormal,
        random_normal,
        truncated_normal,
    )
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

# Modules that are imported at first use, since import time is promised, with their classes and the
# second names that Keras has.
_LAZY = {
    "matrices": "Identity IdentityInitializer Orthogonal OrthogonalInitializer identity orthogonal",
    "random_values": "RandomNormal RandomSigns TruncatedNormal random_normal truncated_normal",
    "scaling": (
        "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform VarianceScaling "
        "glorot_normal glorot_uniform he_normal he_uniform lecun_normal lecun_uniform "
        "variance_scaling"
    ),
}
_MODULES = {name: module for module, names in _LAZY.items() for name in names.split()}
INITIALIZERS.register_late(
    {name: f"{__name__}.{at}" for name, at in _MODULES.items() if name[0].isupper()}
)
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
