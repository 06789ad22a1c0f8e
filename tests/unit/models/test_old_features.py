"""Feature files of VirNucPro 1.0 and 2.0 become embeddings of ours, without being executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from tests.bundles import WINDOW_SIZE, make_bundle
from tests.unit.calling.samples import stop_free
from tests.unit.models.damaged_pickles import files, programs
from tests.unit.models.hostile_pickles import STOP, executable, prepare, tensor, value, zip_file
from virnucpro_core.cli import main
from virnucpro_core.errors import BundleError
from virnucpro_core.models import import_features
from virnucpro_core.store import read_embeddings, read_scores, read_shard

IDS = ["a_chunk_1F1", "a_chunk_1R2", "b_chunk_1F3"]
READS = Path(__file__).parents[2] / "data" / "reads.fasta"


def numbers(width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(len(IDS), width, generator=torch.Generator().manual_seed(seed))


DNA, PROTEIN = numbers(768), numbers(2560, 1)


def dna_layout(values: torch.Tensor = DNA, ids: list[str] = IDS, **more: Any) -> dict[str, Any]:
    rows = [
        {"label": name, "mean_representation": row.tolist()}
        for name, row in zip(ids, values, strict=True)
    ]
    return {"nucleotide": ids, "data": rows, **more}


def protein_layout(
    values: torch.Tensor = PROTEIN, ids: list[str] = IDS, **more: Any
) -> dict[str, Any]:
    return {"proteins": ids, "data": [row.clone() for row in values], **more}


def checkpoint_layout(values: np.ndarray) -> dict[str, Any]:
    metadata = {"batch_idx": 0, "packing_stats": {"ratio": 0.9}, "timestamp": "2026-01-01"}
    return {"embeddings": values, "sequence_ids": IDS, "metadata": metadata}


def saved(folder: Path, content: object, name: str = "features.pt", **how: Any) -> Path:
    torch.save(content, folder / name, **how)
    return folder / name


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("more", [{}, {"version": "1.0", "status": "complete"}])
def test_features_of_both_versions_are_read_to_the_last_bit(
    tmp_path: Path, is_zip: bool, more: dict[str, str]
) -> None:
    how = {"_use_new_zipfile_serialization": is_zip}
    dna = saved(tmp_path, dna_layout(**more), "output_1_DNABERT_S.pt", **how)
    protein = saved(tmp_path, protein_layout(**more), "output_1_ESM.pt", **how)
    both = {"ids": IDS, "data": torch.cat([DNA, PROTEIN], dim=1), "labels": [1], **more}
    merged = saved(tmp_path, both, "output_1_merged.pt", **how)
    for given in ([dna, protein], [merged]):
        found = import_features(given)
        assert found["dna"].ids == found["protein"].ids == IDS
        np.testing.assert_array_equal(found["dna"].values, DNA.numpy())
        np.testing.assert_array_equal(found["protein"].values, PROTEIN.numpy())
        assert (found["dna"].info.model, found["dna"].info.layer) == ("DNABERT-S", 12)
        assert found["protein"].info.model == "esm2_t36_3B_UR50D"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_checkpoints_of_version_2_are_read(tmp_path: Path, dtype: str, order: str) -> None:
    values = np.asarray(PROTEIN.numpy(), dtype=dtype, order=order)  # type: ignore[call-overload]
    path = saved(tmp_path, checkpoint_layout(values), "batch_00000.pt", pickle_protocol=4)
    np.testing.assert_array_equal(
        import_features([path])["protein"].values, values.astype(np.float32)
    )


def test_embeddings_of_version_2_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "embeddings.h5", "w") as file:
        file.create_dataset("embeddings", data=PROTEIN.numpy())
        file.create_dataset("sequence_ids", data=IDS, dtype=h5py.string_dtype())
    found = import_features([tmp_path / "embeddings.h5"])["protein"]
    assert found.ids == IDS
    np.testing.assert_array_equal(found.values, PROTEIN.numpy())


def test_hdf5_files_that_point_elsewhere_or_hold_less_than_they_say_are_refused(
    tmp_path: Path,
) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["embeddings"] = PROTEIN.numpy()
    wrong = {
        "link": "no dataset embeddings",
        "external": "not in it",
        "empty": "not in it",
        "compressed": "not as 2.0 writes them",
        "long": "ids",
    }
    for name, message in wrong.items():
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("sequence_ids", data=IDS, dtype=h5py.string_dtype())
            if name == "link":
                file["embeddings"] = h5py.ExternalLink("other.h5", "embeddings")
            elif name == "external":
                place = [(str(tmp_path / "other.h5"), 0, 3 * 2560 * 4)]
                file.create_dataset("embeddings", (3, 2560), np.float32, external=place)
            elif name == "compressed":
                file.create_dataset("embeddings", data=PROTEIN.numpy(), compression="gzip")
            elif name == "long":
                file["embeddings"] = DNA.numpy()[:2]
            else:
                file.create_dataset("embeddings", (3, 2560), np.float32, chunks=(1, 2560))
        with pytest.raises(BundleError, match=message):
            import_features([path])
    whole = (tmp_path / "compressed.h5").read_bytes()
    for n_bytes in (9, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:n_bytes])
        with pytest.raises(BundleError, match="cannot be read as features"):
            import_features([tmp_path / "cut.h5"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "of another layout"),
        ([1, 2], "of another layout"),
        ({"state_dict": {"weight": DNA}}, "of another layout"),
        ({"nucleotide": IDS, "data": DNA}, "its data is no list but a tensor"),
        (dna_layout(DNA[:2], IDS[:2]) | {"nucleotide": IDS}, "it has 3 ids and 2 rows"),
        (dna_layout() | {"data": [{"mean_representation": ["x"] * 768}] * 3}, "else than numbers"),
        (dna_layout() | {"data": [{"mean_representation": [0.5] * n} for n in (3, 3, 4)]}, "width"),
        (protein_layout() | {"proteins": IDS[:2]}, "it has 2 ids and 3 rows"),
        (protein_layout() | {"data": [PROTEIN[0], PROTEIN[1], DNA[0]]}, "row 3 is no tensor"),
        (protein_layout() | {"data": [torch.ones(2560, dtype=torch.int64)] * 3}, "whole numbers"),
        (protein_layout(PROTEIN * float("nan")), "of a_chunk_1F1 are not finite"),
        (protein_layout(ids=["a", "a", "b"]), "an id occurs twice"),
        (protein_layout(ids=["a", "b", 3]), "an id is no text"),  # type: ignore[list-item]
        (protein_layout(ids=["a", "b", "c\n"]), "an id is no text"),
        (protein_layout(PROTEIN[:0], []), "it has no features"),
        ({"ids": IDS, "data": DNA}, "DNA alone 768"),
        ({"ids": IDS, "data": DNA[0]}, "1 dimensions, not 2"),
        # The old merging step wrote all ids also where a row was missing.
        ({"ids": [*IDS, "c"], "data": torch.cat([DNA, PROTEIN], 1)}, "it has 4 ids and 3 rows"),
        (checkpoint_layout(np.zeros((3, 4), dtype=np.int32)), "little-endian floats"),
        (checkpoint_layout(np.zeros((3, 4), dtype=">f4")), "little-endian floats"),
        (checkpoint_layout(np.array([[None] * 4] * 3)), "little-endian floats"),
        (protein_layout(PROTEIN[:, :9]), "--made-by"),
    ],
)
def test_other_content_is_refused_in_one_line(
    tmp_path: Path, content: object, message: str
) -> None:
    path = saved(tmp_path, content, pickle_protocol=4)
    with pytest.raises(BundleError) as caught:
        import_features([path])
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_one_tensor_in_a_million_places_takes_no_memory(tmp_path: Path) -> None:
    row = torch.zeros(100_000)
    ids = [f"{number}" for number in range(20_000)]
    path = saved(tmp_path, {"proteins": ids, "data": [row] * len(ids)})
    with pytest.raises(BundleError, match="more numbers than the file has bytes"):
        import_features([path])


def test_nothing_in_a_feature_file_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs that models are tested with, in every place of a feature file."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    contents = {name: zip_file(program) for name, program in programs().items()} | files()
    for name, evil in executable().items():
        row = tensor((1,), (1,))
        contents |= {
            f"{name}, {place}": zip_file(value(item) + STOP)
            for place, item in {
                "alone": evil,
                "as ids": {"proteins": evil, "data": [row]},
                "as an id": {"proteins": [evil], "data": [row]},
                "as rows": {"proteins": ["a"], "data": evil},
                "as a row": {"proteins": ["a"], "data": [evil]},
                "as a number": {"nucleotide": ["a"], "data": [{"mean_representation": [evil]}]},
                "as an array": {"sequence_ids": ["a"], "embeddings": evil},
                "beside features": {"proteins": ["a"], "data": [row], "metadata": evil},
            }.items()
        }
    path = tmp_path / "features.pt"
    n_refused = 0
    for name, content in contents.items():
        path.write_bytes(content)
        # One number is too few for an encoder that is known, so no file can be imported.
        with pytest.raises(BundleError) as caught:
            import_features([path])
        assert len(str(caught.value)) < 600, name
        n_refused += 1
        assert not (tmp_path / "canary").exists(), name
        assert (tmp_path / "victim").exists(), name
    assert n_refused > 8 * 50


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, protein_layout())
    with pytest.raises(BundleError, match="of a_chunk_1F1, which another file has, too"):
        import_features([path, path])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard with its embeddings and scores, and its features as VirNucPro would have them."""
    folder = tmp_path_factory.mktemp("old")
    model = make_bundle(folder / "model")
    words = ("--sample", "s", "--window-size", WINDOW_SIZE, "--outdir", folder)
    reads = folder / "reads.fasta"
    reads.write_text("".join(plain_records(READS.read_text())))
    assert run("prepare", reads, *words) == 0
    shard = folder / "shards" / "s.shard_00001.h5"
    for kind in ("dna", "protein"):
        words = ("--encoder", kind, "--model", model, "--output", folder / f"{kind}.h5")
        assert run("embed", shard, *words, "--precision", "fp32") == 0
    dna, protein = (read_embeddings(folder / f"{kind}.h5") for kind in ("dna", "protein"))
    # ESM-2's files are in the order of the batches.
    saved(folder, dna_layout(torch.from_numpy(dna.values), dna.ids), "output_1_DNABERT_S.pt")
    saved(
        folder,
        protein_layout(torch.from_numpy(protein.values[::-1].copy()), protein.ids[::-1]),
        "output_1_ESM.pt",
    )
    return folder


