"""The world model: encode one observation, step the latent state under an action, decode what would be seen.

    z[0]     = E o[0]                                     encoder
    z[t + 1] = z[t] + B tanh(A (z[t], u[t]))              transition, a residual step conditioned on the action
    o^[t]    = D z[t]                                     decoder

The division into a map to a latent state and a dynamics model inside it follows Ha and Schmidhuber, "World Models",
2018 (arXiv:1803.10122); training on open-loop predictions of several steps follows the latent overshooting idea of
Hafner et al., "Learning Latent Dynamics for Planning from Pixels", 2019 (arXiv:1811.04551). Everything is
deterministic here, and gradients are backpropagation through time (Werbos, Proceedings of the IEEE 78(10), 1990),
written by hand.

Observations and actions are standardised (no unit): o has 3 features, u has 1, z has `latent`.
"""

from __future__ import annotations

import math
import random
from typing import Any

from linear import Batch, Linear

OBSERVED = 3
ACTIONS = 1
LATENT = 4
GENTLE_START = 0.1  # scale of the last transition layer: a fresh model predicts nearly no change, so long windows train


class WorldModel:
    """Four affine layers: `encoder`, `hidden` (A above), `step` (B) and `decoder`."""

    def __init__(self, encoder: Linear, hidden: Linear, step: Linear, decoder: Linear) -> None:
        self.encoder = encoder
        self.hidden = hidden
        self.step = step
        self.decoder = decoder

    @classmethod
    def fresh(cls, hidden: int, rng: random.Random, latent: int = LATENT) -> WorldModel:
        """A fresh model with `hidden` tanh units in the transition."""
        return cls(
            Linear.fresh(OBSERVED, latent, rng),
            Linear.fresh(latent + ACTIONS, hidden, rng),
            Linear.fresh(hidden, latent, rng, scale=GENTLE_START),
            Linear.fresh(latent, OBSERVED, rng),
        )

    def predict(self, first: list[float], actions: Batch) -> Batch:
        """Open loop: the T + 1 observations, shape [T + 1][3], that follow from the first one and T actions [T][1]."""
        states = self.encoder.forward([first])
        predicted = self.decoder.forward(states)
        for action in actions:
            active = _tanh(self.hidden.forward(_join(states, [action])))
            states = _add(states, self.step.forward(active))
            predicted += self.decoder.forward(states)
        return predicted

    def learn(self, observations: list[Batch], actions: list[Batch]) -> float:
        """The loss of a batch of windows; its gradients replace those in the layers.

        `observations` has shape [T + 1][batch][3] and `actions` [T][batch][1]. Only the first observation is encoded;
        the loss is the mean square of the error of all T + 1 predictions.
        """
        for layer in self.layers().values():
            layer.clear()

        states = [self.encoder.forward(observations[0])]
        entered: list[Batch] = []
        active: list[Batch] = []
        for action in actions:
            entered.append(_join(states[-1], action))
            active.append(_tanh(self.hidden.forward(entered[-1])))
            states.append(_add(states[-1], self.step.forward(active[-1])))

        batch = len(observations[0])
        count = len(states) * batch * OBSERVED
        loss = 0.0
        state_gradient = [[0.0] * len(states[0][0]) for _ in range(batch)]
        for t in range(len(actions), -1, -1):
            errors = _subtract(self.decoder.forward(states[t]), observations[t])
            loss += sum(error * error for row in errors for error in row) / count
            error_gradient = [[2 * error / count for error in row] for row in errors]
            state_gradient = _add(state_gradient, self.decoder.backward(states[t], error_gradient))
            if t > 0:
                active_gradient = self.step.backward(active[t - 1], state_gradient)
                bent = _through_tanh(active_gradient, active[t - 1])
                entered_gradient = self.hidden.backward(entered[t - 1], bent)
                state_gradient = _add(state_gradient, [row[:-ACTIONS] for row in entered_gradient])
        self.encoder.backward(observations[0], state_gradient)
        return loss

    def layers(self) -> dict[str, Linear]:
        """The layers by name, in the order of the computation."""
        return {"encoder": self.encoder, "hidden": self.hidden, "step": self.step, "decoder": self.decoder}

    def parameters(self) -> list[list[float]]:
        """The live parameter lists of all layers."""
        return [values for layer in self.layers().values() for values in layer.parameters()]

    def gradients(self) -> list[list[float]]:
        """The gradients, in the order of `parameters`."""
        return [values for layer in self.layers().values() for values in layer.gradients()]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {name: {"weight": layer.weight, "bias": layer.bias} for name, layer in self.layers().items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WorldModel:
        """The inverse of `to_dict`."""
        return cls(**{name: Linear(layer["weight"], layer["bias"]) for name, layer in data.items()})


def _tanh(batch: Batch) -> Batch:
    return [list(map(math.tanh, row)) for row in batch]


def _through_tanh(gradient: Batch, output: Batch) -> Batch:
    return [[g * (1 - y * y) for g, y in zip(gs, ys)] for gs, ys in zip(gradient, output)]


def _join(left: Batch, right: Batch) -> Batch:
    return [a + b for a, b in zip(left, right)]


def _add(left: Batch, right: Batch) -> Batch:
    return [[a + b for a, b in zip(x, y)] for x, y in zip(left, right)]


def _subtract(left: Batch, right: Batch) -> Batch:
    return [[a - b for a, b in zip(x, y)] for x, y in zip(left, right)]
