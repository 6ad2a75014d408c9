"""The balance loss in the history."""

from typing import Any

import numpy as np
import pytest

import gatewise as gw

X = np.random.default_rng(0).normal(size=(96, 5)).astype(np.float32)
Y = X[:, :2]


def fitted(balance: Any, **options: Any) -> Any:
    layer = gw.SparseExpertLayer(2, num_experts=4, k=2, balance=balance, seed=0)
    model = gw.Sequential([gw.Input((5,)), layer])
    model.compile(gw.optimizers.SGD(0.0), "mse")
    return model, model.fit(X, Y, batch_size=32, verbose=0, **options).history


def test_it_is_what_the_loss_has_beside_that_of_the_outputs() -> None:
    model, history = fitted(gw.balance.AuxLoss(0.5), epochs=2, shuffle=False)
    plain = float(np.mean((model.predict(X, verbose=0) - Y) ** 2))
    assert history["balance_loss"][0] == pytest.approx(history["loss"][0] - plain, rel=1e-4)
    assert 0.4 < history["balance_loss"][0] < 2
    assert len(history["balance_loss"]) == 2


def test_it_grows_with_its_weight_in_the_validation_too() -> None:
    small, large = (
        fitted(gw.balance.AuxLoss(weight), shuffle=False, validation_split=1 / 3)[1]
        for weight in (0.1, 0.2)
    )
    assert large["balance_loss"][0] == pytest.approx(2 * small["balance_loss"][0], rel=1e-4)
    both = [each["val_balance_loss"][0] for each in (small, large)]
    assert both[1] == pytest.approx(2 * both[0], rel=1e-4)


def test_models_without_one_do_not_report_it() -> None:
    for balance in ("auto", None, gw.balance.Bias(0.1)):
        assert "balance_loss" not in fitted(balance)[1]
    both = [gw.balance.Bias(0.1), gw.balance.ZLoss(0.1)]
    assert fitted(both)[1]["balance_loss"][0] > 0
