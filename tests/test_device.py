"""Which device is used, and what is said where it cannot be."""

import pytest
import torch

from paper_code import device
from paper_code.config import choose, load_config
from paper_code.errors import UserError


@pytest.fixture
def unusable(monkeypatch):
    """A GPU that the driver shows and PyTorch cannot use."""

    def init() -> None:
        raise RuntimeError(
            "The NVIDIA driver on your system is too old (found version 12020).\nMore"
        )

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for module in ("device", "config"):
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
        choose(load_config() | {"data": "phantom"})


@pytest.mark.parametrize("value", ["", "-1"])
def test_a_hidden_gpu_leaves_the_cpu(unusable, monkeypatch, value):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    device.check_gpu()
    assert device.default_device() == torch.device("cpu")


def test_users_do_not_share_lock_files(tmp_path, monkeypatch):
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    for user in (1000, 1001):
        monkeypatch.setattr(device.os, "getuid", lambda user=user: user)
        with device.locked("gpu"):
            pass
    assert len(list(tmp_path.iterdir())) == 2
