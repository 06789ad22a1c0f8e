"""Overlapping k-mers as tokens of DNA, without a library.

Shapes: ``n`` sequences, ``T`` tokens of all of them together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import BundleError
from virnucpro_core.models._tokenizers import DnabertSTokenizer, PackedTokens
from virnucpro_core.store import ByteStrings

__all__ = ["KmerTokenizer", "load_dna_tokenizer"]

_LONGEST = 8
"""65,536 tokens; an embedding of more would be larger than all else of a small encoder."""

_KEY = "kmers"


class KmerTokenizer:
    """A token for every k-mer that begins at a multiple of ``stride``: Ji et al. 2021 (DNABERT,
    doi:10.1093/bioinformatics/btab083), who take stride 1.

    With k = 6 and stride 3 the tokens of a frame are its pairs of neighbouring codons. ``[CLS]``
    stands before and ``[SEP]`` after. Upper and lower case are the same; a k-mer with another
    letter than A, C, G and T is ``[UNK]``; a sequence shorter than k has the two special tokens
    only, and letters behind the last k-mer have no token.

    Args:
        k: bases of a token, 1 to 8.
        stride: bases from the start of one token to the next, 1 to k, so that every base counts.

    Attributes:
        vocabulary_size: 4^k k-mers, in the order of their letters, behind five special tokens.

    Raises:
        ValueError: the numbers are not within these bounds.
    """

    special_tokens: ClassVar[tuple[str, ...]] = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
    unk_id: ClassVar[int] = 0
    cls_id: ClassVar[int] = 1
    sep_id: ClassVar[int] = 2

    def __init__(self, k: int, stride: int) -> None:
        if not 1 <= k <= _LONGEST or not 1 <= stride <= k:
            raise ValueError(
                f"k must be 1 to {_LONGEST} and the stride 1 to k, not {k} and {stride}"
            )
        self.k, self.stride = k, stride
        self.vocabulary_size = len(self.special_tokens) + 4**k
        self._code = np.full(256, -1, dtype=np.int32)
        for number, letter in enumerate("ACGT"):
            self._code[[ord(letter), ord(letter.lower())]] = number

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        """The tokens of ``strings``: ``[CLS]``, a token per k-mer, ``[SEP]``."""
        n_kmers = np.maximum((strings.lengths - self.k) // self.stride + 1, 0)
        offsets = np.zeros(len(strings) + 1, dtype=np.int64)
        np.cumsum(n_kmers + 2, out=offsets[1:])
        ids = np.empty(offsets[-1], dtype=np.int32)
        inside = np.ones(len(ids), dtype=np.bool_)
        for places, token in ((offsets[:-1], self.cls_id), (offsets[1:] - 1, self.sep_id)):
            ids[places] = token
            inside[places] = False
        ids[inside] = self._kmers(strings, n_kmers)
        return PackedTokens(ids, offsets)

    def _kmers(self, strings: ByteStrings, n_kmers: NDArray[np.int64]) -> NDArray[np.int32]:
        """Ids of all k-mers, int32 [T]."""
        # A slice's strings share the bytes of all the others.
        base = strings.offsets[0]
        codes = self._code[strings.data[base : strings.offsets[-1]]]
        first = np.repeat(np.cumsum(n_kmers) - n_kmers, n_kmers)
        rank = np.arange(len(first)) - first
        start = np.repeat(strings.offsets[:-1] - base, n_kmers) + self.stride * rank
        word = np.zeros(len(start), dtype=np.int32)
        known = np.ones(len(start), dtype=np.bool_)
        for place in range(self.k):
            letter = codes[start + place]
            word = 4 * word + letter
            known &= letter >= 0
        return np.where(known, word + len(self.special_tokens), self.unk_id).astype(np.int32)

    def write(self, path: Path) -> None:
        """Write a ``tokenizer.json`` that `from_file` reads."""
        document = {_KEY: {"k": self.k, "stride": self.stride}}
        with AtomicFile(path) as file:
            file.write(f"{json.dumps(document, indent=2)}\n".encode())

    @classmethod
    def from_file(cls, path: Path) -> KmerTokenizer | None:
        """The tokenizer of a ``tokenizer.json`` that `write` made; None for a file of another kind.

        Raises:
            BundleError: the file is missing, is no JSON, or its numbers make no tokenizer.
        """
        where, remedy = str(path), "fetch or train the model again"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            what = f"cannot be loaded as a tokenizer ({error})"
            raise BundleError(what, where=where, remedy=remedy) from error
        if not isinstance(document, dict) or _KEY not in document:
            return None
        numbers = document[_KEY]
        if not isinstance(numbers, dict) or {type(n) for n in numbers.values()} != {int}:
            what = f"{_KEY} must have whole numbers k and stride"
            raise BundleError(what, where=where, remedy=remedy)
        try:
            return cls(**numbers)
        except (TypeError, ValueError) as error:
            raise BundleError(f"{_KEY}: {error}", where=where, remedy=remedy) from error


def load_dna_tokenizer(
    path: Path, vocabulary_size: int, *, remedy: str
) -> DnabertSTokenizer | KmerTokenizer:
    """Load a ``tokenizer.json`` that makes no tokens beyond an encoder's ``vocabulary_size``.

    Args:
        remedy: what to do when it does.

    Raises:
        BundleError: the file cannot be used, or makes tokens that the encoder lacks.
    """
    tokenizer = KmerTokenizer.from_file(path) or DnabertSTokenizer.from_file(path)
    if tokenizer.vocabulary_size > vocabulary_size:
        raise BundleError(
            f"has {tokenizer.vocabulary_size} tokens, the encoder {vocabulary_size}",
            where=str(path),
            remedy=remedy,
        )
    return tokenizer
