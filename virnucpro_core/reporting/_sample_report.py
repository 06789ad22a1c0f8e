"""``report.html`` of a sample: what a virologist opens the next morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virnucpro_core import __version__
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.pages import (
    CALL_COLOURS,
    Block,
    KeyNumber,
    KeyNumbers,
    Notices,
    Page,
    Section,
    Table,
    Text,
    write_page,
)
from virnucpro_core.reporting._call_table import CallTotals, sum_up
from virnucpro_core.reporting._genome_content import measure_content
from virnucpro_core.reporting._json_files import read_json_object
from virnucpro_core.reporting._model_card import calibration_section, model_section
from virnucpro_core.reporting._run_section import cite_section, run_section
from virnucpro_core.reporting._sample_figures import (
    fdr_curve,
    length_distribution,
    order_tiers,
    score_distribution,
    tier_bars,
    window_track,
)
from virnucpro_core.reporting._sample_summary import read_summary
from virnucpro_core.reporting._signals import lengths_to_count, signals
from virnucpro_core.reporting._stage_section import stage_section
from virnucpro_core.reporting._stage_summary import StageSummary
from virnucpro_core.reporting._window_tracks import read_regions, read_window_tracks

__all__ = ["SampleFiles", "write_sample_report"]

_N_OPEN_TRACKS = 2
_N_NEAREST = 10
_SHOWN_DIGITS = 12
_TOP_COLUMNS = (
    "record", "length", "virus score", "windows", "frames", "probability", "q-value", "tier",
)  # fmt: skip
_PREVALENCE = {
    "given": "given",
    "estimated": "the most that this sample allows",
    "calibration": "that of the model's calibration",
}
_ESTIMATE = {
    "share": "share of viruses, the likeliest by the scores",
    "at_most": "share of viruses, the most that the scores allow",
}


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The result files of a sample; all but the first may be missing.

    Attributes:
        sequences: ``sequences.tsv``.
        scores: ``scores.parquet``, for the window tracks.
        regions: ``regions.bed``, marked in them.
        summary: ``summary.json``, how records were called.
        viral: the records called virus, FASTA or FASTQ.
        run: ``run.json``, parameters and versions.
    """

    sequences: Path
    scores: Path | None = None
    regions: Path | None = None
    summary: Path | None = None
    viral: Path | None = None
    run: Path | None = None

    @classmethod
    def of_folder(cls, folder: Path) -> SampleFiles:
        """The files that a sample's result folder has.

        Raises:
            StoreError: it has no ``sequences.tsv``, or viral records of two runs.
        """
        if not (folder / "sequences.tsv").exists():
            raise StoreError(
                "has no sequences.tsv",
                where=str(folder),
                remedy="give the folder of a sample's results",
            )

        def present(*names: str) -> Path | None:
            found = [folder / name for name in names if (folder / name).exists()]
            if len(found) > 1:
                raise StoreError(
                    f"has {' and '.join(path.name for path in found)}, of which one is left over "
                    "from another run",
                    where=str(folder),
                    remedy="remove that one",
                )
            return found[0] if found else None

        return cls(
            sequences=folder / "sequences.tsv",
            scores=present("scores.parquet"),
            regions=present("regions.bed"),
            summary=present("summary.json"),
            viral=present("viral.fasta.gz", "viral.fastq.gz"),
            run=present("run.json"),
        )


