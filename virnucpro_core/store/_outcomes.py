"""The table that says of every record whether it was embedded, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import StoreError
from virnucpro_core.store._records import RecordTable
from virnucpro_core.store._set_aside import SetAside

__all__ = ["write_record_outcomes"]

_HEADER = b"id\tlength\tstatus\treason\n"


def write_record_outcomes(
    records: Path, embedded: Sequence[str], set_aside: NDArray[np.uint8], path: Path
) -> int:
    """Write ``id, length, status, reason`` for every record, in input order, tab-separated.

    Args:
        records: a record table of whole records.
        embedded: ids of the records that have a row of embeddings, in input order.
        set_aside: uint8, a `SetAside` for each of them.
        path: the table to write.

    Returns:
        How many records there are.

    Raises:
        StoreError: ``embedded`` are not the records with letters, ``records`` cannot be read or
            ``path`` cannot be written.
    """
    table = RecordTable.open(records)
    expected = iter(zip(embedded, set_aside.tolist(), strict=True))
    with AtomicFile(path) as file:
        file.write(_HEADER)
        for rows in table.blocks():
            columns = zip(rows.ids, rows.length.tolist(), rows.n_frames.tolist(), strict=True)
            for name, length, n_frames in columns:
                outcome = "not-embedded\tempty"
                if n_frames:
                    found, why = next(expected, (None, 0))
                    if found != name.decode():
                        raise _not_these_records(records, name.decode())
                    reason = SetAside(why).reason
                    outcome = f"not-embedded\t{reason}" if reason else "embedded\tNA"
                file.write(b"%b\t%d\t%b\n" % (name, length, outcome.encode()))
        surplus, _ = next(expected, (None, 0))
        if surplus is not None:
            raise _not_these_records(records, surplus)
    return table.n_records


def _not_these_records(records: Path, record_id: str) -> StoreError:
    return StoreError(
        f"the embeddings are not those of these records, in their order (from {record_id} on)",
        where=str(records),
        remedy="give the embeddings of every shard of the sample, each once, in the shards' order",
    )
