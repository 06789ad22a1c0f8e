"""How a sample's records were called, and why some could not be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virnucpro_core._frame_rule import FrameRule, describe_frame_rule
from virnucpro_core.pages import Block, Section, Table, Text
from virnucpro_core.reporting._call_table import CallTotals
from virnucpro_core.reporting._sample_summary import (
    decision_of,
    frame_rule_of,
    part_of,
    prevalence_of,
)

__all__ = ["how_called_section", "not_scorable_section", "share"]

_PREVALENCE = {
    "given": "given",
    "estimated": "the most that this sample allows",
    "calibration": "that of the model's calibration",
}
_ESTIMATE = {
    "share": "share of viruses, the likeliest by the scores",
    "at_most": "share of viruses, the most that the scores allow",
}
_WHY_NO_FRAME: Mapping[FrameRule, str] = {
    "complete": (
        "A record is scored by its stop-free translation frames; the longer a window, the fewer of "
        "its six frames are free of stop codons, and in non-coding sequence often none is."
    ),
    "longest": "A record is scored by the frames of its windows; each of a codon or more has one.",
}


def how_called_section(
    totals: CallTotals, summary: Mapping[str, Any], run: Mapping[str, Any]
) -> Section:
    """By which rules records were called, and of what."""
    rule, cutoff = decision_of(summary, run)
    preset = part_of(summary, "decision").get("preset")
    words = {
        "threshold": f"a virus score of at least {cutoff}",
        "preset": f"a probability of at least {cutoff} (preset {preset})",
        "fdr": f"a q-value of at most {cutoff}",
    }
    rows: list[tuple[str, Any]] = [("called virus with", words.get(rule or "", "not recorded"))]
    prevalence = prevalence_of(summary)
    if prevalence is not None:
        source = str(part_of(summary, "prevalence").get("source"))
        rows.append(("prevalence", f"{prevalence:.4g} ({_PREVALENCE.get(source, source)})"))
        estimate = part_of(part_of(summary, "prevalence"), "estimate")
        rows += [
            (what, f"{estimate[key]:.4g}")
            for key, what in _ESTIMATE.items()
            if isinstance(estimate.get(key), int | float)
        ]
    rows += [
        ("windows", totals.n_chunks),
        ("windows without information", totals.n_uninformative),
    ]
    frame_rule = frame_rule_of(summary)
    rows += [
        ("frame rule", "not recorded" if frame_rule is None else frame_rule),
        ("frames", totals.n_frames),
        ("of them partial", totals.n_partial_frames),
    ]
    coverage = part_of(summary, "windows").get("coverage")
    if coverage is not None:
        rows.append(("coverage of scored windows", f"{coverage:.1%}"))
    blocks: list[Block] = [Table("Rule", ("what", "value"), rows)]
    if frame_rule is not None:
        about = describe_frame_rule(frame_rule)
        if frame_rule == "longest":
            about += (
                " The coverage says on how much of the sequence an answer rests: the share of its "
                "scored windows' bases that lie in the stretches that were used."
            )
        blocks.append(Text(about))
    return Section("called", "How records were called", blocks)


def not_scorable_section(totals: CallTotals, rule: FrameRule | None) -> Section:
    """Which records have no call, and why.

    Args:
        rule: by which frames were found; None where it is not recorded.
    """
    n = totals.calls["not-scorable"]
    if not n:
        text = "Every record could be scored." if totals.n_records else "The sample has no record."
        return Section("not-scorable", "Not scorable", [Text(text)])
    rows = [(reason, count, share(count, n)) for reason, count in totals.reasons.most_common()]
    return Section(
        "not-scorable",
        "Not scorable",
        [
            Text(
                f"{_WHY_NO_FRAME[rule or 'complete']} A window with too many unknown bases or too "
                "little complexity is without information and has no frames. Not scorable means "
                "neither viral nor non-viral."
            ),
            Table("Why records could not be scored", ("reason", "records", "share"), rows),
        ],
    )


def share(part: int, whole: int) -> str:
    """As a percentage; nothing of nothing."""
    return f"{part / whole:.1%}" if whole else ""
