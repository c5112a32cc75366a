"""The commands and their options; stable, as README lists them. `python -m core.cli.parser` prints README's table."""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import OpenApp, commands, dataset, jobs, recovery, stages
from core.cli.arguments import Parser, UsageError, shield_ids, unshield
from core.query import segments as segment_language
from core.query import videos as video_language
from core.stage import STAGES, Stage

EPILOG = "Without a command: the full-screen app on DIR (default: the current folder)."


@dataclass(frozen=True)
class Command:
    """A word after `whispersmith`. arguments: adds its options; function: runs it and returns the exit code."""

    name: str
    help: str
    function: Callable[[argparse.Namespace, OpenApp], int]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments, with `function` to call. UsageError for what no command takes."""
    name = first_word(argv)
    if name not in COMMANDS:
        if name is not None:
            _refuse_misspelled(name)
        if not any(word in ("-h", "--help", "--version") for word in argv):
            name, argv = "app", ["app", *argv]
    parser, sub = build(name)
    arguments, unknown = parser.parse_known_args(shield_ids(argv, sub._option_string_actions))
    if unknown:
        sub.error(f"there is no argument {' '.join(unknown)}")
    return unshield(arguments)


def first_word(argv: list[str]) -> str | None:
    """The first argument that is neither an option nor the folder of `-w`; None if there is none."""
    words = iter(argv)
    for word in words:
        if word == "-w" or (len(word) > 2 and "--workspace".startswith(word)):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _refuse_misspelled(word: str) -> None:
    """UsageError for what is no folder and nearly a command."""
    meant = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.7)
    if meant and not Path(word).exists():
        raise UsageError(
            f"there is no command {word}",
            "nor is there a folder of that name",
            f"did you mean {meant[0]}? `whispersmith --help` lists all commands",
        )


def build(name: str | None = None) -> tuple[Parser, Parser]:
    """(the parser, that of the command): all commands by name, the options of this one only, if it is one.

    So only the module of the stage that is asked for is imported.
    """
    # Two of them: with one, the default below would also become the commands' and overwrite what stood before them.
    common, before = _workspace_option(argparse.SUPPRESS), _workspace_option(Path())
    parser = Parser(
        prog="whispersmith",
        description="From a YouTube playlist to a Whisper model that understands the speech in it.",
        epilog=EPILOG,
        parents=[before],
    )
    parser.add_argument("--version", action="version", version=importlib.metadata.version("whispersmith"))
    subs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = parser
    for command in COMMANDS.values():
        sub = subs.add_parser(command.name, help=command.help, description=command.help, parents=[common])
        sub.set_defaults(function=command.function)
        if command.name == name:
            command.arguments(sub)
            chosen = sub
    return parser, chosen


def _workspace_option(default: Any) -> Parser:
    option = Parser(add_help=False)
    option.add_argument(
        "-w", "--workspace", type=Path, default=default, metavar="DIR", help="default: the current folder"
    )
    return option


# -- the options of what is no stage; a stage's own stand in its file


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _plan(parser: argparse.ArgumentParser) -> None:
    _json(parser)
    parser.add_argument("--slurm", type="positive", metavar="MACHINES", help="print a batch script for a cluster")


def _app(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", nargs="?", type=Path, metavar="DIR")
    _look(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", nargs="?", type=Path, metavar="DIR", default=Path("whispersmith-demo"))
    parser.add_argument("--headless", action="store_true", help="run every stage here, without the app")
    _look(parser)


def _look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ascii", action="store_true", help="no glyphs whose width terminals disagree about")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal (select, copy)")


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR")


def _videos(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--filter", metavar="QUERY", default="", help=f"only these: {video_language.HELP}")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--select", action="store_true", help="select those shown: what `fetch` takes")
    choice.add_argument("--unselect", action="store_true", help="take those shown out of the selection")
    _json(parser)


def _segments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--video", metavar="ID")
    parser.add_argument("--flag", metavar="F")
    parser.add_argument("--state", choices=("pending", "accepted", "rejected"))
    parser.add_argument("--filter", metavar="QUERY", default="", help=f"only these: {segment_language.HELP}")
    _json(parser)


def _transcript(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("segment", metavar="SEGMENT")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="TEXT", help="human text; accepted")
    change.add_argument("--accept", action="store_true")
    change.add_argument("--reject", action="store_true")
    change.add_argument("--undo", action="store_true", help="take back the last change a person made to it")
    _json(parser)


def _jobs(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--follow", metavar="ID", help="show a job's log until it ends")
    which.add_argument("--stop", metavar="ID", help="ask a job to stop")
    which.add_argument("--pause", metavar="ID", help="hold a job where it is")
    which.add_argument("--resume", metavar="ID", help="let it go on; also ends the wait of a blocked fetch now")
    _json(parser)


def _of_stage(stage: Stage, parser: argparse.ArgumentParser) -> None:
    stage.load().arguments(parser)
    _json(parser)
    parser.add_argument("--detach", action="store_true", help="leave the job running and return at once")


def _commands() -> Iterator[Command]:
    yield Command("app", "open the full-screen app on a folder; also without a command", commands.app, _app)
    yield Command("demo", "a workspace with synthetic audio and a toy Whisper", stages.demo, _demo)
    yield Command("init", "make a workspace", commands.init, _init)
    yield Command("check", "look whether everything is there; exit 1 if not", commands.check, _json)
    for stage in STAGES.values():
        if stage.help:
            yield Command(stage.name, stage.help, partial(stages.command, stage), partial(_of_stage, stage))
    yield Command("videos", "the videos of the workspace; choose what to download", commands.videos, _videos)
    yield Command("segments", "segments with their transcripts", commands.segments, _segments)
    yield Command("transcript", "show or change one transcript", commands.transcript, _transcript)
    yield Command(
        "check-dataset",
        "what is wrong with the accepted segments; exit 1 if anything",
        dataset.check,
        dataset.arguments,
    )
    yield Command("plan", "the training plan: memory, time, every value with its reason", commands.plan, _plan)
    yield Command("run", "every stage that is due, in order", stages.run)
    yield Command("jobs", "what is running and what has run; follow, hold or stop a job", jobs.jobs, _jobs)
    yield Command("repair", "a new database for a workspace that has lost its own", recovery.repair, _json)
    yield Command("backup", "one file of all a person made", recovery.backup, recovery.backup_arguments)
    yield Command("status", "counts per stage, and what is due next", commands.status, _json)


COMMANDS = {command.name: command for command in _commands()}


def markdown() -> str:
    """The table of all commands, for the README. What all stages take (-w, --json, --detach) is said below it."""
    lines = ["| command | what it does |", "|---|---|"]
    for command in COMMANDS.values():
        usage = build(command.name)[1].format_usage()
        words = usage.partition("whispersmith ")[2].replace("[--json]", "").replace("[--detach]", "").split()
        shown = " ".join(words).translate({ord("{"): None, ord("}"): None, ord(","): "|"}).replace("|", "\\|")
        lines.append(f"| `{shown}` | {command.help} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
