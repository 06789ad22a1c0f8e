from __future__ import annotations

import bz2
import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from Bio import SeqIO

from tests.unit.training.genomes import bases, complement, genbank_text, gene, write_fasta
from virnucpro_core.errors import InputError
from virnucpro_core.sequences import Stretch, find_frames
from virnucpro_core.store import ByteStrings
from virnucpro_core.training._genome_files import genome_name, read_genome

LETTERS = bases(40, 1) + gene(100, 2) + bases(31, 3) + complement(gene(80, 4)) + bases(29, 5)
# 1-based ends: the forward gene is 41..340, the reverse one 372..611.
FEATURES = [
    ("CDS", "41..340", "/codon_start=1"),
    ("CDS", "complement(372..611)", "/transl_table=11"),
]


@pytest.mark.parametrize("name", ["a.gb", "a.gb.gz", "a.gb.bz2", "a.gb.xz", "a.gb.zst"])
def test_genbank_is_read_in_every_compression(tmp_path: Path, name: str) -> None:
    data = genbank_text("AB000001.2", LETTERS, FEATURES).encode()
    path = tmp_path / name
    pack = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": zstd.compress,
    }
    path.write_bytes(pack.get(path.suffix, bytes)(data))
    genome = read_genome(path)
    assert genome.letters.tobytes().decode() == LETTERS
    assert genome.coding is not None
    assert (genome.coding.start.tolist(), genome.coding.end.tolist()) == ([40, 371], [340, 611])
    assert genome.coding.is_reverse.tolist() == [False, True]
    assert genome.translation_tables == (1, 11)


def test_fasta_and_genbank_of_the_same_letters_are_the_same_genome(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "a.fa.gz", LETTERS[:100].lower(), LETTERS[100:])
    text = genbank_text("A1.1", LETTERS[:100]) + genbank_text("A2.1", LETTERS[100:], FEATURES[:0])
    (tmp_path / "a.gbk").write_text(text)
    one, other = read_genome(fasta), read_genome(tmp_path / "a.gbk")
    assert one.sha256 == other.sha256
    assert one.letters[100] == ord("N")
    assert (one.start.tolist(), one.length.tolist()) == ([0, 101], [100, len(LETTERS) - 100])
    assert other.coding is None


LOCATIONS = [
    ("41..340", ""),
    ("41..340", "/codon_start=2"),
    ("41..340", "/codon_start=3"),
    ("complement(372..611)", ""),
    ("complement(372..611)", "/codon_start=3"),
    ("<41..>340", "/codon_start=2"),
    ("join(41..100,130..200,230..340)", ""),
    ("join(41..101,130..130,231..340)", "/codon_start=2"),
    ("complement(join(372..401,450..500,520..611))", "/codon_start=2"),
    ("join(600..640,1..59)", ""),
    ("join(complement(372..400),41..99)", ""),
]


@pytest.mark.parametrize(("location", "qualifiers"), LOCATIONS)
def test_segments_hold_just_the_codons_that_the_annotation_translates(
    tmp_path: Path, location: str, qualifiers: str
) -> None:
    """Each codon of the CDS that lies within one part is held, and no other frame is."""
    text = genbank_text("A1.1", LETTERS, [("CDS", location, qualifiers)])
    (tmp_path / "a.gb").write_text(text)
    coding = read_genome(tmp_path / "a.gb").coding
    assert coding is not None
    record = next(SeqIO.parse(io.StringIO(text), "genbank"))
    feature = next(feature for feature in record.features if feature.type == "CDS")
    offset = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
    # The bases of the CDS in the order in which they are read.
    read = [base for part in feature.location.parts
            for base in (range(part.start, part.end) if part.strand == 1
                          else range(part.end - 1, part.start - 1, -1))]  # fmt: skip
    expected = set()
    for i in range(offset, len(read) - 2, 3):
        steps = (read[i + 1] - read[i], read[i + 2] - read[i + 1])
        if steps in ((1, 1), (-1, -1)):
            expected.add((min(read[i : i + 3]), steps[0] == -1))
    starts = np.arange(len(LETTERS) - 2)
    codons = ByteStrings.from_iterable(LETTERS[start : start + 3].encode() for start in starts)
    stretch = Stretch.of(codons.data.tobytes())
    frames = find_frames(stretch, codons.offsets[:-1], codons.lengths)
    held = coding.holding(frames, starts, np.full(len(starts), 3))
    found = set(zip(frames.window[held].tolist(), (frames.frame[held] >= 3).tolist(), strict=True))
    stops = {
        (start, False)
        for start in range(len(LETTERS))
        if LETTERS[start : start + 3] in ("TAA", "TAG", "TGA")
    }
    stops |= {
        (start, True)
        for start in range(len(LETTERS))
        if LETTERS[start : start + 3] in ("TTA", "CTA", "TCA")
    }
    assert found == expected - stops
    assert len(found) > 20


