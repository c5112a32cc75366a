"""The words of glossary.txt go to the labeller, and are left alone where texts are written in another script."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import set_value
from core.errors import UserError
from core.stages import label
from core.store import Captions, Store
from core.timed_text import Cue
from core.workspace import Workspace
from tests.core.labelling_kit import Ears, ears, recorded_workspace, rows, run

__all__ = ["ears"]


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    return recorded_workspace(tmp_path / "w")


def test_the_labeller_is_told_its_words_and_hears_anew_where_they_change(made: Workspace, ears: Ears) -> None:
    run(made)
    made.glossary.write_text("# nothing yet\n", encoding="utf-8")
    run(made, redo=True)
    made.glossary.write_text("牛肉湯\n饗饗\n", encoding="utf-8")
    run(made, redo=True)
    told = [ear.prompt for ear in ears.opened]
    assert told == [(), (), ("牛肉湯", "饗饗")]
    heard = [len(ear.heard) for ear in ears.opened]
    assert heard == [16, 0, 16]  # an empty glossary is none
    made.glossary.write_bytes(b"\xff\xff\xff\x00\x01")
    with pytest.raises(UserError, match=r"glossary\.txt is in an encoding"):
        label.check_params(made, made.config(), {})


def test_machine_text_is_written_in_the_script_of_the_settings(made: Workspace, ears: Ears) -> None:
    set_value(made.config_path, "transcripts", "script", "traditional-tw")
    made.glossary.write_text("乐乐\n", encoding="utf-8")
    with Store(made.db_path) as store:
        store.captions.put(Captions("train", "zh-CN", cues=(Cue(0, 9000, "乐乐的软件里面"),)))
        store.transcripts.save("train_8_18", "他写的软件")
    run(made)
    found = rows(made)
    assert (found["train_0_10"].text, found["train_0_10"].raw) == ("乐乐的軟體裡面", "乐乐的软件里面")
    assert found["train_8_18"].text == "他写的软件"  # a person's text is theirs
