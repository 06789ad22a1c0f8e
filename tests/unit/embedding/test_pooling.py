"""What becomes of the tokens of packed sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virnucpro_core.embedding._pooling import cls_pool, mean_pool, split_tokens

HIDDEN = torch.arange(20, dtype=torch.bfloat16).view(10, 2)
BOUNDS = torch.tensor([0, 3, 7, 10])


def test_the_first_token_of_each_sequence() -> None:
    pooled = cls_pool(HIDDEN, BOUNDS)
    assert pooled.dtype == torch.float32
    assert pooled.tolist() == [[0, 1], [6, 7], [14, 15]]


@pytest.mark.parametrize(("special", "rows"), [(True, [3, 4, 3]), (False, [1, 2, 1])])
def test_the_tokens_of_each_sequence_are_its_own(special: bool, rows: list[int]) -> None:
    parts = split_tokens(HIDDEN, BOUNDS, special)
    assert [len(part) for part in parts] == rows
    assert all(part.dtype == np.float32 and part.flags.owndata for part in parts)
    means = mean_pool(HIDDEN, BOUNDS, special_tokens=special)
    np.testing.assert_array_equal(np.stack([part.mean(axis=0) for part in parts]), means.numpy())
