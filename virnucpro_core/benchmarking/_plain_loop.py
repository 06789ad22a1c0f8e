"""Windows and frames by a dictionary look-up for every codon: the yardstick, not a tool.

Run as a program: ``_plain_loop.py FASTA WINDOW_SIZE OUTPUT_DIRECTORY``. It reads, cuts, translates
all six frames of every window and writes the stop-free ones as two FASTA files.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_CODONS = dict(zip(map("".join, product("TCAG", repeat=3)), _AMINO_ACIDS, strict=True))
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _records(fasta: Path) -> list[tuple[str, str]]:
    records: list[tuple[str, list[str]]] = []
    for line in fasta.read_text().splitlines():
        if line.startswith(">"):
            records.append((line[1:].split()[0], []))
        else:
            records[-1][1].append(line)
    return [(name, "".join(lines).upper()) for name, lines in records]


def _translate(sequence: str, shift: int) -> str:
    codons = (sequence[i : i + 3] for i in range(shift, len(sequence) - 2, 3))
    return "".join(_CODONS.get(codon, "X") for codon in codons)


def main(fasta: Path, size: int, outdir: Path) -> None:
    with (outdir / "loop.fna").open("w") as dna, (outdir / "loop.faa").open("w") as proteins:
        for name, sequence in _records(fasta):
            for number, start in enumerate(range(0, len(sequence), size), start=1):
                window = sequence[start : start + size]
                strands = (("F", window), ("R", window.translate(_COMPLEMENT)[::-1]))
                for strand, letters in strands:
                    for shift in range(3):
                        protein = _translate(letters, shift)
                        if protein and "*" not in protein:
                            header = f">{name}_chunk_{number}{strand}{shift + 1}\n"
                            end = shift + 3 * len(protein) + 1
                            dna.write(f"{header}{letters[shift:end]}\n")
                            proteins.write(f"{header}{protein}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
