"""How soon a review in the order of suspicion finds the errors: `python -m benchmarks.review_order` from the checkout.

    python -m benchmarks.review_order [WORKSPACE ...] [--speech DIR] [--model DIR] [--runs 3] [--json]

For each workspace: the rows that a person has corrected and a machine wrote first. The share of all character errors of
the machine that stands in the first tenth, and in the first fifth, of the rows in the order of suspicion (that of the
machine's text, from what the store knows of it now); beside it in a perfect order, and in a random one.

With real speech (--speech, or $WHISPERSMITH_SPEECH: a recording with human.csv and machine.csv) and a real Whisper
(--model, or $WHISPERSMITH_WHISPER: whisper-base) three rows more, each with its bounds:

own      the Whisper's own labels of the whole recording
both     the same, machine.csv being the second opinion
second   machine.csv, the Whisper being the second opinion; and at how many of the wrong places its reading is right

Where windows begin alone moves these by points, so each run begins some seconds further into the recording, is judged
on the segments that all of them hear, and the mean counts.

A row's errors count up to the length of what the person wrote: nobody edits more than typing it anew. The scripts of
Chinese are not told apart. Exit 1 if a bound does not hold, 2 if a folder is no workspace.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np
from rapidfuzz.distance import Levenshtein

from benchmarks.labels import FURTHER_S
from core.errors import UserError
from core.labelling.dealing import weigh
from core.listen.clips import wav
from core.media import RATE, stream_pcm
from core.review.chinese_script import are_variants
from core.review.differences import Difference, differences
from core.store import Segment, Store
from core.text import normalise
from core.workspace import Workspace, create, open_workspace

FIRST = {"tenth": 0.1, "fifth": 0.2}
BOUNDS = {
    "own": {"tenth": 17.0, "fifth": 31.0},
    "both": {"tenth": 17.0, "fifth": 31.0},
    "second": {"tenth": 28.0, "fifth": 40.0},
}
"""Percent of the errors, at least. A second opinion makes no order worse, be it better than the first or not."""

SETTINGS = '[project]\nlanguage = "zh"\n\n[model]\nbase = "{model}"\nlabeller = "{model}"\n'


@dataclass(frozen=True)
class Order:
    """Percent of the errors in the first tenth and fifth of the rows. expected: edits that were foretold, of all."""

    name: str
    rows: int
    errors: int
    expected: float
    found: dict[str, float]
    perfect: dict[str, float]
    random: dict[str, float]
    bounds: dict[str, float]

    @property
    def holds(self) -> bool:
        return all(self.found[first] >= bound for first, bound in self.bounds.items())


def character_edits(text: str, truth: str) -> int:
    """Between the normalised texts; one character in two scripts is one."""
    ours, theirs = (normalise(one).replace(" ", "") for one in (text, truth))
    return sum(
        not (edit.tag == "replace" and are_variants(ours[edit.src_pos], theirs[edit.dest_pos]))
        for edit in Levenshtein.editops(ours, theirs)
    )


def measure(name: str, store: Store, truths: Mapping[str, str]) -> Order:
    """truths: what a person wrote, by segment."""
    errors: dict[str, int] = {}
    expected: dict[str, float] = {}
    for video in dict.fromkeys(row.video for row in store.segments.all()):
        recording = [as_machine_wrote(row) for row in store.segments.all(video=video)]
        rows = [row for row in recording if row.id in truths and row.model]
        estimates, _ = weigh(store, video, rows, recording, str)
        for row in rows:
            length = len(normalise(truths[row.id]).replace(" ", ""))
            errors[row.id] = min(length, character_edits(row.text, truths[row.id]))
            expected[row.id] = estimates[row.id].edits
    return Order(
        name,
        len(errors),
        sum(errors.values()),
        round(sum(expected.values()), 1),
        shares(errors, expected),
        shares(errors, errors),
        {first: 100 * share for first, share in FIRST.items()},
        BOUNDS.get(name, {}),
    )


def as_machine_wrote(row: Segment) -> Segment:
    """The row before anybody corrected it."""
    if not row.model:
        return row
    origin = "caption" if row.model.startswith("captions:") else "machine"
    return replace(row, text=" ".join(row.raw.split()), origin=origin, review="pending")


def shares(errors: Mapping[str, int], rank: Mapping[str, float]) -> dict[str, float]:
    """Percent of the errors in the first rows by falling rank; equals in the order they come."""
    order, total = sorted(errors, key=lambda id: -rank[id]), max(1, sum(errors.values()))
    return {
        first: 100 * sum(errors[id] for id in order[: round(share * len(order))]) / total
        for first, share in FIRST.items()
    }


def of_workspace(workspace: Workspace) -> Order:
    with Store(workspace.db_path) as store:
        truths = {row.id: row.text for row in store.segments.all() if row.is_human and row.usable}
        return measure(workspace.name, store, truths)


# -- real speech, a real model


def of_speech(speech: Path, model: Path, runs: int) -> tuple[list[Order], str]:
    """Label a recording and take its machine's texts with a second opinion; and how often that one is right."""
    judged_from = FURTHER_S * (runs - 1)
    found = [of_run(speech, model, FURTHER_S * number, judged_from) for number in range(runs)]
    wrong, right = (sum(counts) for counts in zip(*(counts for _, counts in found), strict=True))
    said = f"{right / runs:.0f} of {wrong / runs:.0f} wrong places are right in the second reading"
    orders = [mean_of(same) for same in zip(*(orders for orders, _ in found), strict=True)]
    return orders, f"{said} ({100 * right / max(1, wrong):.0f} %)"


