"""Tables I, II and VIII to XII and Figures 1 and 2 from hand-made runs and the built networks."""

import importlib
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, from_catalogue
from PIL import Image

from paper_code.cli import main
from paper_code.errors import UserError
from paper_code.files import write_csv, write_json
from paper_code.networks.structure import meta_network, trace_layers, trace_operations
from paper_code.published import published_table
from paper_code.reporting.catalogue import RESULTS
from paper_code.reporting.figures import dalaresnet50 as figure_02_dalaresnet50
from paper_code.reporting.figures import framework as figure_01_framework
from paper_code.reporting.tables import results
from paper_code.reporting.tables import stages as table_01_resnet50


def of_results(key: str) -> SimpleNamespace:
    """A layout of the long table, whose `write` takes runs."""

    def write(output: str, *, runs: list[str], **options) -> None:
        long = str(Path(output).with_name("results.csv"))
        results.write(long, runs=runs, **options)
        from_catalogue("table", key).write(output, tables=[long])

    return SimpleNamespace(write=write)


table_02_layer_placement = of_results("02")
table_08_bach_mini_ddsm_comparison = of_results("08")
table_09_breakhis_cost = from_catalogue("table", "09")
table_10_bach_mini_ddsm_cost = from_catalogue("table", "10")
table_11_breakhis_diagnostics = of_results("11")
table_12_bach_mini_ddsm_diagnostics = of_results("12")
BREAKHIS = [f"breakhis_{m}x" for m in (40, 100, 200, 400)]
CLASSES = {
    "bach": ["normal", "benign", "insitu", "invasive"],
    "mini_ddsm": ["normal", "benign", "malignant"],
}
# docs/reference/networks.md: where the counted network has another total than the printed one.
RESIDUALS = {
    ("bach", "resnet50"): -8196,
    ("bach", "vgg16"): -2,
    ("bach", "vit"): -8196,
    ("bach", "swin"): -6146,
}
A4000 = "NVIDIA RTX A4000"


@pytest.fixture
def make_run(tmp_path):
    """Write a run: make_run("bach", "vit") -> run.json.

    Ten test images per class; of class k, the first `right[k]` are predicted right and the
    others as the next class. The times are those of `timing`.
    """

    def make(
        dataset="breakhis_40x",
        network="resnet50",
        *,
        right=None,
        seed=0,
        data="real",
        hardware="a GPU",
        size=64,
        timing=None,
        **facts,
    ):
        folder = tmp_path / "runs" / dataset / network / str(seed)
        classes = CLASSES.get(dataset, ["benign", "malignant"])
        right = right or [8] * len(classes)
        true = np.repeat(np.arange(len(classes)), 10)
        hit = np.concatenate([np.arange(10) < count for count in right])
        predicted = np.where(hit, true, (true + 1) % len(classes))
        p = np.full((len(true), len(classes)), 0.1 / (len(classes) - 1)).round(6)
        p[np.arange(len(true)), predicted] = 0.9
        table = pd.DataFrame(
            {
                "image": [f"{i}.png" for i in range(len(true))],
                "label": np.take(classes, true),
                "group": [f"p{i // 2}" for i in range(len(true))],
                "part": "test",
                "predicted": np.take(classes, predicted),
            }
        )
        columns = {f"p_{name}": p[:, k] for k, name in enumerate(classes)}
        write_csv(folder / "predictions.csv", table.assign(**columns))
        given = {
            "network": network,
            "dataset": dataset,
            "classes": classes,
            "by": "image",
            "split_seed": seed,
            "weights": "imagenet (torchvision)",
            "frozen": False,
            "dropout": 0.25,
            "settings": {
                "image_size": size,
                "epochs": 50,
                "batch_size": 32,
                "learning_rate": 1e-4,
                "precision": "bf16",
                "select_epoch": "best",
            },
            "seed": seed,
            "data": {
                "dataset": dataset,
                "source": data,
                "complete": data == "real",
                "description": data,
            },
            "provenance": {"hardware": hardware, "versions": {"torch": "2"}, "commit": "abc"},
        }
        write_json(folder / "run.json", given | facts)
        times = {
            "total_seconds": 100.0,
            "best_epoch": 4,
            "seconds_to_best": 40.0,
            "epochs_to_near_best": 2,
            "seconds_to_near_best": 20.0,
            "images_per_second": 250.0,
            "peak_memory_bytes": 3 * 2**29,
            "hardware": hardware,
        }
        write_json(folder / "timing.json", times | (timing or {}))
        return str(folder / "run.json")

    return make


