"""The blocks of the documentation that are marked as runnable run, page by page, as they stand."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import PAGES, Block, blocks
from tests.genomes import make_genomes
from tests.pipeline.running import READS, REPOSITORY, copy_project

_N_READS = 40
_MARKED = {page: [block for block in blocks(page) if block.runnable] for page in PAGES}


def _page(page: str) -> object:
    """Pages that start Nextflow need it."""
    marks = [pytest.mark.slow, pytest.mark.long]
    if any("nextflow run" in block.text + block.before for block in _MARKED[page]):
        marks.append(pytest.mark.pipeline)
    return pytest.param(page, marks=marks)


@pytest.mark.parametrize("page", [_page(page) for page in PAGES if _MARKED[page]])
def test_the_runnable_blocks_of_a_page(page: str, tmp_path: Path) -> None:
    checkout = _checkout(tmp_path / "virnucpro-nf")
    for block in _MARKED[page]:
        missing = [program for program in block.needs if not shutil.which(program)]
        if missing:
            pytest.skip(f"{page}, line {block.line} needs {', '.join(missing)}")
        done = _run(block, checkout, tmp_path)
        assert done.returncode == 0, (
            f"{page}, line {block.line}: exit code {done.returncode}\n{done.stdout.decode()}"
        )


def _run(block: Block, checkout: Path, home: Path) -> subprocess.CompletedProcess[bytes]:
    variables = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "NXF_ANSI_LOG": "false",
        "NXF_OFFLINE": "true",
        # Nothing that a user of this machine has fetched or made is found, or changed.
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")]),
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{block.before}\n{block.text}"],
        cwd=checkout,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1200,
        check=False,
    )


def _checkout(folder: Path) -> Path:
    """A working copy with its environment and the inputs that the pages speak of."""
    copy_project(folder)
    for name in ("demo", "models"):
        shutil.copytree(REPOSITORY / "assets" / name, folder / "assets" / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "tests", folder / "tests", ignore=ignored)
    for name in ("pyproject.toml", "Makefile"):
        shutil.copy2(REPOSITORY / name, folder / name)
    # These tests run in the environment that the page would have made.
    activate = folder / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    _write_inputs(folder)
    return folder


def _write_inputs(folder: Path) -> None:
    with gzip.open(REPOSITORY / "assets" / "demo" / "reads.fasta.gz", "rt") as file:
        records = file.read().split(">")[1 : _N_READS + 1]
    named = [record.split("\n", 1) for record in records]
    reads = [(name, sequence.replace("\n", "")) for name, sequence in named]
    with gzip.open(folder / "reads.fastq.gz", "wt") as output:
        output.writelines(f"@{name}\n{bases}\n+\n{'I' * len(bases)}\n" for name, bases in reads)
    shutil.copy(READS, folder / "reads.fasta")
    shutil.copy(READS, folder / "contigs.fasta")
    proteins = ("GIVEQCCTSICSLYQLENYCN", "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG")
    for name in ("proteins.faa", "proteins.fasta"):
        text = "".join(f">protein_{n}\n{letters}\n" for n, letters in enumerate(proteins, 1))
        (folder / name).write_text(text)
    (folder / "samples.csv").write_text("sample,file\nlake,reads.fasta\nriver,contigs.fasta\n")
    make_genomes(folder / "genomes")
    lines = ["file,label"]
    for kind, label in (("viral", "virus"), ("cellular", "others")):
        for file in sorted((folder / "genomes" / kind).iterdir()):
            lines.append(f"genomes/{kind}/{file.name},{label}")
    (folder / "genomes.csv").write_text("\n".join(lines) + "\n")
