"""The plan: which runs, maps and results a configuration means, and what each is made from."""

import re

import pytest
from conftest import ROOT, save_noise

from paper_code.datasets import breakhis_lists
from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.errors import UserError
from paper_code.plan import Plan, RunId
from paper_code.reporting.catalogue import RESULTS
from paper_code.settings import load_config, resolve_settings
from paper_code.workflow.start import begin

# Made where the lists about BreakHis are, which the default data_root has not in a fresh copy.
FROM_LISTS = ("split_patients", "real_predictions", "printed_intervals", "detectable")
FROM_REAL_IMAGES = ("crossover", "gate_crossover", "evidence")


# Without the runs that every plan has besides those of its data sets.
BARE = {"cam_image_size": 64, "cam_epochs": 2}


def make_plan(**changes) -> Plan:
    """The plan of the demo scale on phantoms, with changes."""
    given = {"scale": "demo", "explained_networks": ["dalaresnet50"]}
    settings = resolve_settings(load_config() | given | BARE | changes)
    return Plan(settings, dict.fromkeys(settings.datasets, ("phantom", "")))


def test_the_default_plans_every_result_of_the_catalogue():
    plan = make_plan(cam_image_size=96, compared_datasets=list(PAPER_DATASETS))
    every = {
        (result.kind, result.name)
        for result in RESULTS
        if "{" not in result.name and result.name not in FROM_LISTS + FROM_REAL_IMAGES
    }
    assert {(planned.result.kind, planned.name) for planned in plan.results} == every
    assert len(plan.runs) == len(set(plan.runs)) == 6 * 9 + 4 * 3 + 2 + 2
    for kind, count in (("table", 14), ("figure", 7)):
        numbers = [name.split("_")[1] for name in plan.names(kind) if name.startswith(f"{kind}_")]
        assert sorted(numbers) == [f"{number:02d}" for number in range(1, count + 1)]


def test_every_result_s_runs_are_planned_and_every_input_has_a_maker():
    plan = make_plan(seeds=[0, 1], splits="patient", compared_datasets=list(PAPER_DATASETS))
    folders = {run.folder for run in plan.runs}
    made = {*plan.files()}
    for planned in plan.results:
        for path in [path for files in plan.inputs(planned).values() for path in files]:
            found = re.match(r"results/demo/(runs|cam)/(.*)/[\w.]+$", path)
            if found:
                assert found[2] in folders, path
            elif not re.match(r"results/demo/(prepared|splits)/", path):
                assert path in made, path
    assert RunId("bach", "vit", "patient", 1, 1) in plan.runs
    assert {run.by for run in plan.runs if run.dataset == "breakhis_100x"} == {"image", "patient"}


@pytest.fixture
def own_sets(tmp_path) -> dict[str, dict]:
    """Two data sets of a user: one plain, one with lesion masks."""
    for name, mask in (("plain", ""), ("masked", "m.png")):
        lines = [f"{i}.png,{label},p{i},{mask}" for i, label in enumerate("ab" * 10)]
        text = "\n".join(["path,label,group,mask", *lines])
        (tmp_path / f"{name}.csv").write_text(text)
        for file in (*(f"{i}.png" for i in range(20)), "m.png"):
            (tmp_path / file).touch()
    return {name: {"path": str(tmp_path / f"{name}.csv")} for name in ("plain", "masked")}


CURVES = ["curves", "convergence"]


