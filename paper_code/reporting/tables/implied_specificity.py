"""Table XI's specificity beside the one that Table VII implies, and the matrices behind both."""

import pandas as pd

from paper_code.audit.printed import OURS, Printed
from paper_code.audit.two_classes import implied_specificity
from paper_code.reporting.markdown import code_provenance_block, number, write_table
from paper_code.reporting.pages import notes, page_table, sections

IN_FIGURE_6 = ("resnet50", OURS)
FIGURE_6 = """Figure 6 of the paper shows the matrices of these two networks, so it decides: its
cells are those of Table VII, those of Table XI, or neither. For ResNet50 at 40X, for example, look
for 22 benign images taken for malignant (Table VII) or 14 (Table XI)."""


MATRICES = {
    "Images": "{dataset:label}",
    "Network": "{network:label}",
    "By Table VII": "{matrices_07_gmean}",
    "By Table VII, class-weighted": "{matrices_07_weighted}",
    "By Table XI": "{matrices_11}",
}
COLUMNS = {
    "Network": "{network:label}",
    "Implied by Table VII": "{low:.3f} to {high:.3f}",
    "Printed in Table XI": "{printed:.3f}",
    "Difference": "{difference:+.3f}",
}
SPLIT = "Malignant: {malignant} of {test_images} test images."


def write(output: str) -> None:
    """Write `output` (.csv) and its .md."""
    table = implied_specificity(Printed())
    shown = page_table(table[table["network"].isin(IN_FIGURE_6)], MATRICES)
    blocks = [f"## Figure 6\n\n{FIGURE_6}\n\n{shown}"]
    blocks += sections(table, "dataset", "{dataset:label}", COLUMNS, text=SPLIT)
    provenance = code_provenance_block("printed numbers of Tables III, VI, VII and XI")
    title = "Tables VII and XI exclude each other: the specificity that each implies"
    write_table(output, table, title, [notes(__file__), _summary(table), *blocks, provenance])


def _summary(table: pd.DataFrame) -> str:
    """The size and the direction, in one sentence."""
    own = table["network"] == OURS
    gap = table.loc[~own, "difference"]
    return (
        f"Table XI's specificity lies above everything that Table VII allows in {(gap > 0).sum()} "
        f"of {len(gap)} rows of the baselines, by {number(gap.min())} to {number(gap.max())} "
        f"(median {number(gap.median())}). For DALAResNet50 it lies within "
        f"{number(table.loc[own, 'difference'].abs().max())}."
    )
