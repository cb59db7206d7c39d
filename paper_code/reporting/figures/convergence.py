"""Validation accuracy by epoch, of all runs."""

from matplotlib.ticker import MaxNLocator

from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.markdown import distinct, read_results
from paper_code.reporting.plotting import grid, legend_above, network_look, save_figure


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: a panel per data set, a line per network.

    The line is the mean over a network's runs by one kind of split; each run is a pale line.
    """
    epochs = read_results(tables[0])
    datasets = list(dict.fromkeys(epochs["dataset"]))
    figure, axes = grid(1, len(datasets), (max(3.2 * len(datasets), 5), 3.6), sharey=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        own = epochs[epochs["dataset"] == dataset]
        for (network, _), runs in own.groupby(["network", "splits"], sort=False):
            look = network_look(network)
            for _, run in runs.groupby(["split_seed", "seed"]):
                pale = look | {"linewidth": 0.5, "alpha": 0.35}
                axis.plot(run["epoch"], run["val_accuracy"], **pale)
            mean = runs.groupby("epoch")["val_accuracy"].mean()
            axis.plot(mean.index, mean, **look, label=network_label(network))
        axis.set(title=DATASET_LABELS.get(dataset, dataset), xlabel="epoch", ylim=(0, 1.02))
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axis.grid(color="0.94")
    axes[0, 0].set_ylabel("validation accuracy")
    legend_above(figure, axes[0], 4, frameon=False)
    about = (distinct(epochs[name], ", ") for name in ("scale", "weights", "splits", "seed"))
    save_figure(
        figure,
        output,
        "{} scale; {} weights; split by {}; seeds {}; ".format(*about)
        + f"{distinct(epochs['hardware'])}; commit {commit()}\n{distinct(epochs['data'])}",
    )
