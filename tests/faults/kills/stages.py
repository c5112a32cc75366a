"""The table of what is killed: how its workspace is made, its command line, what may differ from an undisturbed run.

A new stage, or command, is one entry here. Where more can be said than what is left (that nothing is fetched or heard
twice), a stage has a file of its own beside this: test_fetch.py, test_label.py.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from core.exchange.formats.table import dataset_formats, transcription_formats
from core.store import Segment, Store, Video
from core.workspace import Workspace, create
from tests.core import media_kit, whisper_kit
from tests.core.whisper_kit import toy, toy_copy
from tests.fakes.hub import Hub, Repository
from tests.faults.kills import test_label as labelling
from tests.faults.kills.left import OLD_PARTS
from tests.faults.shims import EAR, NETWORK_DISK

GIVEN = "given"
"""The folder of a workspace with what a command is given."""

Environment = Mapping[str, str]


def no_server(root: Path) -> AbstractContextManager[Environment]:
    """Nothing but the process itself."""
    return nullcontext({})


@dataclass(frozen=True)
class Killed:
    """A command that is killed, and what it then comes to.

    name: of the test. words: the command line; {root} is the workspace. prepare: makes the workspace, in a folder that
    is not there; done once for all that share it. without: as for `left`. around: what is to run beside it, in the
    folder of the trial; gives environment variables. shims: see tests/faults/shims. torch: it loads torch, and so
    starts slowly. once: it is not started again where the kill came when all was done, since that would be another
    piece of work. chain: kills before a run is let be. kills: in the whole campaign. quick: in CI. moved: its workspace
    is moved as well.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], Workspace]
    without: tuple[str, ...] = ()
    around: Callable[[Path], AbstractContextManager[Environment]] = no_server
    shims: tuple[Path, ...] = ()
    torch: bool = False
    once: bool = False
    chain: int = 2
    kills: int = 6
    quick: int = 0
    moved: bool = False

    def words_in(self, workspace: Workspace) -> list[str]:
        return [word.replace("{root}", str(workspace.root)) for word in self.words]


# -- workspaces


def with_files(root: Path) -> Workspace:
    """Three recordings, one with captions, to be added."""
    made = create(root)
    for number in range(3):
        media_kit.write_wav(root / GIVEN / f"talk {number}.wav", media_kit.speech_like(3, seed=number))
    (root / GIVEN / "talk 0.zh.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\n各位好\n", encoding="utf-8")
    return made


def with_recordings(root: Path) -> Workspace:
    """Two recordings, not cut yet."""
    made = create(root)
    for number in range(2):
        media_kit.fetched(made, f"talk{number}", 42, seed=number)
    return made


def with_cut_recordings(root: Path) -> Workspace:
    """The same, cut otherwise and with texts, of a machine and of a person."""
    made = create(root)
    for number in range(2):
        media_kit.fetched(made, f"talk{number}", 42, seed=number)
        media_kit.with_segments(made, f"talk{number}", 5, {1: "人寫的", 3: "也是"})
    return made


def with_table(root: Path) -> Workspace:
    """Some thousand segments without a text, and a table with one for each."""
    made = create(root)
    count = 1500
    with Store(made.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched", duration_ms=8000 * count))
        ids = [f"talk_{8 * number}_{8 * number + 10}" for number in range(count)]
        store.segments.add(
            Segment(id, "talk", 8000 * n, 8000 * n + 10_000, f"segments/talk/{id}.wav") for n, id in enumerate(ids)
        )
    (root / GIVEN).mkdir()
    with (root / GIVEN / "texts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "transcription"])
        table.writerows([f"{id}.wav", f"第{number}段的文字"] for number, id in enumerate(ids))
    cues = [f"{n + 1}\n{_stamp(8 * n)} --> {_stamp(8 * n + 7)}\n字幕第{n}句\n" for n in range(count)]
    (root / GIVEN / "talk.srt").write_text("\n".join(cues), encoding="utf-8")
    return made


def _stamp(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},000"


def with_audio_folder(root: Path) -> Workspace:
    """An audio folder, as others make it, that brings its own sound."""
    made = create(root)
    folder = root / GIVEN / "clips"
    names = [f"clip {number}.wav" for number in range(8)]
    for number, name in enumerate(names):
        media_kit.write_wav(folder / name, media_kit.speech_like(2, seed=number))
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["file_name", "transcription"], *([name, f"文字{name}"] for name in names)])
    return made


def accepted(root: Path) -> Workspace:
    """Two recordings with accepted texts, nothing split."""
    made = create(root)
    for video in ("one", "two"):
        media_kit.with_segments(made, video, 12, {number: f"{video}第{number}段" for number in range(12)})
    return made


