"""The list of references: entries given twice, never cited, or cited for something else."""

import pandas as pd

from paper_code.audit.finding import CONSISTENT, UNEXPLAINED, Finding, listed

# How the title of the paper that introduced a method begins or names it.
METHODS = {"gradcam": "grad-cam", "scorecam": "score-cam", "eigencam": "eigen-cam"}
# Words by which a title shows that it is about a measure or about measures.
MEASURES = ("accuracy", "f1", "roc", "geometric mean", "metrics", "performance score", "dice")


def entries(references: pd.DataFrame) -> list[Finding]:
    """Duplicates, entries without a citation, and titles against what they are cited for."""
    titles = references.set_index("reference")["printed"]
    return [
        _duplicates(titles),
        _uncited(references.set_index("reference")["cited"], titles),
        _methods(references),
        _measures(references),
    ]


def _finding(key: str, wrong: bool, **fields: str) -> Finding:
    reconciles = fields.pop("reconciles")
    return Finding(
        id=key,
        theme="references",
        tables="",
        columns="",
        tolerance="none: the titles as printed",
        verdict=UNEXPLAINED if wrong else CONSISTENT,
        reconciles=reconciles if wrong else "",
        **fields,
    )


def _duplicates(titles: pd.Series) -> Finding:
    groups = [
        [f"[{n}]" for n in group.index]
        for _, group in titles.groupby(titles.str.lower())
        if len(group) > 1
    ]
    return _finding(
        "references/duplicates",
        bool(groups),
        where="References",
        printed=f"{len(titles)} references",
        computation="references with the same title",
        result=listed([" = ".join(group) for group in groups]),
        reconciles="one entry each",
    )


def _uncited(cited: pd.Series, titles: pd.Series) -> Finding:
    never = cited.index[cited == ""]
    return _finding(
        "references/uncited",
        len(never) > 0,
        where="References; the whole text",
        printed=f"{len(titles)} references",
        computation="references that no sentence and no table cites",
        result="; ".join(f"[{n}] {titles[n]}" for n in never) or "none",
        reconciles="citations where they belong",
    )


def _methods(references: pd.DataFrame) -> Finding:
    rows = references[references["subject"].isin(METHODS)]
    wrong = rows[
        [
            METHODS[subject] not in title.lower()
            for subject, title in zip(rows["subject"], rows["printed"], strict=True)
        ]
    ]
    return _finding(
        "references/methods",
        len(wrong) > 0,
        where="Table XIV; Sections II-B, V-B; References",
        printed="; ".join(f"{r.subject} [{r.reference}]" for r in rows.itertuples()),
        computation="is the title that of the work that introduced the method, which names it",
        result="; ".join(f"{r.subject} [{r.reference}]: {r.printed}" for r in wrong.itertuples())
        or "all",
        reconciles="Selvaraju et al. 2017 for Grad-CAM, Wang et al. 2020 for Score-CAM",
    )


def _measures(references: pd.DataFrame) -> Finding:
    rows = references[(references["subject"] != "") & ~references["subject"].isin(METHODS)]
    named = rows["printed"].str.lower().str.contains("|".join(MEASURES), regex=True)
    return _finding(
        "references/measures",
        named.mean() < 0.5,
        where="Sections III-B, IV-D, V-B; References",
        printed="; ".join(f"{r.subject} [{r.reference}]" for r in rows.itertuples()),
        computation="does the title name the measure, or measures in general",
        result=f"{named.sum()} of {len(rows)} do; not: "
        + "; ".join(f"{r.subject} [{r.reference}] {r.printed}" for r in rows[~named].itertuples()),
        reconciles="references that define the measures: no formula is printed for any of them",
    )