def of_run(speech: Path, model: Path, skip: float, judged_from: float) -> tuple[list[Order], tuple[int, int]]:
    """skip: seconds of the recording in which nothing is heard; judged_from: the first at which a segment may begin.

    The orders, and (wrong places, those of them that are right in the second reading).
    """
    with tempfile.TemporaryDirectory() as folder:
        workspace = create(Path(folder) / "w", config_text=SETTINGS.format(model=model))
        prepare(workspace, next(speech.glob("*.mp4")), skip)
        with Store(workspace.db_path) as store:
            judged = {row.id for row in store.segments.all() if row.start_ms >= 1000 * judged_from}
            truths = {id: text for id, text in texts_of(store, speech / "human.csv").items() if id in judged}
            run(workspace, "label", {"no_captions": True})
            orders = [measure("own", store, truths), with_second(workspace, speech / "machine.csv", truths)]
            run(workspace, "import", {"path": str(speech / "machine.csv"), "as": "machine"})
            # What the model has heard is the second opinion on them: nothing is heard again.
            orders.append(measure("second", store, truths))
            return orders, places_right(store, truths)


def with_second(workspace: Workspace, listing: Path, truths: Mapping[str, str]) -> Order:
    """In a copy of the workspace, whose second opinion is the listing."""
    copy = open_workspace(Path(shutil.copytree(workspace.root, workspace.root.with_name("both"))))
    run(copy, "import", {"path": str(listing), "as": "second"})
    with Store(copy.db_path) as store:
        return measure("both", store, truths)


def mean_of(orders: Sequence[Order]) -> Order:
    """The errors, the edits that were foretold, and what was found, of several runs."""
    return replace(
        orders[0],
        errors=round(mean(order.errors for order in orders)),
        expected=mean(order.expected for order in orders),
        found={first: mean(order.found[first] for order in orders) for first in FIRST},
        perfect={first: mean(order.perfect[first] for order in orders) for first in FIRST},
    )


def prepare(workspace: Workspace, recording: Path, skip: float = 0.0) -> None:
    """The recording in a workspace, cut; skip: seconds at its begin that are silenced."""
    from core.store import Video

    target = workspace.media / f"{recording.stem}.wav"
    target.parent.mkdir(exist_ok=True)
    samples = np.concatenate(list(stream_pcm(recording)))
    samples[: round(skip * RATE)] = 0
    target.write_bytes(wav(samples))
    with Store(workspace.db_path) as store:
        store.videos.add(Video(recording.stem, licence="cc-by", state="fetched", path=workspace.relative(target)))
    run(workspace, "segment", {})


