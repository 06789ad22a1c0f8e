"""The tensors of a file that ``torch.save`` wrote, by name, without running anything of it.

What is in such a file is a pickle, and a pickle can run any code when it is loaded. Here it is read
by a machine that can neither import nor call (`read_pickle` tells how), so also files are read that
``torch.load(weights_only=True)`` cannot: a whole ``nn.Module`` of a class that is not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from torch import Tensor

from virnucpro_core.errors import BundleError
from virnucpro_core.models._pickled_objects import (
    PickledObject,
    PickledTensor,
    RefusedPickleError,
    kind_of,
)
from virnucpro_core.models._torch_file import TorchFile

__all__ = ["PickledTensors", "read_pickled_tensors"]

_MAX_DEPTH = 64
_MAX_PLACES = 32
_MAX_NAMES = 100_000
_MAX_NAME = 500
# Tied weights are one storage with two names; nothing real has many.
_MAX_SHARING = 4
# What checkpoints call the state dict among other entries, by preference.
_USUAL_ENTRIES = ("model", "state_dict", "model_state_dict", "module")


class PickledTensors(Mapping[str, Tensor]):
    """The tensors of an open file by their names in the state dict, each read when asked for.

    The file may hold a state dict, a module (its parameters and buffers get the names of its state
    dict), or a dictionary with one of these among other entries, as checkpoints of training and
    fair-esm's files are.

    Attributes:
        source: which object of the file has the tensors, for messages.
        epsilons: the ``eps`` of each module that has one, by the module's name; of a state dict,
            which has no modules, nothing.

    Raises:
        BundleError: the file cannot be read, is damaged, has no tensors, or has what weights do
            not need.
    """

    def __init__(self, path: Path) -> None:
        self._file = TorchFile(path)
        try:
            found = _StateDict()
            self.source = found.find(self._file.root)
            self._tensors, self.epsilons = found.tensors, found.epsilons
            n_bytes = sum(t.n_numbers * t.storage.dtype.itemsize for t in self._tensors.values())
            if n_bytes > _MAX_SHARING * self._file.n_bytes:
                raise RefusedPickleError("its tensors are many times larger than its storages")
        except RefusedPickleError as error:
            self._file.close()
            raise BundleError(
                f"has no weights that can be read: {error}",
                where=str(path),
                remedy="give a file with one state dict or one module",
            ) from error

    def __enter__(self) -> PickledTensors:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __getitem__(self, name: str) -> Tensor:
        return self._file.read(self._tensors[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def description(self, name: str) -> PickledTensor:
        """Shape and number format of a tensor, without reading it."""
        return self._tensors[name]


def read_pickled_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file of ``torch.save`` by its name in the state dict.

    Nothing in the file is executed. Tensors that share a storage in the file come apart.

    Args:
        path: a state dict, a module, or a dictionary with one of these, in the format of torch
            since 1.6 (ZIP) or before.

    Raises:
        BundleError: see `PickledTensors`.
    """
    with PickledTensors(path) as tensors:
        return dict(tensors)