def write_sample_report(
    path: Path,
    sample: str,
    files: SampleFiles,
    bundle: Mapping[str, Any],
    *,
    bundle_sha256: str | None = None,
    stages: Sequence[StageSummary] | None = None,
) -> None:
    """Write the report of ``sample``; the same files give the same bytes.

    Args:
        path: the page.
        sample: its name.
        files: what it tells of.
        bundle: ``bundle.json`` of the model.
        bundle_sha256: its digest, to be compared with that of the results; None not to.
        stages: how long each stage took.

    Raises:
        StoreError: a result file cannot be read or is none, or ``path`` cannot be written.
        InputError: the viral records cannot be read, or the model is not that of the results.
    """
    totals = sum_up(files.sequences, lengths=lengths_to_count(bundle))
    summary = read_summary(files.summary) if files.summary else {}
    run = read_json_object(files.run) if files.run else {}
    _check_model(files, summary, bundle["name"], bundle_sha256)
    prevalence = _prevalence(summary)
    content = measure_content(files.viral) if files.viral and totals.calls["virus"] else None
    warnings = [
        _sentence(str(text))
        for kind in ("input_warnings", "warnings")
        for text in summary.get(kind) or ()
    ]
    warnings += signals(totals, bundle, prevalence=prevalence, content=content)
    sections = [
        _overview(totals, warnings),
        _records(totals, files),
        _distributions(totals, summary, run),
        _how_called(totals, summary, run),
        _not_scorable(totals),
        calibration_section(bundle),
        model_section(bundle),
        *([stage_section(stages)] if stages else []),
        run_section(run),
        cite_section(),
    ]
    lead = (
        f"{totals.calls['virus']:,} of {totals.n_records:,} records are called virus by the model "
        f"{bundle['name']}."
    )
    footer = f"Written by virnucpro {__version__}. This page needs no network."
    write_page(path, Page(f"Viral sequences in {sample}", lead, sections, footer))


def _check_model(
    files: SampleFiles, summary: Mapping[str, Any], name: str, given: str | None
) -> None:
    made_with = summary.get("bundle_sha256")
    if given is not None and made_with is not None and made_with != given:
        raise InputError(
            f"is of the model with the digest {made_with[:_SHOWN_DIGITS]}; {name}, which was "
            f"given, has {given[:_SHOWN_DIGITS]}",
            where=str(files.summary),
            remedy="give the model that made the results",
        )


def _sentence(line: str) -> str:
    """A line of the log as a sentence."""
    return f"{line[:1].upper()}{line[1:].rstrip('.')}."


def _overview(totals: CallTotals, warnings: Sequence[str]) -> Section:
    n, virus = totals.n_records, totals.calls["virus"]
    tiers = order_tiers([tier for tier in totals.tiers if tier not in ("NA", "")])
    by_tier = ", ".join(f"{totals.tiers[tier]:,} {tier}" for tier in tiers)
    numbers = [
        KeyNumber("virus", f"{virus:,}", by_tier or _share(virus, n), CALL_COLOURS["virus"]),
        KeyNumber("non-virus", f"{totals.calls['non-virus']:,}",
                  _share(totals.calls["non-virus"], n), CALL_COLOURS["non-virus"]),
        KeyNumber("not scorable", f"{totals.calls['not-scorable']:,}",
                  _share(totals.calls["not-scorable"], n), CALL_COLOURS["not-scorable"]),
        KeyNumber("records", f"{n:,}", f"{totals.n_bases:,} bases"),
    ]  # fmt: skip
    blocks: list[Block] = [KeyNumbers(numbers)]
    if warnings:
        blocks.append(Notices(warnings))
    if tiers:
        blocks.append(tier_bars(totals))
    return Section("overview", "Overview", blocks)


def _records(totals: CallTotals, files: SampleFiles) -> Section:
    if not totals.top:
        return Section("records", "Top records", [Text("No record has a score.")])
    called = [record for record in totals.top if record.call == "virus"]
    if called:
        caption, shown = "The surest of the records called virus", called
        about = "The surest first; of those that are equal in two decimals the longest."
        if totals.calls["virus"] > len(called):
            about += (
                f" These are {len(called)} of {totals.calls['virus']:,}; sequences.tsv has all."
            )
    else:
        caption, shown = "The records that came nearest", totals.top[:_N_NEAREST]
        about = "No record is called virus."
    rows: list[list[Any]] = [
        [r.id, r.length, r.virus_score, r.n_chunks, r.n_frames, r.probability, r.q_value, r.tier]
        for r in shown
    ]
    columns: Sequence[str] = _TOP_COLUMNS
    if not totals.has_probabilities:
        columns, rows = columns[:5], [row[:5] for row in rows]
    blocks: list[Block] = [Text(about), Table(caption, columns, rows, sortable=True)]
    if files.scores is not None:
        tracks = read_window_tracks(files.scores, [r.index for r in totals.longest])
        regions = (
            read_regions(files.regions, [r.id for r in totals.longest]) if files.regions else {}
        )
        drawn = [record for record in totals.longest if record.index in tracks]
        if drawn:
            blocks.append(
                Text(
                    "Windows along the longest records called virus. "
                    + (
                        "A window's probability is that of the calibration; the record's takes "
                        "all its windows and the prevalence together."
                        if totals.has_probabilities
                        else ""
                    )
                )
            )
        blocks += [
            window_track(record, tracks[record.index], regions.get(record.id, []),
                         folded=number >= _N_OPEN_TRACKS)
            for number, record in enumerate(drawn)
        ]  # fmt: skip
    return Section("records", "Top records", blocks)


