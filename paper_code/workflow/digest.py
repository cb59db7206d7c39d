"""Which source files of this package a module depends on."""

import ast
import functools
import hashlib
import os
from pathlib import Path

from paper_code.networks.registry import NETWORKS, network_module
from paper_code.reporting.catalogue import Result

PACKAGE = Path(__file__).resolve().parents[1]
DATA = (".csv", ".yaml", ".j2", ".css", ".js")  # of a package, as in `published` and `templates`


def source_files(*modules: str) -> list[str]:
    """The files of `modules` and of all paper_code modules that they import, directly or not.

    Imports are found in the syntax tree, inside functions too; nothing is imported. Packages count
    with their `__init__`. What is imported by a name made at run time (`build_network`) is not
    seen: name such modules in the call. Paths are sorted, and relative to the working directory as
    Snakemake prints them. ModuleNotFoundError if a module of the package does not exist.
    """
    waiting, found = [name for module in modules for name in _with_packages(module)], set()
    while waiting:
        path = _module_file(waiting.pop())
        if path not in found:
            found.add(path)
            notes = path.with_suffix(".md")  # the text above the table that the module writes
            found.update([notes] if notes.is_file() else [])
            # Not its config.yaml: rules hold the values of settings.
            if path.name == "__init__.py" and path.parent != PACKAGE:
                found.update(each for each in path.parent.iterdir() if each.suffix in DATA)
            waiting += _imports(path)
    return sorted(os.path.relpath(path) for path in found)


@functools.cache  # asked for each of thousands of jobs
def source_digest(*modules: str) -> str:
    """One digest (16 hexadecimal digits) of all files that `source_files` names.

    Snakemake does not see that an imported module changed, so each rule has this among its params:
    editing a figure never retrains a network, editing a network always does. (As inputs of
    thousands of jobs, the files would add half to the time that Snakemake takes for its plan.)
    """
    digest = hashlib.sha256()
    for path in map(Path, source_files(*modules)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def result_digest(result: Result) -> str:
    """A digest of the source files that decide a result of the catalogue."""
    modules = [result.dotted_module, *(["paper_code.reporting.pages"] if result.title else [])]
    for name in result.code:
        modules += NETWORKS.values() if name == "every network" else [network_module(name)]
    return source_digest(*modules)


def _with_packages(module: str) -> list[str]:
    """A module's packages, then itself: "a.b.c" -> ["a", "a.b", "a.b.c"]."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _module_file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    raise ModuleNotFoundError(module)


@functools.cache
def _imports(path: Path) -> list[str]:
    """Modules of the package that a file imports, with the packages around them."""
    names = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue  # its body is never executed
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    modules = set()
    for name in names:
        parts = name.split(".")
        if parts[0] != PACKAGE.name:
            continue
        for module in _with_packages(name):
            try:
                _module_file(module)
            except ModuleNotFoundError:
                continue  # a name inside the module, not a module
            modules.add(module)
    return sorted(modules)
