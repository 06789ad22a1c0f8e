from __future__ import annotations

import pytest

from tests.unit.test_cli import run
from virnucpro_core.benchmarking import _techniques as techniques


@pytest.fixture(autouse=True)
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(techniques.shutil, "which", lambda _: None)


def test_every_technique_has_a_ratio_or_a_reason() -> None:
    report = techniques.measure_techniques("esm2_t6_8M_UR50D", sequences=4, rounds=2)
    assert all(len(ratios) == 2 and min(ratios) > 0 for ratios in report.ratios.values())
    assert {"padded, in the order given", "int8, a scale for each token"} <= set(report.ratios)
    text = str(report)
    assert "| layers compiled (torch.compile) | not measured: no C++ compiler on PATH |" in text
    assert all(f"| {name} | " in text for name in report.ratios)


def test_padding_is_counted_as_padded_programs_pay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[bytes] = []
    monkeypatch.setattr(
        techniques, "_packed", lambda _encoder, proteins, _budget: filled.extend(proteins)
    )
    monkeypatch.setattr(techniques, "_PADDED_TOKENS", 20)
    techniques._padded(None, [b"MKV", b"MKVLA", b"M", b"MKVLAGTS"])  # type: ignore[arg-type]
    # Two of five letters fill 14 tokens, a third would make 21; then 10 of 20, alone beside M.
    assert [len(protein) for protein in filled] == [5, 5, 8, 8]


def test_an_unknown_model_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "techniques", "--model", "esm3") == 2
    assert "no ESM-2 is called 'esm3'" in capsys.readouterr().err
