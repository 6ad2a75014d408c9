"""Gated experts: closed units are not computed or updated; groups share matrices and can merge."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise.layers import Dense, GatedExperts


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


def formula(layer, x):
    """Outputs of the units (n, units, p), from the weights in float64."""
    p = {name: value.astype(np.float64) for name, value in layer.named_weights().items()}
    gates = 1 / (1 + np.exp(-(x @ p["gate_kernel"] + p["gate_bias"])))
    h = np.einsum("nd,cdp->ncp", x, p["kernel"])[:, layer.group_of]
    values = np.maximum(p["scale"] * h + p["bias"], 0)
    return (gates * (gates > layer.threshold))[:, :, None] * values


@pytest.mark.parametrize("groups", [1, 3, [0, 1, 0, 2, 1, 0, 2], "auto"])
@pytest.mark.parametrize("gate", ["hard", "straight_through", "soft"])
def test_the_layer_agrees_with_its_formula_in_prediction(x, groups, gate):
    layer = GatedExperts(7, 5, groups=groups, gate=gate, seed=1)
    # Float32 sums of six products.
    for form in (x, csr_array(x)):
        np.testing.assert_allclose(
            layer(form).reshape(40, 7, 5), formula(layer, x), rtol=2e-5, atol=1e-6
        )
    added = GatedExperts(7, 5, groups=groups, gate=gate, combine="sum", seed=1)
    np.testing.assert_allclose(added(x), formula(layer, x).sum(axis=1), rtol=2e-5, atol=1e-5)


def test_gates_returns_the_gates_that_open_units(x):
    layer = GatedExperts(7, 5, seed=1, activation="linear")
    is_open = (layer(x).reshape(40, 7, 5) != 0).any(axis=2)
    np.testing.assert_array_equal(is_open, layer.gates(x) > 0.5)
    np.testing.assert_array_equal(layer.gates(csr_array(x)) > 0.5, is_open)
    np.testing.assert_allclose(layer.open_shares(x), is_open.mean(axis=0))
    assert 0 < is_open.mean() < 1


def make_pair(x, **options):
    """Two layers with a closed group of two units, which holds only NaN in the second layer."""
    layers = []
    for fill in (0.5, np.nan):
        layer = GatedExperts(6, 5, groups=3, seed=1, **options)
        layer(x)
        weights = layer.named_weights()
        weights["gate_kernel"][:, 2:4] = 0
        weights["gate_bias"][2:4] = -5
        weights["kernel"][1] = fill
        weights["scale"][2:4] = fill
        weights["bias"][2:4] = fill
        layer.set_weights(list(weights.values()))
        layers.append(layer)
    return layers


@pytest.mark.parametrize("combine", ["concat", "sum"])
def test_closed_units_and_their_groups_are_not_computed(x, combine):
    clean, with_nan = make_pair(x, combine=combine)
    np.testing.assert_array_equal(with_nan(x), clean(x))
    assert np.isfinite(clean(x)).all()


@pytest.mark.parametrize("combine", ["concat", "sum"])
def test_closed_units_are_not_updated(x, combine):
    clean, with_nan = make_pair(x, combine=combine)
    y = np.random.default_rng(1).normal(size=(40, 5 if combine == "sum" else 30))
    before = with_nan.named_weights()
    for layer in (clean, with_nan):
        layer.compile("adam", "mse")
        layer.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    after, other = with_nan.named_weights(), clean.named_weights()
    for name, shut in (("kernel", [1]), ("scale", [2, 3]), ("bias", [2, 3])):
        np.testing.assert_array_equal(after[name][shut], before[name][shut])
        open_units = np.setdiff1d(np.arange(len(after[name])), shut)
        np.testing.assert_array_equal(after[name][open_units], other[name][open_units])
        assert not np.array_equal(after[name][open_units], before[name][open_units])
    np.testing.assert_array_equal(after["gate_kernel"][:, 2:4], before["gate_kernel"][:, 2:4])
    assert not np.array_equal(after["gate_kernel"], before["gate_kernel"])


def test_weights_that_read_a_closed_unit_have_no_gradient(x):
    layer = GatedExperts(6, 5, groups=3, seed=1)
    model = gw.Sequential([gw.Input((6,)), layer, Dense(2)])
    weights = layer.named_weights()
    weights["gate_kernel"][:, 2:4] = 0
    weights["gate_bias"][2:4] = -5
    layer.set_weights(list(weights.values()))
    model.compile("adam", "mse")
    before = model.layers[1].get_weights()[0]
    model.fit(x, np.ones((40, 2)), epochs=2, verbose=0)
    moved = (model.layers[1].get_weights()[0] != before).any(axis=1).reshape(6, 5).any(axis=1)
    assert moved.tolist() == [True, True, False, False, True, True]


@pytest.mark.parametrize(("gate", "reopens"), [("hard", False), ("straight_through", True)])
def test_a_closed_gate_is_reopened_by_the_straight_through_gradient(x, gate, reopens):
    layer = GatedExperts(1, 2, groups=1, gate=gate, activation="linear", seed=1)
    layer(x)
    weights = layer.named_weights()
    weights["gate_kernel"][:] = 0
    weights["gate_bias"][:] = -1
    layer.set_weights(list(weights.values()))
    y = np.einsum("nd,dp->np", x, weights["kernel"][0])  # its output with open gates
    layer.compile(gw.optimizers.Adam(0.05), "mse")
    layer.fit(x, y, epochs=30, verbose=0)
    assert (layer.gates(x).mean() > 0.5) == reopens


def test_the_open_share_loss_updates_closed_gates(x):
    layer = GatedExperts(4, 2, open_share=0.9, open_weight=5.0, seed=1)
    layer(x)
    weights = layer.named_weights()
    weights["gate_bias"][:] = -2
    layer.set_weights(list(weights.values()))
    before = layer.gates(x).mean()
    layer.compile(gw.optimizers.Adam(0.05), "mse")
    layer.fit(x, np.zeros((40, 8)), epochs=40, verbose=0)
    assert before < 0.3
    assert layer.gates(x).mean() > 0.7  # although the targets of 0 favour closed gates


def test_units_of_a_group_differ_by_scale_and_bias(x):
    layer = GatedExperts(2, 3, groups=1, threshold=0.0, activation="linear", seed=1)
    layer(x)
    weights = layer.named_weights()
    weights["scale"][1] = 2
    weights["bias"][1] = 1
    layer.set_weights(list(weights.values()))
    u = layer(x).reshape(40, 2, 3) / layer.gates(x)[:, :, None]
    np.testing.assert_allclose(u[:, 1], 2 * u[:, 0] + 1, rtol=1e-4, atol=1e-5)
    assert weights["kernel"].shape == (1, 6, 3)
    assert layer.count_saved() == 18


def test_the_layer_is_not_affine(x):
    layer = GatedExperts(6, 5, activation="linear", combine="sum", seed=1)
    ends, middle = (layer(x[:20]) + layer(x[20:])) / 2, layer((x[:20] + x[20:]) / 2)
    assert np.abs(ends - middle).max() > 0.05


def test_merged_groups_have_the_mean_of_their_matrices(x):
    layer = GatedExperts(4, 3, groups="auto", seed=1)
    layer(x)
    before = layer.named_weights()["kernel"]
    assert before.shape == (4, 6, 3)
    layer.join_groups([0, 1, 0, 1])
    kernel = layer.named_weights()["kernel"]
    np.testing.assert_allclose(kernel[0], (before[0] + before[2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(kernel[1], (before[1] + before[3]) / 2, rtol=1e-6)
    np.testing.assert_allclose(layer(x).reshape(40, 4, 3), formula(layer, x), rtol=2e-5, atol=1e-6)
    assert layer.count_params() == 2 * 18 + 2 * 12 + 6 * 4 + 4
    with pytest.raises(ValueError, match=r"groups: expected at most 2, got 4"):
        layer.join_groups([0, 1, 2, 3])


def test_auto_merges_units_with_similar_gates(x):
    layer = GatedExperts(5, 3, groups="auto", warm_up=2, similarity=0.9, seed=1)
    layer(x)
    weights = layer.named_weights()
    for near, to in ((3, 0), (4, 3), (2, 1)):
        noise = 0.02 * np.random.default_rng(near).normal(size=6)
        weights["gate_kernel"][:, near] = 2 * weights["gate_kernel"][:, to] + noise
    layer.set_weights(list(weights.values()))
    assert layer.similar_units() == [0, 1, 1, 0, 0]
    layer.compile(gw.optimizers.Adam(1e-4), "mse")
    layer.fit(x, np.ones((40, 15)), epochs=1, verbose=0)
    assert layer.group_of == [0, 1, 2, 3, 4]
    layer.fit(x, np.ones((40, 15)), epochs=3, verbose=0)
    assert layer.group_of == [0, 1, 1, 0, 0]
    assert layer.count_saved() == 3 * 18
    assert "5 units in 2 groups" in layer.describe()


def test_a_layer_with_merged_groups_continues_from_a_file_with_the_same_bits(x, tmp_path):
    y = np.ones((40, 15))
    models = []
    for stops in (False, True):
        layer = GatedExperts(5, 3, groups="auto", warm_up=1, similarity=0.2, seed=1)
        model = gw.Sequential([gw.Input((6,)), layer])
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        assert len(set(layer.group_of)) < 5
        if stops:
            model.save(tmp_path / "m.gatewise")
            model = gw.load_model(tmp_path / "m.gatewise")
            assert model.layers[0].group_of == layer.group_of
            copy = pickle.loads(pickle.dumps(model))
            np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        models.append(model)
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("gate", ["hard", "soft"])
def test_training_has_the_same_bits_for_any_thread_count(gate):
    x = np.random.default_rng(0).normal(size=(200, 20)).astype(np.float32)
    results = []
    for threads in (1, 2):
        gw.set_num_threads(threads)
        layer = GatedExperts(12, 33, gate=gate, combine="sum", open_share=0.2, seed=1)
        layer.compile("adam", "mse")
        layer.fit(x, np.ones((200, 33)), batch_size=100, epochs=2, shuffle=False, verbose=0)
        results.append(np.concatenate([each.ravel() for each in layer.get_weights()]))
    gw.set_num_threads(None)
    np.testing.assert_array_equal(*results)


def test_a_row_does_not_depend_on_its_batch(x):
    layer = GatedExperts(6, 5, seed=1)
    np.testing.assert_array_equal(layer(x)[:3], layer(x[:3]))


def test_steps_allocate_nothing_after_the_first():
    rng = np.random.default_rng(0)
    from gatewise import _core

    layer = GatedExperts(8, 20, groups=4, combine="sum", seed=1)
    model = gw.Sequential([gw.Input((10,)), layer])
    model.compile(gw.optimizers.Adam(0.02), "mse")
    trainer = model._training.prepare_trainer()
    x = rng.normal(size=(400, 10)).astype(np.float32)
    data = _core.Dataset([x], [rng.normal(size=(400, 20)).astype(np.float32)], [None])
    gw.set_num_threads(1)
    try:
        trainer.train_step(data, np.arange(50))
        before = _core.allocation_count()
        for _ in range(300):
            trainer.train_step(data, rng.permutation(400)[:50])
        assert _core.allocation_count() == before
    finally:
        gw.set_num_threads(None)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"units": 0}, ValueError, r"units: expected an integer >= 1, got 0"),
        ({"groups": 5}, ValueError, r"groups: expected at most as many as units \(4\), got 5"),
        ({"groups": [0, 1]}, ValueError, r"groups: expected one index for each of 4 units, got 2"),
        ({"groups": [0, 2, 0, 2]}, ValueError, r"groups: expected indices from 0 without gaps"),
        ({"groups": "all"}, ValueError, r"groups: expected a count, a list or 'auto', got 'all'"),
        ({"gate": "open"}, ValueError, r"gate: expected one of hard, .*, got 'open'"),
        ({"combine": "mean"}, ValueError, r"combine: expected one of concat, sum, got 'mean'"),
        ({"threshold": 1}, ValueError, r"threshold: expected a number below 1, got 1"),
        ({"temperature": 0}, ValueError, r"temperature: expected a number > 0, got 0"),
        ({"activation": "softmax"}, ValueError, r"activation: expected an elementwise function"),
        ({"open_share": 2}, ValueError, r"open_share: expected a number in \[0, 1\], got 2"),
        ({"sparsity": 1}, TypeError, r"sparsity"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        GatedExperts(**{"units": 4, "width": 3} | arguments)


def test_a_stack_has_sixteen_layers_with_residual_connections(x):
    model = gw.build_sparse_experts_model(6)
    kinds = [type(each).__name__ for each in model.layers]
    assert kinds.count("GatedExperts") == kinds.count("Add") == 16
    assert model.output_shape == (None, 1)
    gated = [each for each in model.layers if isinstance(each, GatedExperts)]
    for layer in gated:
        weights = layer.named_weights()
        weights["scale"][:] = 0
        layer.set_weights(list(weights.values()))
    first, last = (each for each in model.layers if isinstance(each, Dense))
    np.testing.assert_allclose(model.predict(x, verbose=0), last(first(x)), rtol=1e-6)
    assert gw.build_sparse_experts_model(6, 2, output_dim=3).output_shape == (None, 3)
    with pytest.raises(ValueError, match=r"n_layers: expected an integer >= 1, got 0"):
        gw.build_sparse_experts_model(6, 0)


def test_a_stack_classifies_tumours():
    """5-fold cross-validation on scikit-learn's breast cancer data; 20 epochs, batches of 32."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    accuracies = []
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(x, y)
    for seed, (training, held_out) in enumerate(folds):
        gw.utils.set_random_seed(seed)
        scaler = StandardScaler().fit(x[training])
        model = gw.build_sparse_experts_model(30)
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        rows, labels = scaler.transform(x), y.reshape(-1, 1)
        model.fit(rows[training], labels[training], batch_size=32, epochs=20, verbose=0)
        accuracies.append(model.evaluate(rows[held_out], labels[held_out], verbose=0)[1])
    assert np.mean(accuracies) >= 0.965


