"""Candidates of a comparison: models of this package, scikit-learn estimators, and factories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise._extras import import_extra
from gatewise.models import Model
from gatewise.utils.random import seeds_from

if TYPE_CHECKING:
    from collections.abc import Mapping


def new_model(name: str, candidate: Any, seed: int) -> Any:
    """Makes an untrained model from a candidate.

    Parameters
    ----------
    name : str
        Name of the candidate in error messages.
    candidate : Model, estimator, or callable
        A compiled model is copied with new weights; an estimator is cloned; a callable returns
        either, or any other object with `fit` and `predict`.
    seed : int
        Seed of the new weights, unless layers have their own seeds; also the `random_state` of an
        estimator if that is unset.

    Raises
    ------
    TypeError
        The candidate is none of the three kinds.
    ValueError
        The model is not compiled.
    """
    with seeds_from(seed):
        if isinstance(candidate, Model):
            return _new_model(name, candidate)
        if is_factory(candidate):
            return _check_candidate(name, candidate())
    if is_estimator(candidate):
        clone = import_extra("sklearn.base", "sklearn").clone(candidate)
        unset = [
            key
            for key, value in clone.get_params().items()
            if key.rpartition("__")[2] == "random_state" and value is None
        ]
        return clone.set_params(**dict.fromkeys(unset, seed % 2**32))
    raise _candidate_type_error(name, candidate)


def is_factory(candidate: Any) -> bool:
    """Whether it is a function that makes a model."""
    return callable(candidate) and not hasattr(candidate, "fit")


def _check_candidate(name: str, made: Any) -> Any:
    if not (hasattr(made, "fit") and hasattr(made, "predict")):
        raise _candidate_type_error(name, made)
    if isinstance(made, Model) and not made.get_compile_config():
        raise _not_compiled_error(name)
    return made


def _candidate_type_error(name: str, candidate: Any) -> TypeError:
    return TypeError(
        f"models[{name!r}]: expected a compiled model, an estimator, or a function that makes one, "
        f"got {type(candidate).__name__}"
    )


def _not_compiled_error(name: str) -> ValueError:
    return ValueError(f"models[{name!r}]: expected a compiled model, got an uncompiled one")


def is_estimator(candidate: Any) -> bool:
    """Whether it has the methods of scikit-learn's estimators."""
    return hasattr(candidate, "get_params") and hasattr(candidate, "fit")


def _new_model(name: str, model: Model) -> Model:
    config = model.get_compile_config()
    if not config:
        raise _not_compiled_error(name)
    copy = type(model).from_config(model.get_config())
    copy.compile_from_config(config)
    return copy


def fit_model(model: Any, x: Any, y: Any, options: Mapping[str, Any]) -> None:
    """Trains the model; `options` are those of `Model.fit` and are not passed to estimators."""
    if is_estimator(model):
        model.fit(x, y)
    elif isinstance(model, Model):
        model.fit(x, y, **{"verbose": 0, **options})
    else:
        model.fit(x, y, **options)


def predict(model: Any, x: Any) -> Any:
    """Predictions of the model for the rows."""
    return model.predict(x, verbose=0) if isinstance(model, Model) else model.predict(x)
