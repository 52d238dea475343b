"""A damped pendulum, driven by a random torque: the world that the model learns, many rollouts at once.

A point mass on a massless rod obeys

    theta'' = -(g / l) sin(theta) - (c / (m l^2)) theta' + tau / (m l^2)

(Strogatz, "Nonlinear Dynamics and Chaos", 2nd ed. 2015, section 6.7; the damped and driven form: Taylor, "Classical
Mechanics", 2005, chapter 12). It is integrated by the classical fourth-order Runge-Kutta method (Hairer, Norsett and
Wanner, "Solving Ordinary Differential Equations I", 2nd ed. 1993, section II.1) with the torque held within a frame.

Units are SI: angles in rad (0 hangs down, never wrapped here), angular velocities in rad/s, torques in N m, times in s.
Arrays are time first: [frames, rollouts].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
class Rollouts:
    """N recorded swings of T frames: `angles` and `velocities` [T + 1, N], `torques` [T, N] between them."""

    angles: np.ndarray
    velocities: np.ndarray
    torques: np.ndarray

    def observations(self) -> np.ndarray:
        """What the model may see, shape [T + 1, N, 3]: cos(theta), sin(theta), theta' in rad/s."""
        return np.stack([np.cos(self.angles), np.sin(self.angles), self.velocities], axis=-1)


def record(count: int, frames: int, rng: np.random.Generator) -> Rollouts:
    """`count` rollouts of `frames` frames each, from random starts under random torques."""
    angles = np.empty((frames + 1, count))
    velocities = np.empty((frames + 1, count))
    angles[0] = rng.uniform(-INITIAL_ANGLE, INITIAL_ANGLE, count)
    velocities[0] = rng.uniform(-INITIAL_VELOCITY, INITIAL_VELOCITY, count)
    torques = random_torques(count, frames, rng)
    for t in range(frames):
        angles[t + 1], velocities[t + 1] = advance(angles[t], velocities[t], torques[t])
    return Rollouts(angles, velocities, torques)


def random_torques(count: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Torques [frames, count] that stay for about 1 / TORQUE_CHANGE frames, then jump."""
    torques = rng.uniform(-TORQUE, TORQUE, (frames, count))
    changes = rng.random((frames, count)) < TORQUE_CHANGE
    for t in range(1, frames):
        torques[t] = np.where(changes[t], torques[t], torques[t - 1])
    return torques


def advance(
    angle: np.ndarray, velocity: np.ndarray, torque: np.ndarray, step: float = FRAME, damping: float = DAMPING
) -> tuple[np.ndarray, np.ndarray]:
    """Angles and velocities after one Runge-Kutta step of `step` seconds."""

    def slope(theta: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        drive = (torque - damping * omega) / (MASS * LENGTH**2)
        return omega, drive - GRAVITY / LENGTH * np.sin(theta)

    a1, v1 = slope(angle, velocity)
    a2, v2 = slope(angle + step / 2 * a1, velocity + step / 2 * v1)
    a3, v3 = slope(angle + step / 2 * a2, velocity + step / 2 * v2)
    a4, v4 = slope(angle + step * a3, velocity + step * v3)
    return (
        angle + step / 6 * (a1 + 2 * a2 + 2 * a3 + a4),
        velocity + step / 6 * (v1 + 2 * v2 + 2 * v3 + v4),
    )
