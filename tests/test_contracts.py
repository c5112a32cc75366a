"""The import contracts, in the syntax trees and in what is really loaded; and what a checkout must hold."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.imports import ROOT, graph, imports, modules, reaching

HEAVY = (
    *("torch", "transformers", "datasets", "peft", "accelerate", "yt_dlp", "pydub", "huggingface_hub"),
    *("onnxruntime", "ctranslate2", "faster_whisper", "av"),
)


MODEL_ROOMS = ("core.training", "core.engines", "core.whisper")
"""The rooms whose files may have torch and its kind at their top."""


def loaded_after(statement: str) -> set[str]:
    """Top-level names in sys.modules of a fresh interpreter after the statement."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@functools.cache
def heavy_modules() -> frozenset[str]:
    """The modules that name something heavy at module level, or import a module that does."""
    ours = modules("core", "tui")
    heads = {name: {one.partition(".")[0] for one in imports(path, ours)} for name, path in ours.items()}
    return frozenset(reaching(graph(ours), {name for name, taken in heads.items() if taken & set(HEAVY)}))


def light_modules(package: str, skip: tuple[str, ...] = ()) -> list[str]:
    names = set(modules(package)) - heavy_modules()
    return sorted(name for name in names if not name.endswith("__main__") and not name.startswith(skip))


def test_torch_stands_at_the_top_of_files_in_three_rooms_only() -> None:
    heavy = heavy_modules()
    assert {"core.whisper.loading", "core.engines.decoding"} <= heavy
    assert sorted(name for name in heavy if not name.startswith(MODEL_ROOMS)) == []
    # What the other rooms want to know of a model costs no torch.
    assert heavy.isdisjoint({*MODEL_ROOMS, "core.whisper.info", "core.training.plan", "core.training.runs"})


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Also what only types need counts: a circle of names is a circle of thoughts."""
    try:
        TopologicalSorter(graph(modules("core", "tui"), type_checking=True)).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_core_loads_no_screen_and_nothing_heavy() -> None:
    names = light_modules("core", skip=("core.cli",))
    assert "core.stages.train" in names
    loaded = loaded_after("import " + ", ".join(names))
    assert loaded.isdisjoint({"tui", "textual", "rich", *HEAVY})


def test_the_command_line_loads_no_screen_and_nothing_heavy() -> None:
    loaded = loaded_after("import " + ", ".join(light_modules("core")))
    assert loaded.isdisjoint({"tui", "textual", *HEAVY})


def test_the_screens_load_no_model() -> None:
    names = light_modules("tui")
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


def test_the_readme_has_todays_commands() -> None:
    from core.cli import parser

    assert parser.markdown() in (ROOT / "README.md").read_text()


def test_the_readme_knows_the_house() -> None:
    told = set(re.findall(r"`((?:core|tui|tests)/[\w/.]*)`", (ROOT / "README.md").read_text()))
    assert [path for path in told if not (ROOT / path).exists()] == []
    rooms = {f"core/{folder.name}/" for folder in (ROOT / "core").iterdir() if (folder / "__init__.py").exists()}
    assert {room for room in rooms if not any(path.startswith(room[:-1]) for path in told)} == set()


def test_sqlite_is_named_in_the_store_alone() -> None:
    """So no error of it can be met, or forgotten, anywhere else."""
    ours = modules("core", "tui")
    naming = {name for name, path in ours.items() if re.search(r"\bsqlite3\b", path.read_text(encoding="utf-8"))}
    assert "core.store.connection" in naming
    assert sorted(name for name in naming if not name.startswith("core.store.")) == []
