"""A damped pendulum, driven by a random torque: the world that the model learns.

A point mass on a massless rod obeys

    theta'' = -(g / l) sin(theta) - (c / (m l^2)) theta' + tau / (m l^2)

(Strogatz, "Nonlinear Dynamics and Chaos", 2nd ed. 2015, section 6.7; the damped and driven form: Taylor, "Classical
Mechanics", 2005, chapter 12). It is integrated by the classical fourth-order Runge-Kutta method (Hairer, Norsett and
Wanner, "Solving Ordinary Differential Equations I", 2nd ed. 1993, section II.1) with the torque held within a frame.

Units are SI: angles in rad (0 hangs down, never wrapped here), angular velocities in rad/s, torques in N m, times in s.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

GRAVITY = 9.81  # m/s^2
LENGTH = 1.0  # m
MASS = 1.0  # kg
DAMPING = 0.2  # N m s
FRAME = 0.05  # s between two observations

# Largest magnitudes. Together they rarely reach the top, where paths from nearby starts part and no model predicts far.
INITIAL_ANGLE = 2.0  # rad
INITIAL_VELOCITY = 1.0  # rad/s
TORQUE = 2.0  # N m
TORQUE_CHANGE = 0.1  # probability that a frame draws a new torque


@dataclass(frozen=True)
class Rollout:
    """One recorded swing of T frames: `angles` and `velocities` hold T + 1 values, `torques` the T between them."""

    angles: list[float]
    velocities: list[float]
    torques: list[float]

    def observations(self) -> list[list[float]]:
        """What the model may see, shape [T + 1][3]: cos(theta), sin(theta), theta' in rad/s."""
        return [[math.cos(angle), math.sin(angle), velocity] for angle, velocity in zip(self.angles, self.velocities)]


def record(count: int, frames: int, rng: random.Random) -> list[Rollout]:
    """`count` rollouts of `frames` frames each, from random starts under random torques."""
    return [_record_one(frames, rng) for _ in range(count)]


def _record_one(frames: int, rng: random.Random) -> Rollout:
    angles = [rng.uniform(-INITIAL_ANGLE, INITIAL_ANGLE)]
    velocities = [rng.uniform(-INITIAL_VELOCITY, INITIAL_VELOCITY)]
    torques = random_torques(frames, rng)
    for torque in torques:
        angle, velocity = advance(angles[-1], velocities[-1], torque)
        angles.append(angle)
        velocities.append(velocity)
    return Rollout(angles, velocities, torques)


def random_torques(frames: int, rng: random.Random) -> list[float]:
    """A torque that stays for about 1 / TORQUE_CHANGE frames, then jumps."""
    torques = [rng.uniform(-TORQUE, TORQUE)]
    while len(torques) < frames:
        changes = rng.random() < TORQUE_CHANGE
        torques.append(rng.uniform(-TORQUE, TORQUE) if changes else torques[-1])
    return torques


def advance(
    angle: float, velocity: float, torque: float, step: float = FRAME, damping: float = DAMPING
) -> tuple[float, float]:
    """Angle and velocity after one Runge-Kutta step of `step` seconds."""

    def slope(theta: float, omega: float) -> tuple[float, float]:
        drive = (torque - damping * omega) / (MASS * LENGTH**2)
        return omega, drive - GRAVITY / LENGTH * math.sin(theta)

    a1, v1 = slope(angle, velocity)
    a2, v2 = slope(angle + step / 2 * a1, velocity + step / 2 * v1)
    a3, v3 = slope(angle + step / 2 * a2, velocity + step / 2 * v2)
    a4, v4 = slope(angle + step * a3, velocity + step * v3)
    return (
        angle + step / 6 * (a1 + 2 * a2 + 2 * a3 + a4),
        velocity + step / 6 * (v1 + 2 * v2 + 2 * v3 + v4),
    )
