"""Reads are read to their end and every mistake has its place; settings are measured in turn."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from tests.bundles import make_bundle
from virnucpro_core.diagnosing import Profile, Trial, check_reads, measure_profile
from virnucpro_core.embedding import EmbedSettings, EncoderSource, Precision
from virnucpro_core.models import load_bundle
from virnucpro_core.sequences import ReadFiles
from virnucpro_core.store import ByteStrings


def reads(path: Path, text: str) -> ReadFiles:
    path.write_text(text)
    return ReadFiles((path,))


def test_counts_of_good_reads(tmp_path: Path) -> None:
    check = check_reads("s", reads(tmp_path / "r.fa", ">a\nACGTN\n>b\n\n>c\nac\n>d\nACGU\n"))
    assert (check.records, check.letters, check.shortest, check.longest) == (4, 11, 0, 5)
    assert (check.empty, check.short, check.ambiguous) == (1, 1, 1)
    assert (check.is_usable, check.is_whole) == (True, True)


def test_records_without_information_are_counted(tmp_path: Path) -> None:
    ordinary = "".join(random.Random(1).choices("ACGT", k=500))
    records = ("N" * 600_000, "g" * 150, "", ordinary, ordinary + "N" * 9_000, "N" * 9_000)
    text = "".join(f">{number}\n{letters}\n" for number, letters in enumerate(records))
    check = check_reads("s", reads(tmp_path / "r.fa", text))
    assert (check.empty, check.uninformative, check.n_errors) == (1, 3, 0)


def test_every_mistake_has_its_place_and_the_rest_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "r.fa"
    text = ">a\nAC-T\n>b\nACGT\n>c\nAC*T\n>b\nACGT\n>d\nACXT\n"
    check = check_reads("s", reads(file, text), max_errors=3)
    assert (check.n_errors, check.is_usable, check.is_whole) == (4, False, True)
    assert [line.split(":")[0] for line in check.errors] == [
        f"{file}, record 1 (a)",
        f"{file}, record 3 (c)",
        f"{file}, record 5 (d)",
    ]
    check = check_reads("s", ReadFiles((file,)))
    assert "the id b is that of" in check.errors[3]
    assert f"{file}, record 4" in check.errors[3]


def test_a_truncated_file_ends_the_reading(tmp_path: Path) -> None:
    check = check_reads("s", reads(tmp_path / "r.fq", "@a\nACGT\n+\nIIII\n@b\nACGT\n+\nII"))
    assert (check.n_errors, check.is_whole, check.is_usable) == (1, False, False)
    assert "r.fq" in check.errors[0]
    check = check_reads("s", ReadFiles((tmp_path / "none.fa",)))
    assert (check.records, check.n_errors) == (0, 1)


def test_proteins_are_checked_as_proteins(tmp_path: Path) -> None:
    file = reads(tmp_path / "p.faa", ">a\nMKTAYIAKQR*\n>b\nMK1\n")
    check = check_reads("s", file, molecule="protein")
    assert (check.n_errors, check.ambiguous) == (1, 1)
    assert "record 2 (b)" in check.errors[0]


def profile(*trials: Trial) -> Profile:
    return Profile("esm", "fp32", "cpu", 100, trials[0], trials)


def test_advice_is_given_for_what_is_clearly_faster() -> None:
    chosen = Trial(1024, 2, 100.0)
    assert profile(chosen, Trial(2048, 2, 105.0)).advice.startswith("nothing to set")
    advice = profile(chosen, Trial(2048, 1, 150.0)).advice
    assert advice.startswith("--token_budget 2048 and VIRNUCPRO_THREADS=1: 1.50 times")


def test_settings_are_measured_and_the_chosen_one_is_among_them(tmp_path: Path) -> None:
    source = EncoderSource(load_bundle(make_bundle(tmp_path / "model")), "protein")
    frames = ByteStrings.from_iterable([b"MKTAYIAKQR" * n for n in range(1, 20)])
    settings = EmbedSettings(torch.device("cpu"), Precision.FP32, 0)
    threads = torch.get_num_threads()
    found = measure_profile(source, frames, settings, seconds=0.0, rounds=2)
    assert torch.get_num_threads() == threads
    budgets = [trial.token_budget for trial in found.trials]
    chosen = found.chosen.token_budget
    assert budgets[:5] == [chosen // 4, chosen // 2, chosen, 2 * chosen, 4 * chosen]
    assert all(trial.frames_per_second > 0 for trial in found.trials)
    assert found.to_json()["advice"] == found.advice
