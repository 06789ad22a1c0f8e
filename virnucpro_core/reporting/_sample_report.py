"""``report.html`` of a sample: what a virologist opens the next morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virnucpro_core import __version__
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.pages import (
    Block,
    Page,
    Section,
    Table,
    Text,
    write_page,
)
from virnucpro_core.reporting._call_table import CallTotals, sum_up
from virnucpro_core.reporting._genome_content import measure_content
from virnucpro_core.reporting._how_called import (
    how_called_section,
    not_scorable_section,
)
from virnucpro_core.reporting._json_files import read_json_object
from virnucpro_core.reporting._model_card import calibration_section, model_section
from virnucpro_core.reporting._overview import overview_section, what_was_found
from virnucpro_core.reporting._run_section import cite_section, run_section
from virnucpro_core.reporting._sample_figures import (
    fdr_curve,
    length_distribution,
    score_distribution,
    window_track,
)
from virnucpro_core.reporting._sample_summary import (
    decision_of,
    frame_rule_of,
    prevalence_of,
    read_summary,
)
from virnucpro_core.reporting._signals import lengths_to_count, signals
from virnucpro_core.reporting._stage_section import stage_section
from virnucpro_core.reporting._stage_summary import StageSummary
from virnucpro_core.reporting._window_tracks import read_regions, read_window_tracks

__all__ = ["SampleFiles", "write_sample_report"]

_N_OPEN_TRACKS = 2
_N_NEAREST = 10
_SHOWN_DIGITS = 12
_TOP_COLUMNS = (
    "record", "length", "virus score", "windows", "frames", "coverage", "probability", "q-value",
    "tier",
)  # fmt: skip


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
    prevalence = prevalence_of(summary)
    content = measure_content(files.viral) if files.viral and totals.calls["virus"] else None
    warnings = [
        _sentence(str(text))
        for kind in ("input_warnings", "warnings")
        for text in summary.get(kind) or ()
    ]
    warnings += signals(totals, bundle, prevalence=prevalence, content=content)
    sections = [
        overview_section(totals, warnings),
        _records(totals, files),
        _distributions(totals, summary, run),
        how_called_section(totals, summary, run),
        not_scorable_section(totals, frame_rule_of(summary)),
        calibration_section(bundle),
        model_section(bundle),
        *([stage_section(stages)] if stages else []),
        run_section(run),
        cite_section(),
    ]
    footer = f"Written by virnucpro {__version__}. This page needs no network."
    title, lead = f"Viral sequences in {sample}", what_was_found(totals, bundle["name"])
    write_page(path, Page(title, lead, sections, footer))


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
        [r.id, r.length, r.virus_score, r.n_chunks, r.n_frames, r.coverage, r.probability,
         r.q_value, r.tier]
        for r in shown
    ]  # fmt: skip
    columns: Sequence[str] = _TOP_COLUMNS
    if not totals.has_probabilities:
        columns, rows = columns[:6], [row[:6] for row in rows]
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
    rule, cutoff = decision_of(summary, run)
    blocks: list[Block] = []
    if totals.n_scored:
        blocks.append(score_distribution(totals, cutoff if rule == "threshold" else None))
    blocks.append(length_distribution(totals))
    if totals.has_q_values:
        blocks.append(fdr_curve(totals, cutoff if rule == "fdr" else None))
    return Section("distributions", "Distributions", blocks)
