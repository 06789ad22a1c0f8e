"""What a notebook user gives to be embedded: a FASTA file, a list, a dictionary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from virnucpro_core.errors import InputError
from virnucpro_core.store import ByteStrings

__all__ = ["NamedSequences", "Sequences", "read_sequences"]

Sequences: TypeAlias = "str | Path | Mapping[str, str] | Iterable[str] | Iterable[tuple[str, str]]"
"""A path of a FASTA or FASTQ file, ``{id: sequence}``, sequences, or ``(id, sequence)`` pairs."""


@dataclass(frozen=True, slots=True)
class NamedSequences:
    """``n`` sequences, checked.

    Attributes:
        ids: n different ids.
        strings: the n sequences, none empty.
    """

    ids: list[str]
    strings: ByteStrings

    def digest(self) -> str:
        """SHA-256 (hex) of the ids and sequences."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        sha.update(self.strings.offsets.tobytes())
        sha.update(self.strings.data.tobytes())
        return sha.hexdigest()


def read_sequences(
    given: Sequences, molecule: str, *, allow_nucleotides: bool = False
) -> NamedSequences:
    """Read and check what is to be embedded.

    Sequences without an id are called ``sequence_1``, ``sequence_2``, …

    Args:
        given: the sequences, or the path of a file with them.
        molecule: ``"dna"`` or ``"protein"``.
        allow_nucleotides: take proteins that look like DNA.

    Raises:
        InputError: the file cannot be read, an id occurs twice, or a sequence is empty or not of
            this molecule.
    """
    # Here, because the libraries that read files are not on every machine that embeds.
    from virnucpro_core.sequences import clean_sequences

    if isinstance(given, (str, Path)):
        ids, parts = _read_file(Path(given), molecule, allow_nucleotides)
        source = str(given)
    else:
        source = "sequences"
        ids, sequences = _named(given)
        parts = [
            clean_sequences(
                sequences, ids, molecule, source=source, allow_nucleotides=allow_nucleotides
            )
        ]
    strings = _join(parts)
    seen: dict[str, int] = {}
    for index, (name, length) in enumerate(zip(ids, strings.lengths.tolist(), strict=True)):
        where = f"{source}, record {index + 1}"
        if name in seen:
            raise InputError(
                f"the id {name} is that of record {seen[name] + 1} again",
                where=where,
                remedy="make the ids unique",
            )
        if length == 0:
            raise InputError(
                "has no letters", where=f"{where} ({name})", remedy="leave it out, or mend it"
            )
        seen[name] = index
    return NamedSequences(ids, strings)


def _read_file(
    path: Path, molecule: str, allow_nucleotides: bool
) -> tuple[list[str], list[ByteStrings]]:
    from virnucpro_core.sequences import clean_sequences, read_batches

    try:
        path.stat()
    except (OSError, ValueError) as error:
        raise InputError(
            _why_there_is_no_file(error),
            where=str(path)[:80],
            remedy="check the path, or give sequences as a list",
        ) from error
    ids: list[str] = []
    parts: list[ByteStrings] = []
    for batch in read_batches(path, is_sample=False):
        ids += batch.ids
        parts.append(
            clean_sequences(
                batch.sequences,
                batch.ids,
                molecule,
                source=str(path),
                first=batch.first,
                allow_nucleotides=allow_nucleotides,
            )
        )
    return ids, parts


def _why_there_is_no_file(error: OSError | ValueError) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "there is no such file"
    # Most likely a sequence, which is too long for a file's name.
    return f"is not the path of a file ({getattr(error, 'strerror', None) or error})"


def _named(
    given: Mapping[str, str] | Iterable[str] | Iterable[tuple[str, str]],
) -> tuple[list[str], list[str]]:
    items: Iterable[object] = given.items() if isinstance(given, Mapping) else given
    ids: list[str] = []
    sequences: list[str] = []
    for number, item in enumerate(items, start=1):
        pair = (f"sequence_{number}", item) if isinstance(item, str) else item
        if (
            not isinstance(pair, (tuple, list))
            or len(pair) != 2
            or not all(isinstance(part, str) for part in pair)
        ):
            raise InputError(
                f"is {type(item).__name__}, neither a sequence nor an (id, sequence) pair",
                where=f"sequences, record {number}",
                remedy="give strings",
            )
        ids.append(pair[0])
        sequences.append(pair[1])
    return ids, sequences


def _join(parts: list[ByteStrings]) -> ByteStrings:
    if not parts:
        return ByteStrings.from_iterable([])
    return ByteStrings.from_lengths(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )
