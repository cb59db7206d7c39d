"""One run: from a prepared data set and a split to predictions, weights and history files."""

import functools
import json
import resource
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.device import default_device, exclusive, resolve_precision
from paper_code.errors import UserError
from paper_code.files import replacing_together, write_csv, write_json
from paper_code.networks.builder import build_network, freeze_backbone
from paper_code.networks.names import parse_network
from paper_code.networks.weights import save_weights
from paper_code.progress import say
from paper_code.provenance import provenance
from paper_code.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from paper_code.training.loop import ImageSet, TrainingSettings, fit, predict


def train_run(
    network_name: str,
    prepared: str | Path,
    split: str | Path,
    output: str | Path,
    settings: TrainingSettings,
    *,
    weights: str = "auto",
    freeze: bool = False,
    dropout: float = 0.25,
    by: str = "image",
    device: torch.device | None = None,
    checkpoint_dir: str | Path | None = None,
) -> None:
    """Train one network on one data set and write everything that tables need.

    Args:
        network_name: one of the nine, or "dalaresnet50-layerN".
        prepared: folder with `images.npy`, `manifest.csv` and `source.json`.
        split: CSV of `make_split`.
        output: folder that receives
            `predictions.csv` (image, label, group, part, predicted, p_<class>; val and test),
            `history.csv` (a row an epoch), `weights.safetensors`,
            `timing.json` (device-synchronised seconds, hardware, memory) and
            `run.json` (settings, data, weights, versions). All but `timing.json` are the same
            for the same seed on the same CPU.
        settings: the protocol.
        weights: "auto", "imagenet" or "random".
        freeze: train only the parts that have no pre-trained weights (head, gate). A network that
            started from random weights is trained whole; `run.json` says which it was.
        dropout: rate before the last linear layer.
        by: "image" or "patient", what the split was made by; for the record.
        device: defaults to the first GPU, else the CPU.
        checkpoint_dir: where an interrupted run leaves its checkpoint; defaults to
            `output`/checkpoint and is removed at the end.

    Raises:
        UserError: files that do not belong together, a batch larger than the training part, a
            loss that is not finite, weights that cannot be had.
    """
    prepared, output = Path(prepared), Path(output)
    device = device or default_device()
    torch.backends.cudnn.benchmark = True  # all batches of a run have one shape
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    source = json.loads((prepared / "source.json").read_text(encoding="utf-8"))
    classes = source["classes"]
    table, images, labels = load_prepared(prepared, split, classes)
    base, gate_after = parse_network(network_name)
    torch.manual_seed(settings.seed)
    network = build_network(
        base,
        len(classes),
        gate_after=gate_after,
        weights=weights,
        dropout=dropout,
        image_size=images.shape[-1],
    )
    frozen = freeze and not network.weights_source.startswith("random")
    if frozen:
        freeze_backbone(network)
    network.to(device, memory_format=torch.channels_last)
    precision = resolve_precision(settings.precision, device)
    say(
        f"{network_name} on {source['dataset']} ({source['description']}), by {by}, "
        f"seed {settings.seed}: {network.weights_source} weights"
        f"{', frozen backbone' if frozen else ''}, {precision} on {device}"
    )
    sets = {
        part: ImageSet(images[rows].to(device), labels[rows].to(device))
        for part in ("train", "val", "test")
        for rows in [torch.from_numpy(np.flatnonzero(table["part"] == part))]
    }
    facts = {
        "network": network_name,
        "dataset": source["dataset"],
        "classes": classes,
        "by": by,
        "weights": network.weights_source,
        "dropout": dropout,
        "frozen": frozen,
        "images": fingerprint({"split": table.to_csv(index=False), "sum": int(images.sum())}),
        "settings": asdict(settings) | {"precision": precision, "image_size": images.shape[-1]},
    }
    # Neither more epochs nor other checkpoint times make an earlier checkpoint a wrong one.
    identity = fingerprint(
        {"torch": torch.__version__}
        | facts
        | {"settings": facts["settings"] | {"epochs": None, "checkpoint_seconds": None}}
    )
    folder = Path(checkpoint_dir) if checkpoint_dir else output / "checkpoint"
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    # Timed work has the GPU to itself; start-up and writing of other runs go on meanwhile.
    with exclusive(device):
        state = fit(
            network,
            sets["train"],
            sets["val"],
            settings,
            label=f"{network_name} on {source['dataset']}, ",
            restore=functools.partial(
                load_checkpoint, folder / "checkpoint.pt", identity, epochs=settings.epochs
            ),
            save=functools.partial(save_checkpoint, folder / "checkpoint.pt", identity),
        )
        probabilities = {
            part: predict(network, sets[part].images, precision) for part in ("val", "test")
        }
    selected = state.best_epoch if settings.select_epoch == "best" else state.epoch
    parts = [
        _predictions(table[table["part"] == part], values, classes)
        for part, values in probabilities.items()
    ]
    with replacing_together(output) as new:
        write_csv(new / "predictions.csv", pd.concat(parts))
        write_csv(new / "history.csv", pd.DataFrame(state.history))
        save_weights(
            new / "weights.safetensors",
            network,
            {
                "dataset": source["dataset"],
                "classes": json.dumps(classes),
                "data": source["source"],
            },
        )
        steps = len(sets["train"]) // settings.batch_size
        write_json(new / "timing.json", _timing(state, steps * settings.batch_size, device))
        write_json(
            new / "run.json",
            facts
            | {
                "seed": settings.seed,
                "selected_epoch": selected,
                "parameters": sum(p.numel() for p in network.parameters()),
                "data": source,
                "provenance": provenance(device),
            },
        )
    shutil.rmtree(folder, ignore_errors=True)


