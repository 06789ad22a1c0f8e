"""DNA as overlapping k-mers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from virnucpro_core.errors import BundleError
from virnucpro_core.models import DnabertSTokenizer, KmerTokenizer
from virnucpro_core.models._kmer_tokenizer import load_dna_tokenizer

from .helpers import byte_strings

REMEDY = "fetch it again"


def spelled(tokenizer: KmerTokenizer, ids: list[int]) -> list[str]:
    """K-mers of ids, by counting: an independent way back."""
    words = []
    for token in ids:
        if token < 5:
            words.append(tokenizer.special_tokens[token])
            continue
        number, letters = token - 5, ""
        for _ in range(tokenizer.k):
            number, letter = divmod(number, 4)
            letters = "ACGT"[letter] + letters
        words.append(letters)
    return words


def test_tokens_are_pairs_of_neighbouring_codons() -> None:
    tokenizer = KmerTokenizer(k=6, stride=3)
    assert tokenizer.vocabulary_size == 4096 + 5
    sequences = ["ATGGCATTTAC", "", "ATGGC", "atgNCAtttacg", "ATGGCA"]
    tokens = tokenizer.tokenize(byte_strings(sequences))
    found = [
        spelled(tokenizer, tokens.ids[a:b].tolist())
        for a, b in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    ]
    assert found == [
        ["[CLS]", "ATGGCA", "GCATTT", "[SEP]"],
        ["[CLS]", "[SEP]"],
        ["[CLS]", "[SEP]"],
        ["[CLS]", "[UNK]", "[UNK]", "TTTACG", "[SEP]"],
        ["[CLS]", "ATGGCA", "[SEP]"],
    ]


def test_a_slice_of_strings_and_none_at_all() -> None:
    tokenizer = KmerTokenizer(k=3, stride=1)
    strings = byte_strings(["ACGTA", "TTTT", "GG"])
    whole, some = tokenizer.tokenize(strings), tokenizer.tokenize(strings.slice(1, 3))
    assert some.ids.tolist() == whole.ids[whole.offsets[1] :].tolist()
    assert spelled(tokenizer, some.ids.tolist()) == [
        "[CLS]", "TTT", "TTT", "[SEP]", "[CLS]", "[SEP]",
    ]  # fmt: skip
    nothing = tokenizer.tokenize(strings.slice(0, 0))
    assert nothing.ids.tolist() == []
    assert nothing.offsets.tolist() == [0]


def test_a_written_tokenizer_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    KmerTokenizer(k=4, stride=2).write(path)
    tokenizer = load_dna_tokenizer(path, 261, remedy=REMEDY)
    assert isinstance(tokenizer, KmerTokenizer)
    assert (tokenizer.k, tokenizer.stride) == (4, 2)
    with pytest.raises(BundleError, match=r"has 261 tokens, the encoder 260.*fetch it again"):
        load_dna_tokenizer(path, 260, remedy=REMEDY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"kmers": {"k": 6}}', "stride"),
        ('{"kmers": {"k": 6, "stride": 7}}', "the stride 1 to k, not 6 and 7"),
        ('{"kmers": {"k": 9, "stride": 3}}', "k must be 1 to 8"),
        ('{"kmers": {"k": true, "stride": 1}}', "whole numbers"),
        ('{"kmers": {"k": 6, "stride": 3, "phase": 1}}', "phase"),
        ('{"kmers": [6, 3]}', "whole numbers"),
        ("{", "cannot be loaded as a tokenizer"),
        ("[1]", "cannot be loaded as a tokenizer"),
    ],
)
def test_a_file_that_makes_no_tokenizer_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(BundleError, match=message) as raised:
        load_dna_tokenizer(path, 5000, remedy=REMEDY)
    assert str(path) in str(raised.value)


def test_a_file_of_the_tokenizers_library_is_of_the_other_kind(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "A": 3}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    path.write_text(json.dumps({"version": "1.0", "model": model}))
    assert isinstance(load_dna_tokenizer(path, 4, remedy=REMEDY), DnabertSTokenizer)
