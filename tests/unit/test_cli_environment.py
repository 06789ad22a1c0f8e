"""Commands in the environments of users: their own Python files, no home, no temporary folder, any
locale. What cannot work ends in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from virnucpro_core import _requirements
from virnucpro_core.cli import _start, main

REPOSITORY = Path(__file__).parents[2]
READS = REPOSITORY / "tests" / "data" / "reads.fasta"
PROGRAM = "import sys; from virnucpro_core.cli import main; sys.exit(main())"


def run(
    *arguments: str | bytes, variables: dict[str, str], folder: Path, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, in an environment with these variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, *options, "-c", PROGRAM, *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )


@pytest.mark.parametrize("name", ["numpy", "typer", "random", "typing", "tempfile", "dataclasses"])
@pytest.mark.parametrize("place", ["PYTHONPATH", "folder"])
def test_a_file_that_stands_in_for_a_module_is_named(tmp_path: Path, name: str, place: str) -> None:
    foreign = tmp_path / f"{name}.py"
    foreign.write_text("x = 1\n")
    here = tmp_path / "here"
    here.mkdir()
    by_path = place == "PYTHONPATH"
    done = run(
        "model",
        "list",
        variables={"PYTHONPATH": str(tmp_path)} if by_path else {},
        folder=here if by_path else tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("virnucpro: error: ")
    assert len(done.stderr.splitlines()) == 1
    assert f"{name} comes from {foreign}, not from this environment" in done.stderr


def test_another_version_that_fails_late_is_named(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("__version__ = '1.0'\n")
    words = ("embed", str(READS), "--encoder", "dna", "--model", "m", "--output", "o")
    done = run(*words, variables={"PYTHONPATH": str(tmp_path)}, folder=tmp_path / "torch")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"torch comes from {tmp_path / 'torch'}, not" in done.stderr


def test_files_of_other_names_are_nobodys_fault(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    done = run("--version", variables={"PYTHONPATH": str(tmp_path)}, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    error = RuntimeError("a mistake of ours")
    assert _start._refusal(error) is None


def test_what_a_broken_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    lacking = ImportError("GLIBCXX_3.4.30 not found", name="torch")
    assert str(_start._refusal(lacking)).endswith(
        "a package is broken: run 'make setup', or pip install it again"
    )
    monkeypatch.setenv("LD_LIBRARY_PATH", "/old")
    assert "unset LD_LIBRARY_PATH (/old)" in str(_start._refusal(lacking))
    assert _start._refusal(ImportError("no", name="virnucpro_core.x")) is None
    old = ["numpy is 1.2 (in /x), >=1.26 is needed"]
    monkeypatch.setattr(_requirements, "unmet_requirements", lambda: old)
    told = str(_start._refusal(AttributeError("module 'numpy' has no attribute 'long'")))
    assert "numpy is 1.2 (in /x), >=1.26 is needed: run 'make setup'" in told


def test_a_page_of_advice_is_left_out() -> None:
    error = ImportError("a page\n of advice")
    error.__cause__ = ImportError("libstdc++.so.6: no such version")
    assert str(_start._refusal(error)).startswith("ImportError: libstdc++.so.6: no such version; ")


def test_warnings_as_errors_are_told() -> None:
    told = str(_start._refusal(DeprecationWarning("old")))
    assert (
        told == "DeprecationWarning: old; PYTHONWARNINGS makes an error of this warning: unset it"
    )


def test_without_a_home_commands_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As for a user without an entry in passwd.
    monkeypatch.delenv("HOME", raising=False)
    program = (
        "import pwd, sys\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "from virnucpro_core.cli import main\n"
        "sys.argv[1:] = ['model', 'list']\n"
        "code = main()\n"
        "import altair, huggingface_hub\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"),
            "no folder for temporary files can be written; set TMPDIR to one that can",
        ),
        (
            OSError(28, "No space left on device"),
            "cannot be written ([Errno 28] No space left on device); free space there, or set "
            "TMPDIR to another folder",
        ),
    ],
)
def test_a_temporary_folder_that_cannot_be_written_is_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    line: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    assert main(["estimate", str(READS), "--model", "demo", "--device", "cpu"]) == 3
    assert capsys.readouterr().err.splitlines()[-1] == f"virnucpro: error: {line}"


LOCALES = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
]


@pytest.mark.parametrize("variables", LOCALES, ids=lambda v: " ".join(v.values()))
@pytest.mark.parametrize("name", ["é_µ.fasta".encode(), b"r\xff\xc3\xa9.fasta"])
def test_names_of_any_letters_are_read_and_told(
    tmp_path: Path, variables: dict[str, str], name: bytes
) -> None:
    words = ("prepare", name, "--sample", "s", "--window-size", "500", "--outdir", b"o" + name)
    done = run(*words, variables=variables, folder=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(".fasta: does not exist; check the path\n")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(READS.read_bytes())
    done = run("doctor", "input", name, variables=variables, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "24 records" in done.stdout


def test_results_name_a_file_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    reads = tmp_path / os.fsdecode(b"r\xff.fasta")
    reads.write_bytes(READS.read_bytes())
    out = tmp_path / os.fsdecode(b"o\xff")
    model = REPOSITORY / "assets" / "models" / "demo"
    sample = ["--sample", "s"]
    assert main(["prepare", str(reads), *sample, "--window-size", "500", "--outdir", str(out)]) == 0
    shard = str(out / "shards" / "s.shard_00001.h5")
    for encoder in ("dna", "protein"):
        words = ["--encoder", encoder, "--model", str(model), "--output", str(out / encoder)]
        assert main(["embed", shard, *words]) == 0
    embeddings = ["--dna", str(out / "dna"), "--protein", str(out / "protein")]
    scores = str(out / "s.scores.h5")
    assert main(["classify", shard, *embeddings, "--model", str(model), "--output", scores]) == 0
    records = ["--records", str(out / "s.records.h5"), "--reads", str(reads)]
    calls = ["--threshold", "0.5", "--outdir", str(out / "s")]
    assert main(["consensus", scores, *records, *sample, *calls]) == 0
    (tmp_path / "parameters.json").write_text("{}")
    (tmp_path / "command.txt").write_text("nextflow run main.nf")
    made_by = ["--parameters", str(tmp_path / "parameters.json"), "--model", str(model)]
    made_by += ["--command", str(tmp_path / "command.txt"), "--nextflow-version", "24.10.0"]
    given = ["--sequences", str(out / "s" / "sequences.tsv"), "--reads", str(reads)]
    run_json = out / "s" / "run.json"
    words = [*sample, *given, *made_by, "--code-sha256", "0" * 64, "--output", str(run_json)]
    assert main(["report", "run", *words]) == 0
    assert r'"r\\xff.fasta"' in run_json.read_text()
    page = out / "s" / "report.html"
    words = [*sample, "--run", str(run_json), "--model", str(model), "--output", str(page)]
    assert main(["report", "html", str(out / "s"), *words]) == 0
    assert r"r\xff.fasta" in page.read_text()


def test_a_name_that_a_library_cannot_take_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        "in /a/r\udcff.fasta here".encode()

    monkeypatch.setattr(_start, "_settle", fail)
    monkeypatch.setattr(sys, "argv", ["virnucpro", "--version"])
    assert main() == 2
    line = r"virnucpro: error: /a/r\udcff.fasta is no name in UTF-8: rename it (in a locale "
    assert capsys.readouterr().err == f"{line}without UTF-8, set LC_ALL=C.UTF-8)\n"


def test_a_full_temporary_folder_is_a_line(tmp_path: Path, mount: Callable[[str], Path]) -> None:
    full = mount("size=16k")
    (full / "fill").write_bytes(b"x" * 8192)
    reads = tmp_path / "many.fasta"
    reads.write_text("".join(f">r{i}\nACGTACGTAC\n" for i in range(70_000)))
    program = "from virnucpro_core.sequences import _duplicates; _duplicates._BUFFERED_IDS = 1000; "
    words = ["prepare", str(reads), "--sample", "s", "--window-size", "500", "--outdir", "o"]
    done = subprocess.run(
        [sys.executable, "-c", program + PROGRAM, *words],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(full)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "No space left on device" in done.stderr
