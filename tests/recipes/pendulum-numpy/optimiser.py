"""Adam with gradient clipping, and the schedule of its learning rate.

Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015 (arXiv:1412.6980), algorithm 1.
Clipping by the global norm: Pascanu, Mikolov and Bengio, ICML 2013 (arXiv:1211.5063).
Cosine schedule: Loshchilov and Hutter, "SGDR", ICLR 2017 (arXiv:1608.03983), one cycle without restarts.
"""

from __future__ import annotations

import math

import numpy as np

RATE = 1e-2
RATE_END = 2e-4
BETA1 = 0.9  # decay of the running mean
BETA2 = 0.999  # decay of the running mean square
EPSILON = 1e-8
LARGEST_NORM = 1.0  # one window at the turning point of a swing must not undo an epoch


class Adam:
    """Changes a list of parameter arrays in place."""

    def __init__(self, parameters: list[np.ndarray]) -> None:
        self.parameters = parameters
        self.mean = [np.zeros_like(values) for values in parameters]
        self.square = [np.zeros_like(values) for values in parameters]
        self.updates = 0

    def update(self, gradients: list[np.ndarray], rate: float) -> None:
        """One update; `gradients` has the shapes of the parameters."""
        self.updates += 1
        clip = min(1.0, LARGEST_NORM / (norm(gradients) + EPSILON))
        mean_correction = 1 - BETA1**self.updates
        square_correction = 1 - BETA2**self.updates
        for values, slopes, mean, square in zip(self.parameters, gradients, self.mean, self.square):
            clipped = slopes * clip
            mean += (1 - BETA1) * (clipped - mean)
            square += (1 - BETA2) * (clipped**2 - square)
            values -= rate * (mean / mean_correction) / (np.sqrt(square / square_correction) + EPSILON)


def norm(gradients: list[np.ndarray]) -> float:
    """The Euclidean norm over all values."""
    return math.sqrt(sum(float(np.sum(slopes**2)) for slopes in gradients))


def rate_at(progress: float) -> float:
    """The learning rate when `progress` (0 to 1) of the training is done."""
    return RATE_END + (RATE - RATE_END) * (1 + math.cos(math.pi * progress)) / 2