def test_a_run_on_one_s_own_data_makes_nothing_about_the_paper(own_sets):
    plan = make_plan(
        datasets=list(own_sets),
        manifests=own_sets,
        networks=["dalaresnet50", "resnet50"],
    )
    tables = [
        *("results", "differences", "convergence"),
        *(f"{kind}_{name}" for name in own_sets for kind in ("own", "comparisons")),
    ]
    assert sorted(plan.names("table")) == sorted([*tables, "cam_masked"])
    examples = ["examples_plain", "examples_masked"]
    assert plan.names("figure") == [*examples, "maps_masked", *CURVES]
    assert plan.names("page") == [] and plan.steps == []
    assert plan.notebooks([ROOT / "notebooks/08_audit.ipynb"]) == []
    assert {run.dataset for run in plan.runs} == set(own_sets)
    assert len(plan.cards) == len(plan.runs) == 4, "their weights stay, with a model card"
    assert plan.find("table", "own_plain").datasets == ("plain",)
    assert plan.datasets["maps"] == plan.datasets["own maps"] == ["masked"]
    assert plan.raw_files("plain")[:2] == ["plain", "--manifest"]
    assert {run.dataset for run in plan.selected_runs("explained", ["masked"])} == {"masked"}
    assert (
        plan.settings.of("masked").image_size == plan.settings.of("masked_maps").image_size == 160
    )
    small = make_plan(datasets=["plain"], manifests=own_sets, image_size=64)
    assert small.settings.of("plain").image_size == 64


def test_class_folders_and_networks_of_timm(tmp_path):
    for label in ("a", "b"):
        save_noise(tmp_path / f"data/{label}/p1_0.png", seed=ord(label))
    (tmp_path / "data/a/.hidden.png").touch()
    config = load_config() | {
        "scale": "demo",
        "datasets": ["mine"],
        "manifests": {"mine": {"path": str(tmp_path / "data"), "group_pattern": "(p[0-9])_"}},
        "networks": ["timm:convnext_atto", "timm:convnext_atto+gate"],
    }
    settings, sources = begin(config)
    assert sources == {"mine": ("real", "found 1 a, 1 b")}
    plan = Plan(settings, sources)
    assert [run.network for run in plan.runs] == settings.networks
    assert plan.raw_files("mine")[1:5] == [
        *("--manifest", str(tmp_path / "data"), "--group-pattern", "(p[0-9])_")
    ]
    wrong = "timm:convnext_atta"
    for change in (
        {"networks": [wrong]},
        {"network_epochs": {wrong: 3}},
        {"for_dataset": {"mine": {"networks": [wrong]}}},
    ):
        with pytest.raises(UserError, match=r"timm:convnext_atta: .* Near names: convnext_atto"):
            begin(config | change)
    with pytest.raises(UserError, match="should be a regular expression"):
        begin(config | {"manifests": {"mine": {"path": "data", "group_pattern": "("}}})


def test_beside_data_sets_of_the_paper_the_results_about_it_leave_one_s_own_out(own_sets):
    settings = {"networks": ["dalaresnet50", "resnet50"], "datasets": ["bach", "mini_ddsm"]}
    paper = make_plan(**settings)
    mixed = make_plan(
        **settings | {"datasets": [*settings["datasets"], "masked"], "manifests": own_sets}
    )
    about = {(p.result.kind, p.name): p.datasets for p in mixed.results}
    both = {("table", name) for name in ("results", "differences", "convergence")}
    both |= {("figure", name) for name in CURVES}
    own = {key for key in about if key[1].endswith("_masked")}
    assert len(own) == 5
    for planned in paper.results:
        key = (planned.result.kind, planned.name)
        assert about[key] == (*planned.datasets, "masked") if key in both else planned.datasets
    assert about.keys() - own == {(p.result.kind, p.name) for p in paper.results}
    assert {about[key] for key in own} == {("masked",)}
    kept = {run.dataset for run in mixed.runs if mixed.keeps_weights(run)}
    assert kept == {"masked"}


def test_every_configuration_of_config_real_can_be_planned(own_sets):
    for path in sorted((ROOT / "config/real").glob("*.yaml")):
        config = load_config(path)
        own = {"mias", "cbis_ddsm"} & set(config["datasets"])
        manifests = dict.fromkeys(own, own_sets["masked"])
        settings = resolve_settings(config | {"manifests": manifests})
        plan = Plan(settings, dict.fromkeys(settings.datasets, ("real", "")))
        assert {run.dataset for run in plan.runs} == set(config["datasets"]), path.name
        if own:
            (name,) = own
            made = {"results", "convergence", f"own_{name}", f"cam_{name}"}
            assert made <= set(plan.names("table"))
            assert len(plan.runs) == 3 * len(settings.networks)
        else:
            assert "summary" in plan.names("page")


