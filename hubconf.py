"""For torch.hub: `torch.hub.load(REPOSITORY, "dalaresnet50", num_classes=2)`."""

dependencies = [
    "cv2",
    "numpy",
    "pandas",
    "safetensors",
    "timm",
    "torch",
    "torchvision",
    "tqdm",
]


def dalaresnet50(num_classes=2, pretrained=False, **options):
    """DALAResNet50, a ResNet50 with a dual-activated gate: N x 3 x H x W in [-1, 1] -> logits.

    pretrained: start everything but the gate and the classifier from torchvision's ImageNet
    weights, as in the paper. options: gate_after, reduction, dropout (see `DALAResNet50`).
    """
    from paper_code.networks.dalaresnet50 import DALAResNet50

    weights = "imagenet" if pretrained else None
    return DALAResNet50(num_classes, weights=weights, **options)


def network(name, num_classes=2, pretrained=False, **options):
    """Any of the nine networks of the paper by its name (docs/reference/networks.md)."""
    from paper_code.networks import build_network

    weights = "imagenet" if pretrained else None
    return build_network(name, num_classes, weights=weights, **options)


def trained(path):
    """A network with the weights of a file that this project's training wrote.

    Its attribute `classes` has their names in the order of the outputs.
    """
    from paper_code.networks import network_from_checkpoint

    return network_from_checkpoint(path)[0]


def dt_gradcam(model, target_layers, reshape_transform=None, **options):
    """DT Grad-CAM of any network, called as the classes of pytorch-grad-cam (see `DTGradCAM`)."""
    from paper_code.cam import DTGradCAM

    return DTGradCAM(model, target_layers, reshape_transform, **options)
