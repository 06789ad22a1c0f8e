"""The models can be trained, and a fresh one starts where transformers should."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by

from virnucpro_core.models import (
    ClassifierConfig,
    DnabertS,
    DnabertSConfig,
    Encoder,
    Esm2,
    Esm2Config,
    MlpClassifier,
)

from .helpers import pack, random_tokens

ENCODERS = {
    "esm2": lambda: Esm2(Esm2Config(n_layers=2, width=32, n_heads=4)),
    "dnabert_s": lambda: DnabertS(
        DnabertSConfig(n_layers=2, width=32, n_heads=4, feed_forward_width=48, vocabulary_size=33)
    ),
}


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(0)
    model: Encoder = ENCODERS[request.param]()
    return model


def test_every_weight_gets_a_gradient(encoder: Encoder) -> None:
    tokens, cu_seqlens = pack(random_tokens([12, 5, 12], 33))
    out = encoder(tokens, cu_seqlens)
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_gradients_are_those_of_finite_differences(encoder: Encoder) -> None:
    encoder.double()
    tokens, cu_seqlens = pack(random_tokens([4, 3], 33))
    weight = encoder.layers[0].qkv.weight

    def loss() -> torch.Tensor:
        return encoder(tokens, cu_seqlens).pow(3).sum()

    loss().backward()
    assert weight.grad is not None
    place = divmod(int(weight.grad.abs().argmax()), weight.shape[1])
    step = 1e-5
    with torch.no_grad():
        weight[place] += step
        above = loss()
        weight[place] -= 2 * step
        below = loss()
    assert ((above - below) / (2 * step)).item() == pytest.approx(
        weight.grad[place].item(), rel=1e-5
    )


def test_training_lowers_the_loss(encoder: Encoder) -> None:
    """The encoder learns which of two letters a sequence starts with."""
    sequences = random_tokens([6, 9, 6, 4] * 4, 33)
    targets = torch.tensor([0, 1] * 8)
    for sequence, target in zip(sequences, targets.tolist(), strict=True):
        sequence[0] = 4 + target
    tokens, cu_seqlens = pack(sequences)
    head = torch.nn.Linear(32, 2)
    parameters = [*encoder.parameters(), *head.parameters()]
    losses = []
    for _ in range(30):
        lengths = cu_seqlens.diff().tolist()
        means = torch.stack([x.mean(0) for x in encoder(tokens, cu_seqlens).split(lengths)])
        loss = F.cross_entropy(head(means), targets)
        # Plain steps along the sign of the gradient: torch.optim takes seconds to import.
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= 1e-3 * gradient.sign()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < losses[0]


def test_a_new_encoder_is_set_by_the_seed(encoder: Encoder) -> None:
    torch.manual_seed(0)
    again = type(encoder)(encoder.config)
    for (name, a), b in zip(encoder.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert encoder.token_embedding.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_classifier_is_the_written_formula() -> None:
    torch.manual_seed(0)
    model = MlpClassifier(ClassifierConfig(input_width=6, hidden_width=5), dropout=0.9)
    with torch.no_grad():
        model.norm.running_mean.uniform_(-1, 1)
        model.norm.running_var.uniform_(0.5, 2)
        model.norm.weight.uniform_(0.5, 2)
        model.norm.bias.uniform_(-1, 1)
    x = torch.randn(7, 6)
    hidden = x @ model.hidden.weight.T + model.hidden.bias
    hidden = (hidden - model.norm.running_mean) / (model.norm.running_var + 1e-5).sqrt()
    hidden = (hidden * model.norm.weight + model.norm.bias).clamp(min=0)
    expected = hidden @ model.output.weight.T + model.output.bias
    torch.testing.assert_close(model.eval()(x), expected)
    assert expected.shape == (7, 2)


def test_classifier_drops_out_in_training_only() -> None:
    torch.manual_seed(0)
    model = MlpClassifier(ClassifierConfig(input_width=6, hidden_width=50), dropout=0.5)
    x = torch.randn(4, 6)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
