"""Whether machine, software, models, folders and inputs are in order; what suits the machine."""

from virnucpro_core.diagnosing._diagnose import DiagnosisSettings, diagnose, diagnose_devices
from virnucpro_core.diagnosing._finding import (
    DIAGNOSIS_SCHEMA_VERSION,
    Diagnosis,
    Finding,
    Level,
)
from virnucpro_core.diagnosing._input_check import InputCheck, check_reads
from virnucpro_core.diagnosing._profile import Profile, Trial, measure_profile

__all__ = [
    "DIAGNOSIS_SCHEMA_VERSION",
    "Diagnosis",
    "DiagnosisSettings",
    "Finding",
    "InputCheck",
    "Level",
    "Profile",
    "Trial",
    "check_reads",
    "diagnose",
    "diagnose_devices",
    "measure_profile",
]
