"""The page of parameters is made, not written."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from virnucpro_core.parameters import ParameterSchema


def test_the_page_is_that_of_the_schema(load_script: Callable[[str], ModuleType]) -> None:
    script = load_script("parameters_page")
    schema = ParameterSchema.read(script.PROJECT / "nextflow_schema.json")
    made = script.page(schema)
    assert made == script.PAGE.read_text(encoding="utf-8"), "run scripts/parameters_page.py"
    assert all(f"| `--{name}` |" in made for name in schema.parameters())
