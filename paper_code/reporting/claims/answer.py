"""Does the paper hold? At most seven lines, each made from one table, with its evidence below it.

The words are in answer.yaml. The status of a line is a verdict of `reporting.verdicts` on the
statement that it makes.
"""

import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml
from scipy.stats import t

from paper_code.audit.finding import IMPOSSIBLE
from paper_code.audit.report import themes
from paper_code.metrics.comparisons import holm
from paper_code.progress import count_text
from paper_code.reporting.labels import (
    CHANCE_MAPS,
    NETWORK_LABELS,
    PAPER_METHODS,
    label,
)
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.pages import readable
from paper_code.reporting.tables.crossover import PLAIN, frozen_rows
from paper_code.reporting.tables.printed_intervals import NO_COUNT, STANDS
from paper_code.reporting.verdicts import (
    BY_ARITHMETIC,
    CONTRADICTED,
    LEVEL,
    MARGIN,
    NO_RUNS,
    NOT_TESTED,
    Ruling,
    alike,
    arithmetic,
    compared,
    joined,
    leads_stand,
    not_tested,
    replicates,
    shortfall,
    somewhere,
    split_obstacles,
    verdict_counts,
)

LINES: list[dict] = yaml.safe_load(Path(__file__).with_name("answer.yaml").read_text("utf-8"))
LEADS = {"02": "II", "07": "VII", "08": "VIII"}  # tables with leads over a runner-up
GATES = "gate_crossover"
MASKS = "cam_cbis_ddsm"  # maps of networks with ImageNet weights, on mammograms with lesion masks
PLAIN_WORDS = {  # of what stands against results, for somebody who has not read this code
    "phantom": "synthetic images",
    "demo scale": "small scale",
    "random weights": "no ImageNet weights",
    "subset": "part of the data",
}
Tables = dict[str, pd.DataFrame]


class Found(NamedTuple):
    """What a table says: the ruling, the fields of the text, the rows behind it."""

    ruling: Ruling
    fields: dict
    rows: pd.DataFrame = pd.DataFrame()


@dataclass(frozen=True)
class Line:
    """One line of the answer.

    Attributes:
        ruling: on the statement that the line makes.
        head: what the ruling means, in a few words.
        text: one sentence with the numbers.
        source: the table that it is made from.
        rows: the rows of that table behind it, for reading.
        figure: that shows them, if one does.
    """

    ruling: Ruling
    head: str
    text: str
    source: str
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)
    figure: str = ""

    @property
    def status(self) -> str:
        return self.ruling.verdict

    @property
    def told(self) -> str:
        """The status and its reason for reading."""
        exact = self.ruling.reason == BY_ARITHMETIC
        return f"{self.status.capitalize()}{' ' if exact else ': '}{self.ruling.reason}"


def answer(tables: Tables) -> list[Line]:
    """The lines that the tables at hand allow, in the order of answer.yaml."""
    return [
        _line(about, found)
        for about in LINES
        if about["source"] in tables and (found := MAKERS[about["make"]](tables))
    ]


def _line(about: dict, found: Found) -> Line:
    verdict, fields = found.ruling.verdict, found.fields | {"margin": MARGIN}
    head = about.get("heads", {}).get(verdict, f"{verdict.capitalize()}: that {about['statement']}")
    clauses = [
        clause
        for clause in about["text"]
        if {name for _, name, *_ in string.Formatter().parse(clause) if name} <= set(fields)
    ]
    columns = about.get("columns")
    return Line(
        found.ruling,
        head.format(**fields),
        "".join(clauses).format(**fields),
        about["source"],
        readable(found.rows.reset_index(drop=True), *columns) if columns else found.rows,
        about.get("figure", ""),
    )


def answer_markdown(lines: list[Line], folder: str = "") -> str:
    """The lines as a Markdown list; `folder` is where the tables lie, as seen from the page."""
    return "\n".join(
        f"{place}. **{line.head}.** {line.text} ([{line.source}]({folder}{line.source}.md))"
        for place, line in enumerate(lines, 1)
    )


# --- the paper's own numbers ----------------------------------------------------------------------


