"""The installed torch, read from its files. Importing it takes seconds, and a sick driver can hang it."""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import dataclass, field
from pathlib import Path

_TABLE = re.compile(r"^PYTORCH_RELEASES_CODE_CC\b[^=]*=\s*(\{.*?^\})", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class TorchBuild:
    """version: as torch itself says it, with its local part ("2.14.1+cu126"). cuda: the CUDA it was built with, None
    for a build without. hip: ROCm's version in a build for AMD. codes: GPU code in the builds of its release by CUDA
    version and processor, as the wheel's own source says; empty before torch 2.13."""

    version: str
    cuda: tuple[int, int] | None
    hip: str = ""
    codes: dict[str, dict[str, set[int]]] = field(default_factory=dict, compare=False)

    @property
    def public(self) -> str:
        return self.version.partition("+")[0]

    @property
    def release(self) -> tuple[int, ...]:
        """(2, 14, 1); what follows the numbers in a development version is left out."""
        return numbers(self.public)

    @property
    def tag(self) -> str:
        return f"cu{self.cuda[0]}{self.cuda[1]}" if self.cuda else "cpu"


def numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def installed_torch() -> TorchBuild | None:
    """The torch of this Python's environment without importing it, None if there is none.

    version.py is the only place that tells: the metadata of PyPI's Windows wheel has no "+cpu".
    """
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return read_build(Path(places[0])) if places else None


def read_build(folder: Path) -> TorchBuild | None:
    """The build in a `torch` folder; None if its version.py is missing or says nothing."""
    try:
        text = (folder / "version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    version = _literal(text, "__version__")
    if not version:
        return None
    cuda = numbers(_literal(text, "cuda") or "")
    return TorchBuild(
        version, (cuda[0], cuda[1]) if len(cuda) > 1 else None, _literal(text, "hip") or "", _codes(folder)
    )


def _literal(text: str, name: str) -> str | None:
    match = re.search(rf"^{name}(?:\s*:[^=\n]+)?\s*=\s*(.+)$", text, re.MULTILINE)
    if match is None:
        return None
    try:
        value = ast.literal_eval(match[1].strip())
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None


def _codes(folder: Path) -> dict[str, dict[str, set[int]]]:
    """torch's own table of what its builds hold. It is private to torch: whatever it looks like, nothing depends on
    it being there."""
    try:
        text = (folder / "cuda" / "__init__.py").read_text(encoding="utf-8", errors="replace")
        match = _TABLE.search(text)
        table = ast.literal_eval(match[1]) if match else {}
        return {str(cuda): {str(arch): set(codes) for arch, codes in row.items()} for cuda, row in table.items()}
    except (OSError, ValueError, SyntaxError, AttributeError, TypeError):
        return {}
