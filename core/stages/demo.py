"""The demo's own stage: synthesise the recordings and their captions, list them, build the toy Whisper."""

from __future__ import annotations

from typing import Any

from core.config import Config
from core.demo import RECORDINGS, TOY
from core.demo_audio import make_recording
from core.exchange.formats.table import transcription_format
from core.files import write_text
from core.jobs import Job
from core.stages import add
from core.workspace import Workspace

MELODIES = (("melody-1", 1040, "srt"), ("melody-2", 160, "vtt"), ("melody-3", 60, None))
"""Name, seconds, format of its captions. `split` holds out the second; the third is for the labeller and a person."""


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Make what is missing; what is there is kept. Returns the result of `add`."""
    folder = workspace.root / RECORDINGS
    folder.mkdir(exist_ok=True)
    for number, (name, seconds, captions) in enumerate(MELODIES):
        job.check()
        job.progress(number, len(MELODIES) + 1, "", name)
        wav = folder / f"{name}.wav"
        # The captions are written first: a recording that is there is complete with them.
        if not wav.exists():
            cues = make_recording(folder / f".{name}.wav", seconds=seconds, seed=number)
            if captions is not None:
                render = transcription_format(captions).write_transcription
                assert render is not None
                write_text(folder / f"{name}.{captions}", render(cues))
            (folder / f".{name}.wav").replace(wav)
            job.log(f"{name}: {seconds} s, {'with' if captions else 'without'} captions")
    # They are seen while torch, which builds the model, is still loading.
    job.params["what"] = [str(folder)]
    result = add.run(workspace, config, job)
    job.check()
    if not (workspace.root / TOY).is_dir():
        job.progress(len(MELODIES), len(MELODIES) + 1, "", "toy Whisper")
        from core.whisper.toy import build_toy

        build_toy(workspace.root / TOY)
        job.log(f"a toy Whisper with random weights is in {TOY}")
    return result
