"""Class counts of data sets beside the printed ones: Tables III, IV and V."""

import pandas as pd

from paper_code.published import printed_value
from paper_code.reporting.labels import CLASS_LABELS, DATASET_LABELS
from paper_code.reporting.markdown import data_provenance_block, markdown, write_table
from paper_code.reporting.verdicts import data_obstacles, exact_columns
from paper_code.runs import load_manifest


def count_classes(prepared: list[str], table: str) -> tuple[pd.DataFrame, list[dict]]:
    """Images of each class beside the printed number, and each data set's `source.json`."""
    rows, sources = [], []
    for folder in prepared:
        manifest, source = load_manifest(folder)
        sources.append(source)
        counts = manifest["label"].value_counts()
        for label in [*source["classes"], "total"]:
            value = len(manifest) if label == "total" else int(counts[label])
            printed = printed_value(
                table, dataset=source["dataset"], **{"class": label}, metric="images"
            )
            rows.append(
                {
                    "table": table,
                    "dataset": source["dataset"],
                    "class": label,
                    "metric": "images",
                    "value": value,
                    "printed": printed,
                    "difference": value - printed,
                    # A count needs no training: the scale does not matter, only the data does.
                    **exact_columns(value, printed, data_obstacles(source)),
                    "data": source["description"],
                }
            )
    return pd.DataFrame(rows), sources


def write(output: str, *, prepared: list[str], scale: str, number: str, title: str) -> None:
    """Write one of Tables III, IV and V: `output` (.csv) and its .md.

    Args:
        output: the CSV.
        prepared: folders of the data sets.
        scale: for the record.
        number: of the printed table, "03", "04" or "05".
        title: heading of the page.
    """
    counts, sources = count_classes(prepared, number)
    lines = []
    for row in counts.itertuples():
        label = counts.columns.get_loc("class") + 1
        lines.append(
            {
                "Data set": DATASET_LABELS.get(row.dataset, row.dataset),
                "Class": CLASS_LABELS.get(row[label], str(row[label]).capitalize()),
                "Images": f"{row.value:,}",
                "Printed": f"{row.printed:,.0f}",
                "Verdict": row.verdict,
            }
        )
    page = [markdown(pd.DataFrame(lines)), data_provenance_block(sources, scale)]
    write_table(output, counts, title, page)
