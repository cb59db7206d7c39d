"""Which device and precision are used, and what is said where they cannot be."""

import pytest
import torch

from paper_code import device
from paper_code.errors import UserError
from paper_code.settings import defaults, load_config, resolve_settings
from paper_code.workflow.start import begin

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def unusable(monkeypatch):
    """A GPU that the driver shows and PyTorch cannot use."""

    def init() -> None:
        raise RuntimeError(
            "The NVIDIA driver on your system is too old (found version 12020).\nMore"
        )

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for module in ("device", "settings", "workflow.start"):
        monkeypatch.setattr(f"paper_code.{module}.cuda_device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)


def test_a_gpu_that_pytorch_cannot_use_is_an_error_with_the_reason(unusable):
    with pytest.raises(UserError) as error:
        device.check_gpu()
    text = str(error.value)
    assert (
        "cannot use it: The NVIDIA driver on your system is too old (found version 12020)." in text
    )
    assert "CUDA_VISIBLE_DEVICES=-1" in text and "\n" not in text


def test_no_run_starts_at_the_paper_scale_with_such_a_gpu(unusable):
    with pytest.raises(UserError, match="The driver shows a GPU"):
        begin(load_config() | {"data": "phantom"})


@pytest.mark.parametrize("value", ["", "-1"])
def test_a_hidden_gpu_leaves_the_cpu(unusable, monkeypatch, value):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    device.check_gpu()
    assert device.default_device() == torch.device("cpu")


# --- Precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_auto_is_float32_on_a_processor(scale):
    settings = resolve_settings(load_config() | {"scale": scale})
    for precision in ("auto", "fp32", settings.precision, settings.cam_precision):
        assert device.resolve_precision(precision, CPU) == "fp32"
    assert device.resolve_precision("bf16", CPU) == "bf16", "asked for by name"
    assert defaults().cam_precision == "fp32"


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_gpu(monkeypatch, native, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert device.resolve_precision("auto", GPU) == chosen


def test_precisions_that_cannot_be():
    with pytest.raises(UserError, match="precision=fp16 needs a GPU"):
        device.resolve_precision("fp16", CPU)
    with pytest.raises(UserError, match="'bfloat16' is not one of auto, fp32, bf16, fp16"):
        device.resolve_precision("bfloat16", CPU)
