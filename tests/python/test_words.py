"""Words that docs/glossary.md and the field have better names for stay out of names and prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("cpp", "python", "tests", "benchmarks", "docs")
SUFFIXES = {".h", ".cpp", ".py", ".pyi", ".md"}

# In names, comments, docstrings, messages and pages; the field's words are gradient, nonzero, ...
WORDS = (
    "slopes? resting stretch(?:es)? chains? distances? judged? figures entry entries anew turned"
)
# In names only: "in place" and "in turn" are plain English.
NAMES = "places? turn"
PREFIXES = r"(?<!\w)(?:rise_[12]|(?:most|least)_\w|k(?:Most|Least)[A-Z])"
PHRASES = r"units of s x"

# Path, what it may say there, why.
EXCEPTIONS = (
    (r"", r"[iI]n_place", "an update without a copy"),
    (r"", r"itertools\.chain|chain rule", "the terms of Python and of calculus"),
    (r"", r"negative_slope|kLeakySlope", "Keras' name of a setting of leaky ReLU"),
    (r"cpp/kernels", r"[Pp]refetch distance|distance_bytes", "how far ahead a prefetch reads"),
    (r"sae/(auto|center)|decompose|clusters", r"distances?", "of points, means and clusters"),
    (r"plots|demo|cli|gated_units", r"[fF]igures", "Matplotlib's pictures"),
    (r"tests", r"[fF]igures", "results of Keras that tests compare with"),
    (r"io/header", r"entry|entries", "what safetensors calls a tensor in its header"),
    (r"utils/disk|files/folder", r"entry|entries", "files and folders in a folder"),
    (r"io/format_1|docs/files\.md", r"places", "a name in files of version 1"),
    (r"compressing|deprecation", r"least_zeros", "an old name that is still accepted"),
    (r"keras", r"figures", "the folder of values of Keras that tests compare with"),
    (r"test_words\.py", r"(?s).*", "the words themselves"),
)


def either_case(words: str) -> str:
    """Matches the words, capitalized or not, and as parts of snake_case and CamelCase names."""
    lower = words.replace(" ", "|")
    capital = "|".join(word.capitalize() for word in words.split())
    return rf"(?:(?<![A-Za-z])(?:{lower})|(?:{capital}))(?![a-z])"


FORBIDDEN = re.compile(f"{either_case(WORDS)}|{PREFIXES}|{PHRASES}")
FORBIDDEN_NAMES = re.compile(either_case(NAMES))
PROSE = {
    ".py": re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*'),
    ".pyi": re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*'),
    ".h": re.compile(r'"(?:\\.|[^"\\\n])*"|//.*'),
    ".cpp": re.compile(r'"(?:\\.|[^"\\\n])*"|//.*'),
    ".md": re.compile(r"[\s\S]+"),
}


def found_words(path: str, text: str) -> Iterator[str]:
    """Each forbidden word of a file, with its line."""
    allowed = [re.compile(what) for where, what, _ in EXCEPTIONS if re.search(where, path)]
    matches = [*FORBIDDEN.finditer(text), *FORBIDDEN_NAMES.finditer(text)]
    if not matches:
        return
    spans = [match.span() for each in allowed for match in each.finditer(text)]
    prose = [match.span() for match in PROSE[Path(path).suffix].finditer(text)]
    for match in matches:
        start, end = match.span()
        is_word = not re.search(r"\w", text[max(start - 1, 0) : start] + text[end : end + 1])
        is_prose = is_word and any(a <= start < b for a, b in prose)
        is_allowed = any(a <= start and end <= b for a, b in spans)
        if not is_allowed and not (match.re is FORBIDDEN_NAMES and is_prose):
            yield f"{path}:{text.count(chr(10), 0, start) + 1}: {match[0]}"


def test_a_forbidden_word_is_found_in_names_and_prose() -> None:
    text = 'int first_place = 1;  // a place in the chain\nauto TurnedX = "in turn", kMostRows;'
    expected = [f"a.h:{at}" for at in ("1: chain", "2: Turned", "2: kMostR", "1: place")]
    assert list(found_words("a.h", text)) == expected
    assert list(found_words("a.py", "return replaced  # in_place")) == []


def test_no_forbidden_word_is_used() -> None:
    files = [path for each in SOURCES for path in sorted((ROOT / each).rglob("*"))]
    files = [path for path in files if path.suffix in SUFFIXES and "build" not in path.parts]
    wrong = [
        line
        for path in [*files, ROOT / "README.md"]
        for line in found_words(path.relative_to(ROOT).as_posix(), path.read_text())
    ]
    assert wrong == []
