"""Other readings of a text: where they come from, and where they stand while somebody types. No app."""

from __future__ import annotations

from core.review.differences import differences
from core.review.variants import Heard, Variant, moved, offered, shared_edge, swapped
from core.spans import Span

SPAN = Span(8_000, 18_000)
BEFORE, AFTER = (0, 10_000), (16_000, 26_000)


def test_what_a_neighbour_was_corrected_to_goes_before_a_labeller_and_is_one_place():
    text = "就是怎麼樣，那我們現在要吃的是晚餐時段因為通常晚餐時段是最豐富的"
    before = Heard(*BEFORE, "又這麼好究竟味道是怎麼樣然後我們現在要吃的", "0:00")
    second = differences(text, "這是怎麼樣那我們現在要吃的呢是晚餐時段因為通常晚餐時段是最豐富的")
    found = offered(text, SPAN, second, "base", [before])
    # One place, from the first to the last character in which they differ, with what lies between.
    assert found == [Variant(0, 7, "是怎麼樣，然後", "0:00"), Variant(14, 14, "呢", "base")]
    assert swapped(text, found, 0)[0].startswith("是怎麼樣，然後我們現在要吃的是晚餐時段")


def test_the_neighbour_behind_tells_the_end():
    text = "晚餐時段是最豐富的你就一休你來開心一下吧"
    after = Heard(*AFTER, "一起來開箱一下吧走我們去看看有什麼好吃的", "0:16")
    edge = shared_edge(text, SPAN, after)
    assert edge is not None
    start, end, truth = edge
    assert (text[start:end], truth) == ("一休你來開心一下吧", "一起來開箱一下吧")
    assert [one.other for one in offered(text, SPAN, [], "", [after])] == ["起來開箱"]


def test_texts_that_share_no_words_or_no_time_offer_nothing():
    text = "今天要來吃到飽"
    assert offered(text, SPAN, [], "", [Heard(*BEFORE, "完全不同的一句話", "0:00")]) == []
    assert offered(text, SPAN, [], "", [Heard(0, 8_000, "今天要去吃到飽", "0:00")]) == []
    assert offered("", SPAN, [], "", [Heard(*BEFORE, "說了什麼", "0:00"), Heard(*AFTER, "", "0:16")]) == []
    # The middle of a long text is not the time that it shares.
    far = "今天要來吃到飽" + "然後我們就一直吃一直吃直到什麼都吃不下了為止" * 2
    assert offered(text, SPAN, [], "", [Heard(*BEFORE, far, "0:00")]) == []


def test_a_variant_changes_places_with_what_stands_there_and_back():
    text = "我們排沒有排過的"
    variants = offered(text, SPAN, differences(text, "我們拍沒有拍過的喔"), "base", [])
    assert [(one.start, one.end, one.other) for one in variants] == [(2, 3, "拍"), (5, 6, "拍"), (8, 8, "喔")]
    for order in ((0, 1, 2), (2, 0, 1)):
        changed, left = text, variants
        for place in order:
            changed, left = swapped(changed, left, place)
        assert changed == "我們拍沒有拍過的喔"
        assert all(one.taken for one in left)
        for place in order:
            changed, left = swapped(changed, left, place)
        assert (changed, left) == (text, variants)


def test_places_stay_right_through_edits_elsewhere_and_go_where_they_are_edited():
    text = "大家好我是千千"
    variants = [Variant(0, 2, "各位", "b"), Variant(4, 5, "叫", "b"), Variant(7, 7, "喔", "b")]

    def after(edited: str) -> list[str]:
        return [f"{edited[one.start : one.end]}>{one.other}" for one in moved(variants, text, edited)]

    assert after("大家好啊我是千千") == ["大家>各位", "是>叫", ">喔"]
    assert after("大家好我是小千") == ["大家>各位", "是>叫", ">喔"]
    assert after("我是千千") == ["是>叫", ">喔"]
    assert after("大家好我叫千千") == ["大家>各位", ">喔"]
    # Typed right behind a place, and right before one.
    assert after("大家們好我是千千") == ["大家>各位", "是>叫", ">喔"]
    assert after("大家好我是的千千") == ["大家>各位", "是>叫", ">喔"]
    # Where something was to be put in, something was.
    assert after("大家好我是千千呀") == ["大家>各位", "是>叫"]
    assert after("") == []
    assert after("全部都是重新打的") == []
    one = moved(variants, text, "嗯大家好我是千千")
    assert [(place.start, place.end) for place in one] == [(1, 3), (5, 6), (8, 8)]
