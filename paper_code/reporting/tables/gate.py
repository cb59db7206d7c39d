"""What the trained gates of DALAResNet50 weight: the channel weights y of Eq. 3 on test images."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.datasets.tables import read_listed
from paper_code.device import default_device, exclusive, use_float32
from paper_code.errors import UserError
from paper_code.files import load_array
from paper_code.networks.builder import network_from_checkpoint
from paper_code.networks.dalaresnet50 import DALAResNet50
from paper_code.networks.preprocessing import normalize
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import markdown, number, provenance_block, write_table
from paper_code.reporting.verdicts import join_obstacles, run_obstacles
from paper_code.runs import Run, load_manifest, load_run, repeat_text

QUANTILES = range(0, 101, 5)  # per cent
BATCH = 64
NOTE = (
    "The weights that each run's gate gives to the test images. Off: channels whose weight is 0 "
    "for every test image. Zero: share of all weights that are exactly 0. Between classes: share "
    "of the variance of a channel's weight that the true class explains (eta squared), mean over "
    "the channels whose weight varies; by chance it is about (classes - 1) / (images - 1). The CSV "
    "has the distribution of the channels' mean weights too."
)


def write(output: str, *, runs: list[str], prepared: list[str], scale: str) -> None:
    """Write `output` (.csv, one row per run and statistic) and its .md.

    Args:
        output: the CSV.
        runs: `run.json` files of DALAResNet50; predictions and weights lie beside them.
        prepared: folders of their prepared data sets.
        scale: demo or paper.

    Raises:
        UserError: a run of another network, or one whose data set is not among `prepared`.
    """
    folders = {load_manifest(folder)[1]["dataset"]: Path(folder) for folder in prepared}
    loaded = [load_run(path) for path in runs]
    rows = []
    for run, path in zip(loaded, runs, strict=True):
        if run.dataset not in folders:
            raise UserError(f"{path}: give the prepared folder of {run.dataset} too.")
        weights, labels = gate_weights(run, Path(path), folders[run.dataset])
        facts = {
            "dataset": run.dataset,
            "network": run.network,
            "splits": run.facts["by"],
            "split_seed": run.repeat[0],
            "seed": run.repeat[1],
        }
        after = {
            "obstacles": join_obstacles(run_obstacles(run.facts, scale)),
            "data": run.facts["data"]["description"],
            "weights": run.facts["weights"],
            "scale": scale,
        }
        for statistic, value in describe(weights, labels).items():
            rows.append(facts | {"statistic": statistic, "value": value} | after)
    table = pd.DataFrame(rows).round({"value": 6})
    page = [NOTE, markdown(_lines(table)), provenance_block(loaded, scale)]
    write_table(output, table, "How the gates weight the channels", page)


def gate_weights(run: Run, path: Path, prepared: Path) -> tuple[np.ndarray, np.ndarray]:
    """N x C weights that a run's gate gives to its N test images, and the images' labels (str)."""
    network, _ = network_from_checkpoint(path.with_name("weights.safetensors"))
    if not isinstance(network, DALAResNet50):
        raise UserError(f"{path}: {run.network} has no gate. Give runs of dalaresnet50 alone.")
    device = default_device()
    use_float32()
    network.eval().to(device)
    test = run.predictions[run.predictions["part"] == "test"]
    manifest = read_listed(prepared / "manifest.csv", "image", "label")
    index = pd.Index(manifest["image"]).get_indexer(test["image"])
    if (index < 0).any():
        raise UserError(f"{path}: trained on other images than {prepared} has. Train it again.")
    images = load_array(prepared / "images.npy", ndim=4)
    weights: list[torch.Tensor] = []
    handle = network.gate.register_forward_hook(
        lambda gate, inputs, _: weights.append(gate.weights(inputs[0]).cpu())
    )
    try:
        with exclusive(device), torch.inference_mode():  # trainings beside it are timed
            for start in range(0, len(index), BATCH):
                part = torch.from_numpy(images[np.sort(index)[start : start + BATCH]])
                network(normalize(part.to(device)))
    finally:
        handle.remove()
    labels = manifest["label"].to_numpy()[np.sort(index)]
    return torch.cat(weights).numpy(), labels


def describe(weights: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Statistics of N x C weights of images with N labels."""
    means = weights.mean(axis=0)
    found = {
        "images": len(weights),
        "classes": len(np.unique(labels)),
        "channels": weights.shape[1],
        "off": int((weights == 0).all(axis=0).sum()),
        "zero_share": float((weights == 0).mean()),
        "mean": float(weights.mean()),
        "between_classes": explained(weights, labels),
    }
    return found | {
        f"quantile_{percent}": float(np.percentile(means, percent)) for percent in QUANTILES
    }


def explained(weights: np.ndarray, labels: np.ndarray) -> float:
    """Eta squared of the classes, mean over the channels that vary; NaN if none does."""
    centred = weights.astype(float) - weights.mean(axis=0, dtype=float)
    total = (centred**2).sum(axis=0)
    between = sum(
        (labels == label).sum() * centred[labels == label].mean(axis=0) ** 2
        for label in np.unique(labels)
    )
    varies = total > 1e-12
    return float((between[varies] / total[varies]).mean()) if varies.any() else float("nan")


def _lines(table: pd.DataFrame) -> pd.DataFrame:
    lines = []
    one_run = ["dataset", "splits", "split_seed", "seed"]
    for (dataset, _, split_seed, seed), rows in table.groupby(one_run, sort=False):
        subset = rows.set_index("statistic")["value"]
        lines.append(
            {
                "Data set": DATASET_LABELS.get(dataset, dataset),
                "Seed": repeat_text(split_seed, seed),
                "Test images": f"{subset['images']:.0f}",
                "Channels": f"{subset['channels']:,.0f}",
                "Off": f"{subset['off']:,.0f}",
                "Zero": number(subset["zero_share"]),
                "Mean weight": number(subset["mean"]),
                "Between classes": number(subset["between_classes"]),
                "Data": rows["data"].iloc[0],
            }
        )
    return pd.DataFrame(lines)
