"""Networks fused for inference: the same logits, the caller's network as it was."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import densenet121, mobilenet_v3_small, resnet18

from paper_code.cam import compute_cam
from paper_code.cam.fusion import for_inference

INPUTS = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def ready(network):
    """In evaluation mode, with statistics as after training, not 0 and 1."""
    for module in network.eval().requires_grad_(False).modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


class Block(nn.Module):
    """What fusing must not disturb: results with further uses, and work in place."""

    def __init__(self):
        super().__init__()
        for name in ("first", "second", "third", "fourth"):
            setattr(self, name, nn.Conv2d(4, 4, 3, padding=1))
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.seen = None

    def forward(self, x):
        x = self.first(x)
        y = self.norm(self.second(x))
        self.relu(y)  # the result is not taken
        x = self.third(x) + x  # the term is also the input
        z = self.fourth(y)
        total = z + x
        self.seen = y
        return self.relu(total) + z + x  # both terms are used again


class Branching(nn.Module):
    """No trace holds it: it asks for a value."""

    def forward(self, x):
        return x * 2 if x.mean() > 0 else x


def small(*extra):
    torch.manual_seed(0)
    return ready(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), Block(), *extra, nn.Flatten(), nn.Linear(4096, 5)
        )
    )


@pytest.mark.parametrize(
    "build", [resnet18, densenet121, mobilenet_v3_small, lambda num_classes: small()]
)
def test_the_logits_are_equal_and_the_network_as_it_was(build):
    torch.manual_seed(0)
    network = ready(build(num_classes=5))
    inputs = INPUTS.contiguous(memory_format=torch.channels_last)
    before, modules = copy.deepcopy(network.state_dict()), list(network.modules())
    with torch.no_grad():
        expected = network(inputs)
        fused, _ = for_inference(network, inputs, "fp32", 16)
        found = fused(inputs)
        assert torch.equal(network(inputs), expected)
    assert fused is not network
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
    assert modules == list(network.modules())
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


class Looped(nn.Module):
    """Its trace would hold for one number of images only."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4096, 5)

    def forward(self, x):
        return torch.stack([self.head(self.conv(image).flatten()) for image in x])


@pytest.mark.parametrize("network", [small(Branching()), Looped()])
def test_what_a_trace_cannot_hold_runs_as_it_is(network):
    assert for_inference(ready(network), INPUTS, "fp32", 7) == (network, 7)


def test_double_precision_and_networks_with_hooks_run_as_they_are():
    network = small()
    assert for_inference(copy.deepcopy(network).double(), INPUTS.double(), "fp32", 7)[1] == 7
    plain = compute_cam(network, INPUTS, [0, 1, 2], "scorecam", "1")
    handle = network[0].register_forward_hook(lambda module, inputs, output: output.flip(-1))
    assert for_inference(network, INPUTS, "fp32", 7) == (network, 7)
    hooked = compute_cam(network, INPUTS, [0, 1, 2], "scorecam", "1")
    handle.remove()
    assert not torch.allclose(plain, hooked, atol=1e-3)
