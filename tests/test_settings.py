"""Settings: what is refused and how it is named, what `auto` becomes, and which data are used."""

import copy

import pytest
import yaml
from conftest import ROOT, save_noise

from paper_code import settings as settings_module
from paper_code.errors import UserError
from paper_code.settings import OfScale, Settings, load_config, resolve_settings
from paper_code.workflow import start
from paper_code.workflow.start import announce, choose_sources

DEFAULTS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
KEYS = sorted({*Settings.model_fields, "scales"})
NAN, INFINITE = float("nan"), float("inf")


def resolved(**overrides) -> Settings:
    return resolve_settings(copy.deepcopy(DEFAULTS) | overrides)


@pytest.fixture(params=[0, 1], ids=["no GPU", "GPU"])
def gpus(request, monkeypatch) -> int:
    for module in (settings_module, start):
        monkeypatch.setattr(module, "cuda_device_count", lambda: request.param)
    return request.param


def refused(says: str, **overrides) -> None:
    with pytest.raises(UserError) as caught:
        resolved(**overrides)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# --- what is refused ------------------------------------------------------------------------------


def test_the_file_of_defaults_has_every_setting_once():
    assert set(Settings.model_fields) == set(DEFAULTS) - {"scales"}
    for preset in DEFAULTS["scales"].values():
        assert set(OfScale.model_fields) == set(preset)


@pytest.mark.parametrize("key", KEYS)
def test_a_value_of_a_wrong_type_and_a_missing_one(key):
    refused(key, **{key: [[]]})
    refused(f"'{key}' is None", **{key: None})


@pytest.mark.parametrize("key", sorted(OfScale.model_fields))
def test_a_wrong_type_in_a_scale(key):
    scales = copy.deepcopy(DEFAULTS["scales"])
    scales["demo"][key] = [[]]
    refused(f"scales.demo.{key}", scales=scales)


WRONG = {
    "scale": [("tiny", "'scale' is 'tiny': input should be 'demo' or 'paper'")],
    "datasets": [
        ("bach", "'datasets' is 'bach': input should be a valid list"),
        (["bach", "bach"], "no item twice"),
        (["BACH"], "Unknown data set 'BACH'"),
    ],
    "placements": [([5], "'placements.0' is 5")],
    "seeds": [
        ([0, 0], "'seeds' is [0, 0]: input should have no item twice"),
        (["a"], "'seeds.0' is 'a'"),
        ([2**32], "'seeds.0' is 4294967296"),
    ],
    "split_seeds": [("pairs", "input should be 'paired' or input should be a valid list")],
    "learning_rate": [(x, "'learning_rate' is") for x in (0, NAN, INFINITE, "fast")],
    "learning_rates": [(0.1, "unknown key 'learning_rates' (did you mean 'learning_rate'?)")],
    "dropout": [(1, "'dropout' is 1: input should be less than 1")],
    "epochs": [
        ("many", "'epochs' is 'many': input should be a valid integer"),
        (True, "'epochs' is True: input should be a number"),
    ],
    "network_epochs": [({"vit": 1.5}, "'network_epochs.vit' is 1.5")],
    "batch_size": [(1, "'batch_size' is 1"), (8.5, "'batch_size' is 8.5")],
    "images_per_dataset": [(19, "'images_per_dataset' is 19"), ("most", "input should be 'all'")],
    "phantom_height": [({"bach": 64}, "input should have a value for each of breakhis, bach")],
    "cam_kernel": [(4, "'cam_kernel' is 4: input should be odd")],
    "manifests": [
        ({"mias": {"path": "m.csv", "class": []}}, "unknown key 'manifests.mias.class'"),
        ({"My set": {"path": "m.csv"}}, "'manifests.My set' is 'My set': a name"),
        ({"bach": {"path": "m.csv"}}, "has the name of a data set of the paper"),
    ],
    "for_dataset": [
        ({"bech": {"epochs": 3}}, "Unknown data set 'bech'"),
        ({"bach": {"epoch": 3}}, "key 'for_dataset.bach.epoch' (did you mean 'epochs'?)"),
        ({"bach": {"epochs": None}}, "'for_dataset.bach.epochs' is None"),
    ],
}


