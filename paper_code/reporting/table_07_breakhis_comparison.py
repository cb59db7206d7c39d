"""Table VII: accuracy, F1, IBA and GMean of the networks on BreakHis at four magnifications."""

from paper_code.reporting.compare import compare_runs
from paper_code.reporting.results import load_run
from paper_code.reporting.tables import comparison_blocks, provenance_block, write_table

METRICS = ["accuracy", "f1_macro", "f1_weighted", "iba", "gmean"]


def write(output: str, *, runs: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        runs: the runs' `run.json` files; their predictions lie beside them.
        scale: smoke, demo or paper.
        resamples: of the bootstrap.
    """
    loaded = [load_run(path) for path in runs]
    table = compare_runs(loaded, METRICS, "07", scale=scale, resamples=resamples)
    note = (
        "Each cell: value on the test part [95 % interval] (printed value). The paper prints F1 as "
        "a pair; its first number stands beside the macro, its second beside the weighted mean."
    )
    page = [note, *comparison_blocks(table, METRICS), provenance_block(loaded, scale)]
    write_table(output, table, "Table VII. Networks on BreakHis", page)
