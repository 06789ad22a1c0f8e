"""Records unlike what a model knows: how strange frames are, and what that makes of calls."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.bundles import LIMITS
from tests.unit.calling.samples import Sample, edit_scores, make_sample, random_records
from tests.unit.calling.test_calibrated import MODEL, consensus, read_summary
from tests.unit.calling.test_consensus import results, table
from virnucpro_core.calling import (
    N_CODON_FREQUENCIES,
    StrangenessLimits,
    codon_frequencies,
    strangeness,
)
from virnucpro_core.errors import NumericError, StoreError
from virnucpro_core.models import Classifier, Reliability
from virnucpro_core.store import ByteStrings, read_scores

WINDOW = 60


def network() -> Classifier:
    """Random weights, whose answers are of both signs."""
    rng = np.random.default_rng(2)
    return Classifier.of(
        {
            "hidden.weight": rng.normal(size=(4, N_CODON_FREQUENCIES)) * 4,
            "hidden.bias": np.zeros(4),
            "norm.weight": np.ones(4),
            "norm.bias": np.zeros(4),
            "norm.running_mean": np.zeros(4),
            "norm.running_var": np.ones(4),
            "output.weight": rng.normal(size=(2, 4)) * 2,
            "output.bias": np.array([0.0, 3.0]),
        }
    )


MODEL_LIMITS = StrangenessLimits.parse(LIMITS, "tests")


def sample_of(folder: Path, **changes: object) -> Sample:
    reliability = Reliability(network(), MODEL_LIMITS)
    return make_sample(
        folder,
        random_records(300, seed=3),
        shard_frames=200,
        calibration=MODEL,
        reliability=reliability,
        **changes,  # type: ignore[arg-type]
    )


def test_triplets_are_counted_by_phase_and_only_of_known_bases() -> None:
    frames = ByteStrings.from_iterable([b"ATGGCNuga", b"", b"ACGT"])
    found = codon_frequencies(frames).reshape(3, 3, 64)

    def number(triplet: str) -> int:
        return sum(4**power * "ACGT".index(x) for power, x in zip((2, 1, 0), triplet, strict=True))

    expected = np.zeros((3, 3, 64))
    expected[0, 0, [number("ATG"), number("TGA")]] = 1 / 2
    expected[0, 1, [number("TGG")]] = 1
    expected[0, 2, [number("GGC")]] = 1
    expected[2, 0, number("ACG")] = expected[2, 1, number("CGT")] = 1
    np.testing.assert_allclose(found, expected)


def test_a_frame_is_as_strange_alone_as_among_others() -> None:
    rng = random.Random(5)
    frames = ["".join(rng.choices("ACGT", k=rng.randint(3, 200))).encode() for _ in range(50)]
    together = strangeness(ByteStrings.from_iterable(frames), network())
    alone = [strangeness(ByteStrings.from_iterable([frame]), network())[0] for frame in frames]
    # float32 results of sums in float64, in another order.
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
    assert len(strangeness(ByteStrings.from_iterable([]), network())) == 0


def test_records_beyond_the_limit_of_their_call_are_unfamiliar(tmp_path: Path) -> None:
    sample = sample_of(tmp_path)
    consensus(sample, tmp_path / "out", prevalence=0.5)
    by_window: dict[tuple[str, int], list[float]] = {}
    frames = pq.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    for frame in frames:
        by_window.setdefault((frame["record"], frame["chunk"]), []).append(frame["strangeness"])
    of_record: dict[str, list[float]] = {}
    for (record, _), values in by_window.items():
        of_record.setdefault(record, []).append(sum(values) / len(values))
    tiers = {"virus": [], "non-virus": []}  # type: dict[str, list[str]]
    for row in table(tmp_path / "out"):
        if row["call"] == "not-scorable":
            assert row["tier"] == "not-scorable"
            continue
        # Windows of a record are of one length, so that their mean needs no weights.
        mean = sum(of_record[row["id"]]) / len(of_record[row["id"]])
        item = LIMITS["limits"][min(int(row["length"]), WINDOW) >= 60]
        limit = item["virus" if row["call"] == "virus" else "non_virus"]
        assert (row["tier"] == "unfamiliar") is (mean > limit)
        assert ("codons look like those of random letters" in row["reason"]) is (mean > limit)
        tiers[row["call"]].append(row["tier"])
    counts = read_summary(tmp_path / "out")["tiers"]
    for call, mine in tiers.items():
        assert counts[call.replace("-", "_")]["unfamiliar"] == mine.count("unfamiliar")
        assert 0 < mine.count("unfamiliar") < len(mine)


def test_only_tier_and_reason_change(tmp_path: Path) -> None:
    """With the reliability taken out, results are those of a model without, to the byte."""
    plain = make_sample(
        tmp_path / "plain", random_records(300, seed=3), shard_frames=200, calibration=MODEL
    )
    consensus(plain, tmp_path / "1", prevalence=0.5)
    sample = sample_of(tmp_path / "with")
    consensus(sample, tmp_path / "2", prevalence=0.5)
    before, after = table(tmp_path / "1"), table(tmp_path / "2")
    changed = [
        {name for name in one if one[name] != two[name]}
        for one, two in zip(before, after, strict=True)
    ]
    assert set().union(*changed) == {"tier", "reason"}
    for path in sample.score_paths:
        edit_scores(path, strangeness=None, limits=None)
    consensus(sample, tmp_path / "3", prevalence=0.5)
    assert results(tmp_path / "1") == results(tmp_path / "3")


def test_results_do_not_depend_on_shards_and_blocks(tmp_path: Path) -> None:
    one = sample_of(tmp_path / "a")
    other = make_sample(
        tmp_path / "b",
        random_records(300, seed=3),
        shard_frames=17,
        calibration=MODEL,
        reliability=Reliability(network(), MODEL_LIMITS),
    )
    consensus(one, tmp_path / "1")
    consensus(other, tmp_path / "2", block_records=7)
    assert results(tmp_path / "1") == results(tmp_path / "2")


def test_damaged_strangeness_is_refused(tmp_path: Path) -> None:
    sample = sample_of(tmp_path)
    whole = read_scores(sample.score_paths[0]).strangeness
    assert whole is not None
    edit_scores(sample.score_paths[0], strangeness=np.where(np.arange(len(whole)), whole, np.nan))
    with pytest.raises(NumericError, match="frame 1 is not finite"):
        consensus(sample, tmp_path / "out")
    edit_scores(sample.score_paths[0], strangeness=whole[1:])
    with pytest.raises(StoreError, match="columns of unequal length"):
        consensus(sample, tmp_path / "out")
