"""What makes a training crawl is said once, and what does not is not."""

from dataclasses import replace

from core.training.plan import GB
from core.training.strain import StepInterval, Strain

WELL = StepInterval(10.0, 0.5, 160, reserved=6 * GB, free=2 * GB, total=8 * GB, busy=97)


def said_of(*stretches: StepInterval) -> list[str]:
    said: list[str] = []
    strain = Strain(2, said.append)
    for stretch in stretches:
        strain.look(stretch)
    return said


def test_spilled_memory_is_said_once_and_slowness_alone_is_none() -> None:
    slow = replace(WELL, seconds=200.0)
    full = replace(WELL, free=GB // 10)
    assert said_of(WELL, slow, full, slow) == []
    # The reference run: 45 s a step, since its memory had spilled.
    spilling = replace(slow, free=GB // 10)
    (said,) = said_of(WELL, spilling, spilling)
    assert "spilled" in said
    assert "lower [train] batch" in said
    assert len(said_of(replace(WELL, reserved=9 * GB))) == 1


def test_a_gpu_that_waits_for_sound_is_said_only_where_it_is_idle() -> None:
    waiting = replace(WELL, waited=6.0, busy=30)
    (said,) = said_of(waiting, waiting)
    assert "waits for sound 60% of the time, with 2 loader processes" in said
    assert said_of(replace(waiting, busy=99)) == []  # batches are loaded while it computes
    assert said_of(replace(waiting, busy=None)) == []
