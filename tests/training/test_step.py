"""How a step is executed: words of the setting, what "auto" chooses, and equal results."""

import contextlib
import copy
from unittest import mock

import pandas as pd
import pytest
import torch
from torch import nn

from paper_code.errors import UserError
from paper_code.networks import build_network
from paper_code.training import step
from paper_code.training.step import Execution, Trainer, make_step, resolve_execution

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_words():
    assert str(Execution.parse("graph+compile")) == "compile+graph"
    assert str(Execution.parse("eager")) == "eager" == str(Execution())
    assert Execution.parse("contiguous").memory_format == torch.contiguous_format
    with pytest.raises(UserError, match="'fast' is none of eager, compile, graph, contiguous"):
        Execution.parse("fast")


def test_auto_is_the_fastest_measured_on_this_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A")
    assert resolve_execution("auto", "vit", GPU, "bf16") == "eager", "not measured on this GPU"
    table = tmp_path / "execution.tsv"
    rows = [("A", "vit", "graph"), ("B", "vit", "compile"), ("A", "swin", "contiguous")]
    measured = pd.DataFrame(rows, columns=["gpu", "network", "execution"]).assign(precision="bf16")
    monkeypatch.setattr(step, "MEASURED", table)
    measured.to_csv(table, sep="\t", index=False)
    assert resolve_execution("auto", "vit", GPU, "bf16") == "graph"
    assert resolve_execution("auto", "resnet50", GPU, "bf16") == "eager"
    assert resolve_execution("auto", "vit", GPU, "fp16") == "eager"
    assert resolve_execution("auto", "vit", GPU, "fp32") == "eager", "not measured in fp32"
    assert resolve_execution("auto", "vit", CPU, "bf16") == "eager"
    assert resolve_execution("compile", "vit", GPU, "bf16") == "compile"
    for device, precision in ((CPU, "bf16"), (GPU, "fp16")):
        with pytest.raises(UserError, match="needs a CUDA GPU"):
            resolve_execution("graph", "vit", device, precision)


def test_a_step_in_either_layout_is_the_same():
    """The loss of the first step of ResNet50, before anything was learned."""
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels, found = torch.arange(8) % 2, []
    for execution in map(Execution.parse, ("eager", "contiguous")):
        torch.manual_seed(0)
        network = build_network("resnet50", 2, dropout=0.0)
        network.to(memory_format=execution.memory_format)
        adam = torch.optim.Adam(network.parameters(), fused=True)
        trainer = Trainer(network, adam, torch.amp.GradScaler("cpu", enabled=False), "fp32")
        found.append(float(make_step(trainer, execution, images, labels)(images, labels)))
        assert all(p.grad is not None for p in network.parameters())
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@pytest.mark.parametrize("steps_before", [0, 2], ids=["fresh", "resumed"])
def test_the_steps_before_the_first_one_are_undone(steps_before, monkeypatch):
    """With stand-ins for streams: weights, buffers and Adam's state are those of a run without."""
    for name in ("Stream", "current_stream", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, mock.MagicMock())
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels, found = torch.arange(4) % 2, []
    for warmed in (False, True):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2)
        )
        network(images)
        adam = torch.optim.Adam(network.parameters(), fused=True)
        trainer = Trainer(network, adam, torch.amp.GradScaler("cpu", enabled=False), "fp32")
        update = make_step(trainer, Execution(), images, labels)
        for _ in range(steps_before):
            update(images, labels)
        if warmed:
            before = copy.deepcopy(network.state_dict())
            step._warm_up(trainer, update, images, labels)
            torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
            assert all(p.grad is None for p in network.parameters())
        update(images, labels)
        moments = [dict(values) for values in adam.state_dict()["state"].values()]
        found.append((network.state_dict(), moments))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