def _tables(tables: Tables) -> Found:
    """Which questions about scores, networks and tests have numbers that cannot all be right."""
    found = themes(tables["audit"])
    found = found[found["verdict"] == IMPOSSIBLE]
    slips = int((found["kind"] == "slip").sum())
    fields = {"contradictions": len(found) - slips, "slips": slips}
    fields["questions"] = tables["audit"]["theme"].nunique()
    if "implied_specificity" in tables:
        rows = tables["implied_specificity"]
        rows = rows[rows["network"] != REFERENCE]
        fields |= {"above": int((rows["difference"] > 0).sum()), "baselines": len(rows)}
    return Found(arithmetic(len(found) == slips), fields, found)


def _elsewhere(tables: Tables) -> Found | None:
    """The printed baselines beside networks of the same names that others trained."""
    rows = tables["networks_elsewhere"]
    rows = rows[(rows["split"] == "image") & (rows["variant"].fillna("") == "")]
    rows = rows[rows["other"] == rows["network"].map(NETWORK_LABELS)]
    if rows.empty:
        return None
    below = int((rows["below"].astype(str) == "True").sum())
    fields = {
        "names": " and ".join(dict.fromkeys(rows["other"])),
        "reached": _percents(rows["value"]),
        "printed": _percents(rows["printed"]),
        "below": below,
        "comparisons": len(rows),
    }
    return Found(leads_stand(below, len(rows)), fields, rows)


def _leads(tables: Tables) -> Found:
    """Which printed leads over the runner-up are more than chance, whatever is not printed."""
    rows = tables["printed_intervals"]
    numbers = rows["table"].astype(str).str.zfill(2)
    rows = rows.assign(table=numbers.map(LEADS))
    rows = rows[numbers.isin(LEADS) & (rows["network"] == REFERENCE)]
    # A score that no whole number of images gives may stand for one image more or less.
    sure = rows["is_share"].astype(str).eq("True") | (rows["p_largest_one_more"] <= LEVEL)
    stand = int(((rows["verdict"] == STANDS) & sure).sum())
    untested = int((rows["verdict"] == NO_COUNT).sum())
    fields = {"stand": stand or "None", "leads": len(rows)}
    fields["untested"] = f" ({untested} cannot be tested)" if untested else ""
    real = _real_baselines(tables)
    if len(real):
        fields["ahead"] = int((real["difference"] < 0).sum())
        fields["comparisons"] = len(real)
        fields["shown"] = int((real["verdict"] == CONTRADICTED).sum()) or "none"
    return Found(leads_stand(stand, len(rows)), fields, rows)


# --- real images ----------------------------------------------------------------------------------


def _real_baselines(tables: Tables) -> pd.DataFrame:
    """Differences in accuracy on real images between DALAResNet50 and each baseline that ran."""
    if "comparisons" not in tables:
        return pd.DataFrame()
    rows = tables["comparisons"]
    rows = rows[(rows["metric"] == "accuracy") & (rows["family"] == "baselines")]
    phantom = rows["obstacles"].map(lambda text: "phantom" in split_obstacles(text)).astype(bool)
    real = rows["data"].astype(str).str.startswith("real") & ~phantom
    return rows[real & (rows["verdict"] != NOT_TESTED)]


def _crossover(tables: Tables) -> Found | None:
    """What knowing the patient adds to accuracy, on the same images of the same patients."""
    rows = frozen_rows(tables["crossover"])
    if rows.empty:  # only fine-tuned networks were tested
        return None
    rows = _ruled(rows)
    first, *more = rows.itertuples()
    others = "".join(
        f"; {_percent(row.known)} and {_percent(row.unknown)} at "
        f"{label(row.dataset).removeprefix('BreakHis ')}"
        for row in more
    )
    fields = {"known": _percent(first.known), "unknown": _percent(first.unknown)}
    fields |= {"dataset": label(first.dataset), "others": others}
    return Found(somewhere(rows), fields, rows)


def _ruled(rows: pd.DataFrame, sign: int = 1) -> pd.DataFrame:
    """Differences over patients, ruled on; `sign` is -1 where less is better."""
    if "se" not in rows:
        df = rows["patients"] - 1
        reach = (rows["high"] - rows["low"]) / 2
        rows = rows.assign(df=df, se=reach / t.ppf(1 - LEVEL / 2, df))
    repeats = zip(rows["repeats"], rows["patients"], strict=True)
    rows = rows.assign(
        obstacles="",
        shortfall=[shortfall([(n, n) for n in range(count)], [least]) for count, least in repeats],
    )
    if "p_holm" not in rows:
        rows["p_holm"] = holm(rows["p_value"])
    ruled = compared(rows.assign(difference=sign * rows["difference"]))
    return ruled.assign(difference=rows["difference"])


