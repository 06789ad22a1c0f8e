"""What a pickle says, as plain records: names that are never looked up, objects never made.

Nothing here compares or hashes what comes from the file, apart from names: a record is equal to
itself only, so that no nesting or choice of keys can make work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

__all__ = [
    "DICT",
    "LIST",
    "ORDERED_DICT",
    "SET",
    "STORAGE_TYPES",
    "TENSOR_FUNCTIONS",
    "PickledName",
    "PickledObject",
    "PickledStorage",
    "PickledTensor",
    "RefusedPickleError",
    "kind_of",
]

_MAX_DIMENSIONS = 64


class RefusedPickleError(ValueError):
    """A pickle that does what no file of weights needs to."""


@dataclass(frozen=True, slots=True)
class PickledName:
    """A class or function that the pickle names, by name only."""

    module: str
    name: str

    def __str__(self) -> str:
        # Names come from the file: no control characters, and no more than fits a line.
        return ascii(f"{self.module}.{self.name}"[:80])[1:-1]


DICT = PickledName("builtins", "dict")
LIST = PickledName("builtins", "list")
SET = PickledName("builtins", "set")
ORDERED_DICT = PickledName("collections", "OrderedDict")


@dataclass(slots=True, eq=False)
class PickledObject:
    """An object that the pickle would have made; dictionaries, lists and sets too.

    Attributes:
        kind: the class, or the function that would have been called.
        arguments: what it would have been given.
        items: pairs that would have been set, in order.
        elements: what would have been appended or added, in order.
        states: what would have become its attributes, in order.
    """

    kind: PickledName
    arguments: tuple[object, ...] = ()
    items: list[tuple[object, object]] = field(default_factory=list)
    elements: list[object] = field(default_factory=list)
    states: list[object] = field(default_factory=list)

    @property
    def is_mapping(self) -> bool:
        """Whether it is a dictionary and nothing else."""
        return self.kind in (DICT, ORDERED_DICT) and not self.arguments

    def entries(self) -> dict[str, object]:
        """The items whose keys are text."""
        return {key: value for key, value in self.items if isinstance(key, str)}

    def attributes(self) -> dict[str, object]:
        """What unpickling would have put into its ``__dict__``."""
        found: dict[str, object] = {}
        for state in self.states:
            # With slots, the state is a pair: that of __dict__ and that of the slots.
            is_pair = isinstance(state, tuple) and len(state) == 2
            for part in state if isinstance(state, tuple) and is_pair else (state,):
                if isinstance(part, PickledObject) and part.is_mapping:
                    found.update(part.entries())
        return found


STORAGE_TYPES: Mapping[PickledName, torch.dtype] = MappingProxyType(
    {
        PickledName("torch", f"{name}Storage"): dtype
        for name, dtype in {
            "Double": torch.float64,
            "Float": torch.float32,
            "Half": torch.float16,
            "BFloat16": torch.bfloat16,
            "Long": torch.int64,
            "Int": torch.int32,
            "Char": torch.int8,
            "Byte": torch.uint8,
            "Bool": torch.bool,
        }.items()
    }
)
"""The storage classes of torch that are read, and the numbers that they hold."""


@dataclass(frozen=True, slots=True)
class PickledStorage:
    """A row of numbers that lies outside of the pickle.

    Attributes:
        key: its name in the file.
        dtype: number format.
        n_numbers: how many.
    """

    key: str
    dtype: torch.dtype
    n_numbers: int


@dataclass(frozen=True, slots=True, eq=False)
class PickledTensor:
    """A tensor as a view of a storage. Every number of it is another number of the storage.

    Attributes:
        storage: where its numbers are.
        offset: index of its first number in the storage.
        shape: its shape.
        strides: steps in the storage, in numbers, one for each dimension.

    Raises:
        RefusedPickleError: the view leaves its storage or has numbers twice.
    """

    storage: PickledStorage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or len(self.shape) > _MAX_DIMENSIONS:
            raise RefusedPickleError("a tensor has a shape that does not belong to its strides")
        if min((self.offset, *self.shape, *self.strides)) < 0:
            raise RefusedPickleError("a tensor has a negative offset, size or stride")
        if self.offset + self.span > self.storage.n_numbers:
            raise RefusedPickleError("a tensor is a view beyond its storage")
        if self.span and self._overlaps():
            raise RefusedPickleError("a tensor is a view that has numbers of its storage twice")

    @property
    def n_numbers(self) -> int:
        """Size of the tensor."""
        return math.prod(self.shape)

    @property
    def span(self) -> int:
        """Numbers of the storage from the tensor's first to its last, 0 if it is empty."""
        if 0 in self.shape:
            return 0
        steps = zip(self.shape, self.strides, strict=True)
        return 1 + sum((size - 1) * stride for size, stride in steps)

    def _overlaps(self) -> bool:
        reach = 0
        for stride, size in sorted(zip(self.strides, self.shape, strict=True)):
            if size > 1:
                if stride <= reach:
                    return True
                reach += (size - 1) * stride
        return False


