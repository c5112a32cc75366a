"""What a display reads, value by value, and which GPU a job is given; the real nvidia-ml-py on the stand-in."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from core.errors import UserError
from core.gpu import Gpu, GpuProcess, all_for_job, choose, environment_for, read_host_info, settle_on, wait_until_free
from core.gpu.cards import machine_memory
from core.gpu.choice import GIVEN, choose_for_job, visible_gpus
from tests.fakes import nvml

stand_in = pytest.mark.skipif(
    not sys.platform.startswith("linux") or nvml.compiler() is None,
    reason="no Linux, or no C compiler (cc, gcc or clang), to build the stand-in with",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


def read(library: Path, script: Path, code: str) -> list[str]:
    head = "import json, os, sys\nfrom pathlib import Path\nfrom core.gpu import read, read_gpus, driver\n"
    return nvml.python("-c", head + code, environment=nvml.environment(library, script)).splitlines()


@stand_in
def test_every_value_is_asked_alone(library: Path, tmp_path: Path) -> None:
    script = tmp_path / "one.txt"
    script.write_text("driver 1\nnvml 13.1\ncuda 13000\ngpu\nname A\nuuid GPU-1\ntemperature 50\n")
    (line,) = read(library, script, "print(json.dumps(read_gpus()[0].as_dict()))")
    gpu = json.loads(line)
    assert (gpu["name"], gpu["temperature"]) == ("A", 50)
    silent = ("capability", "utilization", "power_w", "power_limit_w")
    assert [gpu[name] for name in silent] == [None] * len(silent)


@stand_in
def test_the_meter_follows_the_card_it_was_given(library: Path, tmp_path: Path) -> None:
    script = tmp_path / "live.txt"
    two = "driver 1\nnvml 13.1\ncuda 13000\ngpu\nname A\nuuid GPU-a\ngpu\nname B\nuuid GPU-b\nmemory 8192 192 {used}\n"
    script.write_text(two.format(used=1000))
    code = (
        "script = Path(os.environ['NVML_SCENARIO'])\n"
        "one = read('GPU-b')\nprint(one.name, one.index, one.memory_used >> 20, one.memory_free >> 20)\n"
        "script.write_text(script.read_text().replace('1000', '3000'))\nprint(read('GPU-b').memory_used >> 20)\n"
        "script.write_text(script.read_text() + 'refuse nvmlDeviceGetUUID 15\\n')\nprint(read('GPU-b'))\n"
        "script.write_text(script.read_text().replace('refuse nvmlDeviceGetUUID 15', ''))\n"
        "print(read('GPU-b').memory_used >> 20, read('GPU-nobody'))\n"
    )
    assert read(library, script, code) == ["B 1 1000 7000", "3000", "None", "3000 None"]


@stand_in
def test_an_old_driver_lacks_functions_and_still_tells(tmp_path: Path) -> None:
    old = nvml.build(tmp_path / "old", "-DOLD_DRIVER")
    code = "gpu = read_gpus()[0]\nprint(gpu.memory_used >> 20, gpu.temperature, gpu.processes[0].name, gpu.power_w)"
    assert read(old, nvml.scenario("rtx2080ti-470"), code) == ["300 39 Xorg 15.0"]


@stand_in
def test_programs_have_names_owners_and_memory(library: Path, tmp_path: Path) -> None:
    script = tmp_path / "busy.txt"
    script.write_text(
        "driver 1\nnvml 13.1\ncuda 13000\ngpu\nname A\nuuid GPU-1\n"
        f"computes {os.getpid()} 100\ncomputes 1 200 init\ndraws 1 200 init\ndraws 4999001 - game\n"
    )
    code = "print(json.dumps([row.__dict__ for row in read_gpus()[0].processes]))"
    (line,) = read(library, script, code)
    mine, first, stranger = json.loads(line)
    assert (mine["memory"] >> 20, mine["mine"], bool(mine["name"])) == (100, True, True)
    assert (first["pid"], first["name"], first["memory"] >> 20) == (1, "init", 200)
    assert first["mine"] is (os.getuid() == Path("/proc/1").stat().st_uid)
    assert (stranger["name"], stranger["memory"], stranger["user"], stranger["mine"]) == ("game", None, "", None)


def test_other_peoples_programs_are_told_apart() -> None:
    processes = (GpuProcess(1, "a", 1, "anna", False), GpuProcess(2, "b", 1, "me", True), GpuProcess(3, "c"))
    assert [process.name for process in gpu("GPU-1", processes=processes).others] == ["a"]


def test_the_machines_memory(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       1000 kB\nMemFree:         10 kB\nMemAvailable:    600 kB\n")
    assert machine_memory(file) == (1_024_000, 614_400)
    assert machine_memory(tmp_path / "none") is None


def gpu(uuid: str, free: int | None = 1, index: int = 0, **more: object) -> Gpu:
    return Gpu(index, uuid, f"Card {uuid}", (8, 0), 100, None, free, None, None, None, **more)  # type: ignore[arg-type]


PAIR = [gpu("GPU-aa1", 10, 0), gpu("GPU-bb2", 90, 1)]
SLICED = gpu("GPU-cc3", 50, 2, mig=True, slices=(gpu("MIG-1", 5, 0), gpu("MIG-2", 95, 1)))


# fmt: off
@pytest.mark.parametrize(
    ("wish", "visible", "expected"),
    [
        (None, None, "GPU-bb2"), ("auto", None, "GPU-bb2"), ("0", None, "GPU-aa1"), ("GPU-aa1", None, "GPU-aa1"),
        ("GPU-a", None, "GPU-aa1"), ("GPU-zz", None, None), ("7", None, None), ("nonsense", None, None),
        (None, "0", "GPU-aa1"), (None, "GPU-aa", "GPU-aa1"), (None, "", None), (None, "-1", None),
        # An entry that is not valid hides everything after it.
        (None, "0,9,1", "GPU-aa1"), (None, "9,1", None), (None, "0,1", "GPU-bb2"), (None, " 1 , 0 ", "GPU-bb2"),
        # What is hidden is not given, however much it is wished for.
        ("GPU-bb2", "0", None), ("1", "0", None),
    ],
)
def test_the_most_free_of_those_allowed(wish: str | None, visible: str | None, expected: str | None):
    found = choose(PAIR, wish, visible)
    assert (found.uuid if found else None) == expected
# fmt: on


def test_a_sliced_card_stands_for_its_slices() -> None:
    assert [one.uuid for one in visible_gpus([SLICED], None)] == ["MIG-1", "MIG-2"]
    chosen = choose([*PAIR, SLICED], None, None)
    assert chosen is not None
    assert environment_for(chosen) == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "MIG-2"}
    hidden = choose([SLICED], None, "MIG-1")
    assert hidden is not None
    assert hidden.uuid == "MIG-1"


def test_a_card_that_does_not_tell_its_memory_comes_last_but_is_taken() -> None:
    silent = gpu("GPU-silent", None)
    assert choose([silent, PAIR[0]]) == PAIR[0]
    assert choose([silent]) == silent


def test_a_card_that_torch_has_code_for_comes_before_one_with_more_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from core.gpu import TorchBuild, torch_build

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch_build, "installed_torch", lambda: TorchBuild("2.15.0+cu130", (13, 0)))
    old = Gpu(0, "GPU-old", "GTX 1080 Ti", (6, 1), 100, 0, 100, 0, 0, 0.0)
    new = Gpu(1, "GPU-new", "RTX 4060", (8, 9), 80, 0, 80, 0, 0, 0.0)
    assert choose_for_job("auto", read=lambda: [old, new]) == new
    assert choose_for_job("0", read=lambda: [old, new]) == old
    with pytest.raises(UserError) as refused:
        choose_for_job("GPU-gone", read=lambda: [old, new])
    assert refused.value.what == "the GPU GPU-gone is not there"
    assert "0 GTX 1080 Ti GPU-old, 1 RTX 4060 GPU-new" in refused.value.why


def test_a_job_that_has_settled_on_one_gpu_still_knows_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.gpu import TorchBuild, torch_build

    monkeypatch.setattr(torch_build, "installed_torch", lambda: TorchBuild("2.15.0+cu130", (13, 0)))
    cards = [Gpu(n, f"GPU-{n}", "RTX 4060", (8, 9), 80, 0, 80, 0, 0, 0.0) for n in range(3)]
    cards.append(Gpu(3, "GPU-old", "GTX 1080 Ti", (6, 1), 100, 0, 100, 0, 0, 0.0))
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", GIVEN):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def uuids(wish: str = "auto") -> list[str]:
        return [card.uuid for card in all_for_job(wish, read=lambda: cards)]

    # What torch has no code for is left out.
    assert uuids() == ["GPU-0", "GPU-1", "GPU-2"]
    assert uuids("1") == ["GPU-1"]
    settle_on(cards[1])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert uuids() == ["GPU-0", "GPU-1", "GPU-2"]
    # What the person has hidden stays hidden.
    for name in ("CUDA_VISIBLE_DEVICES", GIVEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    settle_on(cards[2])
    assert uuids() == ["GPU-0", "GPU-2"]


class Stopped(Exception):
    pass


def test_waiting_ends_when_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    readings = iter([10, 20, 60])
    told: list[str] = []
    slept: list[float] = []
    found = wait_until_free(
        50, slept.append, read=lambda: [gpu("GPU-1", next(readings))], on_wait=lambda one: told.append(one.uuid)
    )
    assert found is not None
    assert found.memory_free == 60
    assert told == ["GPU-1", "GPU-1"]
    assert slept == [2.0, 2.0]


def test_waiting_can_be_ended_and_never_waits_for_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def stop(_: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        wait_until_free(50, stop, read=lambda: [gpu("GPU-1", 10)])
    with pytest.raises(UserError, match="will never be free"):
        wait_until_free(101, stop, read=lambda: [gpu("GPU-1", 10)])
    assert wait_until_free(50, stop, read=list) is None
    silent = gpu("GPU-1", None)
    assert wait_until_free(50, stop, read=lambda: [silent]) == silent


def test_the_host_is_read_from_files(tmp_path: Path) -> None:
    plain = read_host_info(nvml.make_root(tmp_path / "a", module="580.95.05"))
    # Neither the card's sound function nor another maker's display counts.
    assert plain.bus == ("0000:01:00.0",)
    assert (plain.module, plain.distribution, plain.wsl, plain.container) == ("580.95.05", "ubuntu", False, False)
    other = read_host_info(nvml.make_root(tmp_path / "b", bus=False, wsl=True, distribution="debian"))
    assert (other.bus, other.wsl, other.module, other.distribution) == ((), True, "", "debian")
    nvml.write(tmp_path / "c/proc/1/cgroup", "12:devices:/kubepods/besteffort/pod1\n")
    assert read_host_info(tmp_path / "c").container
    assert read_host_info(tmp_path / "nothing").bus == ()
