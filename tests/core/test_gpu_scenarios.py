"""Machines with GPUs, sound and sick, as the real nvidia-ml-py reads them: the check that stops, and its whole text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.core.gpu_kit import BELOW, INDEX, LAST_126, NEWEST_130, ROWS, Row, ask
from tests.fakes import nvml

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in is a Linux library"),
    pytest.mark.skipif(nvml.compiler() is None, reason="no C compiler (cc, gcc or clang) to build the stand-in with"),
]


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The stand-in as of a present driver (False) and of one before R510 (True)."""
    folder = tmp_path_factory.mktemp("nvml")
    return {False: nvml.build(folder / "new"), True: nvml.build(folder / "old", "-DOLD_DRIVER")}


UNTIL_SUM = ("gpu-bus", "nvml", "devices", "driver", "torch", "driver-wheel", "wheel-card", "precision", "gpu-memory")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_sick_machine_is_told_the_layer_and_the_one_command(
    row: Row, libraries: dict[bool, Path], tmp_path: Path
) -> None:
    checks = ask(libraries, tmp_path, row.scenario, row.torch, root=row.root, old=row.old)
    found = checks[row.id]
    assert (found["verdict"], found["found"], found["why"], found["fix"]) == (row.verdict, row.found, row.why, row.fix)
    skipped = {id: check["found"] for id, check in checks.items() if check["verdict"] == "skipped"}
    assert skipped == dict.fromkeys(BELOW[row.id], f"after {row.id}")
    others = {check["verdict"] for id, check in checks.items() if id != row.id and id not in skipped}
    assert others == {"ok"}


@pytest.mark.parametrize(
    ("scenario", "torch", "old", "devices", "card", "precision"),
    [
        (
            "laptop-3070", LAST_126, False, "RTX 3070 Laptop, 8.6, 6.8 of 8.0 GB free",
            "driver 537.13 (CUDA 12.2), torch 2.14.1+cu126, RTX 3070 Laptop (8.6)",
            "bf16, with tf32 and flash attention (RTX 3070 Laptop, 8.6)",
        ),
        (
            "h100x2-580", NEWEST_130, False,
            "H100 80GB HBM3, 9.0, 79.1 of 79.6 GB free; H100 80GB HBM3, 9.0, 19.3 of 79.6 GB free",
            "driver 580.95.05 (CUDA 13.0), torch 2.15.0+cu130, H100 80GB HBM3 (9.0)",
            "bf16, with tf32 and flash attention (H100 80GB HBM3, 9.0)",
        ),
        (
            "rtx2080ti-470", ("2.7.1+cu118", "11.8"), True, "RTX 2080 Ti, 7.5, 10.5 of 10.8 GB free",
            "driver 470.256.02 (CUDA 11.4), torch 2.7.1+cu118, RTX 2080 Ti (7.5)",
            "fp16, bf16 would be emulated, though torch calls it supported (RTX 2080 Ti, 7.5)",
        ),
        (
            "a100-mig-550", LAST_126, False,
            "A100-SXM4-40GB MIG 3g.20gb, 8.0, 19.6 of 19.6 GB free; "
            "A100-SXM4-40GB MIG 3g.20gb, 8.0, 2.0 of 19.6 GB free",
            "driver 550.127.05 (CUDA 12.4), torch 2.14.1+cu126, A100-SXM4-40GB MIG 3g.20gb (8.0)",
            "bf16, with tf32 and flash attention (A100-SXM4-40GB MIG 3g.20gb, 8.0)",
        ),
        (
            "rtx5090-570", ("2.11.0+cu128", "12.8"), False, "RTX 5090, 12.0, 31.4 of 31.8 GB free",
            "driver 570.211.01 (CUDA 12.8), torch 2.11.0+cu128, RTX 5090 (12.0)",
            "bf16, with tf32 and flash attention (RTX 5090, 12.0)",
        ),
    ],
)  # fmt: skip
def test_a_sound_machine_is_told_what_it_has(
    libraries: dict[bool, Path],
    tmp_path: Path,
    scenario: str,
    torch: tuple[str, str],
    old: bool,
    devices: str,
    card: str,
    precision: str,
) -> None:
    checks = ask(libraries, tmp_path, scenario, torch, *UNTIL_SUM, old=old)
    assert checks["devices"]["found"] == devices
    assert checks["wheel-card"]["found"] == card
    assert checks["precision"]["found"] == precision
    assert {check["verdict"] for id, check in checks.items() if id != "gpu-memory"} == {"ok"}


