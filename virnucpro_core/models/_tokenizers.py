"""From letters to token ids, many sequences at once, without padding.

Shapes: ``n`` sequences, ``T`` tokens of all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import BundleError, StoppedError
from virnucpro_core.store import ByteStrings

if TYPE_CHECKING:
    import tokenizers

__all__ = ["DnabertSTokenizer", "Esm2Tokenizer", "PackedTokens", "Tokenizer"]

# Sequences per call of the tokenizers library: bounds the memory of its result objects.
_CALL_SIZE = 4096
_UPPER_CASE = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True)
class PackedTokens:
    """The tokens of ``n`` sequences laid end to end, special tokens included.

    Attributes:
        ids: int32 [T].
        offsets: int64 [n + 1]; sequence ``i`` is ``ids[offsets[i]:offsets[i + 1]]``. These are
            also the ``cu_seqlens`` of a batch of all of them.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [n], in tokens."""
        return np.diff(self.offsets)

    def take(self, indices: NDArray[np.integer]) -> PackedTokens:
        """The sequences ``indices``, in that order: a batch."""
        lengths = self.lengths[indices]
        offsets = _offsets(lengths)
        # Each token's place in the batch, moved by how far its sequence was from it in the whole.
        places = np.arange(offsets[-1]) + np.repeat(
            self.offsets[:-1][indices] - offsets[:-1], lengths
        )
        return PackedTokens(self.ids[places], offsets)


class Tokenizer(Protocol):
    """What `Esm2Tokenizer` and `DnabertSTokenizer` have in common."""

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        """The tokens of ``strings``, with the special tokens around each."""


class Esm2Tokenizer:
    """ESM-2's alphabet: a token per letter, ``<cls>`` before and ``<eos>`` after.

    Upper and lower case are the same. A byte that is no letter of the alphabet (``J``, ``*``, …)
    is ``<unk>``, so that a sequence of k bytes always has k + 2 tokens.
    """

    alphabet: ClassVar[tuple[str, ...]] = (
        *("<cls>", "<pad>", "<eos>", "<unk>"),
        *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
        *("<null_1>", "<mask>"),
    )
    vocabulary_size: ClassVar[int] = len(alphabet)
    cls_id: ClassVar[int] = alphabet.index("<cls>")
    pad_id: ClassVar[int] = alphabet.index("<pad>")
    eos_id: ClassVar[int] = alphabet.index("<eos>")
    unk_id: ClassVar[int] = alphabet.index("<unk>")
    mask_id: ClassVar[int] = alphabet.index("<mask>")

    def __init__(self) -> None:
        table = np.full(256, self.unk_id, dtype=np.int32)
        for token, symbol in enumerate(self.alphabet):
            if len(symbol) == 1:
                table[[ord(symbol), ord(symbol.lower())]] = token
        self._table = table

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        """The tokens of ``strings``: ``<cls>``, a token per byte, ``<eos>``."""
        offsets = _offsets(strings.lengths + 2)
        ids = np.empty(offsets[-1], dtype=np.int32)
        inside = np.ones(len(ids), dtype=np.bool_)
        for places, token in ((offsets[:-1], self.cls_id), (offsets[1:] - 1, self.eos_id)):
            ids[places] = token
            inside[places] = False
        ids[inside] = self._table[strings.data[strings.offsets[0] : strings.offsets[-1]]]
        return PackedTokens(ids, offsets)


class DnabertSTokenizer:
    """DNABERT-S's byte-pair encoding, ``[CLS]`` before and ``[SEP]`` after.

    Upper and lower case are the same. What the vocabulary cannot spell is ``[UNK]``; an empty
    sequence has the two special tokens only.

    Attributes:
        vocabulary_size: one more than the largest token id.
        cls_id, sep_id: ids of the special tokens.
        mask_id: id of ``[MASK]``, None where the vocabulary has none.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.vocabulary_size: int = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())
        self.cls_id = self._special("[CLS]")
        self.sep_id = self._special("[SEP]")
        self.mask_id: int | None = tokenizer.token_to_id("[MASK]")

    @classmethod
    def from_file(cls, path: Path) -> DnabertSTokenizer:
        """Load a ``tokenizer.json``.

        Raises:
            BundleError: the file is missing, is no tokenizer, or has no ``[CLS]`` or ``[SEP]``.
        """
        # Here, so that proteins can be embedded where the library is not installed.
        import tokenizers

        try:
            # Read here, because the library would not say which file it could not open.
            tokenizer = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except StoppedError:
            raise
        except Exception as error:  # the library raises plain Exception
            raise BundleError(
                f"cannot be loaded as a tokenizer ({error})",
                where=str(path),
                remedy="it must be a tokenizer.json of the tokenizers library",
            ) from error
        try:
            return cls(tokenizer)
        except BundleError as error:
            raise BundleError(error.what, where=str(path), remedy=error.remedy) from error

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        """The tokens of ``strings``: ``[CLS]``, the byte-pair tokens, ``[SEP]``."""
        pieces: list[NDArray[np.int32]] = []
        lengths = np.empty(len(strings), dtype=np.int64)
        for start in range(0, len(strings), _CALL_SIZE):
            some = strings.slice(start, min(start + _CALL_SIZE, len(strings)))
            # Latin-1 has a character for every byte, so odd bytes arrive as unknown letters.
            texts = [string.translate(_UPPER_CASE).decode("latin-1") for string in some]
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            for i, encoding in enumerate(encodings, start):
                ids = np.array([self.cls_id, *encoding.ids, self.sep_id], dtype=np.int32)
                pieces.append(ids)
                lengths[i] = len(ids)
        joined = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)
        return PackedTokens(joined, _offsets(lengths))

    def _special(self, symbol: str) -> int:
        token: int | None = self._tokenizer.token_to_id(symbol)
        if token is None:
            raise BundleError(
                f"the tokenizer has no {symbol} token", remedy="use the tokenizer of a BERT model"
            )
        return token


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
