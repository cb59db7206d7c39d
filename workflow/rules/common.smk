# Settings, names of files, and small helpers of all rules.
import os
import shlex
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from paper_code.config import announce, choose_sources, cuda_device_count, resolve_settings
from paper_code.datasets.catalog import PAPER_DATASETS, find_dataset
from paper_code.datasets.read import read_dataset
from paper_code.errors import UserError
from paper_code.networks.registry import NETWORKS, network_module
from paper_code.sources import source_files
from paper_code.networks.names import parse_network

ENVIRONMENT = "../../environment.yml"

try:
    SETTINGS = resolve_settings(config)
    SOURCES = choose_sources(SETTINGS)
    for name in SETTINGS["networks"] + SETTINGS["leakage_networks"]:
        parse_network(name)
    for name in SETTINGS["leakage_datasets"]:
        find_dataset(name, SETTINGS["manifests"])
except UserError as error:
    raise WorkflowError(str(error))

# What the captions of the report say.
PHANTOMS = [name for name, (source, _) in SOURCES.items() if source == "phantom"]
config["chosen"] = {
    "lines": announce(config, SETTINGS, SOURCES).splitlines(),
    "phantoms": PHANTOMS,
    "line": f"Scale: {SETTINGS['scale']}. Data: "
    + ", ".join(f"{name} {source}" for name, (source, _) in SOURCES.items())
    + ".",
}

SCALE = SETTINGS["scale"]
DATASETS = SETTINGS["datasets"]
BREAKHIS = [name for name in DATASETS if name.startswith("breakhis_")]
RESULTS = f"results/{SCALE}"
# The paper scale writes its tables and figures to the top level; other scales never touch those.
OUTPUT = "" if SCALE == "paper" else f"{RESULTS}/"
LOGS = f"logs/{SCALE}"
BENCHMARKS = f"{RESULTS}/benchmarks"
CONFUSED = [name for name in SETTINGS["networks"] if name in ("dalaresnet50", "resnet50")]
# The runs of Table II; plain dalaresnet50 has its gate after layer 4.
PLACED = [
    "dalaresnet50" if layer == 4 else f"dalaresnet50-layer{layer}"
    for layer in SETTINGS["placements"]
]
# BACH and Mini-DDSM.
OTHERS = [name for name in DATASETS if name in PAPER_DATASETS and name not in BREAKHIS]
# Data sets of one's own have a table each.
OWN = [name for name in DATASETS if name in SETTINGS["manifests"]]
# The data sets and networks behind the tables of runs.
METRIC_TABLES = {
    "02_layer_placement": (BREAKHIS, PLACED),
    "07_breakhis_comparison": (BREAKHIS, SETTINGS["networks"]),
    "08_bach_mini_ddsm_comparison": (OTHERS, SETTINGS["networks"]),
    "11_breakhis_diagnostics": (BREAKHIS, SETTINGS["networks"]),
    "12_bach_mini_ddsm_diagnostics": (OTHERS, SETTINGS["networks"]),
}
COST_TABLES = {
    "09_breakhis_cost": (BREAKHIS, SETTINGS["networks"]),
    "10_bach_mini_ddsm_cost": (OTHERS, SETTINGS["networks"]),
}
# The data sets behind Tables III-V and Figures 3-5.
SHOWN = {"03_breakhis": BREAKHIS, "04_bach": ["bach"], "05_mini_ddsm": ["mini_ddsm"]}

# The report's groups: a table's experiment by how its name begins; others stand under the last.
EXPERIMENTS = {
    "Data sets": ("table_03", "table_04", "table_05", "table_06"),
    "Architecture": ("table_01", "gate"),
    "Layer placement": ("table_02",),
    "Classification": ("table_07", "table_08"),
    "Diagnostics": ("table_11", "table_12"),
    "Cost and convergence": ("table_09", "table_10", "convergence"),
    "Explanations": ("table_13", "table_14", "cam_"),
    "Audit of the paper": ("audit",),
    "Own data": ("own_",),
    "Further evidence": ("",),
}


