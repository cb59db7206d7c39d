"""Images of each class and of each part of a split, beside the printed ones: Tables III to VI."""

import pandas as pd

from paper_code.datasets.splits import shared_patients
from paper_code.datasets.tables import read_split
from paper_code.published import published_table
from paper_code.reporting.verdicts import BY_PATIENT, NOT_RUN, data_obstacles, exact_columns
from paper_code.runs import load_manifest


def rows(*, prepared: list[str], number: str, splits: list[str] | None = None) -> pd.DataFrame:
    """One of Tables III to VI: `count_rows` of prepared data sets, and of their splits."""
    loaded = [load_manifest(folder) for folder in prepared]
    tables = map(read_split, splits) if splits else (manifest for manifest, _ in loaded)
    listed = {s["dataset"]: table for (_, s), table in zip(loaded, tables, strict=True)}
    return count_rows(number, listed, {s["dataset"]: s for _, s in loaded})


def count_rows(
    number: str, listed: dict[str, pd.DataFrame], sources: dict[str, dict]
) -> pd.DataFrame:
    """One row per printed count, with ours beside it.

    Args:
        number: of the printed table.
        listed: the images of each data set: manifest or split, with `label` or `part`.
        sources: the data sets' `source.json`.
    """
    printed = published_table(number).query("metric == 'images'")
    kind = "part" if "part" in printed else "class"
    rows = []
    order = printed["dataset"].map({name: i for i, name in enumerate(printed["dataset"].unique())})
    for cell in printed.loc[order.sort_values(kind="stable").index].to_dict("records"):
        dataset, name = cell["dataset"], cell[kind]
        row = {"table": number, "dataset": dataset, kind: name, "metric": "images"}
        value, obstacles, about = float("nan"), [NOT_RUN], {}
        if dataset in listed:
            table = listed[dataset]
            column = table["label" if kind == "class" else "part"]
            value = len(table) if name == "total" else int((column == name).sum())
            # A count needs no training: the scale does not matter, only the data does.
            obstacles = data_obstacles(sources[dataset])
            about = {"data": sources[dataset]["description"]}
            if kind == "part":
                found = shared_patients(table)
                shared = found["patients_shared"] if found["patients"] else None
                by = table.attrs["by"]
                obstacles += [BY_PATIENT] if by == "patient" else []
                about = {"splits": by, "patients_in_two_parts": shared} | about
        row |= {"value": value, "printed": cell["value"], "difference": value - cell["value"]}
        rows.append(row | exact_columns(value, cell["value"], obstacles) | about)
    table = pd.DataFrame(rows)
    whole = [name for name in ("value", "patients_in_two_parts") if name in table]
    return table.astype(dict.fromkeys(whole, "Int64"))
