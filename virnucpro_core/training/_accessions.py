"""Lists of accessions to download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core.errors import InputError

__all__ = ["Accession", "read_accessions"]

_ACCESSION = re.compile(r"[A-Z]{1,6}_?[A-Z]*[0-9]+(\.[0-9]+)?")
_ASSEMBLY = re.compile(r"GC[AF]_[0-9]+(\.[0-9]+)?")
_COLUMNS = ("accession", "label", "group", "split")


@dataclass(frozen=True, slots=True)
class Accession:
    """A sequence that is asked for.

    Attributes:
        name: the accession, with or without its version.
        columns: what else its line says, by the name of the column; for the sheet of the genomes.
        where: file and line, for messages.
    """

    name: str
    columns: dict[str, str]
    where: str

    def is_of(self, found: str) -> bool:
        """Whether ``found``, an accession with its version, is what is asked for."""
        return found == self.name or found.rpartition(".")[0] == self.name


def read_accessions(path: Path) -> list[Accession]:
    """Accessions of a text file: one a line, or a CSV or TSV with a column ``accession``.

    Lines that are empty or begin with ``#`` are passed over. A table may have the columns
    ``label``, ``group`` and ``split`` of the sheet of genomes.

    Raises:
        InputError: the file cannot be read, has none, or a line is no accession or comes twice.
    """
    accessions = list(_rows(path))
    if not accessions:
        raise InputError("names no accession", where=str(path), remedy="write one on each line")
    seen: dict[str, str] = {}
    for accession in accessions:
        if accession.name in seen:
            raise InputError(
                f"{accession.name} is named a second time",
                where=accession.where,
                remedy=f"take it out; it is also in {seen[accession.name]}",
            )
        seen[accession.name] = accession.where
    return accessions


def _rows(path: Path) -> Iterator[Accession]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError("does not exist", where=str(path), remedy="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", where=str(path)) from error
    header: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}, line {number}"
        fields = [field.strip() for field in line.split("\t" if "\t" in line else ",")]
        if header is None and "accession" in fields:
            header = fields
            for name in header:
                if name not in _COLUMNS or header.count(name) > 1:
                    raise InputError(
                        f"has the column {name!r}, which is not known or there twice",
                        where=where,
                        remedy=f"the columns are {', '.join(_COLUMNS)}",
                    )
            continue
        header = header or ["accession"]
        if len(fields) != len(header):
            raise InputError(
                f"has {len(fields)} fields, not {len(header)}",
                where=where,
                remedy="write one accession a line, or begin with a header: accession,label,group",
            )
        columns = dict(zip(header, fields, strict=True))
        name = columns.pop("accession")
        _check(name, where)
        yield Accession(name, columns, where)


def _check(name: str, where: str) -> None:
    if _ASSEMBLY.fullmatch(name):
        raise InputError(
            f"{name} is an assembly, not a sequence",
            where=where,
            remedy="name the accessions of its sequences (NC_…, NZ_…, CP…)",
        )
    if not _ACCESSION.fullmatch(name):
        raise InputError(
            f"{name!r} is no accession of a nucleotide sequence",
            where=where,
            remedy="write it as NC_001416.1",
        )
