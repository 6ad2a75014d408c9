"""A training step in PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from .alternate import Step
from .our_experts import TORCH_EPSILON


def training_step(
    parameters: Iterable[Any],
    batches: Iterable[tuple[Any, ...]],
    loss_of: Callable[..., Any],
) -> Step:
    """A step with the fused Adam on the batches in turn, with the loss `loss_of(*batch)`."""
    import torch

    optimizer = torch.optim.Adam(parameters, fused=True, eps=TORCH_EPSILON)
    order = itertools.cycle(list(batches))

    def step() -> Any:
        batch = next(order)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(*batch)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