# The runs of paired comparisons, by data set: DALAResNet50 and what it is compared with.
COMPARED = {
    dataset: list(dict.fromkeys(SETTINGS["networks"] + (PLACED if dataset in BREAKHIS else [])))
    for dataset in DATASETS
}
COMPARED = {
    dataset: networks
    for dataset, networks in COMPARED.items()
    if "dalaresnet50" in networks and len(networks) > 1
}
CURVES = ("reliability", "roc", "precision_recall")
# The networks and data sets that are split both ways.
LEAKED = (
    [name for name in SETTINGS["leakage_datasets"] if name in DATASETS],
    [name for name in SETTINGS["leakage_networks"] if name in SETTINGS["networks"]],
)


def has_lesions(name):
    """Whether a data set's lesions are known; BreakHis without masks has a stand-in."""
    if find_dataset(name, SETTINGS["manifests"]).family != "manifest":
        return name != "bach"
    return bool((read_dataset(name, ".", SETTINGS["manifests"])["mask"] != "").any())


# The data sets whose maps are scored, with DALAResNet50 as in the paper: BreakHis, Mini-DDSM, and
# sets of one's own with masks.
CAM_DATASETS = [
    name for name in DATASETS if "dalaresnet50" in SETTINGS["networks"] and has_lesions(name)
]
CAM_TABLES = {
    "table_13_cam_properties": "13",
    "table_14_cam_localization": "14",
    "cam_comparisons": "cam_comparisons",
    "cam_ablation": "cam_ablation",
    "cam_faithfulness": "cam_faithfulness",
}


# Jobs use the Python that runs Snakemake, unless a conda environment brings its own.
if not workflow.deployment_settings.deployment_method:
    path = shlex.quote(os.path.dirname(sys.executable))
    # A prefix replaces Snakemake's own, without which a failure left of "| tee" goes unseen.
    shell.prefix(f"set -euo pipefail; export PATH={path}:$PATH; ")


onstart:
    print(announce(config, SETTINGS, SOURCES), file=sys.stderr, flush=True)


def options(*names):
    """Settings as options of the command line: options("batch_size") -> "--batch-size 32"."""
    parts = []
    for name in names:
        value = SETTINGS[name]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        parts.append(f"--{name.replace('_', '-')} {shlex.quote(text)}")
    return " ".join(parts)


def runs(datasets, networks, file="run.json", by=SETTINGS["splits"]):
    """The files of runs, for every seed."""
    return [
        f"{RESULTS}/runs/{dataset}/{network}/{by}-{seed}/{file}"
        for dataset in datasets
        for network in networks
        for seed in SETTINGS["seeds"]
    ]


def compared(file="run.json"):
    """The files of the runs of paired comparisons."""
    return [path for name, networks in COMPARED.items() for path in runs([name], networks, file)]


def leaked(file="run.json"):
    """The files of the runs split both ways."""
    return runs(*LEAKED, file, by="image") + runs(*LEAKED, file, by="patient")


def cams(datasets, file="cam.json"):
    """The files of the maps of DALAResNet50, for every seed."""
    return [
        f"{RESULTS}/cam/{dataset}/dalaresnet50/{SETTINGS['splits']}-{seed}/{file}"
        for dataset in datasets
        for seed in SETTINGS["seeds"]
    ]


def prepared(datasets, file="source.json"):
    """Files of prepared data sets."""
    return [f"{RESULTS}/prepared/{dataset}/{file}" for dataset in datasets]


def folders(files):
    """The folders of some files."""
    return [os.path.dirname(str(file)) for file in files]


def phantom_marker(wildcards):
    """The finished phantom of a data set's family, if that is its source."""
    family = find_dataset(wildcards.dataset, SETTINGS["manifests"]).family
    if SOURCES[wildcards.dataset][0] == "real":
        return []
    return f"{RESULTS}/phantoms/{family}/done"


