"""Cases of `keras_layer_cases.py`: transposed and grouped convolutions, shared axes, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_layer_models import channels_first_case, image_case, one, rows, time_case

IMAGES, ROWS = rows(8, 7, 2), rows(9, 4)
# Of large maps, whose many outputs would let training diverge.
MEANS = one("AveragePooling2D", 3, strides=2)


def transposed(**settings: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A transposed convolution of these settings between a convolution and means of its output."""
    given = {"filters": 3, "kernel_size": 3, "activation": "tanh"} | settings
    return IMAGES, image_case(one("Conv2D", 3, 3), one("Conv2DTranspose", **given), MEANS)


POSITION_CASES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "conv2d_transpose": transposed(),
    "conv2d_transpose_same": transposed(padding="same", activation="gelu"),
    "conv2d_transpose_strides": transposed(strides=2, use_bias=False),
    "conv2d_transpose_strides_same": transposed(strides=(2, 3), padding="same"),
    "conv2d_transpose_strides_above_window": transposed(kernel_size=(1, 2), strides=3),
    "conv2d_transpose_even": transposed(kernel_size=(4, 2), strides=2, padding="same"),
    "conv2d_transpose_output_padding": transposed(strides=2, padding="same", output_padding=1),
    "conv2d_transpose_output_padding_valid": transposed(strides=(3, 2), output_padding=(2, 0)),
    "conv2d_transpose_dilated": transposed(dilation_rate=(2, 1), padding="same"),
    "conv2d_transpose_penalties": transposed(
        kernel_regularizer="l2", bias_constraint="non_neg", kernel_constraint="max_norm"
    ),
    "conv1d_transpose": (
        ROWS,
        time_case(
            one("Conv1DTranspose", 5, 4, strides=3, activation="relu"),
            one("Conv1DTranspose", 2, 3, padding="same"),
        ),
    ),
    "conv3d_transpose": (
        IMAGES,
        image_case(
            one("Reshape", (8, 7, 2, 1)),
            one("Conv3DTranspose", 2, (2, 1, 2), strides=(1, 1, 2), padding="same"),
            one("AveragePooling3D", 2, strides=(2, 2, 1)),
        ),
    ),
    "autoencoder": (
        IMAGES,
        image_case(
            one("Conv2D", 4, 3, strides=2, padding="same", activation="relu"),
            one("Conv2DTranspose", 4, 3, strides=2, padding="same", activation="relu"),
            one("BatchNormalization"),
            one("Conv2DTranspose", 2, 2),
            MEANS,
        ),
    ),
    "channels_first_transposed": (
        rows(2, 8, 7),
        channels_first_case(
            one("Conv2DTranspose", 4, 3, strides=2),
            one("SeparableConv2D", 3, 3),
            one("DepthwiseConv2D", 2),
            one("AveragePooling2D", 3, strides=2),
        ),
    ),
    "conv1d_groups": (
        ROWS,
        time_case(one("Conv1D", 6, 3, groups=2, activation="gelu"), one("Conv1D", 6, 2, groups=6)),
    ),
    "conv1d_groups_causal": (
        ROWS,
        time_case(one("Conv1D", 4, 3, groups=4, padding="causal", dilation_rate=2)),
    ),
    "conv2d_groups": (
        IMAGES,
        image_case(
            one("Conv2D", 6, 3, padding="same", activation="relu"),
            one("Conv2D", 9, (3, 2), strides=2, padding="same", groups=3, use_bias=False),
        ),
    ),
    "depthwise_conv1d": (
        ROWS,
        time_case(one("DepthwiseConv1D", 3, depth_multiplier=2, strides=2, activation="tanh")),
    ),
    "depthwise_conv2d": (
        IMAGES,
        image_case(
            one("Conv2D", 3, 2),
            one("DepthwiseConv2D", (3, 2), padding="same", depth_multiplier=5, activation="silu"),
            one("DepthwiseConv2D", 2, dilation_rate=2, use_bias=False),
        ),
    ),
    "depthwise_penalties": (
        IMAGES,
        image_case(
            one(
                "DepthwiseConv2D",
                3,
                depth_multiplier=2,
                depthwise_regularizer="l2",
                depthwise_constraint="max_norm",
            )
        ),
    ),
    "separable_conv1d": (
        ROWS,
        time_case(one("SeparableConv1D", 5, 3, padding="same", activation="gelu")),
    ),
    "separable_conv2d": (
        IMAGES,
        image_case(
            one("SeparableConv2D", 5, 3, strides=2, depth_multiplier=3, activation="relu"),
            one(
                "SeparableConv2D",
                4,
                2,
                depthwise_regularizer="l2",
                pointwise_constraint="max_norm",
                use_bias=False,
            ),
        ),
    ),
    "prelu": (ROWS, time_case(one("Dense", 5), one("PReLU"))),
    "prelu_shared": (
        IMAGES,
        image_case(one("Conv2D", 4, 3), one("PReLU", shared_axes=[1, 2]), one("Conv2D", 2, 2)),
    ),
    "prelu_shared_in_part": (
        IMAGES,
        image_case(
            one("Conv2D", 4, 3),
            one("PReLU", shared_axes=2, alpha_regularizer="l2", alpha_constraint="non_neg"),
            one("PReLU", shared_axes=[1, 3]),
        ),
    ),
    "elu": (ROWS, time_case(one("Dense", 5), one("ELU"), one("Dense", 5), one("ELU", alpha=0.4))),
    "identity": (ROWS, time_case(one("Dense", 5), one("Identity"))),
    "unit_normalization": (ROWS, time_case(one("Dense", 5), one("UnitNormalization"))),
    "unit_normalization_axes": (
        IMAGES,
        image_case(
            one("Conv2D", 4, 3),
            one("UnitNormalization", axis=(1, 3)),
            one("Conv2D", 4, 1),
            one("UnitNormalization", axis=2),
            one("Conv2D", 4, 1),
            one("UnitNormalization", axis=[1, 2, 3]),
        ),
    ),
}


# Keras draws other random numbers: this model is compared in prediction and in files alone.
DROPOUTS: tuple[Any, Callable[[Any], Any]] = (
    IMAGES,
    image_case(
        one("SpatialDropout2D", 0.2),
        one("SpatialDropout2D", 0.2, data_format="channels_first", seed=3),
        one("Dropout", 0.2, noise_shape=(None, 1, 7, None)),
        one("AlphaDropout", 0.2, noise_shape=(None, 1, 1, None)),
        one("AlphaDropout", 0.2, seed=4),
        one("GaussianDropout", 0.2),
        one("Reshape", (8, 7, 2, 1)),
        one("SpatialDropout3D", 0.2),
        one("Reshape", (8, 14)),
        one("SpatialDropout1D", 0.2),
    ),
)