def test_the_lists_about_breakhis_are_found_below_the_data_root_or_where_named(tmp_path):
    folder = tmp_path / "breakhis_lists"
    assert make_plan(data_root=str(tmp_path)).lists is None
    with pytest.raises(UserError, match=r"breakhis_lists=.*does not hold index.csv"):
        make_plan(breakhis_lists=str(folder)).names("table")
    folder.mkdir()
    for name in breakhis_lists.FILES:
        (folder / name).touch()
    for plan in (make_plan(data_root=str(tmp_path)), make_plan(breakhis_lists=str(folder))):
        assert set(FROM_LISTS) <= set(plan.names("table"))
        assert {"split_patients", "printed_intervals"} <= set(plan.names("figure"))
        planned = plan.find("table", "split_patients")
        assert plan.inputs(planned)["lists"] == [f"{folder}/{n}" for n in breakhis_lists.FILES]
        assert plan.arguments(planned) == ["--lists", str(folder)]


def test_splits_and_seeds_are_paired_or_crossed():
    plan = make_plan(seeds=[3, 5], datasets=["bach"], networks=["vit"])
    assert plan.repeats("bach") == [(3, 3), (5, 5)]
    plan = make_plan(seeds=[3, 5], split_seeds=[0], datasets=["bach"], networks=["vit"])
    assert plan.repeats("bach") == [(0, 3), (0, 5)]
    assert plan.runs == [RunId("bach", "vit", "image", 0, 3), RunId("bach", "vit", "image", 0, 5)]
    assert plan.split("bach").endswith("image-0.csv")
    plan = make_plan(seeds=[3, 5], split_seeds=[0, 1], datasets=["bach"], networks=["vit"])
    assert plan.repeats("bach") == [(0, 3), (0, 5), (1, 3), (1, 5)]


def test_one_data_set_can_have_settings_of_its_own():
    own = {"networks": ["resnet50"], "placements": [], "seeds": [1, 2]}
    plan = make_plan(
        datasets=["breakhis_40x", "breakhis_200x"],
        networks=["resnet50", "vit"],
        placements=[2],
        leakage_networks=[],
        for_dataset={"breakhis_200x": own},
    )
    of = {name: [r for r in plan.runs if r.dataset == name] for name in plan.datasets["all"]}
    assert {r.network for r in of["breakhis_40x"]} == {"resnet50", "vit", "dalaresnet50-layer2"}
    assert [(r.network, r.seed) for r in of["breakhis_200x"]] == [("resnet50", 1), ("resnet50", 2)]
    with pytest.raises(UserError, match="unknown network 'resnet'"):
        make_plan(for_dataset={"bach": {"networks": ["resnet"]}})


def test_maps_are_of_the_explained_networks(own_sets):
    lite0 = ["efficientnet_lite0"]
    settings = {"datasets": ["breakhis_40x"], "networks": ["resnet50"], "placements": []}

    def explained(dataset, **changes):
        plan = make_plan(**settings | changes)
        return [run.network for run in plan.selected_runs("explained", [dataset])]

    assert explained("breakhis_40x") == [], "DALAResNet50 is explained where it is compared"
    assert explained("breakhis_40x", networks=["resnet50", "dalaresnet50"]) == ["dalaresnet50"]
    assert explained("breakhis_40x", explained_networks=lite0) == lite0, "for its maps alone"
    assert explained("breakhis_40x", explained_networks=[]) == []
    own = {"datasets": ["masked"], "manifests": own_sets}
    assert explained("masked", **own) == ["resnet50"], "the first of one's own"
    assert explained("masked", **own, networks=["vit", "dalaresnet50"]) == ["dalaresnet50"]
    assert explained("masked", **own, explained_networks=["vit"], networks=["resnet50", "vit"]) == [
        "vit"
    ]
    assert explained("masked", **own, explained_networks=[]) == []
    with pytest.raises(UserError, match="resnet51"):
        make_plan(explained_networks=["resnet51"])
    two = ["dalaresnet50", "efficientnet_lite0"]
    assert explained("masked", **own, networks=two, explained_networks=two) == two
    with pytest.raises(UserError, match="about one network"):
        make_plan(explained_networks=two)


