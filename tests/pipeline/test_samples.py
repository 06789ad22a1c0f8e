"""Many samples in one run, pairs, standard input, and the help."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, REPOSITORY, Run, read_table, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

RESULTS = (
    "sequences.tsv",
    "prediction_results.txt",
    "prediction_results_highestscore.csv",
    "viral.fasta.gz",
)


def records() -> list[str]:
    return [f">{record}" for record in READS.read_text().split(">")[1:]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make_bundle(folder / "model")
    (folder / "with space").mkdir()
    (folder / "with space" / "it's first.fasta").write_text("".join(records()[:8]))
    (folder / "empty.fasta").touch()
    (folder / "lane1.fasta").write_text("".join(records()[8:12]))
    (folder / "lane2.fasta.gz").write_bytes(gzip.compress("".join(records()[12:]).encode()))
    for mate in "12":
        (folder / f"mate{mate}.fastq").write_text(
            "".join(f"@r{i}\n{'ACGTTGCATC' * 3}\n+\n{'I' * 30}\n" for i in range(2))
        )
    (folder / "sheet.csv").write_text(
        "sample,fastq_1,fastq_2,strandedness\r\n"
        "first,with space/it's first.fasta,,auto\r\n"
        "empty,empty.fasta,,auto\r\n"
        "lanes,lane1.fasta,,auto\r\n"
        "lanes,lane2.fasta.gz,,auto\r\n"
        "pair,mate1.fastq,mate2.fastq,auto\r\n"
    )
    return folder


@pytest.fixture(scope="module")
def together(folder: Path) -> Run:
    # 35 frames, of which no sample fits into one shard.
    given = ("--model", "model", "--shard_frames", "5", "--save_embeddings")
    run = run_pipeline(folder, "--input", "sheet.csv", *given, outdir="together")
    assert run.exit_code == 0, run.output
    return run


def test_small_samples_share_tasks_and_an_empty_one_has_its_files(together: Run) -> None:
    assert len(together.tasks()) == 8  # one of each process
    assert together.output.count("nothing reads the columns strandedness") == 1
    for sample, n_records in (("first", 8), ("empty", 0), ("lanes", 16), ("pair", 4)):
        assert len(read_table(together.outdir / sample / "sequences.tsv")) == n_records
        assert (together.outdir / sample / "run.json").exists()
    assert not (together.outdir / "empty" / "embeddings").exists()
    embeddings = sorted(path.name for path in together.outdir.glob("lanes/embeddings/*.h5"))
    assert embeddings[0] == "lanes.shard_00001.dna.h5"
    ids = [row["id"] for row in read_table(together.outdir / "lanes" / "sequences.tsv")]
    assert ids == [record[1:].split()[0] for record in records()[8:]]
    stages = (together.outdir / "pipeline_info" / "stages.txt").read_text()
    assert [line.split()[-2] for line in stages.splitlines() if line.startswith("Consensus")] == (
        ["28"]
    )


def test_mates_of_two_files_are_records_of_one_sample(together: Run) -> None:
    ids = [row["id"] for row in read_table(together.outdir / "pair" / "sequences.tsv")]
    assert ids == ["r0/1", "r0/2", "r1/1", "r1/2"]


def test_alone_and_from_standard_input_a_sample_has_the_same_results(
    folder: Path, together: Run
) -> None:
    reads = (folder / "with space" / "it's first.fasta").read_bytes()
    given = ("--input", "-", "--sample", "first", "--model", "model", "--shard_frames", "7")
    alone = run_pipeline(folder, *given, outdir="alone", stdin=reads)
    assert alone.exit_code == 0, alone.output
    for name in RESULTS:
        ours = (alone.outdir / "first" / name).read_bytes()
        assert ours == (together.outdir / "first" / name).read_bytes()
    # Under the name of its content it is the same file when the run is resumed.
    kept = folder / "work" / "stdin" / hashlib.sha256(reads).hexdigest()
    assert kept.read_bytes() == reads
    assert list(kept.parent.iterdir()) == [kept]


def test_help_is_made_of_the_schema(folder: Path) -> None:
    run = run_pipeline(folder, "--help", outdir="helped")
    assert run.exit_code == 0
    assert "  --prevalence TEXT       Share of viruses among the records" in run.output
    assert "--group_samples" not in run.output
    assert run.tasks() == []


def test_small_samples_are_grouped_in_order_and_large_ones_stay_alone(tmp_path: Path) -> None:
    sizes = {"a.fa": 1, "b.fa": 9, "big.fq.gz": 5 << 20, "c.fq.gz": 3 << 20, "d.fq": 8 << 20}
    for name, size in {**sizes, "e.fa": 1, "f.fa": 1, "g.fa": 1}.items():
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    (tmp_path / "main.nf").write_text(
        """
def names(files, most) {
    def rows = files.withIndex(2).collect { name, row ->
        [id: name[0], files: ["${projectDir}/${name}".toString()], paired: false, row: row]
    }
    return Samples.readGroups([input: 's.csv'], rows, most, workflow).collect { it -> it[0].id }
}

workflow {
    def files = ['a.fa', 'b.fa', 'big.fq.gz', 'c.fq.gz', 'd.fq', 'e.fa', 'f.fa', 'g.fa']
    println("all ${names(files.findAll { name -> name != 'big.fq.gz' }, 100)}")
    println("large ${names(['a.fa', 'big.fq.gz', 'e.fa'], 100)}")
    println("two ${names(['a.fa', 'b.fa', 'e.fa', 'f.fa', 'g.fa'], 2)}")
    println("less ${names(['a.fa', 'b.fa', 'e.fa', 'f.fa'], 2)}")
    println("one ${names(['a.fa', 'b.fa'], 1)}")
}
"""
    )
    run = run_pipeline(tmp_path, "-lib", REPOSITORY / "lib", project=tmp_path, profile=None)
    assert run.exit_code == 0, run.output
    # 3 MiB compressed and 8 MiB of text, which count as 2, are more than a group holds.
    assert "all [a+2, d+3]" in run.output
    assert "large [b, a+1]" in run.output
    assert "two [a+1, e+1, g]" in run.output
    assert "less [a+1, e+1]" in run.output
    assert "one [a, b]" in run.output
