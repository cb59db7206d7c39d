"""Times of Tables IX and X: averages, and whether they follow the work."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from paper_code.audit.counts import part_sizes
from paper_code.audit.finding import CONSISTENT, IMPOSSIBLE, UNEXPLAINED, Finding, listed
from paper_code.audit.parameters import printed_totals

EPOCHS = 50
SPREAD = 1.10  # largest accepted ratio of times per image between equal workloads
UNKNOWN = "vgg16_inception"  # its printed total is not that of the cited network


def printed_times(table_09: pd.DataFrame, table_10: pd.DataFrame) -> pd.DataFrame:
    """Seconds, one row per network: magnifications, breakhis (average), bach, mini_ddsm."""
    rows = pd.concat([table_09, table_10])
    rows = rows[rows["metric"].str.endswith("_time_s")]
    return rows.pivot_table(index="network", columns="dataset", values="value", sort=False)


def averages(table_09: pd.DataFrame) -> list[Finding]:
    """Average time of Table IX against the mean of its four times."""
    times = printed_times(table_09, table_09.iloc[:0])
    mean = times.drop(columns="breakhis").mean(axis=1)
    gap = times["breakhis"] - mean
    wrong = gap.index[gap.abs() > 0.01 + 1e-9]
    order = [*mean.sort_values().index] != [*times["breakhis"].sort_values().index]
    return [
        Finding(
            id="timing/averages",
            theme="times",
            tables="09",
            columns="average_time_s",
            where="Table IX",
            printed="average time of each network",
            computation="(40X + 100X + 200X + 400X) / 4",
            result="; ".join(
                f"{name}: printed {times.at[name, 'breakhis']:.2f}, mean {mean[name]:.2f}"
                for name in wrong
            )
            + ("; " if len(wrong) else "")
            + f"the other {len(mean) - len(wrong)} agree; order of the networks "
            + ("changes" if order else "stays"),
            tolerance="0.01 s",
            verdict=IMPOSSIBLE if len(wrong) else CONSISTENT,
            reconciles="the mean of the four times in place of the printed average"
            if len(wrong)
            else "",
        )
    ]


def times_against_work(table_09: pd.DataFrame, table_10: pd.DataFrame) -> list[Finding]:
    """Printed times against the multiply-adds of the networks."""
    from paper_code.networks.structure import gmacs  # imports torch

    times = printed_times(table_09, table_10).drop(index=UNKNOWN)
    work = pd.Series({name: gmacs(name) for name in times.index})
    said, inverted = [], []
    for dataset in ("breakhis", "bach", "mini_ddsm"):
        rank = spearmanr(work, times[dataset]).statistic
        subset = [
            (heavy, light)
            for heavy in work.index
            for light in work.index
            if work[heavy] >= 2 * work[light]
            and times.at[heavy, dataset] < times.at[light, dataset]
        ]
        inverted += [(dataset, *pair) for pair in subset]
        said.append(f"{dataset}: rank correlation {rank:.2f}, {len(subset)} inversions")
    return [
        Finding(
            id="timing/work",
            theme="times",
            tables="09 10",
            columns="average_time_s",
            where="Tables IX and X; networks by name, "
            f"without {UNKNOWN}, whose count is not identified",
            printed="average time",
            computation="multiply-adds of one 224-px image (torch FlopCounterMode); inversion: at "
            "least twice the work in less time; "
            + ", ".join(f"{name} {value:.2f} G" for name, value in work.items())
            + f" (resnet34 {gmacs('resnet50', 'counted'):.2f} G)",
            result="; ".join(said),
            tolerance="a factor of two in work",
            verdict=UNEXPLAINED if inverted else CONSISTENT,
            reconciles="a time ruled by reading images, or a time until some criterion is met "
            "and not for all epochs"
            if inverted
            else "",
        )
    ]


def gate_makes_it_faster(table_09: pd.DataFrame, table_10: pd.DataFrame) -> list[Finding]:
    """DALAResNet50 does all the work of a ResNet50 and more; its times against ResNet50's."""
    from paper_code.networks.structure import gmacs  # imports torch

    times = printed_times(table_09, table_10)
    ratio = times.loc["dalaresnet50"] / times.loc["resnet50"]
    faster = ratio.index[ratio < 1]
    return [
        Finding(
            id="timing/gate",
            theme="times",
            tables="09 10",
            columns="convergence_time_s average_time_s",
            where="Tables IX and X, DALAResNet50 and ResNet50",
            printed="convergence and average times",
            computation=f"time ratio; work {gmacs('dalaresnet50'):.3f} G against "
            f"{gmacs('resnet50'):.3f} G (resnet34: {gmacs('resnet50', 'counted'):.3f} G) "
            "multiply-adds per image",
            result=", ".join(f"{dataset} {value:.3f}" for dataset, value in ratio.items())
            + f"; less time with more work in {len(faster)} of {len(ratio)}",
            tolerance="none: a ratio below 1",
            verdict=UNEXPLAINED if len(faster) else CONSISTENT,
            reconciles="a time until some criterion is met, or runs on an otherwise busy machine"
            if len(faster)
            else "",
        )
    ]


