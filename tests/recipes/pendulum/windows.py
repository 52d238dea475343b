"""From rollouts to training data: standardised values, cut into windows, grouped into batches."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from linear import Batch
from pendulum import Rollout

WINDOW = 10  # frames that are predicted open loop during training
BATCH = 8  # windows in one update


@dataclass(frozen=True)
class Scale:
    """The means and deviations (in the units of `pendulum.py`) that turn raw values into standardised ones."""

    mean: list[float]
    deviation: list[float]
    torque: float

    @classmethod
    def of(cls, rollouts: list[Rollout]) -> Scale:
        """Measured on the training rollouts only."""
        columns = list(zip(*(row for rollout in rollouts for row in rollout.observations())))
        mean = [sum(column) / len(column) for column in columns]
        torques = [torque for rollout in rollouts for torque in rollout.torques]
        return cls(mean, [_deviation(column, m) for column, m in zip(columns, mean)], _deviation(torques, 0.0))

    def observations(self, rollout: Rollout) -> Batch:
        """Standardised, shape [T + 1][3]."""
        return [[(x - m) / d for x, m, d in zip(row, self.mean, self.deviation)] for row in rollout.observations()]

    def actions(self, rollout: Rollout) -> Batch:
        """Standardised, shape [T][1]."""
        return [[torque / self.torque] for torque in rollout.torques]

    def restore(self, observation: list[float]) -> list[float]:
        """A standardised observation in its own units."""
        return [x * d + m for x, m, d in zip(observation, self.mean, self.deviation)]

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {"mean": self.mean, "deviation": self.deviation, "torque": self.torque}


class Windows:
    """All training rollouts, standardised once."""

    def __init__(self, rollouts: list[Rollout], scale: Scale) -> None:
        self.observations = [scale.observations(rollout) for rollout in rollouts]
        self.actions = [scale.actions(rollout) for rollout in rollouts]
        self.length = min(WINDOW, len(self.actions[0]))

    def batches(self, rng: random.Random) -> Iterator[tuple[float, list[Batch], list[Batch]]]:
        """One epoch, in random order: how much of it is done (0 to 1), observations [T + 1][batch][3], actions
        [T][batch][1]. The windows do not overlap; where the first starts in each rollout changes from epoch to epoch."""
        places = []
        for index, recorded in enumerate(self.actions):
            spare = len(recorded) - self.length
            first = rng.randrange(min(self.length, spare + 1))
            places += [(index, start) for start in range(first, spare + 1, self.length)]
        rng.shuffle(places)
        for done in range(0, len(places), BATCH):
            chosen = places[done : done + BATCH]
            observations = [[self.observations[i][start + t] for i, start in chosen] for t in range(self.length + 1)]
            actions = [[self.actions[i][start + t] for i, start in chosen] for t in range(self.length)]
            yield done / len(places), observations, actions


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
