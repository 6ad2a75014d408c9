"""SwiGLU experts in ONNX Runtime: a graph of the router's product and one `MoE` or `QMoE` node."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from .alternate import Step

_DOMAIN = "com.microsoft"


def onnx_step(weights: dict[str, Any], k: int, kind: str, threads: int, batches: Any) -> Step:
    """One call of the graph on the next batch.

    Parameters
    ----------
    weights : dict
        "gate" and "value" (E, d, h), "out" (E, h, d), "router" (d, E).
    k : int
        Experts of a row; a softmax over all experts, normalised over the chosen.
    kind : str
        "MoE" in float32; "QMoE" with int8 weights, a scale for each unit.
    threads : int
        Of the session.
    batches : iterator
        Rows (n, d).
    """
    runtime: Any = importlib.import_module("onnxruntime")
    node, arrays = (_float32_node if kind == "MoE" else _int8_node)(_two_kernels(weights), k)
    arrays["router"] = weights["router"]
    values = {
        name: runtime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
        for name, array in arrays.items()
    }
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    # Not inside the graph, which may have 2 GB at most.
    options.add_external_initializers(list(values), list(values.values()))
    graph = _graph(node, arrays, weights["router"].shape[0])
    session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def step() -> Any:
        assert values  # the session reads them
        return session.run(None, {"x": next(batches)})[0]

    return step


def _two_kernels(weights: dict[str, Any]) -> tuple[Any, Any]:
    """Kernels (E, 2 h, d), gate and value units in turn, and (E, d, h)."""
    experts, width, hidden = weights["gate"].shape
    first = np.empty((experts, 2 * hidden, width), np.float32)
    first[:, 0::2] = weights["gate"].transpose(0, 2, 1)
    first[:, 1::2] = weights["value"].transpose(0, 2, 1)
    return first, np.ascontiguousarray(weights["out"].transpose(0, 2, 1))


def _float32_node(kernels: tuple[Any, Any], k: int) -> tuple[Any, dict[str, Any]]:
    arrays = dict(zip(("first", "second"), kernels, strict=True))
    return _node("MoE", ["x", "logits", "first", "", "second"], k), arrays


def _int8_node(kernels: tuple[Any, Any], k: int) -> tuple[Any, dict[str, Any]]:
    arrays = {}
    for name, kernel in zip(("first", "second"), kernels, strict=True):
        scale = np.abs(kernel).max(axis=2) / np.float32(127)
        arrays[name] = (np.rint(kernel / scale[:, :, None]) + 128).astype(np.uint8)
        arrays[f"{name}_scale"] = scale
    inputs = ["x", "logits", "first", "first_scale", "", "second", "second_scale"]
    return _node("QMoE", inputs, k, expert_weight_bits=8), arrays


def _node(kind: str, inputs: list[str], k: int, **more: Any) -> Any:
    helper: Any = importlib.import_module("onnx").helper
    return helper.make_node(
        kind,
        inputs,
        ["y"],
        domain=_DOMAIN,
        k=k,
        activation_type="swiglu",
        swiglu_fusion=1,  # gate and value units in turn
        activation_alpha=1.0,
        activation_beta=0.0,
        normalize_routing_weights=1,
        **more,
    )


def _graph(node: Any, arrays: dict[str, Any], width: int) -> bytes:
    onnx: Any = importlib.import_module("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    tensors = []
    for name, array in arrays.items():
        tensor = kinds(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            dims=array.shape,
            data_location=kinds.EXTERNAL,
        )
        for key, value in (("location", "memory"), ("offset", 0), ("length", array.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    ends = [helper.make_tensor_value_info(name, kinds.FLOAT, ["n", width]) for name in ("x", "y")]
    nodes = [helper.make_node("MatMul", ["x", "router"], ["logits"]), node]
    graph = helper.make_graph(nodes, "experts", ends[:1], ends[1:], tensors)
    versions = [helper.make_opsetid("", 21), helper.make_opsetid(_DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    found: bytes = model.SerializeToString()
    return found
