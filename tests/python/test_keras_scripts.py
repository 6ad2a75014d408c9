"""Keras scripts run unchanged except for their imports."""

from __future__ import annotations

import numpy as np
import pytest

from digits import load_digits

DENSE_SCRIPT = """
from {keras}.layers import Dense
from {keras}.models import Sequential
from {keras}.regularizers import l1

model = Sequential([
    Dense(64, input_shape=(784,), activation='relu', kernel_regularizer=l1(0.01)),
    Dense(10, activation='softmax'),
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(x, y, epochs=20, batch_size=32, verbose=0)
"""

FUNCTIONAL_SCRIPT = """
from {keras}.layers import Dense, Input, SparseExpertLayer
from {keras}.models import Model

inputs = Input(shape=(784,))
x = inputs
for _ in range(3):
    x = SparseExpertLayer(10)(x)
outputs = Dense(10, activation='softmax')(x)
model = Model(inputs, outputs)
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(images, labels, epochs=3, validation_split=0.2, verbose=0)
"""

# Result of Keras 3.16 (PyTorch backend) on these rows, seed 0: data loss plus penalty over the
# training rows after 20 epochs of the script above.
KERAS_OBJECTIVE = 1.015


def test_l1_script_leaves_nine_weights_in_ten_exactly_zero() -> None:
    x, y, _, _ = load_digits(seed=0)
    names = {"x": x, "y": y}
    import gatewise as gw

    gw.utils.set_random_seed(0)
    exec(DENSE_SCRIPT.format(keras="gatewise"), names)
    model = names["model"]
    kernel = model.get_weights()[0]
    assert np.mean(kernel == 0) >= 0.9
    objective = model.evaluate(x, y, verbose=0)[0]
    assert objective <= KERAS_OBJECTIVE
    # `loss` includes the penalty.
    data_loss = -np.mean(np.log(model.predict(x)[np.arange(len(y)), y]))
    assert objective == pytest.approx(data_loss + 0.01 * np.abs(kernel).sum(), rel=1e-4)


@pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning")
def test_functional_script_stacks_expert_layers_in_a_loop() -> None:
    images, labels, _, _ = load_digits(seed=0)
    names = {"images": images, "labels": labels}
    exec(FUNCTIONAL_SCRIPT.format(keras="gatewise"), names)
    history = names["history"].history
    assert history["accuracy"][-1] > 0.6
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
