"""Adam with gradient clipping, and the schedule of its learning rate.

Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015 (arXiv:1412.6980), algorithm 1.
Clipping by the global norm: Pascanu, Mikolov and Bengio, ICML 2013 (arXiv:1211.5063).
Cosine schedule: Loshchilov and Hutter, "SGDR", ICLR 2017 (arXiv:1608.03983), one cycle without restarts.
"""

from __future__ import annotations

import math

RATE = 1e-2
RATE_END = 2e-4
BETA1 = 0.9  # decay of the running mean
BETA2 = 0.999  # decay of the running mean square
EPSILON = 1e-8
LARGEST_NORM = 1.0  # one window at the turning point of a swing must not undo an epoch


class Adam:
    """Changes a list of parameter lists in place."""

    def __init__(self, parameters: list[list[float]]) -> None:
        self.parameters = parameters
        self.mean = [[0.0] * len(values) for values in parameters]
        self.square = [[0.0] * len(values) for values in parameters]
        self.updates = 0

    def update(self, gradients: list[list[float]], rate: float) -> None:
        """One update; `gradients` has the shape of the parameters."""
        self.updates += 1
        clip = min(1.0, LARGEST_NORM / (norm(gradients) + EPSILON))
        mean_correction = 1 - BETA1**self.updates
        square_correction = 1 - BETA2**self.updates
        for values, slopes, mean, square in zip(self.parameters, gradients, self.mean, self.square):
            for i, slope in enumerate(slopes):
                slope *= clip
                mean[i] += (1 - BETA1) * (slope - mean[i])
                square[i] += (1 - BETA2) * (slope * slope - square[i])
                values[i] -= rate * (mean[i] / mean_correction) / (math.sqrt(square[i] / square_correction) + EPSILON)


def norm(gradients: list[list[float]]) -> float:
    """The Euclidean norm over all values."""
    return math.sqrt(sum(slope * slope for slopes in gradients for slope in slopes))


def rate_at(progress: float) -> float:
    """The learning rate when `progress` (0 to 1) of the training is done."""
    return RATE_END + (RATE - RATE_END) * (1 + math.cos(math.pi * progress)) / 2
