"""What consensus refuses: never a result that is silently short, mixed up or made of two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.calling.samples import Sample, edit_scores, make_sample, random_records
from virnucpro_core.calling import RESULT_FILES, write_consensus
from virnucpro_core.errors import InputError, NumericError, StoreError, VirnucproError
from virnucpro_core.store import RecordTable, read_scores, write_scores


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = make_sample(tmp_path / "s", random_records(40, seed=1), shard_frames=20)
    assert len(made.score_paths) > 5
    return made


def refuse(sample: Sample, error: type[VirnucproError], match: str, **changes: object) -> None:
    """The call fails with one line that matches, and leaves no file behind."""
    outdir = sample.reads.parent / "out"
    arguments = {"score_paths": sample.score_paths, "reads": sample.reads, **changes}
    with pytest.raises(error, match=match) as caught:
        write_consensus(sample.records, outdir=outdir, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not outdir.exists() or list(outdir.iterdir()) == []


def test_a_missing_shard_in_the_middle(sample: Sample) -> None:
    paths = [*sample.score_paths[:2], *sample.score_paths[3:]]
    refuse(sample, StoreError, "shard 3 are missing", score_paths=paths)


def test_a_missing_first_shard(sample: Sample) -> None:
    refuse(sample, StoreError, "shard 1 are missing", score_paths=sample.score_paths[1:])


def test_a_missing_last_shard(sample: Sample) -> None:
    paths = sample.score_paths[:-1]
    refuse(sample, StoreError, r"\d+ of its \d+ frames have scores", score_paths=paths)


def test_no_shard_at_all(sample: Sample) -> None:
    refuse(sample, StoreError, r"0 of its \d+ frames have scores", score_paths=[])


def test_a_shard_twice(sample: Sample, tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(sample.score_paths[1].read_bytes())
    refuse(sample, StoreError, "holds shard 2, as does", score_paths=[*sample.score_paths, copy])


def test_a_shards_frames_again_under_the_next_number(sample: Sample, tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(sample.score_paths[-1].read_bytes())
    edit_scores(copy, shard=len(sample.score_paths) + 1)
    refuse(
        sample,
        StoreError,
        "does not follow the frame before",
        score_paths=[*sample.score_paths, copy],
    )


def test_another_bundle(sample: Sample) -> None:
    edit_scores(sample.score_paths[-1], bundle_sha256="c" * 64)
    refuse(sample, StoreError, "bundle cccccccccccc")


def test_another_sample(sample: Sample) -> None:
    edit_scores(sample.score_paths[0], sample="t")
    refuse(sample, StoreError, "sample t, not of s")


def test_another_record_table(sample: Sample, tmp_path: Path) -> None:
    other = make_sample(tmp_path / "other", random_records(40, seed=2), shard_frames=20)
    mixed = Sample(other.reads, other.records, sample.score_paths, sample.frames)
    refuse(mixed, StoreError, "frames have scores|record has")


def test_scores_behind_the_end_of_the_record_table(sample: Sample, tmp_path: Path) -> None:
    short = make_sample(tmp_path / "short", random_records(40, seed=1)[:20], shard_frames=20)
    mixed = Sample(short.reads, short.records, sample.score_paths, sample.frames)
    refuse(mixed, StoreError, "the table ends before")


COLUMNS = (
    "record_index", "chunk", "chunk_length", "frame", "n_free", "scores", "set_aside"
)  # fmt: skip


def drop_frame(path: Path) -> None:
    scores = read_scores(path)
    edit_scores(path, **{name: np.delete(getattr(scores, name), 3, axis=0) for name in COLUMNS})


def double_frame(path: Path) -> None:
    scores = read_scores(path)
    rows = np.insert(np.arange(len(scores)), 3, 3)
    edit_scores(path, **{name: getattr(scores, name)[rows] for name in COLUMNS})


def swap_frames(path: Path) -> None:
    scores = read_scores(path)
    same = np.flatnonzero((np.diff(scores.chunk) == 0) & (np.diff(scores.record_index) == 0))[0]
    rows = np.arange(len(scores))
    rows[[same, same + 1]] = same + 1, same
    edit_scores(path, **{name: getattr(scores, name)[rows] for name in COLUMNS})


def lift_chunk(path: Path) -> None:
    scores = read_scores(path)
    chunk = scores.chunk.copy()
    chunk[scores.record_index == scores.record_index[-1]] += 1000
    edit_scores(path, chunk=chunk)


def make_frame_seven(path: Path) -> None:
    frame = read_scores(path).frame.copy()
    frame[-1] = 6
    edit_scores(path, frame=frame)


def negative_record(path: Path) -> None:
    record_index = read_scores(path).record_index.copy()
    record_index[0] = -1
    edit_scores(path, record_index=record_index)


def lengthen_stretch(path: Path) -> None:
    n_free = read_scores(path).n_free.copy()
    n_free[0] += 1
    edit_scores(path, n_free=n_free)


def empty_stretch(path: Path) -> None:
    n_free = read_scores(path).n_free.copy()
    n_free[0] = 0
    edit_scores(path, n_free=n_free)


def shorten_column(path: Path) -> None:
    edit_scores(path, chunk=read_scores(path).chunk[:-1])


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (drop_frame, r"\d+ of its \d+ frames have scores"),
        (double_frame, "does not follow"),
        (swap_frames, "does not follow"),
        (lift_chunk, r"the record has \d+ chunks"),
        (make_frame_seven, "impossible"),
        (lengthen_stretch, "impossible"),
        (empty_stretch, "impossible"),
        (negative_record, "negative"),
        (shorten_column, "unequal length"),
    ],
)
def test_a_damaged_score_file(sample: Sample, damage: Callable[[Path], None], match: str) -> None:
    damage(sample.score_paths[0])
    refuse(sample, StoreError, match)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_score_that_is_no_number(sample: Sample, value: float) -> None:
    scores = read_scores(sample.score_paths[1]).scores.copy()
    scores[5, 1] = value
    edit_scores(sample.score_paths[1], scores=scores)
    refuse(sample, NumericError, "frame 6 is not finite")


def test_reads_with_another_id(sample: Sample) -> None:
    text = sample.reads.read_text()
    sample.reads.write_text(text.replace(">", ">x", 1))
    refuse(sample, InputError, "record 1: is x.* it was")


def test_reads_of_another_length(sample: Sample) -> None:
    records = random_records(40, seed=1)
    records[30] = (records[30][0], records[30][1] + "A")
    sample.reads.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records))
    refuse(sample, InputError, "record 31: is ")


def test_fewer_reads(sample: Sample) -> None:
    records = random_records(40, seed=1)[:-1]
    sample.reads.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records))
    refuse(sample, InputError, "ends after 39 records")


def test_more_reads(sample: Sample) -> None:
    with sample.reads.open("a") as file:
        file.write(">extra\nACGT\n")
    refuse(sample, InputError, "more records than the 40")


def test_a_failure_keeps_the_results_of_before(sample: Sample, tmp_path: Path) -> None:
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in RESULT_FILES}
    with pytest.raises(StoreError):
        write_consensus(sample.records, sample.score_paths[:-1], sample.reads, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in RESULT_FILES} == before


def test_a_folder_that_cannot_be_written(sample: Sample, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_consensus(sample.records, sample.score_paths, sample.reads, occupied / "out")


def test_shards_without_frames_are_no_harm(sample: Sample, tmp_path: Path) -> None:
    # PREPARE writes none, but an empty score file is not a wrong one.
    empty = make_sample(tmp_path / "empty", [("a", "")])
    template = read_scores(sample.score_paths[0])
    path = tmp_path / "empty.h5"
    write_scores(template, path)
    edit_scores(path, **{name: getattr(template, name)[:0] for name in COLUMNS})
    table = RecordTable.open(empty.records.path)
    assert write_consensus(table, [path], empty.reads, tmp_path).n_not_scorable == 1