@pytest.mark.parametrize(
    ("key", "value", "says"), [(key, *case) for key, cases in WRONG.items() for case in cases]
)
def test_a_wrong_value_is_named(key, value, says):
    refused(says, **{key: value})


def test_all_problems_are_named_at_once():
    with pytest.raises(UserError, match=r"(?s)(?=.*'scale')(?=.*'epochs')(?=.*'surprise')"):
        resolved(scale=3, epochs="x", surprise=1)


# --- what is understood ---------------------------------------------------------------------------


def test_what_the_command_line_passes_as_text():
    """Snakemake gives --config 'seeds=[0, 1]' as texts, and YAML takes 1e-4 for one."""
    settings = resolved(
        seeds=["0", "1"],
        placements=["2"],
        learning_rate="1e-4",
        keep_weights="false",
        data_root="7",
        phantom_images={"breakhis": "40", "bach": "all", "mini_ddsm": "30"},
        manifests={"mine": {"path": "m.csv", "classes": ["0", "1"]}},
        for_dataset={"bach": {"seeds": ["1", "2"], "epochs": "3"}},
    )
    assert settings.seeds == [0, 1] and settings.placements == [2]
    assert settings.learning_rate == 1e-4 and settings.keep_weights is False
    assert settings.phantom_images == {"breakhis": 40, "bach": "all", "mini_ddsm": 30}
    assert settings.manifests["mine"]["classes"] == ["0", "1"], "class names stay text"
    assert settings.of("bach").seeds == [1, 2] and settings.of("bach").epochs == 3
    assert settings.of("mini_ddsm").seeds == [0, 1]


def test_the_scale_follows_the_machine_and_sets_the_rest(gpus):
    settings = resolve_settings(DEFAULTS)
    assert settings.scale == ("paper" if gpus else "demo")
    assert settings.part("scale") == DEFAULTS["scales"][settings.scale]


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_a_value_of_one_s_own_wins_over_the_scale(scale):
    settings = resolved(scale=scale, epochs=7, recalibrate_batchnorm=False, seeds=[7])
    assert (settings.scale, settings.epochs, settings.seeds) == (scale, 7, [7])
    assert settings.recalibrate_batchnorm is False
    assert settings.image_size == DEFAULTS["scales"][scale]["image_size"]


@pytest.mark.parametrize(
    ("changes", "dataset", "network", "epochs"),
    [
        ({}, "bach", "swin", 1),
        ({}, "bach", "resnet50", 2),
        ({"cam_epochs": 3}, "bach_maps", "swin", 3),
        ({"epochs": 5}, "bach", "swin", 5),
        ({"epochs": 5, "network_epochs": {"vit": 3}}, "bach", "vit", 3),
        ({"for_dataset": {"bach": {"epochs": 4}}}, "bach", "swin", 4),
        ({"network_epochs": {"dalaresnet50": 3}}, "bach", "dalaresnet50-layer2", 3),
        ({"network_epochs": {"dalaresnet50": 3}}, "mine", "dalaresnet50", 2),
    ],
)
def test_epochs_of_one_network(changes, dataset, network, epochs):
    settings = resolved(scale="demo", manifests={"mine": {"path": "m.csv"}}, **changes)
    assert settings.of(dataset, network).epochs == epochs


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_the_file_of_settings_says_all_that_was_chosen(scale, tmp_path, gpus):
    """Read again on another machine, or as a configuration, it means the same."""
    settings = resolved(scale=scale, for_dataset={"bach": {"seeds": [1], "epochs": 3}}, epochs=4)
    chosen = settings.changed(data=dict.fromkeys(settings.datasets, "phantom"))
    chosen.write(tmp_path / "settings.yaml")
    assert "auto" not in (chosen.scale, chosen.threads_per_run, chosen.epochs)
    again = resolve_settings(load_config(tmp_path / "settings.yaml"))
    assert again == chosen
    assert {source for source, _ in choose_sources(again).values()} == {"phantom"}


