"""Callbacks, with the names and arguments of Keras."""

from typing import TYPE_CHECKING

from gatewise.callbacks.backup_and_restore import BackupAndRestore
from gatewise.callbacks.base import Callback
from gatewise.callbacks.callback_list import CallbackList
from gatewise.callbacks.divergence import DivergenceWarning
from gatewise.callbacks.early_stopping import EarlyStopping
from gatewise.callbacks.history import History
from gatewise.callbacks.lambda_callback import LambdaCallback
from gatewise.callbacks.model_checkpoint import ModelCheckpoint
from gatewise.callbacks.terminate_on_nan import TerminateOnNaN
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.callbacks.csv_logger import CSVLogger
    from gatewise.callbacks.learning_rate_scheduler import LearningRateScheduler
    from gatewise.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
    from gatewise.callbacks.swap_ema_weights import SwapEMAWeights
    from gatewise.callbacks.tensorboard import TensorBoard
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "CSVLogger": "csv_logger",
            "LearningRateScheduler": "learning_rate_scheduler",
            "ReduceLROnPlateau": "reduce_lr_on_plateau",
            "SwapEMAWeights": "swap_ema_weights",
            "TensorBoard": "tensorboard",
        },
    )

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "DivergenceWarning",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


def __dir__() -> list[str]:
    return public_names(globals())
