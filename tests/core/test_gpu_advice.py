"""Which torch fits which driver and card: every row of the table, without any machine."""

from __future__ import annotations

from datetime import date

import pytest

from core.gpu import Driver, Gpu, HostInfo, TorchBuild, advise
from core.gpu.torch_build import numbers, read_build
from core.gpu.wheels import best, build_table, cuda_since, has_code, precision
from tests.fakes import nvml

INDEX = "https://download.pytorch.org/whl"


def card(name: str, capability: tuple[int, int]) -> Gpu:
    return Gpu(0, f"GPU-{name}", name, capability, 8 << 30, 0, 8 << 30, 0, 40, 10.0)


def build(version: str, **more: object) -> TorchBuild:
    tag = version.partition("+")[2]
    cuda = (int(tag[2:-1]), int(tag[-1])) if tag.startswith("cu") else None
    return TorchBuild(version, cuda, **more)  # type: ignore[arg-type]


LINUX = HostInfo(bus=("0000:01:00.0",), distribution="ubuntu")
ARM = HostInfo(arch="aarch64", bus=("0000:01:00.0",), distribution="ubuntu")
WINDOWS = HostInfo(os="windows", bus=("0000:01:00.0",))


def driver(cuda: tuple[int, int], version: str = "999.1") -> Driver:
    return Driver(version=version, cuda=cuda, gpus=1)


# fmt: off
@pytest.mark.parametrize(
    ("cuda", "capability", "arch", "expected"),
    [
        # A driver of CUDA 13.2 and newer runs the newest; CUDA 14 keeps running what CUDA 13 built.
        ((13, 2), (7, 5), "x86_64", "2.15.0+cu132"), ((13, 2), (8, 6), "x86_64", "2.15.0+cu132"),
        ((13, 2), (9, 0), "x86_64", "2.15.0+cu132"), ((13, 2), (10, 3), "x86_64", "2.15.0+cu132"),
        ((13, 2), (12, 0), "x86_64", "2.15.0+cu132"), ((14, 0), (8, 9), "x86_64", "2.15.0+cu132"),
        # Of two builds of the newest, the one whose CUDA the driver knows whole.
        ((13, 0), (8, 6), "x86_64", "2.15.0+cu130"), ((13, 1), (12, 0), "x86_64", "2.15.0+cu130"),
        # Maxwell, Pascal and Volta end with cu126, whatever the driver.
        ((13, 2), (5, 0), "x86_64", "2.14.1+cu126"), ((13, 0), (6, 1), "x86_64", "2.14.1+cu126"),
        ((13, 0), (7, 0), "x86_64", "2.14.1+cu126"),
        # Any driver of CUDA 12 runs what CUDA 12.6 built.
        ((12, 0), (8, 0), "x86_64", "2.14.1+cu126"), ((12, 2), (8, 6), "x86_64", "2.14.1+cu126"),
        ((12, 9), (9, 0), "x86_64", "2.14.1+cu126"), ((12, 4), (5, 2), "x86_64", "2.14.1+cu126"),
        # Blackwell is in none of those.
        ((12, 8), (12, 0), "x86_64", "2.11.0+cu128"), ((12, 9), (10, 0), "x86_64", "2.11.0+cu128"),
        ((12, 6), (12, 0), "x86_64", None), ((12, 0), (10, 0), "x86_64", None),
        ((11, 4), (7, 5), "x86_64", "2.7.1+cu118"), ((11, 8), (9, 0), "x86_64", "2.7.1+cu118"),
        ((11, 8), (12, 0), "x86_64", None), ((10, 2), (7, 5), "x86_64", None),
        # Before Maxwell, and the integrated ones, which run their own code only.
        ((13, 0), (3, 7), "x86_64", None), ((12, 6), (8, 7), "aarch64", None), ((12, 6), (7, 2), "aarch64", None),
        # Arm: no code for consumer cards of old, none at all before CUDA 12.
        ((13, 0), (12, 1), "aarch64", "2.15.0+cu130"), ((13, 2), (11, 0), "aarch64", "2.15.0+cu132"),
        ((12, 4), (9, 0), "aarch64", "2.14.1+cu126"), ((12, 4), (7, 5), "aarch64", None),
        ((11, 8), (8, 0), "aarch64", None),
    ],
)
def test_the_newest_torch_that_runs(
    cuda: tuple[int, int], capability: tuple[int, int], arch: str, expected: str | None
) -> None:
    wheel = best(cuda, [capability], arch)
    assert (wheel.name if wheel else None) == expected


