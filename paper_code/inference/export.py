"""A trained network as one ONNX or TorchScript file that needs neither this package nor timm."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from paper_code.errors import UserError
from paper_code.files import replacing
from paper_code.inference.load import load_trained
from paper_code.progress import say

OPSET = 18
INPUT, OUTPUT = "images", "probabilities"
LARGEST_DIFFERENCE = 1e-3  # of a log-probability, between the network and the file
BATCHES = (1, 3)  # sizes that the check tries; neither is the one that is traced


class FromPixels(nn.Module):
    """A network with its preprocessing and softmax: what an exported file computes.

    N x 3 x S x S float32 RGB values from 0 to 255 -> N x K probabilities.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Scale to [-1, 1] as `networks.preprocessing.normalize`, then classify."""
        return self.network(images / 127.5 - 1).softmax(dim=1)


def export_network(weights: str | Path, output: str | Path, form: str) -> float:
    """Write a trained network as one file, after checking that its outputs are the network's.

    Input `images`: N x 3 x S x S float32 RGB from 0 to 255, S the side that the network was trained
    at; N is free. Output `probabilities`: N x K. The file's metadata say so, with the classes in
    order (ONNX: `metadata_props`; TorchScript: the extra file `metadata.json`).

    Args:
        weights: `weights.safetensors` of a run, or the run's folder.
        output: the file to write.
        form: "onnx" or "torchscript".

    Returns:
        The largest difference of a log-probability found by the check.

    Raises:
        UserError: the weights cannot be used, or outputs differ by more than `LARGEST_DIFFERENCE`.
            Nothing is written then.
        ModuleNotFoundError: form "onnx" without the extra `export`.
    """
    if Path(output).is_dir():
        raise UserError(f"{output} is a folder; give --output the name of a file.")
    write, run = {"onnx": (_write_onnx, _run_onnx), "torchscript": (_trace, _run_traced)}[form]
    network, facts = load_trained(weights)
    model = FromPixels(network).eval()
    size = facts["image_size"]
    with replacing(output) as temporary:
        write(model, size, _metadata(facts), temporary)
        difference = _largest_difference(model, run(temporary), size)
        if not difference <= LARGEST_DIFFERENCE:
            raise UserError(
                f"{output}: not written, because a log-probability differs by {difference:.2g} "
                f"from the network's (allowed: {LARGEST_DIFFERENCE:g}). Use the safetensors file."
            )
    say(
        f"{output}: {form}, {size} x {size} px, values from 0 to 255, any number of images; "
        f"log-probabilities differ by at most {difference:.1e} from the network's"
    )
    return difference


def _metadata(facts: dict) -> dict[str, str]:
    """What a user of the file has to know, as text."""
    size = facts["image_size"]
    about = {
        "input": f"{INPUT}: float32 N x 3 x {size} x {size}, RGB, 0 to 255; resize bilinearly with "
        "antialiasing; scaling to [-1, 1] is inside",
        "output": f"{OUTPUT}: float32 N x {len(facts['classes'])}, softmax is inside",
        "classes": json.dumps(facts["classes"]),
        "image_size": str(size),
        "limits": "Research code, not a medical device: no output may guide a diagnosis.",
    }
    kept = ("network", "dataset", "data", "weights_source")
    return about | {key: facts[key] for key in kept}


def _example(count: int, size: int) -> Tensor:
    """Noise round mid-grey, from faint to full contrast: float32 `count` x 3 x size x size.

    Faint noise keeps the probabilities of any network away from 0 and 1, where they hide errors.
    """
    noise = torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(count))
    contrast = torch.logspace(-2, 0, count)[:, None, None, None]
    return 127.5 + 127.5 * contrast * (2 * noise - 1)


def _largest_difference(
    model: nn.Module, exported: Callable[[np.ndarray], np.ndarray], size: int
) -> float:
    """Of a log-probability, over batches of several sizes; infinite where shapes differ or the file
    does not run."""
    worst = 0.0
    for count in BATCHES:
        images = _example(count, size)
        with torch.no_grad():
            ours = model(images).numpy()
        try:
            theirs = exported(images.numpy())
        except Exception as error:  # of whichever kind the runtime has
            say(f"a batch of {count} fails: {str(error).strip().splitlines()[-1]}")
            return float("inf")
        if theirs.shape != ours.shape:
            return float("inf")
        tiny = np.finfo(np.float32).tiny
        logs = [np.log(np.maximum(values, tiny)) for values in (ours, theirs)]
        worst = max(worst, float(np.abs(logs[0] - logs[1]).max()))
    return worst


def _write_onnx(model: nn.Module, size: int, metadata: dict[str, str], path: Path) -> None:
    import onnx
    import onnxruntime  # noqa: F401  before the work, not after it
    import onnxscript  # noqa: F401  the exporter of torch needs it

    with _quiet():
        program = torch.onnx.export(
            model,
            (_example(2, size),),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
            verbose=False,
        )
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def _run_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run([OUTPUT], {INPUT: images})[0]


def _trace(model: nn.Module, size: int, metadata: dict[str, str], path: Path) -> None:
    extra = {"metadata.json": json.dumps(metadata, indent=2)}
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(model, _example(2, size), check_trace=False)
        torch.jit.save(traced, path, _extra_files=extra)


def _run_traced(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    with _quiet():
        traced = torch.jit.load(path)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return traced(torch.from_numpy(images)).numpy()

    return run


@contextlib.contextmanager
def _quiet():
    """Without the exporters' remarks about their own future."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
