"""sequences.tsv summed up: the same whatever the blocks, against counts made the plain way."""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.reporting.results import HEADER, Record, write_sample
from virnucpro_core.errors import StoreError
from virnucpro_core.reporting._call_table import Q_LIMITS, CallTotals, sum_up


def records() -> list[Record]:
    rng = random.Random(4)
    drawn = []
    for number in range(900):
        length, score = rng.randint(1, 4000), round(rng.random(), 4)
        if rng.random() < 0.2:
            reason = "every frame has a stop codon" if length > 50 else "2 of 2 frames set aside: x"
            drawn.append(Record(f"r{number}", length, None, reason=reason))
        else:
            p, q = round(rng.random(), 4), round(rng.random(), 4)
            reason = (
                "1 of 3 frames set aside: embedding is not finite" if number % 50 == 0 else "NA"
            )
            tier = rng.choice(("low", "low", "low", "medium", "high", "of another version"))
            drawn.append(Record(f"r{number}", length, score, p, q, tier, reason))
    return drawn


def plain(totals: CallTotals) -> dict[str, Any]:
    """Comparable; sums of floats may differ in their last digits with the order of additions."""
    values = asdict(totals)
    values["expected_false"] = values["expected_false"].round(9)
    return {key: _lists(value) for key, value in values.items()}


def _lists(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return {k: _lists(v) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_sample(tmp_path, records()).sequences


def test_totals_do_not_depend_on_the_blocks(table: Path) -> None:
    whole = plain(sum_up(table, lengths=(150, 500)))
    assert plain(sum_up(table, lengths=(150, 500), block_bytes=512)) == whole


def test_counts_are_those_of_the_records(table: Path) -> None:
    drawn = records()
    totals = sum_up(table, lengths=(500,))
    assert totals.n_records == 900
    assert totals.n_bases == sum(r.length for r in drawn)
    for call in ("virus", "non-virus", "not-scorable"):
        of_call = [r for r in drawn if r.call == call]
        assert totals.calls[call] == len(of_call) == totals.lengths[call].sum()
        assert totals.bases[call] == sum(r.length for r in of_call)
    assert totals.scores["virus"].sum() == totals.tiers.total() == totals.calls["virus"]
    viruses = [r.tier for r in drawn if r.call == "virus"]
    assert totals.n_sure == viruses.count("high") + viruses.count("medium") < len(viruses)
    assert totals.scores["virus"][:20].sum() == 0
    assert totals.reasons["every frame has a stop codon"] > 0
    assert totals.reasons["frames set aside: x"] > 0
    aside = [r for r in drawn if "set aside" in r.reason]
    assert totals.n_with_frames_set_aside == len(aside)
    assert totals.n_shorter_than[500] == sum(r.length < 500 and r.score is not None for r in drawn)


def test_the_fdr_curve_counts_q_values_up_to_and_with_each_limit(table: Path) -> None:
    q = np.array([r.q_value for r in records() if r.q_value is not None])
    p = np.array([r.probability for r in records() if r.probability is not None])
    totals = sum_up(table)
    for i, limit in enumerate(Q_LIMITS):
        at_most = q <= limit + 1e-12
        assert totals.at_most_q[i] == at_most.sum()
        assert totals.expected_false[i] == pytest.approx((1 - p)[at_most].sum())


def test_the_top_records_are_the_first_of_all_in_order(table: Path) -> None:
    drawn = records()
    scored = [(i, r) for i, r in enumerate(drawn) if r.score is not None]
    surest = {"high": 2, "medium": 1}
    scored.sort(
        key=lambda e: (
            e[1].call == "virus",
            surest.get(e[1].tier or "", 0),
            round(e[1].probability or 0, 2),
            e[1].length,
            -e[0],
        )
    )
    expected = [r.id for _, r in reversed(scored)][:25]
    totals = sum_up(table, block_bytes=2048)
    assert [record.id for record in totals.top] == expected
    named = sum_up(table, n_top=len(scored), block_bytes=2048).top
    assert [record.id for record in named] == [r.id for _, r in reversed(scored)]
    long = [(r.length, -i, r.id) for i, r in scored if r.call == "virus" and r.n_chunks > 1]
    assert [record.id for record in totals.longest] == [n for *_, n in sorted(long)[::-1][:12]]
    assert all(drawn[record.index].id == record.id for record in totals.top)


def test_ids_may_look_like_anything(tmp_path: Path) -> None:
    odd = ["NA", '"quoted', "a,b", "é"]
    table = write_sample(tmp_path, [Record(name, 100, 0.9) for name in odd]).sequences
    assert [record.id for record in sum_up(table).top] == odd


def test_an_unfamiliar_record_is_named_after_all_others_that_are_called_virus(
    tmp_path: Path,
) -> None:
    records = [
        Record("strange", 900, 0.99, 0.99, 0.01, "unfamiliar"),
        Record("unsure", 300, 0.8, 0.8, 0.2, "low"),
    ]
    table = write_sample(tmp_path, records).sequences
    assert [record.id for record in sum_up(table, n_top=1).top] == ["unsure"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not a result table"),
        ("id\tlength\n", "is not a result table"),
        (
            "\t".join(HEADER) + "\na\tx\t1\t1\t0.5\tvirus\tNA\tNA\tNA\tNA\t0\t0\tNA\n",
            "is not a result table",
        ),
        (
            "\t".join(HEADER) + "\na\t9\t1\t1\t0.5\tmaybe\tNA\tNA\tNA\tNA\t0\t0\tNA\n",
            "the call maybe",
        ),
        ("\t".join(HEADER) + "\na\t9\t1\n", "is not a result table"),
    ],
    ids=["nothing", "other columns", "no number", "no call", "short row"],
)
def test_another_table_is_an_error_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "sequences.tsv"
    path.write_text(text)
    with pytest.raises(StoreError, match=complaint) as caught:
        sum_up(path)
    assert "\n" not in str(caught.value)
