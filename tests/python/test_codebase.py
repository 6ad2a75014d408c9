"""The rules of docs/design.md that a reading of the sources can check."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gatewise
from gatewise import _core

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "gatewise"

# Folder of cpp/ -> the folders it may include; the table of docs/design.md.
ALLOWED_INCLUDES = {
    "core": set(),
    "kernels": {"core"},
    "products": {"core", "kernels"},
    "codes": {"core", "kernels", "products"},
    "routing": {"core", "kernels", "products"},
    "experts": {"core", "kernels", "products", "routing"},
    "layers": {"core", "kernels", "products", "codes", "routing", "experts"},
    "losses": {"core", "kernels"},
    "optimizers": {"core", "kernels"},
    "training": {
        *("core", "kernels", "products", "codes", "routing", "experts"),
        *("layers", "losses", "optimizers"),
    },
}
DEPENDENCIES = {"numpy", "scipy", "safetensors", "tqdm"}
EXTRAS = {"matplotlib", "mlxtend", "networkx", "sklearn"}
SOURCE_FOLDERS = ("cpp", "python", "tests", "benchmarks", "examples")
SOURCE_SUFFIXES = {".cpp", ".h", ".py", ".pyi", ".cmake", ".txt"}
MAX_LINES = 400


def cpp_files() -> list[Path]:
    files = sorted(path for path in CPP.rglob("*") if path.suffix in {".h", ".cpp"})
    assert files
    return files


def package_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def includes(path: Path) -> Iterator[tuple[str, bool]]:
    """Each included name, and whether it is written in quotes, that is, one of ours."""
    for quote, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', path.read_text(), re.M):
        yield name, quote == '"'


def test_every_folder_of_cpp_is_in_the_table() -> None:
    assert {path.name for path in CPP.iterdir() if path.is_dir()} <= ALLOWED_INCLUDES.keys()


def test_cpp_includes_follow_the_table() -> None:
    wrong = []
    for path in cpp_files():
        folder = path.relative_to(CPP).parts[0]
        for name, ours in includes(path):
            target = name.partition("/")[0]
            if ours and not (CPP / name).is_file():
                wrong.append(f"{name_of(path)}: {name} is not a path from cpp/")
            elif ours and target != folder and target not in ALLOWED_INCLUDES[folder]:
                wrong.append(f"{name_of(path)}: {folder} may not include {name}")
    assert wrong == []


def test_experts_know_only_the_plan_of_routing() -> None:
    used = {
        name
        for path in cpp_files()
        if path.relative_to(CPP).parts[0] == "experts"
        for name, ours in includes(path)
        if ours and name.startswith("routing/")
    }
    assert all("plan" in Path(name).stem for name in used), used


def test_python_headers_stay_in_the_bindings() -> None:
    wrong = [
        name_of(path)
        for path in cpp_files()
        for name, _ in includes(path)
        if name.startswith("pybind11") or name == "Python.h"
    ]
    assert wrong == []


def test_openmp_is_used_by_parallel_for_alone() -> None:
    used = re.compile(r"#\s*pragma\s+omp|_Pragma\(\s*\"omp|#\s*include\s*<omp\.h>")
    files = cpp_files() + sorted((ROOT / "python" / "bindings").rglob("*.*"))
    wrong = [
        name_of(path)
        for path in files
        if used.search(path.read_text()) and not name_of(path).startswith("cpp/core/parallel")
    ]
    assert wrong == []


def test_the_process_wide_thread_count_of_openmp_is_never_set() -> None:
    forbidden = "omp_set_num_" + "threads"  # in two parts: this file is read too
    assert [name_of(path) for path in sources() if forbidden in path.read_text()] == []


def test_vector_width_is_known_to_kernels_alone() -> None:
    width = re.compile(r"__AVX\w*__|__SSE4\w*__|_mm(?:256|512)_")
    wrong = [
        name_of(path)
        for path in cpp_files()
        if width.search(path.read_text()) and path.relative_to(CPP).parts[0] != "kernels"
    ]
    assert wrong == []


def sources() -> list[Path]:
    files = [
        path
        for folder in SOURCE_FOLDERS
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in SOURCE_SUFFIXES and "build" not in path.parts
    ]
    assert files
    return [*files, ROOT / "CMakeLists.txt"]


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {name_of(path): path.read_text().count("\n") for path in sources()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def imports(node: ast.AST, at_import: bool = True) -> Iterator[tuple[str, bool]]:
    """Each imported module, and whether importing the file imports it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, at_import) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports inside the package name the package"
            yield child.module or "", at_import
        else:
            type_checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from imports(child, at_import and not type_checking and not function)


@pytest.mark.parametrize("path", package_files(), ids=name_of)
def test_package_imports_itself_and_its_dependencies(path: Path) -> None:
    known = DEPENDENCIES | EXTRAS | {"gatewise", "typing_extensions"} | sys.stdlib_module_names
    for module, at_import in imports(ast.parse(path.read_text())):
        top = module.partition(".")[0]
        assert top in known, f"imports {module}"
        lazy = EXTRAS | {"scipy", "tqdm", "safetensors", "typing_extensions"}
        assert not (at_import and top in lazy), f"imports {module} before it is used"


def test_nothing_is_ever_unpickled() -> None:
    unsafe = re.compile(r"\bimport pickle\b|\bpickle\.loads?\(|\beval\(|allow_pickle=True")
    wrong = [name_of(path) for path in package_files() if unsafe.search(path.read_text())]
    assert wrong == []


def test_version_is_the_same_everywhere() -> None:
    found = {"gatewise.__version__": gatewise.__version__}
    for name, pattern in (
        ("pyproject.toml", r'^version = "([^"]+)"'),
        ("CMakeLists.txt", r"project\([^)]*?VERSION\s+([\d.]+)"),
        ("CHANGELOG.md", r"^## ([\d.]+)"),
    ):
        match = re.search(pattern, (ROOT / name).read_text(), re.M)
        assert match, f"{name} names no version"
        found[name] = match[1]
    assert set(found.values()) == {gatewise.__version__}, found


def stub_names() -> tuple[set[str], dict[str, set[str]]]:
    """Functions of the stub, and its classes with the public names of each."""
    functions, classes = set(), {}
    for node in ast.parse((PACKAGE / "_core.pyi").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            functions.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            fields = {
                item.target.id
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            }
            classes[node.name] = {name for name in methods | fields if not name.startswith("_")}
    return functions, classes


def public(names: Iterator[str] | list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_stub_names_what_the_extension_has() -> None:
    functions, classes = stub_names()
    assert public(dir(_core)) == functions | classes.keys()
    for name, members in classes.items():
        assert public(dir(getattr(_core, name))) == members, name
