"""Test metrics of runs, data set by data set: what Tables II, VII, VIII, XI and XII share."""

from collections.abc import Callable

from paper_code.reporting.compare import compare_runs, network_of
from paper_code.reporting.results import Run, load_run
from paper_code.reporting.tables import comparison_blocks, provenance_block, write_table

PERFORMANCE = ["accuracy", "f1_macro", "f1_weighted", "iba", "gmean"]  # of Tables VII and VIII
DIAGNOSTICS = ["sensitivity", "specificity", "ppv", "npv"]  # of Tables XI and XII
CELLS = "Each cell: value on the test part [95 % interval] (printed value)."
F1_PAIR = (
    "The paper prints F1 as a pair; its first number stands beside the macro, its second beside "
    "the weighted mean."
)
ONE_VS_REST = (
    "With more than two classes: each class against the rest, then the mean over the classes."
)


def write_comparison(
    output: str,
    runs: list[str],
    metrics: list[str],
    table: str,
    title: str,
    notes: list[str],
    *,
    scale: str,
    resamples: int,
    subject: str = "network",
    name_of: Callable[[Run], str] = network_of,
) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: the runs' `run.json` files; their predictions lie beside them.
        metrics: names of `classification_metrics`, in the order of the columns.
        table: number of the printed table, such as "07".
        title: heading of the page.
        notes: sentences below it.
        scale: smoke, demo or paper.
        resamples: of the bootstrap.
        subject: "network" or "placement", as in `compare_runs`.
        name_of: the subject of a run.
    """
    loaded = [load_run(path) for path in runs]
    compared = compare_runs(
        loaded, metrics, table, scale=scale, resamples=resamples, subject=subject, name_of=name_of
    )
    blocks = comparison_blocks(compared, metrics, subject)
    page = [" ".join([CELLS, *notes]), *blocks, provenance_block(loaded, scale)]
    write_table(output, compared, title, page)
