"""Commands on many samples, pairs and standard input: results as if each were alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bundles import WINDOW_SIZE, make_bundle
from tests.fuzz.containers import bgzf_block
from virnucpro_core.cli import main
from virnucpro_core.store import RecordTable

READS = Path(__file__).parents[1] / "data" / "reads.fasta"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def n_records(table: Path) -> int:
    return sum(len(rows.ids) for rows in RecordTable.open(table).blocks())


def prepare(*words: object) -> int:
    return run("prepare", *words, "--window-size", WINDOW_SIZE)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    records = [f">{record}" for record in READS.read_text().split(">")[1:]]
    (tmp_path / "a.fasta").write_text("".join(records[:9]))
    (tmp_path / "b.fasta").write_text("".join(records[9:]))
    (tmp_path / "none.fasta").touch()
    path = tmp_path / "samples.json"
    rows = [{"sample": name, "file": f"{name}.fasta"} for name in ("a", "none", "b")]
    path.write_text(json.dumps(rows))
    return path


def test_samples_that_share_commands_have_the_files_of_each_alone(
    tmp_path: Path, sheet: Path
) -> None:
    bundle = make_bundle(tmp_path / "model")
    assert prepare("--sheet", sheet, "--outdir", tmp_path) == 0
    for name in "ab":
        assert (
            prepare(tmp_path / f"{name}.fasta", "--sample", name, "--outdir", tmp_path / name) == 0
        )
    shards = [tmp_path / "shards" / f"{name}.shard_00001.h5" for name in "ab"]
    assert sorted((tmp_path / "shards").iterdir()) == shards
    assert n_records(tmp_path / "none.records.h5") == 0
    for name, shard in zip("ab", shards, strict=True):
        alone = tmp_path / name / "shards" / shard.name
        assert alone.read_bytes() == shard.read_bytes()

    def outputs(kind: str) -> list[Path]:
        return [tmp_path / f"{name}.{kind}.h5" for name in "ab"]

    def times(option: str, paths: list[Path]) -> list[object]:
        return [word for path in paths for word in (option, path)]

    for encoder in ("dna", "protein"):
        words = ("--encoder", encoder, "--model", bundle, "--precision", "fp32")
        keys = [tmp_path / f"{name}.{encoder}.key" for name in "ab"]
        stages = tmp_path / f"{encoder}.tsv"
        more = (*times("--output", outputs(encoder)), *times("--checkpoint-key", keys))
        directory = ("--checkpoint-dir", tmp_path / "checkpoints")
        assert run("embed", *shards, *words, *more, *directory, "--stages", stages) == 0
        assert len({key.read_text() for key in keys}) == 2
        assert stages.read_text().count("\n") == 2
        for shard, together in zip(shards, outputs(encoder), strict=True):
            alone = tmp_path / "alone.h5"
            assert run("embed", shard, *words, "--output", alone) == 0
            assert alone.read_bytes() == together.read_bytes()
    words = (*times("--dna", outputs("dna")), *times("--protein", outputs("protein")))
    scores = times("--output", outputs("scores"))
    assert run("classify", *shards, *words, *scores, "--model", bundle) == 0
    for name, path in zip("ab", outputs("scores"), strict=True):
        records = tmp_path / f"{name}.records.h5"
        words = ("--records", records, "--reads", tmp_path / f"{name}.fasta", "--sample", name)
        assert run("consensus", *words, "--outdir", tmp_path / name, path) == 0


def test_lanes_of_pairs_are_read_again_for_the_results(tmp_path: Path) -> None:
    files = []
    for lane in "xy":
        for mate in "12":
            path = tmp_path / f"{lane}{mate}.fastq"
            path.write_text(f"@{lane}\nTAATTAATTAATTAATTAA\n+\n{'I' * 19}\n")
            files.append(path)
    outdir = ("--outdir", tmp_path)
    assert prepare(*files, "--paired", "--sample", "s", *outdir) == 0
    reads = [word for path in files for word in ("--reads", path)]
    records = ("--records", tmp_path / "s.records.h5", "--sample", "s")
    assert run("consensus", *records, *reads, "--paired", *outdir) == 0
    lines = (tmp_path / "sequences.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == ["x/1", "x/2", "y/1", "y/2"]


def test_mates_in_turn_are_read_as_pairs_by_every_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "both.fastq"
    record = f"TAATTAATTAATTAATTAA\n+\n{'I' * 19}\n"
    path.write_text("".join(f"@{name} {mate}:N:0\n{record}" for name in "rs" for mate in "12"))
    outdir = ("--outdir", tmp_path)
    assert prepare(path, "--sample", "s", *outdir) == 0
    assert "s: " + f"{path}: mates are in turn; their ids get /1 and /2" in capsys.readouterr().out
    records = ("--records", tmp_path / "s.records.h5", "--sample", "s")
    assert run("consensus", *records, "--reads", path, *outdir) == 0
    lines = (tmp_path / "sequences.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == ["r/1", "r/2", "s/1", "s/2"]
    capsys.readouterr()
    assert run("doctor", "input", path) == 0
    assert "mates are in turn" in capsys.readouterr().out
    assert run("shard", path, "--sample", "d", "--molecule", "dna", *outdir) == 0
    assert "mates are in turn" in capsys.readouterr().out
    assert run("shard", path, "--sample", "p", "--molecule", "protein", *outdir) == 2


def test_a_bgzf_file_that_may_have_been_cut_is_told_in_the_log_and_in_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reads.fa.gz"
    path.write_bytes(bgzf_block(b">r\nTAATTAATTAATTAATTAA\n"))
    warning = "the end-of-file block of reads.fa.gz is missing"
    outdir = ("--outdir", tmp_path)
    assert prepare(path, "--sample", "s", *outdir) == 0
    assert f"virnucpro: s: warning: {warning}" in capsys.readouterr().err
    records = ("--records", tmp_path / "s.records.h5", "--sample", "s")
    assert run("consensus", *records, "--reads", path, *outdir) == 0
    assert f"virnucpro: s: warning: {warning}" in capsys.readouterr().err
    (told,) = json.loads((tmp_path / "summary.json").read_text())["input_warnings"]
    assert told.startswith(warning)
    assert run("shard", path, "--sample", "d", "--molecule", "dna", *outdir) == 0
    assert f"virnucpro: d: warning: {warning}" in capsys.readouterr().err
    assert run("doctor", "input", path) == 0
    assert f"warning: {warning}" in capsys.readouterr().out


def test_standard_input_is_kept_for_the_later_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = READS.read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert prepare("-", "--sample", "s", "--outdir", tmp_path / "new") == 0
    assert (tmp_path / "new" / "s.reads").read_bytes() == content
    assert n_records(tmp_path / "new" / "s.records.h5") == content.count(b">")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--outdir", "o"], "give either the files of one sample or a --sheet"),
        (["a.fasta", "--sheet", "samples.json"], "give either the files of one sample"),
        (["--sheet", "samples.json", "--sample", "a"], "the sheet names its own"),
        (["a.fasta"], "--sample is missing"),
        (["a.fasta", "--sample", "a", "--paired"], "--paired and 1 files"),
        (["--sheet", "bad.json"], "error: sample bad: bad.fasta, record 1 (p): has 'Q'"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    tmp_path: Path,
    sheet: Path,
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.fasta").write_text(">p\nMQL\n")
    Path("bad.json").write_text('[{"sample": "bad", "file": "bad.fasta"}]')
    assert prepare(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_shard_without_an_output_of_its_own_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--encoder", "dna", "--model", "m", "--output", tmp_path / "one.h5")
    assert run("embed", "a.h5", "b.h5", *words) == 2
    assert "2 shards and 1 times --output" in capsys.readouterr().err
