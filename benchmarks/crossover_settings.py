"""Learning rate and epochs of the crossover's fine-tuned networks, chosen on other patients.

    python benchmarks/crossover_settings.py --data-root ROOT_100X ROOT_200X

The images are those at 200X of patients who are not in the sample at 100X, on which the networks
are compared first: half of the patients of each class train, the other half judge. The plain
network and that with the paper's gate are trained with each rate; what counts is the mean of their
log losses.

Results go to benchmarks/results/crossover_settings.{csv,md}.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paper_code.crossover.runs import FINE_TUNED_SIZE, margins, settings_of, train_epochs
from paper_code.crossover.sample import read_sample
from paper_code.datasets.read import read_dataset
from paper_code.reporting.markdown import code_provenance_block, markdown, write_table
from paper_code.training.loop import ImageSet

RESULTS = Path(__file__).parent / "results"
NETWORKS = ("efficientnet_lite0", "efficientnet_lite0-gate")
RATES, EPOCHS, MOST = (1e-3, 3e-4, 1e-4), 6, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", nargs=2, required=True, metavar=("ROOT_100X", "ROOT_200X"))
    first, second = parser.parse_args().data_root
    torch.set_num_threads(1)
    sample = read_sample(["breakhis_200x"], [second], FINE_TUNED_SIZE)
    table = sample.table
    rng = np.random.default_rng(0)
    used = set(read_dataset("breakhis_100x", first)["group"])
    rows = {"train": [], "judge": []}
    for label in (0, 1):
        others = sorted(set(table.loc[table["label"] == label, "patient"]) - used)
        for number, patient in enumerate(rng.permutation(others)):
            own = rng.permutation(np.flatnonzero(table["patient"] == patient))
            # As in the sample at 100X, about as many images of one class as of the other.
            part = "train" if number < (len(others) + 1) // 2 else "judge"
            rows[part].append(own if label == 0 else own[:MOST])
    train, judge = (np.sort(np.concatenate(rows[part])) for part in ("train", "judge"))
    images, labels = torch.tensor(sample.images), torch.tensor(table["label"].to_numpy())
    found = []
    for rate in RATES:
        for name in NETWORKS:
            settings = settings_of(rate).changed(epochs=EPOCHS)
            start = time.process_time()
            trained = train_epochs(name, ImageSet(images[train], labels[train]), settings, 0)
            for epoch, network in enumerate(trained, start=1):
                seconds = time.process_time() - start
                margin = margins(network, images[judge]) * (2 * labels[judge].numpy() - 1)
                loss, right = np.logaddexp(0, -margin).mean(), (margin > 0).mean()
                found.append((rate, name, epoch, loss, right, seconds))
    columns = ["learning_rate", "network", "epoch", "log_loss", "accuracy", "seconds"]
    result = pd.DataFrame(found, columns=columns)
    means = result.pivot_table(index="epoch", columns="learning_rate", values="log_loss")
    means.columns = [f"Learning rate {rate:g}" for rate in means.columns]
    sections = [
        f"Log loss of {len(judge)} images of other patients after training on {len(train)} images "
        "(BreakHis 200X, patients who are not in the sample at 100X), mean of EfficientNet-Lite0 "
        "without a gate and with the paper's.",
        markdown(means.map("{:.3f}".format).reset_index(names="Epoch")),
        f"Processor time of a run: {result['seconds'].max():.0f} s at most.",
        code_provenance_block("BreakHis 200X"),
    ]
    title = "Settings of the crossover's fine-tuned networks"
    write_table(RESULTS / "crossover_settings.csv", result, title, sections)


if __name__ == "__main__":
    main()
