"""An affine layer with hand-written gradients, on plain lists.

A batch is a list of rows, shape [batch][features]. `backward` adds to the gradients and never clears them, because a
layer that is used at every time step of a window collects one sum over all of them.
"""

from __future__ import annotations

import math
import random
from operator import mul

Batch = list[list[float]]


class Linear:
    """y = W x + b, with W of shape [outputs][inputs] and b of shape [outputs]."""

    def __init__(self, weight: Batch, bias: list[float]) -> None:
        self.weight = weight
        self.bias = bias
        self.clear()

    @classmethod
    def fresh(cls, inputs: int, outputs: int, rng: random.Random, scale: float = 1.0) -> Linear:
        """Uniform weights after Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010; zero bias."""
        bound = scale * math.sqrt(6 / (inputs + outputs))
        return cls([[rng.uniform(-bound, bound) for _ in range(inputs)] for _ in range(outputs)], [0.0] * outputs)

    def clear(self) -> None:
        """Set the gradients to zero."""
        self.weight_gradient = [[0.0] * len(row) for row in self.weight]
        self.bias_gradient = [0.0] * len(self.bias)

    def forward(self, inputs: Batch) -> Batch:
        """Shape [batch][inputs] to [batch][outputs]."""
        rows = list(zip(self.weight, self.bias))
        return [[sum(map(mul, weights, x), bias) for weights, bias in rows] for x in inputs]

    def backward(self, inputs: Batch, output_gradient: Batch) -> Batch:
        """Add dL/dW and dL/db, given the inputs of `forward` and dL/dy; returns dL/dx, shape [batch][inputs]."""
        input_columns = list(zip(*inputs))
        for index, column in enumerate(zip(*output_gradient)):
            gradient = self.weight_gradient[index]
            for place, values in enumerate(input_columns):
                gradient[place] += sum(map(mul, column, values))
            self.bias_gradient[index] += sum(column)
        weight_columns = list(zip(*self.weight))
        return [[sum(map(mul, dy, column)) for column in weight_columns] for dy in output_gradient]

    def parameters(self) -> list[list[float]]:
        """Every row of W, then b: the live lists, to be changed in place."""
        return [*self.weight, self.bias]

    def gradients(self) -> list[list[float]]:
        """The gradients, in the order of `parameters`."""
        return [*self.weight_gradient, self.bias_gradient]
