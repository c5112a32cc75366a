"""The commands and their options; stable, as README lists them."""

from __future__ import annotations

import argparse
import importlib.metadata
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.cli import commands, stages
from core.config import SegmentConfig
from core.exchange.formats.table import DATASET, TRANSCRIPTION, dataset_formats, readable, transcription_formats
from core.sources.query import HELP

# The id of a video, or of a segment of one: what begins with a dash like an option, and is none.
_DASHED = re.compile(r"-[A-Za-z0-9_-]{10}(?:_\d+(?:ms)?_\d+(?:ms)?)?(?:\.wav)?")
_SHIELD = "\x00"
"""Stands before such an id while argparse looks: no argument of a program can hold it."""

EPILOG = "Without a command: the full-screen app on DIR (default: the current folder)."


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments, with `function` to call. Wrong usage ends the program with exit code 2."""
    parser = build()
    names = _names(parser)
    words = [word for word in argv if not word.startswith("-")]
    asks_help = any(word in ("-h", "--help", "--version") for word in argv)
    if not asks_help and (not words or not any(word in names for word in argv)):
        argv = ["app", *argv]
    options = _options(parser)
    return _bare(parser.parse_args([_SHIELD + word if _is_id(word, options) else word for word in argv]))


def _is_id(word: str, options: Sequence[str]) -> bool:
    """Whether a word is an id that begins with a dash. The options of 11 letters, and `-wfolder`, are none."""
    if not _DASHED.fullmatch(word) or (word.startswith("-w") and Path(word[2:]).is_dir()):
        return False
    return not (word.startswith("--") and any(option.startswith(word) for option in options))


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """Every option of every command."""
    found = list(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found += sub._option_string_actions
    return found


def _bare(arguments: argparse.Namespace) -> argparse.Namespace:
    for name, value in vars(arguments).items():
        if isinstance(value, str):
            setattr(arguments, name, value.removeprefix(_SHIELD))
        elif isinstance(value, list):
            setattr(arguments, name, [v.removeprefix(_SHIELD) if isinstance(v, str) else v for v in value])
    return arguments


def _names(parser: argparse.ArgumentParser) -> set[str]:
    action = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return set(action.choices)


def build() -> argparse.ArgumentParser:
    # Two of them: with one, the default below would also become the commands' and overwrite what stood before them.
    common, before = _workspace_option(argparse.SUPPRESS), _workspace_option(Path())
    parser = argparse.ArgumentParser(
        prog="whispersmith",
        description="From a YouTube playlist to a Whisper model that understands the speech in it.",
        epilog=EPILOG,
        parents=[before],
    )
    parser.add_argument("--version", action="version", version=importlib.metadata.version("whispersmith"))
    subs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _app(subs, common)
    _setup(subs, common)
    _sources(subs, common)
    _transcripts(subs, common)
    _models(subs, common)
    _overview(subs, common)
    return parser


def _workspace_option(default: Any) -> argparse.ArgumentParser:
    option = argparse.ArgumentParser(add_help=False)
    option.add_argument(
        "-w", "--workspace", type=Path, default=default, metavar="DIR", help="default: the current folder"
    )
    return option


def _command(
    subs: Any, common: argparse.ArgumentParser, name: str, function: Any, help: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subs.add_parser(name, help=help, description=help, parents=[common])
    parser.set_defaults(function=function)
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _detach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="leave the job running and return at once")


def _app(subs: Any, common: argparse.ArgumentParser) -> None:
    app = _command(subs, common, "app", commands.app, "open the full-screen app")
    app.add_argument("dir", nargs="?", type=Path, metavar="DIR")
    demo = _command(subs, common, "demo", stages.demo, "a workspace with synthetic audio and a toy Whisper")
    demo.add_argument("dir", nargs="?", type=Path, metavar="DIR", default=Path("whispersmith-demo"))
    demo.add_argument("--headless", action="store_true", help="run every stage here, without the app")
    for one in (app, demo):
        one.add_argument("--ascii", action="store_true", help="no glyphs whose width terminals disagree about")
        one.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal (select, copy)")


def _setup(subs: Any, common: argparse.ArgumentParser) -> None:
    init = _command(subs, common, "init", commands.init, "make a workspace")
    init.add_argument("dir", type=Path, metavar="DIR")
    check = _command(subs, common, "check", commands.check, "look whether everything is there; exit 1 if not")
    _json(check)
    model = _command(subs, common, "model", stages.model, "show, choose and download the models")
    model.add_argument("id", nargs="?", metavar="ID_OR_PATH")
    model.add_argument("--role", choices=("base", "labeller"), help="default: both")
    _json(model)
    _detach(model)


def _sources(subs: Any, common: argparse.ArgumentParser) -> None:
    add = _command(subs, common, "add", stages.add, "list a source into the workspace; downloads nothing")
    add.add_argument("what", nargs="+", metavar="URL_OR_PATH")
    _json(add)
    _detach(add)
    videos = _command(subs, common, "videos", commands.videos, "the videos of the workspace")
    videos.add_argument("--filter", metavar="QUERY", default="", help=f"only these: {HELP}")
    choice = videos.add_mutually_exclusive_group()
    choice.add_argument("--select", action="store_true", help="select those shown: what `fetch` takes")
    choice.add_argument("--unselect", action="store_true", help="take those shown out of the selection")
    _json(videos)
    fetch = _command(subs, common, "fetch", stages.fetch, "download audio; default: the selected videos")
    which = fetch.add_mutually_exclusive_group()
    which.add_argument("ids", nargs="*", metavar="ID", default=[])
    which.add_argument("--all", action="store_true", help="every video listed")
    which.add_argument("--first", type=_positive, metavar="N", help="the first N videos")
    fetch.add_argument("--any-licence", action="store_true", help="also what is not Creative Commons")
    fetch.add_argument("--wait", action="store_true", help="wait while the site blocks, and go on by itself")
    _detach(fetch)
    captions = _command(subs, common, "captions", stages.captions, "fetch captions that people wrote")
    captions.add_argument("ids", nargs="*", metavar="ID", help="default: every recording that is here")
    captions.add_argument("--automatic", action="store_true", help="also the site's own speech recognition")
    captions.add_argument("--again", action="store_true", help="also where there are some already, or were none")
    _detach(captions)
    settings = SegmentConfig()
    segment = _command(subs, common, "segment", stages.segment, "cut recordings into overlapping segments")
    segment.add_argument("ids", nargs="*", metavar="ID")
    segment.add_argument("--length", type=float, metavar="S", help=f"seconds, default {settings.length_s:g}")
    segment.add_argument("--overlap", type=float, metavar="S", help=f"seconds, default {settings.overlap_s:g}")
    _detach(segment)


def _transcripts(subs: Any, common: argparse.ArgumentParser) -> None:
    label = _command(subs, common, "label", stages.label, "let the labeller write first transcripts")
    label.add_argument("--redo", action="store_true", help="write machine transcripts anew; human text stays")
    label.add_argument("--no-captions", action="store_true", help="do not take what people wrote as captions first")
    _detach(label)
    segments = _command(subs, common, "segments", commands.segments, "segments with their transcripts")
    segments.add_argument("--video", metavar="ID")
    segments.add_argument("--flag", metavar="F")
    segments.add_argument("--state", choices=("pending", "accepted", "rejected"))
    _json(segments)
    transcript = _command(subs, common, "transcript", commands.transcript, "show or change one transcript")
    transcript.add_argument("segment", metavar="SEGMENT")
    change = transcript.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="TEXT", help="human text; accepted")
    change.add_argument("--accept", action="store_true")
    change.add_argument("--reject", action="store_true")
    change.add_argument("--undo", action="store_true", help="take back the last change a person made to it")
    _json(transcript)
    importing = _command(subs, common, "import", stages.import_, f"bring in transcripts: {', '.join(readable())}")
    importing.add_argument("path", metavar="PATH", type=Path)
    importing.add_argument("--as", dest="origin", choices=("human", "machine"), default="human")
    _json(importing)
    _detach(importing)
    export = _command(subs, common, "export", stages.export, "write the accepted segments as a data set")
    export.add_argument("dir", nargs="?", type=Path, metavar="DIR")
    export.add_argument("--format", choices=dataset_formats(), default=DATASET)
    _json(export)
    _detach(export)


def _models(subs: Any, common: argparse.ArgumentParser) -> None:
    split = _command(subs, common, "split", stages.split, "part the accepted segments into train and test")
    split.add_argument("--by", choices=("auto", "video", "time"))
    split.add_argument("--test", type=float, metavar="SHARE", help="default 0.1")
    _json(split)
    _detach(split)
    plan = _command(subs, common, "plan", commands.plan, "the training plan and its memory estimate")
    _json(plan)
    train = _command(subs, common, "train", stages.train, "fine-tune the base model")
    train.add_argument("--name", metavar="N", help="default: the next free run-01, run-02, …")
    train.add_argument("--resume", action="store_true", help="go on from the last whole checkpoint")
    train.add_argument("--steps", type=_positive, metavar="N")
    _detach(train)
    evaluate = _command(subs, common, "evaluate", stages.evaluate, "base beside tuned on the same test segments")
    evaluate.add_argument("--model", metavar="M", help="default: the newest tuned model")
    _json(evaluate)
    _detach(evaluate)
    transcribe = _command(subs, common, "transcribe", stages.transcribe, "write down any media file")
    transcribe.add_argument("file", type=Path, metavar="FILE")
    transcribe.add_argument("--model", metavar="M", help="default: the newest tuned model, else the labeller")
    transcribe.add_argument("--format", choices=transcription_formats(), default=TRANSCRIPTION)


def _overview(subs: Any, common: argparse.ArgumentParser) -> None:
    _command(subs, common, "run", stages.run, "every stage that is due, in order")
    jobs = _command(subs, common, "jobs", stages.jobs, "what is running and what has run")
    which = jobs.add_mutually_exclusive_group()
    which.add_argument("--follow", metavar="ID", help="show a job's log until it ends")
    which.add_argument("--stop", metavar="ID", help="ask a job to stop")
    which.add_argument("--pause", metavar="ID", help="hold a job where it is")
    which.add_argument("--resume", metavar="ID", help="let it go on; also ends the wait of a blocked fetch now")
    _json(jobs)
    status = _command(subs, common, "status", commands.status, "counts per stage, and what is due next")
    _json(status)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number
