"""Pictures of a model's graph, drawn by Graphviz."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gatewise._extras import import_extra
from gatewise.utils.checks import check_choice, check_flag, check_integer
from gatewise.utils.html import escape

_DIRECTIONS = ("TB", "BT", "LR", "RL")
_SPLINES = ("ortho", "curved", "polyline", "spline", "line")


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draws the layers of a model and what each reads.

    A file `.dot` is the graph as text and needs no other package. All others are drawn by the
    program Graphviz through the package graphviz (`pip install 'gatewise[plot_model]'`) or, without
    it, pydot.

    Parameters
    ----------
    model : Model
        A built one.
    to_file : str or path, default "model.png"
        The file, in the format of its suffix: `.png`, `.svg`, `.pdf`, `.dot`, ...; PNG without one.
    show_shapes : bool, default False
        Whether to write the shapes of inputs and outputs.
    show_dtype : bool, default False
        Whether to write the type of the weights.
    show_layer_names : bool, default False
        Whether to write the names of layers.
    rankdir : str, default "TB"
        `"TB"` from top to bottom, `"LR"` from left to right, `"BT"` or `"RL"`.
    expand_nested : bool, default False
        Without effect: the layers of a model within a model are always drawn.
    dpi : int, default 200
        Dots per inch.
    show_layer_activations : bool, default False
        Whether to write the activations of layers that have one.
    show_trainable : bool, default False
        Whether to write if a layer is trained.
    splines : str, default "ortho"
        How edges are drawn: `"ortho"`, `"curved"`, `"polyline"`, `"spline"` or `"line"`.

    Returns
    -------
    IPython.display.Image or None
        The picture where IPython runs, unless it is a PDF or a text.

    Raises
    ------
    ImportError
        If neither package is installed; the message names the extra.
    ValueError, TypeError
        If the model is not built, or an argument is out of range.

    Examples
    --------
    >>> import gatewise as gw
    >>> model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(2, name="scores")])
    >>> gw.utils.plot_model(model, "model.dot", show_shapes=True)
    >>> from pathlib import Path
    >>> Path("model.dot").read_text().startswith("digraph")
    True
    """
    check_flag("expand_nested", expand_nested)
    flags = {
        "show_layer_names": check_flag("show_layer_names", show_layer_names),
        "show_layer_activations": check_flag("show_layer_activations", show_layer_activations),
        "show_dtype": check_flag("show_dtype", show_dtype),
        "show_shapes": check_flag("show_shapes", show_shapes),
        "show_trainable": check_flag("show_trainable", show_trainable),
    }
    settings = {
        "rankdir": check_choice("rankdir", rankdir, _DIRECTIONS),
        "dpi": str(check_integer("dpi", dpi, 1)),
        "splines": check_choice("splines", splines, _SPLINES),
        "concentrate": "true",
    }
    text = "\n".join(_graph(model, settings, flags)) + "\n"
    path = Path(to_file)
    kind = path.suffix.removeprefix(".").lower() or "png"
    if kind in ("dot", "gv"):
        path.write_text(text, encoding="utf-8")
        return None
    path.write_bytes(_draw(text, kind))
    if kind == "pdf" or "IPython" not in sys.modules:
        return None
    return importlib.import_module("IPython.display").Image(filename=str(path))


def _draw(text: str, kind: str) -> bytes:
    """The picture in a format, by the package that is installed."""
    try:
        graphviz: Any = import_extra("graphviz", "plot_model")
    except ImportError:
        try:
            pydot = importlib.import_module("pydot")
        except ImportError:
            pydot = None
        if pydot is None:
            raise
        drawn: bytes = pydot.graph_from_dot_data(text)[0].create(format=kind)
        return drawn
    piped: bytes = graphviz.Source(text).pipe(format=kind)
    return piped


def _graph(model: Any, settings: dict[str, str], flags: dict[str, bool]) -> Iterator[str]:
    """The lines of the graph in the language DOT; a layer that is called often is one box."""
    boxes: dict[int, str] = {}
    edges: dict[tuple[int, int], None] = {}
    for node in _nodes(model):
        boxes.setdefault(id(node.layer), _label(node, flags))
        edges.update({(id(each.node.layer), id(node.layer)): None for each in node.inputs})
    numbers = {key: f"layer_{index}" for index, key in enumerate(boxes)}
    yield "digraph model {"
    yield "  graph [" + ", ".join(f'{name}="{value}"' for name, value in settings.items()) + "]"
    yield '  node [fontname="Helvetica", shape="plaintext", margin="0"]'
    yield '  edge [penwidth="2"]'
    for key, label in boxes.items():
        yield f"  {numbers[key]} [label={label}]"
    for source, target in edges:
        if source in numbers:  # an input in the midst of a larger graph stands for its layer
            yield f"  {numbers[source]} -> {numbers[target]}"
    yield "}"


def _nodes(model: Any) -> list[Any]:
    """The calls of layers from the inputs to the outputs, each after those that it reads."""
    ordered: dict[int, Any] = {}
    first = {id(symbol) for symbol in model.inputs}
    for output in model.outputs:
        waiting = [(output, False)]
        while waiting:
            symbol, is_ready = waiting.pop()
            if id(symbol.node) in ordered:
                continue
            if is_ready or id(symbol) in first:
                ordered[id(symbol.node)] = symbol.node
                continue
            waiting.append((symbol, True))
            waiting.extend((each, False) for each in reversed(symbol.node.inputs))
    return list(ordered.values())


def _label(node: Any, flags: dict[str, bool]) -> str:
    """A layer's box: its name and class, and a line of what else is asked for."""
    layer = node.layer
    kind = type(layer).__name__
    title = f"{layer.name} ({kind})" if flags["show_layer_names"] else kind
    activation = getattr(layer, "activation", None)
    cells = []
    if flags["show_layer_activations"] and activation is not None:
        cells.append(("Activation", activation))
    if flags["show_shapes"]:
        inputs = [symbol.shape for symbol in node.inputs] or [node.output_shape]
        cells.append(("Input shape", ", ".join(map(str, inputs))))
        cells.append(("Output shape", node.output_shape))
    if flags["show_dtype"]:
        cells.append(("Type", layer.dtype))
    if flags["show_trainable"]:
        cells.append(("Trainable", layer.trainable))
    lines = [_line([f"<b>{escape(title)}</b>"], "black", "white", max(1, len(cells)))]
    if cells:
        shown = [f"{name}: <b>{escape(str(value))}</b>" for name, value in cells]
        lines.append(_line(shown, "white", "black", 1))
    return f'<<table border="0" cellborder="1" cellpadding="10">{"".join(lines)}</table>>'


def _line(cells: Sequence[str], background: str, color: str, span: int) -> str:
    inner = "".join(
        f'<td bgcolor="{background}" colspan="{span}"><font color="{color}">{cell}</font></td>'
        for cell in cells
    )
    return f"<tr>{inner}</tr>"
