"""Figure of specialisation: shares of classes and rows that experts have in common."""

import io
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise import plots


class Routed:
    def __init__(self, found: Any) -> None:
        self.found = found

    def routing(self, x: Any) -> Any:
        return self.found


INDICES = np.array([[0, 1], [0, 1], [0, 2], [2, 3]])
LABELS = ["b", "b", "a", "a"]


def images(figure: Any) -> list[Any]:
    return [axes.images[0].get_array() for axes in figure.axes[:2]]


def test_shares_of_classes_and_cosines_of_rows() -> None:
    figure = plots.specialisation(Routed((INDICES, np.ones((4, 2)))), None, LABELS)
    shares, cosines = images(figure)
    np.testing.assert_allclose(shares, [[0.5, 1], [0, 1], [1, 0], [0.5, 0]])
    assert cosines[0, 1] == pytest.approx(2 / np.sqrt(3 * 2))
    assert cosines[1, 2] == 0 and np.allclose(np.diag(cosines), 1)
    assert [each.get_text() for each in figure.axes[0].get_xticklabels()] == ["a", "b"]
    figure.savefig(io.BytesIO())


def test_csr_routing_and_members() -> None:
    matrix = np.zeros((4, 4))
    np.put_along_axis(matrix, INDICES, 0.5, 1)
    first = images(plots.specialisation(Routed(csr_array(matrix)), None, LABELS))
    second = images(plots.specialisation(Routed((INDICES, None)), None, LABELS))
    np.testing.assert_allclose(first[0], second[0])
    members = np.concatenate([INDICES[:, :1], INDICES[:, 1:]])
    third = images(plots.specialisation(Routed((members, None)), None, LABELS))
    np.testing.assert_allclose(third[0], second[0])


def test_models_and_estimators_are_drawn() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    y = np.where(x[:, 0] > 0, "yes", "no")
    layer = gw.SparseExpertLayer(3, num_experts=6, k=2, name="experts")
    model = gw.Sequential([gw.Input((4,)), layer])
    assert images(plots.specialisation(model, x, y, layer="experts"))[0].shape[1] == 2
    settings = {"num_experts": 4, "members": 2, "hidden_units": 8, "max_iter": 5}
    estimator = gw.SparseExpertClassifier(**settings, n_estimators=2).fit(x, y)
    shares, cosines = images(plots.specialisation(estimator, x, y, max_experts=5))
    assert shares.shape == (5, 2) and cosines.shape == (5, 5)
    assert estimator.routing(x)[0].max() >= 4


def test_lengths_are_checked() -> None:
    with pytest.raises(ValueError, match="y: expected 4 classes, one for each row, got 3"):
        plots.specialisation(Routed((INDICES, None)), None, LABELS[:3])
