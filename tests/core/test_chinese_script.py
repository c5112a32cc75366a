"""Traditional or Simplified, by the characters that only one of them has."""

from core.review.chinese_script import are_variants, foreign_to, script_of, written_in


def test_a_character_tells_where_only_one_script_has_it() -> None:
    assert {script_of(character) for character in "這個來樂國飯"} == {"traditional"}
    assert {script_of(character) for character in "这个来乐国饭"} - {None} == {"simplified"}
    assert {script_of(character) for character in "我吃一下，Aa1 ♪ あ"} == {None}


def test_texts_are_in_the_script_that_most_of_them_show() -> None:
    assert written_in(["我來吃飯", "我来"]) == "traditional"
    assert written_in(["我来吃饭了"]) == "simplified"
    assert written_in(["我吃", "hello"]) is None


def test_what_is_foreign_is_counted() -> None:
    assert foreign_to("traditional", "我来吃飯这里") == 2
    assert foreign_to("simplified", "我来吃飯这里") == 1
    assert foreign_to(None, "我来吃飯这里") == 0


def test_two_scripts_of_one_place() -> None:
    assert are_variants("来", "來")
    assert not are_variants("來", "飯")
    assert not are_variants("我", "來")
