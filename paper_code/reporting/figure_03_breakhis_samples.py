"""Figure 3: BreakHis at four magnifications, a benign and a malignant row."""

from paper_code.reporting.figures.samples import choose_sample, class_name, draw_samples
from paper_code.reporting.plotting import data_provenance
from paper_code.runs import load_manifest


def draw(output: str, *, prepared: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf: one patient a class across the columns where possible."""
    loaded = [load_manifest(folder) for folder in prepared]
    tables = [table for table, _ in loaded]
    classes = loaded[0][1]["classes"]
    grid = []
    for label in classes:
        everywhere = set.intersection(
            *(set(table.loc[table["label"] == label, "group"]) for table in tables)
        )
        keep = {min(everywhere)} if everywhere else None
        grid.append([choose_sample(table, label, keep) for table in tables])
    columns = [table["magnification"].iloc[0] for table in tables]
    sources = [source for _, source in loaded]
    draw_samples(
        output, grid, [class_name(c) for c in classes], columns, data_provenance(sources, scale)
    )
