"""Promises of this recipe. In this folder: python3 -m unittest"""

from __future__ import annotations

import json
import math
import random
import unittest

import evaluation
import pendulum
from linear import Batch
from model import WorldModel
from optimiser import RATE, Adam
from plot import ticks
from windows import Scale, Windows


def small_problem() -> tuple[WorldModel, list[Batch], list[Batch]]:
    """A model with 5 hidden units, and one batch of windows."""
    rollouts = pendulum.record(3, 20, random.Random(1))
    windows = Windows(rollouts, Scale.of(rollouts))
    _, observations, actions = next(windows.batches(random.Random(2)))
    return WorldModel.fresh(5, random.Random(3)), observations, actions


class Gradients(unittest.TestCase):
    def test_every_gradient_agrees_with_finite_differences(self) -> None:
        model, observations, actions = small_problem()
        model.learn(observations, actions)
        gradients = [list(values) for values in model.gradients()]
        step = 1e-5
        for values, slopes in zip(model.parameters(), gradients):
            for i, slope in enumerate(slopes):
                kept = values[i]
                values[i] = kept + step
                above = model.learn(observations, actions)
                values[i] = kept - step
                below = model.learn(observations, actions)
                values[i] = kept
                self.assertAlmostEqual(slope, (above - below) / (2 * step), delta=1e-8 + 1e-6 * abs(slope))

    def test_the_first_step_of_adam_has_the_size_of_the_rate(self) -> None:
        parameters = [[0.0, 0.0]]
        Adam(parameters).update([[0.3, -0.2]], RATE)
        self.assertAlmostEqual(parameters[0][0], -RATE, places=6)
        self.assertAlmostEqual(parameters[0][1], RATE, places=6)


class Model(unittest.TestCase):
    def test_prediction_and_loss_agree(self) -> None:
        model, observations, actions = small_problem()
        loss = model.learn(observations, actions)
        errors = []
        for place in range(len(observations[0])):
            predicted = model.predict(observations[0][place], [action[place] for action in actions])
            for guess, true in zip(predicted, observations):
                errors += [g - t for g, t in zip(guess, true[place])]
        self.assertAlmostEqual(loss, sum(error * error for error in errors) / len(errors), places=12)

    def test_a_saved_model_predicts_the_same(self) -> None:
        model, observations, actions = small_problem()
        copy = WorldModel.from_dict(json.loads(json.dumps(model.to_dict())))
        arguments = observations[0][0], [action[0] for action in actions]
        self.assertEqual(copy.predict(*arguments), model.predict(*arguments))


class World(unittest.TestCase):
    def test_without_friction_and_torque_energy_stays(self) -> None:
        def energy(angle: float, velocity: float) -> float:
            return velocity**2 / 2 - pendulum.GRAVITY / pendulum.LENGTH * math.cos(angle)

        angle, velocity = 2.0, 1.0
        for _ in range(200):
            angle, velocity = pendulum.advance(angle, velocity, torque=0.0, damping=0.0)
        self.assertAlmostEqual(energy(angle, velocity), energy(2.0, 1.0), places=3)

    def test_a_small_swing_has_the_textbook_period(self) -> None:
        steps = 100
        period = 2 * math.pi * math.sqrt(pendulum.LENGTH / pendulum.GRAVITY)
        angle, velocity = 1e-4, 0.0
        for _ in range(steps):
            angle, velocity = pendulum.advance(angle, velocity, torque=0.0, damping=0.0, step=period / steps)
        self.assertAlmostEqual(angle, 1e-4, delta=1e-9)

    def test_the_same_seed_records_the_same_rollouts(self) -> None:
        self.assertEqual(pendulum.record(2, 30, random.Random(7)), pendulum.record(2, 30, random.Random(7)))

    def test_a_whole_turn_is_no_error(self) -> None:
        rollout = pendulum.Rollout([0.0, 0.5], [0.0, 0.0], [0.0])
        self.assertAlmostEqual(evaluation.rmse([rollout], [[0.0, 0.5 + 2 * math.pi]]), 0.0, places=12)


class Plot(unittest.TestCase):
    def test_ticks_are_round_numbers_within_the_range(self) -> None:
        self.assertEqual([label for _, label in ticks(-2.3, 1.1, 5)], ["\u22122", "\u22121", "0", "1"])
        self.assertEqual([label for _, label in ticks(0.0, 0.3, 3)], ["0.0", "0.1", "0.2", "0.3"])


if __name__ == "__main__":
    unittest.main()
