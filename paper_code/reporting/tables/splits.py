"""Table VI: images in the training, validation and test parts, beside the printed numbers."""

import numpy as np
import pandas as pd

from paper_code.datasets.splits import PARTS
from paper_code.datasets.tables import read_split
from paper_code.published import printed_value
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import data_provenance_block, distinct, markdown, write_table
from paper_code.reporting.verdicts import (
    BY_PATIENT,
    data_obstacles,
    exact_columns,
    verdict_text,
)
from paper_code.runs import load_manifest


def write(output: str, *, prepared: list[str], splits: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        prepared: folders of the data sets.
        splits: their split files (first seed), in the same order.
        scale: for the record.
    """
    rows, lines, sources = [], [], []
    for folder, split in zip(prepared, splits, strict=True):
        _, source = load_manifest(folder)
        sources.append(source)
        table = read_split(split)
        by = table.attrs["by"]
        shared = _patients_in_two_parts(table)
        line = {"Data set": DATASET_LABELS.get(source["dataset"], source["dataset"])}
        for part in ("total", *PARTS):
            value = len(table) if part == "total" else int((table["part"] == part).sum())
            printed = printed_value("06", dataset=source["dataset"], part=part, metric="images")
            reasons = data_obstacles(source) + ([BY_PATIENT] if by == "patient" else [])
            rows.append(
                {
                    "table": "06",
                    "dataset": source["dataset"],
                    "part": part,
                    "metric": "images",
                    "value": value,
                    "printed": printed,
                    "difference": value - printed,
                    **exact_columns(value, printed, reasons),
                    "splits": by,
                    "patients_in_two_parts": shared,
                    "data": source["description"],
                }
            )
            beside = "" if np.isnan(printed) else f" (paper {printed:,.0f})"
            line[part.capitalize()] = f"{value:,}{beside}"
        line["Patients in two parts"] = "unknown" if shared is None else str(shared)
        verdicts = dict.fromkeys(verdict_text(row) for row in rows[-1 - len(PARTS) :])
        lines.append(line | {"Verdict": "; ".join(verdicts)})
    ways = distinct((row["splits"] for row in rows), " and ")
    title = f"Table VI. Training, validation and test images, split by {ways}"
    page = [markdown(pd.DataFrame(lines)), data_provenance_block(sources, scale)]
    write_table(output, pd.DataFrame(rows), title, page)


def _patients_in_two_parts(split: pd.DataFrame) -> int | None:
    """Patients with images in more than one part: what an image-wise split leaks."""
    known = split[split["group"] != ""]
    return None if known.empty else int((known.groupby("group")["part"].nunique() > 1).sum())
