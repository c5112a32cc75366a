"""Parquet with the sound inside, as the Hugging Face hub lays data sets out."""

from __future__ import annotations

from pathlib import Path

from core.exchange.clips import Parts, Step, WrittenDataset

CLIPS_A_GROUP = 100
"""In one row group of a file: 32 MB of audio at 10 s each, as much as is held at once."""


def write(folder: Path, parts: Parts, step: Step) -> WrittenDataset:
    """`data/<part>-00000-of-00001.parquet` with the bytes of every wav."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("audio", audio), ("transcription", pa.string()), ("id", pa.string()), ("video", pa.string())])
    count = 0
    (folder / "data").mkdir()
    for part, clips in parts.items():
        if not clips:
            continue
        with pq.ParquetWriter(folder / "data" / f"{part}-00000-of-00001.parquet", schema) as writer:
            for begin in range(0, len(clips), CLIPS_A_GROUP):
                group = clips[begin : begin + CLIPS_A_GROUP]
                columns = {
                    "audio": [{"bytes": clip.audio.read_bytes(), "path": clip.name} for clip in group],
                    "transcription": [clip.text for clip in group],
                    "id": [clip.id for clip in group],
                    "video": [clip.video for clip in group],
                }
                writer.write_table(pa.table(columns, schema=schema))
                count += len(group)
                step(count)
    return WrittenDataset("parquet")
