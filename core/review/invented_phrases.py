"""Phrases that Whisper writes over music and silence: it has learnt them from the subtitles of films and channels.

People say some of them, too, at the end of a video: a text that holds one is to be looked at, and is left as it is.
"""

from __future__ import annotations

import re

from core.text import normalise

PHRASES = (
    # Who made the subtitles
    "字幕製作",
    "字幕制作",
    "字幕志願者",
    "字幕志愿者",
    "字幕提供",
    "字幕由",
    "字幕組",
    "字幕组",
    "字幕校對",
    "字幕校对",
    "字幕翻譯",
    "字幕翻译",
    "字幕by",
    "amara org",
    "subtitles by",
    "subtitled by",
    "subtitling by",
    "captions by",
    "captioned by",
    "transcribed by",
    "transcription by",
    "transcript provided by",
    "translated by",
    # What channels end with
    "不吝點贊",
    "不吝点赞",
    "轉發打賞",
    "转发打赏",
    "明鏡與點點欄目",
    "明镜与点点栏目",
    "優優獨播劇場",
    "优优独播剧场",
    "yoyo television series exclusive",
    "謝謝觀看",
    "謝謝大家觀看",
    "謝謝大家的觀看",
    "謝謝收看",
    "謝謝大家收看",
    "谢谢观看",
    "谢谢大家观看",
    "谢谢大家的观看",
    "谢谢收看",
    "感謝觀看",
    "感谢观看",
    "謝謝您的觀看",
    "谢谢您的观看",
    "感謝您的觀看",
    "感谢您的观看",
    "感謝收看",
    "感谢收看",
    "多謝您的收看",
    "多谢您的收看",
    "多謝您收睇",
    "多谢您收睇",
    # Who made the music, and one newspaper
    "詞曲李宗盛",
    "词曲李宗盛",
    "編曲李宗盛",
    "编曲李宗盛",
    "ming pao canada",
    "ming pao toronto",
    "thanks for watching",
    "thank you for watching",
    "thank you so much for watching",
    "please subscribe",
    "subscribe to my channel",
    "like and subscribe",
    "see you in the next video",
)
"""As `core.text.normalise` writes them."""

_ANY = re.compile("|".join(sorted(map(re.escape, PHRASES), key=len, reverse=True)))


def invented_in(text: str) -> str:
    """The phrases of the list that a text holds, one behind the other; "" for none."""
    return "".join(_ANY.findall(normalise(text)))
