"""A training that diverges warns once, and leaves the last good checkpoint."""

import numpy as np
import pytest

import gatewise as gw

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X[:, :1]


class Breaker(gw.callbacks.Callback):
    """Makes the weights infinite at the start of the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            self.model.set_weights([np.full_like(w, np.inf) for w in self.model.get_weights()])


def make_model():
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input(shape=(3,)), gw.layers.Dense(1)])
    model.compile(gw.optimizers.SGD(0.01), "mse")
    return model


def test_fit_warns_once_of_a_loss_that_is_not_finite():
    with pytest.warns(gw.DivergenceWarning) as warned:
        make_model().fit(X, Y, batch_size=10, epochs=4, verbose=0, callbacks=[Breaker()])
    assert len(warned) == 1
    assert "in epoch 3, step 1;" in str(warned[0].message)
    assert warned[0].filename == __file__


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_model_checkpoint_keeps_the_last_good_file(tmp_path, weights_only, save_freq):
    path = tmp_path / "file"
    saving = gw.callbacks.ModelCheckpoint(path, save_weights_only=weights_only, save_freq=save_freq)
    model = make_model()
    with pytest.warns(gw.DivergenceWarning) as warned:
        model.fit(X, Y, batch_size=10, epochs=4, verbose=0, callbacks=[Breaker(), saving])
    assert sum("not written" in str(each.message) for each in warned) == 1
    assert not np.isfinite(model.get_weights()[0]).any()
    model.load_weights(path)
    assert np.isfinite(model.get_weights()[0]).all()


@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_backup_keeps_the_last_good_state(tmp_path, save_freq):
    def fit(callbacks):
        backup = gw.callbacks.BackupAndRestore(tmp_path, save_freq, delete_checkpoint=False)
        model = make_model()
        model.fit(X, Y, batch_size=10, epochs=4, verbose=0, callbacks=[*callbacks, backup])
        return model

    with pytest.warns(gw.DivergenceWarning):
        fit([Breaker()])
    resumed = fit([])
    assert np.isfinite(resumed.get_weights()[0]).all()
