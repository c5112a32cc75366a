"""A round: what a person touched stays, the rest is written by the new model, and a killed round goes on."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import set_values
from core.errors import UserError
from core.events import Event, LogLine, RunStarted, Saved
from core.jobs import Cancelled
from core.labelling.dealing import expected_errors
from core.stages import round, train
from core.store import Store
from core.store.transcripts import MachineText
from core.training import checkpoints, runs
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, cancel_at, make_workspace, toy


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    """Five accepted rows of one recording, four that a machine has written, of which one was rejected."""
    made = make_workspace(tmp_path / "w", toy(), train=9, test=0, accepted=False)
    set_values(made.config_path, "train", {"steps": 1, "eval_every": 1})
    with Store(made.db_path) as store:
        rows = [row.id for row in store.segments.all()]
        store.segments.set_parts(dict.fromkeys(rows))
        store.transcripts.write_machine([MachineText(id, "早", "早", "old", avg_logprob=-1.0) for id in rows])
        for id in rows[:5]:
            store.transcripts.save(id, "宮商角")
        store.transcripts.review(rows[5], "rejected")
    return made


def test_the_rest_is_written_anew_and_nothing_that_a_person_touched(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held() -> dict[str, tuple[str, str | None, str | None]]:
        with Store(made.db_path) as store:
            return {row.id: (row.text, row.origin, row.model) for row in store.segments.all()}

    before, trained = held(), []
    write, learn = round.FirstTranscripts.write, train.run

    def killed(self: round.FirstTranscripts) -> None:
        write(self)
        raise Cancelled

    def training(*args: object) -> dict[str, object]:
        trained.append(args)
        return learn(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(round.FirstTranscripts, "write", killed)
    monkeypatch.setattr(train, "run", training)
    with pytest.raises(Cancelled):
        round.run(made, made.config(), Listened(made, "round", {}).job)
    monkeypatch.setattr(round.FirstTranscripts, "write", write)
    result = round.run(made, made.config(), Listened(made, "round", {}).job)

    after = held()
    touched = list(before)[:6]
    assert {id: after[id] for id in touched} == {id: before[id] for id in touched}
    rest = list(before)[6:]
    assert {after[id][2] for id in rest} == {"models/run-01"}
    assert (result["name"], result["rows"], len(trained)) == ("run-01", 3, 1)
    # Counted from before the first of the two tries.
    assert result["changed"] == sum(after[id][0] != "早" for id in rest)
    assert result["changed"] > 0
    assert set(result["next"]) == set(rest)
    assert (made.models / "run-01" / "training.json").is_file()
    assert "run-01 has written 3 rows anew" in round.report(result)
    with Store(made.db_path) as store:
        assert result["expected_after"] == int(
            expected_errors(store, [row for row in store.segments.all() if row.id in rest]) + 0.5
        )
        assert (store.note("round") or {})["step"] == "done"


def test_a_round_goes_on_only_with_what_is_its_own(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed_at(begin: type[Event]) -> None:
        listened = Listened(made, "round", {})
        cancel_at(listened, begin)
        with pytest.raises(Cancelled):
            round.run(made, made.config(), listened.job)

    def goes_on(base: str | None = None, method: str | None = None) -> bool:
        config = made.config()
        config.model.base = base or config.model.base
        with Store(made.db_path) as store:
            return round._goes_on(made, config, store.note("round") or {}, method)

    def usable_in_split() -> int:
        with Store(made.db_path) as store:
            return (store.note("split") or {})["usable"]

    set_values(made.config_path, "train", {"steps": 2, "eval_every": 1})
    # It ends before its first checkpoint, and more is accepted meanwhile: that is learnt from, too.
    killed_at(RunStarted)
    assert checkpoints.last_checkpoint(runs.hidden(made.models, "run-01")) is None
    assert (usable_in_split(), goes_on()) == (5, False)
    with Store(made.db_path) as store:
        store.transcripts.save(store.segments.all()[6].id, "宮商角")
    killed_at(Saved)
    assert usable_in_split() == 6
    # With a checkpoint it goes on, but from no other base model and by no other method.
    assert goes_on()
    assert goes_on(method="quick")
    assert not goes_on(base="other")
    assert not goes_on(method="full")
    # A model that another run has made under its name is not the round's.
    record = runs.read_record(runs.hidden(made.models, "run-01"))
    assert record is not None
    (made.models / "run-01").mkdir()
    (made.models / "run-01" / "config.json").write_text("{}")
    assert goes_on()
    runs.write_record(runs.hidden(made.models, "run-01"), replace(record, of_round=False))
    assert not goes_on()
    # Its model was removed before the rows were written.
    with Store(made.db_path) as store:
        store.set_note("round", {"name": "run-01", "step": "label"})
    assert goes_on()
    shutil.rmtree(made.models / "run-01")
    assert not goes_on()
    listened = Listened(made, "round", {})
    assert round.run(made, made.config(), listened.job)["name"] == "run-02"
    assert "it begins anew, with run-02" in "".join(line.text for line in listened.of(LogLine))


def test_a_round_needs_something_to_learn_from(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=2, test=0, accepted=False)
    with pytest.raises(UserError, match="nothing to learn from"):
        round.check_params(made, made.config(), {})


def test_expected_errors_are_what_the_own_labeller_is_unsure_of(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=2, test=0, accepted=False)
    with Store(made.db_path) as store:
        one, two = (row.id for row in store.segments.all())
        store.transcripts.write_machine(
            [
                MachineText(one, "宮商", "宮商", "old", avg_logprob=-1.0),
                MachineText(two, "角", "角", "old", avg_logprob=-0.1),
            ]
        )
        rows = store.segments.all()
        apart = [expected_errors(store, [row]) for row in rows]
        assert expected_errors(store, rows) == pytest.approx(sum(apart))
        assert apart[0] > apart[1] > 0