def run(workspace: Workspace, stage: str, params: dict[str, object]) -> None:
    """A stage in this process."""
    from core.stage import STAGES
    from tests.fakes.stage import start

    STAGES[stage].load().run(workspace, workspace.config(), start(workspace, stage, params).job)


def texts_of(store: Store, listing: Path) -> dict[str, str]:
    """Of a file's rows that name a segment; a copy gives its text only where the original has none."""
    from core.exchange.formats.delimited import read
    from core.exchange.matching import NameMatcher

    matcher, found = NameMatcher(store.segments.all()), {}
    for row in read(listing).rows:
        match = matcher.match(row.stem)
        if match is not None and (not match.is_copy or match.segment not in found):
            found[match.segment] = row.text
    return found


def places_right(store: Store, truths: Mapping[str, str]) -> tuple[int, int]:
    """(places where the machine is wrong, those of them where the second reading is what the person wrote)."""
    wrong = right = 0
    for segment in store.segments.all():
        reading = store.second_readings.get(segment.id)
        if reading is None or segment.id not in truths:
            continue
        corrections = differences(reading.text, truths[segment.id])
        for one in corrections:
            near = [place for place in reading.places if _meet(place, one)]
            begin = min([one.start, *(place.start for place in near)])
            end = max([one.end, *(place.end for place in near)])
            readings = [spliced(reading.text, places, begin, end) for places in (corrections, reading.places)]
            wrong += 1
            right += readings[0] == readings[1]
    return wrong, right


def _meet(one: Difference, other: Difference) -> bool:
    """Whether two places share a character, or one that has none stands at an end of the other."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > 0 or (shared == 0 and (one.start == one.end or other.start == other.end))


def spliced(text: str, places: Sequence[Difference], begin: int, end: int) -> str:
    """How text[begin:end] reads with these places, as it is compared."""
    found, at = [], begin
    for place in places:
        if place.start < begin or place.end > end:
            continue
        found += [text[at : max(at, place.start)], place.other]
        at = max(at, place.end)
    return normalise("".join([*found, text[at:end]]))


# -- output


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspaces", nargs="*", type=Path, metavar="WORKSPACE")
    parser.add_argument("--speech", type=Path, default=os.environ.get("WHISPERSMITH_SPEECH"))
    parser.add_argument("--model", type=Path, default=os.environ.get("WHISPERSMITH_WHISPER"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        orders = [of_workspace(open_workspace(folder)) for folder in options.workspaces]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    note = ""
    if options.speech is not None and options.model is not None:
        speech, model = Path(options.speech).resolve(), Path(options.model).resolve()
        found, note = of_speech(speech, model, options.runs)
        orders += found
    if options.json:
        print(json.dumps([asdict(order) | {"holds": order.holds} for order in orders], indent=1))
    else:
        show(orders, note)
    return 0 if all(order.holds for order in orders) else 1


def show(orders: Sequence[Order], note: str) -> None:
    if not orders:
        print("name a workspace, or real speech and a model: see --help")
        return
    heads = [f"first {first} (perfect, random)" for first in FIRST]
    print(f"{'':10}{'rows':>6}{'errors':>8}{'foretold':>10}   {heads[0]:<32}{heads[1]}")
    for order in orders:
        cells = []
        for first in FIRST:
            bound = f" ≥ {order.bounds[first]:g}" if first in order.bounds else ""
            cells.append(f"{order.found[first]:.1f} % ({order.perfect[first]:.1f}, {order.random[first]:.0f}){bound}")
        missed = "" if order.holds else "  missed"
        print(
            f"{order.name:10}{order.rows:>6}{order.errors:>8}{order.expected:>10.0f}   {cells[0]:<32}{cells[1]}{missed}"
        )
    if note:
        print(note)


if __name__ == "__main__":
    sys.exit(main())