def plain_records(text: str) -> list[str]:
    records = [f">{part}" for part in text.split(">")[1:]]
    return [r for r in records if set("".join(r.split("\n")[1:]).upper()) <= set("ACGT")]


def test_imported_features_are_classified_like_our_own(work: Path, tmp_path: Path) -> None:
    shard, model = work / "shards" / "s.shard_00001.h5", work / "model"
    given = (work / "output_1_DNABERT_S.pt", work / "output_1_ESM.pt")
    outputs = ("--dna", tmp_path / "dna.h5", "--protein", tmp_path / "protein.h5")
    assert run("store", "import", *given, *outputs, "--shard", shard, "--made-by", model) == 0
    for folder in (work, tmp_path):
        inputs = ("--dna", folder / "dna.h5", "--protein", folder / "protein.h5")
        output = ("--output", folder / "scores.h5")
        assert run("classify", shard, *inputs, "--model", model, *output) == 0
    ours, imported = (read_scores(folder / "scores.h5") for folder in (work, tmp_path))
    np.testing.assert_array_equal(imported.scores, ours.scores)
    assert len(ours.scores) == len(read_shard(shard)) > 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "there is nothing to write; give --dna, --protein or both"),
        (("--protein", "p.h5", "--made-by", "model"), 2, "no file has protein embeddings"),
        (("--dna", "d.h5", "--shard", "s.h5"), 2, "with --made-by"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(work)
    assert run("store", "import", "output_1_DNABERT_S.pt", *words) == code
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_shard_with_frames_that_the_files_lack_is_refused(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "other"
    bases = stop_free(120)
    unknown = f"{bases[:60]}N{bases[61:]}"
    (tmp_path / "other.fa").write_text(f">new\n{bases}\n>n\n{unknown}\n")
    words = ("--sample", "o", "--window-size", WINDOW_SIZE, "--outdir", folder)
    for name, message in (("other.fa", "frame n_chunk_1F1 has letters"), ("a.fa", "in none of")):
        (tmp_path / "a.fa").write_text(f">new\n{bases}\n")
        assert run("prepare", tmp_path / name, *words) == 0
        shard = folder / "shards" / "o.shard_00001.h5"
        capsys.readouterr()
        how = ("--dna", tmp_path / "d.h5", "--shard", shard, "--made-by", work / "model")
        assert run("store", "import", work / "output_1_DNABERT_S.pt", *how) == 3
        assert message in capsys.readouterr().err
        assert not (tmp_path / "d.h5").exists()
