"""The suites: what each answers, and where it is. torch is loaded only when one runs."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import MappingProxyType

from virnucpro_core.benchmarking._suite_report import SuiteReport
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.errors import UsageError

__all__ = ["ALL", "SUITES", "Say", "Suite", "combine", "find_suite", "run_suite"]

ALL = "all"
"""What stands for every suite, one after another."""

Say = Callable[[str], None]
"""Where a suite tells what it does."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite.

    Attributes:
        question: what it answers, for people.
        module: of this package; its ``measure(settings, say)`` gives the `SuiteReport`.
        takes_against: whether it compares with what ``--against`` names.
    """

    question: str
    module: str
    takes_against: bool = False

    def measure(self, settings: SuiteSettings, say: Say) -> SuiteReport:
        """Run the suite."""
        module = import_module(f"{__package__}.{self.module}")
        report: SuiteReport = module.measure(settings, say)
        return report


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        "v2-validation": Suite(
            "Does a run as in production reach its targets: speed, stages, packing, memory?",
            "_v2_validation",
        ),
        "v2-scaling": Suite(
            "How much faster are two processes, threads or devices, and are results the same?",
            "_v2_scaling",
        ),
        "v2-throughput": Suite(
            "Which loader, token budget and packing is the fastest here?",
            "_v2_throughput",
        ),
        "scaling": Suite(
            "Do seconds grow in line with the number of records, and memory not at all?",
            "_input_scaling",
        ),
        "throughput": Suite(
            "How many frames and tokens a second does each encoder do, at which length?",
            "_encoder_throughput",
        ),
        "memory": Suite(
            "How much memory is taken, over the token budget and over the input?",
            "_memory_use",
        ),
        "v1-comparison": Suite(
            "Are calls those of VirNucPro 1.0's way of embedding, and how much faster are they?",
            "_v1_comparison",
            takes_against=True,
        ),
        "equivalence": Suite(
            "Are results the same however they are computed: packed, alone, resumed, in threads?",
            "_equivalence",
        ),
    }
)
"""Every suite by its name, in the order in which ``all`` runs them."""


def find_suite(name: str) -> Suite:
    """The suite of this name.

    Raises:
        UsageError: there is none; lists those that there are and the nearest.
    """
    if name in SUITES:
        return SUITES[name]
    near = difflib.get_close_matches(name, [*SUITES, ALL], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"there is no suite {name!r}", remedy=f"{hint}use {', '.join(SUITES)} or {ALL}"
    )


def run_suite(name: str, settings: SuiteSettings, say: Say) -> SuiteReport:
    """Run a suite, and time it.

    Raises:
        UsageError: there is no such suite, or it compares with nothing and ``against`` is given.
        VirnucproError: something could not be measured.
    """
    suite = find_suite(name)
    if settings.against is not None and not suite.takes_against:
        raise UsageError(f"suite {name} compares with nothing else", remedy="leave out --against")
    import torch

    torch.set_num_threads(settings.threads)
    started = time.perf_counter()
    report = suite.measure(settings, lambda text: say(f"{name}: {text}"))
    return replace(report, seconds=time.perf_counter() - started)


def combine(reports: Mapping[str, SuiteReport], settings: SuiteSettings) -> SuiteReport:
    """The reports of several suites as one of the name `ALL`; titles and names begin with the
    suite's."""
    return SuiteReport(
        suite=ALL,
        settings=settings.to_json(),
        panels=[
            replace(panel, title=f"{name}: {panel.title}")
            for name, report in reports.items()
            for panel in report.panels
        ],
        targets=[
            replace(target, name=f"{name}: {target.name}")
            for name, report in reports.items()
            for target in report.targets
        ],
        checks=[
            replace(check, name=f"{name}: {check.name}")
            for name, report in reports.items()
            for check in report.checks
        ],
        notes=[f"{name}: {note}" for name, report in reports.items() for note in report.notes],
        seconds=sum(report.seconds for report in reports.values()),
    )
