"""Pickles and files that run nothing, and that lie about sizes, places and shapes instead."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile

from tests.unit.models.hostile_pickles import (
    GOOD_STORAGES,
    MARK,
    REDUCE,
    STOP,
    Raw,
    call,
    legacy_file,
    module,
    name,
    storage,
    tensor,
    text,
    value,
    zip_file,
)

GOOD = {"weight": tensor()}


def programs() -> dict[str, bytes]:
    """Whole pickles that no file of weights needs, by what is wrong with them."""
    nothing = value(GOOD)
    huge = struct.pack("<Q", 2**62)
    # An opcode's bytes, then STOP.
    wrong = {
        "nothing": b"",
        "no STOP": nothing,
        "cut in an opcode": (nothing + STOP)[:40],
        "STOP alone": STOP,
        "two objects": nothing + nothing + STOP,
        "an open mark": MARK + nothing + STOP,
        "an unknown opcode": b"\xff" + STOP,
        "BINBYTES8 of 4 EiB": b"\x8e" + huge + STOP,
        "BINBYTES8 beyond signed": b"\x8e" + b"\xff" * 8 + STOP,
        "BINUNICODE8 of 4 EiB": b"\x8d" + huge + STOP,
        "BYTEARRAY8 of 4 EiB": b"\x96" + huge + STOP,
        "BINSTRING of negative length": b"T\xff\xff\xff\xff" + STOP,
        "LONG4 of 2 GiB": b"\x8b\xff\xff\xff\x7f" + STOP,
        "LONG4 of negative length": b"\x8b\xff\xff\xff\xff" + STOP,
        "a frame of 4 EiB": b"\x80\x04\x95" + huge + STOP,
        "a whole number of a million digits": b"I" + b"9" * 1_000_000 + b"\n" + STOP,
        "a number that is none": b"Inot a number\n" + STOP,
        "text that is not UTF-8": b"X\x02\x00\x00\x00\xff\xfe" + STOP,
        "a quotation without end": b"S'abc\n" + STOP,
        "GET of nothing": b"h\x07" + STOP,
        "PUT at -1": nothing + b"p-1\n" + STOP,
        "PUT at 2**31": nothing + b"r\xff\xff\xff\xff" + STOP,
        "MEMOIZE of nothing": b"\x94" + STOP,
        "POP of nothing": b"0" + nothing + STOP,
        "POP_MARK without a mark": b"1" + nothing + STOP,
        "TUPLE without a mark": b"t" + STOP,
        "TUPLE3 of one": b"N\x87" + STOP,
        "SETITEMS of three": b"}" + MARK + b"NNNu" + STOP,
        "DICT of one": MARK + b"Nd" + STOP,
        "OBJ of nothing": MARK + b"o" + STOP,
        "out-of-band buffer": b"\x80\x05\x97" + STOP,
        "read-only buffer": b"\x80\x05N\x98" + STOP,
        "persistent id as text": b"Pstorage\n" + STOP,
        "a million and more opcodes": b"N0" * 600_000 + nothing + STOP,
        "REDUCE of text": value("os.system") + b")R" + STOP,
        "REDUCE of a result": call("a", "b").opcodes + b")R" + STOP,
        "REDUCE with a list": name("os", "system").opcodes + b"]R" + STOP,
        "NEWOBJ of a tensor": tensor().opcodes + b")\x81" + STOP,
        "STACK_GLOBAL of bytes": value(b"os") + value(b"system") + b"\x93" + STOP,
        "BUILD of a tensor": tensor().opcodes + b"}b" + STOP,
        "BUILD of a dictionary": b"}}b" + STOP,
        "BUILD of a name": name("os", "system").opcodes + b"}b" + STOP,
        "SETITEM of a list": b"]NNs" + STOP,
        "SETITEM of a tensor": tensor().opcodes + b"NNs" + STOP,
        "APPEND to a dictionary": b"}Na" + STOP,
        "APPEND to a tuple": b")Na" + STOP,
        "ADDITEMS to a list": b"]" + MARK + b"N\x90" + STOP,
        # Objects in themselves, and nesting.
        "a list of itself": b"]q\x00h\x00a" + STOP,
        "a dictionary of itself": b"}q\x00X\x05\x00\x00\x00modelh\x00s" + STOP,
        "a module in itself": _module_in_itself(),
        "modules in two places each": _doubling_modules(),
        "200,000 tuples in each other": b"N" + b"\x85" * 200_000 + STOP,
        "200,000 lists in each other": b"]" * 200_000 + b"a" * 199_999 + STOP,
        "a key of 2**60 tuples": b"}N" + b"2\x86" * 60 + b"Ns" + STOP,
        "2**60 tuples": b"N" + b"2\x86" * 60 + STOP,
    }
    objects: dict[str, object] = {
        "nothing to read": None,
        "no tensors": {"epoch": 3},
        "an empty dictionary": {},
        "a list of tensors": [tensor()],
        "a name that looks like torch's": _with(name("torch._utils ", "_rebuild_tensor_v2")),
        "a name in other letters": Raw(
            text("tоrch._utils") + text("_rebuild_tensor_v2") + b"\x93" + value(()) + REDUCE
        ),
        "a dotted name of torch's": Raw(
            text("torch") + text("_utils._rebuild_tensor_v2") + b"\x93" + value(()) + REDUCE
        ),
        "tensors in a subclass of dictionary": Raw(
            call("__main__", "Dictionary").opcodes + MARK + text("weight") + value(tensor()) + b"u"
        ),
        "two state dicts": {"first": GOOD, "second": GOOD},
        "a number between tensors": {**GOOD, "step": 3},
        "a name that is no text": {3: tensor()},
        "a name of control characters": {"a\x1b[31m\n": tensor()},
        "a name of half a letter": {"\ud800": tensor()},
        "a name of a thousand letters": {"a" * 1000: tensor()},
        "an empty name": {"": tensor()},
        "a parameter that is none": module({"weight": 3}),
        "a module that is none": module(GOOD, _modules={"part": tensor()}),
        "parameters in a list": module({}, _parameters=[tensor()]),
        "a name twice": module({"a.b": tensor()}, _modules={"a": module({"b": tensor()})}),
        # Tensors that are not views of their storage.
        **{
            f"a tensor {what}": {"weight": made}
            for what, made in {
                "beyond its storage": tensor((2, 4), (4, 1)),
                "that begins behind it": tensor((1,), (1,), 6),
                "of a huge step": tensor((2,), (2**61,)),
                "of a huge size": tensor((2**40, 2**40), (2**40, 1)),
                "with a negative offset": tensor(offset=-1),
                "with a negative size": tensor((-2, 3)),
                "with a negative stride": tensor(strides=(-3, 1)),
                "that repeats one number": tensor((2**40,), (0,)),
                "with rows in each other": tensor((2, 3), (2, 1)),
                "of more strides than sizes": tensor((2,), (3, 1)),
                "of 65 dimensions": tensor((1,) * 65, (1,) * 65),
                "whose size is a float": tensor((2.0, 3)),
                "whose size is a boolean": tensor((True, 3)),
                "whose size is text": tensor("23"),
                "whose offset is text": tensor(offset="0"),
                "without a storage": tensor(of=Raw(value("storage"))),
                "of another tensor": tensor(of=tensor()),
                "that is to be negated": tensor(more=({"neg": True},)),
                "with hooks": tensor(hooks={1: name("os", "system")}),
                "of too many arguments": tensor(more=({}, 1, 2)),
                "of too few": call("torch._utils", "_rebuild_tensor_v2", storage()),
                "of a kind not read here": tensor(function="_rebuild_tensor_v3"),
                "that is sparse": call("torch._utils", "_rebuild_sparse_tensor", 1, ()),
                "of complex numbers": tensor(of=storage(3, "ComplexFloatStorage")),
                "of untyped numbers": tensor(of=storage(24, "UntypedStorage")),
                "of numpy's": call("numpy.core.multiarray", "_reconstruct", 1, (0,), b"b"),
                "that is a scalar of numpy's": call("numpy.core.multiarray", "scalar", 1, b"12"),
                "that is a parameter of none": call(
                    "torch._utils", "_rebuild_parameter", None, True, {}
                ),
            }.items()
        },
        # Storages that are not what they say.
        **{
            f"a storage {what}": {"weight": tensor((1,), (1,), of=made)}
            for what, made in {
                "of more numbers than there are": storage(7),
                "of 2**60 numbers": storage(2**60),
                "of negative size": storage(-6),
                "of a size that is text": storage("6"),
                "that is not there": storage(key="1"),
                "outside of the archive": storage(key="../../etc/passwd"),
                "with a number for a key": storage(key=0),
                "of a type of another library": Raw(
                    value(("storage", name("os", "FloatStorage"), "0", "cpu", 6)) + b"Q"
                ),
                "with too few parts": Raw(value(("storage", "0", "cpu", 6)) + b"Q"),
                "with a view": Raw(
                    value(("storage", name("torch", "FloatStorage"), "0", "cpu", 6, ("1", 0, 6)))
                    + b"Q"
                ),
                "that is a module": Raw(value(("module", name("os", "x"), "a", "b")) + b"Q"),
                "of another sort": Raw(value(("file", "/etc/passwd")) + b"Q"),
                "that is a number": Raw(value(3) + b"Q"),
            }.items()
        },
        "a storage described in two ways": {
            "a": tensor(),
            "b": tensor((6,), (1,), of=storage(6, "IntStorage")),
        },
        "more in its tensors than in its storages": {f"t{i}": tensor() for i in range(5)},
    }
    return {**wrong, **{what: value(item) + STOP for what, item in objects.items()}}


def files() -> dict[str, bytes]:
    """Files that are not what torch.save writes, by what is wrong with them."""
    good = value(GOOD) + STOP
    zipped, legacy = zip_file(good), legacy_file(good)
    encrypted = bytearray(zipped)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.find(header) + flags] |= 1
    links = io.BytesIO()
    with zipfile.ZipFile(links, "w") as archive:
        archive.writestr("weights/data.pkl", good)
        link = zipfile.ZipInfo("weights/data/0")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as tarred:
        tarred.addfile(tarfile.TarInfo("pickle"))
    return {
        "an empty file": b"",
        "HTML": b"<html>not found</html>",
        "a tar archive": tar.getvalue(),
        "a plain pickle": pickle.dumps({"weight": 3}),
        "safetensors": struct.pack("<Q", 2) + b"{}",
        "a ZIP archive of something else": _zip({"weights/readme": b"hello"}),
        "an empty ZIP archive": _zip({}),
        "TorchScript": zip_file(good, extra={"weights/constants.pkl": b""}),
        "a path upwards": zip_file(good, extra={"weights/../../canary": b"x"}),
        "an absolute path": zip_file(good, extra={"/weights/canary": b"x"}),
        "a path of Windows": zip_file(good, extra={"weights/..\\canary": b"x"}),
        "another folder": zip_file(good, extra={"other/data/0": b"x"}),
        "a pickle without a folder": _zip({"data.pkl": good}),
        "a link": links.getvalue(),
        "an entry twice": zip_file(good).replace(b"weights/byteorder", b"weights/data.pkl/")[:0]
        + _twice(good),
        "compressed": zip_file(good, compression=zipfile.ZIP_DEFLATED),
        "a ZIP bomb": zip_file(good, {"0": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED),
        "encrypted": bytes(encrypted),
        "cut in its directory": zipped[:-30],
        "cut in its numbers": zipped[:150],
        "an entry that lies in another": _overlapping(zipped),
        "an entry whose header is elsewhere": zipped.replace(
            b"PK\x03\x04", b"PK\x03\x05", 2
        ).replace(b"PK\x03\x05", b"PK\x03\x04", 1),
        "a wrong checksum of the pickle": zipped.replace(text("weight"), text("height")),
        "a wrong checksum of the numbers": zipped.replace(
            GOOD_STORAGES["0"], GOOD_STORAGES["0"][::-1]
        ),
        "big-endian": zip_file(good, byteorder=b"big"),
        "of no known order of bytes": zip_file(good, byteorder=b"middle"),
        "a pickle of 65 MiB": zip_file(good + bytes(65 << 20)),
        "booleans of 7": zip_file(
            value({"a": tensor((1,), (1,), of=storage(1, "BoolStorage"))}) + STOP, {"0": b"\x07"}
        ),
        "legacy: another magic number": legacy_file(good, magic=1),
        "legacy: fewer numbers than said": legacy_file(good, {"0": GOOD_STORAGES["0"][:-4]}),
        "legacy: another count": legacy_file(good, count=5),
        "legacy: a negative count": legacy_file(good, count=-1),
        "legacy: a huge count": legacy_file(good, count=2**62),
        "legacy: no keys": legacy_file(good, keys=[]),
        "legacy: other keys": legacy_file(good, keys=["1"]),
        "legacy: keys that are no list": legacy_file(good, keys=3),
        "legacy: keys that are numbers": legacy_file(good, keys=[0]),
        "legacy: cut behind the keys": legacy[: -len(GOOD_STORAGES["0"]) - 4],
        "legacy: cut in the pickle": legacy[:120],
        "legacy: a persistent id in its first pickle": value(("storage",)) + b"Q" + STOP,
    }


def _with(function: Raw) -> Raw:
    return Raw(function.opcodes + value((storage(), 0, (2, 3), (3, 1), False, None)) + REDUCE)


def _module_in_itself() -> bytes:
    start = name("__main__", "Module").opcodes + b")\x81q\x00"
    parts = {"_parameters": {}, "_buffers": {}, "_modules": {"inner": Raw(b"h\x00")}}
    return start + value(parts) + b"b" + STOP


def _doubling_modules() -> bytes:
    """2**40 names from 40 modules, each of which has the one before in two places."""
    opcodes = module(GOOD).opcodes + b"q\x00"
    for number in range(1, 41):
        before = Raw(b"h" + bytes([number - 1]))
        opcodes += b"0" + module({}, _modules={"a": before, "b": before}).opcodes
        opcodes += b"q" + bytes([number])
    return opcodes + STOP


def _zip(entries: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for entry, numbers in entries.items():
            archive.writestr(entry, numbers)
    return content.getvalue()


def _twice(good: bytes) -> bytes:
    """Two entries ``data.pkl``: readers of ZIP archives do not agree on which one counts."""
    once = zip_file(good, extra={"weights/data.pkm": b"N."})
    return once.replace(b"weights/data.pkm", b"weights/data.pkl")


def _overlapping(zipped: bytes) -> bytes:
    """The storage's place is said to be where the pickle is, within its bytes."""
    inner = _zip({"weights/data/0": GOOD_STORAGES["0"]})
    inner = inner[: inner.find(b"PK\x01\x02")]
    program = value({**GOOD, "note": inner}) + STOP
    outer = bytearray(zip_file(program))
    place = outer.find(inner)
    entry = outer.rfind(b"weights/data/0")
    outer[entry - 4 : entry] = struct.pack("<I", place)
    return bytes(outer)
