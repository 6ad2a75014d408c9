"""SwiGLU experts in kt-kernel, the CPU part of KTransformers: `BF16`, or int8 from bfloat16.

kt-kernel names an older PyTorch than the extra `bench` and runs with this one:
`pip install --no-deps kt-kernel`.
"""

from __future__ import annotations

import importlib
from typing import Any

from .alternate import Step
from .torch_experts import choose, linear

_MOST_ROWS = 4096
_CLASSES = {"bfloat16": "AMXBF16_MOE", "int8": "AMXInt8_MOE"}
"""Named after AMX, with AVX-512 instructions where there is none."""


def kt_step(weights: dict[str, Any], k: int, kind: str, threads: int, batches: Any) -> Step:
    """PyTorch's router and kt-kernel's experts on the next batch.

    Parameters
    ----------
    weights : dict
        "gate" and "value" (E, d, h), "out" (E, h, d), "router" (d, E).
    k : int
        Experts of a row; a softmax over all experts, normalised over the chosen.
    kind : str
        "bfloat16" or "int8".
    threads : int
        Of the router and of the experts.
    batches : iterator
        Rows (n, d).
    """
    import torch

    torch.set_num_threads(threads)
    extension: Any = importlib.import_module("kt_kernel").kt_kernel_ext
    experts, width, units = weights["gate"].shape
    pool = extension.WorkerPoolConfig()
    pool.subpool_count, pool.subpool_numa_map, pool.subpool_thread_count = 1, [0], [threads]
    workers = extension.CPUInfer(pool)
    elsewhere = torch.zeros(experts, dtype=torch.bool)  # no expert lies on a GPU
    config = extension.moe.MOEConfig(experts, k, width, units, elsewhere.data_ptr())
    config.pool, config.max_len = workers.backend_, _MOST_ROWS
    kernels = {
        name: torch.from_numpy(weights[name]).transpose(1, 2).contiguous().bfloat16()
        for name in ("gate", "value", "out")
    }
    order = torch.arange(experts)
    if kind == "bfloat16":  # a pointer for each expert of the one group of threads
        config.gate_projs, config.up_projs, config.down_projs = (
            [[expert.data_ptr() for expert in kernels[name]]] for name in kernels
        )
    else:
        config.gate_proj, config.up_proj, config.down_proj = (
            kernel.data_ptr() for kernel in kernels.values()
        )
    layer = getattr(extension.moe, _CLASSES[kind])(config)
    workers.submit(layer.load_weights_task(order.data_ptr()))
    workers.sync()
    layer.warm_up()
    kernels.clear()  # copied
    router = linear(torch.from_numpy(weights["router"]))

    def step() -> Any:
        assert len(elsewhere) == len(order)  # the extension reads both
        with torch.inference_mode():
            x = torch.from_numpy(next(batches))
            gates, indices = choose(router, x, k)
            rows, y = x.bfloat16(), torch.empty(x.shape, dtype=torch.bfloat16)
            count = torch.tensor([len(x)], dtype=torch.int32)
            indices, gates = indices.contiguous(), gates.contiguous()
            pointers = (each.data_ptr() for each in (indices, gates, rows, y))
            workers.submit(layer.forward_task(count.data_ptr(), k, *pointers, False))
            workers.sync()
            return y.float()

    return step
