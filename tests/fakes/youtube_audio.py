"""Sound as YouTube serves it: one AAC or Opus track, in an mp4 of the brand "dash" or in a webm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_KINDS = {
    140: ("mp4", ["-c:a", "aac", "-b:a", "96k", "-ar", "44100"]),
    251: ("webm", ["-c:a", "libopus", "-ar", "48000"]),
}


def encode(folder: Path, ffmpeg: str, itag: int, seconds: int, tone: int, silent: bool) -> bytes:
    """The file for this length and tone, made once in `folder`: a tone in noise (a bare one shrinks to nothing)."""
    suffix, codec = _KINDS[itag]
    path = folder / f"{itag}-{seconds}-{'silent' if silent else tone}.{suffix}"
    if not path.exists():
        graph = (
            f"sine=frequency={tone}:duration={seconds}[a];anoisesrc=duration={seconds}:amplitude=0.05:seed={tone}[b];"
        )
        graph += "[a][b]amix=inputs=2"
        if silent:
            graph = f"anullsrc=r=44100:cl=mono:d={seconds}"
        half = path.with_name(f"{os.getpid()}-{path.name}")
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", graph, "-ac", "1", *codec]
        if suffix == "mp4":
            command += ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-brand", "dash"]
        subprocess.run([*command, str(half)], check=True)
        half.replace(path)
    return path.read_bytes()
