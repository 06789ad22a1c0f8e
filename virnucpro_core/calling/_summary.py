"""``summary.json``: a sample in numbers, and how its calls were made.

``summary.schema.json`` beside this file describes it to others; a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration
from virnucpro_core._frame_rule import FrameRule, unlike_training
from virnucpro_core._reliability import StrangenessLimits
from virnucpro_core.calling._decision import Decision
from virnucpro_core.calling._prevalence import Prevalence
from virnucpro_core.calling._record_calls import RecordCalls
from virnucpro_core.calling._record_scores import RecordScores
from virnucpro_core.calling._score_pass import FrameCounts
from virnucpro_core.calling._tiers import Tier
from virnucpro_core.store import RecordTable

__all__ = ["SUMMARY_VERSION", "ConsensusSummary", "summarise"]

SUMMARY_VERSION = 1

_QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}


@dataclass(frozen=True, slots=True)
class ConsensusSummary:
    """What the result files of a sample hold.

    Attributes:
        sample: its name.
        n_records: input records; the sum of the three numbers below.
        n_virus: records called virus.
        n_non_virus: records called non-virus.
        n_not_scorable: records without a scored frame.
        n_by_tier: records called virus and those called non-virus, by the label of their tier;
            None without a calibration.
        expected_viruses: sum of the probabilities of all records; None without a calibration.
        counts: frames, windows and regions.
        lengths: quantiles of the records' lengths in bases; None without a record.
        total_bases: of all records.
        decision: the rule that made a record a virus.
        prevalence: the share of viruses that probabilities assume; None without a calibration.
        calibration: that of the model, if any.
        bundle_sha256: digest of the model; None where nothing was classified.
        frame_rule: by which frames were found.
        input_warnings: what the input files may lack, clauses.
        warnings: what else a reader of the results should know, clauses.
    """

    sample: str
    n_records: int
    n_virus: int
    n_non_virus: int
    n_not_scorable: int
    n_by_tier: dict[str, dict[str, int]] | None
    expected_viruses: float | None
    counts: FrameCounts
    lengths: dict[str, float] | None
    total_bases: int
    decision: Decision
    prevalence: Prevalence | None
    calibration: Calibration | None
    bundle_sha256: str | None
    frame_rule: FrameRule
    input_warnings: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """The text of ``summary.json``."""
        return json.dumps(self._document(), indent=2, allow_nan=False) + "\n"

    def _document(self) -> dict[str, Any]:
        prevalence = self.prevalence
        return {
            "schema_version": SUMMARY_VERSION,
            "sample": self.sample,
            "records": {
                "total": self.n_records,
                "virus": self.n_virus,
                "non_virus": self.n_non_virus,
                "not_scorable": self.n_not_scorable,
            },
            "tiers": self.n_by_tier,
            "expected_viruses": self.expected_viruses,
            "windows": {
                "total": self.counts.windows,
                "scored": self.counts.scored_windows,
                "coverage": self._coverage,
                "without_information": {
                    "unknown_bases": self.counts.unknown_windows,
                    "low_complexity": self.counts.low_complexity_windows,
                },
            },
            "frames": {
                "rule": self.frame_rule,
                "total": self.counts.frames,
                "partial": self.counts.partial,
                "set_aside": self.counts.set_aside,
            },
            "regions": self.counts.regions,
            "lengths": self.lengths,
            "total_bases": self.total_bases,
            "decision": asdict(self.decision),
            "prevalence": None
            if prevalence is None
            else {
                "value": prevalence.value,
                "source": prevalence.source,
                "estimate": None if prevalence.estimate is None else asdict(prevalence.estimate),
            },
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "bundle_sha256": self.bundle_sha256,
            "input_warnings": list(self.input_warnings),
            "warnings": list(self.warnings),
        }

    @property
    def _coverage(self) -> float | None:
        n_bases = self.counts.scored_bases
        return round(self.counts.covered_bases / n_bases, 4) if n_bases else None


def summarise(
    records: RecordTable,
    scores: RecordScores,
    calls: RecordCalls,
    counts: FrameCounts,
    calibration: Calibration | None,
    bundle_sha256: str | None,
    trained_rule: FrameRule | None,
    limits: StrangenessLimits | None,
    *,
    of_reads: Sequence[str] = (),
) -> ConsensusSummary:
    """Count the calls of a sample.

    Args:
        trained_rule: the frame rule of the model; None where nothing was classified.
        limits: how strange a record may be; None where the model does not say.
        of_reads: warnings about the sample's files.
    """
    lengths = records.lengths()
    n_virus, n_scored = int(calls.is_virus.sum()), int(scores.is_scored.sum())
    certain = calls.probability
    warnings = [
        None if trained_rule is None else unlike_training(records.frame_rule, trained_rule),
        None if calls.prevalence is None else calls.prevalence.warning,
    ]
    return ConsensusSummary(
        sample=records.sample,
        n_records=len(lengths),
        n_virus=n_virus,
        n_non_virus=n_scored - n_virus,
        n_not_scorable=len(lengths) - n_scored,
        n_by_tier=_count_tiers(calls, with_unfamiliar=limits is not None),
        expected_viruses=None if certain is None else float(np.nansum(certain)),
        counts=counts,
        lengths=_quantiles(lengths),
        total_bases=int(lengths.sum()),
        decision=calls.decision,
        prevalence=calls.prevalence,
        calibration=calibration,
        bundle_sha256=bundle_sha256,
        input_warnings=tuple(of_reads),
        frame_rule=records.frame_rule,
        warnings=tuple(warning for warning in warnings if warning is not None),
    )


def _count_tiers(calls: RecordCalls, *, with_unfamiliar: bool) -> dict[str, dict[str, int]] | None:
    if calls.tier is None:
        return None
    shown = (Tier.HIGH, Tier.MEDIUM, Tier.LOW, *((Tier.UNFAMILIAR,) if with_unfamiliar else ()))
    return {
        call: {
            tier.label: int(np.count_nonzero(is_called & (calls.tier == tier))) for tier in shown
        }
        for call, is_called in (("virus", calls.is_virus), ("non_virus", ~calls.is_virus))
    }


def _quantiles(lengths: NDArray[np.int64]) -> dict[str, float] | None:
    if len(lengths) == 0:
        return None
    values: Sequence[float] = np.quantile(lengths, list(_QUANTILES.values())).tolist()
    return dict(zip(_QUANTILES, values, strict=True))
