"""Windows and frames in plain Python, one base at a time: what the vectorised code must equal."""

from __future__ import annotations

from itertools import groupby, product

from pydustmasker import DustMasker

BASES = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT",
    "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
COMPLEMENT = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))
CODON_TABLE = {
    "".join(codon): amino_acid
    for codon, amino_acid in zip(
        product("TCAG", repeat=3),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
}


def windows(length: int, size: int) -> list[tuple[int, int]]:
    """(start, length) of every window, by walking along the record as VirNucPro does."""
    count = -(-length // size)
    repeated = count * size - length
    result = []
    back = 0
    for k in range(count):
        start = k * size - back
        result.append((start, min(size, length - start)))
        low = repeated // count
        back += low + 1 if k < repeated - low * (count - 1) else low
    return result


def translate_codon(codon: str) -> str:
    meanings = {CODON_TABLE["".join(c)] for c in product(*(BASES[base] for base in codon))}
    return meanings.pop() if len(meanings) == 1 else "X"


def six_frames(window: str) -> list[tuple[str, str, str]]:
    """(name, nucleotides, protein with its stops) of every frame that has a codon."""
    forward = window.upper().replace("U", "T")
    reverse = "".join(COMPLEMENT[base] for base in reversed(forward))
    result = []
    for strand, sequence in (("F", forward), ("R", reverse)):
        for shift in range(3):
            codons = [sequence[i : i + 3] for i in range(shift, len(sequence) - 2, 3)]
            protein = "".join(map(translate_codon, codons))
            if protein:
                nucleotides = sequence[shift : shift + 3 * len(protein) + 1]
                result.append((f"{strand}{shift + 1}", nucleotides, protein))
    return result


def frames(window: str) -> list[tuple[str, str, str]]:
    """(name, nucleotides, protein) of every complete frame."""
    return [frame for frame in six_frames(window) if "*" not in frame[2]]


def longest_frames(window: str) -> list[tuple[str, str, int, str]]:
    """(name, nucleotides, codons before the stretch, protein) by the rule ``longest``."""
    complete = frames(window)
    if complete:
        return [(name, nucleotides, 0, protein) for name, nucleotides, protein in complete]
    best = None
    for name, nucleotides, protein in six_frames(window):
        for first in range(len(protein)):
            stretch = protein[first:].split("*")[0]
            if stretch and (best is None or len(stretch) > len(best[3])):
                best = (name, nucleotides, first, stretch)
    return [] if best is None else [best]


def information(window: str) -> str:
    """``"enough"``, ``"unknown bases"`` or ``"low complexity"``."""
    letters = window.upper().replace("U", "T")
    if sum(letter not in "ACGT" for letter in letters) > 0.05 * len(letters):
        return "unknown bases"
    runs = ["".join(run) for _, run in groupby(letters)]
    in_runs = sum(len(run) for run in runs if len(run) >= {"G": 10, "C": 10}.get(run[0], 20))
    masked = DustMasker(letters).n_masked_bases if len(letters) >= 4 else 0
    is_low = in_runs > 0.05 * len(letters) or masked > 0.75 * len(letters)
    return "low complexity" if is_low else "enough"


def all_frames(records: list[tuple[str, str]], size: int) -> list[tuple[str, str, str]]:
    """(frame id, nucleotides, protein) of every record's windows that have information."""
    return [
        (f"{name}_chunk_{k + 1}{frame}", nucleotides, protein)
        for name, sequence in records
        for k, (start, length) in enumerate(windows(len(sequence), size))
        if information(sequence[start : start + length]) == "enough"
        for frame, nucleotides, protein in frames(sequence[start : start + length])
    ]
