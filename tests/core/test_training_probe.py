"""Before the first step: what does not fit is made smaller, as often as it takes, and the effective batch stays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from transformers import Seq2SeqTrainingArguments

from core.config import Config, TrainConfig
from core.gpu import Gpu
from core.models.suggested import SMALL
from core.training.dataset import Collator, SegmentDataset, examples
from core.training.methods import METHODS
from core.training.plan import GB, DataCounts, Plan, make_plan
from core.training.probe import Peak, fitting, try_step
from core.training.trainer_arguments import trainer_arguments
from core.training.windows import Row
from core.whisper.info import describe
from core.whisper.loading import load
from tests.core.whisper_kit import noise, toy, write_wav

CARD = Gpu(0, "GPU-1", "Some GPU", (8, 6), 80 * GB, 1 * GB, 79 * GB, 0, 40, 10.0)


def plan_of(batch: int, accumulation: int) -> Plan:
    model = dataclasses.replace(describe(str(toy(2.0))), shape=SMALL, window_s=30.0)
    settings = TrainConfig(batch=batch, accumulation=accumulation)
    return make_plan(Config(train=settings), DataCounts(160), model, CARD)


def test_what_fits_stays_and_what_does_not_is_halved_until_it_does() -> None:
    plan, said = plan_of(8, 2), []
    assert fitting(plan, lambda _: Peak(7 * GB, 8 * GB), said.append) == (plan, Peak(7 * GB, 8 * GB))
    assert said == []

    def measure(tried: Plan) -> Peak:  # 1 GB a segment, half of that where activations are recomputed; 2 GB free
        return (
            Peak(tried.batch * GB // (2 if tried.recompute else 1), 2 * GB) if tried.batch < 8 else Peak(None, 2 * GB)
        )

    found, peak = fitting(plan, measure, said.append)
    assert found is not None
    assert (found.batch, found.accumulation, found.recompute) == (2, 8, True)  # 4 would take all there is
    assert (found.effective_batch, found.steps) == (plan.effective_batch, plan.steps)
    assert peak == Peak(GB, 2 * GB)
    assert len(said) == 3
    assert "it did not fit, 2.0 GB are free" in said[0]
    assert (
        "it took 2.0 GB, 2.0 GB are free; 2 at once instead of 4, added up 8 times instead of 4: 16 a step" in said[2]
    )
    assert fitting(plan, lambda _: Peak(None, GB), said.append) == (None, Peak(None, GB))


def test_trying_a_batch_changes_no_weight(tmp_path: Path) -> None:
    loaded = load(str(toy(2.0)))
    write_wav(tmp_path / "0.wav", noise(2))
    data, _ = examples(loaded, [Row("0", tmp_path / "0.wav", "宮商角", "talk", 0, 2000)], "zh", 448)
    prepared = METHODS["full"].prepare(loaded, tmp_path)
    rows = SegmentDataset(data, prepared.input_name, prepared.inputs, keep=False)
    batch = Collator(loaded.model.config.pad_token_id)([rows[0]])
    plan = dataclasses.replace(plan_of(1, 1), device="cpu", precision="fp32", recompute=True, memory_free_bytes=None)
    before = {name: weight.clone() for name, weight in loaded.model.state_dict().items()}
    arguments = Seq2SeqTrainingArguments(**trainer_arguments(plan, tmp_path / "run"))
    try_step(prepared.module, plan, batch, arguments)
    assert all(weight.equal(before[name]) for name, weight in loaded.model.state_dict().items())
    gradients = [weight.grad for weight in loaded.model.parameters() if weight.requires_grad]
    assert all(gradient is not None and gradient.any() for gradient in gradients[:8])
