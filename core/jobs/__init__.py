"""A stage as a detached process: spawn it, watch its event log, stop it, find it again.

spec.py       what was asked for; the job's folder
spawn.py      starts `python -m core.jobs.run <folder>` in a session of its own
launch.py     one process or several: what `accelerate launch` is told, here and on a cluster
run.py        inside that process: signals, heartbeat and cancel in the main thread, the stage in a worker thread
handle.py     the `Job` a stage is given
event_line.py one line of events.jsonl, written and read; what stands in it is in core/events.py
event_log.py  events.jsonl: one writer, many readers
status.py     status.json: phase, heartbeat, progress
lock.py       who is alive: flock, with pid + start time + boot id where flock cannot be trusted
attach.py     the state of every job, read from outside
"""

from core.jobs.attach import JobView, find_job, list_jobs, pause, resume, send, stop
from core.jobs.event_log import EventReader
from core.jobs.handle import Cancelled, Job
from core.jobs.spawn import spawn

__all__ = [
    "Cancelled",
    "EventReader",
    "Job",
    "JobView",
    "find_job",
    "list_jobs",
    "pause",
    "resume",
    "send",
    "spawn",
    "stop",
]
