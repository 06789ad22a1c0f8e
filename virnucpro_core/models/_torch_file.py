"""Files of ``torch.save``, both formats: the pickle, and where the storages lie.

Since torch 1.6 such a file is a ZIP archive without compression: ``<name>/data.pkl`` is the
pickle, ``<name>/data/<key>`` the numbers of a storage, ``<name>/byteorder`` their order of bytes.
Before, it was a row of pickles (a magic number, a version, the machine's properties, the object,
the keys of the storages) and behind them for each key the count as 8 bytes and the numbers,
little-endian.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import torch
from torch import Tensor

from virnucpro_core.errors import BundleError
from virnucpro_core.models._pickle_machine import read_pickle
from virnucpro_core.models._pickled_objects import (
    STORAGE_TYPES,
    PickledName,
    PickledObject,
    PickledStorage,
    PickledTensor,
    RefusedPickleError,
    kind_of,
)
from virnucpro_core.models._torch_zip import StoredEntry, entries_of_zip

__all__ = ["FEATURES", "WEIGHTS", "TorchContent", "TorchFile"]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_VERSION = 1001


@dataclass(frozen=True, slots=True)
class TorchContent:
    """What a file is expected to hold, which says how large its pickle may be.

    Attributes:
        noun: what it holds, for messages.
        remedy: what to do where it cannot be read.
        max_pickle_bytes: most bytes of the pickle, without the storages.
        max_floats: numbers in the pickle itself, see `read_pickle`.
    """

    noun: str
    remedy: str
    max_pickle_bytes: int
    max_floats: int


WEIGHTS = TorchContent(
    "weights",
    "get the file from where it was published, or ask its authors for safetensors",
    64 << 20,
    0,
)
# 10,000 DNA embeddings, the usual file, are 7.7 million numbers of 9 bytes; 32 bytes in memory.
FEATURES = TorchContent(
    "features", "make the features again with 'virnucpro embed'", 512 << 20, 48_000_000
)


class TorchFile:
    """An open file of ``torch.save``.

    Opening it reads the pickle and checks that every storage is there; numbers are read when they
    are asked for.

    Attributes:
        root: what was saved, as `read_pickle` gives it.

    Args:
        path: the file.
        content: what it is expected to hold.

    Raises:
        BundleError: it cannot be read, is damaged, or asks for what weights do not need.
    """

    def __init__(self, path: Path, content: TorchContent = WEIGHTS) -> None:
        self._path = path
        self._content = content
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise BundleError(f"cannot be read ({error.strerror})", where=str(path)) from error
        try:
            is_zip = self._file.read(4) == b"PK\x03\x04"
            found = (_open_zip if is_zip else _open_legacy)(self._file, content)
            self.root, self._places = found
        except (OSError, RefusedPickleError) as error:
            self._file.close()
            raise self._refusal(error) from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> TorchFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """No more numbers can be read."""
        self._file.close()

    @property
    def n_bytes(self) -> int:
        """Bytes of all storages."""
        return sum(place.n_bytes for place in self._places.values())

    def read(self, tensor: PickledTensor) -> Tensor:
        """A tensor of the file, with memory of its own.

        Raises:
            BundleError: the file was changed since it was opened, or its checksum is wrong.
        """
        place, dtype = self._places[tensor.storage.key], tensor.storage.dtype
        room = torch.empty(tensor.span * dtype.itemsize, dtype=torch.uint8)
        try:
            self._file.seek(place.start + tensor.offset * dtype.itemsize)
            if self._file.readinto(room.numpy().data) != len(room):
                raise RefusedPickleError("it is cut short")
            # torch writes 0 when it is told not to compute checksums.
            is_whole = len(room) == place.n_bytes
            if place.crc32 and is_whole and zlib.crc32(room.numpy().data) != place.crc32:
                raise RefusedPickleError("it is damaged: the checksum of a storage is wrong")
            if dtype == torch.bool and bool((room > 1).any()):
                raise RefusedPickleError("it has booleans that are neither true nor false")
        except (OSError, RefusedPickleError) as error:
            raise self._refusal(error) from error
        if len(room) == 0:
            return torch.empty(tensor.shape, dtype=dtype)
        return room.view(dtype).as_strided(tensor.shape, tensor.strides).contiguous()

    def _refusal(self, error: Exception) -> BundleError:
        return BundleError(
            f"cannot be read as {self._content.noun}: {error}",
            where=str(self._path),
            remedy=self._content.remedy,
        )


class _Storages:
    """The storages that a pickle asks for by its persistent ids."""

    def __init__(self) -> None:
        self.by_key: dict[str, PickledStorage] = {}

    def load_persistent(self, name: object) -> object:
        """A storage; of the old format also the class of a module, told with its source code."""
        match name:
            case ("storage", PickledName() as kind, str() as key, str(), int() as n_numbers):
                return self._storage(kind, key, n_numbers)
            case ("storage", PickledName() as kind, str() as key, str(), int() as n_numbers, None):
                return self._storage(kind, key, n_numbers)
            case ("module", PickledName() as kind, _, _):
                return kind
        raise RefusedPickleError("it has a persistent id that is no storage")

    def _storage(self, kind: PickledName, key: str, n_numbers: int) -> PickledStorage:
        if kind not in STORAGE_TYPES:
            raise RefusedPickleError(f"it has numbers in a {kind}, which is not read here")
        if n_numbers < 0:
            raise RefusedPickleError("it has a storage of negative size")
        storage = PickledStorage(key, STORAGE_TYPES[kind], n_numbers)
        if self.by_key.setdefault(key, storage) != storage:
            raise RefusedPickleError("it describes one storage in two ways")
        return storage


def _open_zip(file: BinaryIO, expected: TorchContent) -> tuple[object, dict[str, StoredEntry]]:
    entries = entries_of_zip(file)
    if "constants.pkl" in entries:
        raise RefusedPickleError("it is a TorchScript program, not weights")
    if "data.pkl" not in entries:
        raise RefusedPickleError("it is a ZIP archive that torch.save did not write")
    n_max = expected.max_pickle_bytes
    order = _content(file, entries["byteorder"], n_max) if "byteorder" in entries else b"little"
    if order != b"little":
        raise RefusedPickleError("its numbers are not little-endian")
    storages = _Storages()
    root = read_pickle(
        io.BytesIO(_content(file, entries["data.pkl"], n_max)),
        storages.load_persistent,
        max_floats=expected.max_floats,
    )
    places = {}
    for key, storage in storages.by_key.items():
        place = entries.get(f"data/{key}")
        if place is None:
            raise RefusedPickleError("it has a storage that is not in the archive")
        _check_size(storage, place.n_bytes)
        places[key] = place
    return root, places


def _content(file: BinaryIO, entry: StoredEntry, n_max: int) -> bytes:
    if entry.n_bytes > n_max:
        raise RefusedPickleError(f"its pickle is larger than {n_max >> 20} MiB")
    file.seek(entry.start)
    content = file.read(entry.n_bytes)
    if entry.crc32 and zlib.crc32(content) != entry.crc32:
        raise RefusedPickleError("it is damaged: the checksum of its pickle is wrong")
    return content


def _open_legacy(file: BinaryIO, expected: TorchContent) -> tuple[object, dict[str, StoredEntry]]:
    n_file = file.seek(0, io.SEEK_END)
    file.seek(0)
    beginning = io.BytesIO(file.read(expected.max_pickle_bytes))
    storages = _Storages()
    try:
        numbers = [read_pickle(beginning, _no_persistent) for _ in range(2)]
    except RefusedPickleError as error:
        raise RefusedPickleError("it is no file of torch.save") from error
    if numbers != [_MAGIC_NUMBER, _VERSION]:
        raise RefusedPickleError("it is no file of torch.save")
    read_pickle(beginning, _no_persistent)  # sizes of C's types where it was written
    root = read_pickle(beginning, storages.load_persistent, max_floats=expected.max_floats)
    keys = read_pickle(beginning, _no_persistent)
    if not isinstance(keys, PickledObject) or len(keys.elements) != len(storages.by_key):
        raise RefusedPickleError("its list of storages is not that of its tensors")
    places: dict[str, StoredEntry] = {}
    start = beginning.tell()
    for key in keys.elements:
        if not isinstance(key, str) or key in places or key not in storages.by_key:
            raise RefusedPickleError("its list of storages is not that of its tensors")
        file.seek(start)
        n_numbers = int.from_bytes(file.read(8), "little", signed=True)
        storage = storages.by_key[key]
        n_bytes = n_numbers * storage.dtype.itemsize
        _check_size(storage, n_bytes)
        if start + 8 + n_bytes > n_file:
            raise RefusedPickleError("it is cut short")
        places[key] = StoredEntry(start + 8, n_bytes, None)
        start += 8 + n_bytes
    return root, places


def _no_persistent(name: object) -> object:
    raise RefusedPickleError(f"it has a persistent id ({kind_of(name)}) where none can be")


def _check_size(storage: PickledStorage, n_bytes: int) -> None:
    if storage.n_numbers * storage.dtype.itemsize != n_bytes:
        raise RefusedPickleError("it has a storage of another size than its numbers")
