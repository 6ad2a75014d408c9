"""Models of single layers in the API that Keras and Gatewise share, for `test_keras_layers.py`.

Each case is a function of the library: `keras` when the stored numbers are made
(`tests/keras/make_layers_figures.py`), `gatewise` in the test. Weights and data are drawn here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_layer_models import (
    SAMPLES,
    channels_first_case,
    concatenate_rows,
    constrained_case,
    constrained_convolution,
    constrained_embedding,
    dot_pairs,
    dot_rows,
    embedded,
    embedded_free_length,
    ids,
    image_case,
    merge_case,
    one,
    one_layer_twice,
    operators,
    regularized,
    rows,
    standardized,
    sums_of_gradients,
    time_case,
)
from keras_position_cases import POSITION_CASES

EPOCHS, BATCH = 3, 8
RATE = 0.05


CASES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "conv2d": (rows(8, 7, 2), image_case(one("Conv2D", 5, 3))),
    "conv2d_same_strides": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 5, (3, 2), strides=2, padding="same", activation="relu")),
    ),
    "conv2d_dilated": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 3, 3, dilation_rate=(2, 1), use_bias=False, activation="gelu")),
    ),
    "conv2d_pool": (
        rows(8, 7, 2),
        image_case(
            one("Conv2D", 4, 3, padding="same", activation="relu"),
            one("MaxPooling2D"),
            one("Conv2D", 4, 2, activation="tanh"),
        ),
    ),
    "max_pooling_same": (
        rows(8, 7, 2),
        image_case(one("MaxPooling2D", 3, strides=2, padding="same"), one("Conv2D", 3, 2)),
    ),
    "average_pooling": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 3, 2), one("AveragePooling2D", (2, 3), strides=(1, 2))),
    ),
    "average_pooling_same": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 3, 2), one("AveragePooling2D", 3, strides=1, padding="same")),
    ),
    "batch_normalization_2d": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 4, 3), one("BatchNormalization", momentum=0.8), one("ReLU")),
    ),
    "conv1d": (rows(9, 4), time_case(one("Conv1D", 5, 3, strides=2))),
    "conv1d_causal": (
        rows(9, 4),
        time_case(one("Conv1D", 5, 3, padding="causal", dilation_rate=2, activation="relu")),
    ),
    "conv1d_causal_strides": (
        rows(9, 4),
        time_case(one("Conv1D", 5, 3, padding="causal", strides=2)),
    ),
    "pooling1d": (
        rows(9, 4),
        time_case(one("Dense", 5), one("MaxPooling1D", 2), one("AveragePooling1D", 2, strides=1)),
    ),
    "global_max": (
        rows(9, 4),
        time_case(one("Dense", 5, activation="relu"), one("GlobalMaxPooling1D"), flat=False),
    ),
    "global_average": (
        rows(9, 4),
        time_case(one("Dense", 5), one("GlobalAveragePooling1D"), flat=False),
    ),
    "global_average_2d": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 4, 3), one("GlobalAveragePooling2D")),
    ),
    "global_max_2d": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 4, 3), one("GlobalMaxPooling2D")),
    ),
    "batch_normalization": (
        rows(9, 4),
        time_case(one("Dense", 5), one("BatchNormalization"), one("Activation", "tanh")),
    ),
    "batch_normalization_plain": (
        rows(9, 4),
        time_case(one("BatchNormalization", center=False, scale=False, epsilon=0.01)),
    ),
    "rms_normalization": (rows(9, 4), time_case(one("Dense", 5), one("RMSNormalization"))),
    "normalization": (rows(9, 4), standardized),
    "rescaling": (rows(9, 4), time_case(one("Rescaling", 0.5, offset=-0.25))),
    "reshape_permute": (
        rows(9, 4),
        time_case(one("Reshape", (2, 6, 3)), one("Permute", (3, 1, 2)), one("Dense", 4)),
    ),
    "repeat_vector": (
        rows(9, 4),
        time_case(one("GlobalAveragePooling1D"), one("RepeatVector", 3), one("Dense", 4)),
    ),
    "relu_pieces": (
        rows(9, 4),
        time_case(one("Dense", 5), one("ReLU", max_value=0.8, negative_slope=0.1, threshold=0.2)),
    ),
    "leaky_relu": (rows(9, 4), time_case(one("Dense", 5), one("LeakyReLU", negative_slope=0.2))),
    "softmax": (rows(9, 4), time_case(one("Dense", 5), one("Softmax"))),
    "average": (rows(9, 4), merge_case("Average")),
    "maximum": (rows(9, 4), merge_case("Maximum")),
    "minimum": (rows(9, 4), merge_case("Minimum")),
    "multiply_broadcast": (rows(9, 4), merge_case("Multiply", second=1)),
    "add_broadcast": (rows(9, 4), merge_case("Add", second=1)),
    "dot_rows": (rows(9, 4), dot_rows),
    "dot_pairs": (rows(9, 4), dot_pairs),
    "concatenate_rows": (rows(9, 4), concatenate_rows),
    "operators": (rows(9, 4), operators),
    "embedding": (ids(9), embedded),
    "embedding_free_length": (ids(7), embedded_free_length),
    "sums_of_gradients": (rows(9, 4), sums_of_gradients),
    "non_neg": (
        rows(9, 4),
        time_case(one("Dense", 5, kernel_constraint="non_neg", bias_constraint="non_neg")),
    ),
    "max_norm": (rows(9, 4), constrained_case("MaxNorm", 0.6)),
    "max_norm_of_rows": (rows(9, 4), constrained_case("MaxNorm", 0.6, axis=1)),
    "unit_norm": (rows(9, 4), constrained_case("UnitNorm", axis=[0, 1])),
    "min_max_norm": (rows(9, 4), constrained_case("MinMaxNorm", 0.3, 0.5, rate=0.7)),
    "max_norm_of_filters": (rows(8, 7, 2), constrained_convolution([0, 1, 2])),
    "max_norm_of_taps": (rows(8, 7, 2), constrained_convolution([2, 3])),
    "constrained_embedding": (ids(9), constrained_embedding),
    "constrained_normalization": (
        rows(9, 4),
        time_case(
            one(
                "BatchNormalization",
                gamma_constraint="non_neg",
                beta_constraint="unit_norm",
                beta_regularizer="l2",
            ),
            one("LayerNormalization", gamma_regularizer="l2", beta_constraint="non_neg"),
        ),
    ),
    "regularizers": (rows(9, 4), regularized),
    "activity_regularizer_on_output": (
        rows(9, 4),
        time_case(one("ActivityRegularization", l1=0.02, l2=0.01)),
    ),
    **{
        f"activation_{name}": (
            rows(9, 4),
            time_case(one("Dense", 5, activation=name), one("Activation", name)),
        )
        for name in (
            "celu",
            "hard_shrink",
            "hard_sigmoid",
            "hard_silu",
            "hard_tanh",
            "log_sigmoid",
            "mish",
            "relu6",
            "soft_shrink",
            "sparse_plus",
            "sparse_sigmoid",
            "squareplus",
            "tanh_shrink",
        )
    },
    "channels_first": (
        rows(2, 8, 7),
        channels_first_case(
            one("Conv2D", 4, 3, padding="same", activation="relu"),
            one("MaxPooling2D", 2),
            one("AveragePooling2D", 2, strides=1),
            one("GlobalAveragePooling2D", keepdims=True),
        ),
    ),
    "channels_first_1d": (
        rows(4, 9),
        channels_first_case(
            one("Conv1D", 5, 3, activation="tanh"),
            one("MaxPooling1D", 2),
            one("GlobalMaxPooling1D"),
            shape=(4, 9),
        ),
    ),
    "other_axes": (
        rows(9, 4),
        time_case(
            one("BatchNormalization", axis=1),
            one("Softmax", axis=1),
        ),
    ),
    "borders_1d": (
        rows(9, 4),
        time_case(
            one("Dense", 3),
            one("ZeroPadding1D", (1, 2)),
            one("UpSampling1D", 2),
            one("Cropping1D", (3, 1)),
        ),
    ),
    "borders_2d": (
        rows(8, 7, 2),
        image_case(
            one("Conv2D", 3, 2),
            one("ZeroPadding2D", ((1, 0), (2, 1))),
            one("UpSampling2D", (2, 1)),
            one("Cropping2D", ((1, 2), (0, 3))),
        ),
    ),
    "volumes": (
        rows(8, 7, 2),
        image_case(
            one("Reshape", (8, 7, 2, 1)),
            one("Conv3D", 3, (2, 2, 1), activation="tanh"),
            one("MaxPooling3D", (2, 2, 1)),
            one("AveragePooling3D", (1, 1, 2)),
        ),
    ),
    "one_layer_twice": (rows(8, 7, 2), one_layer_twice),
    **POSITION_CASES,
}


def results(library: Any, name: str) -> dict[str, Any]:
    """What a case gives: predictions, a history of training, predictions after it."""
    x, build = CASES[name]
    model = build(library)
    rng = np.random.default_rng(5)
    weights = []
    for before in model.get_weights():
        # Variances and counts stay as they are; kernels and biases get values of their own.
        drawn = (0.3 * rng.standard_normal(before.shape)).astype(np.float32)
        is_state = before.ndim < 1 or np.all(before == 1) or name == "normalization"
        weights.append(before if is_state else drawn)
    weights = model.get_weights() if name == "normalization" else weights
    if name == "normalization":
        weights[-2:] = [np.full_like(weights[-2], 0.1), np.full_like(weights[-1], -0.2)]
    model.set_weights(weights)
    y = np.random.default_rng(4).standard_normal((SAMPLES, 3)).astype(np.float32)
    model.compile(optimizer=library.optimizers.SGD(RATE), loss="mse")
    before = np.asarray(model.predict(x, verbose=0))
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0).history
    after = np.asarray(model.predict(x, verbose=0))
    evaluated = model.evaluate(x, y, batch_size=BATCH, verbose=0)
    return {
        "shape": list(before.shape),
        "before": [round(float(v), 6) for v in before.ravel()[:12]],
        "loss": [float(v) for v in history["loss"]],
        "after": [round(float(v), 6) for v in after.ravel()[:12]],
        "evaluate": float(evaluated),
        "parameters": int(model.count_params()),
    }
