"""Feature files of VirNucPro 1.0 and of its first rewrite, 2.0, as arrays; nothing is executed.

All but the last are dictionaries that ``torch.save`` wrote; other entries are not looked at:

- ``nucleotide`` (ids) and ``data``: dictionaries with a list of numbers, ``mean_representation``.
  DNA, ``*_DNABERT_S.pt``.
- ``proteins`` (ids) and ``data``: a tensor [D] for each. Proteins, ``*_ESM.pt``.
- ``ids`` and ``data``: one tensor [n, D], DNA first, then protein. ``*_merged.pt``.
- ``sequence_ids`` and ``embeddings``: a NumPy array [n, D]. Proteins, 2.0's checkpoints
  ``batch_*.pt``.
- The same two names as datasets of an HDF5 file. Proteins, 2.0's ``shard_*.h5``, ``embeddings.h5``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle_spec import EncoderKind
from virnucpro_core.models._pickled_objects import (
    LIST,
    PickledName,
    PickledObject,
    PickledTensor,
    RefusedPickleError,
    kind_of,
)
from virnucpro_core.models._torch_file import FEATURES, TorchFile

__all__ = ["DNA_WIDTH", "OldFeatures", "read_old_features"]

DNA_WIDTH = 768
"""Numbers of the DNA embedding, with which a merged feature begins."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAX_ID = 500
_RECONSTRUCT = tuple(
    PickledName(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")
)
_DTYPE = PickledName("numpy", "dtype")
_FLOATS: Mapping[str, str] = MappingProxyType({"f2": "<f2", "f4": "<f4", "f8": "<f8"})


@dataclass(frozen=True, slots=True)
class OldFeatures:
    """``n`` embeddings of width ``D`` of one molecule.

    Attributes:
        molecule: what was embedded.
        ids: the n ids of frames, each once.
        values: float32 [n, D], all finite.
    """

    molecule: EncoderKind
    ids: list[str]
    values: NDArray[np.float32]


def read_old_features(path: Path) -> list[OldFeatures]:
    """What a feature file holds: DNA or proteins, or of merged features both.

    Raises:
        BundleError: the file cannot be read, is damaged, or is of none of the layouts.
    """
    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(len(_HDF5)) == _HDF5
        return _read_hdf5(path) if is_hdf5 else _read_torch(path)
    except (OSError, RefusedPickleError) as error:
        raise BundleError(
            f"cannot be read as features: {error}",
            where=str(path),
            remedy="give *_DNABERT_S.pt, *_ESM.pt, *_merged.pt, batch_*.pt or embeddings.h5 of "
            "VirNucPro, or embed again",
        ) from error


def _read_torch(path: Path) -> list[OldFeatures]:
    with TorchFile(path, FEATURES) as file:
        root = file.root
        entries = root.entries() if isinstance(root, PickledObject) and root.is_mapping else {}
        keys = next((keys for keys in _READERS if set(keys) <= entries.keys()), None)
        if keys is None:
            inside = ", ".join(ascii(key[:40]) for key in list(entries)[:4])
            raise RefusedPickleError(
                f"it is {kind_of(root)} of another layout ({inside or 'empty'})"
            )
        ids = _ids(_elements(entries[keys[0]], keys[0]))
        rows = _Rows(file, len(ids), path.stat().st_size)
        return _READERS[keys](ids, entries[keys[1]], rows)


class _Rows:
    """The rows of a file, n of them, and no more numbers than it can hold."""

    def __init__(self, file: TorchFile, n: int, n_bytes: int) -> None:
        self._file = file
        self.n = n
        self._n_bytes = n_bytes

    def checked(self, n_rows: int, width: int) -> None:
        """Refuse what has other rows than ids. Half a byte of the file for a number is too few."""
        if n_rows != self.n:
            raise RefusedPickleError(f"it has {self.n} ids and {n_rows} rows")
        if n_rows * width > self._n_bytes:
            raise RefusedPickleError("it has more numbers than the file has bytes")

    def read(self, tensor: PickledTensor) -> NDArray[np.float32]:
        if not tensor.storage.dtype.is_floating_point:
            raise RefusedPickleError("it has a tensor of whole numbers")
        values: NDArray[np.float32] = self._file.read(tensor).float().numpy()
        return values


def _dna(ids: list[str], data: object, rows: _Rows) -> list[OldFeatures]:
    lists = []
    for row in _elements(data, "data"):
        entries = row.entries() if isinstance(row, PickledObject) and row.is_mapping else {}
        numbers = _elements(entries.get("mean_representation"), "mean_representation")
        if not all(type(number) is float for number in numbers):
            raise RefusedPickleError("a row has something else than numbers")
        lists.append(numbers)
    width = len(lists[0]) if lists else 0
    rows.checked(len(lists), width)
    if any(len(numbers) != width for numbers in lists):
        raise RefusedPickleError("its rows are of several widths")
    values = np.array(lists, dtype=np.float64).reshape(len(lists), width)
    return [_features("dna", ids, values)]


def _proteins(ids: list[str], data: object, rows: _Rows) -> list[OldFeatures]:
    tensors = _elements(data, "data")
    width = max((t.n_numbers for t in tensors if isinstance(t, PickledTensor)), default=0)
    rows.checked(len(tensors), width)
    values = np.empty((len(tensors), width), dtype=np.float32)
    for row, tensor in enumerate(tensors):
        if not isinstance(tensor, PickledTensor) or tensor.shape != (width,):
            raise RefusedPickleError(f"row {row + 1} is no tensor [{width}] but {kind_of(tensor)}")
        values[row] = rows.read(tensor)
    return [_features("protein", ids, values)]


def _merged(ids: list[str], data: object, rows: _Rows) -> list[OldFeatures]:
    values = _matrix(data, rows)
    if values.shape[1] <= DNA_WIDTH:
        raise RefusedPickleError(f"its rows have {values.shape[1]} numbers, DNA alone {DNA_WIDTH}")
    return [
        _features("dna", ids, values[:, :DNA_WIDTH]),
        _features("protein", ids, values[:, DNA_WIDTH:]),
    ]


def _checkpoint(ids: list[str], data: object, rows: _Rows) -> list[OldFeatures]:
    return [_features("protein", ids, _matrix(data, rows))]


_READERS: Mapping[tuple[str, str], Callable[[list[str], object, _Rows], list[OldFeatures]]] = (
    MappingProxyType(
        {
            ("nucleotide", "data"): _dna,
            ("proteins", "data"): _proteins,
            ("ids", "data"): _merged,
            ("sequence_ids", "embeddings"): _checkpoint,
        }
    )
)


def _matrix(data: object, rows: _Rows) -> NDArray[np.floating]:
    """A tensor or a NumPy array [n, D]."""
    if isinstance(data, PickledTensor):
        shape = data.shape
    else:
        shape, dtype, order, content = _array_parts(data)
    if len(shape) != 2:
        raise RefusedPickleError(f"its features have {len(shape)} dimensions, not 2")
    rows.checked(*shape)
    if isinstance(data, PickledTensor):
        return rows.read(data)
    if len(content) != shape[0] * shape[1] * dtype.itemsize:
        raise RefusedPickleError("it has an array of another size than its numbers")
    values: NDArray[np.floating] = np.frombuffer(content, dtype).reshape(shape, order=order)
    return values


def _array_parts(
    data: object,
) -> tuple[tuple[int, ...], np.dtype[np.floating], Literal["C", "F"], bytes]:
    """Shape, number format, order and bytes of an array as NumPy pickles it.

    It is made by ``_reconstruct`` and then given the state (version, shape, dtype, whether it is in
    Fortran's order, bytes); see ``ndarray.__reduce__`` and ``__setstate__``.
    """
    if isinstance(data, PickledObject) and data.kind in _RECONSTRUCT:
        match data.states:
            case [(int(), tuple() as shape, PickledObject() as kind, bool() as by_column, content)]:
                dtype = _number_format(kind)
                is_shape = all(type(size) is int and size >= 0 for size in shape)
                if is_shape and isinstance(content, bytes):
                    return shape, dtype, "F" if by_column else "C", content
    raise RefusedPickleError(f"its features are no tensor and no array but {kind_of(data)}")


def _number_format(kind: PickledObject) -> np.dtype[np.floating]:
    match kind.kind, kind.arguments, kind.states:
        case name, (str() as code, *_), [(int(), "<", *_)] if name == _DTYPE and code in _FLOATS:
            return np.dtype(_FLOATS[code])
    raise RefusedPickleError("it has an array of something else than little-endian floats")


def _read_hdf5(path: Path) -> list[OldFeatures]:
    try:
        with h5py.File(path, "r") as file:
            ids, values = _dataset(file, "sequence_ids"), _dataset(file, "embeddings")
            if values.ndim != 2 or ids.shape != values.shape[:1]:
                raise RefusedPickleError(f"it has ids {ids.shape} and embeddings {values.shape}")
            text = h5py.check_string_dtype(ids.dtype)
            if values.dtype.kind != "f" or text is None or text.length is not None:
                raise RefusedPickleError("its ids are no text, or its embeddings no numbers")
            if values.id.get_storage_size() < values.nbytes:
                raise RefusedPickleError("its embeddings are not in it")
            return [_features("protein", _ids(ids.asstr()[:].tolist()), values[:])]
    except (KeyError, RuntimeError, UnicodeDecodeError) as error:
        raise RefusedPickleError(f"it is damaged ({str(error)[:80]})") from error


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset whose numbers are in the file, as they are: not elsewhere and not compressed."""
    is_here = isinstance(file.get(name, getlink=True), h5py.HardLink)
    dataset = file[name] if is_here else None
    if not isinstance(dataset, h5py.Dataset):
        raise RefusedPickleError(f"it has no dataset {name}")
    n_filters = dataset.id.get_create_plist().get_nfilters()
    if dataset.is_virtual or dataset.external or n_filters:
        raise RefusedPickleError(f"its {name} are not in it, or not as 2.0 writes them")
    return dataset


def _features(molecule: EncoderKind, ids: list[str], values: NDArray[np.floating]) -> OldFeatures:
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32)
    is_finite = np.isfinite(values).all(axis=1)
    if not is_finite.all():
        raise RefusedPickleError(f"the features of {ids[int(is_finite.argmin())]} are not finite")
    if values.size == 0:
        raise RefusedPickleError("it has no features")
    return OldFeatures(molecule, ids, values)


def _elements(value: object, name: str) -> list[object]:
    if not isinstance(value, PickledObject) or value.kind != LIST:
        raise RefusedPickleError(f"its {name} is no list but {kind_of(value)}")
    return value.elements


def _ids(values: Sequence[object]) -> list[str]:
    ids = []
    for value in values:
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID or not value.isprintable():
            raise RefusedPickleError(f"an id is no text of 1 to {_MAX_ID} letters")
        ids.append(value)
    if len(set(ids)) != len(ids):
        raise RefusedPickleError("an id occurs twice")
    return ids