def build(module, output, runs=None, scale="paper", **options) -> tuple[pd.DataFrame, str]:
    """Write a table twice, check that the bytes are the same, and return its rows and its page."""
    given = {} if runs is None else {"runs": runs, "scale": scale}
    written = []
    for _ in range(2):
        module.write(str(output), **given, **options)
        written.append([output.with_suffix(end).read_bytes() for end in (".csv", ".md")])
    assert written[0] == written[1]
    page = written[0][1].decode()
    assert not re.search(r"\bnan\b|\binf\b", page, re.IGNORECASE)
    for table in re.split(r"\n\n", page):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1 or "|" not in table
    return pd.read_csv(output, dtype={"table": str, "seeds": str}), page


# --- Table I ------------------------------------------------------------------------------------


def test_table_01_every_printed_number_is_that_of_the_built_network(tmp_path):
    rows, page = build(table_01_resnet50, tmp_path / "t.csv")
    beside = rows.dropna(subset="printed").set_index(["module", "metric"])
    printed = published_table("01").set_index(["module", "metric"])["value"]
    assert beside["printed"].to_dict() == printed.to_dict()
    assert set(beside["verdict"]) == {"agrees"}
    parameters = rows[rows["metric"] == "parameters"].set_index("module")["value"]
    assert parameters["total"] == 25_557_032 == parameters.drop("total").sum()
    assert "| Conv3_x | 28×28 (paper 28×28) | 4 (paper 4) | 1×1, 128; 3×3, 128, stride 2; " in page


def test_table_01_measures(tmp_path, monkeypatch):
    """Half the image gives half the sizes, and so another verdict."""
    monkeypatch.setattr(table_01_resnet50, "IMAGE_SIZE", 112)
    rows, page = build(table_01_resnet50, tmp_path / "t.csv")
    sizes = rows[rows["metric"] == "output_size"].set_index("module")
    assert sizes["value"].to_dict() == {
        "conv1": 56,
        "conv2_x": 28,
        "conv3_x": 14,
        "conv4_x": 7,
        "conv5_x": 4,
        "pooling": 1,
    }
    assert set(sizes.drop("pooling")["verdict"]) == {"differs"}
    assert "| differs; agrees |" in page


# --- Tables II, VIII, XI and XII ------------------------------------------------------------------


def test_table_02(make_run, tmp_path):
    names = [*(f"dalaresnet50-layer{n}" for n in (1, 2, 3)), "dalaresnet50"]
    runs = [make_run(d, name, right=[8, 5 + i]) for d in BREAKHIS for i, name in enumerate(names)]
    rows, page = build(table_02_layer_placement, tmp_path / "t.csv", runs, resamples=60)
    assert len(rows) == 4 * 4 * 4
    cells = rows.set_index(["dataset", "placement", "metric"])
    for dataset in BREAKHIS:
        for i in range(4):
            value = cells.loc[(dataset, f"layer{i + 1}", "accuracy"), "value"]
            assert value == pytest.approx((13 + i) / 20)
    printed = published_table("02").set_index(["dataset", "placement", "metric"])["value"]
    names = {"f1_macro": "f1_first", "f1_weighted": "f1_second"}
    for (dataset, place, metric), row in cells.iterrows():
        assert row["printed"] == printed[dataset, place, names.get(metric, metric)]
    # One threshold: the area is the mean of sensitivity and specificity.
    assert cells.loc[("breakhis_40x", "layer1", "auc_roc"), "value"] == pytest.approx(0.65)
    assert "| Gate after | Accuracy | F1 macro | F1 weighted | AUC-ROC | Verdict |" in page
    assert "| Layer 3 | 0.750 [" in page and "(paper 0.983)" in page