def fitted_units(groups, optimizer, steps=3):
    layer = GatedExperts(4, 3, groups=groups, gate="soft", seed=1)
    model = gw.Sequential([gw.Input((6,)), layer])
    model.compile(optimizer, "mse")
    x = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
    y = np.ones((40, 12), np.float32)
    for _ in range(steps):
        model.train_on_batch(x, y)
    return model, layer, x, y


@pytest.mark.parametrize("optimizer", [gw.optimizers.Adam(0.1), gw.optimizers.SGD(0.1, 0.9)])
def test_a_merged_group_starts_without_moments_and_the_others_keep_theirs(optimizer):
    model, layer, x, y = fitted_units("auto", optimizer)
    trainer = model._state.trainer
    before = trainer.moments(layer.native, "kernel")
    layer.join_groups([0, 1, 0, 2])  # unit 3 moves from group 3 to 2
    for old, new in zip(before, trainer.moments(layer.native, "kernel"), strict=True):
        if old is None:
            continue
        assert not new[0].any()
        np.testing.assert_array_equal(new[1], old[1])
        np.testing.assert_array_equal(new[2], old[3])
    steps = trainer.state()["layer0.steps"]
    assert steps[:3].tolist() == [0, 3, 3]
    # A step of the merged matrix is the first one of a new optimizer.
    copy = pickle.loads(pickle.dumps(model))
    copy.compile(type(optimizer).from_config(optimizer.get_config()), "mse")
    model.train_on_batch(x, y)
    copy.train_on_batch(x, y)
    found, expected = (each.layers[0].named_weights()["kernel"] for each in (model, copy))
    np.testing.assert_array_equal(found[0], expected[0])
    assert np.abs(found[1] - expected[1]).max() > 1e-4


