"""From rollouts to training data: standardised values, cut into windows, grouped into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pendulum import Rollouts

WINDOW = 10  # frames that are predicted open loop during training
BATCH = 16  # windows in one update


@dataclass(frozen=True)
class Scale:
    """The means and deviations (in the units of `pendulum.py`) that turn raw values into standardised ones."""

    mean: np.ndarray
    deviation: np.ndarray
    torque: float

    @classmethod
    def of(cls, rollouts: Rollouts) -> Scale:
        """Measured on the training rollouts only."""
        observations = rollouts.observations()
        torque = float(np.sqrt(np.mean(rollouts.torques**2)))
        return cls(observations.mean(axis=(0, 1)), observations.std(axis=(0, 1)), torque)

    def observations(self, rollouts: Rollouts) -> np.ndarray:
        """Standardised, shape [T + 1, N, 3]."""
        return (rollouts.observations() - self.mean) / self.deviation

    def actions(self, rollouts: Rollouts) -> np.ndarray:
        """Standardised, shape [T, N, 1]."""
        return rollouts.torques[..., None] / self.torque

    def restore(self, observations: np.ndarray) -> np.ndarray:
        """Standardised observations in their own units."""
        return observations * self.deviation + self.mean

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist(), "torque": self.torque}


class Windows:
    """All training rollouts, standardised once."""

    def __init__(self, rollouts: Rollouts, scale: Scale) -> None:
        self.observations = scale.observations(rollouts)
        self.actions = scale.actions(rollouts)
        self.length = min(WINDOW, len(self.actions))

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
        """One epoch, in random order: how much of it is done (0 to 1), observations [T + 1, batch, 3], actions
        [T, batch, 1]. The windows do not overlap; where the first starts in each rollout changes from epoch to epoch."""
        frames, count, _ = self.actions.shape
        spare = frames - self.length
        firsts = rng.integers(min(self.length, spare + 1), size=count)
        places = np.array([(i, start) for i, first in enumerate(firsts) for start in range(first, spare + 1, self.length)])
        rng.shuffle(places)
        for done in range(0, len(places), BATCH):
            rollout, start = places[done : done + BATCH].T
            times = start + np.arange(self.length + 1)[:, None]
            yield done / len(places), self.observations[times, rollout], self.actions[times[:-1], rollout]
