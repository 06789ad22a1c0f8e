"""The benchmark of prevalences, on random genomes and a random model."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks.prevalence.__main__ import judge_sample, main
from benchmarks.prevalence._scored_records import ScoredRecords, read_genomes
from tests.bundles import CALIBRATION, make_bundle
from virnucpro_core.calling import Calibration


def sheet_of(folder: Path) -> Path:
    rng = random.Random(1)
    lines = ["file,label,group,kind,seen"]
    for label in ("virus", "others"):
        for seen in ("yes", "no"):
            name = f"{label}_{seen}.fasta"
            (folder / name).write_text(f">a\n{''.join(rng.choices('ACGT', k=2000))}\n")
            lines.append(f"{name},{label},{label} {seen},bacteria,{seen}")
    sheet = folder / "genomes.csv"
    sheet.write_text("\n".join(lines) + "\n")
    return sheet


def test_records_are_scored_once_and_samples_of_them_judged(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path)
    bundle = make_bundle(tmp_path / "model", calibration=CALIBRATION)
    out = tmp_path / "out"
    words = [str(sheet), str(out), "--bundle", str(bundle), "--lengths", "90", "--records", "40",
             "--sizes", "50", "--repeats", "2"]  # fmt: skip
    main(words)
    records = ScoredRecords.load(out / "scores_90.npz")
    assert len(records.evidence) == 2 * 40 + 2 * 120
    assert records.is_virus.sum() == 80
    assert (np.isfinite(records.evidence) == (records.scored_length > 0)).all()
    first = (out / "cells.tsv").read_text()
    # Families seen and unseen, three kinds of hosts, ten shares.
    assert len(first.splitlines()) == 1 + 2 * 3 * 10
    assert "<svg" in (out / "prevalence.svg").read_text()
    sheet.unlink()  # not needed again
    main(words)


def test_calls_are_counted_against_the_truth() -> None:
    evidence = np.array([-9.0, -9.0, -9.0, 9.0, 9.0, -9.0])
    is_virus = np.array([False, False, False, True, False, True])
    found = judge_sample(evidence, is_virus, Calibration.parse(CALIBRATION, "here"))
    assert found["assumed_fixed"] == 0.5
    assert found["wrong_fixed"] == pytest.approx(2 / 6)
    assert found["sensitivity_fixed"] == pytest.approx(1 / 2)
    assert found["specificity_fixed"] == pytest.approx(3 / 4)
    assert found["precision_fixed"] == pytest.approx(1 / 2)
    assert found["calibration_error_fixed"] == pytest.approx(2 / 6, abs=1e-3)


def test_a_sheet_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path)
    sheet.write_text(sheet.read_text().replace("virus_no.fasta,virus", "virus_no.fasta,phage"))
    with pytest.raises(SystemExit, match=r"genomes\.csv, line 3: label is virus or others"):
        read_genomes(sheet, set())
    assert not [g for g in read_genomes(sheet_of(tmp_path), set()) if g.is_seen and "no" in g.group]