def test_table_08(make_run, tmp_path):
    right = [10, 8, 6, 4]
    runs = [make_run("bach", "vit", right=right), make_run("mini_ddsm", "vit", right=right[:3])]
    rows, page = build(table_08_bach_mini_ddsm_comparison, tmp_path / "t.csv", runs, resamples=60)
    assert set(rows.query("network != 'vit'")["reason"]) == {"not run"}
    cells = rows.query("network == 'vit'").set_index(["dataset", "metric"])
    assert cells.loc[("bach", "accuracy"), "value"] == pytest.approx(0.7)
    gmean = float(np.prod([1, 0.8, 0.6, 0.4]) ** 0.25)
    assert cells.loc[("bach", "gmean"), "value"] == pytest.approx(gmean, abs=1e-6)
    assert cells.loc[("mini_ddsm", "accuracy"), "value"] == pytest.approx(0.8)
    printed = published_table("08").query("network == 'vit'").set_index(["dataset", "metric"])
    for metric, name in {"f1_macro": "f1_first", "iba": "iba"}.items():
        expected = printed.loc[("bach", name), "value"]
        assert cells.loc[("bach", metric), "printed"] == expected
    assert "## BACH" in page and "## Mini-DDSM" in page


@pytest.mark.parametrize(
    ("module", "dataset", "expected"),
    [
        # 9 of 10 malignant and 6 of 10 benign right.
        (table_11_breakhis_diagnostics, "breakhis_200x", (0.9, 0.6, 9 / 13, 6 / 7)),
        # Errors go to the next class: normal 10 right, benign 8 + 0, malignant 6 + 2.
        (
            table_12_bach_mini_ddsm_diagnostics,
            "mini_ddsm",
            (0.8, 0.9, (10 / 14 + 8 / 8 + 6 / 8) / 3, (16 / 16 + 20 / 22 + 18 / 22) / 3),
        ),
    ],
)
def test_tables_11_and_12(make_run, tmp_path, module, dataset, expected):
    right = [6, 9] if dataset.startswith("breakhis") else [10, 8, 6]
    runs = [make_run(dataset, "swin", right=right)]
    rows, page = build(module, tmp_path / "t.csv", runs, resamples=60)
    cells = rows.query("network == 'swin' and dataset == @dataset").set_index("metric")
    names = ["sensitivity", "specificity", "ppv", "npv"]
    assert cells.loc[names, "value"].tolist() == pytest.approx(expected, abs=1e-6)
    printed = published_table(rows["table"].iloc[0])
    printed = printed.query("network == 'swin' and dataset == @dataset").set_index("metric")
    assert cells["printed"].to_dict() == printed["value"].to_dict()
    assert f"(paper {printed.loc['npv', 'value']:.3f})" in page


def test_table_12_is_computed_in_the_module_that_the_documentation_names(
    make_run, tmp_path, monkeypatch
):
    page = " ".join((ROOT / "docs/reference/architecture.md").read_text(encoding="utf-8").split())
    (place,) = re.findall(r"XII's specificity, for example, is computed in `(\S+)\.py`", page)
    module = importlib.import_module(place.replace("/", "."))
    own = module._confusion_metrics
    monkeypatch.setattr(
        module, "_confusion_metrics", lambda c: own(c) | {"specificity": np.full(len(c), 0.125)}
    )
    runs = [make_run("mini_ddsm", "swin")]
    rows, _ = build(table_12_bach_mini_ddsm_diagnostics, tmp_path / "t.csv", runs, resamples=20)
    assert rows.query("metric == 'specificity'")["value"].dropna().tolist() == [0.125]


# --- Tables IX and X ------------------------------------------------------------------------------


