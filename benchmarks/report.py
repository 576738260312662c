"""What every benchmark prints: a table for people and, as the last line, one JSON document for scripts."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

import msgspec
import torch

from cellstate.evidence import Benchmark, Best, Criterion, EvidenceRecord
from cellstate.labels import describe
from cellstate.model import Model
from cellstate.model.folder import weights_sha256


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last line of a benchmark.

    Attributes
    ----------
    benchmark : Benchmark
    machine : str
    quick : bool
        A quick run claims nothing: its thresholds are left out.
    records : tuple of EvidenceRecord
        Figures about prediction methods.
    criteria : tuple of Criterion
        Every threshold, those of the records among them, and plain measurements such as times.
    weights_sha256 : str or None
        Of the weights that were measured.
    """

    benchmark: Benchmark
    machine: str
    quick: bool
    records: tuple[EvidenceRecord, ...]
    criteria: tuple[Criterion, ...]
    weights_sha256: str | None = None


def measured(name: str, value: float | None, unit: str = "") -> Criterion:
    """A measurement without a threshold."""
    return Criterion(name, None if value is None else float(value), unit)


def at_most(name: str, value: float | None, unit: str, threshold: float) -> Criterion:
    """A criterion that is passed when the value does not exceed the threshold."""
    return Criterion(name, None if value is None else float(value), unit, float(threshold), Best.LOWER)


def at_least(name: str, value: float | None, unit: str, threshold: float) -> Criterion:
    """A criterion that is passed when the value is not below the threshold."""
    return Criterion(name, None if value is None else float(value), unit, float(threshold), Best.HIGHER)


def machine() -> str:
    """Describe the machine in a few words, without its name; its GPU too, where there is one."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = torch.__version__.split("+")[0]
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB{gpu}, torch {version}"


def show(
    benchmark: Benchmark,
    *,
    records: Sequence[EvidenceRecord] = (),
    criteria: Sequence[Criterion] = (),
    quick: bool,
    model: Model | None = None,
) -> bytes:
    """Print the table and the JSON line; returns that line.

    Parameters
    ----------
    criteria : sequence of Criterion
        Besides those of the records.
    quick : bool
        A quick run claims nothing, so its thresholds are left out.
    model : Model, optional
        Whose weights were measured.
    """
    if quick:
        records = [msgspec.structs.replace(one, threshold=None, passed=None) for one in records]
        criteria = [Criterion(one.name, one.value, one.unit) for one in criteria]
    print(f"| {benchmark} | measured | criterion | passed |\n| --- | --- | --- | --- |")
    for record in records:
        one = Criterion.of(record)
        ends = (record.ci_low, record.ci_high)
        interval = "" if ends == (None, None) else f" [{', '.join(map(_number, ends))}]"
        _row(describe(record), f"{_number(record.value)}{interval}", one)
    for one in criteria:
        _row(one.name.replace(".", ": ").replace("_", " "), _number(one.value), one)
    judged = [Criterion.of(record) for record in records if record.threshold is not None]
    output = Output(
        benchmark=benchmark,
        machine=machine(),
        quick=quick,
        records=tuple(records),
        criteria=(*judged, *criteria),
        weights_sha256=None if model is None else weights_sha256(model.folder),
    )
    line = msgspec.json.encode(output)
    print(line.decode())
    return line


def _row(what: str, value: str, one: Criterion) -> None:
    sign = {Best.LOWER: "<=", Best.HIGHER: ">="}
    bound = "" if one.threshold is None or one.best is None else f"{sign[one.best]} {one.threshold:g}"
    passed = {True: "yes", False: "**no**", None: ""}[one.passed]
    print(f"| {what} | {value} {one.unit} | {bound} | {passed} |")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
