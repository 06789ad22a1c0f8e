"""The benchmark runs and counts; its seconds are not judged here."""

from __future__ import annotations

from pathlib import Path

import pytest

from virnucpro_core.benchmarking import FramesReport, measure_frames
from virnucpro_core.benchmarking._plain_loop import plain_loop
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import PrepareSettings, prepare, read_batches
from virnucpro_core.store import read_shard

READS = Path(__file__).parents[2] / "data" / "reads.fasta"


def test_every_contestant_is_timed_as_often() -> None:
    report = measure_frames(READS, window_size=500, runs=2)
    assert report.n_bases == sum(
        len(line) for line in READS.read_text().splitlines() if line[0] != ">"
    )
    assert len(report.process) == len(report.in_memory) == len(report.plain_loop) == 2
    assert len(report.seqkit) in (0, 2)
    assert "virnucpro prepare" in str(report)


@pytest.mark.parametrize(
    ("text", "window_size", "error", "message"),
    [
        ("", 500, InputError, "^{file}: has no bases; "),
        (">a\nAC!T\n", 500, InputError, "^{file}, record 1 \\(a\\): has '!' at base 3"),
        (">a\nACG\n>b\nACG\n>a\nACG\n", 500, InputError, "^{file}, record 3: the id a is that of"),
        (">a\nACGT\n", 0, UsageError, "^window size 0 is shorter than a codon"),
    ],
)
def test_sequences_that_cannot_be_measured_are_told_as_every_command_tells_them(
    tmp_path: Path, text: str, window_size: int, error: type[Exception], message: str
) -> None:
    file = tmp_path / "s.fasta"
    file.write_text(text)
    with pytest.raises(error, match=message.format(file=file)):
        measure_frames(file, window_size=window_size, runs=1)


def test_a_report_without_seqkit_says_so() -> None:
    text = str(FramesReport(1_000_000, [9.0, 9.0], [], [1.0, 2.0], [30.0, 80.0]))
    assert "seqkit is not on PATH" in text
    assert "| 35.00 |" in text  # the median of 30 and 40


def test_the_plain_loop_finds_the_frames_that_are_found_here(tmp_path: Path) -> None:
    """A yardstick that did less work would not be one."""
    (batch,) = read_batches(READS)
    plain_loop(list(zip(batch.ids, batch.sequences, strict=True)), 500, tmp_path)
    lines = (tmp_path / "loop.faa").read_text().splitlines()
    (path,) = prepare(READS, tmp_path, PrepareSettings("s", 500, 1_000)).shards
    shard = read_shard(path)
    assert lines[0::2] == [f">{name}" for name in shard.frame_ids()]
    assert lines[1::2] == [protein.decode() for protein in shard.proteins]
