"""Whether a job survives the end of the login: logind may kill everything a person started when they log out."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

from core.checks.check import Answer, Context, ok, warn


def check_logind(context: Context) -> Answer:
    root = context.machine.root
    if not (root / "run/systemd/system").exists():
        return ok("no systemd-logind here: jobs outlive the login")
    if not kills(root):
        return ok("KillUserProcesses is off: jobs outlive the login")
    groups = _read(root / "proc/self/cgroup")
    if not re.search(r"session-[^/]*\.scope", groups):
        return ok("KillUserProcesses is on, but this is no login session: jobs outlive it")
    if _user() in _setting(root, "KillExcludeUsers", "root").split():
        return ok("KillUserProcesses is on, but not for this user: jobs outlive the login")
    return warn(
        "KillUserProcesses is on: running jobs end with the login",
        "logind kills what a session leaves behind, also processes in a session of their own",
        "loginctl enable-linger && systemd-run --user --scope whispersmith",
    )


def kills(root: Path) -> bool:
    """Whether logind kills at logout. Where nothing is set, the main file shows in a comment what it was built with."""
    return _setting(root, "KillUserProcesses", "no").lower() in ("yes", "true", "1", "on")


def _setting(root: Path, key: str, default: str) -> str:
    """The last word of logind.conf and its drop-ins, as systemd reads them: by name, /etc before /run before /usr."""
    main = next(
        (text for folder in ("etc", "run", "usr/lib") if (text := _read(root / folder / "systemd/logind.conf"))),
        "",
    )
    commented = re.findall(rf"^#\s*{key}=(.*)$", main, re.MULTILINE)
    value = commented[-1].strip() if commented else default
    drops: dict[str, Path] = {}
    for folder in ("usr/lib", "run", "etc"):
        for path in sorted((root / folder / "systemd/logind.conf.d").glob("*.conf")):
            drops[path.name] = path
    for text in (main, *(_read(drops[name]) for name in sorted(drops))):
        for found in re.findall(rf"^\s*{key}=(.*)$", text, re.MULTILINE):
            value = found.strip()
    return value


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
