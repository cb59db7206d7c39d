"""Does the paper hold? About ten lines, each a sentence made from one table, with its status.

`contradicted by arithmetic`: by the paper's own numbers. `not established`: chance, too few images
or patients, or too few seeds explain the numbers as well. `established`: shown at 5 %, with a rule
whose error rate is known. `not testable here`: what it needs is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from paper_code.audit.finding import IMPOSSIBLE
from paper_code.reporting.claims.verdict import BEHIND, UNTESTABLE
from paper_code.reporting.evidence import BETTER, EQUIVALENT, LEVEL, WORSE, split_obstacles
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.markdown import number

ARITHMETIC = "contradicted by arithmetic"
NOT_ESTABLISHED = "not established"
ESTABLISHED = "established"
STATUSES = (ARITHMETIC, NOT_ESTABLISHED, ESTABLISHED, UNTESTABLE)
Tables = dict[str, pd.DataFrame]
REFERENCE = "dalaresnet50"


@dataclass(frozen=True)
class Line:
    """One line of the answer: its status, the sentence, and the table it is made from."""

    status: str
    text: str
    source: str


def answer(tables: Tables) -> list[Line]:
    """The lines that the tables at hand allow, the strongest status first."""
    lines = [line for make, needs in MAKERS if needs in tables for line in make(tables)]
    return sorted(lines, key=lambda line: STATUSES.index(line.status))


def answer_markdown(lines: list[Line], folder: str = "") -> str:
    """The lines as a Markdown list; `folder` is where the tables lie, as seen from the page."""
    return "\n".join(
        f"{place}. **{line.status[0].upper()}{line.status[1:]}**: {line.text} "
        f"([{line.source}]({folder}{line.source}.md))"
        for place, line in enumerate(lines, 1)
    )


# --- the paper's own numbers ----------------------------------------------------------------------


def _audit(tables: Tables) -> list[Line]:
    """How many independent themes hold numbers that cannot all be right."""
    findings = tables["audit"]
    impossible = findings[findings["verdict"] == IMPOSSIBLE]
    themes = impossible["theme"].nunique()
    return [
        Line(
            ARITHMETIC,
            f"{len(impossible)} findings in {themes} independent themes, out of "
            f"{findings['theme'].nunique()} checked, name printed numbers or sentences that cannot "
            "all be right",
            "audit",
        )
    ]


def _orders(tables: Tables) -> list[Line]:
    """Superlatives that the printed numbers themselves do not bear out."""
    claims = tables["claims"]
    behind = claims[(claims["evidence"] == "printed") & (claims["verdict"] == BEHIND)]
    lines = []
    for claim, rows in behind.groupby("claim", sort=False):
        every = claims[(claims["claim"] == claim) & (claims["evidence"] == "printed")]
        first = rows.iloc[0]
        of = f" (and {len(rows) - 1} more of {len(every)} tests)" if len(rows) > 1 else ""
        lines.append(
            Line(
                ARITHMETIC,
                f'"{claim}": by the printed numbers, {first["part"]}: {first["result"]}{of}',
                "claims",
            )
        )
    return lines


def _leads(tables: Tables) -> list[Line]:
    """Which printed leads of DALAResNet50 could be chance."""
    rows = tables["printed_intervals"]
    best = rows[rows["table"].isin(["07", "08"]) & (rows["network"] == REFERENCE)]
    counts = best["verdict"].value_counts()
    layers = rows[(rows["table"] == "02") & (rows["network"] != REFERENCE)][
        "verdict"
    ].value_counts()
    return [
        Line(
            NOT_ESTABLISHED,
            "that DALAResNet50 is the best of nine networks: of its printed leads in accuracy "
            f"over the best baseline on {len(best)} data sets, {_counted(counts)}; of the "
            f"{layers.sum()} leads of the gate after layer 4 over other layers, {_counted(layers)}",
            "printed_intervals",
        )
    ]


def _counted(counts: pd.Series) -> str:
    """How many leads have each verdict: "1 stands, 3 depend on which errors are shared, ..."."""
    stand, depend, chance = (
        int(counts.get(name, 0))
        for name in ("stands", "depends on shared errors", "could be chance")
    )
    return (
        f"{stand} {'stands' if stand == 1 else 'stand'}, {depend} "
        f"{'depends' if depend == 1 else 'depend'} on which errors are shared, {chance} could be "
        "chance whatever the errors"
    )


def _detectable(tables: Tables) -> list[Line]:
    """The least lead that anybody could see on test parts of these sizes."""
    rows = tables["detectable"]
    images = rows[(rows["unit"] == "images") & rows["dataset"].str.startswith("breakhis_")]
    least = images.loc[images["printed_lead"].idxmin()]
    return [
        Line(
            ESTABLISHED,
            f"on {images['n'].min():.0f} to {images['n'].max():.0f} test images no lead in "
            f"accuracy below {number(images['least_best_case'].min())} can be told from chance by "
            "anyone, and only true differences of "
            f"{_range(images['least_typical'])} are found four times in five; the smallest "
            f"printed lead is {number(least['printed_lead'])}",
            "detectable",
        )
    ]


def _range(values: pd.Series, digits: int = 3) -> str:
    return f"{number(values.min(), digits)} to {number(values.max(), digits)}"


# --- patients -------------------------------------------------------------------------------------


def _patients(tables: Tables) -> list[Line]:
    """What splits by image do to the patients of all 7,909 images."""
    rows = tables["split_patients"]
    known = rows[(rows["way"] == "image") & (rows["metric"] == "test_images_known_patient")]
    text = (
        f"with splits of the paper's sizes, {100 * known['mean'].min():.1f} to "
        f"{100 * known['mean'].max():.1f} % of the test images of BreakHis come from patients who "
        "are also in training, so no printed number speaks about new patients"
    )
    if "real_predictions" in tables:
        found = tables["real_predictions"]
        of = found[(found["fold"] == "all") & (found["metric"] == "design_effect")]
        of = of[of["dataset"].isin(DATASET_LABELS)]
        if len(of):
            text += (
                "; about new patients its test parts tell as much as one "
                f"{_range(of['value'], 0).replace(' to ', 'th to one ')}th of as many independent "
                "images (design effect of a network of others)"
            )
    return [Line(ESTABLISHED, text, "split_patients")]


# --- real images ----------------------------------------------------------------------------------


def _real(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows measured on real images."""
    phantom = rows["obstacles"].map(lambda text: "phantom" in split_obstacles(text))
    return rows[~phantom & rows["data"].str.startswith("real")]


