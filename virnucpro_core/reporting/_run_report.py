"""``report.html`` of a run: its samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import altair as alt

from virnucpro_core import __version__
from virnucpro_core.pages import (
    CALL_COLOURS,
    Block,
    Cell,
    Figure,
    KeyNumber,
    KeyNumbers,
    Link,
    Page,
    Section,
    Table,
    Text,
    chart_rows,
    chart_spec,
    write_page,
)
from virnucpro_core.reporting._run_samples import FailedSample, RunSample, all_tiers
from virnucpro_core.reporting._sample_figures import order_tiers
from virnucpro_core.reporting._stage_section import stage_section
from virnucpro_core.reporting._stage_summary import StageSummary

__all__ = ["write_run_report"]

_CALLS = {"virus": "virus", "non_virus": "non-virus", "not_scorable": "not-scorable"}
_MOST_BARS = 200


def write_run_report(
    path: Path,
    samples: Sequence[RunSample],
    stages: Sequence[StageSummary] | None = None,
    failed: Sequence[FailedSample] = (),
) -> None:
    """Write the page of a run; it links to ``<sample>/report.html`` beside it.

    Args:
        path: the page.
        samples: at least one.
        stages: the stages over all tasks of the run.
        failed: the samples that have no results.

    Raises:
        StoreError: ``path`` cannot be written.
    """
    called = [sample for sample in samples if sample.is_called]
    records = sum(sample.counts["records"] for sample in samples)
    found = sum(sample.counts["virus"] for sample in called)
    sections = [_failed(failed)] if failed else []
    sections.append(_samples(samples))
    if stages:
        sections.append(stage_section(stages))
    sections.append(_software(samples))
    lead = f"{len(samples)} {'sample' if len(samples) == 1 else 'samples'}, {records:,} records"
    if called:
        lead += f", {found:,} of them called virus"
    if failed:
        lead += f"; {len(failed)} more failed"
    footer = f"Written by virnucpro {__version__}. This page needs no network."
    write_page(path, Page("Run report", f"{lead}.", sections, footer))


def _failed(failed: Sequence[FailedSample]) -> Section:
    rows: list[list[Cell]] = [[sample.name, sample.reason] for sample in failed]
    table = Table("Samples without results", ("sample", "what is wrong"), rows)
    return Section("failed", "Failed samples", [table])


def _samples(samples: Sequence[RunSample]) -> Section:
    called = [sample for sample in samples if sample.is_called]
    blocks: list[Block] = []
    if called:
        blocks += [_key_numbers(called), _table_of_calls(called), _bars(called)]
    embedded = [sample for sample in samples if not sample.is_called]
    if embedded:
        names = sorted({name for sample in embedded for name in sample.counts})
        rows: list[list[Cell]] = [[s.name, *(s.counts.get(n) for n in names)] for s in embedded]
        columns = ("sample", *(name.replace("_", " ") for name in names))
        blocks.append(Table("Samples that were embedded", columns, rows, sortable=True))
    return Section("samples", "Samples", blocks)


def _key_numbers(samples: Sequence[RunSample]) -> KeyNumbers:
    total = {key: sum(sample.counts[key] for sample in samples) for key in _CALLS}
    n = sum(total.values())
    return KeyNumbers(
        [
            KeyNumber(call, f"{total[key]:,}", f"{total[key] / n:.1%}" if n else "",
                      CALL_COLOURS[call])
            for key, call in _CALLS.items()
        ]
    )  # fmt: skip


def _table_of_calls(samples: Sequence[RunSample]) -> Table:
    tiers = order_tiers(all_tiers(samples))
    columns = ("sample", "virus", *(f"virus, {tier}" for tier in tiers), "share of virus",
               "non-virus", "not scorable", "records", "bases", "windows",
               "windows without information")  # fmt: skip
    rows: list[list[Cell]] = []
    for sample in samples:
        counts = sample.counts
        share = counts["virus"] / counts["records"] if counts["records"] else None
        by_tier = (sample.tiers.get(tier) for tier in tiers)
        rows.append(
            [Link(sample.name, f"{sample.name}/report.html"), counts["virus"], *by_tier, share,
             counts["non_virus"], counts["not_scorable"], counts["records"], counts["bases"],
             counts["chunks"], counts["uninformative_chunks"]]
        )  # fmt: skip
    return Table("Samples, with their records by call", columns, rows, sortable=True)


def _bars(samples: Sequence[RunSample]) -> Figure | Text:
    if len(samples) > _MOST_BARS:
        return Text(f"More than {_MOST_BARS} samples are not drawn; the table has all.")
    rows = [
        {"sample": sample.name, "call": call, "records": sample.counts[key]}
        for sample in samples
        for key, call in _CALLS.items()
    ]
    calls = list(_CALLS.values())
    bars = (
        alt.Chart(chart_rows(rows))
        .mark_bar()
        .encode(
            x=alt.X("records:Q", title="share of the records", stack="normalize",
                    axis=alt.Axis(format=".0%")),
            y=alt.Y("sample:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
            color=alt.Color("call:N", title=None, sort=calls, scale=alt.Scale(
                domain=calls, range=[CALL_COLOURS[call] for call in calls])),
            order=alt.Order("call_order:Q"),
            tooltip=["sample:N", "call:N", "records:Q"],
        )
        .transform_calculate(call_order=f"indexof({calls}, datum.call)")
    )  # fmt: skip
    return Figure(
        title="Records of each sample by call",
        spec=chart_spec(bars, height=max(24 * len(samples), 60)),
        description="A bar for every sample, divided into virus, non-virus and not scorable.",
        table=Table("Records by call", ("sample", *calls),
                    [[s.name, *(s.counts[key] for key in _CALLS)] for s in samples]),
    )  # fmt: skip


def _software(samples: Sequence[RunSample]) -> Section:
    versions = {name: v for sample in samples for name, v in sample.versions.items() if v}
    models = sorted({sample.model for sample in samples})
    rows: list[list[Cell]] = [["model", ", ".join(models)]]
    rows += [[name, version] for name, version in versions.items()]
    return Section(
        "software",
        "Software",
        [
            Table("Model and versions", ("what", "version"), rows),
            Text("Every sample's run.json has all parameters, digests and the command line."),
        ],
    )
