"""The maps of a data set of one's own that has lesion masks, beside maps that know nothing."""

import pandas as pd

from paper_code.reporting.labels import CHANCE_MAPS, PAPER_METHODS, label, network_label
from paper_code.reporting.markdown import write_table
from paper_code.reporting.pages import notes
from paper_code.reporting.tables.cam import localization, paired
from paper_code.reporting.tables.cam.scores import (
    AT_CHANCE,
    CamRun,
    at_chance,
    cam_provenance,
    load_cam,
)

CONTROLS = (*CHANCE_MAPS, *PAPER_METHODS)  # what a method may be compared with


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as of Table XIV, for one data set."""
    runs = [load_cam(path) for path in cams]
    rows, sections = [], [notes(__file__)]
    for network in dict.fromkeys(run.facts["network"] for run in runs):
        its_runs = [run for run in runs if run.facts["network"] == network]
        pairs = paired.cam_comparison_rows(its_runs, scale=scale, resamples=resamples)
        its_rows = own_rows(its_runs, pairs, scale=scale, resamples=resamples)
        rows.append(its_rows.assign(network=network))
        sections += _of_network(network, its_runs, its_rows)
    rows = pd.concat(rows, ignore_index=True)
    title = f"Class activation maps: {label(rows['dataset'].iloc[0])}"
    write_table(output, rows, title, [*sections, cam_provenance(runs, scale)])


def _of_network(network: str, runs: list[CamRun], rows: pd.DataFrame) -> list[str]:
    """The sections of the page on one network."""
    sections = [f"# {network_label(network)}"]
    if at_chance([run.facts for run in runs]):
        sections.append(
            f"**{AT_CHANCE.capitalize()}.** The interval of the AUC reaches down to 0.5 in at "
            "least half of the runs: these networks have not learnt to tell the classes apart, "
            "and no map of theirs can be expected to find a lesion."
        )
    return [*sections, *localization.blocks(rows.assign(printed=float("nan")), localization.TEXT)]


def own_rows(
    runs: list[CamRun], pairs: pd.DataFrame, *, scale: str, resamples: int
) -> pd.DataFrame:
    """The rows of Table XIV without printed values, and of each method the difference from each of
    `CONTROLS` with interval, Holm-corrected p and verdict on "it is better" (`less_<control>`, ...;
    NaN where they are not compared)."""
    printed = ["table", "printed", "difference", "verdict", "reason"]
    rows = localization.localization_rows(runs, scale=scale, resamples=resamples)
    rows = rows.drop(columns=printed)
    keys = ["dataset", "method", "rule", "metric"]
    for baseline in CONTROLS:
        of_baseline = pairs[pairs["control"] == baseline]
        names = {
            "difference": f"less_{baseline}",
            "low": f"less_{baseline}_low",
            "high": f"less_{baseline}_high",
            "p_holm": f"less_{baseline}_p_holm",
            "verdict": f"less_{baseline}_verdict",
            "reason": f"less_{baseline}_reason",
        }
        rows = rows.merge(of_baseline[[*keys, *names]].rename(columns=names), "left", keys)
    return rows
