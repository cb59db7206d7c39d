"""Sentences, captions, equations and references against each other and against the tables."""

import re
from collections.abc import Callable

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
    for key, entry in texts()["findings"].items():
        if "when" not in entry:
            continue
        said = all(re.search(p, printed.quotes[name]) for name, p in entry["when"].items())
        differ, values = FACTS[key](printed) if key in FACTS else (True, {})
        rule = exclude if entry["verdict"] == "impossible" else doubt
        yield finding(key, rule(said and differ), quotes=printed.quotes, **values)


def _pooling(printed: Printed) -> tuple[bool, dict]:
    totals, table = printed.totals, printed["01"].set_index(["module", "metric"])["printed"]
    more = 100 * (totals.loc[OURS] / totals.loc["resnet50"] - 1)
    built = count_parameters("resnet50", CLASSES["breakhis"])
    return (more > 0).any(), {
        "pooled": table["pooling", "output_size"],
        "more": ", ".join(f"{dataset} {value:+.1f} %" for dataset, value in more.items()),
        "built": 100 * (totals.at[OURS, "breakhis"] / built - 1),
    }


def _gate_equations(printed: Printed) -> tuple[bool, dict]:
    total, classes = printed.totals.at[OURS, "breakhis"], CLASSES["breakhis"]
    without = count_parameters("resnet50", classes)
    return total != without, {"total": total, "without": without, "layers": total - without}


def _fourth_block(printed: Printed) -> tuple[bool, dict]:
    rows = printed["01"][printed["01"]["metric"] == "blocks"]
    ends = rows.set_index("module")["value"].astype(int).cumsum()
    fourth, last = ends.index[ends >= 4][0], ends.index[-1]
    return fourth != last, {"fourth": fourth, "last": last, "blocks": ends.iloc[-1]}


def _imbalanced(printed: Printed) -> tuple[bool, dict]:
    sizes = printed.classes["bach"].values()
    return len(set(sizes)) == 1, {"ratio": max(sizes) / min(sizes)}


def _averages(printed: Printed) -> tuple[bool, dict]:
    times = {
        name: printed[table][printed[table]["metric"] == metric].groupby("network").size().max()
        for name, table, metric in (
            ("times", "10", "average_time_s"),
            ("magnifications", "09", "convergence_time_s"),
        )
    }
    return True, times


def _true_regions(printed: Printed) -> tuple[bool, dict]:
    datasets = list(dict.fromkeys(printed["14"]["dataset"]))
    return all("breakhis" in name for name in datasets), {"datasets": listed(datasets)}


def _layer_choice(printed: Printed) -> tuple[bool, dict]:
    same = layer_four(printed)
    accuracy = printed.rows("02")["accuracy"].unstack("placement")
    lead = accuracy["layer4"] - accuracy.drop(columns="layer4").max(axis=1)
    leads = [f"{d} {lead[d]:.3f} and {lead[d] * printed.parts[d]['test']:.0f}" for d in lead.index]
    values = {"same": same.to_numpy().sum(), "numbers": same.size, "leads": ", ".join(leads)}
    return same.to_numpy().all(), values


def _augmentation(printed: Printed) -> tuple[bool, dict]:
    added = {
        name: printed.parts[name]["total"] - sum(sizes.values())
        for name, sizes in printed.classes.items()
        if "breakhis" in name
    }
    return True, {"added": ", ".join(f"{name} {count}" for name, count in added.items())}


def _names(printed: Printed) -> tuple[bool, dict]:
    slips = []
    if "EligenCAM" in printed.quotes["figure_07_label"]:
        slips.append("Fig. 7: EligenCAM for Eigen-CAM")
    if printed.quotes["tables_11_12"].endswith("all magnification levels"):
        slips.append(
            "Section IV-E: Tables 11 and 12 across all magnification levels, but Table XII is on "
            "BACH and Mini-DDSM, which have none"
        )
    return bool(slips), {"slips": "; ".join(slips) or "none"}


# What the tables say beside the words of a finding: whether they differ, and numbers.
FACTS: dict[str, Callable[[Printed], tuple[bool, dict]]] = {
    "counts/bach-imbalanced": _imbalanced,
    "wording/average-time": _averages,
    "choice/layer-4": _layer_choice,
    "choice/augmentation": _augmentation,
    "wording/true-regions": _true_regions,
    "wording/pooling": _pooling,
    "wording/gate-equations": _gate_equations,
    "wording/fourth-block": _fourth_block,
    "wording/names": _names,
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
