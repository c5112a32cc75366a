from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import config, config_template
from core.cli import CANNOT, AppOptions
from core.errors import UserError
from core.workspace import create, open_workspace
from tests.core.cli_kit import caller
from tui import launch


def write(folder: Path, text: str) -> Path:
    path = folder / "whispersmith.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_the_defaults(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, config_template.template())) == config.Config()


def test_a_wrong_key_is_named_with_its_line_and_the_nearest_one(tmp_path: Path) -> None:
    path = write(tmp_path, "[project]\nlanguage = 'zh'\n\n[segment]\nlenght_s = 8\n")
    with pytest.raises(UserError) as caught:
        config.load(path)
    assert caught.value.what == "whispersmith.toml, line 5: segment.lenght_s is not a setting"
    assert caught.value.fix == "did you mean `length_s`?"


def test_a_wrong_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2: segmnt is not a setting") as caught:
        config.load(write(tmp_path, "\n[segmnt]\nlength_s = 8\n"))
    assert caught.value.fix == "did you mean `segment`?"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[segment]\nlength_s = 'ten'\n", "line 2: segment.length_s is not valid"),
        ("[train]\n# a comment\nbatch = 0\n", "line 3: train.batch is not valid"),
        ("[segment]\nlength_s = 4.0\noverlap_s = 4.0\n", "line 3: segment.overlap_s is not shorter"),
        ("[segment\n", "is not valid TOML"),
        ("segment = 3\n", "line 1: segment is not valid"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        config.load(write(tmp_path, text))
    assert words in caught.value.what
    assert caught.value.fix


def test_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "whispersmith.toml"
    path.write_bytes("# 中文\n".encode("big5"))
    with pytest.raises(UserError, match="not UTF-8"):
        config.load(path)


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "whispersmith.toml"
    path.write_bytes(b"\xef\xbb\xbf[segment]\nlength_s = 9.0\n")
    assert config.load(path).segment.length_s == 9.0


def test_writing_a_value_keeps_the_comments(tmp_path: Path) -> None:
    path = write(tmp_path, "# mine\n[train]\nbatch = 8  # fits\n")
    config.set_value(path, "train", "batch", 4)
    config.set_value(path, "model", "base", "models/x")
    assert path.read_text() == '# mine\n[train]\nbatch = 4  # fits\n\n[model]\nbase = "models/x"\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["whispersmith.toml"]


def test_a_value_that_is_wrong_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, "[train]\nbatch = 8\n")
    with pytest.raises(UserError, match=r"train\.batch is not valid"):
        config.set_value(path, "train", "batch", 0)
    assert path.read_text() == "[train]\nbatch = 8\n"


def test_ytdlp_is_free(tmp_path: Path) -> None:
    path = write(tmp_path, "[ytdlp]\nproxy = 'http://127.0.0.1:1'\n[ytdlp.extractor_args.youtube]\nlang = ['en']\n")
    assert config.load(path).ytdlp["extractor_args"] == {"youtube": {"lang": ["en"]}}


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_huge(path: Path) -> None:
    path.write_bytes(b"")
    os.truncate(path, 2**40)


ODD = {
    "deep": (lambda path: path.write_text("[ytdlp]\n\nproxy = " + "[" * 9000), "line 3 is nested too deep"),
    "tables": (lambda path: path.write_text("[" + ".".join(["ytdlp"] * 9000) + "]\n"), "line 1 is nested too deep"),
    "digits": (lambda path: path.write_text("[train]\nbatch = " + "9" * 5000), "line 2 is a number that is too large"),
    "huge": (make_huge, "is too large"),
    "folder": (Path.mkdir, "is a folder"),
    "pipe": (make_pipe, "is no file"),
}


@pytest.mark.parametrize("kind", ODD)
def test_settings_that_no_reader_survives_are_told_everywhere(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = create(tmp_path / "w")
    workspace.config_path.unlink()
    make, said = ODD[kind]
    make(workspace.config_path)
    call = caller(capsys)
    for command in ("status", "check", "videos", "train", "jobs"):
        code, out, err = call("-w", workspace.root, command)
        assert (code, out) == (CANNOT, "")
        assert err.startswith(
            f"whispersmith.toml {said}" if kind in ("huge", "folder", "pipe") else "whispersmith.toml, "
        )
        assert said in err
        assert "Traceback" not in err
    for touch in (
        lambda: config.load(workspace.config_path),
        lambda: config.set_value(workspace.config_path, "train", "batch", 4),
        lambda: open_workspace(workspace.root),
    ):
        with pytest.raises(UserError, match=said):
            touch()
    assert call("init", workspace.root)[0] == CANNOT
    # The app: before the terminal is taken over.
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.__stderr__.isatty", lambda: True, raising=False)
    with pytest.raises(UserError, match=said):
        launch.open_app(workspace.root, AppOptions())


def test_a_table_that_is_none_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, "train = 3\n")
    with pytest.raises(UserError, match="line 1: train is not valid"):
        config.set_value(path, "train", "batch", 4)
    assert path.read_text() == "train = 3\n"
    config.set_value(write(tmp_path, "[train]\nbatch = 0\n"), "train", "batch", 4)
    assert config.load(path).train.batch == 4