class _StateDict:
    """The state dict that is somewhere in what was saved."""

    def __init__(self) -> None:
        self.tensors: dict[str, PickledTensor] = {}
        self.epsilons: dict[str, float] = {}

    def find(self, root: object) -> str:
        """Collect its tensors; returns what has them, for people."""
        if isinstance(root, PickledObject) and _has_tensors(root):
            self._take(root)
            return f"the saved {kind_of(root)}"
        entries = root.entries() if isinstance(root, PickledObject) and root.is_mapping else {}
        # By identity, because one object can be a million entries.
        objects = {id(v): v for v in entries.values() if isinstance(v, PickledObject)}
        able = {number: _has_tensors(value) for number, value in objects.items()}
        keys = [key for key, value in entries.items() if able.get(id(value), False)]
        usual = [key for key in _USUAL_ENTRIES if key in keys]
        if not keys:
            first = list(entries.items())[:3]
            inside = [f"{key[:40]!a}: {kind_of(value)}" for key, value in first]
            listed = f" ({', '.join(inside)})" if inside else ""
            raise RefusedPickleError(f"it is {kind_of(root)} with no state dict in it{listed}")
        if len(keys) > 1 and not usual:
            names = ", ".join(ascii(key[:40]) for key in keys[:4])
            raise RefusedPickleError(f"which of its entries is meant is not clear ({names})")
        key = (usual or keys)[0]
        found = objects[id(entries[key])]
        self._take(found)
        return f"its entry {key[:40]!a}, {kind_of(found)}"

    def _take(self, found: PickledObject) -> None:
        if found.is_mapping:
            for key, value in found.items:
                self._add(key, value)
        else:
            self._take_modules(found)
        if not self.tensors:
            raise RefusedPickleError(f"{kind_of(found)} has no tensors")

    def _take_modules(self, root: PickledObject) -> None:
        """Parameters and buffers of a module and of those in it, in the order of a state dict."""
        waiting = [("", root, 0)]
        n_places: Counter[int] = Counter()
        while waiting:
            prefix, module, depth = waiting.pop()
            attributes = module.attributes()
            epsilon = attributes.get("eps")
            if isinstance(epsilon, float):
                self.epsilons[prefix.removesuffix(".")] = epsilon
            left_out = attributes.get("_non_persistent_buffers_set")
            temporary = left_out.elements if isinstance(left_out, PickledObject) else []
            names_left_out = {name for name in temporary if isinstance(name, str)}
            for key, value in _part(attributes, "_parameters"):
                if value is not None:
                    self._add(f"{prefix}{key}", value)
            for key, value in _part(attributes, "_buffers"):
                if value is not None and key not in names_left_out:
                    self._add(f"{prefix}{key}", value)
            inner = []
            for key, value in _part(attributes, "_modules"):
                if value is None:
                    continue
                # Counted first: a module in itself has no end, and one in two places of one in two
                # places has too many names.
                n_places[id(value)] += 1
                if depth == _MAX_DEPTH or n_places[id(value)] > _MAX_PLACES:
                    raise RefusedPickleError("its modules are nested without end")
                if not isinstance(value, PickledObject) or not _is_module(value):
                    raise RefusedPickleError(f"{kind_of(value)} is no module")
                inner.append((f"{prefix}{key[:_MAX_NAME]}.", value, depth + 1))
            waiting.extend(reversed(inner))

    def _add(self, name: object, value: object) -> None:
        is_name = isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable()
        if not isinstance(name, str) or not is_name:
            raise RefusedPickleError("a tensor has a name that is no text, or too long")
        if not isinstance(value, PickledTensor):
            raise RefusedPickleError(f"{name[:80]!a} is no tensor but {kind_of(value)}")
        if name in self.tensors:
            raise RefusedPickleError(f"it has the tensor {name[:80]!a} twice")
        if len(self.tensors) == _MAX_NAMES:
            raise RefusedPickleError(f"it has more than {_MAX_NAMES} tensors")
        self.tensors[name] = value


def _has_tensors(value: PickledObject) -> bool:
    if value.is_mapping:
        return any(isinstance(item, PickledTensor) for _, item in value.items)
    return _is_module(value)


def _is_module(value: PickledObject) -> bool:
    """Whether it has what every ``nn.Module`` has, whatever its class is called."""
    parts = {"_parameters", "_buffers", "_modules"}
    return not value.is_mapping and parts <= value.attributes().keys()


def _part(attributes: Mapping[str, object], name: str) -> list[tuple[str, object]]:
    part = attributes[name]
    if not isinstance(part, PickledObject) or not part.is_mapping:
        raise RefusedPickleError(f"a module's {name} is no dictionary but {kind_of(part)}")
    if not all(isinstance(key, str) for key, _ in part.items):
        raise RefusedPickleError(f"a module's {name} has a name that is no text")
    return list(part.entries().items())
