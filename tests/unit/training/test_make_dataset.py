from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_bundle
from tests.unit.sequences import reference
from tests.unit.training.genomes import bases, complement, gene, write_fasta, write_genbank
from virnucpro_core.cli import main
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import Stretch, window_information
from virnucpro_core.store import FRAME_NAMES, Information, read_embeddings, read_shard
from virnucpro_core.training import (
    LABELS,
    PARTS,
    Dataset,
    DatasetSettings,
    SplitShares,
    WindowSettings,
    make_dataset,
)

pytest.importorskip("sourmash", reason="sourmash needs Python 3.11 or later")

SETTINGS = DatasetSettings(
    windows=WindowSettings(windows=200, shortest=60, longest=120),
    shares=SplitShares(validation=0.2, test=0.25),
    shard_frames=90,
)
PROPHAGE_SITE = 9_000


def write_genomes(folder: Path) -> None:
    """Six of each class; one bacterium is large, has Ns and a repeat, and the first phage."""
    phages = [gene(1_200, i) for i in range(6)]
    for i, phage in enumerate(phages):
        write_fasta(folder / "viral" / f"v{i}.fa.gz", phage[:2_000], phage[2_000:].lower())
    for i in range(5):
        write_fasta(folder / "cellular" / f"c{i}.fa", bases(8_000, 20 + i))
    large = bases(30_000, 40)
    letters = large[:PROPHAGE_SITE] + phages[0] + large[PROPHAGE_SITE:20_000] + "N" * 3_000
    letters += large[20_000:25_000] + "AC" * 1_500 + large[25_000:]
    write_fasta(folder / "cellular" / "large.fa", letters)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("genomes")
    write_genomes(folder)
    return folder


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def dataset(folder: Path, lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    output = tmp_path_factory.mktemp("output") / "data"
    return make_dataset(folder, output, SETTINGS, lines.append)


def letters_of(folder: Path, genome: str) -> str:
    from virnucpro_core.training._genome_files import read_genome

    (path,) = [p for p in folder.glob("*/*") if p.name.startswith(f"{genome}.")]
    return read_genome(path).letters.tobytes().decode()


def test_windows_with_a_frame_are_as_many_of_each_class_as_asked(dataset: Dataset) -> None:
    table = dataset.windows
    scorable = table.n_frames > 0
    found = Counter(
        zip(table.split[scorable].tolist(), table.label[scorable].tolist(), strict=True)
    )
    assert found == {(0, 0): 110, (0, 1): 110, (1, 0): 40, (1, 1): 40, (2, 0): 50, (2, 1): 50}
    assert (~scorable).sum() > 10
    assert dataset.counts["train virus"]["with_frame"] == 110


def test_each_window_is_a_row_and_its_frames_are_in_the_shards(
    dataset: Dataset, folder: Path
) -> None:
    table = dataset.windows
    n_frames = np.zeros(len(table), dtype=np.int64)
    letters = {row.genome: letters_of(folder, row.genome) for row in dataset.genomes}
    assert len(dataset.shards) > 3
    for path in dataset.shards:
        shard = read_shard(path)
        assert shard.window_size == 120
        for i in range(len(shard)):
            row = int(shard.record_index[shard.record_row[i]])
            n_frames[row] += 1
            assert shard.record_ids[shard.record_row[i]].decode() == table.id[row]
            assert (shard.chunk[i], shard.chunk_length[i]) == (1, table.length[row])
            start, length = int(table.start[row]), int(table.length[row])
            window = letters[table.genome[row]][start : start + length]
            frame = FRAME_NAMES[shard.frame[i]]
            strand = window if frame[0] == "F" else complement(window)
            assert strand[int(frame[1]) - 1 :].startswith(shard.nucleotides[i].decode())
    assert n_frames.tolist() == table.n_frames.tolist()


def test_by_longest_every_window_has_a_frame_that_knows_its_place(
    dataset: Dataset, folder: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, windows=replace(SETTINGS.windows, frame_rule="longest"))
    made = make_dataset(folder, tmp_path / "data", settings, lambda _: None)
    assert (made.frame_rule, dataset.frame_rule) == ("longest", "complete")
    # A dataset of complete frames says no more than before there were others.
    assert "frame_rule" not in dataset.settings["windows"]
    table = made.windows
    assert table.n_frames.min() == 1
    assert len(table) == 2 * SETTINGS.windows.windows
    assert sum(counts["without_frame"] for counts in made.counts.values()) == 0
    letters = {row.genome: letters_of(folder, row.genome) for row in made.genomes}
    n_partial = 0
    for path in made.shards:
        shard = read_shard(path)
        assert shard.first_codon is not None
        for i in range(len(shard)):
            row = int(shard.record_index[shard.record_row[i]])
            start, length = int(table.start[row]), int(table.length[row])
            window = letters[table.genome[row]][start : start + length]
            found = (
                FRAME_NAMES[shard.frame[i]],
                shard.nucleotides[i].decode(),
                int(shard.first_codon[i]),
                shard.proteins[i].decode(),
            )
            assert found in reference.longest_frames(window)
            n_partial += not reference.frames(window)
    assert n_partial > 20


def test_windows_lie_within_a_record_and_have_every_length(dataset: Dataset, folder: Path) -> None:
    table = dataset.windows
    assert (table.length.min(), table.length.max()) == (60, 120)
    assert len(set(table.length.tolist())) > 50
    letters = {row.genome: letters_of(folder, row.genome) for row in dataset.genomes}
    for genome, start, length in zip(table.genome, table.start, table.length, strict=True):
        window = letters[genome][start : start + length]
        assert len(window) == length
        stretch = Stretch.of(window.encode())
        (information,) = window_information(stretch, np.array([0]), np.array([length]))
        assert information == Information.ENOUGH
        if genome.startswith("v"):
            assert "N" not in window
    places = list(zip(table.genome, table.start.tolist(), table.length.tolist(), strict=True))
    assert len(set(places)) == len(places)
    counts = [json.loads((dataset.path / "dataset.json").read_text())["counts"][part]
              for part in ("train others", "validation others", "test others")]  # fmt: skip
    assert sum(count["unknown"] for count in counts) > 3
    assert sum(count["low_complexity"] for count in counts) > 3


def test_windows_of_the_test_part_can_have_lengths_of_their_own(
    dataset: Dataset, folder: Path, tmp_path: Path
) -> None:
    windows = replace(SETTINGS.windows, test_lengths=(70, 110))
    made = make_dataset(
        folder, tmp_path / "data", replace(SETTINGS, windows=windows), lambda _: None
    )
    assert set(made.windows.length[made.windows.part("test")].tolist()) == {70, 110}
    for part in ("train", "validation"):
        rows, same = made.windows.part(part), dataset.windows.part(part)
        assert made.windows.start[rows].tolist() == dataset.windows.start[same].tolist()


def test_a_genome_is_in_one_part_with_all_its_windows(dataset: Dataset) -> None:
    part = {row.genome: row.split for row in dataset.genomes}
    table = dataset.windows
    assert all(
        PARTS[split] == part[genome]
        for genome, split in zip(table.genome, table.split.tolist(), strict=True)
    )
    assert {(row.label, row.split) for row in dataset.genomes} == {
        (label, part) for label in LABELS for part in PARTS
    }


def test_windows_of_a_prophage_are_left_out_and_counted(
    dataset: Dataset, folder: Path, lines: list[str], tmp_path: Path
) -> None:
    (row,) = dataset.overlaps
    assert (row.virus, row.genome) == ("v0", "large")
    assert row.start == pytest.approx(PROPHAGE_SITE, abs=150)
    assert row.end == pytest.approx(PROPHAGE_SITE + 3_600, abs=150)

    def touching(found: Dataset) -> int:
        table = found.windows
        is_large = np.array([genome == "large" for genome in table.genome])
        return int(
            (is_large & (table.start < row.end) & (table.start + table.length > row.start)).sum()
        )

    assert touching(dataset) == 0
    assert any(line.startswith("overlap: large ") and line.endswith("in v0") for line in lines)
    counts = {name: found["overlap"] for name, found in dataset.counts.items()}
    (part,) = [row.split for row in dataset.genomes if row.genome == "large"]
    assert counts[f"{part} others"] > 0
    assert sum(counts.values()) == counts[f"{part} others"]
    settings = replace(SETTINGS, windows=replace(SETTINGS.windows, keep_overlap=True))
    kept = make_dataset(folder, tmp_path / "data", settings, lambda _: None)
    assert touching(kept) > 0
    assert kept.overlaps == dataset.overlaps


def tables(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dataset.path.glob("*.*")}


def test_the_order_and_place_of_the_files_do_not_matter(dataset: Dataset, tmp_path: Path) -> None:
    write_genomes(tmp_path)
    files = sorted(tmp_path.glob("*/*"), reverse=True)
    text = "".join(
        f"{file.relative_to(tmp_path)},{'virus' if 'viral' in str(file) else 'others'}\n"
        for file in files
    )
    (tmp_path / "sheet.csv").write_text("file,label\n" + text)
    again = make_dataset(tmp_path / "sheet.csv", tmp_path / "data", SETTINGS, lambda _: None)
    assert tables(again) == tables(dataset)
    assert again.shard_digests == dataset.shard_digests


def test_another_seed_gives_other_windows(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, windows=replace(SETTINGS.windows, seed=2))
    other = make_dataset(folder, tmp_path / "data", settings, lambda _: None)
    assert other.windows.start.tolist() != dataset.windows.start.tolist()


def test_a_large_genome_does_not_drown_the_small(folder: Path, tmp_path: Path) -> None:
    """A group of 5 genomes of 8 kb and a genome of 30 kb: 40,000 and 33,600 bases, nearly equal."""
    sheet = tmp_path / "sheet.csv"
    rows = [f"{folder}/cellular/{n}.fa,others,{g},train" for n, g in (("large", ""), ("c0", ""))]
    rows += [f"{folder}/viral/v{i}.fa.gz,virus,,{p}" for i, p in enumerate(PARTS)]
    rows += [f"{folder}/cellular/c{i}.fa,others,,{p}" for i, p in ((1, "validation"), (2, "test"))]
    sheet.write_text("\n".join(["file,label,group,split", *rows]))
    settings = replace(
        SETTINGS, windows=replace(SETTINGS.windows, windows=1_000, keep_overlap=True)
    )
    table = make_dataset(sheet, tmp_path / "data", settings, lambda _: None).windows
    found = Counter(table.genome)
    # 36,600 against 8,000 bases: a ratio of 4.6 is one of 1.46 by the fourth root
    assert found["large"] / found["c0"] == pytest.approx(1.46, rel=0.3)


def annotated(folder: Path) -> Path:
    """A sheet of annotated genomes: a gene on either strand between letters of no gene."""
    rows = ["file,label"]
    for i in range(6):
        kind = ("virus", "others")[i % 2]
        letters = bases(700, i) + gene(400, 60 + i) + bases(650, i) + complement(gene(300, 70 + i))
        features = [("CDS", "701..1900", ""), ("CDS", "complement(2551..3450)", "")]
        write_genbank(folder / f"g{i}.gb", f"AB{i:06}.1", letters, features)
        rows.append(f"g{i}.gb,{kind}")
    (folder / "sheet.csv").write_text("\n".join(rows))
    return folder / "sheet.csv"


@pytest.mark.parametrize("tile", [None, 90])
def test_frames_of_annotated_genes_only(tmp_path: Path, tile: int | None) -> None:
    windows = replace(SETTINGS.windows, frames="cds", tile=tile, windows=60)
    made = make_dataset(
        annotated(tmp_path), tmp_path / "data", replace(SETTINGS, windows=windows), lambda _: None
    )
    n_frames = 0
    for path in made.shards:
        shard = read_shard(path)
        for i in range(len(shard)):
            row = int(shard.record_index[shard.record_row[i]])
            start, end = made.windows.start[row], made.windows.start[row] + made.windows.length[row]
            shift, n_bases = int(shard.frame[i]) % 3, 3 * len(shard.proteins[i])
            if shard.frame[i] < 3:
                low = start + shift
                assert low >= 700
                assert low + n_bases <= 1900
                assert (low - 700) % 3 == 0
            else:
                high = end - shift
                assert high - n_bases >= 2550
                assert high <= 3450
                assert (3450 - high) % 3 == 0
            n_frames += 1
    assert n_frames >= 100


def test_genomes_without_annotation_are_named_where_it_is_needed(
    folder: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, windows=replace(SETTINGS.windows, frames="cds"))
    with pytest.raises(InputError, match=r"12 of 12 genomes have no annotated.*: c0, c1.*…"):
        make_dataset(folder, tmp_path / "data", settings, lambda _: None)
    assert not (tmp_path / "data").exists()
    assert list(tmp_path.iterdir()) == []


def test_tiles_are_the_windows_of_the_pipeline(folder: Path, tmp_path: Path) -> None:
    from virnucpro_core.sequences import cut_windows

    lines: list[str] = []
    settings = replace(SETTINGS, windows=replace(SETTINGS.windows, tile=110, windows=100_000))
    table = make_dataset(folder, tmp_path / "data", settings, lines.append).windows
    tiles = cut_windows(np.array([8_000]), 110)
    mine = [i for i, genome in enumerate(table.genome) if genome == "c1"]
    found = sorted(zip(table.start[mine].tolist(), table.length[mine].tolist(), strict=True))
    # all of them: more were asked for than there are
    assert found == list(zip(tiles.start.tolist(), tiles.length.tolist(), strict=True))
    assert "warning: train, others: 55000 windows were asked for" in lines


def test_a_genome_that_is_too_short_for_a_window_is_refused(tmp_path: Path) -> None:
    write_genomes(tmp_path)
    write_fasta(tmp_path / "viral" / "v1.fa.gz", "ACGT" * 10)
    with pytest.raises(InputError, match=r"viral/v1\.fa\.gz has no record of 60 bases; leave"):
        make_dataset(tmp_path, tmp_path / "data", SETTINGS, lambda _: None)


def test_a_dataset_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already; name a new directory"):
        make_dataset(folder, tmp_path, SETTINGS, lambda _: None)


@pytest.mark.parametrize(
    "change",
    [
        {"windows": 0},
        {"shortest": 2},
        {"shortest": 200},
        {"tile": 2},
        {"frames": "some"},
        {"frames": "cds", "frame_rule": "longest"},
        {"test_lengths": (2,)},
        {"test_lengths": (121,)},
        {"tile": 90, "test_lengths": (90,)},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        replace(SETTINGS.windows, **change)


def test_the_command_makes_what_embed_takes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    numbers = {"windows": 30, "shortest": 60, "longest": 90, "validation": 0.2, "test": 0.2}
    options = [text for key, value in numbers.items() for text in (f"--{key}", str(value))]
    assert main(["train", "data", str(folder), "--output", str(data), *options]) == 0
    assert (
        "others: 6 genomes in 6 clusters; virus: 6 genomes in 6 clusters" in capsys.readouterr().out
    )
    made = Dataset.open(data)
    assert json.loads((data / "dataset.json").read_text())["settings"]["windows"]["longest"] == 90
    (shard,) = made.shards
    bundle = make_bundle(tmp_path / "bundle", window_size=90)
    command = ["embed", str(shard), "--encoder", "dna", "--model", str(bundle)]
    assert main([*command, "--output", str(tmp_path / "dna.h5"), "--device", "cpu"]) == 0
    assert read_embeddings(tmp_path / "dna.h5").ids == read_shard(shard).frame_ids()
