#!/usr/bin/env python3
"""Collect the training genomes from the packages that ship them. Standard library and Typer.

    collect_genomes.py OUT [--also FOLDER …] [--cache FOLDER] [--table TABLE]

TABLE (``training_genomes.tsv`` beside this script) has a row for each genome: where it is and the
SHA-256 of its letters. The packages come by the ordinary clients as they are set up here (pip, npm,
apt-get) into the cache; what lies there is not fetched again. OUT gets ``viral/<name>.fasta.gz``,
``cellular/<name>.fasta.gz`` and ``sheet.tsv`` (file, label, group, split; the group is the family).

Families were split by their names before anything was trained: within each class and higher group
(that of the family's longest sequence) in the order of the SHA-256 of ``"1 <family>"``, the first
quarter for the test, the next 15 % for validation; of families that came with the genomes at hand a
fifth and 12 %. Where two genomes of different parts share over 2 % of their protein k-mers, one of
the families went to the other's part, or the genome is left out: its split is ``none``.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import lzma
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from package_sequences import Record, read_members, read_records

LABEL_OF_CLASS = {"viral": "virus", "cellular": "others"}
AT_HAND = "at-hand"
LINE_WIDTH = 80
BROKEN = (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Source:
    """One row of the table.

    Attributes:
        name: the file's name without its ending.
        kind: viral or cellular.
        family: ICTV family, or the cell's.
        higher_group: what families are drawn from together, such as bacteria or RNA virus.
        split: train, validation or test; none for a genome that is left out.
        ecosystem: pypi-sdist, pypi-wheel, npm, debian, debian-source, or at-hand.
        package: ``name==version``.
        member: path in the package's archive.
        records: which of the member's records (see ``package_sequences.Selection``); of a genome
            at hand, what was taken of the accessions that ``identity`` names.
        span: ``first-last`` of a single record, 1-based, both included; empty for all of it.
        sha256: of the letters in upper case, records joined with N.
    """

    name: str
    kind: str
    family: str
    higher_group: str
    split: str
    ecosystem: str
    package: str
    member: str
    records: str
    span: str
    sha256: str

    @property
    def file(self) -> str:
        """Path in the output folder."""
        return f"{self.kind}/{self.name}.fasta.gz"

    @property
    def group(self) -> str:
        """The family; what is drawn together in training.

        A eukaryote of the training part is a group of its own: there are ten times as many families
        of bacteria here, while most samples come from a eukaryote.
        """
        alone = self.higher_group == "eukaryote" and self.split == "train"
        return self.name if alone else self.family


def read_table(path: Path) -> list[Source]:
    """The rows of ``training_genomes.tsv`` that are not left out."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    fields = Source.__slots__
    try:
        sources = [
            Source(**{f: row["class" if f == "kind" else f] for f in fields}) for row in rows
        ]
    except KeyError as error:
        raise SystemExit(f"error: {path}: no column {error}") from None
    for source in sources:
        if source.kind not in LABEL_OF_CLASS:
            raise SystemExit(f"error: {path}: {source.name}: class must be viral or cellular")
    if len({source.file for source in sources}) < len(sources):
        raise SystemExit(f"error: {path}: a name stands twice")
    return [source for source in sources if source.split != "none"]


def digest(records: Iterable[Record]) -> str:
    """SHA-256 of the records' letters, joined with N, as the training computes it."""
    return hashlib.sha256(b"N".join(record.letters for record in records)).hexdigest()


def digest_of_file(path: Path) -> str:
    """The same of a gzipped FASTA file; empty when it cannot be read."""
    try:
        with gzip.open(path) as file:
            return digest(read_records(file))
    except (OSError, EOFError, ValueError):
        return ""


def cut(records: Sequence[Record], span: str) -> list[Record]:
    """The first record's ``span``, or all records."""
    if not span or not records:
        return list(records)
    first, last = map(int, span.split("-"))
    return [Record(records[0].id, records[0].letters[first - 1 : last])]


def write_fasta(path: Path, records: Iterable[Record]) -> None:
    """Gzipped, the same bytes for the same records; a broken run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for record in records:
            file.write(f">{record.id}\n".encode("latin-1"))
            for at in range(0, len(record.letters), LINE_WIDTH):
                file.write(record.letters[at : at + LINE_WIDTH] + b"\n")
    part.replace(path)


def take(sources: Sequence[Source], archive: Path, output: Path) -> None:
    """Write the genomes of one package's archive, each verified."""
    wishes: dict[str, dict[str, str]] = defaultdict(dict)
    for source in sources:
        wishes[source.member][source.file] = source.records
    try:
        found = read_members(archive, wishes)
    except BROKEN as error:
        raise SystemExit(f"error: {archive}: cannot be read ({error}); remove it") from None
    for source in sources:
        records = cut(found.pop(source.file, []), source.span)
        if not records:
            raise SystemExit(f"error: {archive}: no {source.member} {source.records}".rstrip())
        if digest(records) != source.sha256:
            raise SystemExit(
                f"error: {source.name}: the digest of {source.member} in {source.package} "
                "is not the table's; the package has changed"
            )
        write_fasta(output / source.file, records)


