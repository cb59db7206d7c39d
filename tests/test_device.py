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


@pytest.fixture
def processor(monkeypatch):
    """A processor with the instruction sets named: processor("avx2", "amx_bf16")."""

    def stand_in(*flags: str) -> None:
        for name in device.LIMITS:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(device, "cpu_flags", lambda: set(flags))

    return stand_in


@pytest.mark.parametrize(
    ("flag", "chosen"), [("avx2", "fp32"), ("avx512_bf16", "bf16"), ("amx_bf16", "bf16")]
)
def test_auto_is_bf16_only_where_the_processor_computes_it(processor, flag, chosen):
    processor("avx", flag)
    assert device.resolve_precision("auto", CPU) == chosen
    assert device.resolve_precision("bf16", CPU) == "bf16", "asked for by name"
    assert device.resolve_precision("fp32", CPU) == "fp32"


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_gpu(monkeypatch, native, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert device.resolve_precision("auto", GPU) == chosen


def test_precisions_that_cannot_be():
    with pytest.raises(UserError, match="precision=fp16 needs a GPU"):
        device.resolve_precision("fp16", CPU)
    with pytest.raises(UserError, match="'bfloat16' is not one of auto, fp32, bf16, fp16"):
        device.resolve_precision("bfloat16", CPU)


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_no_scale_lowers_the_precision_of_such_a_processor(processor, scale):
    """Maps as little as training: emulated, Score-CAM takes six times as long."""
    processor("avx2")
    settings = resolve_settings(load_config() | {"scale": scale})
    for key in ("precision", "cam_precision"):
        assert device.resolve_precision(getattr(settings, key), CPU) == "fp32"
    processor("avx512_bf16")
    maps = device.resolve_precision(settings.cam_precision, CPU)
    assert maps == ("fp32" if scale == "paper" else "bf16")
    assert defaults().cam_precision == "fp32"
