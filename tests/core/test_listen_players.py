"""Players without a browser: the loudspeaker (on miniaudio's own stand-in device), what is sent, which player fits."""

from __future__ import annotations

import gc
import io
import threading
import time
import wave
from pathlib import Path

import miniaudio
import numpy as np
import pytest
import soundfile

from core.config import set_value
from core.errors import UserError
from core.listen import local
from core.listen.browser import BrowserPlayer
from core.listen.clips import EncodedClips, opus, wav
from core.listen.file import FilePlayer
from core.listen.local import LocalPlayer
from core.listen.opening import CLIP_FILE, REMEMBERED, open_player
from core.listen.player import Playback, PlayerState, is_remote
from core.listen.segment_clips import load_clip
from core.listen.server import ListenServer
from core.listen.stretch import stretched
from core.listen.tunnel import tunnel
from core.store import Segment, Store, Video
from core.workspace import Workspace, create
from tests.core.listen_kit import IDS, load, tone
from tests.fakes.stage import wait_until


class Recorder:
    """What a player says, in its order; any thread may wait for it."""

    def __init__(self) -> None:
        self.said: list[Playback] = []

    def __call__(self, playback: Playback) -> None:
        self.said.append(playback)

    def states(self) -> list[PlayerState]:
        return list(dict.fromkeys(playback.state for playback in self.said))


def player(recorder: Recorder, seconds: float = 0.4) -> LocalPlayer:
    clips = EncodedClips(lambda id, around: load(id, around) if seconds > 5 else short(id, seconds))
    return LocalPlayer(clips, recorder, [miniaudio.Backend.NULL])


def short(id: str, seconds: float):
    clip = load(id, False)
    return type(clip)(clip.id, tone(seconds), clip.title, clip.text, 0, round(seconds * 1000))


def test_a_clip_is_played_to_its_end() -> None:
    recorder = Recorder()
    made = player(recorder)
    made.play(IDS[0])
    wait_until(
        lambda: made.playback.state is PlayerState.IDLE and made.playback.clip == IDS[0] and made.playback.at_s > 0
    )
    made.close()
    assert recorder.states() == [PlayerState.LOADING, PlayerState.PLAYING, PlayerState.IDLE]
    assert made.playback.at_s == pytest.approx(0.4)


def test_pause_seek_and_the_slower_rate() -> None:
    recorder = Recorder()
    made = player(recorder, 10.0)
    made.play(IDS[0], around=True)
    wait_until(lambda: made.playback.state is PlayerState.PLAYING and made.playback.at_s > -1.5)
    made.pause()
    assert made.playback.state is PlayerState.PAUSED
    at = made.playback.at_s
    made.seek(5.0)
    assert made.playback.at_s == pytest.approx(at + 5.0, abs=0.01)
    before = made.playback.at_s
    made.set_rate(0.75)
    made.seek(0.0)
    assert made.playback.at_s == pytest.approx(before, abs=0.01)
    made.seek(-100.0)
    assert made.playback.at_s == pytest.approx(-1.5)
    made.resume()
    wait_until(lambda: made.playback.at_s > -1.4)
    made.close()


def test_the_newest_request_wins_and_what_is_not_there_is_said() -> None:
    recorder = Recorder()
    made = player(recorder, 10.0)
    for id in (*IDS, "nobody_0_10"):
        made.play(id)
    wait_until(lambda: made.playback.state is PlayerState.FAILED)
    assert made.playback.clip == "nobody_0_10"
    made.play(IDS[1])
    wait_until(lambda: made.playback.state is PlayerState.PLAYING)
    assert made.playback.clip == IDS[1]
    made.close()


def test_a_device_that_can_no_longer_be_stopped_is_closed_without_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    made = player(Recorder(), 10.0)
    made.play(IDS[0])
    wait_until(lambda: made.playback.state is PlayerState.PLAYING)
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    # Gone beneath the player, as when it is pulled out.
    assert made._device is not None
    miniaudio.lib.ma_device_uninit(made._device._device)
    made.close()
    gc.collect()
    assert complaints == []


def test_what_is_pressed_counts_whatever_the_device_says_at_that_moment() -> None:
    made = player(Recorder(), 10.0)
    made.play(IDS[0])
    wait_until(lambda: made.playback.state is PlayerState.PLAYING)
    for number in range(300):
        rate = (1.0, 0.75)[number % 2]
        made.pause()
        made._shared.change(rate=rate)
        assert (made.playback.state, made.playback.rate) == (PlayerState.PAUSED, rate)
        made.resume()
        assert (made.playback.state, made.playback.rate) == (PlayerState.PLAYING, rate)
    made.close()


