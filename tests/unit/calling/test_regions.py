"""Viral regions of long records."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.unit.calling.samples import ALL_STOPS, WINDOW, Record, Sample, make_sample
from virnucpro_core.calling import Calibration, write_consensus
from virnucpro_core.calling._segments import maximal_segments
from virnucpro_core.store import read_scores

# log-odds of a window are the logit of its score: 0.95 gives 2.94, 0.05 gives -2.94.
PLAIN = Calibration.parse(
    {
        "method": "platt",
        "prevalence": 0.5,
        "evidence_exponent": 1.0,
        "ranges": [
            {"min_length": 1, "max_length": None, "slope": 1, "intercept": 0, "windows": 1},
        ],
    },
    "bundle.json",
)
VIRUS, HOST = 0.95, 0.05


def test_the_example_of_the_paper() -> None:
    scores = [4, -5, 3, -3, 1, 2, -2, 2, -2, 1, 5]
    assert maximal_segments(scores) == [(0, 1), (2, 3), (4, 11)]


@pytest.mark.parametrize("seed", range(30))
def test_segments_are_the_best_one_then_the_best_on_either_side(seed: int) -> None:
    rng = random.Random(seed)
    scores = [rng.gauss(rng.choice([-0.3, 0, 0.3]), 1) for _ in range(rng.randint(1, 60))]
    assert maximal_segments(scores) == best_first(scores, 0)


def best_first(scores: Sequence[float], start: int) -> list[tuple[int, int]]:
    """Ruzzo and Tompa's definition: the best segment, and the same of what lies beside it."""
    spans = [(i, j) for i in range(len(scores)) for j in range(i + 1, len(scores) + 1)]
    if not spans:
        return []
    i, j = max(spans, key=lambda span: sum(scores[slice(*span)]))
    if sum(scores[i:j]) <= 0:
        return []
    left = best_first(scores[:i], start)
    return [*left, (start + i, start + j), *best_first(scores[j:], start + j)]


def test_a_long_host_with_many_weak_windows_takes_linear_time() -> None:
    # A hundred thousand rises, each lower than the one before: none is looked at twice.
    assert len(maximal_segments([1.0, -2.0] * 100_000)) == 100_000


def sample_of(
    folder: Path, contigs: dict[str, Sequence[float | None]], shard_frames: int = 200
) -> Sample:
    """Contigs of whole windows, each with its virus score; None for one full of stops."""
    rng = random.Random(1)
    records: list[Record] = []
    wanted = []
    for name, scores in contigs.items():
        windows = [
            ALL_STOPS if score is None else "".join(rng.choices("ACG", k=WINDOW))
            for score in scores
        ]
        records.append((name, "".join(windows)))
        wanted.append(scores)
    drafts = [read_scores(path) for path in make_sample(folder / "draft", records).score_paths]
    virus = np.concatenate(
        [
            [
                wanted[record][chunk - 1]
                for record, chunk in zip(d.record_index, d.chunk, strict=True)
            ]
            for d in drafts
        ]
    ).astype(np.float32)
    scores = np.stack([1 - virus, virus], axis=1)
    return make_sample(
        folder / "s", records, scores=scores, calibration=PLAIN, shard_frames=shard_frames
    )


def regions(sample: Sample, outdir: Path, **options: int) -> list[list[str]]:
    summary = write_consensus(sample.records, sample.score_paths, sample.reads, outdir, **options)
    header, *lines = (outdir / "regions.bed").read_text().splitlines()
    assert header.startswith("#record\tstart\tend\tname\tscore\tstrand\t")
    assert summary.counts.regions == len(lines)
    return [line.split("\t") for line in lines]


CHIMERA = [HOST] * 20 + [VIRUS] * 30 + [HOST] * 20


def test_a_virus_in_its_hosts_contig_is_found(tmp_path: Path) -> None:
    found = regions(sample_of(tmp_path, {"host": CHIMERA}), tmp_path / "out")
    # 30 windows of 60 bases with log-odds of log(19): evidence 30 * 2.944.
    assert found == [
        ["host", "1200", "3000", "host_region_1", "950", ".", "0.9500", "30", "88.333"]
    ]


def test_windows_that_cannot_be_scored_are_bridged_and_do_not_count(tmp_path: Path) -> None:
    gaps: list[float | None] = [*CHIMERA]
    for window in (30, 31, 40):
        gaps[window] = None
    found = regions(sample_of(tmp_path, {"host": gaps}), tmp_path / "out")
    assert [row[:3] + row[6:] for row in found] == [
        ["host", "1200", "3000", "0.9500", "27", "79.500"]
    ]


def test_one_wrong_window_inside_is_bridged_and_one_outside_is_no_region(tmp_path: Path) -> None:
    scores = [*CHIMERA]
    scores[35], scores[5] = HOST, VIRUS
    ((record, start, end, *_, n_windows, _),) = regions(
        sample_of(tmp_path, {"host": scores}), tmp_path / "out"
    )
    assert (record, start, end, n_windows) == ("host", "1200", "3000", "30")


def test_two_viruses_far_apart_are_two_regions(tmp_path: Path) -> None:
    scores = [VIRUS] * 20 + [HOST] * 40 + [VIRUS] * 20
    found = regions(sample_of(tmp_path, {"host": scores}), tmp_path / "out")
    assert [row[1:4] for row in found] == [
        ["0", "1200", "host_region_1"],
        ["3600", "4800", "host_region_2"],
    ]


def test_short_and_weak_segments_are_no_regions(tmp_path: Path) -> None:
    # 16 windows are 960 bases, 17 are 1,020; 17 windows of 0.54 have an evidence of 2.73 < log(20).
    contigs = {
        "short": [HOST] * 20 + [VIRUS] * 16 + [HOST] * 20,
        "enough": [HOST] * 20 + [VIRUS] * 17 + [HOST] * 20,
        "weak": [HOST] * 20 + [0.54] * 17 + [HOST] * 20,
        "host": [HOST] * 60,
    }
    found = regions(sample_of(tmp_path, contigs), tmp_path / "out")
    assert [row[0] for row in found] == ["enough"]


def test_regions_do_not_depend_on_shards_and_blocks(tmp_path: Path) -> None:
    contigs = {"a": CHIMERA, "b": [VIRUS] * 20, "c": [HOST] * 9, "d": [VIRUS] * 5, "e": CHIMERA}
    whole = sample_of(tmp_path / "1", contigs, shard_frames=10_000)
    cut = sample_of(tmp_path / "2", contigs, shard_frames=60)
    expected = regions(whole, tmp_path / "out1")
    assert [row[0] for row in expected] == ["a", "b", "e"]
    for number, block in enumerate((1, 100)):
        assert regions(cut, tmp_path / f"cut{number}", block_records=block) == expected


def test_a_shorter_last_window_is_where_it_is(tmp_path: Path) -> None:
    # 1,210 bases at 60: 21 windows, which overlap, the last one shorter; all are viral.
    sequence = "".join(random.Random(2).choices("ACG", k=1210))
    n_frames = len(make_sample(tmp_path / "draft", [("virus", sequence)]).frames)
    scores = np.tile(np.array([0.05, 0.95], np.float32), (n_frames, 1))
    sample = make_sample(tmp_path / "s", [("virus", sequence)], scores=scores, calibration=PLAIN)
    ((_, start, end, *_, n_windows, _),) = regions(sample, tmp_path / "out")
    assert (start, end, n_windows) == ("0", "1210", "21")
