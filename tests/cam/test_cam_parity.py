"""Agreement with pytorch-grad-cam and torchcam in float32, and with plain loops in float64.

Matched conventions: the layer's output, the raw class score, ReLU, bilinear upsampling with
half-pixel centres, min-max scaling at image size (torchcam leaves the last two to its caller).
"""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import pearsonr
from skimage.filters import threshold_otsu
from torchvision.models import resnet50, vgg16

from paper_code.cam import compute_cam, methods
from paper_code.cam.compute import raw_cam

pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
torchcam = pytest.importorskip("torchcam.methods")

IMAGES = 8
PEERS = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "gradcam_plusplus": pytorch_grad_cam.GradCAMPlusPlus,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
    "scorecam": pytorch_grad_cam.ScoreCAM,
}
# The usual layer, and one of 64 channels for Score-CAM, which costs one pass per channel.
LAYERS = {"resnet50": ("layer4", "layer1.2.conv1"), "vgg16": ("features.29", "features.3")}


@pytest.fixture(scope="module", params=["resnet50", "vgg16"])
def case(request):
    torch.manual_seed(0)
    network = {"resnet50": resnet50, "vgg16": vgg16}[request.param](num_classes=5).eval()
    for module in network.modules():  # statistics as after training, not 0 and 1
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for (
        module
    ) in network.modules():  # peers' hooks see the output before an in-place ReLU changes it
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    if request.param == "vgg16":  # a narrow head: no layer below it changes, and it is quick
        network.classifier = torch.nn.Sequential(
            torch.nn.Linear(512 * 49, 32), torch.nn.ReLU(), torch.nn.Linear(32, 5)
        )
    images = torch.rand(IMAGES, 3, 64, 64) * 2 - 1
    classes = torch.randint(0, 5, (IMAGES,))
    return network, images, classes, LAYERS[request.param]


def to_unit(maps):
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return (maps - low) / np.where(high > low, high - low, 1)


@pytest.mark.parametrize("method", ["gradcam", "gradcam_plusplus", "hirescam"])
def test_pytorch_grad_cam_gradient_methods(case, method):
    network, images, classes, (layer, _) = case
    targets = [
        pytorch_grad_cam.utils.model_targets.ClassifierOutputTarget(index)
        for index in classes.tolist()
    ]
    with PEERS[method](network, [network.get_submodule(layer)]) as peer:
        # At 64 px the 2 x 2 gradients of an untrained network fall below the 1e-6 that Grad-CAM++
        # adds; both sides have it.
        theirs = peer(images, targets)
    ours = compute_cam(network, images, classes, method, layer)
    assert ours.amax() == 1
    assert np.abs(ours.numpy() - theirs).max() < 1e-4


@pytest.mark.parametrize("place", [0, 1], ids=["few positions", "few channels"])
def test_pytorch_grad_cam_eigencam_up_to_sign(case, place):
    network, images, classes, layers = case
    layer = layers[place]
    ours = compute_cam(network, images, classes, "eigencam", layer).numpy()
    with PEERS["eigencam"](network, [network.get_submodule(layer)]) as peer:
        theirs = peer(images, None)
        activations = peer.activations_and_grads.activations[0].numpy()
    projections = pytorch_grad_cam.utils.svd_on_activations.get_2d_projection(activations)
    negated = to_unit(
        np.stack([cv2.resize(m, images.shape[:1:-1]) for m in to_unit(np.maximum(-projections, 0))])
    )
    same = np.abs(ours - theirs).max((1, 2)) < 1e-4
    turned = np.abs(ours - negated).max((1, 2)) < 1e-4
    assert (same | turned).all()
    signed = methods.eigencam(torch.from_numpy(activations)).numpy()
    for projection, mean in zip(signed, activations.mean(1), strict=True):
        assert pearsonr(projection.ravel(), mean.ravel()).statistic > 0


def test_pytorch_grad_cam_scorecam(case):
    network, images, classes, (_, layer) = case
    images, classes = images[:3, :, ::2, ::2], classes[:3]  # one pass per channel
    target = pytorch_grad_cam.utils.model_targets.ClassifierOutputTarget
    with PEERS["scorecam"](network, [network.get_submodule(layer)]) as peer:
        theirs = peer(images, [target(index) for index in classes.tolist()])
    ours = compute_cam(network, images, classes, "scorecam", layer, masks="pytorch_grad_cam")
    assert np.abs(ours.numpy() - theirs).max() < 1e-4


