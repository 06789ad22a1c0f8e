"""Findings: what is broken is told with its remedy, and nothing else keeps a machine from use."""

from __future__ import annotations

import stat
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.bundles import make_bundle
from virnucpro_core.diagnosing import Diagnosis, Finding, Level, _machine, _self_test, _software
from virnucpro_core.diagnosing._machine import examine_computing
from virnucpro_core.diagnosing._self_test import self_test
from virnucpro_core.diagnosing._software import examine_packages, examine_programs
from virnucpro_core.diagnosing._storage import (
    examine_checkpoints,
    examine_folders,
    examine_models,
)
from virnucpro_core.embedding import EmbedSettings, Precision


def test_only_a_problem_makes_a_machine_unusable() -> None:
    fine, odd = Finding("A", "x", "is there"), Finding("A", "y", "is old", Level.WARNING, "renew")
    assert Diagnosis([fine, odd]).is_usable
    broken = Diagnosis([fine, odd, Finding("B", "z", "is gone", Level.PROBLEM, "bring it back")])
    assert not broken.is_usable
    assert str(broken).splitlines() == [
        "A",
        "  ok       x  is there",
        "  warning  y  is old",
        "              -> renew",
        "",
        "B",
        "  PROBLEM  z  is gone",
        "              -> bring it back",
        "",
        "Not ready to run: 1 problem, 1 warning",
    ]
    document = broken.to_json()
    assert (document["schema_version"], document["usable"]) == (1, False)
    assert [each["level"] for each in document["findings"]] == ["ok", "warning", "problem"]


def test_cores_that_are_for_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_machine, "usable_cpus", lambda: set(range(8)))
    monkeypatch.setattr(_machine, "available_cpus", lambda: 3)
    monkeypatch.setattr(_machine, "cpu_quota", lambda: 2.5)
    finding = _machine._cores("a processor")
    assert finding.level is Level.OK
    assert finding.text.startswith("a processor, 8 cores usable, 3 taken (")
    assert (finding.values["available_cores"], finding.values["quota"]) == (3, 2.5)


def test_backends_say_themselves_why_they_are_not_usable() -> None:
    found, settings = examine_computing("cpu", "fp32")
    assert settings is not None
    told = {each.name: each.text for each in found}
    assert told["attention sdpa"] == "usable; taken for ESM-2 and DNABERT-S"
    assert told["attention flash"] == "runs on CUDA devices only, not on cpu"
    assert told["precision"].startswith("fp32 on cpu: asked for; auto is ")


def test_a_device_that_is_not_there_is_a_problem() -> None:
    found, settings = examine_computing("cuda:99")
    assert settings is None
    (finding,) = found
    assert finding.level is Level.PROBLEM
    assert "--device cpu" in finding.remedy


