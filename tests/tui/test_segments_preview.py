"""What the segments screen shows of a segment and of its recording, at every size; nothing is cut here by a job."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from core.cli import AppOptions
from core.listen.player import Playback, PlayerState
from core.media.sound import dbfs
from core.spans import segment_id
from core.store import Segment, Store, Video
from core.store.records import SecondReading
from core.store.transcripts import MachineText
from core.workspace import Workspace, create
from tests.core.media_kit import RATE, speech_like, write_wav
from tests.tui.wait import ambiguous, hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.segments import panel
from tui.screens.segments.panel import PreviewPanel, panel_rows
from tui.screens.segments.screen import SegmentsScreen
from tui.widgets.recording_strip import RecordingStrip
from tui.widgets.waveform import Waveform

TITLE = "【千千進食中】饗饗\x1b[31m全品項攻略！\u202e高樓 [red]景觀吃到飽！"


def add_recording(
    workspace: Workspace, id: str, samples: np.ndarray, *, length_s: float = 10.0, overlap_s: float = 2.0
) -> list[str]:
    """A recording as a cut leaves it, straight into folder and store; the ids of its segments."""
    with Store(workspace.db_path) as store:
        seconds = len(samples) / RATE
        cut = {"length_ms": round(length_s * 1000), "overlap_ms": round(overlap_s * 1000)}
        store.videos.add(Video(id, title=TITLE if id == "talk" else id, licence="own", state="fetched"))
        store.videos.update(id, path=f"media/{id}.wav", cut=cut, duration_ms=round(seconds * 1000))
        rows = []
        for start in np.arange(0.0, max(0.1, seconds - overlap_s), length_s - overlap_s):
            piece = samples[round(start * RATE) : round((start + length_s) * RATE)]
            span = (round(start * 1000), round(start * 1000) + len(piece) * 1000 // RATE)
            name = segment_id(id, *span)
            path = write_wav(workspace.segments / id / f"{name}.wav", piece)
            measured = (round(dbfs(piece), 1), 0.6, -12.0, 0.0) if piece.any() else (-100.0, 0.0, -100.0, 0.0)
            rows.append(Segment(name, id, *span, workspace.relative(path), *measured))
        store.segments.add(rows)
    return [row.id for row in rows]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A talk at -30 dBFS of 12 segments, six of them reviewed; silence; a piece of 0.3 s."""
    workspace = create(tmp_path_factory.mktemp("preview") / "w")
    quiet = speech_like(98.0)
    quiet = (quiet * (10 ** (-30 / 20) * 32768 / np.sqrt(np.mean(quiet.astype(float) ** 2)))).astype(np.int16)
    ids = add_recording(workspace, "talk", quiet)
    add_recording(workspace, "silence", np.zeros(12 * RATE, np.int16))
    add_recording(workspace, "tiny", speech_like(0.3))
    with Store(workspace.db_path) as store:
        texts = [MachineText(id, f"第{n}段機器寫的話", f"第{n}段機器寫的話", "m") for n, id in enumerate(ids)]
        loop = "嗯" * 900
        texts[7] = MachineText(ids[7], loop, loop, "m", flags=("loop",), suspicion=1.0)
        store.transcripts.write_machine(texts)
        for number, id in enumerate(ids[:6]):
            store.transcripts.save(id, f"第{number}段 a person's words about hot pot")
    return workspace


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, to be changed."""
    shutil.copytree(made.root, tmp_path / "w")
    return Workspace(tmp_path / "w")


def open_app(workspace: Workspace, ascii: bool = False) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(ascii=ascii), start="segments")


def screen_of(app: WhispersmithApp) -> SegmentsScreen:
    assert isinstance(app.screen, SegmentsScreen)
    return app.screen


def shown(app: WhispersmithApp) -> str | None:
    """The id of the segment whose preview is drawn."""
    return app.screen.query_one(PreviewPanel).segment if isinstance(app.screen, SegmentsScreen) else None


async def on_row(pilot: Pilot[int], app: WhispersmithApp, number: int) -> None:
    """The cursor on this row, and its preview drawn."""
    await wait_until(pilot, lambda: shown(app) is not None)
    screen_of(app).table.cursor = number
    await wait_until(pilot, lambda: shown(app) == screen_of(app).table.cursor_key)
    await pilot.pause()


def heading_of(app: WhispersmithApp) -> str:
    return screen_lines(app)[2]


def shown_rows(app: WhispersmithApp) -> list[str]:
    """Each row of the table, as its cells are given."""
    rows = screen_of(app).rows
    return [" ".join(str(cell) for cell in rows.cells(place)) for place in range(len(rows))]


def wave_rows(app: WhispersmithApp) -> list[str]:
    wave = app.screen.query_one(Waveform)
    return [wave.render_line(y).text for y in range(wave.size.height - 2)]


# -- how it looks


@pytest.mark.parametrize(
    ("size", "ascii"), [((140, 45), False), ((100, 30), False), ((100, 30), True), ((80, 24), False)]
)
async def test_the_screen_looks_as_it_did(
    made: Workspace, golden: Callable[[str, Sequence[str]], None], size: tuple[int, int], ascii: bool
) -> None:
    app = open_app(made, ascii)
    async with app.run_test(size=size) as pilot:
        await on_row(pilot, app, 7)
        # The bars and the heading are others'.
        golden(f"segments-{size[0]}x{size[1]}{'-ascii' * ascii}", screen_lines(app)[3:-1])
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        assert not ascii or ambiguous(app).strip("第段機器寫的話") == ""


async def test_at_140_by_45_no_part_is_empty_and_at_80_by_24_wave_and_text_are_left(made: Workspace) -> None:
    app = open_app(made)
    async with app.run_test(size=(140, 45)) as pilot:
        await on_row(pilot, app, 7)
        lines = screen_lines(app)[4:-2]
        assert [line for line in lines if not line[56:].strip()] == []
        assert "next: 1 model" in heading_of(app)
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: "log-mel" not in screen_text(app) and "next: 1 model" in heading_of(app))
        assert "千千進食中" in heading_of(app)
        for words in (
            "7   0:56–1:06",
            "with 6",
            "with 8",
            "0:57",
            "loop: it repeats itself without end",
            "嗯嗯嗯",
            "peak –",
        ):
            assert words in screen_text(app)


def test_the_rows_are_shared_out_whatever_the_height() -> None:
    for height in range(80):
        rows = panel_rows(height)
        assert (sum(rows), min(rows) >= 0) == (height, True)
        if height >= 38:
            assert 12 <= rows.mel - 1 <= 16
            assert rows.wave >= 10


async def test_quiet_speech_fills_its_picture_and_the_title_says_how_high_it_is(made: Workspace) -> None:
    app = open_app(made)
    async with app.run_test(size=(140, 45)) as pilot:
        await on_row(pilot, app, 3)
        rows = wave_rows(app)
        assert rows[0].strip()
        assert rows[-1].strip()
        # Tones of 0.3 amplitude and pauses, 60 % of the time, at -30 dBFS: their peaks are about -25 dB.
        assert "peak –25 dB   speech 60%   full height –25 dB   loudness –30 dB" in screen_text(app)


async def test_bins_and_name_are_those_of_the_chosen_model(workspace: Workspace) -> None:
    model = workspace.root / "my-model"
    model.mkdir()
    (model / "preprocessor_config.json").write_text('{"feature_size": 128, "chunk_length": 30}')
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 0)
        assert "log-mel, 80 bins, as most Whispers hear it" in screen_text(app)
    settings = workspace.config_path.read_text().replace('base = "', 'base = "my-model" # was "', 1)
    workspace.config_path.write_text(settings)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 0)
        assert "log-mel, 128 bins, as my-model hears it" in screen_text(app)


# -- what there is to be said


async def test_the_whole_text_is_there_with_who_wrote_it_and_what_is_said_around_it(made: Workspace) -> None:
    app = open_app(made)
    async with app.run_test(size=(140, 45)) as pilot:
        await on_row(pilot, app, 5)
        text = screen_text(app)
        for words in (
            "accepted, by a person",
            "第5段 a person's words",
            "machine wrote  第5段機器",
            "before  第4段",
            "after  第6段",
        ):
            assert words in text
        await pilot.press("down")
        await wait_until(pilot, lambda: "pending, by a machine" in screen_text(app))


async def test_rows_of_an_earlier_cut_say_so_and_the_heading_counts_them(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store, store.write() as db:
        db.execute("UPDATE segments SET kept = 1 WHERE video = 'talk' AND start_ms >= 72000")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 9)
        assert "! 3 of an earlier cut" in heading_of(app)
        assert [line.split()[-1] == "earlier" for line in shown_rows(app)] == [False] * 9 + [True] * 3
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: "! 3 earlier" in heading_of(app))


async def test_how_a_second_labeller_reads_it_is_shown(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        id = store.segments.of_recording("talk")[0].id
        store.second_readings.put([SecondReading(id, "openai/whisper-base", "第0段", "第零段是別人寫的")])
    app = open_app(workspace)
    async with app.run_test(size=(140, 45)) as pilot:
        await on_row(pilot, app, 0)
        assert "whisper-base reads  第零段是別人寫的" in screen_text(app)
        await on_row(pilot, app, 1)
        assert "reads  " not in screen_text(app)


async def test_a_text_that_is_changed_elsewhere_is_shown_and_the_cursor_stays(workspace: Workspace) -> None:
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 2)
        with Store(workspace.db_path) as store:
            store.transcripts.save(shown(app) or "", "換了一句話")
        app.recount()
        await wait_until(pilot, lambda: "換了一句話" in screen_text(app))
        assert screen_of(app).table.cursor == 2
        with Store(workspace.db_path) as store:
            store.transcripts.review(screen_of(app).rows.key(9), "rejected")
        app.recount()
        await wait_until(pilot, lambda: "reviewed 7 of 12" in screen_text(app))
        assert screen_of(app).table.cursor == 2


async def test_missing_and_broken_sound_is_said_where_it_would_be(workspace: Workspace) -> None:
    wavs = sorted((workspace.segments / "talk").glob("*.wav"), key=lambda path: int(path.stem.split("_")[1]))
    wavs[1].unlink()
    wavs[2].write_bytes(wavs[2].read_bytes()[:20])
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 1)
        assert "is not there" in screen_text(app)
        assert "whispersmith segment" in screen_text(app)
        assert "第1段" in screen_text(app)
        await on_row(pilot, app, 2)
        assert "is not a 16-bit wav" in screen_text(app)
        await on_row(pilot, app, 0)
        assert "is not" not in screen_text(app)
        assert "".join(wave_rows(app)).strip()


async def test_silence_is_a_line_and_says_so(made: Workspace) -> None:
    app = open_app(made)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 0)
        await pilot.press("right_square_bracket")
        await wait_until(pilot, lambda: "silence: nothing above –60 dB" in screen_text(app))
        drawn = [row for row in wave_rows(app) if row.strip()]
        assert len(drawn) == 1
        assert len(set(drawn[0].strip())) == 1
        assert set(app.screen.query_one(RecordingStrip).text.splitlines()[0].split("  ")[0]) == {"▁"}
        assert "! silence: nobody speaks in it" in screen_text(app)


async def test_a_recording_nobody_has_listened_to_for_speech_is_drawn_by_its_loudness(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store, store.write() as db:
        db.execute("UPDATE segments SET peak = NULL, dbfs = -35.0 WHERE video = 'talk'")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 0)
        drawn = app.screen.query_one(RecordingStrip).text.splitlines()[0]
        assert "▅ loud  ▁ quiet" in drawn
        assert set(drawn.split("  ")[0]) == {"▅"}
        assert "%" not in screen_text(app)


async def test_a_piece_of_a_third_of_a_second_has_its_picture(made: Workspace) -> None:
    app = open_app(made)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 0)
        await pilot.press("left_square_bracket")
        await wait_until(pilot, lambda: shown(app) == "tiny_0ms_300ms")
        assert "0:00–0:00.3" in screen_text(app)
        assert "╵0:00.1" in screen_text(app)
        assert "".join(wave_rows(app)).strip()
        assert wrong_widths(app) == []


# -- along the recording


async def test_keys_and_clicks_jump_along_the_recording(made: Workspace) -> None:
    app = open_app(made)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 0)
        seen = []
        for key in ("}", "}", "{", "{", "{"):
            await pilot.press(key)
            seen.append(screen_of(app).table.cursor)
        # A tenth of 98 s is 9.8 s: from the row that begins at 0 s to that of 8 s, to that of 17.8 s.
        assert seen == [1, 2, 0, 0, 0]
        for _ in range(15):
            await pilot.press("}")
        assert screen_of(app).table.cursor == 11
        await pilot.click(RecordingStrip, offset=(2, 0))
        await wait_until(pilot, lambda: screen_of(app).table.cursor == 0)
        await on_row(pilot, app, 6)
        below = app.screen.query_one(RecordingStrip).text.splitlines()[1]
        width = below.index("  ▔ reviewed")
        # 48-58 s of 98 s.
        assert below.index("▴") == pytest.approx(width * 48 / 98, abs=1)
        assert below.rindex("▴") == pytest.approx(width * 58 / 98, abs=1)
        assert below[:width].count("▔") == pytest.approx(width * 48 / 98, abs=3)


# -- what is heard


async def test_the_playhead_follows_what_is_heard_also_in_what_the_neighbours_share(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "REDRAW_S", 0.0)
    app = open_app(made)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 1)
        screen, (first, own) = screen_of(app), (screen_of(app).rows.key(place) for place in (0, 1))
        width = screen.query_one(Waveform).size.width

        async def hear(playback: Playback) -> tuple[set[str], str]:
            """The signs over the wave, with the column of the first; the title."""
            screen.show_playback(playback)
            await pilot.pause()
            row = wave_rows(app)[0]
            return {f"{sign}{row.index(sign)}" for sign in "┃┊" if sign in row}, screen_text(app)

        marked, text = await hear(Playback(PlayerState.PLAYING, own, 5.0, 0.75))
        assert marked == {f"┃{width // 2}"}
        assert "▶ 5.0 s  ×0.75" in text
        marked, text = await hear(Playback(PlayerState.PAUSED, own, 2.0))
        assert marked == {f"┃{width * 2 // 10}"}
        # Played around: a moment of the neighbour before.
        marked, _ = await hear(Playback(PlayerState.PLAYING, own, -1.0))
        assert marked == {"┊0"}
        # The row before is heard, in the 2 s that this one shares with it; then where it shares nothing.
        marked, text = await hear(Playback(PlayerState.PLAYING, first, 9.0))
        assert marked == {f"┃{width // 10}"}
        assert "▶" not in text
        assert (await hear(Playback(PlayerState.PLAYING, first, 5.0)))[0] == set()
        assert (await hear(Playback(PlayerState.IDLE, own, 10.0)))[0] == set()


async def test_the_playhead_is_drawn_four_times_a_second_at_most(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(made)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_row(pilot, app, 1)
        screen, own = screen_of(app), screen_of(app).rows.key(1)
        clock = [100.0]
        monkeypatch.setattr("tui.screens.segments.panel.time.monotonic", lambda: clock[0])
        moved: list[float | None] = []
        wave = screen.query_one(Waveform)
        monkeypatch.setattr(wave, "show_playhead", moved.append)
        for tick in range(21):
            clock[0] = 100.0 + tick * 0.1
            screen.show_playback(Playback(PlayerState.PLAYING, own, tick * 0.1))
        assert 5 <= len(moved) <= 9
        # What is no movement is shown at once.
        screen.show_playback(Playback(PlayerState.PAUSED, own, 2.0))
        screen.show_playback(Playback(PlayerState.IDLE, own, 2.0))
        assert moved[-2:] == [10_000.0, None]