def load_prepared(
    prepared: Path, split: str | Path, classes: list[str]
) -> tuple[pd.DataFrame, torch.Tensor, torch.Tensor]:
    """The split's rows, all images (uint8 N x 3 x S x S) and class indices (int64 N).

    Raises:
        UserError: the split or the array belongs to another manifest.
    """
    table = pd.read_csv(split, dtype=str, keep_default_na=False)
    manifest = pd.read_csv(prepared / "manifest.csv", dtype=str, keep_default_na=False)
    images = np.load(prepared / "images.npy", mmap_mode="r")
    if not table["image"].equals(manifest["image"]):
        raise UserError(f"{split}: lists other images than {prepared / 'manifest.csv'}. Remake it.")
    if len(images) != len(manifest):
        raise UserError(
            f"{prepared / 'images.npy'}: {len(images)} images, but the manifest lists "
            f"{len(manifest)}. Prepare the data set anew."
        )
    labels = torch.from_numpy(pd.Categorical(table["label"], classes).codes.astype(np.int64))
    return table, torch.from_numpy(np.array(images)), labels


def _predictions(
    rows: pd.DataFrame, probabilities: torch.Tensor, classes: list[str]
) -> pd.DataFrame:
    values = probabilities.cpu().numpy().round(6)
    predicted = [classes[index] for index in values.argmax(axis=1)]
    columns = {f"p_{name}": values[:, index] for index, name in enumerate(classes)}
    return rows[["image", "label", "group", "part"]].assign(predicted=predicted, **columns)


def _timing(state, images_per_epoch: int, device: torch.device) -> dict:
    """Seconds of each epoch and what Tables IX and X need (docs/reference/assumptions.md)."""
    seconds = pd.DataFrame(state.seconds)
    elapsed = (seconds["train_seconds"] + seconds["val_seconds"]).cumsum().round(4)
    accuracy = pd.DataFrame(state.history)["val_accuracy"]
    near = int(np.argmax(accuracy.to_numpy() >= accuracy.max() - 0.01))
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device)
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "total_seconds": float(elapsed.iloc[-1]),
        "best_epoch": state.best_epoch,
        "seconds_to_best": float(elapsed.iloc[state.best_epoch - 1]),
        "epochs_to_near_best": near + 1,
        "seconds_to_near_best": float(elapsed.iloc[near]),
        "images_per_second": round(images_per_epoch / float(seconds["train_seconds"].median()), 2),
        "peak_memory_bytes": memory,
        "epoch_seconds": seconds[["train_seconds", "val_seconds"]].round(4).to_dict("list"),
        **provenance(device),
    }
