"""The world model: encode one observation, step the latent state under an action, decode what would be seen.

    z[0]     = E o[0]                                     encoder
    z[t + 1] = z[t] + B tanh(A (z[t], u[t]))              transition, a residual step conditioned on the action
    o^[t]    = D z[t]                                     decoder

The division into a map to a latent state and a dynamics model inside it follows Ha and Schmidhuber, "World Models",
2018 (arXiv:1803.10122); training on open-loop predictions of several steps follows the latent overshooting idea of
Hafner et al., "Learning Latent Dynamics for Planning from Pixels", 2019 (arXiv:1811.04551). Everything is
deterministic here, and gradients are backpropagation through time (Werbos, Proceedings of the IEEE 78(10), 1990),
written by hand.

Observations and actions are standardised (no unit): o has 3 features, u has 1, z has `latent`. Arrays are time first:
[time, batch, features].
"""

from __future__ import annotations

from typing import Any

import numpy as np

OBSERVED = 3
ACTIONS = 1
LATENT = 4
GENTLE_START = 0.1  # scale of the last transition layer: a fresh model predicts nearly no change, so long windows train


class Linear:
    """y = x W^T + b, with W of shape [outputs, inputs] and b of shape [outputs], and the gradients of both."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self.weight = weight
        self.bias = bias
        self.weight_gradient = np.zeros_like(weight)
        self.bias_gradient = np.zeros_like(bias)

    @classmethod
    def fresh(cls, inputs: int, outputs: int, rng: np.random.Generator, scale: float = 1.0) -> Linear:
        """Uniform weights after Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010; zero bias."""
        bound = scale * np.sqrt(6 / (inputs + outputs))
        return cls(rng.uniform(-bound, bound, (outputs, inputs)), np.zeros(outputs))

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Shape [..., inputs] to [..., outputs]."""
        return inputs @ self.weight.T + self.bias

    def backward(self, inputs: np.ndarray, output_gradient: np.ndarray) -> np.ndarray:
        """Add dL/dW and dL/db, given the inputs of `forward` and dL/dy, both [batch, ...]; returns dL/dx."""
        self.weight_gradient += output_gradient.T @ inputs
        self.bias_gradient += output_gradient.sum(axis=0)
        return output_gradient @ self.weight

    def clear(self) -> None:
        """Set the gradients to zero."""
        self.weight_gradient[...] = 0
        self.bias_gradient[...] = 0


class WorldModel:
    """Four affine layers: `encoder`, `hidden` (A above), `step` (B) and `decoder`."""

    def __init__(self, encoder: Linear, hidden: Linear, step: Linear, decoder: Linear) -> None:
        self.encoder = encoder
        self.hidden = hidden
        self.step = step
        self.decoder = decoder

    @classmethod
    def fresh(cls, hidden: int, rng: np.random.Generator, latent: int = LATENT) -> WorldModel:
        """A fresh model with `hidden` tanh units in the transition."""
        return cls(
            Linear.fresh(OBSERVED, latent, rng),
            Linear.fresh(latent + ACTIONS, hidden, rng),
            Linear.fresh(hidden, latent, rng, scale=GENTLE_START),
            Linear.fresh(latent, OBSERVED, rng),
        )

    def predict(self, first: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Open loop: the observations [T + 1, batch, 3] that follow from the first [batch, 3] and actions [T, batch, 1]."""
        states, _, _ = self._unroll(first, actions)
        return self.decoder.forward(states)

    def learn(self, observations: np.ndarray, actions: np.ndarray) -> float:
        """The loss of windows [T + 1, batch, 3] under actions [T, batch, 1]; its gradients replace those in the layers.

        Only the first observation is encoded; the loss is the mean square of the error of all T + 1 predictions.
        """
        for layer in self.layers().values():
            layer.clear()

        states, entered, active = self._unroll(observations[0], actions)
        errors = self.decoder.forward(states) - observations
        error_gradient = 2 * errors / errors.size

        state_gradient = np.zeros_like(states[0])
        for t in range(len(actions), -1, -1):
            state_gradient = state_gradient + self.decoder.backward(states[t], error_gradient[t])
            if t > 0:
                active_gradient = self.step.backward(active[t - 1], state_gradient)
                entered_gradient = self.hidden.backward(entered[t - 1], active_gradient * (1 - active[t - 1] ** 2))
                state_gradient = state_gradient + entered_gradient[:, :-ACTIONS]
        self.encoder.backward(observations[0], state_gradient)
        return float(np.mean(errors**2))

    def _unroll(self, first: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
        """The states [T + 1, batch, latent], and what entered and left the hidden layer at each of T steps."""
        states = [self.encoder.forward(first)]
        entered = []
        active = []
        for action in actions:
            entered.append(np.concatenate([states[-1], action], axis=1))
            active.append(np.tanh(self.hidden.forward(entered[-1])))
            states.append(states[-1] + self.step.forward(active[-1]))
        return np.stack(states), entered, active

    def layers(self) -> dict[str, Linear]:
        """The layers by name, in the order of the computation."""
        return {"encoder": self.encoder, "hidden": self.hidden, "step": self.step, "decoder": self.decoder}

    def parameters(self) -> list[np.ndarray]:
        """The live parameter arrays of all layers."""
        return [values for layer in self.layers().values() for values in (layer.weight, layer.bias)]

    def gradients(self) -> list[np.ndarray]:
        """The gradients, in the order of `parameters`."""
        return [values for layer in self.layers().values() for values in (layer.weight_gradient, layer.bias_gradient)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            name: {"weight": layer.weight.tolist(), "bias": layer.bias.tolist()} for name, layer in self.layers().items()
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WorldModel:
        """The inverse of `to_dict`."""
        return cls(**{name: Linear(np.array(layer["weight"]), np.array(layer["bias"])) for name, layer in data.items()})
