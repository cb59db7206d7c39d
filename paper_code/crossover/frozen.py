"""EfficientNet-Lite0 as it comes from ImageNet, with a logistic head of each arm's own."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paper_code.networks.builder import build_network
from paper_code.networks.forward import normalize
from paper_code.progress import track

IMAGE_SIZE = 224  # px


@torch.inference_mode()
def pooled_features(images: np.ndarray) -> np.ndarray:
    """N x 1280 means of the last feature map, of uint8 N x 3 x H x W."""
    network = build_network("efficientnet_lite0", 2, weights="imagenet").eval()
    network.to(memory_format=torch.channels_last)
    batches = track(torch.tensor(images).split(32), "features")
    maps = (network.forward_features(normalize(batch)) for batch in batches)
    return torch.cat([features.mean(dim=(2, 3)) for features in maps]).numpy()


def head_margins(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Logits of class 1 minus class 0 of the rows `test`, by logistic regression on `train`.

    Features are standardised; the penalty is scikit-learn's default, L2 with C = 1.
    """
    head = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    return head.fit(features[train], labels[train]).decision_function(features[test])
