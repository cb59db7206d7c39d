"""A trained network as one ONNX file that needs neither this package nor PyTorch."""

import json
import warnings
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
TINY = np.finfo(np.float32).tiny
BATCHES = (1, 3)  # sizes that the check tries; neither is the one that is traced


class FromPixels(nn.Module):
    """A network with its preprocessing and softmax: what an exported file computes.

    N x 3 x S x S float32 RGB values from 0 to 255 -> N x K probabilities.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Scale to [-1, 1] as `networks.forward.normalize`, then classify."""
        return self.network(images / 127.5 - 1).softmax(dim=1)


def export_network(weights: str | Path, output: str | Path) -> float:
    """Write a trained network as ONNX, after checking that its outputs are the network's.

    Input `images`: N x 3 x S x S float32 RGB from 0 to 255, S the side that the network was trained
    at; N is free. Output `probabilities`: N x K. `metadata_props` say so, with the classes in
    order. Returns the largest difference of a log-probability found by the check. UserError if the
    weights cannot be used, or outputs differ by more than `LARGEST_DIFFERENCE`; ModuleNotFoundError
    without the extra `export`. Nothing is written then.
    """
    if Path(output).is_dir():
        raise UserError(f"{output} is a folder; give --output the name of a file.")
    network, facts = load_trained(weights)

    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401  the exporter of torch needs it

    model, size = FromPixels(network).eval(), facts["image_size"]
    batches = [example(count, size) for count in BATCHES]
    with torch.no_grad():
        expected = [model(images).numpy() for images in batches]
    with replacing(output) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the exporter's own future
            program = torch.onnx.export(
                model,
                (example(2, size),),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={INPUT: {0: torch.export.Dim("N")}},
                verbose=False,
            )
        proto = program.model_proto  # made anew at each access
        onnx.helper.set_model_props(proto, _metadata(facts))
        onnx.checker.check_model(proto)
        onnx.save(proto, temporary)
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        difference = 0.0
        for images, ours in zip(batches, expected, strict=True):
            (theirs,) = session.run([OUTPUT], {INPUT: images.numpy()})
            ours, theirs = (np.log(np.maximum(values, TINY)) for values in (ours, theirs))
            difference = max(difference, float(np.abs(theirs - ours).max()))
        if not difference <= LARGEST_DIFFERENCE:
            raise UserError(
                f"{output}: not written, because a log-probability differs by {difference:.2g} "
                f"from the network's (allowed: {LARGEST_DIFFERENCE:g}). Use the safetensors file."
            )
    say(
        f"{output}: ONNX, {size} x {size} px, values from 0 to 255, any number of images; "
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


def example(count: int, size: int) -> Tensor:
    """Noise round mid-grey, from faint to full contrast: float32 `count` x 3 x size x size.

    Faint noise keeps the probabilities of any network away from 0 and 1, where they hide errors.
    """
    noise = torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(count))
    contrast = torch.logspace(-2, 0, count)[:, None, None, None]
    return 127.5 + 127.5 * contrast * (2 * noise - 1)