def times_across_magnifications(table_06: pd.DataFrame, table_09: pd.DataFrame) -> list[Finding]:
    """Time per training image of one network at the four magnifications."""
    train = {dataset: sizes["train"] for dataset, sizes in part_sizes(table_06).items()}
    times = printed_times(table_09, table_09.iloc[:0]).drop(columns="breakhis")
    per_image = 1000 * times / (EPOCHS * pd.Series(train)[times.columns])
    spread = per_image.max(axis=1) / per_image.min(axis=1)
    wide = spread.index[spread > SPREAD]
    more = [
        f"{name} {small} to {large}"
        for name in times.index
        for small in times.columns
        for large in times.columns
        if train[large] > train[small] and times.at[name, large] < times.at[name, small]
    ]
    return [
        Finding(
            id="timing/magnifications",
            theme="times",
            tables="06 09",
            columns="convergence_time_s",
            where="Tables IX, VI",
            printed="convergence times at four magnifications; training images",
            computation=f"ms per image = time / ({EPOCHS} x training images); largest / smallest "
            "of the four (same network, same image size)",
            result=", ".join(f"{name} {value:.2f}" for name, value in spread.items())
            + f"; more images in less time: {listed(more)}",
            tolerance=f"ratio up to {SPREAD:.2f}",
            verdict=UNEXPLAINED if len(wide) or more else CONSISTENT,
            reconciles="a time until some criterion is met, or other load on the machine"
            if len(wide) or more
            else "",
        )
    ]


def times_across_datasets(
    table_06: pd.DataFrame, table_09: pd.DataFrame, table_10: pd.DataFrame
) -> list[Finding]:
    """Time per training image on BACH and Mini-DDSM against BreakHis; all are fed at 224 px."""
    train = {dataset: sizes["train"] for dataset, sizes in part_sizes(table_06).items()}
    times = printed_times(table_09, table_10)
    breakhis = [dataset for dataset in train if dataset.startswith("breakhis")]
    images = pd.Series(train, dtype=float)
    images["breakhis"] = np.mean([train[dataset] for dataset in breakhis])
    columns = ["breakhis", "bach", "mini_ddsm"]
    per_image = 1000 * times[columns] / (EPOCHS * images[columns])
    ratio = per_image[["bach", "mini_ddsm"]].div(per_image["breakhis"], axis=0)
    far = (ratio.max() > 2) | (ratio.min() < 0.5)
    return [
        Finding(
            id="timing/datasets",
            theme="times",
            tables="06 09 10",
            columns="average_time_s",
            where="Tables IX, X, VI",
            printed="average times; training images",
            computation=f"ms per image = time / ({EPOCHS} x training images), against BreakHis",
            result="; ".join(
                f"{dataset}: {per_image[dataset].min():.0f} to {per_image[dataset].max():.0f} ms"
                + (
                    f", {ratio[dataset].min():.1f} to {ratio[dataset].max():.1f} times BreakHis"
                    if dataset in ratio
                    else ""
                )
                for dataset in columns
            )
            + f"; BACH's {train['bach']} training images take longer than 40X's "
            f"{train['breakhis_40x']} for "
            f"{(times['bach'] > times['breakhis_40x']).sum()} of {len(times)} networks",
            tolerance="a factor of two per image",
            verdict=UNEXPLAINED if far.any() else CONSISTENT,
            reconciles="reading and shrinking of large files in every epoch: a BACH image has 9.8 "
            "times the pixels of a BreakHis image; the time is then not the network's"
            if far.any()
            else "",
        )
    ]


def shortest_time(table_09: pd.DataFrame, table_10: pd.DataFrame) -> list[Finding]:
    """The text: DALAResNet50 has the shortest convergence time, DenseNet-121 fewest parameters."""
    times = printed_times(table_09, table_10)
    fewest = printed_totals(table_09, table_10).idxmin()
    ahead = {
        dataset: times.index[times[dataset] < times.at["dalaresnet50", dataset]]
        for dataset in times
    }
    slower = [dataset for dataset, networks in ahead.items() if len(networks)]
    if set(fewest) != {"densenet121"} or set(slower) & {"breakhis", "bach", "mini_ddsm"}:
        verdict = IMPOSSIBLE
    else:
        verdict = UNEXPLAINED if slower else CONSISTENT
    return [
        Finding(
            id="timing/shortest",
            theme="times",
            tables="09 10",
            columns="convergence_time_s average_time_s parameters",
            where="Section IV-E; Tables IX, X",
            printed="DenseNet-121 has the fewest parameters, DALAResNet50 the shortest time",
            computation="argmin of each column",
            result=f"fewest parameters: {listed(dict.fromkeys(fewest))}; faster than DALAResNet50: "
            + (
                ", ".join(
                    f"{name} on {dataset} ({times.at[name, dataset]:.2f} against "
                    f"{times.at['dalaresnet50', dataset]:.2f} s)"
                    for dataset in slower
                    for name in ahead[dataset]
                )
                or "none"
            ),
            tolerance="none",
            verdict=verdict,
            reconciles={
                CONSISTENT: "",
                UNEXPLAINED: "the statement about averages alone: those it fits",
                IMPOSSIBLE: "another statement in the text",
            }[verdict],
        )
    ]
