"""Table XI's specificity beside the one that Table VII implies, and the matrices behind both."""

import pandas as pd

from paper_code.audit.printed import OURS, Printed
from paper_code.audit.two_classes import implied_specificity
from paper_code.reporting.markdown import number
from paper_code.reporting.pages import page_table, sections

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


def rows() -> pd.DataFrame:
    """`two_classes.implied_specificity` of the printed tables."""
    return implied_specificity(Printed())


def page(rows: pd.DataFrame) -> list[str]:
    """A summary, what Figure 6 decides, and a section for each magnification."""
    shown = page_table(rows[rows["network"].isin(IN_FIGURE_6)], MATRICES)
    figure = f"## Figure 6\n\n{FIGURE_6}\n\n{shown}"
    blocks = sections(rows, "dataset", "{dataset:label}", COLUMNS, text=SPLIT)
    return [_summary(rows), figure, *blocks]


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
