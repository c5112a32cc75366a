"""Tables as people make them: with and without quotes, in four encodings, with every kind of slip."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.exchange.encodings import decode
from core.exchange.formats.table import read_cues, recognise
from core.exchange.rows import MetadataRow, MetadataTable, stem_of
from core.timed_text import Cue

TRADITIONAL = "我剛剛有點不知道該如何選擇，然後莫名其妙就拿了一大堆了，那我們現在先吃手捲"
SIMPLIFIED = "我刚刚有点不知道该如何选择，然后莫名其妙就拿了一大堆了，那我们现在先吃手卷"


def _table(folder: Path, text: str, name: str = "metadata.csv", encoding: str = "utf-8") -> MetadataTable:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return _read(path)


def _read(path: Path) -> MetadataTable:
    ((format, file),) = recognise(path)
    assert format.read_rows is not None
    return format.read_rows(file)


def _pairs(table: MetadataTable) -> list[tuple[str, str]]:
    return [(row.name, row.text) for row in table.rows]


def test_the_reference_runs_own_way(tmp_path: Path) -> None:
    """Not quoted, a space behind the comma, and commas in the text: only the first one parts."""
    table = _table(tmp_path, "file_name,transcription\r\nv_0_10.wav, 嗯\r\nv_8_18.wav, 一, 二,三\r\n")
    assert table.rows == [MetadataRow(2, "v_0_10.wav", "嗯"), MetadataRow(3, "v_8_18.wav", "一, 二,三")]
    assert table.notes == ["metadata.csv: unquoted commas taken as part of the text in line 3"]


def test_quoted_csv(tmp_path: Path) -> None:
    text = 'file_name,transcription\n"v_0_10.wav","一, 二"\nv_8_18.wav,"say ""hi"", then go"\nv_16_26.wav, "x"\n'
    assert _pairs(_table(tmp_path, text)) == [
        ("v_0_10.wav", "一, 二"),
        ("v_8_18.wav", 'say "hi", then go'),
        ("v_16_26.wav", "x"),
    ]


def test_a_quoted_text_over_two_lines_keeps_line_numbers_right(tmp_path: Path) -> None:
    table = _table(tmp_path, 'v_0_10.wav,"one\ntwo"\nv_8_18.wav,three\n')
    assert table.rows == [MetadataRow(1, "v_0_10.wav", "one\ntwo"), MetadataRow(3, "v_8_18.wav", "three")]


def test_quotes_that_are_part_of_a_text_stay(tmp_path: Path) -> None:
    text = 'v_0_10.wav,他說"好"\nv_8_18.wav,"好"他說\nv_16_26.wav,"沒有收尾\nv_24_34.wav,說完"\nv_32_42.wav,後面"\n'
    assert [row.text for row in _table(tmp_path, text).rows] == ['他說"好"', '"好"他說', '"沒有收尾', '說完"', '後面"']


def test_the_header_is_optional_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    rows = [("v_0_10.wav", "一"), ("v_8_18.wav", "")]
    for head in ("", "file_name,transcription\n", "\n\nFILE_NAME, Transcription\n", "segment_id,text\n"):
        assert _pairs(_table(tmp_path, head + "\nv_0_10.wav,一\n   \nv_8_18.wav,\n\n")) == rows


def test_tabs(tmp_path: Path) -> None:
    text = "v_0_10.wav\t一, 二\nv_8_18.wav\t三\n"
    for name in ("a.tsv", "a.csv", "a.txt"):
        table = _table(tmp_path, text, name)
        assert _pairs(table) == [("v_0_10.wav", "一, 二"), ("v_8_18.wav", "三")]


def test_columns_in_another_order_and_more_of_them(tmp_path: Path) -> None:
    text = ',transcription,seconds,file_name\n0,"一, 二",10,v_0_10.wav\n1,三,10,v_8_18.wav\n'
    assert _pairs(_table(tmp_path, text)) == [("v_0_10.wav", "一, 二"), ("v_8_18.wav", "三")]


def test_too_many_commas_are_told_with_their_lines(tmp_path: Path) -> None:
    rows = ("v_0_10.wav,一,10", "v_8_18.wav,一,二,10", "v_16_26.wav,三,10", "v_24_34.wav,四,五,10")
    text = "\n".join(("file_name,transcription,seconds", *rows))
    with pytest.raises(UserError, match="lines 3, 5: more cells than columns"):
        _table(tmp_path, text)
    with pytest.raises(UserError, match="line 2: fewer cells"):
        _table(tmp_path, "seconds,file_name,transcription\n10,v_0_10.wav\n")


def test_what_is_no_table(tmp_path: Path) -> None:
    for text, said in [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("just words\nand more\n", "is not a table"),
        ("v_0_10.wav,一\nv_8_18.wav\n", "line 2: no comma"),
        ("file_name,speaker\nv_0_10.wav,A\n", "no column holds the text"),
        ("v_0_10.wav|今天天氣很好|it is fine today\nv_8_18.wav|我們走吧|let us go\n", "two columns could be the text"),
        ("file_name,zh,pinyin\nv_0_10.wav,今天天氣,jintian\nv_8_18.wav,走吧,zouba\n", "two columns could be the text"),
    ]:
        with pytest.raises(UserError, match=said):
            _table(tmp_path, text)
    with pytest.raises(UserError, match="cannot be read"):
        _read(tmp_path / "none.csv")


ODD = [
    # What Excel writes in much of Europe and in a locale with decimal commas, with and without its own first line.
    ("a.csv", "utf-8-sig", "file_name;transcription\r\nv_0_10.wav;一, 二; 三\r\n", "UTF-8, parted by semicolons"),
    ("a.csv", "cp950", "sep=;\r\n檔名;逐字稿\r\nv_0_10.wav;一, 二; 三\r\n", "Big5, parted by semicolons"),
    # "Unicode text" of Excel.
    (
        "a.txt",
        "utf-16",
        "逐字稿\t檔名\r\n一, 二; 三\tv_0_10.wav\r\n",
        "UTF-16, parted by tabs; names from column “檔名”",
    ),
    # LJ Speech, the later text being the normalised one; and without a suffix that tells of a name.
    ("metadata.csv", "utf-8", "v_0_10|1, 二; 三|一, 二; 三\nv_8_18|2|二\n", "parted by bars; names from column 1"),
    (
        "b.csv",
        "utf-8",
        "0,v_0_10.wav,長長的一段話\n1,v_8_18.wav,另一段話呢\n",
        "names from column 2, texts from column 3",
    ),
    # Titles in other words, and a column of text that nothing names.
    (
        "c.tsv",
        "utf-8",
        "Clip Name\tFile-Name\tSpoken\nx\tv_0_10.wav\t長長的一段話\ny\tv_8_18.wav\t另一段\n",
        "“Spoken”",
    ),
    # Label Studio's CSV, Common Voice's TSV.
    (
        "d.csv",
        "utf-8",
        'annotator,audio,id,transcription\n1,/data/upload/3/1f2e3d4c-v_0_10.wav,7,"一, 二"\n',
        "“audio”",
    ),
    ("e.tsv", "utf-8", "client_id\tpath\tsentence_id\tsentence\tage\nab\tv_0_10.mp3\tq\t一, 二\t\n", "“sentence”"),
]


@pytest.mark.parametrize(("name", "encoding", "text", "told"), ODD, ids=range(len(ODD)))
def test_tables_of_other_programs(tmp_path: Path, name: str, encoding: str, text: str, told: str) -> None:
    table = _table(tmp_path, text, name, encoding)
    assert told in table.taken
    row = table.rows[0]
    assert row.stem.removeprefix("1f2e3d4c-") == "v_0_10"
    assert row.text in ("一, 二; 三", "一, 二", "長長的一段話")
    assert len(table.notes) == ("semicolons" in told)


def test_a_text_and_the_same_in_capitals_are_one_and_the_later_is_taken(tmp_path: Path) -> None:
    table = _table(tmp_path, "v_0_10|Is it ok?|IS IT OK\nv_8_18|Ｎｏ, ｎｅｖｅｒ|no, never\n", "metadata.csv")
    assert [row.text for row in table.rows] == ["IS IT OK", "no, never"]


def test_rows_that_tell_when_they_are_said(tmp_path: Path) -> None:
    said = [Cue(0, 2500, "大家好"), Cue(2500, 61_000, "今天")]
    for name, text in (
        ("talk.tsv", "start\tend\ttext\n0\t2500\t大家好\n2500\t61000\t今天\n"),  # Whisper's own
        ("talk.txt", "0.000000\t2.500000\t大家好\n2.500000\t61.000000\t今天\n"),  # Audacity's labels
        ("talk.csv", "Start Time;End Time;Text\n0:00,0;0:02,5;大家好\n00:02,500;00:01:01,000;今天\n"),
        (
            "talk.json",
            '{"text": "", "segments": [{"start": 0, "end": 2.5, "text": " 大家好"}, '
            '{"start": 2.5, "end": 61, "text": "今天"}]}',
        ),
        (
            "talk.json",
            '{"segments": [{"start_ms": 0, "end_ms": 2500, "text": "大家好"}, '
            '{"start_ms": 2500, "end_ms": 61000, "text": "今天"}]}',
        ),
    ):
        table = _table(tmp_path, text, name)
        assert (table.cues, table.rows) == ({name: said}, [])
    assert _table(tmp_path, "start\tend\ttext\n", "talk.tsv").cues == {}
    # A title that says ms is right, whatever the numbers look like.
    for numbers in ("0.0,2500.0", "0,2500", "0,2500.4"):
        table = _table(tmp_path, f"start_ms,end_ms,text\n{numbers},大家好\n", "talk.csv")
        assert table.cues == {"talk.csv": [Cue(0, 2500, "大家好")]}
    assert _table(tmp_path, "start_ms,end_ms,text\n0,50,好\n", "talk.csv").cues == {"talk.csv": [Cue(0, 50, "好")]}
    # Whole numbers so close together are seconds; a column that names recordings tells whose they are.
    text = "audio,start,end,text\na.mp3,0,3,一\na.mp3,3,5,二\nb.mp3,0,4,三\n"
    table = _table(tmp_path, text)
    assert table.cues == {"a.mp3": [Cue(0, 3000, "一"), Cue(3000, 5000, "二")], "b.mp3": [Cue(0, 4000, "三")]}
    # But the times of single clips say nothing more than their names.
    assert _pairs(_table(tmp_path, "audio,start,end,text\nv_0_10.wav,0,10,一\n")) == [("v_0_10.wav", "一")]
    with pytest.raises(UserError, match="line 3: the times cannot be read"):
        _table(tmp_path, "start\tend\ttext\n0\t2500\t大家好\n2500\tlater\t今天\n", "talk.tsv")
    with pytest.raises(UserError, match="segment 1 has no start, end and text"):
        _table(tmp_path, '{"segments": [{"text": "x"}]}', "talk.json")


def test_lists_of_objects_as_labelling_tools_export_them(tmp_path: Path) -> None:
    task = {"data": {"audio": "/data/local-files/?d=v_8_18.wav"}}
    done = task | {"annotations": [{"result": [{"value": {"text": ["二"]}}]}]}
    table = _table(tmp_path, json.dumps([{"audio": "v_0_10.wav", "transcription": "一"}, done, task]), "export.json")
    assert [(row.stem, row.text) for row in table.rows] == [("v_0_10", "一"), ("v_8_18", "二"), ("v_8_18", "")]


def test_of_label_studio_only_what_an_annotator_gave_counts(tmp_path: Path) -> None:
    def regions(*texts: str) -> dict[str, Any]:
        return {"result": [{"value": {"text": [text]}} for text in texts]}

    def text_of(annotations: Any) -> str:
        task = {"data": {"audio": "v_0_10.wav", "text": "pre-labelled"}, "annotations": annotations}
        ((_, text),) = _pairs(_table(tmp_path, json.dumps([task]), "export.json"))
        return text

    assert text_of([regions("大家好", "今天")]) == "大家好 今天"
    assert text_of([regions("錯") | {"was_cancelled": True}, regions("對")]) == "對"
    for nothing in ([], None, 3, [regions("錯") | {"was_cancelled": True}], [{"result": 3}], [3]):
        assert text_of(nothing) == ""
    for value in (["x"], "x", None, {"text": 3}, {"text": [3]}, {"choices": ["x"]}):
        assert text_of([{"result": [{"value": value}, 3]}]) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp950"])
def test_traditional_text_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = f"file_name,transcription\r\nv_0_10.wav,{TRADITIONAL}\r\n"
    assert _pairs(_table(tmp_path, text, encoding=encoding)) == [("v_0_10.wav", TRADITIONAL)]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "gb2312"])
def test_simplified_text_in_its_encodings(tmp_path: Path, encoding: str) -> None:
    table = _table(tmp_path, f"v_0_10.wav,{SIMPLIFIED}\n", encoding=encoding)
    assert _pairs(table) == [("v_0_10.wav", SIMPLIFIED)]
    assert decode(SIMPLIFIED.encode(encoding)) == (SIMPLIFIED, "gb18030")


@pytest.mark.parametrize("text", ["我觉得这个店的牛肉很好吃但是排队的人太多了", "感觉没有那么好吃但老板很客气还不错"])
def test_simplified_text_that_is_letters_of_korean_throughout_is_no_korean(text: str) -> None:
    data = f"v_0_10.wav,{text}\n".encode("gb18030")
    hangul = sum("\uac00" <= letter <= "\ud7a3" for letter in data.decode("cp949"))
    assert hangul > 0.8 * len(text)
    assert decode(data) == (f"v_0_10.wav,{text}\n", "gb18030")


def test_hong_kong_big5_with_kana(tmp_path: Path) -> None:
    text = "哇那個真的しあわせ我先幫它淋一點醋"
    assert _pairs(_table(tmp_path, f"v_0_10.wav,{text}\n", encoding="big5hkscs")) == [("v_0_10.wav", text)]


@pytest.mark.parametrize("text", ["我們就一緒に來開箱一下", "他說ありがとうございます就走了", "去唱カラオケ", "鬼の城"])
def test_kana_as_windows_writes_them_in_big5(tmp_path: Path, text: str) -> None:
    table = _table(tmp_path, f"v_0_10.wav,{text}\n", encoding="cp950")
    assert (_pairs(table), "Big5, parted by commas" in table.taken) == ([("v_0_10.wav", text)], True)


@pytest.mark.parametrize("text", ["他说ありがとうございます就走了", "去唱卡拉OK的お店", "在日本吃ラーメン和さしみ"])
def test_kana_in_simplified_text(text: str) -> None:
    assert decode(f"v_0_10.wav,{text}\n".encode("gb18030")) == (f"v_0_10.wav,{text}\n", "gb18030")


@pytest.mark.parametrize(
    ("encoding", "shown", "text"),
    [
        ("euc_kr", "EUC-KR", "안녕하세요 여러분 오늘은 날씨가 정말 좋네요"),
        ("cp949", "EUC-KR", "뷁이라고 써도 서울에서 부산까지 기차를 타고 갔어요"),
        ("cp932", "Shift JIS", "昨日は友達と台湾のラーメンを食べました"),
    ],
)
def test_the_neighbours_texts_are_read_where_there_is_enough_of_them(
    tmp_path: Path, encoding: str, shown: str, text: str
) -> None:
    table = _table(tmp_path, f"v_0_10.wav,{text}\n", encoding=encoding)
    assert (_pairs(table), f"read as {shown}," in table.taken) == ([("v_0_10.wav", text)], True)


def test_what_is_in_no_known_encoding_names_those_that_were_tried(tmp_path: Path) -> None:
    for data in ("v_0_10.wav,caf\xe9, no\xebl\n".encode("latin-1"), bytes(range(256)) * 4, b"v_0_10.wav,\x00\x00\x01"):
        path = tmp_path / "a.csv"
        path.write_bytes(data)
        with pytest.raises(UserError) as caught:
            _read(path)
        assert "UTF-8, UTF-16, Big5, GB18030, EUC-KR or Shift JIS" in caught.value.why


def test_plain_ascii_is_utf8() -> None:
    assert decode(b"a,b") == ("a,b", "utf-8")


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"file_name": "a_0_10.wav", "transcription": "NA"},
        {"audio": "b.wav", "text": None},
        {"id": "c", "text": "x"},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\n\n"
    assert _pairs(_table(tmp_path, text, "metadata.jsonl")) == [("a_0_10.wav", "NA"), ("b.wav", ""), ("c", "x")]
    for line, said in [
        ("{", "is not JSON"),
        ("[1]", "is no object"),
        ('{"text": "x"}', "has no file_name"),
        ('{"a":' * 20_000, "is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
    ]:
        with pytest.raises(UserError, match=f"line 2 {said}"):
            _table(tmp_path, f'{{"file_name": "a", "text": ""}}\n{line}\n', "metadata.jsonl")


def test_stems() -> None:
    for name in ("train/a_0_10.wav", "C:\\clips\\a_0_10.WAV", "a_0_10", " a_0_10.mp3", "./x/a_0_10.wav"):
        assert stem_of(name) == "a_0_10"
    assert stem_of("a.b_0_10.wav") == "a.b_0_10"


def test_a_name_of_thousands_of_digits_is_a_name(tmp_path: Path) -> None:
    name = "v_0_" + "9" * 5000
    assert _pairs(_table(tmp_path, f"file_name,text\n{name},x\n")) == [(name, "x")]


def test_a_pipe_or_a_folder_in_a_tables_place_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "sub" / "folder.srt").mkdir(parents=True)
    with pytest.raises(UserError, match="is no file"):
        _read(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match="is a folder"):
        read_cues(tmp_path / "sub" / "folder.srt")
