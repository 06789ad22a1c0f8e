"""Sentences about a sample that its reader should not miss. Each says what was seen, against which
limit, and what it may mean; none says what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from virnucpro_core.reporting._call_table import LENGTH_EDGES, CallTotals
from virnucpro_core.reporting._genome_content import GenomeContent
from virnucpro_core.reporting._model_card import measured_lengths

__all__ = ["lengths_to_count", "signals"]

_MANY = 0.25
_FEWEST_CALLS = 20
_FEWEST_BASES = 50_000
_ONE_GENOME = 50_000
_DEPTH = 10
_PREVALENCE_FACTOR = 10


def lengths_to_count(bundle: Mapping[str, Any]) -> tuple[int, ...]:
    """Lengths in bases below which `signals` needs the number of records."""
    return tuple(measured_lengths(bundle))


def signals(
    totals: CallTotals,
    bundle: Mapping[str, Any],
    *,
    prevalence: float | None = None,
    content: GenomeContent | None = None,
) -> list[str]:
    """What is unusual about a sample, the most consequential first.

    Args:
        totals: its records.
        bundle: ``bundle.json`` of the model.
        prevalence: share of viruses that probabilities were computed for; None without any.
        content: what the records called virus are made of.
    """
    found = [
        *_of_the_model(bundle),
        *_false_calls(totals, bundle),
        *_short_records(totals, bundle),
        *_not_scored(totals),
        *_unfamiliar(totals),
        *_prevalence(totals, prevalence),
        *_short_calls(totals),
    ]
    return found + list(_content(content) if content is not None else ())


def _of_the_model(bundle: Mapping[str, Any]) -> Iterator[str]:
    if bundle["name"] == "demo":
        yield (
            "The model is the demonstration model. It shows how the pipeline works; no conclusion "
            "about a real sample should rest on it."
        )


def _false_calls(totals: CallTotals, bundle: Mapping[str, Any]) -> Iterator[str]:
    """Without probabilities, what the measured specificity alone would make of this sample."""
    measured = [m for m in measured_lengths(bundle).values() if "specificity" in m]
    if bundle.get("calibration") is not None or not measured or not totals.calls["virus"]:
        return
    specificity = float(measured[0]["specificity"])
    expected = (1 - specificity) * totals.n_scored
    if expected > totals.calls["virus"] / 2:
        yield (
            f"On its test windows the model took {1 - specificity:.1%} of what is not viral for "
            f"viral. Of {totals.n_scored:,} scored records without any virus it would call about "
            f"{expected:,.0f} virus; it called {totals.calls['virus']:,}. Few or many of these "
            "calls may be right: only the highest scores deserve a second look."
        )


def _short_records(totals: CallTotals, bundle: Mapping[str, Any]) -> Iterator[str]:
    by_length = measured_lengths(bundle)
    if not by_length or not totals.n_scored:
        return
    longest, shortest = max(by_length), min(by_length)
    share = {n: totals.n_shorter_than[n] / totals.n_scored for n in (longest, shortest)}
    if share[shortest] > _MANY:
        yield (
            f"{share[shortest]:.0%} of the scored records are shorter than {shortest} bases, the "
            "shortest windows that this model was tested on: how good it is on them is not known."
        )
    elif share[longest] > _MANY and longest != shortest:
        worse = _measure_in_words(by_length[longest], by_length[shortest], longest, shortest)
        yield (
            f"{share[longest]:.0%} of the scored records are shorter than {longest} bases; short "
            f"records are harder{worse}."
        )


def _measure_in_words(
    long: Mapping[str, Any], short: Mapping[str, Any], longest: int, shortest: int
) -> str:
    if "auc" not in long or "auc" not in short:
        return ""
    return (
        f" (area under the ROC curve {long['auc']:.2f} on windows of {longest} bases, "
        f"{short['auc']:.2f} on {shortest})"
    )


def _not_scored(totals: CallTotals) -> Iterator[str]:
    lost = totals.calls["not-scorable"]
    if totals.n_records and lost / totals.n_records > 0.5:
        yield (
            f"{lost:,} of {totals.n_records:,} records ({lost / totals.n_records:.0%}) could not "
            "be scored; see “Not scorable” for the reasons. For them nothing is said either way."
        )
    if totals.n_with_frames_set_aside:
        yield (
            f"Frames of {totals.n_with_frames_set_aside:,} of the {totals.n_records:,} records "
            "could not be embedded; the column reason of sequences.tsv says how many and why."
        )


def _unfamiliar(totals: CallTotals) -> Iterator[str]:
    if totals.n_unfamiliar > _MANY * totals.n_scored:
        yield (
            f"{totals.n_unfamiliar:,} of the {totals.n_scored:,} scored records "
            f"({totals.n_unfamiliar / totals.n_scored:.0%}) are unlike the genomes that the model "
            "knows: their codons look like those of random letters. Their calls, in the tier "
            "unfamiliar, mean little. Adapters, artefacts and sequence that codes for nothing look "
            "like that."
        )


def _prevalence(totals: CallTotals, prevalence: float | None) -> Iterator[str]:
    """Whether the share of viruses that was assumed is far from the one that was found."""
    if prevalence is None or not totals.has_q_values or totals.n_scored < _FEWEST_CALLS:
        return
    # The sum of all probabilities is how many viruses they themselves expect.
    found = 1 - totals.expected_false[-1] / max(int(totals.at_most_q[-1]), 1)
    found = min(max(float(found), 1 / totals.n_scored), 1 - 1 / totals.n_scored)
    factor = (found / (1 - found)) / (prevalence / (1 - prevalence))
    if factor > _PREVALENCE_FACTOR or factor < 1 / _PREVALENCE_FACTOR:
        yield (
            f"Probabilities were computed for a sample that is {prevalence:.2%} viral, and they "
            f"come to {found:.2%}. They are no longer reliable where the two are this far apart: "
            "name the share with --prevalence."
        )


def _short_calls(totals: CallTotals) -> Iterator[str]:
    """Calls that are all shorter than most of the sample, where lengths differ at all."""
    if totals.calls["virus"] < _FEWEST_CALLS:
        return
    everything = _quantiles(sum(totals.lengths.values()))
    longest_call = LENGTH_EDGES[int(np.flatnonzero(totals.lengths["virus"])[-1]) + 1]
    if everything[2] >= 2 * everything[0] and longest_call <= everything[1]:
        yield (
            f"All {totals.calls['virus']:,} records called virus are shorter than "
            f"{longest_call:,.0f} bases, which at least half of the sample is not. Short records "
            "are the easiest to get wrong; a virus that is abundant usually gives long ones, too."
        )


def _quantiles(counts: Any) -> tuple[float, float, float]:
    """Lengths below which about a tenth, a half and nine tenths of the records are."""
    reached = np.cumsum(counts) / max(int(np.sum(counts)), 1)
    at = (int(np.searchsorted(reached, share)) for share in (0.1, 0.5, 0.9))
    low, middle, high = (float(LENGTH_EDGES[min(i, len(LENGTH_EDGES) - 1)]) for i in at)
    return low, middle, high


def _content(content: GenomeContent) -> Iterator[str]:
    looked_at = f"the {content.n_records:,} records called virus that were looked at"
    if content.n_low_complexity >= max(5, _MANY * content.n_records):
        yield (
            f"{content.n_low_complexity:,} of {looked_at} are mostly low-complexity sequence "
            "(few different triplets; DUST score above 2). Such records look alike in any genome "
            "and should not count as evidence."
        )
    if (
        content.bases >= _FEWEST_BASES
        and 0 < content.half_in_bases <= _ONE_GENOME
        and content.depth >= _DEPTH
    ):
        yield (
            f"Half of the sequence in {looked_at} comes from about {content.half_in_bases:,} "
            f"distinct bases, each seen {content.depth:,.0f} times on average: one genome, or a "
            "few close relatives, makes up much of the signal. That can be the virus of an "
            "infection; it can also be a spike-in such as PhiX, a vector, an amplicon, or "
            "carry-over from another sample of the run."
        )
