"""Counts what a job or a command does to the disk, and ends it at one of these steps.

A step is a file that is opened for writing, renamed, made or removed below STEPS_ROOT, or a statement that writes to
SQLite. STEPS_JOURNAL gets a line for each; at number STEPS_KILL (0: never) the process kills itself, STEPS_GROUP=1:
with its whole group.
"""

import os
import signal
import sqlite3
import sys
import threading

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
STATEMENTS = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "BEGIN IMMEDIATE", "COMMIT", "REPLACE")


class Steps:
    def __init__(self):
        self.root = os.environ["STEPS_ROOT"]
        self.last = int(os.environ["STEPS_KILL"])
        self.group = os.environ["STEPS_GROUP"] == "1"
        self.journal = os.open(
            os.environ["STEPS_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        self.count = 0
        self.lock = threading.Lock()

    def hear(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING:
                self.change(event, path)
        elif event in CHANGES:
            self.change(event, arguments[0])

    def change(self, event, path):
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        # Heartbeats come by the clock, and would be most of the steps.
        if name.startswith(self.root) and ".status.json" not in name:
            self.step(f"{event} {name[len(self.root) :]}")

    def connect(self, *arguments, connect=sqlite3.connect, **more):
        connection = connect(*arguments, **more)
        connection.set_trace_callback(self.statement)
        return connection

    def statement(self, text):
        if text.lstrip().upper().startswith(STATEMENTS):
            self.step(text.strip()[:80].replace("\n", " "))

    def step(self, what):
        with self.lock:
            self.count += 1
            os.write(self.journal, f"{what}\n".encode(errors="replace"))
            if self.count == self.last:
                if self.group:
                    os.killpg(0, signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)


if "STEPS_ROOT" in os.environ and {"core.jobs.run", "tui.launch"} & set(sys.orig_argv):
    steps = Steps()
    sys.addaudithook(steps.hear)
    sqlite3.connect = steps.connect