def _gate(tables: Tables) -> Found:
    """The gate on and off, for patients unknown to the network; the primary measure decides."""
    rows = tables[GATES]
    rows = rows[(rows["patients_are"] == "unknown") & (rows["seed"] == rows["seed"].min())]
    rows = rows[(rows["other"] == PLAIN) & ~rows["dataset"].str.contains("+", regex=False)]
    loss = _ruled(rows[rows["metric"] == "log_loss"], sign=-1)
    first = loss.iloc[0]
    same = rows["dataset"] == first["dataset"]
    (right,) = rows[same & (rows["metric"] == "accuracy")].itertuples()
    fields = {
        "network": label(PLAIN),
        "dataset": label(first["dataset"]),
        "loss": first["value"],
        "other_loss": first["other_value"],
        "p": first["p_holm"],
        "right": _percent(right.value),
        "other_right": _percent(right.other_value),
        "others": "".join(
            f" {label(row.dataset)}: {row.value:.2f} and {row.other_value:.2f}."
            for row in loss.iloc[1:].itertuples()
        ),
    }
    return Found(alike(loss.iloc[[0]]), fields, rows)


def _gate_not_run(tables: Tables) -> Found | None:
    return None if GATES in tables else Found(not_tested(NO_RUNS), {})


# --- what is missing ------------------------------------------------------------------------------


def _maps_on_masks(tables: Tables) -> Found:
    """DT Grad-CAM against the paper's other methods, with as much marked as the lesion covers."""
    rows = tables[MASKS]
    rows = rows[(rows["rule"] == "lesion") & (rows["metric"] == "iou")]
    rows = rows[rows["network"] == PLAIN].set_index("method", drop=False)
    ours = rows.loc["dt_gradcam"]
    others = [  # those that explained as many images
        name
        for name in PAPER_METHODS
        if name in rows.index and rows.loc[name, "images"] == ours["images"]
    ]
    ruling = alike(
        pd.DataFrame(
            [[ours[f"less_{name}_{of}"] for of in ("verdict", "reason")] for name in others],
            columns=["verdict", "reason"],
        )
    )
    shown = [name for name in ("dt_gradcam", *others, *CHANCE_MAPS) if name in rows.index]
    fields = {"images": ours["images"], **rows["value"]}
    fields["trainings"] = count_text(int(float(ours["seeds"])), "training")
    return Found(ruling, fields, rows.loc[shown])


def _maps(tables: Tables) -> Found | None:
    """Whether the localisation claims could be tested, where there are no runs on masks."""
    rows = tables["claims"]
    rows = rows[(rows["claim"] == "localisation") & (rows["evidence"] == "measured")]
    if rows.empty or MASKS in tables:
        return None
    ruling, verdicts = alike(rows.fillna({"reason": ""})), verdict_counts(rows["verdict"])
    if ruling.verdict == NOT_TESTED:
        verdicts += f" ({_plainly(ruling.reason)})"
    return Found(ruling, {"verdicts": verdicts}, rows)


def _cells(tables: Tables) -> Found:
    """How many printed results could be compared with a replication."""
    names = [name for name in tables if name[:8] in ("table_07", "table_08")]
    rows = pd.concat([tables[name] for name in names])
    rows = rows[rows["printed"].notna()]
    tested = rows[rows["verdict"] != NOT_TESTED]
    fields = {"scores": len(rows)}
    if len(tested):
        fields |= {"compared": len(tested), "verdicts": verdict_counts(tested["verdict"])}
        return Found(replicates(rows), fields)
    against = rows["obstacles"].str.split(", ").explode().value_counts()
    shown = pd.DataFrame(
        {"Scores": against.astype(str), "What stands against our run": map(_plainly, against.index)}
    )
    fields["reasons"] = _plainly(joined(rows["obstacles"]))
    return Found(replicates(rows), fields, shown)


MAKERS = {
    make.__name__.removeprefix("_"): make
    for make in (
        *(_tables, _elsewhere, _crossover, _leads, _gate, _gate_not_run),
        *(_maps_on_masks, _maps, _cells),
    )
}


# --- words ----------------------------------------------------------------------------------------


def _plainly(reasons: str) -> str:
    return ", ".join(PLAIN_WORDS.get(reason, reason) for reason in split_obstacles(reasons))


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _percents(values: pd.Series) -> str:
    return f"{100 * values.min():.0f} to {_percent(values.max())}"