def test_runs_for_maps_have_a_size_and_epochs_of_their_own_where_these_differ():
    datasets = ["breakhis_40x", "mini_ddsm"]
    plan = make_plan(cam_datasets=datasets, cam_image_size=160, cam_epochs=8)
    maps = plan.selected_runs("explained", plan.datasets["maps"])
    assert [run.dataset for run in maps] == ["breakhis_40x_maps", "mini_ddsm_maps"]
    assert set(maps) <= set(plan.runs)
    own = plan.settings.of("breakhis_40x_maps")
    assert (own.image_size, own.epochs) == (160, 8)
    assert plan.raw_files("breakhis_40x_maps")[0] == "breakhis_40x"
    figure = plan.inputs(plan.find("figure", "figure_07_cam_comparison"))
    assert figure["cams"] == [
        f"results/demo/cam/{name}_maps/dalaresnet50/image-0-0/cam.json" for name in datasets
    ]

    same = make_plan(cam_image_size=64, cam_epochs=2)
    assert not [run for run in same.runs if run.dataset.endswith("_maps")]


def test_the_crossover_is_of_real_breakhis_images_alone():
    settings = load_config() | {"scale": "demo", "crossover_fine_tuned": 3} | BARE
    real = {"breakhis_100x", "breakhis_200x", "bach"}
    names = settings["datasets"]
    sources = {name: ("real" if name in real else "phantom", "") for name in names}
    plan = Plan(resolve_settings(settings), sources)
    frozen = [f"frozen-breakhis_{name}" for name in ("100x", "200x", "100x+breakhis_200x")]
    tuned = [f"fine-tuned-breakhis_{name}" for name in ("100x", "200x")]
    for table, files in (("crossover", frozen + tuned), ("gate_crossover", tuned)):
        found = plan.find("table", table)
        paths = [f"results/demo/crossover/{name}.csv" for name in files]
        assert plan.inputs(found) == {"patients": paths}
        assert plan.arguments(found) == ["--patients", *paths]
    plan = Plan(resolve_settings(settings | {"crossover_fine_tuned": 0}), sources)
    assert "crossover" in plan.names("table") and "gate_crossover" not in plan.names("table")
    plan = Plan(resolve_settings(settings | {"crossover_frozen": 0}), sources)
    assert plan.inputs(plan.find("table", "crossover"))["patients"] == [
        f"results/demo/crossover/{name}.csv" for name in tuned
    ]
    settings |= {"crossover_frozen": 0, "crossover_fine_tuned": 0}
    assert "crossover" not in Plan(resolve_settings(settings), sources).names("table")


def test_real_images_can_be_kept_out_of_pictures():
    changes = {
        "scale": "demo",
        "pictures": "phantom",
        "cam_datasets": ["breakhis_40x", "breakhis_100x"],
    }
    settings = resolve_settings(load_config() | changes)
    real = {"breakhis_40x": ("real", ""), "bach": ("real", "")}
    plan = Plan(settings, dict.fromkeys(settings.datasets, ("phantom", "")) | real)
    shown = {p.name: p.datasets for p in plan.results if p.result.pictures}
    assert "figure_04_bach_samples" not in shown
    assert shown["figure_03_breakhis_samples"] == (
        "breakhis_100x",
        "breakhis_200x",
        "breakhis_400x",
    )
    assert "breakhis_40x" not in shown["figure_07_cam_comparison"] and plan.steps
    everything = Plan(settings.changed(pictures="all"), plan.sources)
    assert "breakhis_40x" in everything.find("figure", "figure_03_breakhis_samples").datasets
    none = Plan(settings, dict.fromkeys(settings.datasets, ("real", "")))
    assert not none.steps and not [p for p in none.results if p.result.pictures]
