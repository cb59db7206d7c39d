"""compute_cam: its promises about the network, the nine networks, and bad input."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from paper_code.cam import METHODS, compute_cam, dt_gradcam_steps
from paper_code.cam.capture import View, as_evaluated, capture
from paper_code.cam.compute import raw_cam
from paper_code.errors import UserError
from paper_code.networks import NETWORKS, build_network

FAST = {"dt_gradcam": {"copies": 2}}
# Of one image twice: whatever the weights, at most one of the two maps is empty.
FOR_AND_AGAINST = [lambda scores: scores[1], lambda scores: -scores[1]]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return resnet18(num_classes=4).train()


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Tiny(nn.Module):
    """A user's own network: no registry, flattens with view, one ReLU run twice, in place."""

    def __init__(self, fail: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.second = nn.Conv2d(8, 8, 3, padding=1, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(8 * 4 * 4, 4)
        self.unused = nn.Conv2d(3, 3, 1)
        self.fail = fail

    def forward(self, x):
        x = self.relu(self.second(self.relu(self.first(x))))
        if self.fail:
            raise RuntimeError("inside")
        return self.head(x.view(len(x), -1))


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return Tiny()


@pytest.fixture
def small():
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def hooks(network):
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in network.modules()
    )


@pytest.mark.parametrize("method", METHODS)
def test_shape_range_and_network_unchanged(network, images, method):
    network.layer1.eval()  # a mixture of modes, as in fine-tuning
    network.conv1.weight.requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    flags = [parameter.requires_grad for parameter in network.parameters()]
    layer = "layer1" if method == "scorecam" else "layer4"

    twice = images[:1].repeat(2, 1, 1, 1)
    maps = compute_cam(network, twice, FOR_AND_AGAINST, method, layer, **FAST.get(method, {}))

    assert maps.shape == (2, 64, 64)
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    assert maps.amin() == 0
    assert maps.amax() <= 1
    assert (maps.amax((1, 2)) == 1).any()
    assert hooks(network) == 0
    assert modes == [module.training for module in network.modules()]
    assert flags == [parameter.requires_grad for parameter in network.parameters()]
    assert all(parameter.grad is None for parameter in network.parameters())
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "dt_gradcam"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_mode_does_not_matter(tiny, small, method, mode):
    options = FAST.get(method, {})
    expected = compute_cam(tiny, small, [0, 1], method, **options)
    with mode():
        classes, images = torch.tensor([0, 1]), small.clone()
        found = compute_cam(tiny, images, classes, method, **options)
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
    again = compute_cam(tiny, images, classes, method, **options)
    assert torch.equal(found, expected) and torch.equal(again, expected)


def test_everything_is_restored_after_an_exception(small):
    network = Tiny(fail=True).train()
    with pytest.raises(RuntimeError, match="inside"):
        compute_cam(network, small, [0, 1], "gradcam", "second")
    assert hooks(network) == 0
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "eigencam", "dt_gradcam"])
def test_a_map_does_not_depend_on_its_batch(tiny, small, method):
    tiny.double()  # in float32 a pixel at Otsu's threshold may fall on either side of it
    together = compute_cam(tiny, small, [1, 2], method)
    alone = torch.cat([compute_cam(tiny, small[i : i + 1], [i + 1], method) for i in range(2)])
    chunked = compute_cam(tiny, small, [1, 2], method, batch_size=1)
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together, chunked, atol=1e-5)


def test_in_place_relu_after_the_layer_does_not_change_its_activations(tiny, small):
    with torch.no_grad():
        before = tiny.second(torch.relu(tiny.first(small)))
    assert (before < 0).any()
    maps = raw_cam(tiny.double(), small.double(), [0, 1], "eigencam", "second")
    separate = copy.deepcopy(tiny)
    separate.relu.inplace = False
    assert torch.equal(maps, raw_cam(separate, small.double(), [0, 1], "eigencam", "second"))
    pair = [raw_cam(net, small.double(), [0, 1], "gradcam", "second") for net in (tiny, separate)]
    assert torch.equal(*pair)


