"""Expositions of several processes as one, each sample with the label `worker`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["merged"]

_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+(?: \S+)?)$", re.S)


def merged(expositions: Mapping[str, bytes]) -> bytes:
    """One exposition of all.

    Text format wants all samples of a metric in one group under its HELP and TYPE; they are those of the first process
    that has the metric.

    Args:
        expositions: Prometheus' text format, by the value of the label `worker`. No sample has such a label yet.

    Raises:
        ValueError: a line is no sample.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for worker, content in expositions.items():
        label = 'worker="' + worker.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"") + '"'
        family, fresh = "", False
        # Not splitlines(): label values may hold other characters that it takes for ends of lines.
        for line in content.decode().split("\n"):
            if line.startswith(("# HELP ", "# TYPE ")):
                name = line.split(" ", 3)[2]
                if name != family:
                    family, fresh = name, name not in heads
                    heads.setdefault(name, [])
                    samples.setdefault(name, [])
                if fresh:
                    heads[family].append(line)
            elif line and not line.startswith("#"):
                match = _SAMPLE.match(line)
                if match is None:
                    raise ValueError(f"worker {worker}: no sample of Prometheus' text format: {line[:200]!r}")
                name, labels, value = match.groups()
                samples.setdefault(family or name, []).append(
                    f"{name}{{{label}{',' + labels if labels else ''}}} {value}"
                )
    lines = [line for family, found in samples.items() for line in (*heads.get(family, ()), *found)]
    return ("\n".join(lines) + "\n").encode() if lines else b""