FILES = {
    "a list": (b"- scale\n", "has keys and values"),
    "broken YAML": (b"scale: [demo\n", "cannot be read as a configuration"),
    "Python objects": (b"scale: !!python/object/apply:os.getcwd []\n", "cannot be read as"),
}


@pytest.mark.parametrize("fault", FILES)
def test_files_that_are_no_settings(fault, tmp_path):
    content, says = FILES[fault]
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(UserError, match=f"mine.yaml: .*{says}"):
        load_config(tmp_path / "mine.yaml")


# --- Which data -----------------------------------------------------------------------------------


def sources_of(root, **overrides) -> dict:
    given = {"scale": "demo", "data_root": str(root), "datasets": ["breakhis_40x", "bach"]}
    return choose_sources(resolved(**given | overrides))


def test_auto_uses_real_files_where_there_are_enough(breakhis_root):
    sources = sources_of(breakhis_root, minimum_images_per_class=6)
    assert sources["breakhis_40x"] == ("real", "found 6 benign, 6 malignant")
    assert sources["bach"][0] == "phantom" and "no files below data_root" in sources["bach"][1]
    few = "found only 6 benign, 6 malignant; 7 per class are needed"
    sources = sources_of(breakhis_root, minimum_images_per_class=7)
    assert sources["breakhis_40x"] == ("phantom", few)
    sources = sources_of(breakhis_root, data="phantom")
    assert {source for source, _ in sources.values()} == {"phantom"}


def test_real_needs_every_data_set(breakhis_root):
    with pytest.raises(UserError, match=r"data=real, but bach: no files.*fetch bach.*data_root"):
        sources_of(breakhis_root, data="real")
    only = sources_of(breakhis_root, data="real", datasets=["breakhis_40x"])
    assert only["breakhis_40x"][0] == "real"


@pytest.mark.parametrize("data", ["auto", "real"])
def test_a_data_root_that_is_not_there_is_a_mistake(tmp_path, data):
    """Phantoms instead, after a typing error, would be taken for results on real images."""
    nowhere = tmp_path / "nowhere"
    with pytest.raises(UserError, match=r"data_root=.*nowhere: no such folder. Correct the path"):
        sources_of(nowhere, data=data)
    assert sources_of(nowhere, data="phantom")["bach"] == ("phantom", "data=phantom")


def test_a_set_of_one_s_own_is_always_real(tmp_path):
    for number in (1, 2):
        save_noise(tmp_path / f"{number}.png", number)
    own = {"manifests": {"own": {"path": str(tmp_path / "own.csv")}}, "datasets": ["own"]}
    for content in (None, "path,label\n"):
        if content:
            (tmp_path / "own.csv").write_text(content)
        with pytest.raises(UserError, match=r"own.csv") as caught:
            sources_of(tmp_path, **own)
        assert "data=real" not in str(caught.value) and "data_root" not in str(caught.value)
    (tmp_path / "own.csv").write_text("path,label\n1.png,a\n2.png,b\n")
    for root, data in ((tmp_path, "phantom"), (tmp_path / "nowhere", "real")):
        assert sources_of(root, data=data, **own) == {"own": ("real", "found 1 a, 1 b")}
    own["manifests"]["own"]["classes"] = ["a", "c"]
    with pytest.raises(UserError, match=r"label 'b' is not one of own's classes \(a, c\)"):
        sources_of(tmp_path, **own)


def test_the_opening_lines_say_what_was_chosen_and_why(gpus):
    sources = {"bach": ("phantom", "no files below data_root=data")}
    text = announce(DEFAULTS, resolve_settings(DEFAULTS), sources)
    assert ("paper (auto: 1 CUDA device seen)" if gpus else "demo (auto: no CUDA device)") in text
    assert "bach: phantom data (no files below data_root=data)" in text
    said = announce(DEFAULTS | {"scale": "demo"}, resolved(scale="demo"), sources)
    assert "demo (as configured)" in said
