"""Reading a pickle without doing what it says.

A pickle is a program for a small stack machine. The opcodes that make it dangerous look up a name
by importing its module (GLOBAL, STACK_GLOBAL, INST), call what was found (REDUCE, OBJ, INST,
NEWOBJ, NEWOBJ_EX), and let objects change themselves (BUILD calls ``__setstate__`` or sets
attributes, SETITEMS and APPENDS call methods). The documentation of Python's ``pickle``
("Restricting Globals") advises a subclass of ``Unpickler`` whose ``find_class`` admits few names;
but there the machine still calls what is admitted, with arguments of the file's choice, and still
runs BUILD on whatever comes out. torch's own reader of weights (``weights_only=True``) is a second
machine that makes real tensors while it reads, and refuses the classes that it does not know.

This one is a machine that has nothing to call. ``pickletools.genops`` of the standard library
splits the bytes into opcodes and arguments. A name becomes a `PickledName`, a call of it a
`PickledObject` that says what would have been called with what, and BUILD, SETITEMS and APPENDS
write that down too. There is no import, no ``getattr`` and no call of anything from the file; the
three functions that rebuild tensors are matched by exact name and give a description
(`PickledTensor`), which is checked. So an unknown class is harmless, and a pickled ``nn.Module``
can be walked like a tree of dictionaries.

What no file of weights needs is refused: codes of the extension registry (EXT1, EXT2, EXT4), which
name classes that the file does not; buffers outside of the pickle; persistent ids as text; calling
something that is no name; changing an object of a kind that has no such change.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from virnucpro_core.models._pickled_objects import (
    DICT,
    LIST,
    ORDERED_DICT,
    SET,
    TENSOR_FUNCTIONS,
    PickledName,
    PickledObject,
    RefusedPickleError,
    kind_of,
)

__all__ = ["read_pickle"]

# ESM-2 of 48 layers takes 30,000; an object of this machine takes about 300 bytes.
_MAX_OPCODES = 1_000_000
_OLD_NAMES = {"__builtin__": "builtins"}  # Python 2's


def read_pickle(
    file: BinaryIO, load_persistent: Callable[[object], object], *, max_floats: int = 0
) -> object:
    """What one pickle describes; ``file`` stands behind it afterwards.

    Args:
        file: bytes in memory, so that a length in the file cannot ask for more than is there.
        load_persistent: what a persistent id stands for.
        max_floats: how many floating-point numbers do not count as opcodes; for files that have
            vectors as lists of numbers.

    Returns:
        None, a boolean, a number, text, bytes, a tuple of these, a `PickledName`, a
        `PickledObject`, a `PickledTensor` or what ``load_persistent`` gave.

    Raises:
        RefusedPickleError: it is damaged, or not what a file of weights needs to be.
    """
    machine = _Machine(load_persistent)
    number, n_floats = 0, 0
    try:
        for opcode, argument, position in pickletools.genops(file):
            if n_floats < max_floats and opcode.name == "BINFLOAT":
                n_floats += 1
            else:
                number += 1
            if number > _MAX_OPCODES:
                raise RefusedPickleError(f"it has more than {_MAX_OPCODES} opcodes")
            try:
                machine.step(opcode.name, argument)
            except IndexError as error:
                raise RefusedPickleError(
                    f"{opcode.name} at byte {position} finds nothing on the stack"
                ) from error
    except RefusedPickleError:
        raise
    except (ValueError, OverflowError, struct.error) as error:  # from genops: no such bytes
        raise RefusedPickleError(f"it is damaged: {str(error)[:120]}") from error
    return machine.result()


class _Machine:
    """The stack, the stacks below the marks, and the memo."""

    def __init__(self, load_persistent: Callable[[object], object]) -> None:
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._load_persistent = load_persistent

    def step(self, opcode: str, argument: object) -> None:
        """Write down what an opcode asks for."""
        if opcode in _VALUES:
            self._stack.append(argument)
        elif opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode])
        elif opcode in _STEPS:
            _STEPS[opcode](self, argument)
        elif opcode not in _IGNORED:
            raise RefusedPickleError(f"it uses {opcode}, which weights do not need")

    def result(self) -> object:
        """What the pickle describes, after its last opcode."""
        if len(self._stack) != 1 or self._below:
            raise RefusedPickleError("it is damaged: it does not end with one object")
        return self._stack[0]

    def push(self, value: object) -> None:
        self._stack.append(value)

    def mark(self, _: object) -> None:
        self._below.append(self._stack)
        self._stack = []

    def take_marked(self) -> list[object]:
        """Everything above the last mark."""
        marked, self._stack = self._stack, self._below.pop()
        return marked

    def pop(self, _: object) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self.take_marked()

    def duplicate(self, _: object) -> None:
        self._stack.append(self._stack[-1])

    def push_object(self, kind: PickledName, elements: list[object]) -> None:
        self._stack.append(PickledObject(kind, elements=elements))

    def push_dict(self, values: list[object]) -> None:
        self._stack.append(PickledObject(DICT))
        self.set_items(values)

    def push_tuple(self, size: int) -> None:
        if len(self._stack) < size:
            raise IndexError
        values = tuple(self._stack[-size:])
        del self._stack[-size:]
        self._stack.append(values)

    def memoize(self, index: object) -> None:
        number = len(self._memo) if index is None else index
        if not isinstance(number, int) or not 0 <= number <= _MAX_OPCODES:
            raise RefusedPickleError("it is damaged: its memo has no such place")
        self._memo[number] = self._stack[-1]

    def recall(self, index: object) -> None:
        if not isinstance(index, int) or index not in self._memo:
            raise RefusedPickleError("it is damaged: its memo has no such place")
        self._stack.append(self._memo[index])

    def persistent(self, _: object) -> None:
        self._stack.append(self._load_persistent(self._stack.pop()))

    def name(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        self._stack.append(_named(module, name))

    def name_from_stack(self, _: object) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise RefusedPickleError("it names a class by something else than text")
        self._stack.append(_named(module, name))

    def call(self, _: object) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if isinstance(function, PickledName) and function in TENSOR_FUNCTIONS:
            if not isinstance(arguments, tuple):
                raise RefusedPickleError("a tensor is rebuilt from other things than a tensor has")
            self._stack.append(TENSOR_FUNCTIONS[function](*arguments))
            return
        self._make(function, arguments)
        made = self._stack[-1]
        if isinstance(made, PickledObject) and len(made.arguments) == 1:
            _take_content(made, made.arguments[0])

    def make(self, _: object) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        self._make(kind, arguments)

    def make_with_names(self, _: object) -> None:
        named, arguments, kind = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._make(kind, (arguments, named))

    def make_from_marked(self, _: object) -> None:
        kind, *arguments = self.take_marked()
        self._make(kind, tuple(arguments))

    def make_named(self, argument: object) -> None:
        arguments = tuple(self.take_marked())
        self.name(argument)
        self._make(self._stack.pop(), arguments)

    def _make(self, kind: object, arguments: object) -> None:
        if not isinstance(kind, PickledName):
            raise RefusedPickleError(f"it calls a result ({kind_of(kind)}), not a name")
        if not isinstance(arguments, tuple):
            raise RefusedPickleError(f"it calls {kind} with no tuple of arguments")
        self._stack.append(PickledObject(kind, arguments))

    def build(self, _: object) -> None:
        state = self._stack.pop()
        self._top("BUILD", without=(DICT, LIST, SET)).states.append(state)

    def set_items(self, values: list[object]) -> None:
        if len(values) % 2:
            raise RefusedPickleError("it is damaged: a key has no value")
        pairs = zip(values[::2], values[1::2], strict=True)
        self._top("SETITEMS", without=(LIST, SET)).items.extend(pairs)

    def set_item(self, _: object) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self.set_items([key, value])

    def append(self, values: list[object]) -> None:
        without = (DICT, ORDERED_DICT, SET)
        self._top("APPENDS", without=without).elements.extend(values)

    def append_one(self, _: object) -> None:
        self.append([self._stack.pop()])

    def add(self, values: list[object]) -> None:
        without = (DICT, ORDERED_DICT, LIST)
        self._top("ADDITEMS", without=without).elements.extend(values)

    def _top(self, opcode: str, *, without: tuple[PickledName, ...]) -> PickledObject:
        """The object on top of the stack, which ``opcode`` would change."""
        changed = self._stack[-1]
        if not isinstance(changed, PickledObject) or changed.kind in without:
            raise RefusedPickleError(f"it uses {opcode} on {kind_of(changed)}")
        return changed


def _named(module: str, name: str) -> PickledName:
    return PickledName(_OLD_NAMES.get(module, module), name)


def _take_content(made: PickledObject, content: object) -> None:
    """Sets, and the OrderedDict of Python 2, are calls with a list of what is in them."""
    if not isinstance(content, PickledObject) or content.kind != LIST:
        return
    if made.kind == SET:
        made.elements, made.arguments = content.elements, ()
    elif made.kind == ORDERED_DICT:
        pairs = [e.elements if isinstance(e, PickledObject) else e for e in content.elements]
        if all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            made.items, made.arguments = [(key, value) for key, value in pairs], ()  # type: ignore


_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})
_CONSTANTS: Mapping[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
    }
)
_STEPS: Mapping[str, Callable[[_Machine, object], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": lambda machine, _: machine.take_marked().clear(),
    "DUP": _Machine.duplicate,
    "EMPTY_DICT": lambda machine, _: machine.push_object(DICT, []),
    "EMPTY_LIST": lambda machine, _: machine.push_object(LIST, []),
    "EMPTY_SET": lambda machine, _: machine.push_object(SET, []),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "DICT": lambda machine, _: machine.push_dict(machine.take_marked()),
    "LIST": lambda machine, _: machine.push_object(LIST, machine.take_marked()),
    "FROZENSET": lambda machine, _: machine.push_object(SET, machine.take_marked()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.take_marked())),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.memoize),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    "BINPERSID": _Machine.persistent,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.make,
    "NEWOBJ_EX": _Machine.make_with_names,
    "OBJ": _Machine.make_from_marked,
    "INST": _Machine.make_named,
    "BUILD": _Machine.build,
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.set_items(machine.take_marked()),
    "APPEND": _Machine.append_one,
    "APPENDS": lambda machine, _: machine.append(machine.take_marked()),
    "ADDITEMS": lambda machine, _: machine.add(machine.take_marked()),
}
