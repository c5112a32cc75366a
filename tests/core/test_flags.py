"""Every flag that is ever set has its words."""

from __future__ import annotations

import ast

from core.review.flags import MEANINGS, meaning
from tests.imports import ROOT


def set_flags() -> set[str]:
    """Words that the code hands over as flags: strings within a `flags=` argument, or in a function named for flags."""
    found: set[str] = set()
    for path in (ROOT / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts: list[ast.AST] = []
            if isinstance(node, ast.keyword) and node.arg == "flags":
                parts = [node.value]
            elif isinstance(node, ast.FunctionDef) and node.name.endswith("flags_of"):
                parts = [*node.body[1:]]
            strings = [each for part in parts for each in ast.walk(part) if isinstance(each, ast.Constant)]
            found |= {each.value for each in strings if isinstance(each.value, str) and each.value.isidentifier()}
    return found


def test_every_flag_that_is_set_has_words() -> None:
    assert {"loop", "empty", "fast"} <= set_flags()
    assert set_flags() - set(MEANINGS) == set()
    assert meaning("loop") == "loop: it repeats itself without end"
    assert meaning("unheard-of") == "unheard-of"