@pytest.mark.parametrize(
    ("codes", "capability", "runs"),
    [
        ((80, 86), (8, 6), True), ((80, 86), (8, 9), True), ((80,), (8, 0), True), ((86,), (8, 0), False),
        ((75, 80), (7, 0), False), ((70,), (7, 5), True), ((120,), (12, 1), True), ((100,), (10, 3), True),
        ((100,), (10, 1), False), ((120,), (10, 0), False), ((80, 86), (8, 7), False), ((87,), (8, 7), True),
        ((87,), (8, 9), False), ((60,), (6, 1), True), ((60,), (6, 2), False), ((90,), (10, 0), False),
    ],
)
def test_code_runs_on_the_same_major_and_a_newer_minor(codes: tuple[int, ...], capability: tuple[int, int], runs: bool):
    assert has_code(codes, capability) is runs


@pytest.mark.parametrize(
    ("capability", "name"),
    [((5, 2), "fp32"), ((6, 1), "fp32"), ((7, 0), "fp16"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((8, 9), "bf16"),
     ((12, 1), "bf16"), (None, "fp32")],
)
def test_precision_by_what_the_card_computes(capability: tuple[int, int] | None, name: str):
    assert precision(capability)[0] == name
# fmt: on


def test_of_several_cards_a_torch_for_all_is_preferred_else_one_for_the_best() -> None:
    both = best((13, 0), [(9, 0), (6, 1)], "x86_64")
    assert both is not None
    assert both.name == "2.14.1+cu126"
    strangers = best((13, 0), [(6, 1), (12, 0)], "x86_64")
    assert strangers is not None
    assert strangers.name == "2.15.0+cu130"


def test_windows_from_pypi_has_no_cuda_and_the_command_carries_the_local_version() -> None:
    found = advise(WINDOWS, driver((12, 2), "537.13"), [card("RTX 3070", (8, 6))], build("2.15.0+cpu"))
    assert found.layer == "torch"
    assert found.verdict == "fail"
    assert found.found == "2.15.0 is a build without CUDA"
    assert found.why == (
        "PyPI's wheels for Windows never have it; RTX 3070 stays idle; 2.14.1+cu126 is the last one for driver 537.13"
    )
    assert found.fix == f'pip install "torch==2.14.1+cu126" --index-url {INDEX}/cu126'


def test_windows_needs_windows_driver_numbers_only_where_they_differ() -> None:
    asked = advise(WINDOWS, driver((11, 8), "452.39"), [card("T4", (7, 5))], build("2.8.0+cu128"))
    assert asked.found == "2.8.0 is built for CUDA 12.8 and needs driver 528.33 or newer"
    linux = advise(LINUX, driver((11, 8), "450.80.02"), [card("T4", (7, 5))], build("2.8.0+cu128"))
    assert linux.found == "2.8.0 is built for CUDA 12.8 and needs driver 525.60.13 or newer"
    assert linux.fix == f'pip install "torch==2.7.1+cu118" --index-url {INDEX}/cu118'


def test_arm_wheels_of_old_have_no_cuda() -> None:
    found = advise(ARM, driver((13, 0), "580.95"), [card("GH200", (9, 0))], build("2.10.0+cpu"))
    assert found.why == "PyPI's 2.10 wheels for aarch64 have none; GH200 stays idle"
    assert found.fix == f'pip install "torch==2.15.0+cu130" --index-url {INDEX}/cu130'


def test_a_jetson_is_sent_to_its_own_wheels() -> None:
    found = advise(ARM, driver((12, 6), "540.4"), [card("Orin", (8, 7))], build("2.14.1+cu126"))
    assert found.layer == "wheel-card"
    assert found.found == "no published torch has code for Orin (8.7)"
    assert found.fix.startswith("install NVIDIA's torch: https://docs.nvidia.com/")


def test_volta_has_code_in_some_cu128_builds_only() -> None:
    volta = [card("V100", (7, 0))]
    assert advise(LINUX, driver((12, 8)), volta, build("2.10.0+cu128")).verdict == "ok"
    gone = advise(LINUX, driver((12, 8)), volta, build("2.11.0+cu128"))
    assert gone.layer == "wheel-card"
    assert gone.fix == f'pip install "torch==2.14.1+cu126" --index-url {INDEX}/cu126'


def test_a_torch_newer_than_the_table_that_tells_its_own_code_is_believed() -> None:
    codes = {"14.0": {"x86_64": {90, 100, 120, 130}, "aarch64": {90}}}
    new = build("2.17.0+cu140", codes=codes)
    fine = advise(LINUX, driver((14, 1)), [card("H100", (9, 0))], new)
    assert (fine.verdict, fine.layer) == ("ok", "")
    old_card = advise(LINUX, driver((14, 1)), [card("A100", (8, 0))], new)
    assert old_card.found == "2.17.0+cu140 has no code for A100 (8.0)"
    assert old_card.fix == f'pip install "torch==2.15.0+cu132" --index-url {INDEX}/cu132'
    old_driver = advise(LINUX, driver((13, 2), "610.1"), [card("H100", (9, 0))], new)
    assert old_driver.found == "2.17.0 is built for CUDA 14.0 and needs a driver that speaks CUDA 14"
    assert old_driver.why == "driver 610.1 speaks CUDA 13.2; the last torch for it is 2.15.0+cu132"


def test_a_torch_newer_than_the_table_that_tells_nothing_is_left_to_the_sum() -> None:
    found = advise(LINUX, driver((14, 1)), [card("H100", (9, 0))], build("2.17.0+cu140"))
    assert (found.verdict, found.layer) == ("warn", "wheel-card")
    assert found.found == f"2.17.0+cu140 is newer than this app's table of {build_table().date}"
    assert found.why == (
        "whether it has code for the card, the sum on the GPU tells; if that fails, this one is known to work"
    )
    assert found.fix == f'pip install "torch==2.15.0+cu132" --index-url {INDEX}/cu132'


def test_a_build_the_table_does_not_know_cannot_know_a_card_younger_than_its_cuda() -> None:
    found = advise(LINUX, driver((13, 0)), [card("RTX 5090", (12, 0))], build("2.6.0+cu124"))
    assert found.layer == "wheel-card"
    assert found.why == "this build is older than it; the newest for this card and driver is 2.15.0+cu130"
    assert advise(LINUX, driver((13, 0)), [card("A100", (8, 0))], build("2.6.0+cu124")).verdict == "ok"


def test_one_of_two_cards_without_code_is_named_and_the_other_used() -> None:
    found = advise(
        LINUX, driver((13, 0), "580.1"), [card("GTX 1080", (6, 1)), card("A100", (8, 0))], build("2.15.0+cu130")
    )
    assert found.verdict == "ok"
    assert found.found == ("driver 580.1 (CUDA 13.0), torch 2.15.0+cu130, A100 (8.0); no code for GTX 1080 (6.1)")


def test_without_a_gpu_torch_is_missed_but_no_card() -> None:
    none = Driver(state="library-missing", error="no such file")
    bare = HostInfo()
    missing = advise(bare, none, [], None)
    assert (missing.layer, missing.verdict) == ("torch", "fail")
    assert missing.fix == f'pip install "torch>=2.6" --index-url {INDEX}/cpu'
    there = advise(bare, none, [], build("2.13.0+cpu"))
    assert (there.layer, there.verdict, there.fix) == ("gpu-bus", "warn", "")


def test_another_environments_pip_is_not_the_one_that_is_printed() -> None:
    found = advise(
        LINUX, driver((12, 2)), [card("A100", (8, 0))], build("2.15.0+cu132"), pip="/venv/bin/python -m pip install"
    )
    assert found.fix == f'/venv/bin/python -m pip install "torch==2.14.1+cu126" --index-url {INDEX}/cu126'


def test_the_table_is_whole() -> None:
    found = build_table()
    assert date.fromisoformat(found.date) >= date(2026, 11, 22)
    assert found.newest == max(wheel.last for wheel in found.wheels)
    for wheel in found.wheels:
        assert wheel.tag == f"cu{wheel.cuda[0]}{wheel.cuda[1]}"
        assert wheel.first <= wheel.last
        assert wheel.cuda[0] in found.drivers
        assert all(list(codes) == sorted(codes) for codes in wheel.codes.values())
    assert cuda_since((9, 0)) is None
    assert cuda_since((12, 0)) == (12, 8)


def test_the_installed_torch_is_read_from_its_files(tmp_path) -> None:
    nvml.make_torch(tmp_path, "2.14.1+cu126", "12.6", code="raise RuntimeError('imported')")
    nvml.write(
        tmp_path / "torch/cuda/__init__.py",
        "import os\nPYTORCH_RELEASES_CODE_CC: dict[str, dict[str, set[int]]] = {\n"
        '    "12.6": {\n        "x86_64": {50, 90},\n    },\n}\n\n\nraise RuntimeError("imported")\n',
    )
    found = read_build(tmp_path / "torch")
    assert found == TorchBuild("2.14.1+cu126", (12, 6))
    assert found is not None
    assert found.codes == {"12.6": {"x86_64": {50, 90}}}
    assert (found.release, found.public, found.tag) == ((2, 14, 1), "2.14.1", "cu126")
    assert read_build(tmp_path) is None
    nvml.write(tmp_path / "torch/cuda/__init__.py", "PYTORCH_RELEASES_CODE_CC = {\n  1: nonsense(),\n}\n")
    broken = read_build(tmp_path / "torch")
    assert broken is not None
    assert broken.codes == {}


def test_versions_become_numbers() -> None:
    assert numbers("2.16.0a0+git1234") == (2, 16, 0)
    assert numbers("2.16.0.dev20261122+cu132") == (2, 16, 0)
    assert numbers("nonsense") == ()


def test_the_real_torch_of_this_environment_is_read_as_it_says_itself() -> None:
    from core.gpu import installed_torch

    found = installed_torch()
    assert found is not None
    import torch

    assert found.version == torch.__version__
    assert (found.cuda is None) == (torch.version.cuda is None)