def test_slower_keeps_the_pitch() -> None:
    sound = tone(2.0, 440.0)
    slow = stretched(sound, 0.75)
    assert len(slow) == pytest.approx(len(sound) / 0.75, rel=0.02)
    spectrum = np.abs(np.fft.rfft(slow[4000:20000].astype(float)))
    assert np.argmax(spectrum) * 16_000 / 16_000 == pytest.approx(440, abs=3)


def test_what_is_sent_is_the_sound() -> None:
    sound = tone(1.0)
    samples, rate = soundfile.read(io.BytesIO(wav(sound)), dtype="int16")
    assert rate == 16_000
    assert (samples == sound).all()
    heard, rate = soundfile.read(io.BytesIO(opus(sound)))
    assert len(heard) / rate == pytest.approx(1.0, abs=0.02)
    spectrum = np.abs(np.fft.rfft(heard[: rate // 2]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)


def test_encoding_is_done_once_for_all_who_ask_at_once() -> None:
    loaded: list[str] = []
    everybody = threading.Barrier(4)

    def slow(id: str, around: bool):
        loaded.append(id)
        time.sleep(0.05)  # the others ask meanwhile
        return load(id, around)

    clips = EncodedClips(slow)

    def ask() -> None:
        everybody.wait()
        found.append(clips.encoded(IDS[0], False, "opus"))

    found: list[bytes] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [IDS[0]]
    assert len(set(found)) == 1
    assert len(found) == 4
    # What could not be read is tried again, and told each time.
    for _ in range(2):
        with pytest.raises(UserError, match="nobody"):
            clips.encoded("nobody_0_10", False, "opus")
    assert loaded == [IDS[0], "nobody_0_10", "nobody_0_10"]
    assert opus(tone(0.0))[:4] == b"OggS"


def test_the_file_for_other_players_is_whole_and_the_last_that_was_asked_for(tmp_path: Path) -> None:
    recorder = Recorder()
    path = tmp_path / "logs" / CLIP_FILE
    made = FilePlayer(EncodedClips(load), path, recorder)
    for id in IDS:
        made.play(id, around=True)
    wait_until(lambda: made.playback.state is PlayerState.WRITTEN)
    assert made.playback.clip == IDS[-1]
    assert soundfile.info(path).duration == pytest.approx(13.0)
    with path.open("rb") as open_since:
        made.set_rate(0.75)
        wait_until(lambda: made.playback.state is PlayerState.WRITTEN)
        assert soundfile.info(path).duration == pytest.approx(13.0 / 0.75, rel=0.02)
        # A player that is at it keeps what it has: it was replaced, not written over.
        assert len(soundfile.read(io.BytesIO(open_since.read()))[0]) == 13 * 16_000
    assert [found.name for found in path.parent.iterdir()] == [CLIP_FILE]
    assert not made.steers
    made.play("nobody_0_10")
    wait_until(lambda: made.playback.state is PlayerState.FAILED)
    assert made.playback.why == "there is no segment nobody_0_10"


def test_a_file_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    made = FilePlayer(EncodedClips(load), tmp_path / "logs" / CLIP_FILE)
    made.play(IDS[0])
    wait_until(lambda: made.playback.state is PlayerState.FAILED)
    assert "logs" in made.playback.why


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Segments at 0-10, 8-18 and 30-40 s of a recording whose sample n is n modulo 30 000; the last wav is broken."""
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched"))
        for start in (0, 8, 30):
            id = f"talk_{start}_{start + 10}"
            path = workspace.segments / f"{id}.wav"
            samples = np.arange(start * 16_000, (start + 10) * 16_000) % 30_000
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 16_000, len(samples), "NONE", ""))
                file.writeframes(samples.astype("<i2").tobytes())
            store.segments.add([Segment(id, "talk", start * 1000, (start + 10) * 1000, workspace.relative(path))])
    (workspace.segments / "talk_30_40.wav").write_bytes(b"RIFF")
    return workspace


def test_what_lies_around_comes_from_the_neighbours(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        alone = load_clip(workspace, store, "talk_8_18", False)
        assert (alone.lead_ms, alone.length_ms, len(alone.samples)) == (0, 10_000, 160_000)
        clip = load_clip(workspace, store, "talk_8_18", True)
        assert (clip.lead_ms, clip.length_ms, len(clip.samples)) == (1500, 10_000, 184_000)
        expected = np.arange(6_500 * 16, 18_000 * 16) % 30_000
        assert (clip.samples == expected).all()
        first = load_clip(workspace, store, "talk_0_10", True)
        assert (first.lead_ms, len(first.samples)) == (0, 160_000 + 24_000)
        with pytest.raises(UserError, match="no segment"):
            load_clip(workspace, store, "talk_1_2", False)
        with pytest.raises(UserError):
            load_clip(workspace, store, "talk_30_40", False)


@pytest.mark.parametrize(
    ("environment", "device", "wanted", "kind"),
    [
        ({}, True, "auto", LocalPlayer),
        ({}, False, "auto", BrowserPlayer),
        ({"SSH_CONNECTION": "1 2 3 4"}, True, "auto", BrowserPlayer),
        ({"SSH_TTY": "/dev/pts/1"}, True, "auto", BrowserPlayer),
        ({}, True, "browser", BrowserPlayer),
        ({"SSH_TTY": "/dev/pts/1"}, True, "here", LocalPlayer),
        ({}, True, "file", FilePlayer),
    ],
)
def test_which_player_fits(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, environment, device, wanted, kind
) -> None:
    monkeypatch.setattr(local, "has_device", lambda: device)
    set_value(workspace.config_path, "listen", "player", wanted)
    with Store(workspace.db_path) as store:
        made = open_player(workspace, store, lambda _: None, environment)
        try:
            assert type(made) is kind
            assert (workspace.logs / REMEMBERED).exists() == (kind is BrowserPlayer)
        finally:
            made.close()


def test_where_no_player_is_possible(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither device nor port: a file; what is set is not quietly replaced."""

    async def no_port(*_: object) -> int:
        raise OSError("no port")

    monkeypatch.setattr(ListenServer, "_bind", no_port)
    monkeypatch.setattr(local, "has_device", lambda: False)
    with Store(workspace.db_path) as store:
        assert isinstance(open_player(workspace, store, lambda _: None, {}), FilePlayer)
        for wanted, said in (("browser", "no port"), ("here", "no loudspeaker")):
            set_value(workspace.config_path, "listen", "player", wanted)
            with pytest.raises(UserError) as refused:
                open_player(workspace, store, lambda _: None, {})
            assert said in refused.value.why


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        "{}",
        '{"port": "x", "token": 1}',
        '{"port": 80, "token": "aaaaaaaaaaaaaaaaaaaa"}',
        "[" * 100_000,
        '{"port": 9000, "token": "../../../../../../.."}',
    ],
)
def test_a_spoilt_memory_of_the_tab_is_made_anew(tmp_path: Path, kept: str) -> None:
    remembered = tmp_path / REMEMBERED
    remembered.write_text(kept)
    made = BrowserPlayer(EncodedClips(load), remembered=remembered)
    try:
        assert made.server.token not in kept
        assert made.server.port >= 1024
    finally:
        made.close()


def test_the_line_for_the_way_one_is_logged_in() -> None:
    plain = tunnel(8737, {"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.9 22", "USER": "anna"})
    assert plain.command == "ssh -N -L 8737:127.0.0.1:8737 anna@192.0.2.9"
    assert plain.config == "LocalForward 8737 127.0.0.1:8737"
    other = tunnel(8740, {"SSH_CONNECTION": "2001:db8::7 50000 2001:db8::9 2222", "USER": "anna"})
    assert other.command == "ssh -N -L 8740:127.0.0.1:8740 -p 2222 anna@2001:db8::9"
    assert other.jump == "ssh -N -L 8740:127.0.0.1:8740 -J JUMP_HOST -p 2222 anna@2001:db8::9"
    notes = other.notes("http://127.0.0.1:8740/x/").splitlines()
    assert [line.strip() for line in notes if line and not line.startswith("#")] == [
        other.command,
        other.jump,
        other.config,
        "http://127.0.0.1:8740/x/",
    ]
    unknown = tunnel(8737, {"SSH_TTY": "/dev/pts/0", "USER": "anna"})
    assert unknown.command == "ssh -N -L 8737:127.0.0.1:8737 anna@HOST"
    assert is_remote({"SSH_CLIENT": "x"})
    assert not is_remote({})