@pytest.mark.parametrize("method", ["gradcam", "scorecam"])
def test_torchcam(case, method):
    network, images, classes, layers = case
    layer = layers[method == "scorecam"]
    if method == "scorecam":
        images, classes = images[:2, :, ::2, ::2], classes[:2]
    peer = {"gradcam": torchcam.GradCAM, "scorecam": torchcam.ScoreCAM}[method]
    with peer(network, layer) as extractor:
        scores = network(images)
        (small,) = extractor(classes.tolist(), scores)
    small = small.detach()[:, None]
    theirs = F.interpolate(small, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    options = {"masks": "torchcam"} if method == "scorecam" else {}
    ours = compute_cam(network, images, classes, method, layer, **options)
    assert np.abs(ours.numpy() - to_unit(theirs.numpy())).max() < 1e-4


# ---- float64 against loops written from the equations


@pytest.fixture(scope="module")
def exact():
    torch.manual_seed(1)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, stride=2, padding=1),
        torch.nn.Tanh(),
        torch.nn.Conv2d(6, 9, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(9, 4, 3, stride=2, padding=1),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 2 * 3, 3),
    ).double()
    images = torch.rand(3, 3, 16, 24, dtype=torch.float64) * 2 - 1
    return network, images, [0, 2, 1]


def below_and_slopes(network, image, index):
    activation = network[:4](image[None]).detach().requires_grad_(True)
    network[4:](activation)[0, index].backward()
    return activation.detach()[0].numpy(), activation.grad[0].numpy()


def bilinear(small, height, width):
    """Bilinear interpolation with half-pixel centres, one row and one column at a time."""

    def widened(rows, size):
        at = (np.arange(size) + 0.5) * rows.shape[1] / size - 0.5
        return np.stack([np.interp(at, np.arange(rows.shape[1]), row) for row in rows])

    return widened(widened(small, width).T, height).T


def finished(raw):
    return to_unit(bilinear(np.maximum(raw, 0), 16, 24)[None])[0]


def loop_gradcam(activation, slope):
    raw = np.zeros(activation.shape[1:])
    for channel, change in zip(activation, slope, strict=True):
        alpha = sum(change[p, q] for p in range(4) for q in range(6)) / 24
        raw += alpha * channel
    return raw


def test_scorecam_in_float64(exact):
    """With masks as published; those of the peers are compared with the peers."""
    network, images, classes = exact
    ours = raw_cam(network, images, classes, "scorecam", "3", batch_size=4).numpy()
    for image, index, map_ in zip(images, classes, ours, strict=True):
        activation, _ = below_and_slopes(network, image, index)
        scores = []
        for channel in activation:
            mask = to_unit(bilinear(channel, 16, 24)[None])[0]
            with torch.no_grad():
                scores.append(network(image[None] * torch.from_numpy(mask))[0, index].item())
        weights = np.exp(scores) / np.exp(scores).sum()
        reference = finished(sum(w * a for w, a in zip(weights, activation, strict=True)))
        assert np.abs(map_ - reference).max() < 1e-9


def test_dt_gradcam_in_float64(exact):
    """Eq. 5-10 and the morphology, step by step with loops, scikit-image and OpenCV."""
    network, images, classes = exact
    n, sigma = 4, 0.3
    ours = raw_cam(network, images, classes, "dt_gradcam", "3", copies=n, sigma=sigma, seed=7)
    noise = torch.randn(
        n, 3, 16, 24, generator=torch.Generator().manual_seed(7), dtype=torch.float64
    )
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    for image, index, map_ in zip(images, classes, ours.numpy(), strict=True):
        total, weight_sum = 0, 0
        for i in range(n):
            weight = 1 - 0.5 * i / (n - 1)
            pair = below_and_slopes(network, image + sigma * noise[i], index)
            total = total + weight * np.maximum(loop_gradcam(*pair), 0)
            weight_sum += weight
        average = bilinear(total / weight_sum, 16, 24)
        threshold = threshold_otsu(average)
        cut = np.where(average > threshold, average, 0)
        cut = cv2.morphologyEx(cut, cv2.MORPH_OPEN, kernel)
        cut = cv2.morphologyEx(cut, cv2.MORPH_CLOSE, kernel)
        assert np.abs(map_ - to_unit(cut[None])[0]).max() < 1e-9
