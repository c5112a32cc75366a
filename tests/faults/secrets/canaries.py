"""Secrets that are found again wherever they end up."""

from __future__ import annotations

import base64
import os
from pathlib import Path

CANARY = "Kanarie"
"""Every secret of these tests holds it."""

LOGIN, TOKEN = f"me:{CANARY}Login77", f"{CANARY}Token99"

SETTINGS = f"""\
proxy = "http://proxy:{CANARY}Proxy11@127.0.0.1:9"
username = "somebody"
password = "{CANARY}Password22"
videopassword = "{CANARY}Video33"
cookiefile = "cookies.txt"
http_headers = {{ Authorization = "Bearer {CANARY}Header44", Cookie = "session={CANARY}Cookie55" }}
"""

FOR_SECRETS = frozenset(("whispersmith.toml", "secrets.jsonl", "cookies.txt"))
"""The files of a workspace that hold them, since a person put them there or asked for it."""


def write_cookies(path: Path) -> None:
    """One cookie as it should be, and a line that yt-dlp repeats in a warning since it is none."""
    good = f".host.example\tTRUE\t/\tTRUE\t0\tSID\t{CANARY}Jar66"
    path.write_text(f"# Netscape HTTP Cookie File\n{good}\n.host.example\tTRUE\t/\tTRUE\tHSID\t{CANARY}Jar77\n")


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "HF_TOKEN": f"hf_{CANARY}0123456789",
        "HF_ENDPOINT": f"http://me:{CANARY}Hub88@127.0.0.1:9",
        "WANDB_API_KEY": f"{CANARY}Wandb99",
    }


def leaks(root: Path) -> list[str]:
    """Every file of a workspace that holds a canary, as it is or as a Basic header has it, and is not meant to."""
    forms = [CANARY.encode(), base64.b64encode(LOGIN.encode())]
    files = (path for path in root.rglob("*") if path.is_file() and path.name not in FOR_SECRETS)
    return sorted(str(path.relative_to(root)) for path in files if any(form in path.read_bytes() for form in forms))
