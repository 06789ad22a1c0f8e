"""All that is looked at, in the order in which it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from virnucpro_core.diagnosing._finding import Diagnosis, Finding
from virnucpro_core.diagnosing._machine import examine_computing, examine_devices
from virnucpro_core.diagnosing._self_test import self_test
from virnucpro_core.diagnosing._software import examine_packages, examine_programs
from virnucpro_core.diagnosing._storage import examine_checkpoints, examine_folders, examine_models

__all__ = ["DiagnosisSettings", "diagnose", "diagnose_devices"]


@dataclass(frozen=True, slots=True)
class DiagnosisSettings:
    """What is looked at.

    Attributes:
        device, precision, attention: as a run would be told.
        checkpoint_dir: a checkpoint store; empty for none.
        folders: folders that a run would write to, by what they are for.
        self_test: whether the encoders are tried out.
    """

    device: str = "auto"
    precision: str = "auto"
    attention: str = "auto"
    checkpoint_dir: str = ""
    folders: dict[str, Path] = field(default_factory=dict)
    self_test: bool = True


def diagnose(
    settings: DiagnosisSettings, tell: Callable[[str], None] = lambda line: None
) -> Diagnosis:
    """Look at everything that a run needs.

    Args:
        settings: what is looked at.
        tell: called with a line before what takes seconds.
    """
    found: list[Finding] = [*examine_devices()]
    computing, chosen = examine_computing(settings.device, settings.precision, settings.attention)
    found += computing
    found += examine_packages()
    tell("asking Java and Nextflow for their versions")
    found += examine_programs()
    tell("verifying models")
    found += examine_models()
    if settings.checkpoint_dir:
        tell("reading checkpoints")
        found += examine_checkpoints(settings.checkpoint_dir)
    found += examine_folders(settings.folders)
    if settings.self_test and chosen is not None:
        tell("trying out the encoders")
        found += self_test(chosen)
    return Diagnosis(found)


def diagnose_devices(
    device: str = "auto", precision: str = "auto", attention: str = "auto"
) -> Diagnosis:
    """Look at the devices, and how the encoders would compute on them."""
    computing, _ = examine_computing(device, precision, attention)
    return Diagnosis([*examine_devices(), *computing])
