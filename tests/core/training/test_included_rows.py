"""What a real run receives: texts that nobody has seen, which count less, and silence that is taught as silence."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.config import set_value
from core.events import Metric
from core.stages import train
from core.store import Store
from core.store.transcripts import MachineText
from core.training import loss, trainer
from core.training.plan_rows import plan_rows
from core.training.planning import PlanReader
from core.whisper.loading import load
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, make_workspace, toy

SETTINGS = """
windows = "single"
timestamps = 0.0
silence = 1.0
unreviewed_weight = 0.25
steps = 1
batch = 3
accumulation = 2
learning_rate = 1e-3
eval_segments = 2
"""
ACCEPTED, SILENT, SURE, UNSURE = (
    ["train_0_10", "train_8_18", "train_16_26"],
    "train_24_34",
    "train_32_42",
    "train_40_50",
)


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    """Of one recording three segments are accepted, and one in which nobody speaks; of a machine's texts one is likely
    to be right, one is not, one was rejected, and one is empty."""
    made = make_workspace(tmp_path, toy(), train=8, test=2, accepted=False, settings=SETTINGS)
    with Store(made.db_path) as store:
        tested = [row.id for row in store.segments.all(part="test")]
        store.transcripts.import_human(dict.fromkeys([*ACCEPTED, *tested], "宮商"))
        store.transcripts.save(SILENT, "")
        written = {SURE: ("角角", 0.01), UNSURE: ("徵", 0.9), "train_48_58": ("羽", 0.01), "train_56_66": ("", 0.0)}
        store.transcripts.write_machine(
            [MachineText(id, text, text, "m", suspicion=suspicion) for id, (text, suspicion) in written.items()]
        )
        store.transcripts.review("train_48_58", "rejected")
        store.segments.set_parts(dict.fromkeys(ACCEPTED, "train") | dict.fromkeys(tested, "test"))
    return made


def test_a_run_counts_less_what_nobody_has_seen_and_is_taught_silence(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    sums: list[tuple[float, float]] = []

    def spied(module: Any, batch: dict[str, torch.Tensor]) -> Any:
        found = loss.batch_loss(module, batch)
        if module.training:
            seen.append(batch)
            sums.append((float(found[0].detach()), float(found[1])))
        return found

    monkeypatch.setattr(trainer, "batch_loss", spied)
    endless = "羽" * 2000  # as a machine writes them: it is left out, and the card does not take it for a person's
    with Store(made.db_path) as store:
        store.transcripts.write_machine([MachineText("train_56_66", endless, endless, "m", suspicion=0.9)])
    listened = Listened(made, "train", {"include": "all"})
    result = train.run(made, made.config(), listened.job)
    assert result["train_segments"] == 6
    settings, tokenizer = load(str(toy())).model.generation_config, load(str(toy())).tokenizer
    prompt = [settings.lang_to_id["<|zh|>"], settings.task_to_id["transcribe"], settings.no_timestamps_token_id]
    end, no_speech = settings.eos_token_id, tokenizer.convert_tokens_to_ids("<|nospeech|>")

    def told(text: str, weight: float) -> tuple[list[int], list[float]]:
        tokens = [*prompt, *tokenizer(text, add_special_tokens=False).input_ids, end]
        return tokens, [weight] * len(tokens)

    expected = [*[told("宮商", 1.0)] * 3, told("角角", 0.25), told("徵", 0.25)]
    expected.append(([no_speech, -100, -100, end], [1.0, 0.0, 0.0, 1.0]))
    rows = [
        (labels, weights)
        for batch in seen
        for labels, weights in zip(batch["labels"], batch["label_weights"], strict=True)
    ]
    received = []
    for labels, weights in rows:
        size = int(torch.nonzero(labels == end)[0]) + 1
        assert not weights[size:].any()
        received.append((labels[:size].tolist(), weights[:size].tolist()))
    assert sorted(received) == sorted(expected)
    # Σ w·nll / Σ w over both parts of the effective batch, not the mean of their means.
    weight = sum(sum(weights) for _, weights in expected)
    assert sum(part for _, part in sums) == pytest.approx(weight)
    whole = sum(total for total, _ in sums) / weight
    assert listened.of(Metric)[-1].loss == pytest.approx(whole, rel=1e-5)
    assert abs(sum(total / part for total, part in sums) / 2 - whole) > 1e-3  # else this could not tell them apart
    card = (made.models / result["name"] / "README.md").read_text()
    assert "4 with a text accepted by a person, 2 with a machine's, which counted 0.25" in card


def test_the_plan_says_what_each_choice_comes_to(made: Workspace) -> None:
    reader = PlanReader(made)

    def shown() -> tuple[str, str]:
        plan = reader.read(list).plan
        assert plan is not None
        return next((row.value, row.reason) for row in plan_rows(plan) if row.key == "data")

    value, reason = shown()
    assert value == "reviewed: 4 train (1 silent), none to choose by, 2 test"
    for told in (
        "Nothing is held back to choose by: what is kept is the last checkpoint, as 0.3 base + 0.7 tuned",
        "reviewed (4 rows, 0.0 h)",
        "confident (5 rows, 0.0 h)",
        "all (6 rows, 0.0 h)",
        "unreviewed_weight = 0.25",
    ):
        assert told in reason
    set_value(made.config_path, "train", "include", "all")
    assert shown()[0] == "all: 6 train (2 count 0.25, 1 silent), none to choose by, 2 test"
    with Store(made.db_path) as store:  # a machine hears it otherwise
        store.transcripts.write_machine([MachineText(UNSURE, "角角", "角角", "m", suspicion=0.01)])
    set_value(made.config_path, "train", "include", "confident")
    assert shown()[0] == "confident: 6 train (2 count 0.25, 1 silent), none to choose by, 2 test"
    with Store(made.db_path) as store:
        store.transcripts.write_machine([MachineText(UNSURE, "徵", "徵", "m", suspicion=0.9)])
    assert shown()[0] == "confident: 5 train (1 count 0.25, 1 silent), none to choose by, 2 test"
    set_value(made.config_path, "train", "include", "all")
    with Store(made.db_path) as store:  # a person rejects one
        store.transcripts.review(UNSURE, "rejected")
    assert shown()[0] == "all: 5 train (1 count 0.25, 1 silent), none to choose by, 2 test"
