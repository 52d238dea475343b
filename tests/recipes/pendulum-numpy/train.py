"""Train a small world model of a driven pendulum, and measure how well it predicts swings that it has not seen.

    python3 train.py [--epochs N] [--seed N] [--rollouts N] [--horizon FRAMES] [--hidden UNITS]

Needs numpy (requirements.txt). The first line of stdout names the interpreter and the numpy that run this; progress
follows, one line an epoch; warnings and errors go to stderr. Exit code 0 when done, 1 when training or writing failed,
2 for a bad argument. See README.md for what is written.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator

try:
    import numpy as np
except ImportError as error:
    sys.exit(f"error: {error}: install it with: python3 -m pip install -r requirements.txt")

import evaluation
import output
import pendulum
import plot
from model import WorldModel
from optimiser import Adam, rate_at
from windows import Scale, Windows


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    say(f"interpreter {sys.prefix} (Python {sys.version.split()[0]}), numpy {np.__version__}")
    try:
        folder = output.folder()  # before the work: a folder that cannot be made should not cost a training
        metrics_file = output.metrics_file(folder)
        train_source, held_out_source, model_source, order_source = streams(options.seed, 4)
        train_rollouts = pendulum.record(options.rollouts, options.horizon, train_source)
        held_out_count = max(8, options.rollouts // 2)
        held_out = pendulum.record(held_out_count, options.horizon, held_out_source)
        scale = Scale.of(train_rollouts)
        model = WorldModel.fresh(options.hidden, model_source)
        size = sum(values.size for values in model.parameters())
        say(
            f"pendulum: {options.rollouts} training and {held_out_count} held-out rollouts of {options.horizon} frames "
            f"({options.horizon * pendulum.FRAME:g} s), {size} parameters, seed {options.seed}"
        )

        loss = train(model, Windows(train_rollouts, scale), options.epochs, order_source)
        predicted = evaluation.predicted_angles(model, scale, held_out)
        metrics = evaluate(held_out, predicted)
        metrics.update(
            train_loss=loss,
            epochs=options.epochs,
            seed=options.seed,
            train_rollouts=options.rollouts,
            held_out_rollouts=held_out_count,
            horizon_frames=options.horizon,
            horizon_seconds=options.horizon * pendulum.FRAME,
        )

        output.write_json(folder / "model.json", saved(model, scale))
        output.write_text(folder / "prediction.svg", picture(held_out, predicted, metrics))
        output.write_json(metrics_file, metrics)
    except Diverged as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"cannot write results: {error}")
    say(f"wrote {folder / 'model.json'}, {folder / 'prediction.svg'} and {metrics_file}")
    return 0


class Diverged(Exception):
    """Training reached values that are not finite."""


def train(model: WorldModel, windows: Windows, epochs: int, rng: np.random.Generator) -> float:
    """Adjust the model in place; the mean loss of the last epoch (standardised units squared)."""
    adam = Adam(model.parameters())
    loss = math.inf
    for epoch in range(epochs):
        losses = []
        for done, observations, actions in windows.batches(rng):
            losses.append(model.learn(observations, actions))
            adam.update(model.gradients(), rate_at((epoch + done) / epochs))
        loss = sum(losses) / len(losses)
        if not math.isfinite(loss):
            raise Diverged(f"training diverged in epoch {epoch + 1}: loss {loss}")
        say(f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}  train loss {loss:.5f}")
    return loss


def evaluate(held_out: pendulum.Rollouts, predicted: np.ndarray) -> dict[str, float]:
    """The errors over all held-out rollouts, in rad, of the model and of the baselines."""
    error = evaluation.rmse(held_out, predicted)
    if not math.isfinite(error):
        raise Diverged("the trained model predicts values that are not finite")
    unchanged = evaluation.rmse(held_out, evaluation.unchanged_angles(held_out))
    coasting = evaluation.rmse(held_out, evaluation.coasting_angles(held_out))
    say(f"open-loop RMSE {error:.4f} rad; nothing changes {unchanged:.4f} rad; constant velocity {coasting:.4f} rad")
    return {
        "open_loop_rmse": error,
        "baseline_rmse": min(unchanged, coasting),
        "nothing_changes_rmse": unchanged,
        "constant_velocity_rmse": coasting,
    }


def picture(held_out: pendulum.Rollouts, predicted: np.ndarray, metrics: dict[str, float]) -> str:
    """The plot of four held-out rollouts, from the best predicted to the worst."""
    errors = evaluation.rmse_of_each(held_out, predicted)
    unchanged = evaluation.unchanged_angles(held_out)
    order = np.argsort(errors, kind="stable")
    last = len(order) - 1
    panels = []
    for name, rank in (("best", 0), ("median", last // 2), ("90th percentile", last * 9 // 10), ("worst", last)):
        at = order[rank]
        lines = [angles[:, at].tolist() for angles in (held_out.angles, predicted, unchanged)]
        panels.append(plot.Panel(f"{name}: RMSE {errors[at]:.3f} rad", *lines))
    model, baseline = metrics["open_loop_rmse"], metrics["baseline_rmse"]
    subtitle = f"RMSE over all {len(order)}: world model {model:.3f} rad, better baseline {baseline:.3f} rad"
    return plot.svg("Pendulum: held-out swings, predicted from one frame", subtitle, panels, pendulum.FRAME)


def saved(model: WorldModel, scale: Scale) -> dict[str, object]:
    """The content of model.json: all that `WorldModel.from_dict` and `Scale` need to predict again."""
    return {
        "observation": ["cos(theta)", "sin(theta)", "theta' [rad/s]"],
        "action": ["torque [N m]"],
        "frame_seconds": pendulum.FRAME,
        "scale": scale.to_dict(),
        "layers": model.to_dict(),
    }


def streams(seed: int, count: int) -> Iterator[np.random.Generator]:
    """A random source of its own for each purpose, so that a change in one leaves the others as they were."""
    return map(np.random.default_rng, np.random.SeedSequence(seed).spawn(count))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small world model of a driven pendulum.", allow_abbrev=False)
    parser.add_argument("--epochs", type=whole(1, 10_000), default=40, help="passes over the training data (default 40)")
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="same seed, same result (default 0)")
    parser.add_argument("--rollouts", type=whole(2, 10_000), default=192, help="recorded for training (default 192)")
    parser.add_argument("--horizon", type=whole(2, 1_000), default=60, help="frames predicted open loop (default 60)")
    parser.add_argument("--hidden", type=whole(1, 512), default=32, help="units of the transition (default 32)")
    return parser.parse_args(arguments)


def whole(low: int, high: int) -> Callable[[str], int]:
    """An argparse type: a whole number within bounds."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is out of range: give {low} to {high}")
        return value

    return convert


def say(line: str) -> None:
    print(line, flush=True)


def fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
