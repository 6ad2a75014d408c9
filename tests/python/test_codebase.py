"""Checks of the sources against the rules of docs/design.md."""

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

# Folder of cpp/ -> folders it may include, as in the table of docs/design.md.
ALLOWED_INCLUDES = {
    "core": set(),
    "kernels": {"core"},
    "products": {"core", "kernels"},
    "codes": {"core", "kernels", "products"},
    "routing": {"core", "kernels", "products"},
    "experts": {"core", "kernels", "products", "routing"},
    "layers": {"core", "kernels", "products", "codes", "routing", "experts"},
    "losses": {"core", "kernels"},
    "metrics": {"core", "kernels", "losses"},
    "optimizers": {"core", "kernels"},
    "training": {
        *("core", "kernels", "products", "codes", "routing", "experts"),
        *("layers", "losses", "metrics", "optimizers"),
    },
}
# Folder inside a folder of cpp/ -> the folders outside it that may include it.
ALLOWED_USERS = {
    "kernels/units": {"kernels/selection"},
    "kernels/selection": {"codes", "codes/selection"},
    "codes/selection": {"codes"},
    "layers/dictionary": set(),
    "layers/shapes": set(),
}
# Packages and modules of python/gatewise, level by level: each imports those of earlier levels.
# Typing imports, imports inside functions and literals of `import_module` count.
LEVELS = [
    {"_core", "_extras", "_levels", "_version", "registry", "utils"},
    {
        *("activations", "constraints", "initializers", "losses", "metrics", "optimizers"),
        *("dtype_policies", "regularizers"),
    },
    {"experts"},
    {"balance", "callbacks", "data", "io", "routers"},
    {"layers"},
    {"training"},
    {"models", "saving"},
    {"sae"},
    {"code_experts", "compress"},
    {"validation"},
    {"decompose", "estimators", "selection"},
    {"plots"},
    {"backend", "cli", "config", "demo", "demo_data"},
]
# Within a level only these.
ALLOWED_WITHIN = {
    ("_core", "_levels"),
    ("backend", "config"),
    ("cli", "config"),
    ("cli", "demo"),
    ("cli", "demo_data"),
    ("demo", "demo_data"),
    ("metrics", "losses"),
    ("registry", "utils"),
    ("utils", "_extras"),
}
DEPENDENCIES = {"numpy", "scipy", "safetensors", "tqdm"}
EXTRAS = {"matplotlib", "mlxtend", "networkx", "pandas", "sklearn"}
SOURCE_FOLDERS = ("cpp", "python", "tests", "benchmarks", "examples")
SOURCE_SUFFIXES = {".cpp", ".h", ".py", ".pyi", ".cmake", ".txt"}
MAX_LINES = 400


def cpp_files() -> list[Path]:
    files = sorted(path for path in CPP.rglob("*") if path.suffix in {".h", ".cpp"})
    assert files
    return files


def package_files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "benchmarks" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def includes(path: Path) -> Iterator[tuple[str, bool]]:
    """Each included name, and whether it is in quotes (our own headers are)."""
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


def test_cpp_includes_of_inner_folders_follow_their_table() -> None:
    folders = {path.parent.relative_to(CPP).as_posix() for path in cpp_files()}
    assert {folder for folder in folders if "/" in folder} == ALLOWED_USERS.keys()
    wrong = []
    for path in cpp_files():
        folder = path.parent.relative_to(CPP).as_posix()
        for name, ours in includes(path):
            target = name.rpartition("/")[0]
            if ours and target != folder and folder not in ALLOWED_USERS.get(target, {folder}):
                wrong.append(f"{name_of(path)}: {folder} may not include {name}")
    assert wrong == []


def reached_from(path: Path) -> set[Path]:
    """The headers of the project that a source includes, directly or not."""
    reached: set[Path] = set()
    open_files = [path]
    while open_files:
        file = open_files.pop()
        for name, ours in includes(file):
            header = next(
                (f for f in (CPP / name, file.parent / name) if ours and f.is_file()), None
            )
            if header and header not in reached:
                reached.add(header)
                open_files.append(header)
    return reached


def test_bindings_include_nothing_that_differs_between_levels() -> None:
    """They are compiled once and linked with the core of every level."""
    wrong = []
    for path in sorted((ROOT / "python" / "bindings").glob("*.cpp")):
        if path.name == "probe.cpp":
            continue
        headers = reached_from(path)
        assert CPP / "layers" / "layer.h" in headers
        for header in headers:
            if re.search(r"__AVX|__SSE|__FMA|immintrin\.h", header.read_text()):
                wrong.append(f"{name_of(path)} includes {name_of(header)}")
    assert wrong == []


def test_experts_include_only_the_dispatch_plan_of_routing() -> None:
    used = {
        name
        for path in cpp_files()
        if path.relative_to(CPP).parts[0] == "experts"
        for name, ours in includes(path)
        if ours and name.startswith("routing/")
    }
    assert used <= {"routing/dispatch.h"}


def test_python_headers_stay_in_the_bindings() -> None:
    wrong = [
        name_of(path)
        for path in cpp_files()
        for name, _ in includes(path)
        if name.startswith("pybind11") or name == "Python.h"
    ]
    assert wrong == []


