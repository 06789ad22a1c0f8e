"""The command line: every step on real files, exit codes, one line for every error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path

import dnaio
import h5py
import pytest

from tests.bundles import CALIBRATION, WINDOW_SIZE, make_bundle
from virnucpro_core import _progress
from virnucpro_core.cli import main, task_of_lines
from virnucpro_core.store import read_shard

READS = Path(__file__).parents[1] / "data" / "reads.fasta"
REPORT_RUN = ["report", "run", "--sample", "a:b", "--sequences", "s.tsv", "--reads", "r"]
REPORT_RUN += ["--model", "m", "--parameters", "p", "--code-sha256", "c", "--output", "run.json"]
CONSENSUS = ["consensus", "--records", "none.h5", "--reads", "r", "--sample", "s"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("model") / "bundle", calibration=CALIBRATION)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outdir = tmp_path_factory.mktemp("prepared")
    size = str(WINDOW_SIZE)
    assert run("prepare", READS, "--sample", "s", "--window-size", size, "--outdir", outdir) == 0
    return outdir / "shards" / "s.shard_00001.h5"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_the_steps_lead_from_reads_to_calls(
    tmp_path: Path,
    bundle: Path,
    shard: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_progress, "_LINE_SECONDS", 0.0)
    for encoder in ("dna", "protein"):
        output = tmp_path / f"{encoder}.h5"
        stages = tmp_path / f"{encoder}.tsv"
        words = ("--encoder", encoder, "--model", bundle, "--output", output, "--stages", stages)
        assert run("embed", shard, *words, "--precision", "fp32") == 0
        with h5py.File(output) as file:
            assert file["embeddings"].shape == (len(file["ids"]), 16)
            assert file.attrs["precision"] == "fp32"
        assert stages.read_text().count("\n") == 2
    dna, protein, scores = (tmp_path / name for name in ("dna.h5", "protein.h5", "scores.h5"))
    words = ("--dna", dna, "--protein", protein, "--model", bundle, "--output", scores)
    assert run("classify", shard, *words) == 0
    records = shard.parents[1] / "s.records.h5"
    words = ("--records", records, "--reads", READS, "--sample", "s", "--outdir", tmp_path)
    assert run("consensus", *words, scores, "--fdr", "0.2") == 0
    output = capsys.readouterr()
    assert "of the records are taken to be viruses (the most that the sample allows" in output.out
    assert "warning" not in output.err
    for line in ("classifying: 35 of 35 frames", "s (scores): 24 of 24", "s (calls): 24 of 24"):
        assert line in output.err
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["decision"] == {"rule": "fdr", "cutoff": 0.2, "preset": None}
    assert summary["calibration"] == CALIBRATION
    lines = (tmp_path / "sequences.tsv").read_text().splitlines()
    assert len(lines) == 1 + READS.read_text().count(">")
    parameters = tmp_path / "parameters.json"
    parameters.write_text('{"input": "reads.fasta"}')
    words = ("--sample", "s", "--sequences", tmp_path / "sequences.tsv", "--reads", READS)
    more = ("--model", bundle, "--parameters", parameters, "--code-sha256", "0" * 64)
    for command, expected in (
        ("nextflow run 'a b.nf'", ["nextflow", "run", "a b.nf"]),
        ("nextflow --input it's", ["nextflow --input it's"]),
    ):
        output, command_file = tmp_path / "run.json", tmp_path / "command.txt"
        command_file.write_text(f"{command}\n")
        options = ("--command", command_file, "--output", output)
        assert run("report", "run", *words, *more, *options) == 0
        written = json.loads(output.read_text())
        assert written["counts"]["records"] == len(lines) - 1
        assert written["command"] == expected


def test_lines_run_one_after_the_other_and_bad_input_costs_its_own_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def line(sample: str, reads: object, size: int = 500) -> str:
        options = f"--sample {sample} --window-size {size} --outdir '{tmp_path / sample}'"
        return f"prepare '{reads}' {options}\n"

    lines = [line("good", READS), "\n", line("bad", tmp_path / "none"), line("bad", READS)]
    assert task_of_lines([*lines, line("later", READS)]) == 0
    assert [path.name for path in sorted(tmp_path.glob("*/*.records.h5"))] == [
        "good.records.h5",
        "later.records.h5",
    ]
    (note,) = tmp_path.glob("*.failure.json")
    assert note.name == "bad.failure.json"
    error = f"{tmp_path / 'none'}: does not exist; check the path"
    assert json.loads(note.read_text()) == {"sample": "bad", "error": error}
    assert f"virnucpro: error: {error}" in capsys.readouterr().err
    versions = tmp_path / "versions.yml"
    assert f"    dnaio: {dnaio.__version__}\n" in versions.read_text()
    versions.unlink()
    # What is wrong with more than its sample ends them all.
    assert task_of_lines([line("unasked", READS, size=1), line("never", READS)]) == 2
    assert not (tmp_path / "never").exists()
    assert len(list(tmp_path.glob("*.failure.json"))) == 1
    assert not versions.exists()
    assert task_of_lines(["--version\n", "report 'open\n"]) == 2
    assert "line 2 of the commands: No closing quotation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, 2, "x.h5: does not exist; name a shard of 'virnucpro prepare' or 'virnucpro shard'"),
        ("a folder", 2, "x.h5: is a directory; name a shard"),
        (READS.read_bytes(), 2, "x.h5: is not an HDF5 file; name a shard"),
        ("records", 2, "x.h5: holds virnucpro-records; name a shard"),
        ("hdf5", 2, "x.h5: holds something else; name a shard"),
        # Damage may pass: the task is tried again.
        (b"", 3, "x.h5: is not a readable HDF5 file"),
        ("half", 3, "x.h5: is not a readable HDF5 file"),
    ],
)
def test_a_shard_that_is_none_is_bad_input_and_a_damaged_one_is_not(
    tmp_path: Path,
    bundle: Path,
    shard: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | bytes | None,
    code: int,
    message: str,
) -> None:
    path = tmp_path / "x.h5"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "a folder":
        path.mkdir()
    elif content == "records":
        shutil.copy(shard.parents[1] / "s.records.h5", path)
    elif content == "hdf5":
        h5py.File(path, "w").close()
    elif content == "half":
        path.write_bytes(shard.read_bytes()[:1_000])
    # The second of two: all are looked at before the first is embedded.
    words = ("--model", bundle, "--output", tmp_path / "a", "--output", tmp_path / "b")
    assert run("embed", shard, path, "--encoder", "dna", *words) == code
    assert message in capsys.readouterr().err
    assert (tmp_path / "a").exists() is (code == 3)


def test_the_wrong_encoder_is_refused(
    tmp_path: Path, bundle: Path, shard: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proteins given as DNA embeddings, and embeddings of another model's weights."""
    other = make_bundle(tmp_path / "other", seed=5)
    made = tmp_path / "dna.h5"
    assert run("embed", shard, "--encoder", "dna", "--model", other, "--output", made) == 0
    words = ("--dna", made, "--protein", made, "--model", bundle, "--output", tmp_path / "s.h5")
    assert run("classify", shard, *words) == 3
    assert "embed the shard with this bundle" in capsys.readouterr().err
    assert not (tmp_path / "s.h5").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "embed a b --encoder dna --output o --output ./o",
            "o: is to be written by --output twice",
        ),
        (
            "embed a b --encoder dna --output o --output p --checkpoint-key k --checkpoint-key k",
            "k: is to be written by --checkpoint-key twice",
        ),
        (
            "embed a b --encoder dna --output o --output p --stages p",
            "p: is to be written by --stages and by --output",
        ),
        ("embed a b --encoder dna --output o --output link", "link: is to be written by --output,"),
        ("classify a b --dna c --dna d --protein e --protein f --output o --output o", "o: is to"),
        ("embed a --encoder dna --output .", ".: is to be written by --output, and is a folder;"),
        (
            "embed a --encoder dna --output o --stages pipe",
            "pipe: is to be written by --stages, and",
        ),
        ("classify a --dna c --protein e --output e", "e: is to be written by --output, and is"),
    ],
)
def test_a_file_that_would_be_lost_is_refused_before_anything_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("b")
    os.mkfifo("pipe")
    # Neither the model nor a shard is there: they are not looked for.
    assert main([*words.split(), "--model", "none"]) == 2
    assert message in capsys.readouterr().err