def kind_of(value: object) -> str:
    """What to call a value of a pickle in a message; never its content."""
    if isinstance(value, PickledObject):
        return str(value.kind)
    if isinstance(value, PickledName):
        return f"the name {value}"
    if isinstance(value, PickledTensor):
        return "a tensor"
    return type(value).__name__


def _tensor(*arguments: object) -> PickledTensor:
    """What ``_rebuild_tensor`` would have made: storage, offset, size, strides."""
    if len(arguments) == 4:
        storage, offset, shape, strides = arguments
        sizes, steps = _whole_numbers(shape), _whole_numbers(strides)
        offsets = _whole_numbers((offset,))
        if isinstance(storage, PickledStorage) and None not in (sizes, steps, offsets):
            return PickledTensor(storage, offsets[0], sizes, steps)  # type: ignore[arg-type,index]
    raise RefusedPickleError("a tensor is rebuilt from other things than a tensor has")


def _tensor_v2(*arguments: object) -> PickledTensor:
    """The same with: gradient needed, hooks, and (from torch 2.0) metadata."""
    if len(arguments) not in (6, 7):
        raise RefusedPickleError("a tensor is rebuilt from other things than a tensor has")
    # Metadata can say that the stored numbers are to be negated or conjugated.
    if len(arguments) == 7 and not _is_nothing(arguments[6]):
        raise RefusedPickleError("a tensor has metadata, which weights do not have")
    _check_flag_and_hooks(arguments[4], arguments[5])
    return _tensor(*arguments[:4])


def _parameter(*arguments: object) -> PickledTensor:
    """What ``_rebuild_parameter`` would have made: tensor, gradient needed, hooks."""
    if len(arguments) != 3 or not isinstance(arguments[0], PickledTensor):
        raise RefusedPickleError("a parameter is rebuilt from other things than a parameter has")
    _check_flag_and_hooks(arguments[1], arguments[2])
    return arguments[0]


def _check_flag_and_hooks(needs_gradient: object, hooks: object) -> None:
    if not isinstance(needs_gradient, bool) or not _is_nothing(hooks):
        raise RefusedPickleError("a tensor has hooks, which weights do not have")


def _is_nothing(value: object) -> bool:
    if isinstance(value, PickledObject):
        return value.is_mapping and not value.items
    return value is None


def _whole_numbers(values: object) -> tuple[int, ...] | None:
    if isinstance(values, PickledObject) and values.kind == _SIZE and len(values.arguments) == 1:
        values = values.arguments[0]
    # A boolean is an int to Python, but not a size.
    if isinstance(values, tuple) and all(type(value) is int for value in values):
        return values
    return None


_SIZE = PickledName("torch", "Size")
TENSOR_FUNCTIONS: Mapping[PickledName, Callable[..., PickledTensor]] = MappingProxyType(
    {
        PickledName("torch._utils", "_rebuild_tensor"): _tensor,
        PickledName("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
        PickledName("torch._utils", "_rebuild_parameter"): _parameter,
    }
)
"""The only functions whose call means something here: ours stand in for torch's."""
