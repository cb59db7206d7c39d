"""The same numbers printed in more than one place."""

from itertools import combinations

import pandas as pd

from paper_code.audit.confusion import rate_matrices
from paper_code.audit.counts import part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    EXACT,
    IMPOSSIBLE,
    ROUNDING_OR_CUT,
    UNEXPLAINED,
    Finding,
    by_row,
    listed,
    tolerances,
)


def identical_rows(
    table_06: pd.DataFrame,
    table_07: pd.DataFrame,
    table_08: pd.DataFrame,
    table_11: pd.DataFrame,
    table_12: pd.DataFrame,
) -> list[Finding]:
    """Two networks with all four diagnostic numbers equal, and what Tables VII and VIII say."""
    totals = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    findings = []
    for name, table, other in (("XI", table_11, table_07), ("XII", table_12, table_08)):
        rows, performance, half = by_row(table), by_row(other), tolerances(other)
        pairs, different, said = [], [], []
        for dataset, group in rows.groupby(level="dataset", sort=False):
            for first, second in combinations(group.index, 2):
                if not (group.loc[first] == group.loc[second]).all():
                    continue
                pair = f"{dataset} {first[1]} and {second[1]}"
                gap = (performance.loc[first] - performance.loc[second]).abs()
                largest = gap.idxmax()
                pairs.append(pair)
                note = ""
                if name == "XI":  # two classes: few matrices give four rates, and fix all scores
                    fitting = rate_matrices(
                        group.loc[first], tolerances(table).loc[first], totals[dataset]
                    ).shape[1]
                    note = f"; {fitting} matrix of {totals[dataset]} images gives the four numbers"
                    # Where several do, the scores may differ by about two units more.
                    units = 2 if fitting == 1 else 4
                    if (gap > units * (half.loc[first] + half.loc[second]) + 1e-9).any():
                        different.append(pair)
                said.append(
                    f"{pair} differ by up to {gap[largest]:.4f} ({largest}) in Table "
                    f"{'VII' if name == 'XI' else 'VIII'}{note}"
                )
        findings.append(
            Finding(
                id=f"duplicates/rows-table-{name}",
                theme="repeated-rows",
                tables="07 11" if name == "XI" else "08 12",
                columns="sensitivity specificity ppv npv",
                where=f"Tables {name}, {'VII, VI' if name == 'XI' else 'VIII'}",
                printed="sensitivity, specificity, PPV, NPV of each network",
                computation="pairs of networks with all four equal; their largest difference in "
                "accuracy, F1, IBA and GMean"
                + (
                    "; whole matrices with the four numbers within one unit, any class split"
                    if name == "XI"
                    else ""
                ),
                result="; ".join(said) or "no identical rows",
                tolerance=ROUNDING_OR_CUT,
                verdict=IMPOSSIBLE if different else UNEXPLAINED if pairs else CONSISTENT,
                reconciles="one row belonging to another network, or numbers of different runs: "
                "networks with the same matrix have the same accuracy, F1, IBA and GMean, however "
                "these are defined"
                if different
                else "two networks that make equally many mistakes of each kind"
                if pairs
                else "",
            )
        )
    return findings


def same_on_two_datasets(table_08: pd.DataFrame) -> list[Finding]:
    """A network whose IBA and GMean are the same on BACH and on Mini-DDSM."""
    rows = by_row(table_08)
    bach, mini = rows.loc["bach"], rows.loc["mini_ddsm"]
    same = (bach[["iba", "gmean"]] == mini.loc[bach.index, ["iba", "gmean"]]).all(axis=1)
    found = bach.index[same]
    return [
        Finding(
            id="duplicates/bach-mini-ddsm",
            theme="repeated-rows",
            tables="08",
            columns="iba gmean",
            where="Table VIII",
            printed="IBA and GMean on BACH and on Mini-DDSM",
            computation="networks with both numbers equal on both data sets",
            result="; ".join(
                f"{name}: IBA {bach.at[name, 'iba']:.3f} and GMean {bach.at[name, 'gmean']:.3f} on "
                f"both, with accuracy {bach.at[name, 'accuracy']:.4g} and "
                f"{mini.at[name, 'accuracy']:.4g}; on Mini-DDSM the other networks have GMean - "
                f"accuracy from {_gap(mini, same).min():+.3f} to {_gap(mini, same).max():+.3f}, "
                f"this one {mini.at[name, 'gmean'] - mini.at[name, 'accuracy']:+.3f}"
                for name in found
            )
            or "none",
            tolerance=EXACT,
            verdict=UNEXPLAINED if len(found) else CONSISTENT,
            reconciles="one pair printed in the place of another, or chance" if len(found) else "",
        )
    ]


def _gap(rows: pd.DataFrame, left_out: pd.Series) -> pd.Series:
    return (rows["gmean"] - rows["accuracy"])[~left_out]


def layer_four_is_the_network(table_02: pd.DataFrame, table_07: pd.DataFrame) -> list[Finding]:
    """Table II's layer-4 row and Table VII's DALAResNet50 row: the same network."""
    columns = ["accuracy", "f1_first", "f1_second"]
    placed = by_row(table_02).xs("layer4", level="placement")[columns]
    network = by_row(table_07).xs("dalaresnet50", level="network")[columns]
    equal = (placed == network.loc[placed.index]).all(axis=1)
    return [
        Finding(
            id="duplicates/layer-4",
            theme="repeated-rows",
            tables="02 07",
            columns="accuracy f1_first f1_second",
            where="Tables II, VII",
            printed="layer-4; DALAResNet50",
            computation="accuracy and F1 a/b of the two rows are the same",
            result=f"{equal.sum()} of {len(equal)} magnifications; not: "
            f"{listed(equal.index[~equal])}",
            tolerance=EXACT,
            verdict=CONSISTENT if equal.all() else UNEXPLAINED,
            reconciles="" if equal.all() else "two runs of one configuration",
        )
    ]
