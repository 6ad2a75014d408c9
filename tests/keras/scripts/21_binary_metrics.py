"""AUC, precision and recall, by name and by instance."""

import keras
from keras.layers import Dense
from keras.metrics import AUC, Precision, Recall
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

x, y = load_breast_cancer(return_X_y=True)
x = StandardScaler().fit_transform(x).astype("float32")

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((30,)), Dense(16, "relu"), Dense(1, "sigmoid")])
model.compile(
    optimizer="adam",
    loss="binary_crossentropy",
    metrics=["accuracy", AUC(name="auc"), Precision(name="precision"), Recall(thresholds=0.5)],
)
history = model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)
assert "val_auc" in history.history

result = model.evaluate(x, y, verbose=0, return_dict=True)
p = model.predict(x, verbose=0).ravel()
assert result["auc"] > 0.95
assert abs(result["auc"] - roc_auc_score(y, p)) < 0.01
assert abs(result["precision"] - precision_score(y, p > 0.5)) < 1e-5
assert abs(result["recall"] - recall_score(y, p > 0.5)) < 1e-5

metric = Precision()
metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
assert abs(float(metric.result()) - 2 / 3) < 1e-6
