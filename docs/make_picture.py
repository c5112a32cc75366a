"""Draws docs/transcripts.svg, the picture in the README: the real app on a small made-up workspace.

python docs/make_picture.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from core.cli import AppOptions
from core.store import Segment, Store, Video
from core.store.transcripts import MachineText
from core.workspace import create

HERE = Path(__file__).parent
TEXTS = [
    ("大家好，今天我們要來看的是老街上的一家豆漿店", (), -0.21, 0.08),
    ("老闆四點就起來磨豆子，他說豆子一定要泡過夜", (), -0.34, 0.22),
    ("嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯嗯", ("loop",), -0.12, 0.97),
    ("鹹豆漿裡面有蝦皮、榨菜，還有剛炸好的油條", (), -0.28, 0.15),
    ("我自己是習慣先喝一口原味，再加一點點辣油", (), -0.45, 0.31),
    ("字幕製作人士", ("phrase",), -0.80, 0.91),
    ("蛋餅皮是現擀的，外面酥裡面有一點點 Q", (), -0.52, 0.38),
    ("排隊的人很多，可是大概十分鐘就輪到了", (), -0.24, 0.12),
    ("如果你是開車來的話，巷口有一個收費停車場", (), -0.33, 0.19),
    ("好，那我們就來結帳，兩個人總共一百四十塊", (), -0.27, 0.14),
]
REVIEWED = 4


async def draw(folder: Path) -> None:
    from textual.widgets import TextArea

    from tui.app import WhispersmithApp

    workspace = create(folder / "food-vlog")
    with Store(workspace.db_path) as store:
        store.videos.add(Video(id="soymilk", title="老街豆漿店", licence="cc-by", state="fetched", path="media/x.mp4"))
        segments = [
            Segment(f"soymilk_{n * 8}_{n * 8 + 10}", "soymilk", n * 8000, n * 8000 + 10_000, f"segments/{n}.wav")
            for n in range(len(TEXTS))
        ]
        store.segments.add(segments)
        store.transcripts.write_machine(
            [
                MachineText(segment.id, text, text, "labeller", logprob, 0.02, 1.1, flags, suspicion)
                for segment, (text, flags, logprob, suspicion) in zip(segments, TEXTS, strict=True)
            ]
        )
        for segment in segments[-REVIEWED:]:
            store.transcripts.review(segment.id, "accepted")
    app = WhispersmithApp(workspace, AppOptions(), folder=workspace.root)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("4")
        await pilot.pause(2.0)
        await pilot.press("o")
        await pilot.pause(1.0)
        await pilot.press("home", "e")
        await pilot.pause(1.0)
        app.screen.query_one(TextArea).text = "嗯，他們家的豆漿喝得到豆子的香味"
        await pilot.pause(0.5)
        (HERE / "transcripts.svg").write_text(app.export_screenshot(title="whispersmith"), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw(Path(made)))
