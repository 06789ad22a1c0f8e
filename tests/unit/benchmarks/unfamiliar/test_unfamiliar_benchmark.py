"""The benchmark of unfamiliar records, on random genomes and a random model."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.unfamiliar.__main__ import judge_families, judge_kinds, main
from benchmarks.unfamiliar._made_up import ADAPTERS, adapters, shuffled_codons
from benchmarks.unfamiliar._records import CalledRecords, Record
from tests.bundles import CALIBRATION, make_bundle


def sheet_of(folder: Path, kinds: tuple[str, ...] = ("viruses", "cells", "archaea")) -> Path:
    rng = random.Random(1)
    lines = ["file,label,group,kind"]
    for kind in kinds:
        (folder / f"{kind}.fasta").write_text(f">a\n{''.join(rng.choices('ACGT', k=2000))}\n")
        label = "virus" if kind == "viruses" else "others"
        lines.append(f"{kind}.fasta,{label},family of {kind},{kind}")
    sheet = folder / "genomes.csv"
    sheet.write_text("\n".join(lines) + "\n")
    return sheet


def test_every_kind_is_called_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_bundle(
        tmp_path / "model", calibration=CALIBRATION, with_reliability=True, frame_rule="longest"
    )
    out = tmp_path / "out"
    main([str(sheet_of(tmp_path)), str(out), "--bundle", str(bundle),
          "--lengths", "90", "120", "--records", "12"])  # fmt: skip
    with (out / "kinds.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    # Three kinds of genomes, two of them shuffled in three ways, and two that are drawn.
    assert len(rows) == 2 * (3 + 6 + 2)
    assert {int(row["records"]) for row in rows} == {12}
    for row in rows:
        assert float(row["sure_virus"]) <= float(row["sure_virus_without"]) <= float(row["virus"])
    assert sum(float(row["unfamiliar"]) for row in rows) > 0
    printed = capsys.readouterr().out
    assert "| viruses, pairs shuffled |" in printed
    assert printed.endswith((out / "unfamiliar.md").read_text() + "\n")


def test_a_model_or_a_sheet_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = make_bundle(tmp_path / "plain", calibration=CALIBRATION)
    able = make_bundle(tmp_path / "able", calibration=CALIBRATION, with_reliability=True)
    for bundle, kinds, message in (
        (plain, ("viruses", "cells"), "has no reliability"),
        (able, ("viruses",), "has no genomes of the kinds viruses and cells"),
    ):
        sheet = sheet_of(tmp_path, kinds)
        with pytest.raises(SystemExit):
            main([str(sheet), str(tmp_path / "out"), "--bundle", str(bundle)])
        assert message in capsys.readouterr().err


def test_calls_that_are_lost_are_counted_against_those_of_their_kind() -> None:
    records = [Record("viruses", "f1", "A")] * 4 + [Record("random", "", "A")] * 2
    called = CalledRecords(
        call=np.array(["virus", "virus", "virus", "non-virus", "virus", "non-virus"]),
        tier=np.array(["high", "unfamiliar", "low", "low", "unfamiliar", "medium"]),
        tier_without=np.array(["high", "high", "low", "low", "medium", "medium"]),
    )
    viruses, made = judge_kinds(records, called, 150)
    assert (viruses["virus"], viruses["sure_virus_without"], viruses["sure_virus"]) == (
        0.75, 0.5, 0.25,
    )  # fmt: skip
    assert viruses["lost_virus"] == pytest.approx(1 / 3)
    assert viruses["lost_non_virus"] == 0
    assert (made["sure_virus_without"], made["sure_virus"], made["unfamiliar"]) == (0.5, 0, 0.5)
    (family,) = judge_families(records, called, 150)
    assert (family["family"], family["records"]) == ("f1", 4)


def test_codons_stay_and_their_order_does_not() -> None:
    rng = np.random.default_rng(1)
    letters = "".join(rng.choice(["CTA", "ATA", "GTA", "CTG"], 40)) + "A"

    def codons(of: str) -> Counter[str]:
        return Counter(of[at : at + 3] for at in range(0, 120, 3))

    found = shuffled_codons(letters, rng)
    assert found != letters
    assert codons(found) == codons(letters)
    assert found[120:] == letters[120:]


def test_adapters_are_cut_to_length() -> None:
    found = adapters(150, np.random.default_rng(1))
    assert len(found) == 150
    either = (*ADAPTERS, *(a.translate(str.maketrans("ACGT", "TGCA"))[::-1] for a in ADAPTERS))
    assert found.startswith(either)
