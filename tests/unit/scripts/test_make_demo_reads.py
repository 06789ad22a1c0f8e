"""The demo's reads and contigs come from where the truth says, and can be made again."""

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
    made = {name: "".join(rng.choices("ACGT", k=12_000)) for name in ("V1", "V2", "C1")}
    made["V2"] = made["V2"][:6000] + "N" * 6000
    columns = (
        "name", "accession", "organism", "class", "family", "split", "ecosystem", "package",
        "member", "reads", "contigs",
    )  # fmt: skip
    rows = [columns]
    for name, sequence in made.items():
        kind = "viral" if name.startswith("V") else "cellular"
        split = "train" if name == "C1" else "test"
        path = tmp_path / "genomes" / kind / f"file_{name}.fasta.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(f">{name} x\n{sequence[:70]}\n{sequence[70:]}\n".encode()))
        rows.append(
            (f"file_{name}", name, f"O {name}", kind, f"F {name}", split, "debian",
             f"package_{name}==1", f"usr/{name}.fa", "30", "12")
        )  # fmt: skip
    (tmp_path / "table.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return made


def make(script: ModuleType, tmp_path: Path, name: str, *options: str) -> Path:
    output = tmp_path / name
    words = [tmp_path / "genomes", output, "--table", tmp_path / "table.tsv", *options]
    assert script.main([str(word) for word in words]) == 0
    return output


def read_fasta(text: str) -> dict[str, str]:
    lines = text.split()
    return dict(zip([line[1:] for line in lines[::2]], lines[1::2], strict=True))


def read_truth(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_records_are_where_the_truth_says(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    output = make(script, tmp_path, "out")
    records = read_fasta(gzip.decompress((output / "reads.fasta.gz").read_bytes()).decode())
    truth = read_truth(output / "truth.tsv")
    assert list(records) == [row["id"] for row in truth]
    errors = Counter[str]()
    for row in truth:
        stretch = genomes[row["accession"]][int(row["start"]) - 1 : int(row["end"])]
        if row["strand"] == "-":
            stretch = stretch.translate(COMPLEMENT)[::-1]
        record = records[row["id"]]
        assert set(record) <= set("ACGT")
        errors[row["kind"]] += sum(a != b for a, b in zip(record, stretch, strict=True))
    assert 0 < errors["read"] < 0.01 * 90 * 150
    assert errors["contig"] == 0
    assert Counter((row["label"], row["kind"], row["accession"]) for row in truth) == {
        ("virus", "read", "V1"): 30,
        ("virus", "read", "V2"): 30,
        ("non-virus", "read", "C1"): 30,
        ("virus", "contig", "V1"): 12,
        ("virus", "contig", "V2"): 12,
        ("non-virus", "contig", "C1"): 12,
    }
    assert {row["organism"] for row in truth} == {"O V1", "O V2", "O C1"}
    assert {row["strand"] for row in truth} == {"+", "-"}
    lengths = {kind: [len(records[r["id"]]) for r in truth if r["kind"] == kind] for kind in errors}
    assert set(lengths["read"]) == {150}
    assert 500 <= min(lengths["contig"]) < 900
    assert 2500 < max(lengths["contig"]) <= 5000


def test_neither_order_nor_headers_tell_the_label(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    output = make(script, tmp_path, "out")
    labels = [row["label"] for row in read_truth(output / "truth.tsv")]
    for mine in (labels[:90], labels[90:]):
        assert sum(a != b for a, b in pairwise(mine)) > 0.3 * len(mine)
    headers = gzip.decompress((output / "reads.fasta.gz").read_bytes()).decode().split("\n")[::2]
    reads = [f">read_{number:03d}" for number in range(1, 91)]
    assert headers[:-1] == reads + [f">contig_{number:03d}" for number in range(1, 37)]


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


def test_the_readme_names_the_sources_and_whose_family_was_trained_on(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    lines = (make(script, tmp_path, "out") / "README.md").read_text().splitlines()
    source = "package_C1 1 (debian) usr/C1.fa"
    assert f"| non-virus | O C1 | C1 | F C1 | yes | 12,000 | 30 | 12 | {source} |" in lines
    assert any(line.startswith("| virus | O V1 | V1 | F V1 | no |") for line in lines)


def test_a_genome_that_was_not_collected(
    script: ModuleType, tmp_path: Path, genomes: dict[str, str]
) -> None:
    (tmp_path / "genomes" / "viral" / "file_V2.fasta.gz").unlink()
    with pytest.raises(SystemExit, match=r"file_V2\.fasta\.gz is not there; get it with"):
        make(script, tmp_path, "out")


def test_the_committed_sample_is_that_of_its_table() -> None:
    demo = ROOT / "assets" / "demo"
    records = read_fasta(gzip.decompress((demo / "reads.fasta.gz").read_bytes()).decode())
    truth, readme = read_truth(demo / "truth.tsv"), (demo / "README.md").read_text()
    assert list(records) == [row["id"] for row in truth]
    for row in truth:
        assert len(records[row["id"]]) == int(row["end"]) - int(row["start"]) + 1
    counts = Counter((row["accession"], row["kind"]) for row in truth)
    for genome in read_truth(ROOT / "scripts" / "demo_genomes.tsv"):
        assert f"| {genome['organism']} | {genome['accession']} |" in readme
        for kind in ("read", "contig"):
            assert counts.pop((genome["accession"], kind)) == int(genome[f"{kind}s"])
    assert not counts


def test_no_genome_of_the_sample_is_one_of_training() -> None:
    trained = {
        row["sha256"]: row["split"] for row in read_truth(ROOT / "scripts" / "training_genomes.tsv")
    }
    families = {
        row["family"]
        for row in read_truth(ROOT / "scripts" / "training_genomes.tsv")
        if row["split"] in ("train", "validation")
    }
    for genome in read_truth(ROOT / "scripts" / "demo_genomes.tsv"):
        assert trained.get(genome["sha256"], "test") == "test"
        assert (genome["family"] in families) is (genome["split"] == "train"), genome["name"]


def test_the_small_reads_and_their_truth_belong_together() -> None:
    folder = ROOT / "tests" / "data"
    reads = read_fasta((folder / "reads.fasta").read_text())
    truth, readme = read_truth(folder / "reads.truth.tsv"), (folder / "README.md").read_text()
    assert list(reads) == [row["id"] for row in truth]
    assert Counter(row["label"] for row in truth) == {"virus": 12, "non-virus": 12}
    for row in truth:
        assert len(reads[row["id"]]) == int(row["end"]) - int(row["start"]) + 1
        assert row["accession"] in readme