def _distributions(
    totals: CallTotals, summary: Mapping[str, Any], run: Mapping[str, Any]
) -> Section:
    if not totals.n_records:
        return Section("distributions", "Distributions", [Text("The sample has no record.")])
    rule, cutoff = _decision(summary, run)
    blocks: list[Block] = []
    if totals.n_scored:
        blocks.append(score_distribution(totals, cutoff if rule == "threshold" else None))
    blocks.append(length_distribution(totals))
    if totals.has_q_values:
        blocks.append(fdr_curve(totals, cutoff if rule == "fdr" else None))
    return Section("distributions", "Distributions", blocks)


def _how_called(totals: CallTotals, summary: Mapping[str, Any], run: Mapping[str, Any]) -> Section:
    rule, cutoff = _decision(summary, run)
    preset = _object(summary, "decision").get("preset")
    words = {
        "threshold": f"a virus score of at least {cutoff}",
        "preset": f"a probability of at least {cutoff} (preset {preset})",
        "fdr": f"a q-value of at most {cutoff}",
    }
    rows: list[tuple[str, Any]] = [("called virus with", words.get(rule or "", "not recorded"))]
    share = _prevalence(summary)
    if share is not None:
        source = str(_object(summary, "prevalence").get("source"))
        rows.append(("prevalence", f"{share:.4g} ({_PREVALENCE.get(source, source)})"))
        estimate = _object(_object(summary, "prevalence"), "estimate")
        rows += [
            (what, f"{estimate[key]:.4g}")
            for key, what in _ESTIMATE.items()
            if isinstance(estimate.get(key), int | float)
        ]
    rows += [
        ("windows", totals.n_chunks),
        ("windows without information", totals.n_uninformative),
        ("frames", totals.n_frames),
    ]
    return Section("called", "How records were called", [Table("Rule", ("what", "value"), rows)])


def _not_scorable(totals: CallTotals) -> Section:
    n = totals.calls["not-scorable"]
    if not n:
        text = "Every record could be scored." if totals.n_records else "The sample has no record."
        return Section("not-scorable", "Not scorable", [Text(text)])
    rows = [(reason, count, _share(count, n)) for reason, count in totals.reasons.most_common()]
    return Section(
        "not-scorable",
        "Not scorable",
        [
            Text(
                "A record is scored by its stop-free translation frames; the longer a window, the "
                "fewer of its six frames are free of stop codons, and in non-coding sequence often "
                "none is. A window with too many unknown bases or too little complexity is without "
                "information and has no frames. Not scorable means neither viral nor non-viral."
            ),
            Table("Why records could not be scored", ("reason", "records", "share"), rows),
        ],
    )


def _decision(
    summary: Mapping[str, Any], run: Mapping[str, Any]
) -> tuple[str | None, float | None]:
    """Which rule called the records, and its cut-off."""
    decision = _object(summary, "decision")
    if decision:
        return decision.get("rule"), decision.get("cutoff")
    threshold = _object(run, "parameters").get("threshold")
    return (None, None) if threshold is None else ("threshold", float(threshold))


def _prevalence(summary: Mapping[str, Any]) -> float | None:
    value = _object(summary, "prevalence").get("value")
    return None if value is None else float(value)


def _object(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object that ``of`` has under ``key``; an empty one where there is none."""
    value = of.get(key)
    return value if isinstance(value, Mapping) else {}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