def test_tables_09_and_10_parameters_of_all_networks(make_run, tmp_path):
    """The counted totals are the printed ones but for what docs/reference/networks.md lists."""
    run = [make_run("breakhis_40x", "resnet50")]
    rows = pd.concat(
        build(table, tmp_path / "t.csv", run)[0]
        for table in (table_09_breakhis_cost, table_10_bach_mini_ddsm_cost)
    )
    cells = rows.set_index(["metric", "dataset", "network"]).sort_index()
    counted = cells.loc["parameters_counted"]
    assert len(counted) == 27, "of all printed networks, whatever was run"
    for (dataset, network), row in counted.iterrows():
        if network == "vgg16_inception":
            assert math.isnan(row["value"]) and row["reason"] == "not identified"
            continue
        residual = RESIDUALS.get((dataset, network), 0)
        assert row["difference"] == residual, (dataset, network)
        assert row["verdict"] == ("differs" if residual else "agrees")
    named = cells.loc["parameters_named"]
    assert named.loc[("breakhis", "dalaresnet50"), "value"] == 25_611_842
    assert named.loc[("breakhis", "resnet50"), "difference"] == 23_512_130 - 21_797_672
    assert named.loc[("bach", "vgg16_inception"), "value"] == 9_246_180
    assert cells.loc[("gmacs_224", "breakhis", "vgg16"), "value"] == pytest.approx(15.47, abs=0.01)
    assert set(cells.loc["total_seconds"].index) == {("breakhis_40x", "resnet50")}


def test_table_09_times(make_run, tmp_path):
    runs = [
        make_run(
            dataset, "densenet121", seed=seed, size=224, timing={"total_seconds": 100.0 * i + seed}
        )
        for i, dataset in enumerate(BREAKHIS, start=1)
        for seed in (0, 2)
    ]
    rows, page = build(table_09_breakhis_cost, tmp_path / "t.csv", runs)
    cells = rows[rows["network"] == "densenet121"].set_index(["dataset", "metric"])
    row = cells.loc[("breakhis_100x", "total_seconds")]
    assert (row["value"], row["printed"]) == (201, 2643.79)
    assert (row["seed_values"], row["seeds"], row["hardware"]) == ("200.0 202.0", "0 2", "a GPU")
    for metric in ("total_seconds", "seconds_to_best", "seconds_to_near_best"):
        assert cells.loc[("breakhis_40x", metric), "printed"] == 2352.46
        assert cells.loc[("breakhis_40x", metric), ["verdict", "obstacles"]].tolist() == [
            "not tested",
            "other hardware",
        ]
    assert cells.loc[("breakhis_40x", "images_per_second"), "reason"] == "not printed"
    line = "| DenseNet121 | 2643.79 | 201.00 | 40.00 | 250.0 | a GPU | not tested: other hardware |"
    assert line in page
    cpu = [make_run("breakhis_40x", hardware="AMD EPYC, 2 cores")]
    rows, page = build(table_09_breakhis_cost, tmp_path / "t.csv", cpu)
    assert "total_seconds" in set(rows["metric"]) and "## Times" not in page


@pytest.mark.parametrize(
    ("options", "scale", "obstacles"),
    [
        ({}, "paper", "other hardware"),
        ({"hardware": A4000}, "paper", "no interval"),
        ({"data": "phantom"}, "demo", "other hardware, phantom, demo scale"),
        ({"hardware": A4000, "weights": "random"}, "paper", "random weights"),
    ],
)
def test_table_10_a_time_is_never_evidence(make_run, tmp_path, options, scale, obstacles):
    runs = [make_run("bach", "seresnet50", size=224, **options)]
    rows, _ = build(table_10_bach_mini_ddsm_cost, tmp_path / "t.csv", runs, scale)
    cells = rows.query("dataset == 'bach' and network == 'seresnet50'").set_index("metric")
    best = cells.loc["seconds_to_best", ["printed", "verdict", "obstacles"]]
    assert best.tolist() == [2921.67, "not tested", obstacles]
    # Parameters need neither data nor a machine.
    assert cells.loc["parameters_counted", "verdict"] == "agrees"
    assert cells.loc["parameters_named", "verdict"] == "differs"


