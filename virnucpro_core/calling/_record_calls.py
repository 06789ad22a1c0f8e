"""From the scores of records to their calls, and the lines of ``sequences.tsv``.

Shape letters: ``R`` records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import logit, sigmoid
from virnucpro_core._reliability import StrangenessLimits
from virnucpro_core.calling._decision import Decision
from virnucpro_core.calling._false_discovery import q_values
from virnucpro_core.calling._prevalence import Prevalence
from virnucpro_core.calling._record_scores import RecordScores
from virnucpro_core.calling._tiers import Tier, tier_reason, tiers
from virnucpro_core.store import Information, RecordRows, SetAside

__all__ = ["SEQUENCES_HEADER", "RecordCalls", "call_records", "record_lines"]

SEQUENCES_HEADER = (
    b"id\tlength\tn_chunks\tn_frames\tvirus_score\tcall\treason\tprobability\tq_value\ttier"
    b"\tn_uninformative\tn_partial_frames\tcoverage\n"
)

_CODON = 3
_COVERAGE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class RecordCalls:
    """Calls of the ``R`` records of a sample.

    Attributes:
        decision: the rule that made them.
        prevalence: the share of viruses that probabilities assume; None without a calibration.
        is_virus: bool [R].
        probability: float64 [R], of being a virus; NaN where nothing was scored. None without a
            calibration, like the two below.
        q_value: float64 [R]; NaN where nothing was scored.
        tier: uint8 [R], a `Tier` for each.
    """

    decision: Decision
    prevalence: Prevalence | None
    is_virus: NDArray[np.bool_]
    probability: NDArray[np.float64] | None = None
    q_value: NDArray[np.float64] | None = None
    tier: NDArray[np.uint8] | None = None


def call_records(
    scores: RecordScores,
    decision: Decision,
    prevalence: Prevalence | None,
    limits: StrangenessLimits | None,
    window_length: NDArray[np.int64],
) -> RecordCalls:
    """Call all records of a sample.

    Args:
        prevalence: the share of viruses that probabilities assume; None without a calibration.
        limits: how strange a record may be; None where that is not known.
        window_length: int64 [R], of each record's windows, in bases.
    """
    if prevalence is None:
        nothing = np.full(len(scores.virus_score), np.nan)
        is_virus = decision.is_virus(scores.virus_score, nothing, nothing)
        return RecordCalls(decision, None, is_virus)
    is_scored = scores.is_scored
    log_odds = scores.evidence[is_scored] + logit(prevalence.value)
    probability, q_value = np.full((2, len(is_scored)), np.nan)
    probability[is_scored] = sigmoid(log_odds)
    # Not 1 - probability, which is 0 where the probability is near 1.
    q_value[is_scored] = q_values(sigmoid(-log_odds))
    is_virus = decision.is_virus(scores.virus_score, probability, q_value)
    is_beyond = (
        None if limits is None else limits.is_beyond(scores.strangeness, window_length, is_virus)
    )
    tier = tiers(probability, is_virus, scores.scored_length, is_beyond)
    return RecordCalls(decision, prevalence, is_virus, probability, q_value, tier)


def record_lines(
    rows: RecordRows, ids: Sequence[str], first: int, scores: RecordScores, calls: RecordCalls
) -> Iterator[bytes]:
    """The lines of ``sequences.tsv`` for ``rows``. Numbers read back as the same float64, but for
    the coverage, which has four decimals.

    Args:
        ids: of the rows.
        first: number of the record that ``rows`` begins with.
        scores: of all records of the sample.
        calls: of all records of the sample.
    """
    mine = slice(first, first + len(rows))
    columns = zip(
        ids,
        rows.length.tolist(),
        rows.n_chunks.tolist(),
        rows.n_frames.tolist(),
        rows.n_unknown.tolist(),
        rows.n_low_complexity.tolist(),
        scores.virus_score[mine].tolist(),
        scores.scored_length[mine].tolist(),
        scores.covered[mine].tolist(),
        scores.n_partial[mine].tolist(),
        calls.is_virus[mine].tolist(),
        _certainties(calls, mine, scores.scored_length[mine].tolist()),
        strict=True,
    )
    for number, columns_of_row in enumerate(columns, start=first):
        (
            name, length, n_chunks, n_frames, n_unknown, n_low,
            score, scored, covered, n_partial, is_virus, certainty,
        ) = columns_of_row  # fmt: skip
        lacking = {Information.UNKNOWN_BASES: n_unknown, Information.LOW_COMPLEXITY: n_low}
        reasons = [
            _set_aside(scores.set_aside.get(number, ()), n_frames),
            _uninformative(lacking, n_chunks),
        ]
        if scored:
            reasons.append(certainty.reason)
            verdict = f"{score!r}\t{'virus' if is_virus else 'non-virus'}"
        else:
            if n_frames == 0 and (n_unknown + n_low < n_chunks or n_chunks == 0):
                reasons.insert(0, _reason(length))
            verdict = "NA\tnot-scorable"
        reason = "; ".join(filter(None, reasons)) or "NA"
        line = (
            f"{name}\t{length}\t{n_chunks}\t{n_frames}\t{verdict}\t{reason}\t{certainty.columns}"
            f"\t{n_unknown + n_low}\t{n_partial}"
            f"\t{round(covered / scored, _COVERAGE_DIGITS) if scored else 'NA'}\n"
        )
        yield line.encode()


@dataclass(frozen=True, slots=True)
class _Certainty:
    """The last three columns of a record, and what it lacks for the next tier."""

    columns: str
    reason: str = ""


_NOT_SCORABLE = _Certainty(f"NA\tNA\t{Tier.NOT_SCORABLE.label}")
_UNCALIBRATED = _Certainty("NA\tNA\tNA")


def _certainties(
    calls: RecordCalls, rows: slice, scored_length: Sequence[int]
) -> Iterator[_Certainty]:
    if calls.probability is None or calls.q_value is None or calls.tier is None:
        yield from (_UNCALIBRATED if scored else _NOT_SCORABLE for scored in scored_length)
        return
    columns = zip(
        calls.probability[rows].tolist(),
        calls.q_value[rows].tolist(),
        map(Tier, calls.tier[rows].tolist()),
        calls.is_virus[rows].tolist(),
        scored_length,
        strict=True,
    )
    for probability, q_value, tier, is_virus, scored in columns:
        if tier == Tier.NOT_SCORABLE:
            yield _NOT_SCORABLE
        else:
            yield _Certainty(
                f"{probability!r}\t{q_value!r}\t{tier.label}",
                tier_reason(tier, probability, is_virus, scored),
            )


def _reason(length: int) -> str:
    if length == 0:
        return "empty"
    if length < _CODON:
        return "shorter than one codon"
    return "every frame has a stop codon"


def _uninformative(n_lacking: Mapping[Information, int], n_chunks: int) -> str:
    """``"2 of 5 windows without information: unknown bases"``; nothing when none is.

    Where it is all of them, the number is left out.
    """
    whys = [why for why, n in n_lacking.items() if n]
    if not whys:
        return ""
    n = sum(n_lacking.values())
    reasons = ", ".join(why.reason for why in whys)
    some = "" if n == n_chunks else f"{n} of {n_chunks} windows "
    return f"{some}without information: {reasons}"


def _set_aside(frames: Sequence[int], n_frames: int) -> str:
    """``"2 of 5 frames set aside: does not fit the device's memory"``; nothing when none was."""
    whys = [why for why in SetAside if why is not SetAside.EMBEDDED and frames and frames[why]]
    if not whys:
        return ""
    n_lost = sum(frames[why] for why in whys)
    reasons = ", ".join(why.reason for why in whys)
    return f"{n_lost} of {n_frames} frames set aside: {reasons}"
