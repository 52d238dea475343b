"""How far predictions of the angle drift from the truth, open loop: the model sees the first frame and the torques only.

Errors are angles in rad, wrapped to [-pi, pi], over every frame after the first. Two baselines need no learning:
"nothing changes" keeps the first angle, "constant velocity" keeps the first angular velocity. Angles are [T + 1, N].
"""

from __future__ import annotations

import numpy as np

from model import WorldModel
from pendulum import FRAME, Rollouts
from windows import Scale


def predicted_angles(model: WorldModel, scale: Scale, rollouts: Rollouts) -> np.ndarray:
    """The angles that the model expects, unwrapped so that they follow on from each other."""
    predicted = scale.restore(model.predict(scale.observations(rollouts)[0], scale.actions(rollouts)))
    angles = np.arctan2(predicted[..., 1], predicted[..., 0])
    return np.unwrap(np.concatenate([rollouts.angles[:1], angles]), axis=0)[1:]


def unchanged_angles(rollouts: Rollouts) -> np.ndarray:
    """The baseline "nothing changes"."""
    return np.broadcast_to(rollouts.angles[0], rollouts.angles.shape)


def coasting_angles(rollouts: Rollouts) -> np.ndarray:
    """The baseline "constant velocity"."""
    times = FRAME * np.arange(len(rollouts.angles))[:, None]
    return rollouts.angles[0] + rollouts.velocities[0] * times


def rmse_of_each(rollouts: Rollouts, predicted: np.ndarray) -> np.ndarray:
    """Root mean square error of each rollout in rad, shape [N], the first frame left out."""
    return np.sqrt(np.mean(wrapped(predicted[1:] - rollouts.angles[1:]) ** 2, axis=0))


def rmse(rollouts: Rollouts, predicted: np.ndarray) -> float:
    """Root mean square error in rad over rollouts and frames."""
    return float(np.sqrt(np.mean(rmse_of_each(rollouts, predicted) ** 2)))


def wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angles within [-pi, pi]."""
    return np.arctan2(np.sin(angle), np.cos(angle))
