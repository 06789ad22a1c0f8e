"""The result files of a sample: a pass over its scores, and one over its records and reads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from virnucpro_core._calibration import Calibration
from virnucpro_core._files import AtomicFile, create_gzip
from virnucpro_core._progress import progress
from virnucpro_core.calling._classic import CHUNK_HEADER, FRAME_HEADER
from virnucpro_core.calling._decision import Decision, usable_decision
from virnucpro_core.calling._frame_table import FrameTable
from virnucpro_core.calling._line_sorter import LineSorter
from virnucpro_core.calling._mates import neighbour_keys, with_mates
from virnucpro_core.calling._prevalence import choose_prevalence
from virnucpro_core.calling._record_calls import SEQUENCES_HEADER, call_records, record_lines
from virnucpro_core.calling._regions import REGIONS_HEADER
from virnucpro_core.calling._score_files import FrameStream, order_score_files
from virnucpro_core.calling._score_pass import ScorePass, write_lines
from virnucpro_core.calling._summary import ConsensusSummary, summarise
from virnucpro_core.calling._viral_reads import RereadReads, viral_records
from virnucpro_core.errors import UsageError
from virnucpro_core.sequences import ReadFiles
from virnucpro_core.store import RecordTable

__all__ = ["RESULT_FILES", "VIRAL_FILES", "write_consensus"]

RESULT_FILES = (
    "sequences.tsv",
    "prediction_results.txt",
    "prediction_results_highestscore.csv",
    "regions.bed",
    "scores.parquet",
    "summary.json",
)
"""Names of the files that `write_consensus` writes, beside one of `VIRAL_FILES`."""

VIRAL_FILES = ("viral.fasta.gz", "viral.fastq.gz")
"""The viral reads, without and with qualities."""

_BLOCK_RECORDS = 65_536


def write_consensus(
    records: RecordTable,
    score_paths: Sequence[Path],
    reads: Path | ReadFiles,
    outdir: Path,
    *,
    decision: Decision | None = None,
    prevalence: float | None = None,
    block_records: int = _BLOCK_RECORDS,
    sort_lines: int = 500_000,
) -> ConsensusSummary:
    """Write the `RESULT_FILES` of a sample into ``outdir``.

    All appear when everything was checked, or none does. The viral file of an earlier call, of
    reads in the other format, is removed. Their content depends on neither the
    order of ``score_paths`` nor the sizes of shards and blocks. Memory holds one score file, one
    block of records, ``sort_lines`` lines, and less than 200 bytes for every record.

    Args:
        records: the record table that the shards were made with.
        score_paths: the score files of all shards, in any order; none when there were no frames.
        reads: the sequence files that were prepared.
        outdir: folder of the results.
        decision: what makes a record a virus; None for the preset ``balanced``, or for a virus
            score of 0.5 where the model is not calibrated.
        prevalence: share of viruses that the probabilities assume; None to estimate it.
        block_records: records taken together.
        sort_lines: lines of the file sorted by id that are held in memory.

    Raises:
        StoreError: a score file is missing, double, damaged, or of another sample, bundle or run,
            or a result cannot be written.
        NumericError: a score is NaN or infinite.
        InputError: ``reads`` is not the file that was prepared.
        UsageError: ``decision`` or ``prevalence`` needs a calibration, and the model has none.
    """
    frames = FrameStream(order_score_files(score_paths, records))
    calibration = frames.calibration
    if score_paths or decision is None:  # without a score nothing is called, by whichever rule
        decision = usable_decision(decision, calibration)
    if score_paths:
        _check_prevalence(prevalence, calibration)
    reread = RereadReads(reads)
    with_qualities = reread.with_qualities
    with ExitStack() as stack:
        sequence_file, frame_file, chunk_file, region_file, summary_file = (
            stack.enter_context(AtomicFile(outdir / name))
            for name in RESULT_FILES
            if name != "scores.parquet"
        )
        labels = {"sample": records.sample, "bundle_sha256": frames.bundle_sha256 or ""}
        frame_table = stack.enter_context(
            FrameTable(
                outdir / "scores.parquet", labels, with_strangeness=frames.limits is not None
            )
        )
        viral_file = stack.enter_context(create_gzip(outdir / VIRAL_FILES[with_qualities]))
        sorter = stack.enter_context(LineSorter(outdir, lines_per_run=sort_lines))
        frame_file.write(FRAME_HEADER)
        region_file.write(REGIONS_HEADER)
        scored = ScorePass(
            records,
            frames,
            frame_file=frame_file,
            region_file=region_file,
            frame_table=frame_table,
            chunk_sorter=sorter,
        )
        with progress(records.n_records, f"{records.sample} (scores)", "records") as advance:
            advance(0)
            scored.run(block_records, advance)
        chunk_file.write(CHUNK_HEADER)
        write_lines(chunk_file, sorter.sorted_lines())

        calls = call_records(
            scored.scores,
            decision,
            None
            if calibration is None
            else choose_prevalence(prevalence, scored.scores.known_evidence, calibration),
            frames.limits,
            np.minimum(records.lengths(), scored.window_size),
        )
        # Paired files tell their mates apart in ways that single reads and contigs have too (r_1).
        is_paired = isinstance(reads, ReadFiles) and reads.paired
        pair_keys = neighbour_keys(records.n_records) if is_paired else scored.pair_keys
        is_chosen = with_mates(calls.is_virus, pair_keys)
        sequence_file.write(SEQUENCES_HEADER)
        first = 0
        with progress(records.n_records, f"{records.sample} (calls)", "records") as advance:
            advance(0)
            for rows in records.blocks(block_records):
                ids = [name.decode() for name in rows.ids]
                write_lines(sequence_file, record_lines(rows, ids, first, scored.scores, calls))
                for batch in reread.take(ids, rows.length):
                    mine = is_chosen[first : first + len(batch)].tolist()
                    for record in viral_records(batch, mine, with_qualities=with_qualities):
                        viral_file.write(record)
                    first += len(batch)
                    advance(first)
        reread.expect_end()
        summary = summarise(
            records,
            scored.scores,
            calls,
            scored.counts,
            calibration,
            frames.bundle_sha256,
            frames.trained_rule,
            frames.limits,
            of_reads=reread.warnings,
        )
        summary_file.write(summary.to_json().encode())
    # Left over from an earlier call of other reads, it would be taken for a file of this one.
    (outdir / VIRAL_FILES[not with_qualities]).unlink(missing_ok=True)
    return summary


def _check_prevalence(prevalence: float | None, calibration: Calibration | None) -> None:
    if prevalence is not None and calibration is None:
        raise UsageError(
            "--prevalence is for probabilities, and the model is not calibrated",
            remedy="leave it out, or take a model with a calibration",
        )