def manifest_options(wildcards):
    """Where the raw files of a data set are."""
    dataset = find_dataset(wildcards.dataset, SETTINGS["manifests"])
    source = SOURCES[wildcards.dataset][0]
    if dataset.family == "manifest":
        text = f"--manifest {shlex.quote(dataset.manifest)}"
        if dataset.classes:
            text += f" --classes {shlex.join(dataset.classes)}"
    elif source == "phantom":
        text = f"--data-root {RESULTS}/phantoms/{dataset.family}/raw"
    else:
        text = f"--data-root {shlex.quote(SETTINGS['data_root'])}"
    return f"{text} --source {source} --limit {SETTINGS['images_per_dataset']}"


def network_code(wildcards):
    """The training loop and the one network's module, with all that they import."""
    base, _ = parse_network(wildcards.network)
    return source_files("paper_code.training.run", network_module(base))


def all_tables():
    """Every table that the configured data sets and networks allow."""
    names = ["01_resnet50", "06_splits"]
    names += [name for name, sets in SHOWN.items() if set(sets) & set(DATASETS)]
    for tables in (METRIC_TABLES, COST_TABLES):
        names += [name for name, (sets, networks) in tables.items() if sets and networks]
    names = [f"table_{name}" for name in sorted(names)] + [f"own_{name}" for name in OWN]
    names += list(CAM_TABLES) if CAM_DATASETS else []
    return [f"{OUTPUT}tables/{name}.{ending}" for name in names for ending in ("csv", "md")]


def all_figures():
    """Every figure that the configured data sets and networks allow."""
    names = ["01_framework", "02_dalaresnet50"]
    names += [f"{name}_samples" for name, sets in SHOWN.items() if set(sets) & set(DATASETS)]
    names += ["06_confusion_matrices"] if BREAKHIS else []
    names += ["07_cam_comparison"] if CAM_DATASETS else []
    return [
        f"{OUTPUT}figures/figure_{name}.{ending}"
        for name in sorted(names)
        for ending in ("png", "pdf")
    ]


def experiment(name):
    """The experiment that a table belongs to."""
    return next(title for title, starts in EXPERIMENTS.items() if name.startswith(starts))


def caption(name):
    """A table's caption file, below workflow/report."""
    name = "own_data" if name.startswith("own_") else name
    own = f"{workflow.basedir}/workflow/report/{name}.rst"
    return own if os.path.exists(own) else f"{workflow.basedir}/workflow/report/table.rst"


def report_tables():
    """Every table's Markdown page, those of the evidence and the audit included."""
    paths = [*all_tables(), *all_evidence(), *epoch_results(), f"{OUTPUT}tables/audit.md"]
    return [path for path in paths if path.endswith(".md")]


def all_pages():
    """The same as HTML, for the report."""
    names = [os.path.splitext(os.path.basename(path))[0] for path in report_tables()]
    return [f"{RESULTS}/report/{name}.html" for name in names]


def claim_tables():
    """The tables that claims are read from, of those that the settings allow."""
    names = ["comparisons"] if COMPARED else []
    names += [f"table_{name}" for name, (sets, networks) in COST_TABLES.items() if sets]
    names += ["cam_comparisons"] if CAM_DATASETS else []
    return [f"{OUTPUT}tables/{name}.csv" for name in names]


def summary_tables():
    """Every table with verdicts or evidence."""
    tables = [path for path in all_tables() if path.endswith(".csv")]
    tables += [f"{OUTPUT}tables/{name}.csv" for name in ("audit", "claims")]
    tables += [f"{OUTPUT}tables/leakage.csv"] if all(LEAKED) else []
    return list(dict.fromkeys(claim_tables() + tables))


def all_evidence():
    """Comparisons, balanced metrics, curves, leakage, claims and summary."""
    tables = ["balanced", "claims"]
    tables += ["comparisons"] if COMPARED else []
    figures = [*CURVES]
    if all(LEAKED):
        tables, figures = [*tables, "leakage"], [*figures, "leakage"]
    files = [f"{OUTPUT}tables/{name}.{end}" for name in tables for end in ("csv", "md")]
    files += [f"{OUTPUT}figures/{name}.{end}" for name in figures for end in ("png", "pdf")]
    return [*files, f"{OUTPUT}tables/summary.md"]