def test_an_old_card_computes_in_fp32_and_says_what_that_costs(libraries: dict[bool, Path], tmp_path: Path) -> None:
    precision = ask(libraries, tmp_path, "gtx1080ti-580", LAST_126, "precision")["precision"]
    assert precision["verdict"] == "warn"
    assert precision["found"] == "fp32, no tensor cores (GTX 1080 Ti, 6.1)"


def test_the_details_tell_uuids_and_who_holds_the_card(libraries: dict[bool, Path], tmp_path: Path) -> None:
    devices = ask(libraries, tmp_path, "h100x2-580", NEWEST_130, "devices")["devices"]
    assert devices["detail"].splitlines() == [
        "H100 80GB HBM3  GPU-100bbbbb-0000-0000-0000-000000000002",
        "H100 80GB HBM3  GPU-100aaaaa-0000-0000-0000-000000000001",
        "  python train.py (pid 4999002) holds 59.8 GB",
    ]


def test_a_gpu_without_memory_of_its_own_has_the_machines(libraries: dict[bool, Path], tmp_path: Path) -> None:
    devices = ask(libraries, tmp_path, "gb10-580", NEWEST_130, "devices")["devices"]
    assert devices["found"].startswith("GB10, 12.1, ")
    assert devices["found"].endswith(" GB free, shared with the machine")


def test_one_good_card_among_sick_ones_is_used_and_the_others_are_named(
    libraries: dict[bool, Path], tmp_path: Path
) -> None:
    checks = ask(libraries, tmp_path, "one-lost-one-forbidden", NEWEST_130, *UNTIL_SUM)
    assert checks["devices"]["verdict"] == "warn"
    assert checks["devices"]["found"] == (
        "L4, 8.9, 22.1 of 22.5 GB free; GPU 1 does not answer: GPU is lost; "
        "GPU 2 does not answer: Insufficient Permissions"
    )
    assert checks["devices"]["fix"] == "sudo reboot"
    assert checks["wheel-card"]["verdict"] == "ok"


def test_what_the_scheduler_hides_is_neither_shown_nor_used(libraries: dict[bool, Path], tmp_path: Path) -> None:
    one = ask(libraries, tmp_path, "h100x2-580", NEWEST_130, "devices", CUDA_VISIBLE_DEVICES="GPU-100a")
    assert one["devices"]["found"] == "H100 80GB HBM3, 9.0, 19.3 of 79.6 GB free"
    none = ask(libraries, tmp_path, "h100x2-580", NEWEST_130, "devices", "driver", CUDA_VISIBLE_DEVICES="")
    assert none["devices"]["verdict"] == "warn"
    assert none["devices"]["fix"] == "unset CUDA_VISIBLE_DEVICES"
    assert none["driver"]["found"] == "after devices"


def test_a_driver_that_hangs_hangs_nobody(libraries: dict[bool, Path], tmp_path: Path) -> None:
    code = (
        "from core.gpu.survey import survey\nfrom core.gpu import explain, read_host_info\nfrom pathlib import Path\n"
        f"host = read_host_info(Path({str(nvml.make_root(tmp_path / 'root'))!r}))\n"
        "found = survey(timeout_s=1.0)\nprint(found.driver.state)\ntold = explain(found.driver, host)\n"
        "print(told.found, told.why, told.fix, sep='|')"
    )
    out = nvml.python("-c", code, environment=nvml.environment(libraries[False], nvml.scenario("hangs")))
    assert out.splitlines() == [
        "timeout",
        "the NVIDIA driver does not answer|NVML gave no answer in 1 s; a hung driver or card: "
        "look for Xid in: sudo dmesg|sudo reboot",
    ]


