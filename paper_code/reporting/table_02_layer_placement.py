"""Table II: DALAResNet50 with its gate after each of the four layers, on BreakHis."""

from paper_code.errors import UserError
from paper_code.networks.names import parse_network
from paper_code.reporting.tables.scores import F1_PAIR, write_comparison
from paper_code.runs import Run

METRICS = ["accuracy", "f1_macro", "f1_weighted", "auc_roc"]
REDUCTION = "The gate has the default reduction for the number of classes at every place."


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; see `write_comparison`."""
    write_comparison(
        output,
        runs,
        METRICS,
        "02",
        "Table II. Place of the gate in DALAResNet50",
        [F1_PAIR, REDUCTION],
        scale=scale,
        resamples=resamples,
        subject="placement",
        name_of=placement,
    )


def placement(run: Run) -> str:
    """Where a run has its gate, "layer1" to "layer4", as Table II has it.

    Raises:
        UserError: another network.
    """
    base, gate_after = parse_network(run.network)
    if base != "dalaresnet50":
        raise UserError(f"{run.network} has no gate. Give runs of dalaresnet50 alone.")
    return f"layer{gate_after}"