def test_early_stopping_restores_the_groups_of_the_best_epoch():
    model, layer, x, y = fitted_units("auto", "adam", steps=1)
    layer.warm_up, layer.similarity = 2, -1.0
    stopping = gw.callbacks.EarlyStopping(
        "score", mode="max", patience=2, restore_best_weights=True
    )
    best = []

    def score(epoch, logs):
        logs["score"] = -epoch
        best.append(model.predict(x, verbose=0))

    callbacks = [gw.callbacks.LambdaCallback(on_epoch_end=score), stopping]
    model.fit(x, y, epochs=5, verbose=0, callbacks=callbacks)
    assert stopping.best_epoch == 0
    assert layer.group_of == [0, 1, 2, 3]
    np.testing.assert_array_equal(model.predict(x, verbose=0), best[0])
    model.fit(x, y, epochs=1, verbose=0)  # now the second epoch: units merge again
    assert layer.group_of == [0, 0, 0, 0]


def test_a_run_interrupted_after_a_merge_continues_in_a_new_model_with_the_same_bits(tmp_path):
    def run(epochs, callbacks):
        gw.utils.set_random_seed(0)
        layer = GatedExperts(5, 3, groups="auto", warm_up=2, similarity=0.2, seed=1)
        model = gw.Sequential([gw.Input((6,)), layer])
        model.compile("adam", "mse")
        x = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
        model.fit(x, np.ones((40, 15)), epochs=epochs, verbose=0, callbacks=callbacks)
        return model

    class Stop(gw.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = run(5, [])
    assert len(set(whole.layers[0].group_of)) < 5
    backup = gw.callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(5, [backup, Stop()])
    resumed = run(5, [gw.callbacks.BackupAndRestore(tmp_path)])
    assert resumed.layers[0].group_of == whole.layers[0].group_of
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
