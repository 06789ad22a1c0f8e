"""Downloading genomes by their accessions, a file for each."""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from virnucpro_core._files import AtomicFile, commit, write_failure
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.training._accessions import Accession, read_accessions
from virnucpro_core.training._entrez import FORMATS, EntrezClient, RefusedError
from virnucpro_core.training._genome_files import read_genome

__all__ = ["DownloadSettings", "DownloadSummary", "download_genomes"]

_BATCH = 10
"""Accessions in a request: a genome of a bacterium is 10 MB of GenBank text."""

_SUFFIXES = {"genbank": ".gb.gz", "fasta": ".fasta.gz"}


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """How to ask.

    Attributes:
        email: of the user; NCBI asks for it.
        api_key: of the user's account at NCBI, which allows 10 requests a second in place of 3.
        file_format: ``"genbank"``, which has the annotation, or ``"fasta"``.
        server: address of the E-utilities; None for NCBI's own.
    """

    email: str
    api_key: str | None = None
    file_format: str = "genbank"
    server: str | None = None

    def __post_init__(self) -> None:
        if self.file_format not in FORMATS:
            raise UsageError(
                f"no format {self.file_format!r}", remedy=f"use {' or '.join(FORMATS)}"
            )


@dataclass(slots=True)
class DownloadSummary:
    """What came.

    Attributes:
        fetched: files that were downloaded.
        kept: files that had been there.
        sheet: the sheet of the genomes, where the list has labels.
    """

    fetched: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    sheet: Path | None = None


def download_genomes(
    accessions: Path,
    output: Path,
    settings: DownloadSettings,
    log: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> DownloadSummary:
    """Write ``<output>/<accession.version>.gb.gz`` (or ``.fasta.gz``) for each accession.

    Each record is checked to be the one that was asked for, and to be readable, before it gets its
    name, so files that are there already are whole and are kept. Where the list has a column
    ``label``, ``<output>/genomes.csv`` is the sheet for ``virnucpro train data``.

    Args:
        log: called with a line for each request.
        sleep: what waits between attempts.

    Raises:
        InputError: the list has a mistake, accessions did not come (after all others have), or
            there was no answer.
        UsageError: an option makes no sense, or Biopython is missing.
        StoreError: a file cannot be written.
    """
    wanted = read_accessions(accessions)
    client = EntrezClient(
        email=settings.email, api_key=settings.api_key, server=settings.server, sleep=sleep
    )
    summary = DownloadSummary()
    try:
        output.mkdir(parents=True, exist_ok=True)
        found = {a.name: path for a in wanted if (path := _existing(a, output, settings))}
        summary.kept = list(found.values())
        missing = [accession for accession in wanted if accession.name not in found]
        if found:
            log(f"{len(found)} of {len(wanted)} accessions are there already")
        failures: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix=".download.", dir=output) as scratch:
            fetch = _Fetch(client, settings.file_format, Path(scratch), output)
            for start in range(0, len(missing), _BATCH):
                batch = missing[start : start + _BATCH]
                found |= fetch.batch(batch, failures)
                log(f"{start + len(batch)} of {len(missing)} accessions asked for")
    except OSError as error:
        raise write_failure(output, error) from error
    summary.fetched = [path for path in found.values() if path not in summary.kept]
    if failures:
        listed = ", ".join(f"{name} ({why})" for name, why in list(failures.items())[:10])
        more = f" and {len(failures) - 10} more" if len(failures) > 10 else ""
        raise InputError(
            f"{len(failures)} of {len(wanted)} accessions did not come: {listed}{more}",
            where=str(accessions),
            remedy=f"correct or remove them; the other {len(found)} are in {output}",
        )
    summary.sheet = _write_sheet(wanted, found, output)
    return summary


class _Fetch:
    """Fetches batches into checked files."""

    def __init__(self, client: EntrezClient, file_format: str, scratch: Path, output: Path) -> None:
        self._client = client
        self._format = file_format
        self._scratch = scratch
        self._output = output

    def batch(self, wanted: list[Accession], failures: dict[str, str]) -> dict[str, Path]:
        """Files of the accessions that came; why the others did not is put in ``failures``."""
        answer = self._scratch / "answer"
        try:
            self._client.fetch([accession.name for accession in wanted], self._format, answer)
        except RefusedError as error:
            if len(wanted) == 1:
                failures[wanted[0].name] = f"NCBI: {error}"
                return {}
            return self._one_by_one(wanted, failures)
        found: dict[str, Path] = {}
        others: list[str] = []
        for name, lines in _records(answer, self._format):
            accession = next((a for a in wanted if a.is_of(name)), None)
            if accession is None:
                others.append(name)
                continue
            try:
                found[accession.name] = self._keep(name, lines)
            except InputError as error:
                failures[accession.name] = error.what
        left = [a for a in wanted if a.name not in found and a.name not in failures]
        if left and len(wanted) > 1:
            return found | self._one_by_one(left, failures)
        for accession in left:
            came = f"{others[0]} came in its place" if others else "NCBI gives no record"
            failures[accession.name] = came
        return found

    def _one_by_one(self, wanted: list[Accession], failures: dict[str, str]) -> dict[str, Path]:
        """One that is not known can spoil the answer for all of its batch."""
        found: dict[str, Path] = {}
        for accession in wanted:
            found |= self.batch([accession], failures)
        return found

    def _keep(self, name: str, lines: list[bytes]) -> Path:
        suffix = _SUFFIXES[self._format]
        part = self._scratch / f"record{suffix}"
        with part.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            packed.writelines(lines)
        read_genome(part)
        path = self._output / f"{name}{suffix}"
        commit(part, path)
        return path


def _records(answer: Path, file_format: str) -> Iterator[tuple[str, list[bytes]]]:
    """Accession with version, and lines, of each record of an answer."""
    lines: list[bytes] = []
    name = ""
    with answer.open("rb") as file:
        for line in file:
            if file_format == "fasta" and line.startswith(b">"):
                if lines:
                    yield name, lines
                lines, name = [], line[1:].split(None, 1)[0].decode()
            if not lines and not line.strip():
                continue
            lines.append(line)
            if file_format == "genbank" and line.startswith(b"VERSION "):
                name = line.split()[1].decode()
            if file_format == "genbank" and line.startswith(b"//"):
                yield name, lines
                lines, name = [], ""
    if lines and file_format == "fasta":
        yield name, lines


def _existing(accession: Accession, output: Path, settings: DownloadSettings) -> Path | None:
    suffix = _SUFFIXES[settings.file_format]
    files = sorted(output.glob(f"{accession.name}*{suffix}"))
    return next((f for f in files if accession.is_of(f.name.removesuffix(suffix))), None)


def _write_sheet(wanted: list[Accession], found: dict[str, Path], output: Path) -> Path | None:
    if "label" not in wanted[0].columns:
        return None
    columns = list(wanted[0].columns)
    sheet = output / "genomes.csv"
    with AtomicFile(sheet) as file:
        file.write((",".join(["file", *columns]) + "\n").encode())
        for accession in wanted:
            row = [found[accession.name].name, *accession.columns.values()]
            file.write((",".join(row) + "\n").encode())
    return sheet
