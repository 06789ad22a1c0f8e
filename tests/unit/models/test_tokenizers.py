"""Token ids are those of fair-esm and of the tokenizers library; no input breaks them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from virnucpro_core.errors import BundleError, StoppedError
from virnucpro_core.models import DnabertSTokenizer, Esm2Tokenizer, PackedTokens

from .helpers import byte_strings, dna_tokenizer, proteins

esm_data = pytest.importorskip("esm.data")


def rows(tokens: PackedTokens) -> list[list[int]]:
    return [row.tolist() for row in np.split(tokens.ids, tokens.offsets[1:-1])]


def test_alphabet_is_fair_esms() -> None:
    alphabet = esm_data.Alphabet.from_architecture("ESM-1b")
    assert list(Esm2Tokenizer.alphabet) == alphabet.all_toks
    assert Esm2Tokenizer.vocabulary_size == len(alphabet)
    ids = Esm2Tokenizer.cls_id, Esm2Tokenizer.pad_id, Esm2Tokenizer.eos_id
    assert ids == (alphabet.cls_idx, alphabet.padding_idx, alphabet.eos_idx)
    assert Esm2Tokenizer.unk_id == alphabet.unk_idx
    assert Esm2Tokenizer.mask_id == alphabet.mask_idx


def test_proteins_have_fair_esms_tokens() -> None:
    convert = esm_data.Alphabet.from_architecture("ESM-1b").get_batch_converter()
    sequences = [*proteins([1, 30, 7, 30]), "LAGVSERTIDPKQNFYMHWCXBUZO.-"]
    _, _, expected = convert([(str(i), s) for i, s in enumerate(sequences)])
    tokens = Esm2Tokenizer().tokenize(byte_strings(sequences))
    assert tokens.ids.dtype == np.int32
    assert tokens.offsets.dtype == np.int64
    for found, row in zip(rows(tokens), expected, strict=True):
        assert found == row[: len(found)].tolist()
        assert (row[len(found) :] == Esm2Tokenizer.pad_id).all()


def test_unknown_letters_and_empty_proteins() -> None:
    tokens = Esm2Tokenizer().tokenize(byte_strings(["", "MJ*", "", "é \x00"]))
    assert rows(tokens) == [[0, 2], [0, 20, 3, 3, 2], [0, 2], [0, 3, 3, 3, 2]]
    assert tokens.lengths.tolist() == [2, 5, 2, 5]


def test_no_protein_at_all() -> None:
    tokens = Esm2Tokenizer().tokenize(byte_strings([]))
    assert len(tokens) == 0
    assert tokens.ids.tolist() == []
    assert tokens.offsets.tolist() == [0]


def test_lower_case_proteins_are_the_same() -> None:
    upper, lower = rows(Esm2Tokenizer().tokenize(byte_strings(["MKVX", "mkvx"])))
    assert upper == lower


def test_a_slice_of_strings_has_the_slices_tokens() -> None:
    strings = byte_strings(["MKV", "LLA", "W"])
    whole = rows(Esm2Tokenizer().tokenize(strings))
    assert rows(Esm2Tokenizer().tokenize(strings.slice(1, 3))) == whole[1:]


def test_take_makes_a_batch() -> None:
    tokens = Esm2Tokenizer().tokenize(byte_strings(proteins([5, 0, 9, 2])))
    batch = tokens.take(np.array([2, 0, 2, 1]))
    whole = rows(tokens)
    assert rows(batch) == [whole[2], whole[0], whole[2], whole[1]]
    assert batch.ids.dtype == np.int32
    assert len(tokens.take(np.array([], dtype=np.int64))) == 0


def test_dna_has_the_librarys_tokens_between_cls_and_sep() -> None:
    library = dna_tokenizer()
    sequences = ["ACGTTTTTACG", "A", "", "TTTTTT", "ACGTACGTA"]
    tokens = DnabertSTokenizer(dna_tokenizer()).tokenize(byte_strings(sequences))
    expected = [[1, *library.encode(s, add_special_tokens=False).ids, 2] for s in sequences]
    assert rows(tokens) == expected
    assert len(expected[0]) < len(sequences[0])
    assert tokens.ids.dtype == np.int32
    assert tokens.offsets.dtype == np.int64


def test_dna_of_more_than_one_library_call() -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(0, 9, 9000)]
    tokenizer = DnabertSTokenizer(dna_tokenizer())
    tokens = tokenizer.tokenize(byte_strings(sequences))
    assert len(tokens) == 9000
    last = tokenizer.tokenize(byte_strings(sequences[-1:]))
    assert rows(tokens)[-1] == rows(last)[0]
    assert tokens.lengths[0] == len(rows(tokenizer.tokenize(byte_strings(sequences[:1])))[0])


def test_dna_of_unknown_letters_and_lower_case() -> None:
    tokenizer = DnabertSTokenizer(dna_tokenizer())
    unknown, odd, upper, lower = rows(tokenizer.tokenize(byte_strings(["N", "éA", "ACT", "act"])))
    assert unknown == [1, 0, 2]
    assert odd == [1, 0, 5, 2]
    assert upper == lower
    assert len(tokenizer.tokenize(byte_strings([]))) == 0


def test_padding_and_truncation_of_the_file_are_switched_off(tmp_path: Path) -> None:
    library = dna_tokenizer()
    library.enable_padding(pad_id=3, pad_token="[PAD]")
    library.enable_truncation(4)
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer = DnabertSTokenizer.from_file(tmp_path / "tokenizer.json")
    tokens = tokenizer.tokenize(byte_strings(["A", "ACCCCCCCCCCCG"]))
    assert tokens.lengths.tolist() == [3, 14]


def test_special_tokens_of_the_dna_vocabulary() -> None:
    tokenizer = DnabertSTokenizer(dna_tokenizer())
    assert (tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) == (1, 2, 4)
    assert tokenizer.vocabulary_size == 14


@pytest.mark.parametrize("content", [None, "", "{}", "[1, 2]", '{"model": {"type": "Nope"}}'])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BundleError, match="cannot be loaded as a tokenizer") as caught:
        DnabertSTokenizer.from_file(path)
    assert caught.value.where == str(path)


def test_a_stop_while_the_file_is_read_is_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> str:
        raise StoppedError("stopped by SIGTERM")

    monkeypatch.setattr(Path, "read_text", stopped)
    with pytest.raises(StoppedError):
        DnabertSTokenizer.from_file(tmp_path / "tokenizer.json")


def test_a_tokenizer_without_special_tokens_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    text = dna_tokenizer().to_str().replace("[SEP]", "[END]")
    path.write_text(text)
    with pytest.raises(BundleError, match=r"no \[SEP\] token") as caught:
        DnabertSTokenizer.from_file(path)
    assert caught.value.where == str(path)


def test_offsets_are_cu_seqlens_of_the_whole() -> None:
    tokens = Esm2Tokenizer().tokenize(byte_strings(proteins([5, 6])))
    assert torch.from_numpy(tokens.offsets).tolist() == [0, 7, 15]
