"""Windows and frames by a dictionary look-up for every codon: the yardstick, not a tool.

It cuts records, translates all six frames of every window and writes the stop-free ones as two
FASTA files, as a script written for clarity would.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

__all__ = ["plain_loop"]

_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_CODONS = dict(zip(map("".join, product("TCAG", repeat=3)), _AMINO_ACIDS, strict=True))
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _translate(sequence: str, shift: int) -> str:
    codons = (sequence[i : i + 3] for i in range(shift, len(sequence) - 2, 3))
    return "".join(_CODONS.get(codon, "X") for codon in codons)


def plain_loop(records: list[tuple[str, str]], size: int, outdir: Path) -> None:
    """Write ``loop.fna`` and ``loop.faa`` of ``records``, pairs of id and sequence."""
    with (outdir / "loop.fna").open("w") as dna, (outdir / "loop.faa").open("w") as proteins:
        for name, letters_of_record in records:
            sequence = letters_of_record.upper()
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
