"""The line that brings the listening port to the person's own machine, for the way they are logged in."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tunnel:
    """command: to run on the person's own machine. config: the same as lines of ~/.ssh/config.

    jump: for a login through another machine (`ssh -J`), where this one's address means nothing at home.
    """

    command: str
    config: str
    jump: str

    def notes(self, address: str) -> str:
        """All of it for a file, with what each line is for. address: of the page."""
        return f"""\
# Hearing segments of this workspace in the browser of your own machine.

# 1. There, in a second terminal; it stays open, and says nothing:
{self.command}
# If you log in through a jump host, with its name:
{self.jump}
# Or, with the name that you give this machine in ~/.ssh/config, this line under its `Host`, and log in again:
    {self.config}

# 2. Then open this page there, and leave it open:
{address}
"""


def tunnel(port: int, environment: Mapping[str, str] = os.environ) -> Tunnel:
    """From SSH_CONNECTION ("<their address> <their port> <our address> <our port>"); the person's name for this
    machine, an alias or a jump host, cannot be seen from here."""
    parts = environment.get("SSH_CONNECTION", "").split()
    host, ssh_port = (parts[2], parts[3]) if len(parts) == 4 else ("HOST", "22")
    user = environment.get("USER") or environment.get("LOGNAME") or getpass.getuser()
    forward = f"-L {port}:127.0.0.1:{port}"
    port_option = "" if ssh_port == "22" else f"-p {ssh_port} "
    target = f"{user}@{host}"
    return Tunnel(
        command=f"ssh -N {forward} {port_option}{target}",
        config=f"LocalForward {port} 127.0.0.1:{port}",
        jump=f"ssh -N {forward} -J JUMP_HOST {port_option}{target}",
    )
