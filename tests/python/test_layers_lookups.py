"""Lookups and encodings of arrays; the expected values are those of Keras 3.15."""

from __future__ import annotations

import numpy as np
import pytest

import gatewise as gw

layers = gw.layers
WORDS = np.array([["a", "c", "d"], ["d", "z", "b"]])
NUMBERS = np.array([[12, 1138, 42], [42, 1000, 36]])


@pytest.mark.parametrize(
    ("lookup", "data", "expected"),
    [
        (layers.StringLookup(vocabulary=["a", "b", "c", "d"]), WORDS, [[1, 3, 4], [4, 0, 2]]),
        (layers.IntegerLookup(vocabulary=[12, 36, 1138, 42]), NUMBERS, [[1, 3, 4], [4, 0, 2]]),
        (
            layers.StringLookup(vocabulary=["a", "b", "c", "d"], mask_token=""),
            np.array([["", "a", "z"]]),
            [[0, 2, 1]],
        ),
        (
            layers.StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="one_hot"),
            np.array(["a", "b", "c", "d", "z"]),
            [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]],
        ),
        (
            layers.StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="multi_hot"),
            np.array([["a", "c", "d", "d"], ["d", "z", "b", "z"]]),
            [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]],
        ),
        (
            layers.StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="count"),
            np.array([["a", "c", "d", "d"], ["d", "z", "b", "z"]]),
            [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]],
        ),
        (
            layers.StringLookup(vocabulary=["a", "b", "c", "d"], invert=True),
            np.array([[1, 3, 4], [4, 0, 2]]),
            [["a", "c", "d"], ["d", "[UNK]", "b"]],
        ),
        (layers.CategoryEncoding(4, output_mode="one_hot"), [3, 2, 0, 1], np.eye(4)[[3, 2, 0, 1]]),
        (
            layers.CategoryEncoding(4),
            [[0, 1], [0, 0], [1, 2], [3, 1]],
            [[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]],
        ),
    ],
)
def test_tokens_become_ids_and_rows(lookup, data, expected):
    assert lookup(data).tolist() == np.asarray(expected).tolist()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("one_hot", [[0, 0], [0, 1], [1, 0]]),
        ("multi_hot", [1, 1]),
        ("count", [1, 1]),
    ],
)
def test_masks_count_as_no_token_in_rows(mode, expected):
    lookup = layers.StringLookup(
        vocabulary=["a", "b"], mask_token="", num_oov_indices=0, output_mode=mode
    )
    assert lookup(np.array(["", "b", "a"])).tolist() == expected


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_ids_of_one_axis_are_one_sample_as_in_keras(mode):
    encoding = layers.CategoryEncoding(4, output_mode=mode)
    assert encoding([0, 1, 2]).tolist() == [1, 1, 1, 0]
    assert encoding(2).tolist() == [0, 0, 1, 0]
    assert encoding([[1], [2]]).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert encoding(np.zeros((2, 0))).tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(
    "layer",
    [
        layers.StringLookup(vocabulary=["a", "b"], mask_token="", name="words"),
        layers.IntegerLookup(vocabulary=[3, 5], output_mode="count", name="numbers"),
        layers.CategoryEncoding(4, output_mode="count", name="rows"),
    ],
)
def test_lookups_are_restored_from_their_configuration(layer):
    restored = type(layer).from_config(layer.get_config())
    assert restored.get_config() == layer.get_config()


def test_ids_count_their_weights():
    weights = np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    encoding = layers.CategoryEncoding(4, output_mode="count")
    found = encoding([[0, 1], [0, 0], [1, 2], [3, 1]], count_weights=weights)
    expected = [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0], [0, 0.2, 0.3, 0], [0, 0.2, 0, 0.4]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # float32


def test_a_vocabulary_is_learned_by_frequency_then_downwards():
    words, numbers = layers.StringLookup(), layers.IntegerLookup()
    words.adapt(WORDS)
    numbers.adapt(NUMBERS)
    assert words.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    assert numbers.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    assert numbers.get_vocabulary(include_special_tokens=False) == [42, 1138, 1000, 36, 12]
    assert words.vocabulary_size() == 6
    short = layers.StringLookup(max_tokens=3)
    short.adapt(WORDS)
    assert short.get_vocabulary() == ["[UNK]", "d", "z"]
    again = layers.StringLookup(vocabulary=words.get_vocabulary())
    assert again.get_vocabulary() == words.get_vocabulary()
    assert layers.StringLookup(**words.get_config()).get_vocabulary() == words.get_vocabulary()


def test_the_ids_feed_an_embedding():
    lookup = layers.StringLookup()
    lookup.adapt(WORDS)
    x = gw.Input((3,), dtype="int64")
    table = layers.Embedding(lookup.vocabulary_size(), 2)
    assert gw.Model(x, table(x)).predict(lookup(WORDS), verbose=0).shape == (2, 3, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layers.StringLookup()(WORDS), ValueError, "expected a vocabulary; call adapt"),
        (
            lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(WORDS),
            ValueError,
            "expected a token of the vocabulary, got 'c'",
        ),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), ValueError, "each token once"),
        (
            lambda: layers.StringLookup(max_tokens=2, vocabulary=["a", "b"]),
            ValueError,
            "expected at most 1 tokens, got 2",
        ),
        (lambda: layers.StringLookup(vocabulary=["a"])(NUMBERS), TypeError, "expected str tokens"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(WORDS), TypeError, "expected int tokens"),
        (lambda: layers.IntegerLookup(num_oov_indices=2), TypeError, "expected 0 or 1, got 2"),
        (lambda: layers.StringLookup(sparse=True), TypeError, "StringLookup: sparse"),
        (lambda: layers.StringLookup(output_mode="tf_idf"), ValueError, "output_mode: expected"),
        (
            lambda: layers.StringLookup(vocabulary=["a"])(gw.Input((1,))),
            TypeError,
            "expected an array, got a symbol; call it on data, before fit",
        ),
        (lambda: layers.CategoryEncoding(3)([[3]]), ValueError, "expected ids from 0 to 2, got 3"),
        (
            lambda: layers.CategoryEncoding(3)([[1]], count_weights=[[1.0]]),
            ValueError,
            "count_weights: expected None with 'multi_hot'",
        ),
    ],
)
def test_what_cannot_be_looked_up_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
