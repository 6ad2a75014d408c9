"""Hooks of Keras that are never called are refused when a subclass is made."""

import pytest

import gatewise as gw


def method(self, *args, **kwargs):
    return None


@pytest.mark.parametrize(
    ("base", "names"),
    [
        (gw.layers.Dense, ["call", "compute_mask"]),
        (gw.Layer, ["call"]),
        (gw.Model, ["call", "train_step", "test_step", "predict_step", "compute_loss"]),
        (gw.Sequential, ["train_step", "compute_metrics", "make_train_function"]),
        (gw.SparseAutoencoder, ["train_step"]),
        (gw.optimizers.Optimizer, ["update_step", "apply_gradients"]),
        (gw.optimizers.Adam, ["update_step"]),
        (gw.losses.Loss, ["call"]),
        (gw.regularizers.Regularizer, ["__call__"]),
        (gw.constraints.Constraint, ["__call__"]),
    ],
)
def test_a_hook_that_is_never_called_is_refused(base, names):
    type("Plain", (base,), {"helper": method})
    for name in names:
        with pytest.raises(TypeError, match=rf"Custom\.{name}: expected no such method"):
            type("Custom", (base,), {name: method})
        mixin = type("Mixin", (), {name: method})
        with pytest.raises(TypeError, match=rf"Custom\.{name}: expected no such method"):
            type("Custom", (mixin, base), {})


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_files_are_not_named_as_those_of_keras(tmp_path, suffix):
    model = gw.Sequential([gw.Input(shape=(2,)), gw.layers.Dense(1)])
    writers = [model.save_weights]
    if suffix != ".keras":  # whole models have that format
        writers += [model.save, gw.callbacks.ModelCheckpoint]
    for write in writers:
        with pytest.raises(ValueError, match="filepath: expected another suffix"):
            write(tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())
