"""Training, testing and predicting: what every model can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gatewise import _core
from gatewise.callbacks import History
from gatewise.data.convert import Shape, features
from gatewise.training.batch_rows import BATCH_ROWS
from gatewise.training.compiling import Compiling
from gatewise.training.evaluating import evaluate_model, one_batch
from gatewise.training.fitting import FitArguments, fit_model
from gatewise.training.predicting import predict_model
from gatewise.training.progress import Verbose

_FLOAT32 = np.dtype(np.float32)
# Above this many samples `predict` works in parts, so that it can show how far it is.
_FAST_PATH_MAX_SAMPLES = 1 << 16


class Trainable(Compiling):
    """`compile`, `fit`, `evaluate`, `predict` and their kin, with the arguments of Keras.

    Attributes
    ----------
    optimizer : Optimizer
        After `compile`; its `learning_rate` may be set at any time, unless a schedule sets it.
    history : History
        Of the last `fit`.
    stop_training : bool
        Set by callbacks to end training after the batch under way.
    stop_evaluating, stop_predicting : bool
        Likewise for a test, in `on_test_batch_end`, and for `predict`, in `on_predict_batch_end`;
        the results are those of the batches so far.
    """

    output_keys: Sequence[str] | None = None
    """The names of the outputs of a model that was made from a dict of them."""

    def __init__(self) -> None:
        super().__init__()
        self._fast_path_network: _core.Network | None = None
        self._fast_path_shape: Shape | None = None

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Trains the model.

        Parameters
        ----------
        x : array (n, ..., d), path, iterator, list or dict
            Samples: an array, SciPy sparse matrix, `np.memmap` or path to a `.npy` file (read a
            part at a time), a list or dict of them for several inputs; or an iterator or other
            iterable of batches `(x, y)` or `(x, y, sample_weight)`.
        y : array, path, list or dict
            Targets; None with an iterator.
        batch_size : int, optional
            Samples of a step, 32 unless it or `steps_per_epoch` is given; None with an iterator.
        epochs, initial_epoch : int
            Trains epochs `initial_epoch` (from 0) to `epochs - 1`; none if both are equal.
        verbose : 0, 1, 2 or "auto"
            0 nothing, 1 a bar, 2 one line an epoch; "auto" is 1 in a terminal or notebook, else 2.
        callbacks : Callback or list of them, optional
            See `gw.callbacks`.
        validation_split : float in [0, 1)
            The share of the last samples, taken before shuffling, that is kept for validation.
        validation_data : tuple or iterable of batches, optional
            `(x, y)` or `(x, y, sample_weight)`; goes before `validation_split`.
        shuffle : bool
            Whether each epoch has an order of its own; not with an iterator. Of files, blocks of
            rows are shuffled and the rows of several blocks among each other.
        class_weight : dict, optional
            Weight of the samples of each class; a class that is not a key has weight 1. Classes are
            indices, one-hot rows or, for losses of values with one unit, whole numbers. Multiplies
            `sample_weight`.
        sample_weight : array (n,), or (n, t) for outputs (n, t, units), list or dict, optional
            Weight of each sample, or row, in the loss and in `weighted_metrics`; other metrics do
            not see it, as in Keras. What has weight 0 for every output is not trained on: layers,
            routers and what they count never see it.
        steps_per_epoch : int, optional
            Batches of an epoch; all unless given. Without `batch_size` x is divided into so many.
            The next epoch goes on where it ended; one that meets the end of the data ends there.
        validation_steps : int, optional
            Batches of a validation; all unless given.
        validation_batch_size : int, optional
            As `batch_size` unless given.
        validation_freq : int or list of int
            Every how many epochs there is a validation, or after which, counted from 1.

        Returns
        -------
        History
            `history.history[name]` has one value an epoch: means over its batches, weighted by
            their samples, metrics that are no means over all rows, and `val_` names for the
            validation.

        Raises
        ------
        TypeError, ValueError
            If the model is not compiled, an argument is out of range, or data have the wrong shape
            or dtype, are empty, not finite, or no labels of the loss. Arrays in memory are checked
            before the first step; files and iterators as they are read, the model staying as after
            the last step.
        RuntimeError
            If another call is at work on the model.

        Notes
        -----
        With the same seed the result is the same, bit for bit, on any number of threads. Ctrl-C
        leaves the model as after a whole step.
        """
        arguments = FitArguments.check(
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )
        data = (x, y, sample_weight, class_weight)
        return fit_model(
            self._training, data, (validation_split, validation_data), arguments, callbacks
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on given samples: means over the batches, weighted by their samples.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks
            See `fit`.
        steps : int, optional
            Batches to use; all unless given.
        return_dict : bool
            Whether to return a dict by name.

        Returns
        -------
        float, list or dict
            The loss; with metrics a list in the order of `metrics_names`, or a dict.

        Raises
        ------
        TypeError, ValueError
            See `fit`.
        """
        logs = evaluate_model(
            self._training, (x, y, sample_weight), batch_size, verbose, steps, callbacks
        )
        return logs if return_dict else _to_scalar_or_list(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs.

        Parameters
        ----------
        x : array (n, ..., d), path, iterator, list or dict
            See `fit`; of an iterator's `(x, y)` batches only x is used.
        batch_size : int, optional
            Samples computed at a time. Changes no bit of the result.
        verbose : 0, 1, 2 or "auto"
            Long predictions show a bar.
        steps : int, optional
            Batches to use; all unless given.
        callbacks : Callback or list of them, optional
            See `gw.callbacks`.

        Returns
        -------
        ndarray (n, ..., u), float32
            A list of them for several outputs. Row i does not depend on the other rows, in any bit.

        Raises
        ------
        TypeError, ValueError
            If x has the wrong shape or dtype, is empty, or holds NaN or infinity.

        Notes
        -----
        Safe from several threads at once.
        """
        network = self._state.network
        if (
            network is not None
            and network is self._fast_path_network
            and type(x) is np.ndarray
            and x.shape[1:] == self._fast_path_shape
            and 0 < len(x) <= _FAST_PATH_MAX_SAMPLES
            and steps is callbacks is None
            and (batch_size is None or (type(batch_size) is int and batch_size > 0))
            and verbose in (0, 1, 2, "auto")
        ):
            flags = x.flags
            is_converted = x.dtype is _FLOAT32 and flags.c_contiguous and flags.aligned
            if not is_converted:
                x = features(x, "x", (None, *x.shape[1:]))
            outputs = network.predict([x], batch_size or BATCH_ROWS, not is_converted)
            return outputs[0] if len(outputs) == 1 else outputs
        outputs = predict_model(self._training, x, batch_size, verbose, steps, callbacks)
        shapes = [symbol.shape[1:] for symbol in self.inputs if symbol.dtype == "float32"]
        network = self._training.require_network()
        is_plain = (
            len(self.inputs) == len(shapes) == 1
            and not network.reads_whole_samples
            and self.output_keys is None
        )
        self._fast_path_shape = shapes[0] if is_plain else None
        self._fast_path_network = network
        return pack(outputs, self.output_keys)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch.

        Parameters
        ----------
        x, y, sample_weight, class_weight
            See `fit`; arrays.
        return_dict : bool
            Whether to return a dict by name.

        Returns
        -------
        float, list or dict
            As `evaluate`, for this batch alone (Keras gives means over all calls since its metrics
            were reset).

        Raises
        ------
        TypeError, ValueError, RuntimeError
            See `fit`.
        """
        logs = one_batch(self._training, (x, y, sample_weight, class_weight), train=True)
        return logs if return_dict else _to_scalar_or_list(logs)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch; arguments and result as those of `train_on_batch`."""
        logs = one_batch(self._training, (x, y, sample_weight, None), train=False)
        return logs if return_dict else _to_scalar_or_list(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch; as `predict` without its options."""
        return self.predict(x, verbose=0)


def pack(items: list[Any], keys: Sequence[str] | None) -> Any:
    """A dict where there are keys; else the only item, or the list."""
    if keys is not None:
        return dict(zip(keys, items, strict=True))
    return items[0] if len(items) == 1 else items


def _to_scalar_or_list(logs: dict[str, float]) -> float | list[float]:
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
