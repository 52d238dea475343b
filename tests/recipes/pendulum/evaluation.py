"""How far predictions of the angle drift from the truth, open loop: the model sees the first frame and the torques only.

Errors are angles in rad, wrapped to (-pi, pi], over every frame after the first. Two baselines need no learning:
"nothing changes" keeps the first angle, "constant velocity" keeps the first angular velocity.
"""

from __future__ import annotations

import math

from model import WorldModel
from pendulum import FRAME, Rollout
from windows import Scale


def predicted_angles(model: WorldModel, scale: Scale, rollout: Rollout) -> list[float]:
    """The T + 1 angles that the model expects, unwrapped so that they follow on from each other."""
    predicted = model.predict(scale.observations(rollout)[0], scale.actions(rollout))
    angles: list[float] = []
    near = rollout.angles[0]
    for observation in predicted:
        cosine, sine, _ = scale.restore(observation)
        near += wrapped(math.atan2(sine, cosine) - near)
        angles.append(near)
    return angles


def unchanged_angles(rollout: Rollout) -> list[float]:
    """The baseline "nothing changes"."""
    return [rollout.angles[0]] * len(rollout.angles)


def coasting_angles(rollout: Rollout) -> list[float]:
    """The baseline "constant velocity"."""
    return [rollout.angles[0] + rollout.velocities[0] * FRAME * t for t in range(len(rollout.angles))]


def rmse(rollouts: list[Rollout], predicted: list[list[float]]) -> float:
    """Root mean square error in rad, over rollouts and frames, the first frame left out."""
    errors = [
        wrapped(guess - true)
        for rollout, angles in zip(rollouts, predicted)
        for guess, true in zip(angles[1:], rollout.angles[1:])
    ]
    return math.sqrt(sum(error * error for error in errors) / len(errors))


def wrapped(angle: float) -> float:
    """The same angle within (-pi, pi]."""
    return math.atan2(math.sin(angle), math.cos(angle))
