"""The two import contracts, looked at in what is really loaded, and what a checkout must hold."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import core
import tui

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "transformers", "datasets", "yt_dlp", "accelerate", "pydub", "huggingface_hub")


def loaded_after(statement: str) -> set[str]:
    """Top-level names in sys.modules of a fresh interpreter after the statement."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def modules(package: object, skip: tuple[str, ...] = ()) -> list[str]:
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]  # type: ignore[attr-defined]
    return sorted(name for name in names if not name.endswith("__main__") and not name.startswith(skip))


def test_core_loads_no_screen_and_nothing_heavy() -> None:
    names = modules(core, skip=("core.cli",))
    assert "core.stages.train" in names
    loaded = loaded_after("import " + ", ".join(names))
    assert loaded.isdisjoint({"tui", "textual", "rich", *HEAVY})


def test_the_command_line_loads_no_screen_and_nothing_heavy() -> None:
    loaded = loaded_after("import " + ", ".join(modules(core)))
    assert loaded.isdisjoint({"tui", "textual", *HEAVY})


def test_the_screens_load_no_model() -> None:
    names = modules(tui)
    assert "tui.screens.training.screen" in names
    loaded = loaded_after("import " + ", ".join(names))
    assert "textual" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "place", ["core", "tui", "tests", "logs/.gitkeep", "pyproject.toml", "README.md", "constraints.txt", ".ci/run"]
)
def test_the_top_level_is_what_was_agreed(place: str) -> None:
    assert (ROOT / place).exists()


def test_tested_versions_are_all_pinned() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert len(lines) > 30
    assert all("==" in line for line in lines)


def test_the_readme_has_todays_keys() -> None:
    from tui import keymap

    assert keymap.markdown().strip() in (ROOT / "README.md").read_text()
