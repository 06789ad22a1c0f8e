"""Pickles that run code, exhaust memory or lie, and files of torch.save's two formats with them.

A pickle is written here opcode by opcode (``pickletools`` of the standard library names them), so
that it can also be one that no pickler would write. What runs code leaves a file ``canary`` in the
working directory, or removes the directory ``victim`` there.
"""

from __future__ import annotations

import io
import marshal
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

TOUCH = "touch canary"
PYTHON = "open('canary', 'w').close()"
MARK, TUPLE, REDUCE, BUILD, STOP = b"(", b"t", b"R", b"b", b"."


# --- Opcodes that push something ---


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def value(item: object) -> bytes:
    """Push text, bytes, a number, a boolean, None, a tuple, a list or a dictionary."""
    if isinstance(item, Raw):
        return item.opcodes
    if isinstance(item, str):
        return text(item)
    if isinstance(item, bytes):
        return b"B" + struct.pack("<I", len(item)) + item
    if isinstance(item, tuple):
        return MARK + b"".join(map(value, item)) + TUPLE
    if isinstance(item, list):
        return b"](" + b"".join(map(value, item)) + b"e"
    if isinstance(item, dict):
        return b"}(" + b"".join(value(k) + value(v) for k, v in item.items()) + b"u"
    if item is None or isinstance(item, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[item]
    if isinstance(item, float):
        return b"G" + struct.pack(">d", item)
    assert isinstance(item, int)
    return b"\x8a" + bytes([9]) + item.to_bytes(9, "little", signed=True)


class Raw:
    """Opcodes that push one object."""

    def __init__(self, opcodes: bytes) -> None:
        self.opcodes = opcodes


def name(module: str, attribute: str) -> Raw:
    return Raw(f"c{module}\n{attribute}\n".encode())


def call(module: str, attribute: str, *arguments: object) -> Raw:
    return applied(name(module, attribute), *arguments)


def applied(function: Raw, *arguments: object) -> Raw:
    return Raw(function.opcodes + value(arguments) + REDUCE)


# --- Weights, as torch writes them ---

GOOD_STORAGES = {"0": struct.pack("<6f", *range(6))}


def storage(n_numbers: object = 6, kind: str = "FloatStorage", key: object = "0") -> Raw:
    identity = ("storage", name("torch", kind), key, "cpu", n_numbers)
    return Raw(value(identity) + b"Q")


def tensor(
    shape: object = (2, 3),
    strides: object = (3, 1),
    offset: object = 0,
    *,
    of: Raw | None = None,
    hooks: object = None,
    more: tuple[object, ...] = (),
    function: str = "_rebuild_tensor_v2",
) -> Raw:
    arguments = (of or storage(), offset, shape, strides, False, hooks, *more)
    return call("torch._utils", function, *arguments)


def module(state: Mapping[str, object], **attributes: object) -> Raw:
    """An instance of ``__main__.MLPClassifier`` that has these parameters."""
    parts = {"_parameters": dict(state), "_buffers": {}, "_modules": {}, **attributes}
    made = name("__main__", "MLPClassifier").opcodes + b")\x81"
    return Raw(made + value(parts) + BUILD)


# --- Files ---


def zip_file(
    program: bytes,
    storages: Mapping[str, bytes] = GOOD_STORAGES,
    *,
    byteorder: bytes = b"little",
    extra: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr("weights/data.pkl", program)
        archive.writestr("weights/version", b"3\n")
        archive.writestr("weights/byteorder", byteorder)
        for key, numbers in storages.items():
            archive.writestr(f"weights/data/{key}", numbers)
        for entry, numbers in (extra or {}).items():
            archive.writestr(entry, numbers)
    return content.getvalue()


def legacy_file(
    program: bytes,
    storages: Mapping[str, bytes] = GOOD_STORAGES,
    *,
    magic: int = 0x1950A86A20F9469CFC6C,
    keys: object = None,
    count: int = 6,
) -> bytes:
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [pickle.dumps(part, 2) for part in (magic, 1001, sizes)]
    parts.append(program)
    parts.append(pickle.dumps(list(storages) if keys is None else keys, 2))
    for numbers in storages.values():
        parts.append(struct.pack("<q", count) + numbers)
    return b"".join(parts)


# --- What runs code when it is unpickled ---


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, (PYTHON,)


class _EvilEx:
    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return eval, (PYTHON,)


class _EvilState:
    """Runs when its attributes are set."""

    def __reduce__(self) -> tuple[object, ...]:
        return dict, (), None, None, iter([("key", _Evil())])


def _dumped(item: object, protocol: int) -> Raw:
    return Raw(pickle.dumps(item, protocol).removesuffix(STOP))


def executable() -> dict[str, Raw]:
    """Programs that leave the canary under ``pickle.loads``; each pushes one object."""
    os_module = call("builtins", "__import__", "os")
    code = marshal.dumps(compile(PYTHON, "canary", "exec"))
    system = name("os", "system").opcodes
    touch = value(TOUCH)
    popen = ["touch", "canary"]
    partial = name("functools", "partial").opcodes + value((name("torch", "load"),)) + REDUCE
    partial_state = (name("torch", "load"), ("inner.pt",), {"weights_only": False}, None)
    hub = name("functools", "partial").opcodes + value((name("torch.hub", "load"),)) + REDUCE
    hub_state = (name("torch.hub", "load"), (".", "entry"), {"source": "local"}, None)
    namespace = call("types", "SimpleNamespace").opcodes
    return {
        "os.system": call("os", "system", TOUCH),
        "posix.system": call("posix", "system", TOUCH),
        "os.popen": call("os", "popen", TOUCH),
        "os.mkdir": call("os", "mkdir", "canary"),
        "os.spawnlp": call("os", "spawnlp", 0, "touch", "touch", "canary"),
        "subprocess.Popen": call("subprocess", "Popen", popen),
        "subprocess.run": call("subprocess", "run", popen),
        "subprocess.getoutput": call("subprocess", "getoutput", TOUCH),
        "pty.spawn": call("pty", "spawn", popen),
        "eval": call("builtins", "eval", PYTHON),
        "exec": call("builtins", "exec", PYTHON),
        "Python 2's eval": call("__builtin__", "eval", PYTHON),
        "open": call("builtins", "open", "canary", "w"),
        "import, getattr": applied(call("builtins", "getattr", os_module, "system"), TOUCH),
        "map in a list": call(
            "builtins", "list", call("builtins", "map", name("os", "system"), [TOUCH])
        ),
        "partial": applied(call("functools", "partial", name("os", "system"), TOUCH)),
        "reduce": call("functools", "reduce", name("builtins", "eval"), [PYTHON, {}, {}]),
        "attrgetter": applied(applied(call("operator", "attrgetter", "system"), os_module), TOUCH),
        "methodcaller": applied(call("operator", "methodcaller", "system", TOUCH), os_module),
        "runpy": call("runpy", "_run_code", Raw(_compiled(code)), {}),
        "runpy.run_path": call("runpy", "run_path", "canary_module.py"),
        "importlib": call("importlib", "import_module", "canary_module"),
        "a name alone": name("canary_module", "Anything"),
        "timeit": call("timeit", "timeit", PYTHON),
        "cProfile": call("cProfile", "run", PYTHON),
        "bdb": applied(call("operator", "methodcaller", "run", PYTHON), call("bdb", "Bdb")),
        "webbrowser": applied(
            call("operator", "methodcaller", "open", "canary"),
            call("webbrowser", "GenericBrowser", ["touch", "%s"]),
        ),
        "shutil.rmtree": call("shutil", "rmtree", "victim"),
        "pathlib": applied(
            call("operator", "methodcaller", "touch"), call("pathlib", "Path", "canary")
        ),
        "pickle in a pickle": call("pickle", "loads", pickle.dumps(_Evil())),
        "marshal and FunctionType": applied(
            call("types", "FunctionType", Raw(_compiled(code)), call("builtins", "globals"))
        ),
        "_reconstructor": call(
            "copyreg",
            "_reconstructor",
            name("subprocess", "Popen"),
            name("subprocess", "Popen"),
            popen,
        ),
        "numpy.load": call("numpy", "load", "inner.npy", None, True),
        "torch.load": Raw(partial + value(partial_state) + BUILD + b")R"),
        "torch.hub.load": Raw(hub + value(hub_state) + BUILD + b")R"),
        **{f"protocol {number}": _dumped(_Evil(), number) for number in range(6)},
        **{f"__reduce_ex__, protocol {number}": _dumped(_EvilEx(), number) for number in (0, 2, 4)},
        "items of a reduced dictionary": _dumped(_EvilState(), 2),
        "STACK_GLOBAL": Raw(value("os") + value("system") + b"\x93" + value((TOUCH,)) + REDUCE),
        "STACK_GLOBAL, dotted": Raw(
            b"\x80\x04" + value("pathlib") + value("os.system") + b"\x93" + value((TOUCH,)) + REDUCE
        ),
        "INST": Raw(MARK + touch + b"ios\nsystem\n"),
        "OBJ": Raw(MARK + system + touch + b"o"),
        "NEWOBJ": Raw(name("canary_module", "Evil").opcodes + b")\x81"),
        "NEWOBJ_EX": Raw(name("canary_module", "Evil").opcodes + b")}\x92"),
        "BUILD with a __setstate__ of its own": Raw(
            namespace + value({"__setstate__": name("os", "system")}) + BUILD + touch + BUILD
        ),
        "BUILD of slots": Raw(
            namespace
            + value((None, {"__setstate__": name("os", "system")}))
            + BUILD
            + touch
            + BUILD
        ),
        "APPEND to what has an append of its own": Raw(
            namespace + value({"append": name("os", "system")}) + BUILD + touch + b"a"
        ),
        "memo": Raw(
            value("harmless") + b"q\x000" + system + b"q\x000h\x00" + value((TOUCH,)) + REDUCE
        ),
        "called and dropped": Raw(system + value((TOUCH,)) + REDUCE + b"0" + value({})),
        "duplicated": Raw(system + b"2" + value((TOUCH,)) + REDUCE + b"00" + value({})),
        "EXT1": Raw(b"\x82\xf0" + value((TOUCH,)) + REDUCE),
        "EXT2": Raw(b"\x83\xf0\x00" + value((TOUCH,)) + REDUCE),
        "EXT4": Raw(b"\x84\xf0\x00\x00\x00" + value((TOUCH,)) + REDUCE),
        "hooks of a tensor": tensor(hooks=call("os", "system", TOUCH)),
        "metadata of a tensor": tensor(more=(call("os", "system", TOUCH),)),
        "shape of a tensor": tensor(shape=call("os", "system", TOUCH)),
        "type of a storage": Raw(
            value(("storage", call("os", "system", TOUCH), "0", "cpu", 6)) + b"Q"
        ),
        "persistent id": Raw(call("os", "system", TOUCH).opcodes + b"Q"),
        "key of a dictionary": Raw(b"}" + call("os", "system", TOUCH).opcodes + b"Ns"),
        "state of an OrderedDict": Raw(
            call("collections", "OrderedDict").opcodes
            + value({"_metadata": call("os", "system", TOUCH)})
            + BUILD
        ),
        "content of an OrderedDict": call(
            "collections", "OrderedDict", [["key", call("os", "system", TOUCH)]]
        ),
    }


def _compiled(code: bytes) -> bytes:
    return call("marshal", "loads", code).opcodes


def prepare(folder: Path) -> None:
    """Put what the programs refer to into their working directory."""
    (folder / "victim").mkdir()
    (folder / "canary_module.py").write_text(f"{PYTHON}\nclass Evil: pass\nAnything = None\n")
    (folder / "hubconf.py").write_text(f"def entry():\n    {PYTHON}\n")
    (folder / "inner.pt").write_bytes(zip_file(pickle.dumps(_Evil(), 2)))
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    (folder / "inner.npy").write_bytes(head + pickle.dumps(_Evil(), 2))
