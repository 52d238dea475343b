"""Promises of this recipe. In this folder: python3 -m unittest"""

from __future__ import annotations

import json
import unittest

import numpy as np

import evaluation
import pendulum
from model import WorldModel
from optimiser import RATE, Adam
from windows import Scale, Windows


def source(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def small_problem() -> tuple[WorldModel, np.ndarray, np.ndarray]:
    """A model with 5 hidden units, and one batch of windows."""
    rollouts = pendulum.record(3, 20, source(1))
    windows = Windows(rollouts, Scale.of(rollouts))
    _, observations, actions = next(windows.batches(source(2)))
    return WorldModel.fresh(5, source(3)), observations, actions


class Gradients(unittest.TestCase):
    def test_every_gradient_agrees_with_finite_differences(self) -> None:
        model, observations, actions = small_problem()
        model.learn(observations, actions)
        gradients = [values.copy() for values in model.gradients()]
        step = 1e-5
        for values, slopes in zip(model.parameters(), gradients):
            for place, slope in np.ndenumerate(slopes):
                kept = values[place]
                values[place] = kept + step
                above = model.learn(observations, actions)
                values[place] = kept - step
                below = model.learn(observations, actions)
                values[place] = kept
                self.assertAlmostEqual(slope, (above - below) / (2 * step), delta=1e-8 + 1e-6 * abs(slope))

    def test_the_first_step_of_adam_has_the_size_of_the_rate(self) -> None:
        parameters = [np.zeros(2)]
        Adam(parameters).update([np.array([0.3, -0.2])], RATE)
        np.testing.assert_allclose(parameters[0], [-RATE, RATE], rtol=1e-6)


class Model(unittest.TestCase):
    def test_prediction_and_loss_agree(self) -> None:
        model, observations, actions = small_problem()
        errors = model.predict(observations[0], actions) - observations
        self.assertAlmostEqual(model.learn(observations, actions), float(np.mean(errors**2)), places=12)

    def test_a_saved_model_predicts_the_same(self) -> None:
        model, observations, actions = small_problem()
        copy = WorldModel.from_dict(json.loads(json.dumps(model.to_dict())))
        np.testing.assert_array_equal(copy.predict(observations[0], actions), model.predict(observations[0], actions))


class Data(unittest.TestCase):
    def test_windows_are_runs_of_consecutive_frames(self) -> None:
        rollouts = pendulum.record(4, 25, source(4))
        windows = Windows(rollouts, Scale.of(rollouts))
        for _, observations, actions in windows.batches(source(5)):
            for place in range(observations.shape[1]):
                window, torques = observations[:, place], actions[:, place]
                self.assertTrue(
                    any(
                        np.array_equal(window, windows.observations[start : start + len(window), rollout])
                        and np.array_equal(torques, windows.actions[start : start + len(torques), rollout])
                        for rollout in range(4)
                        for start in range(16)
                    )
                )


class World(unittest.TestCase):
    def test_without_friction_and_torque_energy_stays(self) -> None:
        def energy(angle: np.ndarray, velocity: np.ndarray) -> np.ndarray:
            return velocity**2 / 2 - pendulum.GRAVITY / pendulum.LENGTH * np.cos(angle)

        start = np.array([2.0, -0.5]), np.array([1.0, 0.0])
        angle, velocity = start
        for _ in range(200):
            angle, velocity = pendulum.advance(angle, velocity, torque=np.zeros(2), damping=0.0)
        np.testing.assert_allclose(energy(angle, velocity), energy(*start), atol=1e-3)

    def test_a_small_swing_has_the_textbook_period(self) -> None:
        steps = 100
        period = 2 * np.pi * np.sqrt(pendulum.LENGTH / pendulum.GRAVITY)
        angle, velocity = np.array([1e-4]), np.zeros(1)
        for _ in range(steps):
            angle, velocity = pendulum.advance(angle, velocity, np.zeros(1), damping=0.0, step=period / steps)
        np.testing.assert_allclose(angle, 1e-4, atol=1e-9)

    def test_the_same_seed_records_the_same_rollouts(self) -> None:
        first, second = (pendulum.record(2, 30, source(7)) for _ in range(2))
        np.testing.assert_array_equal(first.angles, second.angles)
        np.testing.assert_array_equal(first.torques, second.torques)

    def test_a_whole_turn_is_no_error(self) -> None:
        rollouts = pendulum.Rollouts(np.array([[0.0], [0.5]]), np.zeros((2, 1)), np.zeros((1, 1)))
        self.assertAlmostEqual(evaluation.rmse(rollouts, np.array([[0.0], [0.5 + 2 * np.pi]])), 0.0, places=12)


if __name__ == "__main__":
    unittest.main()
