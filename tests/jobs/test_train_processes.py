"""Several processes train one model together: two on the processor, over gloo, come to what one does."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import Config, TrainConfig
from core.errors import UserError
from core.events import Evaluated, Finished, Metric, Outcome, RunStarted, Saved
from core.gpu import Gpu
from core.jobs import EventReader, launch, spawn
from core.jobs.spawn import CODE
from core.jobs.spec import EVENTS, read
from core.stages import train
from core.store import Store
from core.training import checkpoints
from core.training.plan import DataCounts, dealt, make_plan, resumed_plan
from core.whisper.info import describe
from tests.core.whisper_kit import QUICK, Listened, make_workspace, toy
from tests.jobs.conftest import wait_for

CARD = Gpu(0, "GPU-a", "Some GPU", (8, 6), 8 << 30, 1 << 30, 7 << 30, 0, 40, 10.0)


def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    # Some of it nobody has accepted: tokens count 1 and 0.3.
    made = make_workspace(tmp_path / "w", toy(), train=8, test=3, settings=f'{QUICK}\ninclude = "all"')
    with Store(made.db_path) as store:
        for number in (8, 24, 48):
            store.transcripts.review(f"train_{number}_{number + 10}", "pending")
    alone = Listened(made, "train", {"name": "alone"})
    expected = train.run(made, made.config(), alone.job)
    folder = spawn(made, "train", {"name": "both", "processes": 2})
    reader, said = EventReader(folder / EVENTS), []

    def ended() -> bool:
        said.extend(entry.event for entry in reader.all())
        return any(isinstance(event, Finished) for event in said)

    wait_for(ended, timeout=120)
    output = (folder / "output.log").read_text(errors="replace")[-3000:]
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.outcome is Outcome.DONE, output
    assert [event.steps for event in said if isinstance(event, RunStarted)] == [4]  # one of the two speaks

    figures = [[event for event in events if isinstance(event, Metric)] for events in (alone.events, said)]
    assert [event.step for event in figures[1]] == [1, 2, 3, 4]
    for one, two in zip(*figures, strict=True):
        assert two.loss == pytest.approx(one.loss, rel=1e-4)
        assert two.grad_norm == pytest.approx(one.grad_norm, rel=1e-3)
        assert (two.learning_rate, two.epoch) == (one.learning_rate, one.epoch)
    measured = [[event.cer for event in events if isinstance(event, Evaluated)] for events in (alone.events, said)]
    assert measured[1] == pytest.approx(measured[0], abs=0.05)
    assert measured[1][0] == measured[0][0] == expected["base_cer"]
    assert [event.step for event in said if isinstance(event, Saved)] == [2, 4, 4]
    weights = [load_file(made.models / name / "model.safetensors") for name in ("alone", "both")]
    for name, weight in weights[0].items():
        assert (weights[1][name] - weight).abs().max() < 1e-2
    last = checkpoints.last_checkpoint(made.models / ".both")
    assert last is not None
    assert sorted(path.name for path in last.path.glob("rng_state*")) == ["rng_state_0.pth", "rng_state_1.pth"]


def test_the_effective_batch_stays_however_many_share_it() -> None:
    assert [dealt(16, 8, processes) for processes in (1, 2, 3, 4, 16, 32)] == [
        *((8, 2), (8, 1), (6, 1), (4, 1), (1, 1), (1, 1))
    ]
    counts, model = DataCounts(160, 12, 31, 12, "validation"), describe(str(toy(2.0)))
    one, two = (make_plan(Config(train=TrainConfig(processes=count)), counts, model, None) for count in (1, 2))
    assert (two.batch, two.accumulation, two.processes, two.effective_batch) == (8, 1, 2, one.effective_batch)
    assert (two.steps, two.warmup, two.eval_every) == (one.steps, one.warmup, one.eval_every)
    alone = resumed_plan(two, counts, model, None, processes=1)
    assert (alone.batch, alone.accumulation, alone.steps) == (8, 2, one.steps)


def test_each_process_sees_a_gpu_of_its_own_and_fewer_are_refused() -> None:
    cards = [dataclasses.replace(CARD, uuid=f"GPU-{name}", memory_free=free) for name, free in (("a", 1), ("b", 9))]
    assert launch.environment(cards, 2)["CUDA_VISIBLE_DEVICES"] == "GPU-b,GPU-a"
    assert launch.environment([], 2) == launch.environment(cards, 1) == {}
    with pytest.raises(UserError, match="3 processes cannot train on 2 GPUs"):
        launch.environment(cards, 3)


def test_the_batch_script_is_one_that_a_shell_takes_and_its_job_is_one_that_runs(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "it's mine", toy(), train=1, test=0)
    script = launch.slurm_script(made.root, Path("/opt/whisper smith"), "train", machines=2, processes=16)
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=True).stderr == ""
    assert "#SBATCH --nodes=2" in script
    assert "#SBATCH --gpus-per-node=8" in script
    assert "--num_processes=16 --num_machines=2" in script
    said = subprocess.run(
        [sys.executable, "-m", "core.jobs.spec", str(made.root), "train"],
        env={"PYTHONPATH": str(CODE)},
        text=True,
        capture_output=True,
        check=True,
    )
    folder = Path(said.stdout.strip())
    assert folder.parent == made.jobs
    assert read(folder).stage == "train"