def test_a_run_without_its_timing_is_named(make_run, tmp_path):
    run = make_run()
    (tmp_path / "runs/breakhis_40x/resnet50/0/timing.json").unlink()
    with pytest.raises(UserError, match=r"run\.json: not a finished run"):
        build(table_09_breakhis_cost, tmp_path / "t.csv", [run])


# --- Figures 1 and 2 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "texts"),
    [
        (
            figure_01_framework,
            [
                "25,611,842 parameters, 4.09 billion multiply-adds",
                "7×7, stride 2",
                "6 bottlenecks",
                "1024 × 14 × 14",
                "14,964,736",
                "reduction 4",
                "Mean → Linear → LeakyReLU\n→ Linear → ReLU",
            ],
        ),
        (
            figure_02_dalaresnet50,
            [
                "Mean\nover H, W",
                "Linear\n2048 → 512",
                "LeakyReLU\nslope 0.01",
                "Linear\n512 → 2048",
                "ReLU",
                "1,050,624 parameters",
                "Eq. 4",
                "x, layer4",
                "gate: 2,099,712 parameters",
            ],
        ),
    ],
)
def test_figures_of_the_module(module, texts, tmp_path, monkeypatch):
    found, original = [], module.save_figure

    def keep(figure, *arguments):
        found.extend(text.get_text() for text in figure.axes[0].texts)
        original(figure, *arguments)

    monkeypatch.setattr(module, "save_figure", keep)
    path, written = tmp_path / "f.png", []
    for _ in range(2):
        module.draw(str(path))
        written.append([path.with_suffix(end).read_bytes() for end in (".png", ".pdf")])
    assert written[0] == written[1]
    assert set(texts) <= set(found)
    assert written[0][1].startswith(b"%PDF")
    with Image.open(path) as image:
        assert image.width > 1200 and "commit" in image.info["Comment"]


def test_figure_02_follows_the_gate(tmp_path, monkeypatch):
    """Another reduction gives other numbers: nothing in the figure is typed by hand."""
    found = []
    monkeypatch.setattr(figure_02_dalaresnet50, "CLASSES", 3)
    monkeypatch.setattr(
        figure_02_dalaresnet50,
        "save_figure",
        lambda figure, *_: found.extend(text.get_text() for text in figure.axes[0].texts),
    )
    figure_02_dalaresnet50.draw(str(tmp_path / "f.png"))
    assert {"Linear\n2048 → 128", "Linear\n128 → 2048"} <= set(found)


def test_traces():
    network = meta_network("dalaresnet50", 2, gate_after=2)
    layers = trace_layers(network, 64)
    assert [*layers][4:8] == ["layer1", "layer2", "gate", "layer3"]
    assert layers["gate"].shape == (512, 8, 8)
    steps = trace_operations(network.gate, (512, 8, 8))
    assert [s.name for s in steps] == ["mean", "Linear", "leaky_relu", "Linear", "relu", "mul"]
    assert [s.shape for s in steps] == [(512,), (128,), (128,), (512,), (512,), (512, 8, 8)]
    assert steps[2].arguments["negative_slope"] == 0.01


def test_every_table_and_figure_is_a_command(tmp_path, capsys):
    assert sorted(r.key for r in RESULTS if r.kind == "table" and r.key.isdecimal()) == [
        f"{n:02d}" for n in range(1, 15)
    ]
    assert sorted(r.key for r in RESULTS if r.kind == "figure" and r.key.isdecimal()) == [
        f"{n:02d}" for n in range(1, 8)
    ]
    assert main(["table", "01", "--output", str(tmp_path / "t.csv")]) == 0
    assert main(["table", "09", "--output", str(tmp_path / "t.csv")]) == 2
    assert "table 09 needs --runs, --scale" in capsys.readouterr().err
