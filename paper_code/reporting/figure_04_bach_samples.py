"""Figure 4: one BACH image of each class."""

from paper_code.reporting.figures.samples import choose_sample, class_name, draw_samples
from paper_code.reporting.plotting import data_provenance
from paper_code.runs import load_manifest


def draw(output: str, *, prepared: list[str], scale: str) -> None:
    """Write `output` (.png) and its .pdf."""
    table, source = load_manifest(prepared[0])
    grid = [[choose_sample(table, label) for label in source["classes"]]]
    columns = [class_name(label) for label in source["classes"]]
    draw_samples(output, grid, [""], columns, data_provenance([source], scale), source["colour"])
