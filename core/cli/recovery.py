"""Commands that bring a workspace back, and keep one from being lost."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import DONE, OpenApp, show
from core.text import file_size
from core.workspace import open_workspace


def repair(arguments: argparse.Namespace, _: OpenApp) -> int:
    """--json prints {repaired, fault, kept_as, recordings, segments, texts, verdicts, machine_texts, captions,
    evaluations, from: {database: {table: rows}, media, segments, logs, journal, unreadable}}."""
    from core.recovery.repair import repair

    made = repair(open_workspace(arguments.workspace))
    if arguments.json:
        show.document(made.as_json())
    else:
        show.say("\n".join(made.lines()))
    return DONE


def backup(arguments: argparse.Namespace, _: OpenApp) -> int:
    """--json prints {path, bytes, files}."""
    from core.recovery.backup import backup

    made = backup(open_workspace(arguments.workspace), arguments.file)
    if arguments.json:
        show.document(made.as_json())
    else:
        show.say(f"{made.path}: {file_size(made.bytes)}, {', '.join(made.files)}")
    return DONE


def backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a .tar.gz; an earlier backup is written over")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
