"""The repeats of the crossover, frozen or fine-tuned, from images to rows of patients."""

import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from paper_code.crossover.design import ARMS, draw_repeat
from paper_code.crossover.patients import IMAGE_COLUMNS, by_image, by_patient
from paper_code.crossover.sample import read_sample
from paper_code.files import read_csv, write_csv
from paper_code.networks.registry import VARIANTS
from paper_code.progress import say, track

PLAIN = "efficientnet_lite0"
# Settings whose change makes other results of a training; the rest change how it is executed.
DECIDING = ("epochs", "batch_size", "learning_rate", "rotation", "precision")
NETWORKS = (PLAIN, *(f"{PLAIN}-{variant}" for variant in VARIANTS[PLAIN]))


def write_frozen(
    output: str | Path,
    names: Sequence[str],
    roots: Sequence[str | Path],
    *,
    repeats: Sequence[int],
    seeds: Sequence[int],
) -> None:
    """Test the frozen network with a logistic head; write the rows of `by_patient` as CSV.

    `names` are data sets, put together if there are several, with the data_root of each; `repeats`
    their numbers; each of `seeds` decides all repeats anew. UserError as `read_sample` and
    `draw_repeat`.
    """
    from paper_code.crossover.frozen import IMAGE_SIZE, head_margins, pooled_features

    sample = read_sample(names, roots, IMAGE_SIZE)
    features, label = pooled_features(sample.images), sample.table["label"].to_numpy()
    keys = {"dataset": sample.name, "training": "frozen"}
    parts = []
    for seed, number in track(list(product(seeds, repeats)), f"{sample.name}: repeats"):
        repeat = draw_repeat(label, sample.table["patient"], seed, number, sample.among)
        margins = {
            arm: head_margins(features, label, rows, repeat.test)
            for arm, rows in repeat.train.items()
        }
        images = by_image(sample, repeat, PLAIN, margins)
        parts.append(by_patient(images, seed=seed, repeat=number, **keys))
    write_csv(output, pd.concat(parts, ignore_index=True))


def write_fine_tuned(
    output: str | Path,
    names: Sequence[str],
    roots: Sequence[str | Path],
    *,
    repeats: Sequence[int],
    seeds: Sequence[int],
    checkpoints: str | Path,
) -> None:
    """Train the four networks in each repeat; write the rows of `by_patient`; as `write_frozen`.

    `output` is written anew after each repeat. `checkpoints` receives the rows of `by_image`, a
    file for each repeat, network and arm in a folder named after images, seed and settings; what is
    there already is kept, so that an interrupted command goes on where it was. A repeat trains with
    its own number as seed, all networks and both arms with the same.
    """
    import torch

    from paper_code.crossover.fine_tuned import DROPOUT, IMAGE_SIZE, fine_tune, settings_of
    from paper_code.datasets.tensors import pixel_sum
    from paper_code.training.checkpoint import fingerprint

    sample = read_sample(names, roots, IMAGE_SIZE)
    images = torch.tensor(sample.images)
    label = sample.table["label"].to_numpy()
    keys = {"dataset": sample.name, "training": "fine-tuned"}
    facts = {"images": sample.table.to_csv(), "sum": pixel_sum(images), "dropout": DROPOUT}
    settings = settings_of()
    facts |= keys | {name: getattr(settings, name) for name in DECIDING}
    parts = []
    for seed, number in product(seeds, repeats):
        identity = fingerprint({"seed": seed} | facts)
        repeat = draw_repeat(label, sample.table["patient"], seed, number, sample.among)
        paths = []
        for network, arm in product(NETWORKS, ARMS):
            name = f"{network}-{arm}.csv"
            paths.append(Path(checkpoints) / identity / f"{number:03d}" / name)
            if paths[-1].exists():
                continue
            start = time.process_time()
            rows = repeat.train[arm]
            margin = fine_tune(network, images, torch.tensor(label), rows, repeat.test, number)
            write_csv(paths[-1], by_image(sample, repeat, network, {arm: margin}))
            seconds = time.process_time() - start
            say(f"{sample.name}: repeat {number}, {network}, {arm}: {seconds:.0f} s of a processor")
        found = pd.concat([read_csv(path, *IMAGE_COLUMNS, dtype=None) for path in paths])
        parts.append(by_patient(found, seed=seed, repeat=number, **keys))
        write_csv(output, pd.concat(parts, ignore_index=True))
