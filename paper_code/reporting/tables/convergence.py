"""Losses, accuracies and seconds of every epoch of every run."""

import pandas as pd

from paper_code.errors import UserError
from paper_code.reporting.verdicts import joined, run_obstacles
from paper_code.runs import Run, load_run


def rows(*, runs: list[str], scale: str) -> pd.DataFrame:
    """One row per run and epoch, for the run.json of each run."""
    loaded = [load_run(path, timing=True) for path in runs]
    tables = [epochs(run, path, scale) for run, path in zip(loaded, runs, strict=True)]
    return pd.concat(tables, ignore_index=True)


def epochs(run: Run, path: str, scale: str) -> pd.DataFrame:
    """One row per epoch of one run: what it is of, then losses, accuracies and seconds.

    Raises:
        UserError: history.csv is missing or has another number of epochs than timing.json.
    """
    file = path.removesuffix("run.json") + "history.csv"
    try:
        history = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read ({error}). Train that run again.") from error
    seconds = run.timing["epoch_seconds"]
    if any(len(values) != len(history) for values in seconds.values()):
        raise UserError(f"{file}: not as many epochs as in timing.json. Train that run again.")
    facts, seeds = run.facts, run.repeat
    about = {"dataset": run.dataset, "network": run.network, "splits": facts["by"]}
    about |= {"split_seed": seeds[0], "seed": seeds[1]}
    after = {
        "selected_epoch": facts["selected_epoch"],
        "obstacles": joined(run_obstacles(facts, scale)),
        "hardware": run.timing["hardware"],
        "data": facts["data"]["description"],
        "weights": facts["weights"],
        "scale": scale,
    }
    rounded = dict.fromkeys(("train_loss", "val_loss", "val_accuracy"), 6)
    measured = history.assign(**seconds).round(rounded)
    return pd.DataFrame(about, index=history.index).join(measured.assign(**after))
