"""yt-dlp, the scripts it solves YouTube's challenge with, and the JavaScript runtime that runs them.

What it needs of the others is read from its own metadata: the floors rise with its releases. yt-dlp itself is not
imported, which takes a second.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from datetime import date

from core.checks.check import Answer, Context, fail, ok, warn
from core.checks.installing import pip_install
from core.text import plural

STALE_DAYS = 90
"""yt-dlp itself warns when it is older than this."""


def fix() -> str:
    return f'{pip_install()} -U "yt-dlp[default,deno]"'


def check_ytdlp(_: Context) -> Answer:
    version = installed("yt-dlp")
    if version is None:
        return fail("yt-dlp is not installed", "it is what lists and fetches videos", fix())
    released = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    if released is None:
        return ok(version)
    days = (date.today() - date(*(int(part) for part in released.groups()))).days
    if days < 0:
        return warn(f"{version} is of a day to come", "this machine's clock is behind", "set the clock: links need it")
    if days > STALE_DAYS:
        return warn(f"{version} is {plural(days, 'day')} old; YouTube may refuse it", "YouTube changes often", fix())
    return ok(f"{version}, {plural(days, 'day')} old")


def check_ejs(_: Context) -> Answer:
    wanted, have = requirement("yt-dlp", "yt-dlp-ejs"), installed("yt-dlp-ejs")
    if have is None:
        return fail("yt-dlp-ejs is not installed", "yt-dlp solves YouTube's challenge with these scripts", fix())
    if not satisfies(have, wanted):
        return fail(f"{have}, but this yt-dlp takes {wanted} only", "it refuses scripts of any other version", fix())
    return ok(have)


def check_javascript(_: Context) -> Answer:
    from core.sources.ytdlp import find_deno

    deno, floor = find_deno(), requirement("yt-dlp", "deno")
    if deno is None:
        return fail("no deno", "YouTube hides its audio behind a script that deno runs", fix())
    try:
        done = subprocess.run([deno, "--version"], capture_output=True, text=True, timeout=8, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return fail(f"{deno} does not start", str(error), fix())
    said = re.match(r"deno (\S+)", done.stdout)
    if said is None:
        return fail(f"{deno} does not work", (done.stderr.strip().splitlines() or ["it said nothing"])[-1], fix())
    if not satisfies(said[1], floor):
        return fail(f"deno {said[1]} is too old", f"this yt-dlp needs {floor}", fix())
    return ok(f"deno {said[1]}", f"{deno}; yt-dlp asks for {floor or 'any'}")


def installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def requirement(package: str, other: str) -> str:
    """What a package's metadata asks of another, ">=2.6.6" or "==0.8.0"; "" if nothing. Its own exact pins for
    building (extras named pin…) are not meant for others."""
    try:
        lines = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    for line in lines:
        demand, _, condition = line.partition(";")
        match = re.match(rf"{re.escape(other)}\s*\(?([<>=!~][^)]*)\)?\s*$", demand.strip())
        if match and not re.search(r"extra\s*==\s*['\"]pin", condition):
            return match[1].strip()
    return ""


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version meets ">=", "==" or "<" with plain numbers; a demand written otherwise is taken as met."""
    have = _numbers(version)
    for part in filter(None, (part.strip() for part in wanted.split(","))):
        match = re.match(r"(>=|==|<)\s*([\d.]+)$", part)
        if match is None:
            continue
        asked = _numbers(match[2])
        met = {">=": have >= asked, "==": have == asked, "<": have < asked}[match[1]]
        if not met:
            return False
    return True


def _numbers(version: str) -> list[int]:
    """[2, 9] for "2.9.0": trailing zeros mean nothing."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    found = [int(part) for part in match[0].split(".")] if match else []
    while found and found[-1] == 0:
        found.pop()
    return found
