"""The checks as a chain: what stops what, what hangs, what is printed; and that none of it loads torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.checks.check import Answer, CheckSpec, Context, fail, ok, warn
from core.checks.machine import Machine
from core.checks.runner import run_all, run_check
from core.checks.table import CHECKS
from core.config import Config, ModelConfig
from core.errors import UserError
from core.gpu import Driver, Survey
from tests.fakes import nvml


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(None, Config(), Machine(nvml.make_root(tmp_path / "root", bus=False)))


def spec(id: str, answer: Answer | Exception, needs: tuple[str, ...] = (), timeout_s: float = 30) -> CheckSpec:
    def function(_: Context) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return CheckSpec(id, id.title(), function, needs, timeout_s)


def verdicts(context: Context, *specs: CheckSpec) -> dict[str, tuple[str, str]]:
    return {check.id: (check.verdict, check.found) for check in run_all(context, specs)}


def test_a_failed_check_stops_what_stands_on_it_and_nothing_else(context: Context) -> None:
    found = verdicts(
        context,
        spec("a", ok("fine")),
        spec("b", fail("broken"), ("a",)),
        spec("c", ok("never asked"), ("b",)),
        spec("d", ok("never asked"), ("c",)),
        spec("e", ok("apart")),
    )
    assert found == {
        "a": ("ok", "fine"),
        "b": ("fail", "broken"),
        "c": ("skipped", "after b"),
        "d": ("skipped", "after b"),
        "e": ("ok", "apart"),
    }


def test_who_stopped_a_check_is_a_field_of_its_own(context: Context) -> None:
    specs = (spec("a", fail("broken")), spec("b", ok("no"), ("a",)), spec("c", ok("no"), ("b",)), spec("d", ok("fine")))
    found = [check.as_json() for check in run_all(context, specs)]
    assert [check["blocked_by"] for check in found] == ["", "a", "a", ""]


def test_a_warning_stops_only_if_it_says_so(context: Context) -> None:
    specs = (
        spec("a", warn("small")),
        spec("b", ok("fine"), ("a",)),
        spec("c", warn("none", stops=True)),
        spec("d", ok("no"), ("c",)),
    )
    assert verdicts(context, *specs) == {
        "a": ("warn", "small"),
        "b": ("ok", "fine"),
        "c": ("warn", "none"),
        "d": ("skipped", "after c"),
    }


def test_a_users_error_is_a_failed_check_and_a_fault_of_ours_is_not_hidden(context: Context) -> None:
    told = run_check("a", context, (spec("a", UserError("what", "why", "fix")),))
    assert (told.verdict, told.found, told.why, told.fix) == ("fail", "what", "why", "fix")
    with pytest.raises(ZeroDivisionError):
        run_check("a", context, (spec("a", ZeroDivisionError()),))
    with pytest.raises(ZeroDivisionError):
        verdicts(context, spec("a", ok("fine")), spec("b", ZeroDivisionError()))


def test_a_check_that_hangs_is_left_behind(context: Context) -> None:
    gate = threading.Event()

    def hang(_: Context) -> Answer:
        gate.wait(60)
        return ok("late")

    begun = time.monotonic()
    found = run_check("a", context, (CheckSpec("a", "A", hang, timeout_s=0.2),))
    assert time.monotonic() - begun < 30
    assert (found.verdict, found.found) == ("fail", "no answer in 0.2 s")
    gate.set()


def test_a_slow_check_holds_up_no_other(context: Context) -> None:
    gate = threading.Event()

    def slow(_: Context) -> Answer:
        # Ends only once the others have: with one lane this would never be.
        assert gate.wait(30)
        return ok("slow")

    def last(_: Context) -> Answer:
        gate.set()
        return ok("last")

    specs = (CheckSpec("slow", "S", slow), spec("a", ok("a")), CheckSpec("last", "L", last))
    assert [(check.id, check.found) for check in run_all(context, specs)] == [
        ("slow", "slow"),
        ("a", "a"),
        ("last", "last"),
    ]


def test_the_driver_is_asked_once_for_all_checks(tmp_path: Path) -> None:
    asked: list[int] = []

    def survey() -> Survey:
        asked.append(1)
        return Survey(Driver(state="library-missing", error="gone"))

    machine = Machine(nvml.make_root(tmp_path / "root", bus=False), read_survey=survey)
    context = Context(None, Config(), machine)
    chain = [check for check in CHECKS if check.id.startswith(("gpu", "nvml", "dev", "driv", "wheel", "prec"))]
    found = {check.id: check for check in run_all(context, CHECKS) if check.id in {spec.id for spec in chain}}
    assert asked == [1]
    assert found.pop("gpu-bus").verdict == "warn"
    assert {check.found for check in found.values()} == {"after gpu-bus"}
    assert {check.verdict for check in found.values()} == {"skipped"}


def test_every_check_stands_after_what_it_stands_on_and_fits_the_screen() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.needs) <= seen
        seen.add(check.id)
        assert len(check.title) <= 13
    assert len(seen) == len(CHECKS)


def test_the_ids_are_documented() -> None:
    import core.checks

    documented = [line.split()[0] for line in (core.checks.__doc__ or "").splitlines() if "   " in line]
    assert documented == [check.id for check in CHECKS]


def test_json_has_the_keys_that_do_not_change(context: Context) -> None:
    found = run_check("python", context).as_json()
    assert {"id", "verdict", "found", "why", "fix"} <= set(found)
    json.dumps(found)


def test_without_a_gpu_all_but_the_sum_is_quick_and_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom core.config import Config\n"
        "from core.checks.check import Context\nfrom core.checks.runner import run_all\n"
        "found = list(run_all(Context(None, Config())))\n"
        "heavy = [name for name in ('torch', 'transformers', 'datasets', 'yt_dlp', 'textual') if name in sys.modules]\n"
        "print(json.dumps([len(found), heavy, {check.id: check.verdict for check in found}]))"
    )
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    environment.pop("HF_TOKEN", None)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=root, timeout=100, check=True
    )
    count, heavy, verdicts = json.loads(done.stdout)
    assert count == len(CHECKS)
    assert heavy == []
    assert verdicts["python"] == verdicts["ffmpeg"] == "ok"
    assert verdicts["base"] == verdicts["labeller"] == verdicts["huggingface"] == "fail"


def test_one_model_for_both_roles_is_missing_once(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    base, labeller = run_check("base", context), run_check("labeller", context)
    assert (base.verdict, base.repeats, labeller.verdict, labeller.repeats) == ("fail", "", "fail", "base")
    assert "about 9" in base.found  # a suggested model that is missing says how large it is
    damaged = tmp_path / "is not here"
    damaged.mkdir()
    (damaged / "config.json").write_text("{")
    other = Config(model=ModelConfig(base=str(damaged), labeller="nobody/nothing"))
    base, labeller = (run_check(id, replace(context, config=other)) for id in ("base", "labeller"))
    assert (base.repeats, labeller.repeats) == ("", "")
    assert "about" not in base.found + labeller.found
    assert f"whispersmith model '{damaged}'" in base.fix