def test_openmp_is_used_only_by_parallel_for() -> None:
    used = re.compile(r"#\s*pragma\s+omp|_Pragma\(\s*\"omp|#\s*include\s*<omp\.h>")
    files = cpp_files() + sorted((ROOT / "python" / "bindings").rglob("*.*"))
    wrong = [
        name_of(path)
        for path in files
        if used.search(path.read_text()) and not name_of(path).startswith("cpp/core/parallel")
    ]
    assert wrong == []


def test_the_process_wide_thread_count_of_openmp_is_never_set() -> None:
    forbidden = "omp_set_num_" + "threads"  # split, because this file is checked too
    assert [name_of(path) for path in sources() if forbidden in path.read_text()] == []


def test_vector_width_is_used_only_by_kernels() -> None:
    width = re.compile(r"__AVX\w*__|__SSE4\w*__|_mm(?:256|512)_")
    wrong = [
        name_of(path)
        for path in cpp_files()
        if width.search(path.read_text()) and path.relative_to(CPP).parts[0] != "kernels"
    ]
    assert wrong == []


def without_comments(path: Path) -> str:
    """The text of a C++ file without `//` comments."""
    return re.sub(r"//.*", "", path.read_text())


def test_kernels_neither_allocate_nor_throw_nor_read_a_clock() -> None:
    forbidden = re.compile(
        r"\bstd::(?:vector|string|deque|map|set|function|(?:stable_sort|inplace_merge)\()"
        r"|\bnew\b|\bdelete\s*(?:\[\]|\w)|\b(?:make_unique|make_shared|[mc]alloc)\b"
        r"|\b(?:throw|try)\b|\b(?:require|fail|poll_interrupt|parallel_for)\("
        r"|#\s*include\s*\"core/(?:aligned_buffer|arena|errors|parallel)\.h\""
        r"|\bstd::chrono\b|\b(?:clock_gettime|_*rdtscp?)\b"
    )
    wrong = [
        f"{name_of(path)}: {found[0]}"
        for path in cpp_files()
        if path.relative_to(CPP).parts[0] == "kernels"
        for found in forbidden.finditer(without_comments(path))
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
    """Each imported module, and whether it is imported when the file is."""
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


def imported_files(path: Path) -> set[Path]:
    """Package files that a file imports: at import, for typing and inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [each.value for each in node.args if isinstance(each, ast.Constant)]
        found |= {file for name in names if (file := package_file(str(name))) not in (None, path)}
    return {file for file in found if file is not None}


def package_file(name: str) -> Path | None:
    """The file that defines an imported name; None outside the package and for extensions."""
    parts = name.split(".")
    if parts[0] != "gatewise" or parts[1:2] in (["_probe"], ["benchmarks"]):
        return None
    for length in range(len(parts), 0, -1):
        path = PACKAGE.parent.joinpath(*parts[:length])
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
        if (path / "__init__.py").is_file():
            return path / "__init__.py"
    return None


def test_package_imports_follow_the_levels() -> None:
    level = {name: index for index, names in enumerate(LEVELS) for name in names}
    wrong = []
    for path in package_files():
        source = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if source == "__init__":
            continue
        assert source in level, f"{source} stands in no level"
        for file in imported_files(path):
            target = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
            allowed = (
                target == source
                or level.get(target, len(LEVELS)) < level[source]
                or (source, target) in ALLOWED_WITHIN
            )
            if not allowed:
                wrong.append(f"{name_of(path)}: {source} may not import {name_of(file)}")
    assert wrong == []


def test_imports_between_package_files_have_no_cycle() -> None:
    remaining = {path: imported_files(path) for path in package_files()}
    # Repeatedly remove files without remaining imports. The rest is in a cycle or imports one.
    while free := [path for path, files in remaining.items() if not files & remaining.keys()]:
        for path in free:
            del remaining[path]
    assert sorted(map(name_of, remaining)) == []


def test_no_module_uses_private_attributes_of_other_classes() -> None:
    """Exceptions are `_training` of a model and `_state`."""
    allowed = {"_training", "_state"}
    wrong = []
    for path in package_files():
        tree = ast.parse(path.read_text())
        own = {
            each.attr
            for each in ast.walk(tree)
            if isinstance(each, ast.Attribute) and ast.unparse(each.value) in ("self", "cls")
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
                owner = ast.unparse(node.value)
                known = node.attr in own | allowed | {"_getframe", "_repr_html_"}
                if owner not in ("self", "cls", "super()") and not known:
                    wrong.append(f"{name_of(path)}:{node.lineno}: {owner}.{node.attr}")
    assert wrong == []


@pytest.mark.parametrize("path", package_files(), ids=name_of)
def test_the_package_imports_only_itself_and_its_dependencies(path: Path) -> None:
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
    """Functions of the stub, and its classes with their public names."""
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


def test_the_stub_has_the_names_of_the_extension() -> None:
    functions, classes = stub_names()
    assert public(dir(_core)) == functions | classes.keys()
    for name, members in classes.items():
        assert public(dir(getattr(_core, name))) == members, name
