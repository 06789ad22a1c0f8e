"""The published JSON Schema and the loader refuse the same descriptions of a bundle."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.bundles import CALIBRATION, make_bundle
from virnucpro_core.errors import BundleError
from virnucpro_core.models import SCHEMA_VERSION
from virnucpro_core.models._bundle_spec import parse_bundle_spec

Document = dict[str, Any]
Place = tuple[str | int, ...]
DEMO = Path(__file__).parents[3] / "assets" / "models" / "demo"

# What lies between several values: beyond a schema, as its description says.
BETWEEN_VALUES = re.compile(
    r"layer must be 0 to|does not divide into|input_width is|which files does not list|"
    r"calibration.ranges must|reliability.limits must|reliability is about"
)
# 1.0 is left out: to a schema it is a whole number, and its description forbids it in words.
VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2,
    1.5,
    513,
    1_048_577,
    "",
    "x",
    "../x",
    [],
    ["x"],
    ["virus", "others"],
    {},
    {"a": 1},
)
PATHS = (
    "a", "a/b", "A b.é", "a.b", "", "/a", "a/", "a//b", ".", "..", "./a", "a/..", "a/../b", ".a",
    "a/.b", "a\\b", "c:a", "a\0b",
)  # fmt: skip
DIGESTS = ("0" * 64, "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 63 + "\n", "0" * 64 + "\n")


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    text = resources.files("virnucpro_core.models").joinpath("bundle.schema.json").read_text()
    document = json.loads(text)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Document:
    bundle = make_bundle(
        tmp_path_factory.mktemp("bundles") / "one",
        frame_rule="longest",
        calibration=CALIBRATION,
        with_reliability=True,
    )
    document: Document = json.loads((bundle / "bundle.json").read_text())
    return document


def loader_says(document: object) -> str | None:
    """Why the loader refuses it; None where it does not."""
    try:
        parse_bundle_spec(document, "bundle.json")
    except BundleError as error:
        return error.what
    return None


def objects(document: Document, place: Place = ()) -> Iterator[Place]:
    """Where the objects are whose keys the loader knows."""
    yield place
    for key, value in document.items():
        if isinstance(value, dict) and key not in ("training", "accuracy"):
            yield from objects(value, (*place, key))
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                if isinstance(entry, dict):
                    yield from objects(entry, (*place, key, number))


def changed(original: Document) -> Iterator[tuple[str, Document]]:
    """Descriptions with one change each, and what it is."""
    for place in objects(original):
        for key in (*_at(original, place), "novelty"):
            for value in VALUES:
                document = copy.deepcopy(original)
                _at(document, place)[key] = value
                yield f"{_name(place, key)} = {value!r}", document
            document = copy.deepcopy(original)
            _at(document, place).pop(key, None)
            yield f"no {_name(place, key)}", document
    for path in PATHS:
        document = copy.deepcopy(original)
        document["files"][path] = "0" * 64
        yield f"a file {path!r}", document
        for place in (("encoders", "dna"), ("encoders", "protein"), ("classifier",)):
            document = copy.deepcopy(document)
            _at(document, place)["weights"] = path
            yield f"the weights {path!r} of {'.'.join(place)}", document
    for digest in DIGESTS:
        document = copy.deepcopy(original)
        document["files"]["tokenizer.json"] = digest
        yield f"the digest {digest!r}", document


def _at(document: Any, place: Place) -> Document:
    for key in place:
        document = document[key]
    found: Document = document
    return found


def _name(place: Place, key: str) -> str:
    return ".".join(map(str, (*place, key)))


def test_the_demo_and_a_written_bundle_are_valid(
    schema: Draft202012Validator, described: Document
) -> None:
    schema.validate(json.loads((DEMO / "bundle.json").read_text()))
    schema.validate(described)
    assert loader_says(described) is None


def test_the_schema_is_that_of_the_version_that_is_read(schema: Draft202012Validator) -> None:
    assert schema.schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert schema.schema["$id"].endswith(f":{SCHEMA_VERSION}")


def test_schema_and_loader_refuse_the_same(
    schema: Draft202012Validator, described: Document
) -> None:
    n_refused = n_accepted = n_between = 0
    for change, document in changed(described):
        reason = loader_says(document)
        is_valid = schema.is_valid(document)
        if reason is None:
            assert is_valid, f"only the schema refuses {change}"
            n_accepted += 1
        elif is_valid:
            assert BETWEEN_VALUES.search(reason), f"only the loader refuses {change}: {reason}"
            n_between += 1
        else:
            n_refused += 1
    # So that a battery that changes nothing, or breaks everything, is noticed.
    assert n_refused > 500
    assert n_accepted > 30
    assert n_between > 10


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
def test_what_is_no_description_at_all_is_refused_by_both(
    schema: Draft202012Validator, document: object
) -> None:
    assert loader_says(document) is not None
    assert not schema.is_valid(document)
