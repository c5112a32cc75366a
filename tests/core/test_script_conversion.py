"""One Chinese script for all texts, as the settings have it."""

from __future__ import annotations

from core.review.script_conversion import AS_WRITTEN, converter, sparing


def test_a_text_of_the_other_script_is_converted_with_its_words() -> None:
    assert converter("traditional-tw")("这个软件里面的面条") == "這個軟體裡面的麵條"
    assert converter("traditional-hk")("这个软件") == "這個軟件"
    assert converter("simplified")("這個軟體很好") == "这个软件很好"
    assert converter(AS_WRITTEN)("这个软件") == "这个软件"


def test_a_text_that_is_in_the_script_already_keeps_its_words() -> None:
    for said in ("你現在想打開這個類型的店", "餅干", "台北", "只有", ""):
        assert converter("traditional-tw")(said) == said


def test_words_of_the_glossary_stay_wherever_they_stand() -> None:
    convert = converter("traditional-tw", ["台湾牛肉汤", "牛肉汤", "", "a.b"])
    assert convert("这是台湾牛肉汤, 还有牛肉汤和a.b, acb发") == "這是台湾牛肉汤, 還有牛肉汤和a.b, acb發"


def test_of_a_persons_text_the_characters_are_converted_and_no_word() -> None:
    assert converter("traditional-tw", phrases=False)("这个软件里面的面条") == "這個軟件裡面的麵條"
    assert converter("simplified", phrases=False)("這個軟體很好") == "这个软体很好"


def test_what_is_spared_stays_whatever_is_done_to_the_rest() -> None:
    assert (
        sparing(["台積電", "台"], lambda text: text.replace("台", "臺"))("台積電在台灣, 平台") == "台積電在台灣, 平台"
    )
    assert sparing(["台積電"], lambda text: text.replace("台", "臺"))("台積電在台灣") == "台積電在臺灣"
    assert sparing([], str.upper)("a") == "A"
