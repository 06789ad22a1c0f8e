"""The table that says of every record whether it was embedded, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import StoreError
from virnucpro_core.store._records import RecordTable

__all__ = ["write_record_outcomes"]

_HEADER = b"id\tlength\tstatus\treason\n"


def write_record_outcomes(records: Path, embedded: Sequence[str], path: Path) -> int:
    """Write ``id, length, status, reason`` for every record, in input order, tab-separated.

    Args:
        records: a record table of whole records.
        embedded: ids of the records that were embedded, in input order.
        path: the table to write.

    Returns:
        How many records there are.

    Raises:
        StoreError: ``embedded`` are not the records with letters, ``records`` cannot be read or
            ``path`` cannot be written.
    """
    table = RecordTable.open(records)
    expected = iter(embedded)
    with AtomicFile(path) as file:
        file.write(_HEADER)
        for rows in table.blocks():
            columns = zip(rows.ids, rows.length.tolist(), rows.n_frames.tolist(), strict=True)
            for name, length, n_frames in columns:
                if n_frames and next(expected, None) != name.decode():
                    raise _not_these_records(records, name.decode())
                outcome = b"embedded\tNA" if n_frames else b"not-embedded\tempty"
                file.write(b"%b\t%d\t%b\n" % (name, length, outcome))
        surplus = next(expected, None)
        if surplus is not None:
            raise _not_these_records(records, surplus)
    return table.n_records


def _not_these_records(records: Path, record_id: str) -> StoreError:
    return StoreError(
        f"the embeddings are not those of these records, in their order (from {record_id} on)",
        where=str(records),
        remedy="give the embeddings of every shard of the sample, each once, in the shards' order",
    )
