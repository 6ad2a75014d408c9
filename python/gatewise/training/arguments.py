"""Checks of the plain arguments of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.utils.checks import check_integer

# Keras' own default.
DEFAULT_BATCH_SIZE = 32


def default_batch_size(batch_size: int | None, samples: int, steps: int | None) -> int:
    """Samples per batch as in Keras: `steps` batches of all samples if only they are given."""
    if batch_size is not None:
        return batch_size
    return DEFAULT_BATCH_SIZE if steps is None else -(-samples // steps)


def check_optional_count(name: str, value: object) -> int | None:
    """`value` as an int of at least 1, or None.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    return None if value is None else check_integer(name, value, 1)


def check_epochs(epochs: object, initial_epoch: object) -> tuple[int, int]:
    """Numbers of epochs, `initial_epoch` at most `epochs`; 0 epochs train nothing, as in Keras.

    Raises
    ------
    TypeError, ValueError
        If they are something else.
    """
    last = check_integer("epochs", epochs, 0)
    first = check_integer("initial_epoch", initial_epoch, 0)
    if first > last:
        raise ValueError(f"initial_epoch: expected at most epochs ({last}), got {first}")
    return last, first


def check_validation_freq(value: object) -> int | list[int]:
    """`validation_freq` as an int of at least 1, or a list of epochs counted from 1.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [check_integer("validation_freq", each, 1) for each in value]
    return check_integer("validation_freq", value, 1)


def refuse_with_iterator(owner: str, **given: object) -> None:
    """Refuses arguments that do not go with an iterator of batches.

    Raises
    ------
    ValueError
        If one of them is not None.
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}: expected None where {owner} is an iterator of batches "
                f"(x, y[, sample_weight]), got {type(value).__name__}"
            )