def _gate(tables: Tables) -> list[Line]:
    """The paired difference that speaks to the paper's idea, on real images."""
    rows = _real(tables["comparisons"])
    rows = rows[(rows["network"] == "resnet50") & (rows["metric"] == "accuracy")]
    if rows.empty:
        return []
    status = {BETTER: ESTABLISHED, WORSE: ESTABLISHED, EQUIVALENT: ESTABLISHED}
    texts = [
        f"{DATASET_LABELS[row['dataset']]} by {row['splits']} {row['difference']:+.3f} "
        f"[{number(row['low'])}, {number(row['high'])}]"
        for _, row in rows.iterrows()
    ]
    found = rows["finding"].unique()
    same = found[0] if len(found) == 1 else ""
    states = same or ", ".join(rows["finding"])
    return [
        Line(
            status.get(same, NOT_ESTABLISHED),
            "that the gate helps: accuracy of DALAResNet50 less ResNet50 on real images, from "
            f"random weights, {int(rows['runs'].min())} runs each: {'; '.join(texts)} ({states}); "
            "whether it helps a pre-trained network was not measured",
            "comparisons",
        )
    ]


def _leakage(tables: Tables) -> list[Line]:
    """What a split by image adds to accuracy on real images."""
    rows = _real(tables["leakage"].dropna(subset=["network", "data"]))
    rows = rows[rows["metric"] == "accuracy"]
    if rows.empty:
        return []
    texts = [
        f"{DATASET_LABELS[row['dataset']]}, {network_label(row['network'])} "
        f"{row['difference']:+.3f} [{number(row['low'])}, {number(row['high'])}]"
        for _, row in rows.iterrows()
    ]
    shown = (rows["p_value"] * len(rows) < LEVEL).all()  # Bonferroni
    return [
        Line(
            ESTABLISHED if shown else NOT_ESTABLISHED,
            "that a split by image flatters these networks: accuracy by image less by patient, on "
            f"real images: {'; '.join(texts)}",
            "leakage",
        )
    ]


# --- what is missing ------------------------------------------------------------------------------


def _cells(tables: Tables) -> list[Line]:
    """How many printed results could be compared with a replication."""
    names = [name for name in tables if name[:8] in ("table_07", "table_08")]
    rows = pd.concat([tables[name] for name in names])
    printed = rows[rows["printed"].notna()]
    compared = printed[printed["verdict"] != "not comparable"]
    if len(compared):
        counts = compared["verdict"].value_counts()
        found = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        status = ESTABLISHED if set(counts.index) <= {"agrees", "differs"} else NOT_ESTABLISHED
        text = f"of {len(printed)} printed values in Tables VII and VIII, {len(compared)} were "
        return [Line(status, text + f"compared with replications: {found}", names[0])]
    reasons = dict.fromkeys(r for text in printed["obstacles"] for r in split_obstacles(text))
    return [
        Line(
            UNTESTABLE,
            f"the {len(printed)} printed values of Tables VII and VIII: none could be compared "
            f"with a replication ({', '.join(reasons)})",
            names[0],
        )
    ]


def _maps(tables: Tables) -> list[Line]:
    """Whether the localisation claims could be tested."""
    claims = tables["claims"]
    rows = claims[(claims["claim"] == "localisation") & (claims["evidence"] == "measured")]
    if rows.empty:
        return []
    verdicts = rows["verdict"].value_counts()
    same = len(verdicts) == 1
    status = UNTESTABLE if same and verdicts.index[0] == UNTESTABLE else NOT_ESTABLISHED
    if same and verdicts.index[0] in ("supported", "contradicted"):
        status = ESTABLISHED
    found = ", ".join(f"{verdict} ({count} of {len(rows)})" for verdict, count in verdicts.items())
    return [
        Line(
            status,
            "that DT Grad-CAM finds lesions better than other methods: BreakHis has no lesion "
            f"masks and the paper names no ground truth; tests on Mini-DDSM: {found}",
            "claims",
        )
    ]


MAKERS: tuple[tuple[Callable[[Tables], list[Line]], str], ...] = (
    (_audit, "audit"),
    (_orders, "claims"),
    (_leads, "printed_intervals"),
    (_detectable, "detectable"),
    (_patients, "split_patients"),
    (_gate, "comparisons"),
    (_leakage, "leakage"),
    (_maps, "claims"),
    (_cells, "table_07_breakhis_comparison"),
)