def test_a_models_window_size_and_frame_rule_are_taken_unless_others_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_bundle(tmp_path / "model", window_size=240, frame_rule="longest")
    made = {}
    for name, words in {
        "own": ("--model", model),
        "size": ("--model", model, "--window-size", 300),
        "rule": ("--model", model, "--frame-rule", "complete"),
        "alone": ("--window-size", 300),
        "asked": ("--window-size", 300, "--frame-rule", "longest"),
    }.items():
        outdir = tmp_path / name
        assert run("prepare", READS, "--sample", "s", "--outdir", outdir, *words) == 0
        shard = read_shard(outdir / "shards" / "s.shard_00001.h5")
        made[name] = (shard.window_size, shard.frame_rule)
    assert made == {
        "own": (240, "longest"),
        "size": (300, "longest"),
        "rule": (240, "complete"),
        "alone": (300, "complete"),
        "asked": (300, "longest"),
    }
    output = capsys.readouterr()
    assert output.err.count("frames were found by the rule 'complete', but the model's") == 1
    assert output.err.count("warning") == 1
    assert "partial), 1 shards" in output.out


def test_a_shard_of_another_rule_than_the_models_is_told_when_it_is_classified(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--window-size", WINDOW_SIZE, "--frame-rule", "longest", "--outdir", tmp_path)
    assert run("prepare", READS, "--sample", "s", *words) == 0
    shard = tmp_path / "shards" / "s.shard_00001.h5"
    for encoder in ("dna", "protein"):
        output = tmp_path / f"{encoder}.h5"
        words = ("--encoder", encoder, "--model", bundle, "--output", output)
        assert run("embed", shard, *words, "--precision", "fp32") == 0
    capsys.readouterr()
    files = ("--dna", tmp_path / "dna.h5", "--protein", tmp_path / "protein.h5")
    scores = tmp_path / "scores.h5"
    assert run("classify", shard, *files, "--model", bundle, "--output", scores) == 0
    told = "frames were found by the rule 'longest', but the model's classifier was trained"
    assert f"s.shard_00001.h5: warning: {told}" in capsys.readouterr().err
    words = ("--records", tmp_path / "s.records.h5", "--reads", READS, "--sample", "s")
    assert run("consensus", *words, "--outdir", tmp_path, scores) == 0
    assert f"s: warning: {told}" in capsys.readouterr().err
    assert "\tnot-scorable\t" not in (tmp_path / "sequences.tsv").read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["prepare", "none.fa", "--sample", "s", "--window-size", "500"], 2, "does not exist"),
        (["prepare", str(READS), "--sample", "s", "--window-size", "2"], 2, "window size 2"),
        (["prepare", str(READS), "--sample", "s"], 2, "window-size"),
        (
            ["prepare", str(READS), "--sample", "s", "--window-size", "500", "--frame-rule", "all"],
            2,
            "the frame rule is 'all'; give complete or longest",
        ),
        (
            ["prepare", "-", "--sample", "a/b", "--window-size", "500"],
            2,
            "sample name 'a/b' cannot",
        ),
        (
            [
                "prepare",
                str(READS),
                "--sample",
                "s",
                "--window-size",
                "500",
                "--outdir",
                str(READS),
            ],
            3,
            "reads.fasta/s.records.h5: cannot be written",
        ),
        (REPORT_RUN, 2, "sample name 'a:b' cannot be part of a file name; use letters"),
        (["embed", "x.h5", "--encoder", "rna", "--model", "m", "--output", "o"], 2, "dna, protein"),
        (
            ["embed", "x.h5", "--encoder", "dna", "--model", "m", "--output", "o"],
            2,
            "m: there is no such model",
        ),
        (CONSENSUS, 3, "none.h5"),
        ([*CONSENSUS, "--fdr", "0.1", "--preset", "strict"], 2, "--preset and --fdr are different"),
        ([*CONSENSUS, "--preset", "lax"], 2, "sensitive, balanced, strict"),
        ([*CONSENSUS, "--prevalence", "0"], 2, "auto or a number between 0 and 1"),
        (["model", "show", "nowhere"], 2, "nowhere"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_is_wrong_is_told_without_a_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def run_unread(*words: object) -> int:
    """`run` with a standard output that is a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, redirect_stdout(stream):
        return run(*words)


def test_finished_work_counts_when_nobody_reads_the_output(tmp_path: Path) -> None:
    reads = tmp_path / "reads.fasta"
    reads.write_text(">short\nAC\n")
    stages = tmp_path / "stages.tsv"
    common = ("--sample", "s", "--outdir", tmp_path, "--stages", stages)
    assert run_unread("prepare", reads, "--window-size", 500, *common) == 0
    records = tmp_path / "s.records.h5"
    assert run_unread("consensus", "--records", records, "--reads", reads, *common) == 0
    labels = tmp_path / "labels.tsv"
    labels.write_text("id\tlabel\torganism\nshort\tvirus\tB\n")
    assert run_unread("report", "truth", tmp_path / "sequences.tsv", labels) == 0
    stages.unlink()
    assert run_unread("shard", reads, "--molecule", "dna", *common) == 0
    assert stages.exists()


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("virnucpro 0.")


def test_a_bundle_shows_and_verifies(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "show", str(bundle)]) == 0
    assert json.loads(capsys.readouterr().out)["window_size"] == WINDOW_SIZE
    assert main(["model", "verify", str(bundle)]) == 0
    weights = bundle / "classifier.safetensors"
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:-1] + b"x")
        assert main(["model", "verify", str(bundle)]) == 2
    finally:
        weights.write_bytes(whole)
    assert "classifier.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GOMP_SPINCOUNT": "3000"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ],
)
def test_idle_threads_sleep_soon_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: dict[str, str]
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    others = {name: value for name, value in os.environ.items() if name not in names}
    monkeypatch.setattr(os, "environ", {**others, **before})
    # A call from Python changes nothing of its process.
    assert run("--version") == 0
    assert os.environ == {**others, **before}
    monkeypatch.setattr(sys, "argv", ["virnucpro", "--version"])
    assert main() == 0
    found = {name: os.environ[name] for name in after}
    assert found == after
    assert ("GOMP_SPINCOUNT" in os.environ) == ("GOMP_SPINCOUNT" in after)
