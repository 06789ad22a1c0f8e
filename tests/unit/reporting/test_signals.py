"""Warnings of a report: each is there for the sample it is about, and silent for the others."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.reporting.results import BUNDLE, CALIBRATED, Record, write_sample
from virnucpro_core.reporting._call_table import sum_up
from virnucpro_core.reporting._genome_content import GenomeContent, measure_content
from virnucpro_core.reporting._signals import lengths_to_count, signals


def dna(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def warnings(
    tmp_path: Path, records: list[Record], bundle: dict[str, Any] = CALIBRATED, **given: Any
) -> str:
    sequences = write_sample(tmp_path, records).sequences
    totals = sum_up(sequences, lengths=lengths_to_count(bundle))
    return "\n".join(signals(totals, bundle, **given))


def good(number: int, length: int = 900, *, score: float = 0.1) -> Record:
    return Record(f"r{number}", length, score, score, 1 - score, "high")


ORDINARY = [good(n) for n in range(40)] + [good(n, score=0.99) for n in range(40, 45)]


def test_nothing_is_said_of_an_ordinary_sample(tmp_path: Path) -> None:
    assert warnings(tmp_path, ORDINARY, prevalence=0.1) == ""


def test_the_demonstration_model(tmp_path: Path) -> None:
    assert "demonstration model" in warnings(tmp_path, ORDINARY, BUNDLE | {"name": "demo"})


def test_no_more_calls_than_the_model_makes_by_mistake(tmp_path: Path) -> None:
    measured = {"by_window_length": {"500": {"specificity": 0.9}}}
    uncalibrated = BUNDLE | {"accuracy": measured}
    text = warnings(tmp_path, ORDINARY, uncalibrated)
    assert "took 10.0% of what is not viral for viral" in text
    assert "about 4 virus; it called 5" in text
    many = [good(n, score=0.99) for n in range(40)]
    assert "not viral for viral" not in warnings(tmp_path, many, uncalibrated)


@pytest.mark.parametrize(
    ("length", "told"),
    [(100, "are shorter than 150 bases, the shortest windows"), (300, "short records are harder")],
)
def test_records_shorter_than_the_model_was_tested_on(
    tmp_path: Path, length: int, told: str
) -> None:
    assert told in warnings(tmp_path, [good(n, length) for n in range(30)] + ORDINARY)


def test_records_that_could_not_be_scored(tmp_path: Path) -> None:
    lost = [Record(f"x{n}", 300, None, reason="empty") for n in range(50)]
    assert "50 of 95 records (53%) could not be scored" in warnings(tmp_path, lost + ORDINARY)


def test_frames_that_were_set_aside(tmp_path: Path) -> None:
    partly = Record("p", 900, 0.1, 0.1, 0.9, "low", "1 of 2 frames set aside: not finite")
    assert "Frames of 1 of the 46 records could not be embedded" in warnings(
        tmp_path, [partly, *ORDINARY]
    )


@pytest.mark.parametrize("prevalence", [0.9, 0.001])
def test_a_prevalence_far_from_what_was_found(tmp_path: Path, prevalence: float) -> None:
    text = warnings(tmp_path, [*ORDINARY, good(99, score=0.2)], prevalence=prevalence)
    assert "are no longer reliable" in text


def test_calls_that_are_all_shorter_than_most_of_the_sample(tmp_path: Path) -> None:
    short = [good(n, 300, score=0.9) for n in range(25)]
    long = [good(n, 4000) for n in range(25, 75)]
    assert "All 25 records called virus are shorter than" in warnings(tmp_path, short + long)
    assert "All 25" not in warnings(tmp_path, [*short, good(80, 4000, score=0.9), *long])


def content_of(tmp_path: Path, sequences: list[str]) -> GenomeContent:
    path = tmp_path / "viral.fasta.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(f">r{n}\n{s}\n" for n, s in enumerate(sequences))
    return measure_content(path)


def reads_of(genome: str, n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    complement = str.maketrans("ACGT", "TGCA")
    starts = [rng.randrange(len(genome) - 150) for _ in range(n)]
    reads = [genome[s : s + 150] for s in starts]
    return [r if rng.random() < 0.5 else r.translate(complement)[::-1] for r in reads]


def test_one_genome_that_makes_up_the_signal(tmp_path: Path) -> None:
    phage = reads_of(dna(6000, 1), 2000, 2)
    background = [dna(150, 100 + n) for n in range(500)]
    content = content_of(tmp_path, phage + background)
    # Half of the k-mers, at a depth of some 43, from less than the 6,000 bases of both strands.
    assert 2000 < content.half_in_bases < 5000
    assert 35 < content.depth < 60
    assert "one genome" in warnings(tmp_path, ORDINARY, content=content)


def test_many_genomes_are_no_reason_to_warn(tmp_path: Path) -> None:
    content = content_of(tmp_path, [dna(150, n) for n in range(2000)])
    assert content.depth < 2
    assert content.n_low_complexity == 0
    assert warnings(tmp_path, ORDINARY, content=content, prevalence=0.1) == ""


def test_low_complexity(tmp_path: Path) -> None:
    simple = ["AT" * 80, "A" * 150, "CAG" * 50, "ACGT" * 40, "N" * 100, "a" * 90]
    content = content_of(tmp_path, [*simple, *(dna(150, n) for n in range(4)), "", "AC"])
    assert content.n_records == 12
    assert content.n_low_complexity == 6
    assert "6 of the 12 records called virus that were looked at" in warnings(
        tmp_path, ORDINARY, content=content
    )


def test_only_the_first_records_are_looked_at(tmp_path: Path) -> None:
    content_of(tmp_path, [dna(150, n) for n in range(30)])
    content = measure_content(tmp_path / "viral.fasta.gz", most_records=10)
    assert (content.n_records, content.bases) == (10, 1500)
