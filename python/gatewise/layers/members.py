"""Layers of an ensemble whose members are one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer, LayerOptions, NamedOptions
from gatewise.layers.dense import AffineLayer
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


@LAYERS.register()
class MemberScale(Layer):
    """`y_m = x * s_m` elementwise, for each member m of an ensemble.

    A model with this layer or `MemberDense` is an ensemble of M members, which share the weights of
    all other layers. Every row of the input passes through the layers once for each member. In
    training, each member has its own outputs and its own loss, and the loss is their mean. The
    outputs of `predict` and `evaluate`, and metrics, are the members' mean, which is taken after
    the last activation.

    Parameters
    ----------
    members : int
        M, at least 1; the same in all layers of a model that have it.
    scale_initializer : str or Initializer
        Initial values of s `(M, d)`: random signs by default, so that members differ; "ones" if
        later layers make them differ.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `members` is below 1, or a name is unknown.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. Place it first: the layers before it compute the same
    values for every member.

    References
    ----------
    Gorishniy, Kotelnikov, Babenko 2025, "TabM: advancing tabular deep learning with
    parameter-efficient ensembling", section 3; Wen, Tran, Ba 2020, "BatchEnsemble".

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> model = gw.Sequential([
    ...     gw.Input((8,)),
    ...     gw.layers.MemberScale(4),
    ...     gw.SparseExpertLayer(32, num_experts=16, k=2, activation="relu"),
    ...     gw.layers.MemberDense(3, 4, activation="softmax"),
    ... ])
    >>> model.predict(np.ones((5, 8)), verbose=0).shape
    (5, 3)
    """

    kind = "member_scale"

    def __init__(
        self,
        members: int,
        scale_initializer: str | Initializer | Config = "random_signs",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.members = check_integer("members", members, 1)
        self.scale_initializer = initializers.get(scale_initializer, "scale_initializer")

    def native_options(self) -> NativeOptions:
        return {"members": self.members}

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.scale_initializer

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "members": self.members,
            "scale_initializer": initializers.serialize(self.scale_initializer),
        }


@LAYERS.register()
class MemberDense(AffineLayer):
    """`y_m = f(x_m W_m + b_m)` on the last axis, for each member m of an ensemble.

    Makes the model an ensemble, see `MemberScale`.

    Parameters
    ----------
    units : int
        Width u of the output.
    members : int
        M, at least 1; the same in all layers of a model that have it.
    activation, use_bias, kernel_initializer, bias_initializer
        As in `Dense`; W is `(M, d, u)` and b `(M, u)`.
    kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint
        As in `Dense`; constraints are on the weights of each member.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        A number is below 1, or a name is unknown.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input shape `(n, ..., d)`, output shape `(n, ..., u)`. Forward: 2 n M d u flops.

    References
    ----------
    Gorishniy, Kotelnikov, Babenko 2025, "TabM: advancing tabular deep learning with
    parameter-efficient ensembling", section 3.
    """

    kind = "member_dense"

    def __init__(
        self,
        units: int,
        members: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | Config = "glorot_uniform",
        bias_initializer: str | Initializer | Config = "zeros",
        kernel_regularizer: str | Regularizer | Config | None = None,
        bias_regularizer: str | Regularizer | Config | None = None,
        activity_regularizer: str | Regularizer | Config | None = None,
        kernel_constraint: str | Constraint | Config | None = None,
        bias_constraint: str | Constraint | Config | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **options,
        )
        self.members = check_integer("members", members, 1)

    def native_options(self) -> NativeOptions:
        return {**super().native_options(), "members": self.members}

    def get_config(self) -> Config:
        return {**super().get_config(), "members": self.members}
