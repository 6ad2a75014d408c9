"""Callbacks, with the names and arguments of Keras."""

from gatewise.callbacks.backup_and_restore import BackupAndRestore
from gatewise.callbacks.base import Callback
from gatewise.callbacks.callback_list import CallbackList
from gatewise.callbacks.divergence import DivergenceWarning
from gatewise.callbacks.early_stopping import EarlyStopping
from gatewise.callbacks.history import History
from gatewise.callbacks.lambda_callback import LambdaCallback
from gatewise.callbacks.model_checkpoint import ModelCheckpoint
from gatewise.callbacks.terminate_on_nan import TerminateOnNaN
from gatewise.utils.public_names import public_names

__all__ = [
    "BackupAndRestore",
    "Callback",
    "CallbackList",
    "DivergenceWarning",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "ModelCheckpoint",
    "TerminateOnNaN",
]


def __dir__() -> list[str]:
    return public_names(globals())
