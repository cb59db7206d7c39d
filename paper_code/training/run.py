"""One run: from a prepared data set and a split to predictions, weights and history files."""

from __future__ import annotations

import functools
import json
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from paper_code.datasets.tensors import image_marks, load_prepared, pixel_sum
from paper_code.device import (
    checked_device,
    exclusive,
    resolve_precision,
    use_float32,
)
from paper_code.errors import UserError
from paper_code.files import read_json, replacing_together, write_csv, write_json
from paper_code.networks.builder import build_network, freeze_backbone
from paper_code.networks.forward import predict
from paper_code.networks.registry import parse_network
from paper_code.networks.weights import save_weights
from paper_code.progress import say
from paper_code.provenance import provenance
from paper_code.runs import FACTS, HISTORY, OF_RUN, PREDICTIONS, TIMING, WEIGHTS
from paper_code.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from paper_code.training.loop import ImageSet, State, fit

if TYPE_CHECKING:  # a run depends on the values of settings, which its rule holds
    from paper_code.settings import Settings


def train_run(
    network_name: str,
    prepared: str | Path,
    split: str | Path,
    output: str | Path,
    settings: Settings,
    seed: int = 0,
    *,
    device: torch.device | None = None,
    checkpoint_dir: str | Path | None = None,
    force: bool = False,
) -> None:
    """Train one network on one data set and write everything that tables need.

    `prepared` holds `images.npy`, `manifest.csv` and `source.json`; `split` is a CSV of
    `make_split`. `output` receives `predictions.csv` (image, label, group, part, predicted,
    p_<class>; val and test), `history.csv` (one row per epoch), `weights.safetensors`,
    `timing.json` (device-synchronised seconds, hardware, memory) and `run.json` (settings, data,
    weights, versions). All but `timing.json` are the same for the same seed on the same CPU.

    `settings` are those marked "run". Where the backbone is to be frozen, a network that starts
    from random weights is trained whole; `run.json` says which it was. An interrupted run leaves
    its checkpoint in `checkpoint_dir`, by default in `output`. `force` replaces a finished run, its
    model card too, when this one is finished.

    UserError for an `output` that holds a finished run, files that do not belong together, a batch
    larger than the training set, a loss that is not finite, weights that cannot be had, a GPU that
    PyTorch cannot use.
    """
    prepared, output = Path(prepared), Path(output)
    if (output / FACTS).exists() and not force:
        raise UserError(
            f"{output}: holds a finished run. Choose another folder, or replace it with --force."
        )
    device = device or checked_device()
    torch.backends.cudnn.benchmark = True  # all batches of a run have one shape
    use_float32()
    source = read_json(prepared / "source.json", "dataset", "source", "description", "classes")
    table, images, labels = load_prepared(prepared, split, source["classes"])
    base, gate_after = parse_network(network_name)
    torch.manual_seed(seed)
    network = build_network(
        base,
        len(source["classes"]),
        gate_after=gate_after,
        weights=settings.weights,
        dropout=settings.dropout,
        image_size=images.shape[-1],
    )
    frozen = settings.freeze_backbone and not network.weights_source.startswith("random")
    if frozen:
        freeze_backbone(network)
    precision = resolve_precision(settings.precision, device)
    settings = settings.changed(precision=precision)
    network.to(device, memory_format=torch.channels_last)
    facts = {
        "network": network_name,
        "dataset": source["dataset"],
        "classes": source["classes"],
        "by": table.attrs["by"],
        "split_seed": table.attrs["seed"],
        "weights": network.weights_source,
        "dropout": settings.dropout,
        "frozen": frozen,
        "images": fingerprint({"split": table.to_csv(index=False), "sum": pixel_sum(images)}),
        "settings": settings.part("loop") | {"seed": seed, "image_size": images.shape[-1]},
    }
    say(
        f"{network_name} on {source['dataset']} ({source['description']}), by {facts['by']} "
        f"{facts['split_seed']}, seed {seed}: {facts['weights']} weights"
        f"{', frozen backbone' if frozen else ''}, {precision} on {device}"
    )
    sets = {
        part: ImageSet(images[rows].to(device), labels[rows].to(device))
        for part in ("train", "val", "test")
        for rows in [torch.from_numpy(np.flatnonzero(table["part"] == part))]
    }
    checkpoints = Path(checkpoint_dir) if checkpoint_dir else output / "checkpoint"
    checkpoint = checkpoints / "checkpoint.pt"
    # Neither more epochs nor other checkpoint times make an earlier checkpoint a wrong one.
    free = {"epochs": None, "checkpoint_seconds": None}
    identity = fingerprint(
        {"torch": torch.__version__} | facts | {"settings": facts["settings"] | free}
    )
    # Timed work has the GPU to itself; start-up and writing of other runs go on meanwhile.
    with exclusive(device):
        state = fit(
            network,
            sets["train"],
            sets["val"],
            settings,
            seed,
            label=f"{network_name} on {source['dataset']}, ",
            restore=functools.partial(
                load_checkpoint, checkpoint, identity, epochs=settings.epochs
            ),
            save=functools.partial(save_checkpoint, checkpoint, identity),
        )
        probabilities = {
            part: predict(network, sets[part].images, precision) for part in ("val", "test")
        }
    with replacing_together(output, earlier=OF_RUN) as new:
        marks = image_marks(sets["train"].images)
        _write(new, network, state, probabilities, table, facts, source, marks, device)
    shutil.rmtree(checkpoints, ignore_errors=True)


def _write(
    folder: Path,
    network: torch.nn.Module,
    state: State,
    probabilities: dict[str, torch.Tensor],
    table: pd.DataFrame,
    facts: dict,
    source: dict,
    marks: list[str],
    device: torch.device,
) -> None:
    """Write every file of the run into `folder`."""
    settings, classes = facts["settings"], facts["classes"]
    parts = []
    for part, of_part in probabilities.items():
        values = of_part.cpu().numpy().round(6)
        columns = {f"p_{name}": values[:, index] for index, name in enumerate(classes)}
        columns = {"predicted": [classes[index] for index in values.argmax(axis=1)]} | columns
        rows = table[table["part"] == part]
        parts.append(rows[["image", "label", "group", "part"]].assign(**columns))
    write_csv(folder / PREDICTIONS, pd.concat(parts))
    write_csv(folder / HISTORY, pd.DataFrame(state.history))
    notes = {
        "dataset": source["dataset"],
        "classes": json.dumps(classes),
        "data": source["source"],
        "trained_on": " ".join(marks),  # so that `evaluate` knows these images again
    }
    save_weights(folder / WEIGHTS, network, notes)
    steps = int((table["part"] == "train").sum()) // settings["batch_size"]
    write_json(folder / TIMING, _timing(state, steps * settings["batch_size"], device))
    selected = state.best_epoch if settings["select_epoch"] == "best" else state.epoch
    about = {
        "seed": settings["seed"],
        "selected_epoch": selected,
        "predictions": sum(map(len, parts)),
        "parameters": sum(p.numel() for p in network.parameters()),
        "data": source,
        "provenance": provenance(device),
    }
    write_json(folder / FACTS, facts | about)


def _timing(state: State, images_per_epoch: int, device: torch.device) -> dict:
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
        # Of each epoch and all threads, whatever else kept the machine busy.
        "processor_seconds": [round(row["processor_seconds"], 4) for row in state.seconds],
        **provenance(device),
    }
