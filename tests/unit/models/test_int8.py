from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from virnucpro_core.models import Int8Linear, cpu_multiplies_int8
from virnucpro_core.models import _int8 as int8

pytestmark = pytest.mark.skipif(
    not cpu_multiplies_int8(), reason="int8 products need an x86 processor with AVX2"
)

# Rounding to 127 (64) steps leaves about 1 % of noise in a product of normal numbers.
LEAST_COSINE = 0.999


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cosines(found: Tensor, expected: Tensor) -> Tensor:
    return F.cosine_similarity(found.float(), expected, dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("with_bias", [True, False])
def test_int8_products_are_close_to_fp32(dtype: torch.dtype, with_bias: bool) -> None:
    x, weight = normal(40, 320), normal(96, 320, seed=1)
    bias = normal(96, seed=2) if with_bias else None
    with torch.inference_mode():
        layer = Int8Linear.from_float(weight, bias if bias is None else bias.to(dtype))
        found = layer(x.to(dtype))
    assert found.dtype is dtype
    assert cosines(found, F.linear(x, weight, bias)).min() > LEAST_COSINE


def test_a_token_does_not_depend_on_its_batch() -> None:
    x, weight = normal(40, 64), normal(32, 64, seed=1)
    x[7] *= 1000
    with torch.inference_mode():
        layer = Int8Linear.from_float(weight, None)
        together = layer(x)
        alone = torch.cat([layer(row[None]) for row in x])
    assert torch.equal(together, alone)


def test_a_large_number_costs_only_its_own_row_accuracy() -> None:
    x, weight = normal(40, 320), normal(96, 320, seed=1)
    x[7] *= 1000
    weight[5] *= 1000
    with torch.inference_mode():
        found = Int8Linear.from_float(weight, None)(x)
    small = torch.arange(96) != 5
    assert cosines(found[:, small], F.linear(x, weight)[:, small]).min() > LEAST_COSINE


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_are_not_clipped(sign: int) -> None:
    x, weight = torch.full((4, 512), 3.0), torch.full((8, 512), sign * 0.5)
    with torch.inference_mode():
        found = Int8Linear.from_float(weight, None)(x)
    assert torch.allclose(found, F.linear(x, weight), rtol=1e-2)


def test_zeros_stay_zeros() -> None:
    with torch.inference_mode():
        layer = Int8Linear.from_float(torch.zeros(8, 16), torch.arange(8.0))
        found = layer(torch.zeros(3, 16))
    assert torch.equal(found, torch.arange(8.0).expand(3, 8))


def test_nan_is_not_hidden() -> None:
    x = normal(3, 16)
    x[1, 4] = float("nan")
    with torch.inference_mode():
        found = Int8Linear.from_float(normal(8, 16, seed=1), None)(x)
    assert found.isfinite().all(dim=1).tolist() == [True, False, True]


@pytest.mark.parametrize(("exact", "limit"), [(True, 127), (False, 64)])
def test_weights_leave_room_for_16_bit_sums(
    monkeypatch: pytest.MonkeyPatch, exact: bool, limit: int
) -> None:
    monkeypatch.setattr(int8, "cpu_sums_int8_exactly", lambda: exact)
    layer = Int8Linear.from_float(torch.tensor([[2.54, -1.0]]), None)
    assert layer.scale.item() == pytest.approx(2.54 / limit)
