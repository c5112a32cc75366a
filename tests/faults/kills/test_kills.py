"""Every stage, killed at seeded random moments and started again, ends as if nothing had happened: the same rows and
texts, the same files byte for byte, and no temporary left.

A few kills in CI; all of them, and their count, with `-m slow`.
"""

from __future__ import annotations

import random
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.workspace import Workspace
from tests.faults.kills.attempt import Course, Moment, Surroundings, start
from tests.faults.kills.left import differences, left
from tests.faults.kills.stages import STAGES, Killed
from tests.faults.shims import NETWORK_DISK, forbid_locks

MISSES = 4
"""So many moments for each kill may come when all is done."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Killed], Path]:
    """The workspace a stage begins with, made once for all stages that share it."""
    made: dict[object, Path] = {}

    def of(stage: Killed) -> Path:
        if stage.prepare not in made:
            made[stage.prepare] = tmp_path_factory.mktemp("template") / "ws"
            stage.prepare(made[stage.prepare])
        return made[stage.prepare]

    return of


class Trials:
    """One stage, run to its end undisturbed, and killed in copies of the same workspace."""

    def __init__(self, stage: Killed, template: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage, self.template, self.folder, self.monkeypatch = stage, template, folder, monkeypatch
        self.dice = random.Random(zlib.crc32(stage.name.encode()))
        self.kills: Counter[str] = Counter()
        """By the kind of their moments."""

    def run(self, kills: int, *, moves: bool = False) -> None:
        """moves: after each kill the workspace goes to another place."""
        with self._copy() as (workspace, surroundings):
            course = surroundings.undisturbed(workspace, self.stage.words_in(workspace))
            expected = left(workspace, self.stage.without)
            if NETWORK_DISK in self.stage.shims:
                assert workspace.db_path.read_bytes()[18] == 1, "the database has a write-ahead log"
        late = 0
        while self.kills.total() < kills:
            times = min(self.stage.chain, kills - self.kills.total())
            with self._copy() as (workspace, surroundings):
                late += self._trial(workspace, surroundings, course, expected, times, moves)
            assert late <= MISSES * kills, f"hardly any moment finds {self.stage.name} at work"

    def _trial(
        self,
        workspace: Workspace,
        surroundings: Surroundings,
        course: Course,
        expected: dict[str, Any],
        times: int,
        moves: bool,
    ) -> bool:
        """Kill it so often, start it once more, and look at what is left; whether a moment came when all was done."""
        late = False
        for _ in range(times):
            moment = Moment.draw(self.dice, course)
            attempt, killed = surroundings.killed_at(workspace, self.stage.words_in(workspace), moment)
            if not killed:
                attempt.assert_done()
                late = True
                break
            self.kills[moment.kind] += 1
            if moves:
                workspace = self._moved(workspace)
            if self.stage.once and not differences(left(workspace, self.stage.without), expected):
                return late
        if not (late and self.stage.once):
            surroundings.arm()
            last = start(workspace, self.stage.words_in(workspace))
            last.wait()
            last.assert_done()
        found = differences(left(workspace, self.stage.without), expected)
        assert not found, "\n".join(found)
        return late

    def _moved(self, workspace: Workspace) -> Workspace:
        place = self.folder / f"moved{self.kills.total()}"
        place.mkdir()
        # Under its name, which stands in the card of a data set.
        return Workspace(workspace.root.rename(place / workspace.name))

    @contextmanager
    def _copy(self) -> Iterator[tuple[Workspace, Surroundings]]:
        """A workspace as it was prepared, always in the same place: what is stored of a path is then the same."""
        workspace = Workspace(self.folder / "ws")
        shutil.copytree(self.template, workspace.root)
        if NETWORK_DISK in self.stage.shims:
            forbid_locks(self.monkeypatch)
        with self.stage.around(self.folder) as environment:
            more = {"EAR_JOURNAL": str(self.folder / "ear.journal"), "EAR_PAUSE_S": "0.01"}
            yield workspace, Surroundings(self.monkeypatch, self.folder, {**more, **environment}, self.stage.shims)
        for place in (workspace.root, *self.folder.glob("moved*")):
            shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage.quick], ids=lambda stage: stage.name)
def test_a_few_kills(
    stage: Killed, template: Callable[[Killed], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trials(stage, template(stage), tmp_path, monkeypatch).run(stage.quick)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage.moved], ids=lambda stage: stage.name)
def test_moved_after_each_kill(
    stage: Killed, template: Callable[[Killed], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in a workspace is relative: it goes on wherever it is, and ends as it would have where it was."""
    Trials(stage, template(stage), tmp_path, monkeypatch).run(2, moves=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_many_kills(
    stage: Killed,
    template: Callable[[Killed], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    trials = Trials(stage, template(stage), tmp_path, monkeypatch)
    trials.run(stage.kills)
    print(f"{stage.name}: {trials.kills.total()} kills, {dict(trials.kills)}")