@pytest.mark.parametrize(
    "qualifiers",
    [
        "/pseudo",
        '/pseudogene="unitary"',
        "/transl_except=(pos:44..46,aa:Sec)",
        '/exception="RNA editing"',
    ],
)
def test_what_is_not_translated_as_written_is_left_out(tmp_path: Path, qualifiers: str) -> None:
    text = genbank_text("A1.1", LETTERS, [("CDS", "41..340", qualifiers), *FEATURES[1:]])
    (tmp_path / "a.gb").write_text(text)
    coding = read_genome(tmp_path / "a.gb").coding
    assert coding is not None
    assert coding.start.tolist() == [371]


def test_a_part_in_another_record_is_left_out_and_the_phase_goes_on(tmp_path: Path) -> None:
    text = genbank_text("A1.1", LETTERS, [("CDS", "join(Z9.1:1..10,41..340)", "")])
    (tmp_path / "a.gb").write_text(text)
    coding = read_genome(tmp_path / "a.gb").coding
    assert coding is not None
    assert (coding.start.tolist(), coding.anchor.tolist()) == ([40], [(40 + 2) % 3])


GENBANK = genbank_text("A1.1", LETTERS, FEATURES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.fa", "", r"e\.fa: holds no sequence; leave it out"),
        ("e.fa", ">a\n>b\n", r"e\.fa: holds no sequence"),
        ("p.fa", ">x\nMKVLAW\n", r"p\.fa, record 1 \(x\): has 'L' at letter 4, which is not a nuc"),
        ("g.fa", ">x\nAC\n>y\nAC-GT\n", r"g\.fa, record 2 \(y\): has '-' at letter 3"),
        ("t.txt", "ACGT\n", r"t\.txt: is neither FASTA"),
        (
            "n.gb",
            GENBANK[: GENBANK.index("ORIGIN")] + "CONTIG      join(B2.1:1..640)\n//\n",
            r"n\.gb, record 1 \(A1\.1\): has no sequence; download it as 'GenBank \(full\)'",
        ),
        ("c.gb", GENBANK[:-400], r"c\.gb, record 1: cannot be read as GenBank"),
        ("c.gb", GENBANK[: GENBANK.index("     CDS")], r"c\.gb, record 1: cannot be read as GenB"),
        (
            "l.gb",
            GENBANK.replace(GENBANK[-70:-3], "\n"),
            r"l\.gb, record 1: cannot be read as GenBank \(Expected sequence length 640",
        ),
        (
            "q.gp",
            GENBANK.replace(" bp    DNA  ", " aa         "),
            r"q\.gp, record 1 \(A1\.1\): is a protein; give the record of its nucleotides",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_no_genome_is_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        read_genome(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_damaged_archive_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.gb.gz"
    path.write_bytes(gzip.compress(GENBANK.encode() * 20)[:-30])
    with pytest.raises(InputError, match=r"a\.gb\.gz: the gzip data end too early"):
        read_genome(path)


@pytest.mark.parametrize(
    ("file", "name"),
    [("NC_1.2.fasta.gz", "NC_1.2"), ("a.gbff.xz", "a"), ("b.FNA", "b"), ("c.1", "c.1")],
)
def test_a_genome_is_named_for_its_file(file: str, name: str) -> None:
    assert genome_name(Path("folder") / file) == name