def test_a_package_that_is_missing_or_old_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["numpy>=1", "torch<0.1", "no-such-package>=2", "rare; extra == 'rare'"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    required, optional = examine_packages()
    assert required.level is Level.PROBLEM
    version, folder = metadata.version("torch"), metadata.distribution("torch").locate_file("")
    assert required.text == (
        f"torch is {version} (in {folder}), <0.1 is needed; no-such-package is not installed"
    )
    assert optional.level is Level.OK


def program(folder: Path, name: str, lines: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_java_and_nextflow_are_asked_for_their_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_software.sys, "prefix", str(tmp_path / "none"))
    program(tmp_path, "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    program(tmp_path, "nextflow", "echo '      version 25.04.6 build 5954'")
    java, nextflow = examine_programs({"PATH": str(tmp_path)})
    assert (java.level, nextflow.level) == (Level.WARNING, Level.OK)
    assert "17 or later is needed" in java.text
    assert nextflow.values["version"] == "25.04.6"
    java, nextflow = examine_programs({"PATH": str(tmp_path / "empty")})
    assert (java.level, nextflow.level) == (Level.WARNING, Level.WARNING)
    assert nextflow.text == "there is no 'nextflow'"
    program(tmp_path, "java", "exit 3")
    java, _ = examine_programs({"JAVA_CMD": str(tmp_path / "java"), "PATH": ""})
    assert java.text == f"{tmp_path}/java tells no version (exit code 3)"


def test_an_altered_model_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRNUCPRO_MODELS", str(tmp_path))
    monkeypatch.setenv("VIRNUCPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    weights = make_bundle(tmp_path / "mine") / "classifier.safetensors"
    assert {each.name: each.level for each in examine_models()}["mine"] is Level.OK
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    found = {each.name: each for each in examine_models()}
    assert found["mine"].level is Level.PROBLEM
    assert "SHA-256" in found["mine"].text
    (tmp_path / "mine" / "bundle.json").write_text("{")
    assert {each.name: each.level for each in examine_models()}["mine"] is Level.PROBLEM


def test_a_checkpoint_store_is_read(tmp_path: Path) -> None:
    (finding,) = examine_checkpoints(str(tmp_path))
    assert (finding.level, finding.values["checkpoints"]) == (Level.OK, 0)
    file = tmp_path / "a file"
    file.touch()
    (finding,) = examine_checkpoints(str(file))
    assert finding.level is Level.PROBLEM


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_checkpoint_store_that_cannot_be_written_is_a_problem() -> None:
    (finding,) = examine_checkpoints("/proc/ck")
    assert finding.level is Level.PROBLEM
    assert finding.text.startswith("/proc: cannot be written (")


def test_a_folder_that_cannot_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Such a name is refused to whoever asks, as what lies in a closed folder is to a user.
    closed = tmp_path / ("x" * 300) / "in"
    (finding,) = examine_folders({"outdir": closed})
    assert finding.level is Level.PROBLEM
    assert finding.text == f"{closed}: cannot be written (File name too long)"
    monkeypatch.setenv("VIRNUCPRO_MODELS", str(closed))
    monkeypatch.setenv("VIRNUCPRO_CACHE", str(closed))
    found = {each.name: each for each in examine_models()}
    for name, variable in (
        ("folder of models", "VIRNUCPRO_MODELS"),
        ("bundle cache", "VIRNUCPRO_CACHE"),
    ):
        assert found[name].level is Level.WARNING
        assert found[name].text == f"{closed} cannot be read (File name too long)"
        assert f"set {variable} to" in found[name].remedy


def test_folders_are_written_to_where_they_would_be_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    folders = {"there": tmp_path, "made later": tmp_path / "a" / "b", "in a file": file / "x"}
    there, later, wrong = examine_folders(folders)
    assert Level.PROBLEM not in (there.level, later.level)
    assert "not made yet" in later.text
    assert not (tmp_path / "a").exists()
    assert wrong.level is Level.PROBLEM


class TestSelfTest:
    SETTINGS = EmbedSettings(torch.device("cpu"), Precision.FP32, 0)

    def test_the_demo_model_passes(self) -> None:
        found = self_test(self.SETTINGS)
        assert [each.level for each in found] == [Level.OK] * 4, found
        assert found[0].values["frames"] > 400
        assert all(each.values["least_cosine"] > 0.99999 for each in found[1:3])

    def test_wrong_embeddings_and_calls_are_problems(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = _self_test.embed

        def wrong(strings, encoder, tokenizer, settings, **more):  # type: ignore[no-untyped-def]
            result = real(strings, encoder, tokenizer, settings, **more)
            if settings.packed:
                result.values[:] = np.roll(result.values, 1, axis=1)
            return result

        monkeypatch.setattr(_self_test, "embed", wrong)
        speed, dna, protein, calls = self_test(self.SETTINGS)
        assert (dna.level, protein.level) == (Level.PROBLEM, Level.PROBLEM)
        assert "--precision fp32" in dna.remedy
        assert speed.level is Level.OK
        assert calls.level is Level.PROBLEM

    def test_without_the_demo_model_it_is_left_out_with_a_warning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_self_test, "bundle_folders", lambda: (tmp_path,))
        (finding,) = self_test(self.SETTINGS)
        assert finding.level is Level.WARNING
