"""What a configuration means: which runs, maps and results it asks for, and what each needs.

Plain data and paths: nothing here reads an image, imports torch or knows of Snakemake. The rules
and `doctor` ask the same plan, so that they cannot disagree.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paper_code.datasets import breakhis_lists
from paper_code.datasets.catalog import (
    PAPER_DATASETS,
    find_dataset,
    is_own,
    of_families,
)
from paper_code.datasets.dataset import Dataset
from paper_code.datasets.read import read_dataset
from paper_code.errors import UserError
from paper_code.networks.registry import PAPER_NETWORKS, VARIANT, parse_network
from paper_code.reporting.catalogue import RESULTS, Result
from paper_code.runs import CARD, FACTS, WEIGHTS
from paper_code.settings import MAPS, Settings

DALA = "dalaresnet50"
CAM_FACTS = "cam.json"
FAMILIES = ("breakhis", "bach", "mini_ddsm", "bach and mini_ddsm")  # of tables of the paper


@dataclass(frozen=True)
class RunId:
    """One training run: a network on one split of a data set, each with its seed."""

    dataset: str
    network: str
    by: str
    split: int
    seed: int

    @property
    def folder(self) -> str:
        """Its folder below `runs/` and `cam/`."""
        return f"{self.dataset}/{self.network}/{self.by}-{self.split}-{self.seed}"


@dataclass(frozen=True)
class Planned:
    """One result of this plan: its catalogue entry, its name, and the data sets it is about."""

    result: Result
    name: str
    datasets: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """Its files below the folder of results, such as "tables/audit.csv"."""
        return [f"{self.result.folder}/{self.name}.{ending}" for ending in self.result.endings]


class Plan:
    """The experiments of one configuration: settings, and the `sources` of `choose_sources`.

    UserError if a network or data set is unknown.
    """

    def __init__(self, settings: Settings, sources: dict[str, tuple[str, str]]) -> None:
        self.settings, self.sources = settings, sources
        self.scale = settings.scale
        # The paper scale writes tables and figures to the top level; nothing else touches those.
        named = settings.results != "auto"
        self.root = settings.results.rstrip("/") if named else f"results/{self.scale}"
        self.output = "" if self.scale == "paper" and not named else f"{self.root}/"
        for network in settings.every_network:
            parse_network(network)
        for key in ("compared_datasets", "leakage_datasets", "cam_datasets"):
            for dataset in getattr(settings, key):
                find_dataset(dataset, settings.manifests)
        for dataset in settings.datasets:
            self.explained(dataset)  # refuses two networks

    # --- selections, by the names that catalogue entries use --------------------------------------

    @functools.cached_property
    def datasets(self) -> dict[str, list[str]]:
        """Data sets by selection."""
        every = self.settings.datasets
        paper = [name for name in every if name in PAPER_DATASETS]
        families = {key: [n for n in every if n in of_families(key)] for key in FAMILIES}
        scored = [n for n in every if n in self.settings.cam_datasets or is_own(n)]
        maps = [name for name in scored if self.explained(name) and self._has_lesions(name)]
        real = [name for name in families["breakhis"] if self.source(name)[0] == "real"]
        return families | {
            "all": every,
            "paper": paper,
            "own": [name for name in every if is_own(name)],
            "leakage": [
                name
                for name in self.settings.leakage_datasets
                if name in every and self.networks("leakage", name)
            ],
            "crossover": real if self._crossover(real) else [],
            "crossover gates": real if self.settings.crossover_fine_tuned else [],
            "maps": maps,
            "paper maps": [name for name in maps if not is_own(name)],
            "own maps": [name for name in maps if is_own(name)],
        }

    def explained(self, dataset: str) -> list[str]:
        """The networks whose maps are scored on a data set; UserError for two on a paper's."""
        compared, chosen = self.settings.of(dataset).networks, self.settings.explained_networks
        found = [name for name in chosen if name in compared]
        if is_own(dataset):
            few = [name for name in compared if name == DALA] or compared[:1]
            return found or (few if chosen else [])
        found += [name for name in chosen if name not in (*compared, *PAPER_NETWORKS)]
        if len(found) > 1:
            raise UserError(
                f"explained_networks: {', '.join(found)} on {dataset}; the tables of maps on data "
                "sets of the paper are about one network. Name one."
            )
        return found

    def networks(self, selection: str, dataset: str) -> list[str]:
        """Networks by selection, on one data set."""
        own = self.settings.of(dataset)
        compared = own.networks
        # Plain dalaresnet50 has its gate after layer 4.
        placed = [DALA if n == 4 else f"{DALA}{VARIANT}{n}" for n in own.placements]
        every = [*compared, *(placed if dataset in of_families("breakhis") else [])]
        every = list(dict.fromkeys(every))
        return {
            "compared": compared,
            "every": every,
            "measured": every,
            "explained": self.explained(dataset),
            "paired": every if DALA in every and len(every) > 1 else [],
            "confused": [name for name in compared if name in (DALA, "resnet50")] or compared[:1],
            "leakage": [name for name in self.settings.leakage_networks if name in compared],
        }[selection]

    def source(self, dataset: str) -> tuple[str, str]:
        """("real" or "phantom", why) of a data set, or of a data set for maps."""
        return self.sources[dataset.removesuffix(MAPS)]

    def facts(self, dataset: str) -> Dataset:
        """What is to be known about a data set, or a data set for maps."""
        return find_dataset(dataset.removesuffix(MAPS), self.settings.manifests)

    def _trained(self, networks: str, dataset: str, network: str) -> str:
        """The data set that a network of a selection is trained on.

        For maps it may be the same at their size.
        """
        scored = networks == "explained" and dataset in self.datasets["maps"]
        if not scored or network not in self.explained(dataset):
            return dataset
        own, maps = self.settings.of(dataset, network), self.settings.of(dataset + MAPS)
        same = own.image_size == maps.image_size and own.epochs == maps.epochs
        return dataset if same else dataset + MAPS

    def _has_lesions(self, name: str) -> bool:
        """Whether a data set's lesions are known; BreakHis without masks has a stand-in."""
        if not is_own(name):
            return name != "bach"
        table = read_dataset(name, self.settings.data_root, self.settings.manifests)
        return bool((table["mask"] != "").any())

    @functools.cached_property
    def lists(self) -> str | None:
        """The folder of the lists about BreakHis; None where they are not.

        UserError if the configuration names a folder that lacks one of them.
        """
        named = self.settings.breakhis_lists
        folder = f"{self.settings.data_root}/breakhis_lists" if named == "auto" else named
        if breakhis_lists.lists_present(folder):
            return folder
        if named != "auto":
            raise UserError(
                f"breakhis_lists={named}: this folder does not hold "
                f"{', '.join(breakhis_lists.FILES)}. Name the folder that does, or use auto."
            )
        return None

    # --- runs and results -------------------------------------------------------------------------

    def selected_runs(self, networks: str, datasets: Iterable[str]) -> list[RunId]:
        """The runs of a selection of networks on data sets, for every split and seed."""
        ways = ["image", "patient"] if networks == "leakage" else [self.settings.splits]

        def of_maps(dataset: str) -> bool:
            """Of maps on real BreakHis, which has no lesion masks, the first repeat is enough."""
            real = self.source(dataset)[0] == "real" and dataset in self.datasets["breakhis"]
            return real and networks == "explained"

        runs = [
            RunId(self._trained(networks, dataset, network), network, by, split, seed)
            for by in ways
            for dataset in datasets
            for network in self.networks(networks, dataset)
            for split, seed in self.repeats(dataset)[: 1 if of_maps(dataset) else None]
        ]
        if networks in ("measured", "paired"):  # both kinds of split, where the leakage table has
            both = [name for name in datasets if name in self.datasets["leakage"]]
            runs += self.selected_runs("leakage", both)
        return list(dict.fromkeys(runs))

    def repeats(self, dataset: str) -> list[tuple[int, int]]:
        """(seed of the split, seed of the training) of each repeat on a data set."""
        own = self.settings.of(dataset)
        seeds, splits = own.seeds, own.split_seeds
        if splits == "paired":
            return list(zip(seeds, seeds, strict=True))
        return [(split, seed) for split in splits for seed in seeds]

    @functools.cached_property
    def runs(self) -> list[RunId]:
        """Every training run that some result needs, once."""
        wanted = [
            run
            for planned in self.results
            if {"runs", "cams"} & set(planned.result.needs)
            for run in self.selected_runs(planned.result.networks, planned.datasets)
        ]
        return list(dict.fromkeys(wanted))

    @functools.cached_property
    def results(self) -> list[Planned]:
        """Every result that the configured data sets and networks allow, in catalogue order."""
        found: list[Planned] = []
        for result in RESULTS:
            selection = tuple(self._shown(self.datasets[result.datasets], result))
            parts = [(name,) for name in selection] if "{" in result.name else [selection]
            for datasets in parts:
                if self._possible(result, datasets, found):
                    name = result.name.format(dataset="".join(datasets[:1]))
                    found.append(Planned(result, name, datasets))
        return found

    def _shown(self, datasets: list[str], result: Result) -> list[str]:
        """Those of the data sets whose images a result may show, if it shows any."""
        if self.settings.pictures == "all" or not result.pictures:
            return datasets
        return [name for name in datasets if self.source(name)[0] == "phantom"]

    def _possible(self, result: Result, datasets: tuple[str, ...], before: list[Planned]) -> bool:
        if not datasets:  # nothing that it is about
            return False
        made = {planned.name for planned in before}
        of_any = result.name in ("claims", "summary")  # made from whatever tables there are
        if not of_any and not made >= set(result.tables):
            return False
        needs = set(result.needs)
        if "breakhis_lists" in needs:
            return self.lists is not None
        if needs & {"runs", "cams"}:
            return bool(self.selected_runs(result.networks, datasets))
        return True

    def find(self, kind: str, name: str) -> Planned:
        """The planned result of a kind ("table", "figure", "page") and file name."""
        return next(p for p in self.results if p.result.kind == kind and p.name == name)

    def names(self, kind: str) -> list[str]:
        """File names, without endings, of the planned results of a kind."""
        return [planned.name for planned in self.results if planned.result.kind == kind]

    def files(self, kind: str | None = None) -> list[str]:
        """Paths of all planned results, or of those of a kind."""
        return [
            self.output + path
            for planned in self.results
            if kind in (None, planned.result.kind)
            for path in planned.paths
        ]

    @property
    def steps(self) -> list[str]:
        """The file with the steps of DT Grad-CAM on one image, which a notebook reads."""
        shown = "figure_07_cam_comparison" in self.names("figure")
        return [f"{self.output}figures/figure_07_steps.npz"] if shown else []

    def notebooks(self, every: Iterable[Path]) -> list[Path]:
        """Those notebooks that this plan makes: they walk through the paper, so all or none."""
        return list(every) if self.datasets["paper"] else []

    def keeps_weights(self, run: RunId) -> bool:
        """Whether a run's weights stay; those of your own data sets and of maps always do."""
        of_maps = run.dataset.endswith(MAPS)
        return self.settings.keep_weights or of_maps or is_own(run.dataset)

    @property
    def cards(self) -> list[str]:
        """The model cards of all weights that stay."""
        kept = [run for run in self.runs if self.keeps_weights(run)]
        return [f"{self.root}/runs/{run.folder}/{CARD}" for run in kept]

    # --- what a result is made from ---------------------------------------------------------------

    def inputs(self, planned: Planned) -> dict[str, list[str]]:
        """The files that a result is made from, by need; all of them exist before it is made.

        Of a run, and of its scored maps, one file stands for all, for a job makes them together;
        naming each took Snakemake a seventh of its time for a plan of 10,000 jobs. Weights are
        named where they are read, for Snakemake deletes those that no job needs any more.
        """
        result, datasets = planned.result, planned.datasets
        files: dict[str, list[str]] = {}
        of_runs = {
            "cams": f"cam/{{}}/{CAM_FACTS}",
            "runs": f"runs/{{}}/{FACTS}",
            "weights": f"runs/{{}}/{WEIGHTS}",
        }
        needed = [need for need in of_runs if need in result.needs]
        runs = self.selected_runs(result.networks, datasets) if needed else []
        for need in needed:
            files[need] = [f"{self.root}/{of_runs[need].format(run.folder)}" for run in runs]
        if "manifests" in result.needs:
            trained = list(datasets)
            if "runs" in result.needs:  # of which some have a size of their own
                trained = [run.dataset for run in self.selected_runs(result.networks, datasets)]
            folders = [f"{self.root}/prepared/{dataset}" for dataset in dict.fromkeys(trained)]
            files["prepared"] = [f"{folder}/source.json" for folder in folders]
            files["manifests"] = [f"{folder}/manifest.csv" for folder in folders]
            if "images" in result.needs:
                files["images"] = [f"{folder}/images.npy" for folder in folders]
        if "splits" in result.needs:
            files["splits"] = [self.split(dataset) for dataset in datasets]
        if "breakhis_lists" in result.needs:
            files["lists"] = [f"{self.lists}/{name}" for name in breakhis_lists.FILES]
        if "patients" in result.needs:
            gates = result.datasets == "crossover gates"
            files["patients"] = self._crossover(datasets, gates)
        if "tables" in result.needs:
            tables = self.names("table")
            names = tables if "*" in result.tables else [t for t in result.tables if t in tables]
            files["tables"] = [f"{self.output}tables/{name}.csv" for name in names]
        return files

    def _crossover(self, datasets: Sequence[str], gates: bool = False) -> list[str]:
        """The crossover's files of patients: frozen, also of all data sets together; fine-tuned."""
        together = ["+".join(datasets)] if len(datasets) > 1 else []
        frozen = [*datasets, *together] if self.settings.crossover_frozen and not gates else []
        tuned = datasets if self.settings.crossover_fine_tuned else []
        return [
            f"{self.root}/crossover/{training}-{name}.csv"
            for training, names in (("frozen", frozen), ("fine-tuned", tuned))
            for name in names
        ]

    def split(self, dataset: str) -> str:
        """The split file of a data set that tables show: the first one."""
        by, seed = self.settings.splits, self.repeats(dataset)[0][0]
        return f"{self.root}/splits/{dataset}/{by}-{seed}.csv"

    def arguments(self, planned: Planned) -> list[str]:
        """What the command line is given to make a result, but for `--output`."""
        files = self.inputs(planned)
        if "prepared" in files:
            files["prepared"] = [path.rpartition("/")[0] for path in files["prepared"]]
        if "lists" in files:
            files["lists"] = [self.lists]
        configured = {
            "scale": self.scale,
            "resamples": self.settings.bootstrap_resamples,
            "dataset": "".join(planned.datasets[:1]),
        }
        words: list[str] = []
        for option in planned.result.options:
            values = files[option] if option in files else [str(configured[option])]
            words += [f"--{option}", *values]
        return words

    def phantom(self, dataset: str) -> list[str]:
        """The marker of the finished phantom that a data set is read from; empty if it is real."""
        if self.source(dataset)[0] == "real":
            return []
        return [f"{self.root}/phantoms/{self.facts(dataset).family}/done"]

    def raw_files(self, dataset: str) -> list[str]:
        """What the command `manifest` is told: the data set, and where its raw files are."""
        facts, source = self.facts(dataset), self.source(dataset)[0]
        if facts.family == "manifest":
            words = ["--manifest", facts.manifest]
            words += ["--classes", *facts.classes] if facts.classes else []
            words += ["--group-pattern", facts.group_pattern] if facts.group_pattern else []
            words += ["--credit", facts.credit] if facts.credit else []
        elif source == "phantom":
            words = ["--data-root", f"{self.root}/phantoms/{facts.family}/raw"]
        else:
            words = ["--data-root", self.settings.data_root]
        limit = self.settings.of(dataset).images_per_dataset
        return [facts.name, *words, "--source", source, "--limit", str(limit)]
