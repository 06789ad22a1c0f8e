"""The first screen of a sample's report: what was found, how sure that is, what to be wary of."""

from __future__ import annotations

from collections.abc import Sequence

from virnucpro_core.pages import (
    CALL_COLOURS,
    Block,
    KeyNumber,
    KeyNumbers,
    Notices,
    Section,
    Table,
)
from virnucpro_core.reporting._call_table import CALLS, SURE_TIERS, CallTotals
from virnucpro_core.reporting._how_called import share
from virnucpro_core.reporting._sample_figures import order_tiers, tier_bars

__all__ = ["overview_section", "what_was_found"]

_N_NAMED = 5


def what_was_found(totals: CallTotals, model: str) -> str:
    """The answer in a sentence or two."""
    n, virus, sure = totals.n_records, totals.calls["virus"], totals.n_sure
    if not virus or not totals.has_tiers:
        return f"{virus:,} of {n:,} records are called virus by the model {model}."
    how_many = f"{sure:,} of {n:,} records" if sure else f"None of {n:,} records"
    text = (
        f"{how_many} {'is' if sure <= 1 else 'are'} called virus with confidence (tier high or "
        f"medium) by the model {model}."
    )
    if virus > sure:
        more = f"{virus - sure:,} more" if sure else f"{virus:,}"
        text += f" {more} may be viral, but the model is unsure of them."
    return text


def overview_section(totals: CallTotals, warnings: Sequence[str]) -> Section:
    """Counts by call, the surest viral records by name, and what is unusual.

    Args:
        totals: the sample's records.
        warnings: sentences that a reader should not miss.
    """
    n = totals.n_records
    tiers = order_tiers([tier for tier in totals.tiers if tier not in ("NA", "")])
    by_tier = ", ".join(f"{totals.tiers[tier]:,} {tier}" for tier in tiers)
    numbers = [
        KeyNumber(
            "not scorable" if call == "not-scorable" else call,
            f"{totals.calls[call]:,}",
            (by_tier if call == "virus" else "") or share(totals.calls[call], n),
            CALL_COLOURS[call],
        )
        for call in CALLS
    ]
    numbers.append(KeyNumber("records", f"{n:,}", f"{totals.n_bases:,} bases"))
    blocks: list[Block] = [KeyNumbers(numbers), *_surest(totals)]
    if warnings:
        blocks.append(Notices(warnings))
    if tiers:
        blocks.append(tier_bars(totals))
    return Section("overview", "Overview", blocks)


def _surest(totals: CallTotals) -> list[Block]:
    """The first records that are called virus and can be relied on; nothing without any."""
    named = [r for r in totals.top if r.call == "virus" and r.tier in SURE_TIERS][:_N_NAMED]
    if not named:
        return []
    columns = ("record", "length", "probability", "tier")
    rows = [(r.id, r.length, r.probability, r.tier) for r in named]
    return [Table("Called virus with most confidence", columns, rows)]
