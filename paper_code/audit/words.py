"""Sentences, captions, equations and references against each other and against the tables."""

import re

import pandas as pd

from paper_code.audit.costs import CLASSES, count_parameters
from paper_code.audit.finding import Finding, check, doubt, exclude, finding, listed, texts
from paper_code.audit.identities import layer_four
from paper_code.audit.printed import OURS, Printed

# How the title of the paper that introduced a method begins or names it.
METHODS = {"gradcam": "grad-cam", "scorecam": "score-cam", "eigencam": "eigen-cam"}
# Words by which a title shows that it is about a measure or about measures.
MEASURES = "accuracy|f1|roc|geometric mean|metrics|performance score|dice"


@check
def words_against_tables(printed: Printed):
    """Findings of findings.yaml that hold `when` words are printed and the tables do not agree."""
    known = facts(printed)
    for key, entry in texts()["findings"].items():
        if "when" not in entry:
            continue
        said = all(re.search(p, printed.quotes[name]) for name, p in entry["when"].items())
        differ, values = known.get(key, (True, {}))
        rule = exclude if entry["verdict"] == "impossible" else doubt
        yield finding(key, rule(said and differ), quotes=printed.quotes, **values)


def facts(printed: Printed) -> dict[str, tuple[bool, dict]]:
    """What the tables say beside the words of a finding: whether they differ, and numbers."""
    totals, built = printed.totals, count_parameters("resnet50", CLASSES["breakhis"])
    total = totals.at[OURS, "breakhis"]
    more = 100 * (totals.loc[OURS] / totals.loc["resnet50"] - 1)
    structure = printed["01"].set_index(["module", "metric"])
    ends = structure["value"].xs("blocks", level="metric").astype(int).cumsum()
    fourth, last = ends.index[ends >= 4][0], ends.index[-1]
    sizes = printed.classes["bach"].values()
    masks = printed["14"]["dataset"].unique()
    same, accuracy = layer_four(printed).to_numpy(), printed.rows("02")["accuracy"].unstack()
    lead = accuracy["layer4"] - accuracy.drop(columns="layer4").max(axis=1)
    leads = [f"{d} {lead[d]:.3f} and {lead[d] * printed.parts[d]['test']:.0f}" for d in lead.index]
    added = [
        f"{name} {printed.parts[name]['total'] - sum(classes.values())}"
        for name, classes in printed.classes.items()
        if "breakhis" in name
    ]
    times, magnifications = (
        printed[table].query("metric == @metric").groupby("network").size().max()
        for table, metric in (("10", "average_time_s"), ("09", "convergence_time_s"))
    )
    slips = []
    if "EligenCAM" in printed.quotes["figure_07_label"]:
        slips.append("Fig. 7: EligenCAM for Eigen-CAM")
    if printed.quotes["tables_11_12"].endswith("all magnification levels"):
        slips.append(
            "Section IV-E: Tables 11 and 12 across all magnification levels, but Table XII is on "
            "BACH and Mini-DDSM, which have none"
        )
    return {
        "counts/bach-imbalanced": (len(set(sizes)) == 1, {"ratio": max(sizes) / min(sizes)}),
        "wording/average-time": (True, {"times": times, "magnifications": magnifications}),
        "choice/layer-4": (
            same.all(),
            {"same": same.sum(), "numbers": same.size, "leads": ", ".join(leads)},
        ),
        "choice/augmentation": (True, {"added": ", ".join(added)}),
        "wording/true-regions": (
            all("breakhis" in name for name in masks),
            {"datasets": listed(masks)},
        ),
        "wording/pooling": (
            (more > 0).any(),
            {
                "pooled": structure.at[("pooling", "output_size"), "printed"],
                "more": ", ".join(f"{dataset} {value:+.1f} %" for dataset, value in more.items()),
                "built": 100 * (total / built - 1),
            },
        ),
        "wording/gate-equations": (
            total != built,
            {"total": total, "without": built, "layers": total - built},
        ),
        "wording/fourth-block": (
            fourth != last,
            {"fourth": fourth, "last": last, "blocks": ends.iloc[-1]},
        ),
        "wording/names": (bool(slips), {"slips": "; ".join(slips) or "none"}),
    }


@check
def references(printed: Printed):
    """The list of references: entries given twice, never cited, or cited for something else."""
    rows = printed["references"].assign(title=lambda table: table["printed"].str.lower())
    twice = [
        " = ".join(f"[{number}]" for number in group["reference"])
        for _, group in rows.groupby("title")
        if len(group) > 1
    ]
    yield finding("references/duplicates", doubt(bool(twice)), rows=len(rows), found=listed(twice))
    never = rows[rows["cited"] == ""]
    words = [f"[{row.reference}] {row.printed}" for row in never.itertuples()]
    found = "; ".join(words) or "none"
    yield finding("references/uncited", doubt(bool(words)), rows=len(rows), found=found)
    methods = rows[rows["subject"].isin(METHODS)]
    measures = rows[(rows["subject"] != "") & ~rows["subject"].isin(METHODS)]
    named = [METHODS[row.subject] in row.title for row in methods.itertuples()]
    yield _titles("references/methods", methods, pd.Series(named, methods.index), 1)
    yield _titles("references/measures", measures, measures["title"].str.contains(MEASURES), 0.5)


def _titles(key: str, rows: pd.DataFrame, named: pd.Series, share: float) -> Finding:
    """References whose titles should name what they are cited for, in at least a share of them."""
    cited = rows["subject"] + " [" + rows["reference"] + "]"
    wrong = (cited + ": " + rows["printed"])[~named]
    return finding(
        key,
        doubt(named.mean() < share),
        cited="; ".join(cited),
        count=named.sum(),
        rows=len(rows),
        found="; ".join(wrong) or "none",
    )
