"""Residual blocks, AdamW, a cosine schedule and clipped gradients."""

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x = x.astype("float32") / 16.0
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=1)


def block(x, units):
    y = layers.LayerNormalization()(x)
    y = layers.Dense(units, activation="gelu")(y)
    y = layers.Dense(units)(y)
    return layers.Add()([x, y])


keras.utils.set_random_seed(2)
inputs = keras.Input(shape=(64,))
h = layers.Dense(64)(inputs)
for _ in range(2):
    h = block(h, 64)
h = layers.LayerNormalization()(h)
outputs = layers.Dense(10)(h)
model = keras.Model(inputs, outputs, name="residual_mlp")

epochs = 10
steps = epochs * -(-len(x_train) // 32)
schedule = keras.optimizers.schedules.CosineDecay(3e-3, decay_steps=steps, alpha=0.01)
model.compile(
    optimizer=keras.optimizers.AdamW(learning_rate=schedule, weight_decay=1e-3, clipnorm=1.0),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=32, epochs=epochs, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
assert accuracy > 0.95
