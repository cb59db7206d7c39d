"""Table XI's specificity beside the one that Table VII implies, and the matrices behind both."""

import pandas as pd

from paper_code.audit.printed import OURS, Printed
from paper_code.audit.two_classes import implied_specificity
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import code_provenance_block, markdown, number, write_table

IN_FIGURE_6 = ("resnet50", OURS)
NOTES = """Both tables describe the same nine networks on the same test images, so each row must be
one confusion matrix. The classes of a test set are not printed, but within one unit of the last
digit Table XI leaves a single class split for each magnification. With it, accuracy and GMean of
Table VII leave few matrices, and none of them is Table XI's.

- **Implied**: the specificity of all whole matrices with that split whose accuracy and GMean are
  Table VII's within one unit, for both readings of GMean: the geometric mean of sensitivity and
  specificity, and of their class-weighted averages (imbalanced-learn's `average="weighted"`).
- **Printed**: the specificity of Table XI. **Difference**: from the nearer end of the range.
- Matrices are TP/FN/FP/TN; malignant is positive."""
FIGURE_6 = """Figure 6 of the paper shows the matrices of these two networks, so it decides: its
cells are those of Table VII, those of Table XI, or neither. For ResNet50 at 40X, for example, look
for 22 benign images taken for malignant (Table VII) or 14 (Table XI)."""


def write(output: str) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
    """
    table = implied_specificity(Printed())
    blocks = [f"## Figure 6\n\n{FIGURE_6}\n\n{_matrices(table)}"]
    for dataset, rows in table.groupby("dataset", sort=False):
        first = rows.iloc[0]
        split = f"Malignant: {first['malignant']} of {first['test_images']} test images."
        blocks.append(f"## {DATASET_LABELS[dataset]}\n\n{split}\n\n{_specificities(rows)}")
    provenance = code_provenance_block("printed numbers of Tables III, VI, VII and XI")
    title = "Tables VII and XI exclude each other: the specificity that each implies"
    write_table(output, table, title, [NOTES, _summary(table), *blocks, provenance])


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


def _specificities(rows: pd.DataFrame) -> str:
    lines = [
        {
            "Network": NETWORK_LABELS[row["network"]],
            "Implied by Table VII": f"{number(row['low'])} to {number(row['high'])}",
            "Printed in Table XI": number(row["printed"]),
            "Difference": f"{row['difference']:+.3f}",
        }
        for _, row in rows.iterrows()
    ]
    return markdown(pd.DataFrame(lines))


def _matrices(table: pd.DataFrame) -> str:
    rows = table[table["network"].isin(IN_FIGURE_6)]
    lines = [
        {
            "Images": DATASET_LABELS[row["dataset"]],
            "Network": NETWORK_LABELS[row["network"]],
            "By Table VII": row["matrices_07_gmean"],
            "By Table VII, class-weighted": row["matrices_07_weighted"],
            "By Table XI": row["matrices_11"],
        }
        for _, row in rows.iterrows()
    ]
    return markdown(pd.DataFrame(lines))
