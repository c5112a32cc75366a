from __future__ import annotations

from pathlib import Path

import pytest

from core import config
from core.errors import UserError


def write(folder: Path, text: str) -> Path:
    path = folder / "whispersmith.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_the_defaults(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, config.template())) == config.Config()


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
