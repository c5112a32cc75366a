"""From the bus to the card's memory: each check looks at one layer and stands on those before it."""

from __future__ import annotations

from core.checks.check import Answer, Context, fail, ok, warn
from core.checks.installing import pip_install
from core.gpu import Gpu, GpuProcess, TorchBuild, advise, explain, nvml
from core.gpu.advice import DEVICES, DRIVER, NVML, Advice, layer_of
from core.gpu.diagnosis import CPU_ONLY
from core.gpu.nvml import Driver
from core.gpu.wheels import precision

GIB = 2**30


def advice(context: Context) -> Advice:
    machine = context.machine
    return advise(machine.host, machine.survey.driver, cards(context), machine.torch, pip=pip_install())


def cards(context: Context) -> list[Gpu]:
    return context.machine.cards(context.config.model.gpu)


def check_bus(context: Context) -> Answer:
    host = context.machine.host
    if host.bus:
        return ok(f"{len(host.bus)} NVIDIA device{'s' * (len(host.bus) > 1)} on the bus: {', '.join(host.bus)}")
    if host.wsl:
        return ok("WSL2: the GPU is reached through Windows' driver")
    if context.machine.survey.driver.state in (nvml.MISSING, nvml.NO_DEVICES):
        return warn("no NVIDIA GPU on the bus", CPU_ONLY, stops=True)
    return ok("none on the PCI bus, but the driver's library is here")


def check_nvml(context: Context) -> Answer:
    return _diagnosis(context, NVML) or ok(f"NVML {context.machine.survey.driver.library or 'answers'}")


def check_devices(context: Context) -> Answer:
    diagnosis = _diagnosis(context, DEVICES)
    if diagnosis is not None:
        return diagnosis
    survey = context.machine.survey
    found = cards(context)
    if not found:
        why = "CUDA_VISIBLE_DEVICES hides them, or a card in MIG mode has no slice"
        return warn(f"{len(survey.gpus)} GPU, none visible", why, "unset CUDA_VISIBLE_DEVICES", stops=True)
    said, detail = "; ".join(map(line_of, found)), "\n".join(line for card in found for line in details_of(card))
    if not survey.driver.refused:
        return ok(said, detail)
    lost = "; ".join(f"GPU {one.index} does not answer: {one.text}" for one in survey.driver.refused)
    one = survey.driver.refused[0]
    told = explain(Driver(state=one.state, error=one.text, gpus=1), context.machine.host)
    return warn(f"{said}; {lost}", told.why if told else "", told.fix if told else "", detail=detail)


def _diagnosis(context: Context, layer: str) -> Answer | None:
    driver, host = context.machine.survey.driver, context.machine.host
    diagnosis = explain(driver, host)
    if diagnosis is None or layer_of(driver) != layer:
        return None
    if diagnosis.required:
        return fail(diagnosis.found, diagnosis.why, diagnosis.fix)
    return warn(diagnosis.found, diagnosis.why, diagnosis.fix, stops=True)


def line_of(card: Gpu) -> str:
    """`RTX 3070 Laptop, 8.6, 6.8 of 8.0 GB free`."""
    parts = [card.short]
    if card.capability:
        parts.append(f"{card.capability[0]}.{card.capability[1]}")
    if card.memory_free is not None and card.memory_total is not None:
        shared = ", shared with the machine" if card.unified else ""
        parts.append(f"{card.memory_free / GIB:.1f} of {card.memory_total / GIB:.1f} GB free{shared}")
    return ", ".join(parts)


def details_of(card: Gpu) -> list[str]:
    return [f"{card.short}  {card.uuid}", *(f"  {held_by(process)}" for process in card.processes)]


def held_by(process: GpuProcess) -> str:
    """`python (pid 31337, anna) holds 59.8 GB`."""
    who = ", ".join(part for part in (f"pid {process.pid}", process.user) if part)
    held = f"holds {process.memory / GIB:.1f} GB" if process.memory is not None else "does not tell what it holds"
    return f"{process.name or 'a program'} ({who}) {held}"


def check_driver(context: Context) -> Answer:
    diagnosis = _diagnosis(context, DRIVER)
    if diagnosis is not None:
        return diagnosis
    verdict = advice(context)
    if verdict.layer == DRIVER:
        return fail(verdict.found, verdict.why, verdict.fix)
    driver = context.machine.survey.driver
    return ok(f"{driver.version}, speaks CUDA {driver.cuda_version}")


def check_precision(context: Context) -> Answer:
    card = cards(context)[0]
    if card.capability is None:
        return warn("fp32", f"{card.short} does not tell its capability")
    name, found = precision(card.capability)
    said = f"{name}, {found} ({card.short}, {card.capability[0]}.{card.capability[1]})"
    if name == "fp32":
        return warn(said, "training takes several times as long and twice the memory of fp16")
    return ok(said)


def build_line(build: TorchBuild) -> str:
    """`2.15.0, CUDA 13.2` or `2.13.0, without CUDA`."""
    if build.cuda:
        return f"{build.public}, CUDA {build.cuda[0]}.{build.cuda[1]}"
    return f"{build.public}, ROCm {build.hip}" if build.hip else f"{build.public}, without CUDA"