def fetch(ecosystem: str, package: str, cache: Path) -> Path:
    """The package's archive in the cache, fetched by its client where it is not there yet."""
    folder = cache / ecosystem / re.sub(r"[^\w.+-]", "_", package)
    done = sorted(folder.glob("*")) if folder.is_dir() else []
    if done:
        return done[0]
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    name, _, version = package.partition("==")
    run(fetch_command(ecosystem, name, version, cache), package, part)
    archives = [p for p in part.iterdir() if p.suffix != ".dsc" and ".debian.tar" not in p.name]
    if len(archives) != 1:
        raise SystemExit(f"error: {package}: {len(archives)} archives came, one was expected")
    folder.mkdir()
    kept = archives[0].replace(folder / archives[0].name)
    shutil.rmtree(part)
    return kept


def fetch_command(ecosystem: str, name: str, version: str, cache: Path) -> list[str]:
    """What downloads the package into the current folder."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    if ecosystem == "pypi-sdist":
        return [*pip, f"--no-binary={name}", f"{name}=={version}"]
    if ecosystem == "pypi-wheel":
        return [*pip, f"--only-binary={name}", f"{name}=={version}"]
    if ecosystem == "npm":
        return ["npm", "pack", "--silent", f"{name}@{version}"]
    if ecosystem == "debian":
        return ["apt-get", "--quiet=2", "download", f"{name}={version}"]
    if ecosystem == "debian-source":
        options = source_lists(cache)
        return ["apt-get", *options, "--quiet=2", "source", "--tar-only", f"{name}={version}"]
    raise SystemExit(f"error: {name}: no client is known for {ecosystem}")


def source_lists(cache: Path) -> list[str]:
    """Options that let apt-get find source packages where it finds binary ones.

    Few machines have ``deb-src`` lines; the lists go to the cache, not to the system's folder.
    """
    state = (cache / "apt-lists").resolve()
    options = [
        f"-oDir::Etc::sourcelist={state / 'sources.list'}",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::lists={state / 'lists'}",
    ]
    if not (state / "lists").is_dir():
        (state / "lists/partial").mkdir(parents=True)
        entry = "deb-src [signed-by=$(SIGNED_BY)] $(REPO_URI) $(RELEASE) $(COMPONENT)"
        command = ["apt-get", "indextargets", "--format", entry, "Created-By: Packages"]
        # An apt that does not tell the key leaves its name in place; the system's keys then serve.
        told = run(command, "source lists", state).replace("[signed-by=$(SIGNED_BY)] ", "")
        lines = told.splitlines()
        (state / "sources.list").write_text("\n".join(sorted(set(lines))) + "\n", "utf-8")
        run(["apt-get", *options, "--quiet=2", "update"], "source lists", state)
    return options


def run(command: Sequence[str], what: str, folder: Path) -> str:
    """Run a client; its own last line tells why it failed."""
    if shutil.which(command[0]) is None:
        raise SystemExit(f"error: {what}: {command[0]} is not installed")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise SystemExit(f"error: {what}: {command[0]} failed: {said[-1].strip()}")
    return done.stdout


def copy_at_hand(sources: Sequence[Source], folder: Path, output: Path) -> None:
    """Copy the genomes that ``folder`` holds, known by their digests."""
    paths = {digest_of_file(path): path for path in sorted(folder.glob("*/*.fasta.gz"))}
    for source in sources:
        if path := paths.get(source.sha256):
            (output / source.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, output / source.file)


def write_sheet(sources: Sequence[Source], output: Path) -> None:
    """``sheet.tsv``, as ``virnucpro train data`` reads it."""
    rows = [f"{s.file}\t{LABEL_OF_CLASS[s.kind]}\t{s.group}\t{s.split}" for s in sources]
    text = "\n".join(("file\tlabel\tgroup\tsplit", *rows)) + "\n"
    output.mkdir(parents=True, exist_ok=True)
    (output / "sheet.tsv").write_text(text, "utf-8")


def main(
    output: Path,
    also: Annotated[list[Path] | None, typer.Option(help="Folder of genomes at hand.")] = None,
    cache: Annotated[Path, typer.Option(help="Where packages are kept.")] = Path("build/packages"),
    table: Annotated[Path, typer.Option()] = Path(__file__).with_name("training_genomes.tsv"),
) -> None:
    """Collect the training genomes from the packages that ship them."""
    sources = read_table(table)
    missing = [s for s in sources if digest_of_file(output / s.file) != s.sha256]
    for folder in also or ():
        copy_at_hand(missing, folder, output)
        missing = [s for s in missing if digest_of_file(output / s.file) != s.sha256]
    packages: dict[tuple[str, str], list[Source]] = defaultdict(list)
    for source in missing:
        packages[source.ecosystem, source.package].append(source)
    left_out = packages.pop((AT_HAND, ""), [])
    for (ecosystem, package), mine in sorted(packages.items()):
        print(f"{package} ({ecosystem}): {len(mine)} genomes", flush=True)
        take(mine, fetch(ecosystem, package, cache), output)
    write_sheet([s for s in sources if s not in left_out], output)
    print(f"{output}: {len(sources) - len(left_out)} genomes")
    if left_out:
        print(f"{len(left_out)} genomes are in no package: give their folder with --also")


if __name__ == "__main__":
    typer.run(main)