def test_default_layer_of_an_own_network_is_its_last_grid(tiny, small):
    """`relu` runs twice; its last run is the last 4-D output."""
    assert torch.equal(
        compute_cam(tiny, small, [0, 1], "hirescam"),
        compute_cam(tiny, small, [0, 1], "hirescam", tiny.relu),
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_have_maps_of_any_shape(name):
    torch.manual_seed(0)
    network = build_network(name, 3)
    images = torch.rand(1, 3, 70, 112) * 2 - 1
    maps = compute_cam(network, images, [1], "dt_gradcam", copies=2)
    assert maps.shape == (1, 70, 112) and maps.isfinite().all()
    # Eigen-CAM of an untrained network is still no constant, whatever the layout
    assert compute_cam(network, images, [1], "eigencam").amax() == 1


@pytest.mark.parametrize(
    ("name", "layer"), [("vit", "blocks.0"), ("dinov2_vitb14", "blocks.0"), ("swin", "features.3")]
)
def test_token_grids_lie_where_the_image_does(name, layer):
    """A change in one corner of the image moves the layer's output most in that corner."""
    torch.manual_seed(0)
    network = build_network(name, 2)
    image = torch.zeros(1, 3, 112, 224)
    changed = image.clone()
    changed[..., -28:, -28:] = 1
    with as_evaluated(network):
        pair = [capture(View(network, x, None, layer), gradients=False) for x in (image, changed)]
    moved = (pair[1].activations - pair[0].activations).norm(dim=1)[0]
    rows, columns = moved.shape
    assert columns == 2 * rows
    at = divmod(int(moved.argmax()), columns)
    assert at[0] >= rows * 0.7
    assert at[1] >= columns * 0.7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(0, 3, 16, 16)}, "images: the batch is empty"),
        ({"images": torch.zeros(2, 1, 16, 16)}, "images: 1 channel"),
        ({"images": torch.zeros(3, 16, 16)}, "images: give a tensor N x 3 x H x W"),
        ({"images": torch.zeros(2, 3, 16, 16, dtype=torch.uint8)}, "images: torch.uint8"),
        ({"images": torch.full((2, 3, 16, 16), 200.0)}, "images: values up to 200"),
        ({"classes": [0, 4]}, r"classes: 4 is out of range; this network has 4 \(0-3\)"),
        ({"classes": [0]}, "classes: 1 given for 2 images"),
        ({"classes": [0.5, 1.0]}, "classes: give a list of whole numbers"),
        ({"layer": "secnd"}, "no layer 'secnd'; near names: second"),
        ({"layer": "head"}, "no spatial grid"),
        ({"layer": "unused"}, "'unused' is not used"),
        ({"method": "grad-cam"}, "did you mean gradcam"),
        ({"method": "dt_gradcam", "kernel_size": 4}, "kernel_size: 4"),
        ({"method": "scorecam", "masks": "mine"}, "masks: 'mine'"),
        ({"copies": 3}, "gradcam has no option 'copies'"),
    ],
)
def test_bad_input(tiny, small, change, message):
    arguments = {"images": small, "classes": [0, 1], "method": "gradcam"} | change
    with pytest.raises(UserError, match=message):
        compute_cam(tiny, **arguments)
    assert hooks(tiny) == 0


def test_a_network_without_class_scores_is_an_error(small):
    diverged = Tiny()
    torch.nn.init.constant_(diverged.head.bias, float("nan"))
    with pytest.raises(UserError, match="NaN or infinite; did its training diverge"):
        compute_cam(diverged, small, [0, 1], "gradcam", "second")
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with pytest.raises(UserError, match="N x K class scores"):
        compute_cam(body, small, [0, 1], "gradcam", "0")


def test_steps_end_in_what_compute_cam_returns(tiny, small):
    twice = small[:1].repeat(2, 1, 1, 1)
    steps = dt_gradcam_steps(tiny, twice, FOR_AND_AGAINST, copies=3, seed=5)
    maps = compute_cam(tiny, twice, FOR_AND_AGAINST, "dt_gradcam", copies=3, seed=5)
    assert torch.equal(steps.result, maps)
    assert steps.copy_maps.shape == (2, 3, 4, 4)
    other = compute_cam(tiny, twice, FOR_AND_AGAINST, "dt_gradcam", copies=3, seed=6)
    assert not torch.equal(maps, other)
