"""Other readings in the text: numbered below their places, taken by keys that terminals send, there while one types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.pilot import Pilot

from core.review.differences import differences
from core.review.variants import Variant
from core.store import Store
from core.store.records import SecondReading
from core.workspace import Workspace
from tests.tui.transcripts_kit import TEXTS, filled, machine, open_app, row, segment, workspace
from tests.tui.wait import screen_lines, screen_text, type_at_once, wait_until, wrong_widths
from tui.screens.transcripts.editor.variants import TrackedVariants, number_of
from tui.terminal import alt_keys
from tui.widgets.annotated_text_area import side_by_side

__all__ = ["workspace"]

ALT = ["alt+1", "alt+2", "alt+3"]


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """As a terminal sends them: Pilot gives no character with such a key as Alt and a digit are."""
    type_at_once(pilot.app, *keys)
    await pilot.pause()


def read_otherwise(workspace: Workspace, number: int, other: str) -> None:
    text = TEXTS[number]
    with Store(workspace.db_path) as store:
        places = tuple(differences(text, other))
        store.second_readings.put([SecondReading(segment(number).id, "openai/whisper-base", text, other, places)])


def test_alt_and_a_digit_are_one_key_and_what_a_mac_types_with_them_is_text(monkeypatch: pytest.MonkeyPatch):
    for sequence, keys in list(ANSI_SEQUENCES_KEYS.items()):
        monkeypatch.setitem(ANSI_SEQUENCES_KEYS, sequence, keys)  # for its end
    alt_keys.read_as_one_key()

    def arrives(text: str) -> list[tuple[str, str | None]]:
        return [(key.key, key.character) for key in XTermParser().feed(text) if isinstance(key, events.Key)]

    assert [arrives(f"\x1b{digit}") for digit in range(1, 10)] == [[(f"alt+{digit}", None)] for digit in range(1, 10)]
    assert arrives("£") == [("pound_sign", "£")]
    assert [number_of(key) for key in ("alt+9", "1", "left", "alt+0", "pound_sign")] == [9, None, None, None, None]


def test_the_next_place_is_the_next_that_is_open_and_numbers_go_along_by_nines():
    text = "我" * 40
    tracked = TrackedVariants(text, [])
    assert tracked.next(text, 40, 40) is None
    tracked = TrackedVariants(text, [Variant(at, at + 1, "你", "b") for at in range(0, 24, 2)])
    assert [one.number + one.label for one in tracked.annotations(text, False)][:10] == [
        *(f"{n}你" for n in range(1, 10)),
        "你",
    ]
    seen, at = [], (len(text), len(text))
    for _ in range(13):
        found = tracked.next(text, *at)
        assert found is not None
        seen.append(found.start)
        at = (found.start, found.end)
    assert seen == [*range(0, 24, 2), 0]
    tracked.next(text, 16, 17)
    assert tracked.place_of(text, 1) == 9
    assert tracked.place_of(text, 4) is None
    taken, changed = tracked.take(text, 9)
    assert (taken.start, changed[18]) == (18, "你")
    assert tracked.next(changed, 16, 17).start == 20  # type: ignore[union-attr]


def test_readings_stand_under_their_places_as_far_as_the_others_leave_room():
    assert side_by_side([0, 10], [3, 3], 20) == [0, 10]
    assert side_by_side([0, 2, 4], [3, 3, 3], 20) == [0, 4, 8]
    # At the end of the line the ones before make room.
    assert side_by_side([0, 14, 18], [3, 3, 6], 20) == [0, 10, 14]
    assert side_by_side([0, 18], [4, 30], 20) == [0, 5]
    assert side_by_side([], [], 20) == []


async def test_other_readings_are_taken_put_back_and_typed_over(workspace: Workspace):
    read_otherwise(workspace, 0, "大家好我叫千千喔")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        editor = screen.editor
        await wait_until(pilot, lambda: "read by whisper-base" in screen_text(app))
        line = next(number for number, line in enumerate(screen_lines(app)) if line.startswith(f" {TEXTS[0]}"))
        # Each below its place: 是 is the fifth character.
        assert screen_lines(app)[line + 1].rstrip() == " " * 9 + "1叫   2+喔"
        assert wrong_widths(app) == []
        await press(pilot, "e", ALT[0], ALT[1])
        assert editor.text == "大家好我叫千千喔"
        # There is no third.
        await press(pilot, ALT[2])
        assert editor.text == "大家好我叫千千喔"
        await press(pilot, ALT[0])
        assert editor.text == "大家好我是千千喔"
        # An edit elsewhere moves the places along; what is taken there is what is undone first.
        await press(pilot, "home", *"嗨", ALT[0])
        assert editor.text == "嗨大家好我叫千千喔"
        await press(pilot, "ctrl+z")
        assert editor.text == "嗨大家好我是千千喔"
        await press(pilot, "home", "tab")
        assert editor.selected_text == "是"
        await press(pilot, "ctrl+t")
        assert editor.text == "嗨大家好我叫千千喔"
        await press(pilot, "ctrl+t", "home", "tab", *"就是")
        assert editor.text == "嗨大家好我就是千千喔"
        assert [one.other for one in editor.variants] == [""]
        # Undone to the beginning, all is offered again.
        for _ in range(12):
            await press(pilot, "ctrl+z") if editor.dirty else None
        assert [one.other for one in editor.variants] == ["叫", "喔"]
        await press(pilot, ALT[0], "enter")
        await wait_until(pilot, lambda: row(workspace, 0).text == "大家好我叫千千")
        # The next row shares two seconds with it, but no words; it has no other reading, so that tab is for the table.
        assert editor.segment == segment(1).id
        await press(pilot, ALT[2], "£")
        assert editor.text == TEXTS[1] + "£"
        await press(pilot, "tab")
        assert app.focused is screen.table


async def test_what_was_corrected_in_the_time_two_rows_share_is_offered_and_a_loop_is_typed_over(workspace: Workspace):
    loop = "嗯" * 300
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([machine(2, loop)])
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        editor = screen.editor
        await press(pilot, "e", *"今天要去吃", "enter")
        await wait_until(pilot, lambda: editor.segment == segment(1).id)
        assert [(one.other, one.source) for one in editor.variants] == [("去", "0:00")]
        await wait_until(pilot, lambda: "1去" in screen_text(app) and "read by 0:00" in screen_text(app))
        await press(pilot, ALT[0], "enter")
        await wait_until(pilot, lambda: row(workspace, 1).text == "今天要去吃到飽")
        # A loop is seen from its beginning: an arrow keeps it, what is typed replaces it.
        assert editor.segment == segment(2).id
        assert editor.selected_text == loop
        await wait_until(pilot, lambda: "type over it" in screen_text(app))
        await wait_until(pilot, lambda: editor.max_scroll_y > 0 and editor.scroll_offset.y == 0)
        await press(pilot, "right")
        # Another window, and back: what an arrow has kept is not selected again.
        app.post_message(events.AppBlur())
        await pilot.pause()
        app.post_message(events.AppFocus())
        await wait_until(pilot, lambda: editor.has_focus)
        await press(pilot, *"了")
        assert editor.text == loop + "了"
        assert editor.scroll_offset.y == editor.max_scroll_y
        await press(pilot, "escape")
        assert editor.selected_text == ""
        await wait_until(pilot, lambda: editor.scroll_offset.y == 0)
        await press(pilot, "e", *"好吃", "enter")
        await wait_until(pilot, lambda: row(workspace, 2).text == "好吃")
        # What is not so wrong is not selected.
        assert editor.segment == segment(3).id
        assert editor.selected_text == ""


async def test_a_second_reading_is_offered_on_a_text_that_was_changed_since(workspace: Workspace):
    read_otherwise(workspace, 0, "大家好我叫千千喔")
    with Store(workspace.db_path) as store:
        # As a mistake that was fixed everywhere leaves it: another text, and still nobody's.
        store.transcripts.write_machine([replace(machine(0, "各位好我是千千"), suspicion=0.0)])
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await wait_until(pilot, lambda: screen.editor.text == "各位好我是千千")
        assert [one.other for one in screen.editor.variants] == ["大家", "叫", "喔"]