def labelled(root: Path) -> Workspace:
    """Ten recordings that are cut, written by one machine, to be written by another."""
    made = labelling.prepared(root, 1)
    with Store(made.db_path) as store:
        from core.store.transcripts import MachineText

        found = store.segments.all()
        store.transcripts.write_machine([MachineText(row.id, "舊", "舊", "other", -0.5) for row in found])
        for row in found[::5]:
            store.transcripts.save(row.id, f"人寫的{row.id}")
    shutil.copytree(toy(), root / GIVEN / "second")
    return made


def damaged(root: Path) -> Workspace:
    """Two recordings with accepted texts, and a database of which the middle is lost."""
    made = accepted(root)
    with made.db_path.open("r+b") as file:
        file.seek(made.db_path.stat().st_size // 2)
        file.write(b"\0" * 8192)
    return made


def trainable(root: Path) -> Workspace:
    """Melodies, accepted and split, and a toy to learn them in some steps."""
    return whisper_kit.make_workspace(root, toy(), train=6, test=2, settings=whisper_kit.QUICK.replace("4", "8", 1))


def tuned(root: Path) -> Workspace:
    """The same, and a model that is called tuned."""
    made = trainable(root)
    toy_copy(made.models / "run-01")
    return made


def half_labelled(root: Path) -> Workspace:
    """For a round: some texts are accepted, others a machine's."""
    made = whisper_kit.make_workspace(root, toy(), train=8, test=2, settings=whisper_kit.QUICK)
    with Store(made.db_path) as store:
        from core.store.transcripts import MachineText

        fresh = [row.id for row in store.segments.all()][4:8]
        for id in fresh:
            store.transcripts.undo(id)
        store.transcripts.write_machine([MachineText(id, "啦啦", "啦啦", "other", -0.5) for id in fresh])
    return made


@contextmanager
def hub(root: Path) -> Iterator[Environment]:
    """A model hub on loopback, and an empty cache in the trial's folder."""
    repository = root.parent / "repository"
    if not repository.exists():
        toy_copy(repository, 2.0)
    with Hub({"someone/toy": Repository(repository)}) as server:
        yield {
            "HF_HOME": str(root / "ws" / "hf"),
            "HF_ENDPOINT": server.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }


# -- the table

HEARD = (EAR,)
"""By `tests.fakes.ear`, whatever the model."""
RUNS = ("models/.*",)
"""Of a training: its own folder keeps logs with times in them. What it comes to is in models/NAME."""

STAGES: tuple[Killed, ...] = (
    Killed("add", ("add", "{root}/given"), with_files, without=("media/*.json",), kills=8),
    Killed("model", ("model", "someone/toy"), create, around=hub, without=("hf/*.lock", "hf/*/refs/*"), kills=6),
    Killed("segment", ("segment",), with_recordings, kills=10, chain=3, moved=True),
    Killed("segment anew", ("segment", "--at-pauses", "--text", "moves"), with_cut_recordings, kills=8, chain=2),
    Killed("label --redo", ("label", "--redo"), labelled, shims=HEARD, without=("note:*",), kills=8, chain=3),
    Killed(
        "second opinion",
        ("label", "--second", "{root}/given/second"),
        labelled,
        shims=HEARD,
        without=("note:*",),
        kills=8,
    ),
    Killed("import a table", ("import", "{root}/given/texts.csv"), with_table, kills=8, quick=2),
    Killed("import a machine's", ("import", "{root}/given/texts.csv", "--as", "machine"), with_table, kills=6),
    Killed("import where nothing locks", ("import", "{root}/given/texts.csv"), with_table, shims=(NETWORK_DISK,)),
    Killed("import captions", ("import", "{root}/given/talk.srt"), with_table, kills=6),
    Killed("import an audio folder", ("import", "{root}/given/clips"), with_audio_folder, kills=8),
    *(
        Killed(f"export {name}", ("export", "--format", name), accepted, moved=name == "audiofolder")
        for name in dataset_formats()
    ),
    Killed("split", ("split",), accepted, kills=8, quick=1),
    Killed("backup", ("backup", "{root}/backup.tar.gz"), accepted, without=("backup.tar.gz",)),
    Killed("repair", ("repair",), damaged, without=("note:*", "whispersmith*.db*")),
    Killed(
        "train",
        ("train", "--name", "run-02"),
        trainable,
        without=RUNS,
        torch=True,
        once=True,
        kills=8,
        chain=4,
    ),
    Killed("evaluate", ("evaluate",), tuned, torch=True, kills=6, chain=3),
    Killed("compare", ("compare",), tuned, torch=True, kills=4),
    Killed("round", ("round",), half_labelled, without=(*RUNS, OLD_PARTS), torch=True, once=True, chain=3),
    *(
        Killed(
            f"transcribe {name}", ("transcribe", "{root}/test.wav", "--format", name), trainable, torch=True, kills=2
        )
        for name in transcription_formats()[:2]
    ),
)
