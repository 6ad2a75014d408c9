"""HTML of notebooks."""

from collections.abc import Iterable, Sequence
from typing import Any

_LINE = "border-top:1px solid rgba(128,128,128,.4)"  # seen on light and dark backgrounds
_CELL = "padding:3px 14px 3px 0;vertical-align:top"


def table(
    heads: Sequence[str],
    lines: Iterable[Sequence[str]],
    title: str = "",
    left: Sequence[int] = (0,),
) -> str:
    """A table of text; the columns of the indices `left` are aligned left, the others right."""
    rows = [_row("th", heads, "", left), *(_row("td", line, _LINE, left) for line in lines)]
    caption = f"<p><b>{escape(title)}</b></p>" if title else ""
    return f'{caption}<table style="border-collapse:collapse">{"".join(rows)}</table>'


def paragraph(text: str) -> str:
    """Text below a table."""
    return f"<p>{escape(text)}</p>"


def shown(value: Any) -> str:
    """A setting as it stands in a configuration, with objects as calls."""
    if isinstance(value, dict) and value.keys() == {"class_name", "config"}:
        settings = ", ".join(f"{name}={shown(each)}" for name, each in value["config"].items())
        return f"{value['class_name']}({settings})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return repr(value)


def escape(text: str) -> str:
    """Text as HTML."""
    import html  # its table of names takes 2 ms

    return html.escape(text)


def _row(tag: str, cells: Sequence[str], line: str, left: Sequence[int]) -> str:
    parts = []
    for at, cell in enumerate(cells):
        style = f"{_CELL};{line};text-align:{'left' if at in left else 'right'}"
        parts.append(f'<{tag} style="{style}">{escape(cell)}</{tag}>')
    return f"<tr>{''.join(parts)}</tr>"
