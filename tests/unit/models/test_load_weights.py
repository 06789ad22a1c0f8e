"""Loading weights: what they become, and how much memory that takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from virnucpro_core.errors import BundleError
from virnucpro_core.models import Esm2, Esm2Config
from virnucpro_core.models._weights import load_weights, save_weights

CPU = torch.device("cpu")
SMALL = Esm2Config(n_layers=2, width=32, n_heads=4)


class Halved(nn.Module):
    """Stands for a quantised layer: keeps the weights as int8, whatever their scale."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.mul(100).to(torch.int8))
        self.register_buffer("bias", bias)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(Esm2(SMALL), tmp_path / "w.safetensors", torch.float32)
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("wanted", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_arrive_in_the_format_asked_for(
    tmp_path: Path, stored: torch.dtype, wanted: torch.dtype
) -> None:
    torch.manual_seed(0)
    model = Esm2(SMALL)
    save_weights(model, tmp_path / "w.safetensors", stored)
    loaded = load_weights(lambda: Esm2(SMALL), tmp_path / "w.safetensors", CPU, wanted)
    expected = model.to(stored).to(wanted).state_dict()
    found = loaded.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {p.dtype for p in loaded.parameters()} == {wanted}
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_tensors_larger_than_a_piece_arrive_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_weights(lambda: Esm2(SMALL), path, CPU, torch.bfloat16).state_dict()
    monkeypatch.setattr("virnucpro_core.models._stored_tensors._PIECE_BYTES", 1000)
    pieces = load_weights(lambda: Esm2(SMALL), path, CPU, torch.bfloat16).state_dict()
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_the_linear_layers_of_the_layers_are_replaced_and_no_others(path: Path) -> None:
    given: list[tuple[torch.dtype, tuple[int, ...]]] = []

    def linear(weight: Tensor, bias: Tensor | None) -> nn.Module:
        given.append((weight.dtype, tuple(weight.shape)))
        return Halved(weight, bias)

    loaded = load_weights(lambda: Esm2(SMALL), path, CPU, torch.bfloat16, linear=linear)
    float_model = load_weights(lambda: Esm2(SMALL), path, CPU, torch.float32)
    n_linear = sum(isinstance(part, nn.Linear) for part in float_model.layers.modules())
    assert len(given) == n_linear > 0
    assert {dtype for dtype, _ in given} == {torch.float32}  # as stored, not as computed in
    assert not any(isinstance(part, nn.Linear) for part in loaded.layers.modules())
    halved = loaded.layers[1].get_submodule("down")
    original = float_model.layers[1].get_submodule("down")
    assert torch.equal(halved.weight, original.weight.mul(100).to(torch.int8))
    assert torch.equal(halved.bias, original.bias)
    assert loaded.final_norm.weight.dtype is torch.bfloat16


def test_loaded_weights_do_not_depend_on_the_file(path: Path) -> None:
    loaded = load_weights(lambda: Esm2(SMALL), path, CPU, torch.float32)
    before = {name: tensor.clone() for name, tensor in loaded.state_dict().items()}
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert all(torch.equal(tensor, before[name]) for name, tensor in loaded.state_dict().items())


def test_a_file_that_is_cut_short_is_a_clear_error(path: Path) -> None:
    content = path.read_bytes()
    for n_bytes in (0, 5, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(BundleError, match=r"w\.safetensors: cannot be read .*fetch or train"):
            load_weights(lambda: Esm2(SMALL), path, CPU, torch.float32)
    path.unlink()
    with pytest.raises(BundleError, match="No such file"):
        load_weights(lambda: Esm2(SMALL), path, CPU, torch.float32)


def test_a_tensor_that_is_not_there_is_a_clear_error(path: Path) -> None:
    deeper = Esm2Config(n_layers=3, width=32, n_heads=4)
    for linear in (None, Halved):
        with pytest.raises(BundleError, match=r"has no tensor layers\.2\."):
            load_weights(lambda: Esm2(deeper), path, CPU, torch.float32, linear=linear)


MEASURE = """
import sys, torch
from pathlib import Path
from virnucpro_core.models import Esm2, Esm2Config
from virnucpro_core.models._weights import load_weights
from tests.unit.models.test_load_weights import Halved

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

build = lambda: Esm2(Esm2Config(n_layers=4, width=1024, n_heads=4))
dtype, linear = getattr(torch, sys.argv[2]), Halved if sys.argv[3] == "int8" else None
torch.ones(1 << 10).to(torch.bfloat16)
before = peak()
model = load_weights(build, Path(sys.argv[1]), torch.device("cpu"), dtype, linear=linear)
weights = sum(t.numel() * t.element_size() for t in model.state_dict().values())
print("weights", weights, "growth", peak() - before)
"""


# The C library's heap has holes of another size now and then; a loader that holds the weights twice
# takes more every time.
_ATTEMPTS = 8


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """201 MB in fp32."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_weights(Esm2(Esm2Config(n_layers=4, width=1024, n_heads=4)), path, torch.float32)
    return path


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("dtype", "layers"), [("float32", "float"), ("bfloat16", "float"), ("bfloat16", "int8")]
)
def test_loading_takes_the_memory_of_the_finished_weights(
    large: Path, dtype: str, layers: str
) -> None:
    command = [sys.executable, "-c", MEASURE, str(large), dtype, layers]
    for _ in range(_ATTEMPTS):
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        weights, growth = map(int, re.findall(r"\d+", output))
        # Less than half shows nothing: importing has taken as much before.
        # 60 MB: a piece, one layer's largest matrix twice, and what torch loads on first use.
        if 0.5 * weights < growth < 1.2 * weights + 60e6:
            return
    pytest.fail(f"loading {weights} bytes of weights took {growth} bytes, {_ATTEMPTS} times")