@pytest.mark.parametrize(
    ("code", "verdict", "found", "why", "fix"),
    [
        (
            "class T:\n    def __add__(self, other): return self\n    def sum(self): return self\n"
            "    def item(self): return 4.0\ndef ones(count, device):\n    import os\n    assert device == 'cuda'\n"
            "    assert os.environ['CUDA_VISIBLE_DEVICES'] == 'GPU-100bbbbb-0000-0000-0000-000000000002'\n"
            "    assert os.environ['CUDA_DEVICE_ORDER'] == 'PCI_BUS_ID'\n    return T()",
            "ok", "1 + 1 = 2 on H100 80GB HBM3, in ", "", "",
        ),
        (
            "raise RuntimeError('CUDA error: no kernel image is available for execution on the device')",
            "fail", "H100 80GB HBM3 does not compute",
            "this torch has no code for the card (RuntimeError: CUDA error: no kernel image is available for "
            "execution on the device)",
            f'pip install --force-reinstall "torch==2.15.0+cu130" --index-url {INDEX}/cu130',
        ),
        (
            "raise RuntimeError('CUDA unknown error - this may be due to an incorrectly set up environment')",
            "fail", "H100 80GB HBM3 does not compute",
            "CUDA does not start, though the driver answers: the module nvidia-uvm is missing, or stale after suspend "
            "(RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment)",
            "sudo nvidia-modprobe -u",
        ),
        (
            "raise RuntimeError('CUDA error: all CUDA-capable devices are busy or unavailable')",
            "fail", "H100 80GB HBM3 does not compute",
            "another program has the card to itself (exclusive mode) (RuntimeError: CUDA error: all CUDA-capable "
            "devices are busy or unavailable)", "sudo nvidia-smi -c DEFAULT",
        ),
        (
            "raise ImportError('libcudnn.so.9: cannot open shared object file')",
            "fail", "H100 80GB HBM3 does not compute", "ImportError: libcudnn.so.9: cannot open shared object file",
            f'pip install --force-reinstall "torch==2.15.0+cu130" --index-url {INDEX}/cu130',
        ),
    ],
    ids=["adds", "no kernel", "no uvm", "exclusive", "damaged"],
)  # fmt: skip
def test_the_sum_on_the_gpu_tells_what_no_reading_can(
    libraries: dict[bool, Path], tmp_path: Path, code: str, verdict: str, found: str, why: str, fix: str
) -> None:
    said = ask(libraries, tmp_path, "h100x2-580", NEWEST_130, "gpu-add", code=code)["gpu-add"]
    assert said["verdict"] == verdict, said
    assert said["found"].startswith(found)
    assert (said["why"], said["fix"]) == (why, fix)


def test_memory_is_measured_against_the_model_and_the_batch(libraries: dict[bool, Path], tmp_path: Path) -> None:
    small = ask(libraries, tmp_path / "a", "laptop-3070", LAST_126, "gpu-memory")["gpu-memory"]
    assert small["verdict"] == "ok"
    assert small["found"].startswith("6.8 of 8.0 GB free; training openai/whisper-small with batch 8 needs about 6.")
    large = ask(libraries, tmp_path / "b", "h100x2-580", NEWEST_130, "gpu-memory")["gpu-memory"]
    assert large["verdict"] == "ok"
    busy = ask(
        libraries, tmp_path / "c", "a100-mig-550", LAST_126, "gpu-memory", CUDA_VISIBLE_DEVICES="MIG-1111"
    )["gpu-memory"]  # fmt: skip
    assert busy["verdict"] == "warn"
    assert busy["fix"] == "choose a smaller base model: whispersmith model"
