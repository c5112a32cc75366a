"""What others write meanwhile: it comes row by row, moves nothing under the cursor, and takes no typed text along."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from core.store import Segment, Store, Video
from core.workspace import Workspace
from tests.tui.transcripts_kit import TEXTS, filled, held, machine, open_app, row, segment, workspace
from tests.tui.wait import screen_lines, screen_text, wait_until, wrong_widths
from tui.screens.transcripts.editor.editor import Editor
from tui.screens.transcripts.panes import ReviewPanes
from tui.screens.transcripts.screen import TranscriptsScreen
from tui.screens.transcripts.table import loader
from tui.widgets.dialog import Choice

__all__ = ["workspace"]

ANEW = Segment("talk_7_15", "talk", 7_000, 15_000, "segments/talk/talk_7_15.wav", -20.0, 0.8)
"""What lies where segment 1 (8 to 18 s) was, once the recording is cut in pieces of 8 s."""


def cut_anew(workspace: Workspace, *numbers: int) -> None:
    with Store(workspace.db_path) as store:
        store.segments.remove([segment(number).id for number in numbers])
        store.segments.add([ANEW])
        store.transcripts.write_machine([replace(machine(0, "今天吃什麼"), segment=ANEW.id)])


def cursor_line(app) -> int:
    return next(number for number, line in enumerate(screen_lines(app)) if line.startswith("▸"))


def times(app) -> list[str]:
    """Of the rows that are seen, from above."""
    return [found[1] for line in screen_lines(app) if (found := re.match(r"[▸ ]+ \d+ +(\d:\d\d) ", line))]


async def opened_and_cut_away(pilot, app, workspace: Workspace) -> TranscriptsScreen:
    """Segment 1 in the editor, with something typed, is cut away by somebody else."""
    screen = await filled(pilot, app)
    await pilot.press("down", "e", *"喔")
    await wait_until(pilot, lambda: screen.editor.text == TEXTS[1] + "喔")
    cut_anew(workspace, 1)
    await wait_until(pilot, lambda: "✗ 0:08–0:18 was cut away elsewhere" in screen_text(app))
    return screen


async def test_a_text_whose_segment_is_cut_away_stays_and_finds_its_place(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await opened_and_cut_away(pilot, app, workspace)
        # It is still being typed, and in the log already.
        assert isinstance(app.focused, Editor)
        assert screen.editor.text == TEXTS[1] + "喔"
        assert TEXTS[1] + "喔" in workspace.log_file.read_text()
        assert "now 0:07–0:15 lies there 今天吃什麼" in screen_text(app)
        assert wrong_widths(app) == []
        await pilot.press(*"好", "enter")
        await wait_until(
            pilot, lambda: isinstance(app.screen, Choice) and "Where shall this text go?" in screen_text(app)
        )
        assert f"{TEXTS[1]}喔好" in screen_text(app)
        await pilot.press("p")
        with Store(workspace.db_path) as store:
            await wait_until(pilot, lambda: store.segments.get(ANEW.id).text == TEXTS[1] + "喔好")  # type: ignore[union-attr]
        await wait_until(
            pilot, lambda: screen.table.cursor_key == ANEW.id and "lost its segment" not in screen_text(app)
        )
        assert f"{TEXTS[1]}喔好" in workspace.log_file.read_text()
        # And it can be taken back as any other.
        await pilot.press("tab", "u")
        await wait_until(pilot, lambda: screen.editor.text == "今天吃什麼")


@pytest.mark.parametrize("answer", ["c", "d", "escape"])
async def test_a_text_that_lost_its_segment_is_copied_let_go_or_waits(workspace: Workspace, answer: str):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await opened_and_cut_away(pilot, app, workspace)
        # Leaving the editor forgets nothing.
        await pilot.press("tab")
        await wait_until(pilot, lambda: app.focused is screen.table)
        await wait_until(pilot, lambda: "✗ a text has lost its segment" in screen_text(app))
        assert screen.editor.segment == screen.table.cursor_key
        await pilot.press("p")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press(answer)
        await wait_until(pilot, lambda: app.screen is screen)
        waits = answer == "escape"
        await wait_until(pilot, lambda: ("✗ a text has lost its segment" in screen_text(app)) == waits)
        if answer == "c":
            assert app.clipboard == TEXTS[1] + "喔"
        with Store(workspace.db_path) as store:
            assert store.segments.get(ANEW.id).text == "今天吃什麼"  # type: ignore[union-attr]


async def test_a_text_that_waits_while_its_segment_is_cut_away_is_kept_too(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("down", "e")
        with held(workspace) as other:
            await pilot.press(*"喔", "enter")
            await wait_until(pilot, lambda: "1 not saved yet" in screen_text(app))
            other.execute("DELETE FROM segments WHERE id = ?", (segment(1).id,))
            other.commit()
        await wait_until(pilot, lambda: "✗ a text has lost its segment" in screen_text(app))
        await wait_until(pilot, lambda: screen.table.row_count == 7)
        assert f"{TEXTS[1]}喔" in workspace.log_file.read_text()
        assert "not saved yet" not in screen_text(app)
        # What is typed in the next row meanwhile is left alone.
        assert screen.editor.segment == segment(2).id


async def test_a_verdict_on_a_segment_that_was_cut_away_meanwhile_is_told(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await filled(pilot, app)
        with held(workspace) as other:
            await pilot.press("down", "x")
            await wait_until(pilot, lambda: "1 not saved yet" in screen_text(app))
            other.execute("DELETE FROM segments WHERE id = ?", (segment(1).id,))
            other.commit()
        await wait_until(pilot, lambda: f"✗ there is no segment {segment(1).id}" in screen_text(app))
        await wait_until(pilot, lambda: screen.table.row_count == 7 and "not saved yet" not in screen_text(app))
        await pilot.press("x")
        await wait_until(pilot, lambda: "there is no segment" not in screen_text(app))


async def test_a_row_that_is_only_looked_at_goes_without_a_word(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("down", "e")
        await wait_until(pilot, lambda: isinstance(app.focused, Editor))
        cut_anew(workspace, 1)
        await wait_until(
            pilot, lambda: "0:07" in screen_text(app) and segment(1).id not in screen._session.index._by_id
        )
        assert "cut away" not in screen_text(app)
        assert screen.editor.segment == screen.table.cursor_key


@pytest.mark.parametrize("many", [False, True])
async def test_rows_that_change_elsewhere_move_neither_cursor_nor_text(workspace: Workspace, many: bool, monkeypatch):
    if many:
        # More than is taken in one by one: all rows are read.
        monkeypatch.setattr(loader, "MOST", 1)
    app = open_app(workspace)
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("o", "slash", *"state:pending", "enter")
        await wait_until(pilot, lambda: "8 rows, most suspicious first" in screen_text(app))
        assert screen.table.go_to_key(segment(4).id)
        await pilot.press("e", *"口")
        await wait_until(pilot, lambda: screen.editor.text == TEXTS[4] + "口")
        line = cursor_line(app)
        with Store(workspace.db_path) as store:
            # Before it and behind it in the order, out of the filter, and its own row too: labelled anew, and accepted.
            store.transcripts.write_machine([replace(machine(6, "新"), suspicion=0.9)])
            store.transcripts.write_machine([replace(machine(4, "別的"), suspicion=0.99)])
            store.transcripts.review(segment(4).id, "accepted")
            store.transcripts.review(segment(5).id, "rejected")
            store.videos.add(Video("early"))
            store.segments.add([Segment("early_0_10", "early", 0, 10_000, "segments/early/early_0_10.wav")])
        await wait_until(pilot, lambda: "2 of 9 reviewed" in screen_text(app) and "  新" in screen_text(app))
        assert screen.table.cursor_key == segment(4).id
        assert cursor_line(app) == line
        assert screen.editor.text == TEXTS[4] + "口"
        assert isinstance(app.focused, Editor)
        # Somebody has accepted another text meanwhile.
        await pilot.press("enter")
        await wait_until(pilot, lambda: "reads now (accepted): 別的" in screen_text(app))
        await pilot.press("p")
        await wait_until(pilot, lambda: row(workspace, 4).text == TEXTS[4] + "口")


async def test_what_changes_while_all_rows_are_read_or_rest_follows(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(loader, "MOST", 0)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        # As after a reading of 100 000 rows: the next one has to wait a little. One under way would set that anew.
        await wait_until(pilot, lambda: not screen._loader._busy)
        screen._loader._rest_until = loader.time.monotonic() + 0.5
        with Store(workspace.db_path) as store:
            store.transcripts.write_machine([machine(7, "機器寫的")])
        screen.store_changed()
        screen.store_changed()
        await pilot.pause()
        assert "機器寫的" not in screen_text(app)
        await wait_until(pilot, lambda: "機器寫的" in screen_text(app))
        assert loader.time.monotonic() >= screen._loader._rest_until


def write_as_another(workspace: Workspace, number: int, text: str) -> None:
    with Store(workspace.db_path) as store:
        store.transcripts.save(segment(number).id, text)


async def test_what_two_write_in_one_row_is_kept_shown_and_asked_about(workspace: Workspace, monkeypatch):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("down", "e", *"喔")
        write_as_another(workspace, 1, "別人寫的")
        await wait_until(pilot, lambda: "! a person wrote here meanwhile 別人寫的" in screen_text(app))
        assert screen.editor.text == TEXTS[1] + "喔"
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice) and "changed elsewhere" in screen_text(app))
        assert f"{TEXTS[1]}喔" in screen_text(app)
        assert "reads now (accepted): 別人寫的" in screen_text(app)
        assert row(workspace, 1).text == "別人寫的"
        assert f"{TEXTS[1]}喔" in workspace.log_file.read_text()
        # Whoever does not answer yet can do so later.
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: "✗ two have changed the same row" in screen_text(app))
        assert screen.editor.text == "別人寫的"
        await pilot.press("p")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("p")
        await wait_until(pilot, lambda: row(workspace, 1).text == TEXTS[1] + "喔")
        await wait_until(pilot, lambda: "two have written" not in screen_text(app))
        await pilot.press("u")
        await wait_until(pilot, lambda: screen.editor.text == "別人寫的")
        # Saved before anybody has noticed what another wrote there: the table shows theirs at once, too.
        await pilot.press("down", "down", "e", *"喔")
        await wait_until(pilot, lambda: screen.editor.text == TEXTS[3] + "喔")
        monkeypatch.setattr(screen, "store_changed", lambda: None)
        write_as_another(workspace, 3, "又是別人")
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("d")
        await wait_until(pilot, lambda: re.search(r"3 +0:24 .*accepted.* 又是別人", screen_text(app)) is not None)


async def test_a_verdict_of_another_person_is_kept_shown_and_asked_about(workspace: Workspace):
    def judge_as_another(number: int) -> None:
        with Store(workspace.db_path) as store:
            store.transcripts.review(segment(number).id, "rejected")

    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("down", "e", *"喔")
        judge_as_another(1)
        await wait_until(pilot, lambda: f"! rejected meanwhile {TEXTS[1]}" in screen_text(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: f"reads now (rejected): {TEXTS[1]}" in screen_text(app))
        assert f"{TEXTS[1]}喔" in screen_text(app)
        assert (row(workspace, 1).text, row(workspace, 1).review) == (TEXTS[1], "rejected")
        await pilot.press("p")
        await wait_until(
            pilot, lambda: (row(workspace, 1).text, row(workspace, 1).review) == (f"{TEXTS[1]}喔", "accepted")
        )
        # A verdict on a verdict that this person did not see yet.
        await pilot.press("escape", "down")
        await wait_until(pilot, lambda: screen.table.cursor_key == segment(2).id)
        with held(workspace) as other:
            await pilot.press("a")
            await wait_until(pilot, lambda: "1 not saved yet" in screen_text(app))
            other.execute("UPDATE transcripts SET review = 'rejected' WHERE segment = ?", (segment(2).id,))
            other.commit()
        await wait_until(pilot, lambda: f"✗ {segment(2).id} was rejected elsewhere meanwhile" in screen_text(app))
        assert row(workspace, 2).review == "rejected"
        # Now that it is known it can be another.
        await pilot.press("up", "a")
        await wait_until(pilot, lambda: row(workspace, 2).review == "accepted")


async def test_a_text_that_leaves_the_row_does_not_go_over_another_persons(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("down", "e", *"喔")
        with held(workspace) as other:
            # The other one is quicker, and this one knows nothing of it yet.
            await pilot.press("enter")
            await wait_until(pilot, lambda: "1 not saved yet" in screen_text(app))
            other.execute(
                "UPDATE transcripts SET text = '別人寫的', origin = 'human', review = 'accepted' WHERE segment = ?",
                (segment(1).id,),
            )
            other.commit()
        await wait_until(pilot, lambda: "✗ two have changed the same row" in screen_text(app))
        assert row(workspace, 1).text == "別人寫的"
        await wait_until(pilot, lambda: "  別人寫的" in screen_text(app) and "not saved" not in screen_text(app))
        assert screen.editor.segment == segment(2).id
        await pilot.press("escape", "p")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("d")
        await wait_until(pilot, lambda: "two have written" not in screen_text(app))
        assert row(workspace, 1).text == "別人寫的"


@pytest.mark.parametrize("many", [False, True])
async def test_what_a_labeller_writes_does_not_change_the_row_that_is_looked_at(
    workspace: Workspace, many: bool, monkeypatch
):
    if many:
        monkeypatch.setattr(loader, "MOST", 1)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        with Store(workspace.db_path) as store:
            store.transcripts.write_machine([machine(0, "新的第一句"), machine(1, "新的第二句"), machine(7, "新的")])
        await wait_until(pilot, lambda: "新的第二句" in screen_text(app))
        await wait_until(pilot, lambda: "written anew meanwhile 新的第一句" in screen_text(app))
        assert screen.editor.text == TEXTS[0]
        assert f"  {TEXTS[0]}" in screen_text(app)
        # Nobody accepts what they have not seen.
        await pilot.press("a")
        await wait_until(pilot, lambda: f"✗ {segment(0).id} was written elsewhere meanwhile" in screen_text(app))
        assert (row(workspace, 0).text, row(workspace, 0).review) == ("新的第一句", "pending")
        await wait_until(pilot, lambda: "  新的第一句" in screen_text(app))
        await pilot.press("up", "a")
        await wait_until(pilot, lambda: row(workspace, 0).review == "accepted")
        # It is shown as soon as somebody goes on.
        with Store(workspace.db_path) as store:
            store.transcripts.write_machine([machine(1, "又是新的")])
        await wait_until(pilot, lambda: "written anew meanwhile 又是新的" in screen_text(app))
        await pilot.press("e", "down")
        assert screen.editor.text == "新的第二句"
        await pilot.press("escape", "down", "up")
        await wait_until(pilot, lambda: screen.editor.text == "又是新的" and "meanwhile" not in screen_text(app))
        # How far it is to be trusted is told again only then, too.
        with Store(workspace.db_path) as store:
            store.transcripts.set_estimates({segment(n).id: (("differs",), 0.5) for n in (1, 3)})
        await wait_until(pilot, lambda: screen_text(app).count("differs") == 1)
        assert "meanwhile" not in screen_text(app)
        await pilot.press("down")
        await wait_until(pilot, lambda: screen_text(app).count("differs") == 2)
        # Where it stands elsewhere then, the others make room: each row is seen once.
        assert screen.table.cursor_key == segment(2).id
        with Store(workspace.db_path) as store:
            store.transcripts.set_estimates({segment(2).id: ((), 0.001)})
        await wait_until(pilot, lambda: segment(2).id in screen._session.held)
        await pilot.press("o")
        await wait_until(pilot, lambda: times(app)[:2] == ["0:16", "0:08"] and screen.table.cursor == 0)
        await pilot.press("down")
        await wait_until(pilot, lambda: times(app)[:2] == ["0:08", "0:24"])
        assert sorted(times(app)) == [f"{n * 8 // 60}:{n * 8 % 60:02}" for n in range(8)]


async def test_of_very_many_rows_the_first_are_shown_before_all_are_read(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(loader, "FIRST", 3)
    with Store(workspace.db_path) as store:
        store.videos.add(Video("later", title="later"))
        store.segments.add([Segment("later_0_10", "later", 0, 10_000, "segments/later/later_0_10.wav")])
    first = loader.read(workspace.db_path, None, 0, first_only=True)
    assert first is not None
    assert first.index is not None
    assert not first.is_whole
    assert [row.video for row in first.index.rows] == ["talk"] * 8
    readings: list[int] = []
    load = ReviewPanes.load

    def note(panes: ReviewPanes, reading: loader.Reading) -> None:
        load(panes, reading)
        if reading.index is not None:
            readings.append(len(reading.index))
            assert not panes.table.is_whole

    monkeypatch.setattr(ReviewPanes, "load", note)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app, 9)
        await wait_until(pilot, lambda: screen.table.is_whole and "9 rows, in playing order" in screen_text(app))
        assert readings == [8, 9]
        assert screen.table.cursor == 0
