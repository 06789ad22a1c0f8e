"""The files that an encoder's weights are in: safetensors, or pickles whose code is not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from virnucpro_core.models._pickled_tensors import PickledTensors

__all__ = ["WeightFiles"]

_PICKLE = ".bin"


class WeightFiles(Mapping[str, Tensor]):
    """The tensors of several files of weights by name, read when they are asked for.

    Raises:
        BundleError: a pickled file is damaged, or has what weights do not need.
        SafetensorError: another file is damaged.
        OSError: a file cannot be read.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._readers: dict[str, Callable[[str], Tensor]] = {}
        with ExitStack() as stack:
            for path in files:
                if path.suffix == _PICKLE:
                    pickled = stack.enter_context(PickledTensors(path))
                    self._readers.update(dict.fromkeys(pickled, pickled.__getitem__))
                else:
                    file = stack.enter_context(safe_open(path, framework="pt"))
                    self._readers.update(dict.fromkeys(file.keys(), file.get_tensor))
            self._stack = stack.pop_all()

    def __enter__(self) -> WeightFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._readers = {}
        self._stack.close()

    def __getitem__(self, name: str) -> Tensor:
        return self._readers[name](name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)
