"""Who imports whom in this checkout, by the syntax trees: what the contracts about imports are checked against."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
Graph = dict[str, set[str]]


def modules(*packages: str) -> dict[str, Path]:
    """Every module of the packages, by its dotted name."""
    found = {}
    for package in packages:
        for path in ROOT.glob(f"{package}/**/*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, ours: dict[str, Path], *, type_checking: bool = False) -> set[str]:
    """The modules that a file imports when it is imported itself; those of functions are not among them.

    `from package import module` is an import of that module where it is one of ours. type_checking: also what stands
    under `if TYPE_CHECKING`.
    """
    found = set()
    for node in _at_module_level(ast.parse(path.read_text(encoding="utf-8")), type_checking):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif node.module is not None:
            whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found.update(name if name in ours else node.module for name in whole.values())
    return found


def _at_module_level(node: ast.AST, type_checking: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not type_checking:
            yield from _at_module_level(ast.Module(child.orelse, []), type_checking)
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _at_module_level(child, type_checking)


def graph(ours: dict[str, Path], *, type_checking: bool = False) -> Graph:
    """Which of our modules each of our modules imports."""
    return {
        name: (imports(path, ours, type_checking=type_checking) & set(ours)) - {name} for name, path in ours.items()
    }


def reaching(found: Graph, targets: set[str]) -> set[str]:
    """The modules that import one of the targets, themselves or through others; the targets are among them."""
    reached = set(targets)
    while more := {name for name, taken in found.items() if name not in reached and taken & reached}:
        reached |= more
    return reached
