"""The demo's reads come from where the truth says, and can be made again."""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("make_demo_reads")


@pytest.fixture
def genomes(tmp_path: Path) -> dict[str, str]:
    """Genomes by accession; V2 is half N."""
    rng = random.Random(1)
    made = {name: "".join(rng.choices("ACGT", k=3000)) for name in ("V1", "V2", "C1")}
    made["V2"] = made["V2"][:1500] + "N" * 1500
    rows = ["file\taccession\torganism\tclass\tlength\tsource"]
    for name, sequence in made.items():
        kind = "viral" if name.startswith("V") else "cellular"
        path = tmp_path / "demo" / kind / f"{name}.fasta.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(f">{name} x\n{sequence[:70]}\n{sequence[70:]}\n".encode()))
        rows.append(f"demo/{kind}/{name}.fasta.gz\t{name}\tO {name}\t{kind}\t3000\tpackage {name}")
        rows.append(f"train/{kind}/{name}.fasta.gz\twrong\twrong\t{kind}\t3000\twrong")
    (tmp_path / "provenance.tsv").write_text("\n".join(rows) + "\n")
    return made


def make(script: ModuleType, tmp_path: Path, name: str, *options: str) -> Path:
    output = tmp_path / name
    arguments = [str(tmp_path / "demo"), str(output), "--reads-per-label", "60", *options]
    assert script.main(arguments) == 0
    return output


def read_fasta(text: str) -> dict[str, str]:
    lines = text.split()
    return dict(zip([line[1:] for line in lines[::2]], lines[1::2], strict=True))


def read_truth(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def check_reads(reads: dict[str, str], truth: list[dict[str, str]], genomes: dict[str, str]) -> int:
    """Every read is its stretch of its genome; returns the number of substitutions."""
    assert list(reads) == [row["id"] for row in truth]
    errors = 0
    for row in truth:
        stretch = genomes[row["accession"]][int(row["start"]) - 1 : int(row["end"])]
        if row["strand"] == "-":
            stretch = stretch.translate(COMPLEMENT)[::-1]
        read = reads[row["id"]]
        assert len(read) == len(stretch)
        assert 150 <= len(read) <= 300
        assert set(read) <= set("ACGT")
        errors += sum(a != b for a, b in zip(read, stretch, strict=True))
    return errors


def test_reads_are_where_the_truth_says(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    output = make(script, tmp_path, "out", "--error-rate", "0.01")
    reads = read_fasta(gzip.decompress((output / "reads.fasta.gz").read_bytes()).decode())
    truth = read_truth(output / "truth.tsv")
    errors = check_reads(reads, truth, genomes)
    bases = sum(map(len, reads.values()))
    assert 0.005 < errors / bases < 0.015
    assert Counter((row["label"], row["accession"]) for row in truth) == {
        ("virus", "V1"): 30,
        ("virus", "V2"): 30,
        ("non-virus", "C1"): 60,
    }
    assert {row["organism"] for row in truth} == {"O V1", "O V2", "O C1"}
    assert {row["strand"] for row in truth} == {"+", "-"}
    assert len(set(map(len, reads.values()))) > 50


def test_neither_order_nor_headers_tell_the_label(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    output = make(script, tmp_path, "out")
    labels = [row["label"] for row in read_truth(output / "truth.tsv")]
    changes = sum(a != b for a, b in pairwise(labels))
    assert changes > 30
    headers = gzip.decompress((output / "reads.fasta.gz").read_bytes()).decode().split("\n")[::2]
    assert headers[:-1] == [f">read_{number:04d}" for number in range(1, 121)]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    script: ModuleType,
    tmp_path: Path,
    genomes: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outputs = []
    for number, seed in enumerate(["1", "1", "2"]):
        # The time of compression must not be part of the bytes.
        monkeypatch.setattr("time.time", lambda number=number: 1e9 + 1e6 * number)
        outputs.append(make(script, tmp_path, f"out{number}", "--seed", seed))
    first, again, other = (
        {path.name: path.read_bytes() for path in output.iterdir()} for output in outputs
    )
    assert set(first) == {"reads.fasta.gz", "truth.tsv", "README.md"}
    assert first == again
    assert first["reads.fasta.gz"] != other["reads.fasta.gz"]


def test_the_readme_names_the_sources(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    text = (make(script, tmp_path, "out") / "README.md").read_text()
    assert "| non-virus | C1 | O C1 | 3,000 | 60 | package C1 |" in text
    assert "wrong" not in text


def test_a_subset_is_balanced_and_keeps_its_truth(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    subset = tmp_path / "subset"
    options = ("--subset", str(subset), "--subset-reads-per-label", "6", "--error-rate", "0")
    make(script, tmp_path, "out", *options)
    truth = read_truth(subset / "reads.truth.tsv")
    assert check_reads(read_fasta((subset / "reads.fasta").read_text()), truth, genomes) == 0
    assert Counter(row["accession"] for row in truth) == {"V1": 3, "V2": 3, "C1": 6}


def test_the_committed_reads_and_their_truth_belong_together() -> None:
    demo, small = ROOT / "assets" / "demo", ROOT / "tests" / "data"
    reads = read_fasta(gzip.decompress((demo / "reads.fasta.gz").read_bytes()).decode())
    readme = (demo / "README.md").read_text()
    for sequences, table, per_label in (
        (reads, demo / "truth.tsv", 300),
        (read_fasta((small / "reads.fasta").read_text()), small / "reads.truth.tsv", 12),
    ):
        truth = read_truth(table)
        assert list(sequences) == [row["id"] for row in truth]
        assert Counter(row["label"] for row in truth) == {
            "virus": per_label,
            "non-virus": per_label,
        }
        for row in truth:
            assert len(sequences[row["id"]]) == int(row["end"]) - int(row["start"]) + 1
            assert row["accession"] in readme
