"""Train a small world model of a driven pendulum, and measure how well it predicts swings that it has not seen.

    python3 train.py [--epochs N] [--seed N] [--rollouts N] [--horizon FRAMES] [--hidden UNITS]

Standard library only, Python 3.9 or later. Progress goes to stdout, one line an epoch; warnings and errors to stderr.
Exit code 0 when done, 1 when training or writing failed, 2 for a bad argument. See README.md for what is written.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable

import evaluation
import output
import pendulum
import plot
from model import WorldModel
from optimiser import Adam, rate_at
from windows import Scale, Windows


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        folder = output.folder()  # before the work: a folder that cannot be made should not cost a training
        metrics_file = output.metrics_file(folder)
        train_rollouts = pendulum.record(options.rollouts, options.horizon, stream(options.seed, "train"))
        held_out = pendulum.record(max(8, options.rollouts // 2), options.horizon, stream(options.seed, "held out"))
        scale = Scale.of(train_rollouts)
        model = WorldModel.fresh(options.hidden, stream(options.seed, "model"))
        say(
            f"pendulum: {len(train_rollouts)} training and {len(held_out)} held-out rollouts of {options.horizon} frames "
            f"({options.horizon * pendulum.FRAME:g} s), {sum(map(len, model.parameters()))} parameters, seed {options.seed}"
        )

        loss = train(model, Windows(train_rollouts, scale), options.epochs, stream(options.seed, "order"))
        predicted = [evaluation.predicted_angles(model, scale, rollout) for rollout in held_out]
        metrics = evaluate(held_out, predicted)
        metrics.update(
            train_loss=loss,
            epochs=options.epochs,
            seed=options.seed,
            train_rollouts=len(train_rollouts),
            held_out_rollouts=len(held_out),
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


def train(model: WorldModel, windows: Windows, epochs: int, rng: random.Random) -> float:
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


def evaluate(held_out: list[pendulum.Rollout], predicted: list[list[float]]) -> dict[str, float]:
    """The errors over all held-out rollouts, in rad, of the model and of the baselines."""
    error = evaluation.rmse(held_out, predicted)
    if not math.isfinite(error):
        raise Diverged("the trained model predicts values that are not finite")
    unchanged = evaluation.rmse(held_out, [evaluation.unchanged_angles(rollout) for rollout in held_out])
    coasting = evaluation.rmse(held_out, [evaluation.coasting_angles(rollout) for rollout in held_out])
    say(f"open-loop RMSE {error:.4f} rad; nothing changes {unchanged:.4f} rad; constant velocity {coasting:.4f} rad")
    return {
        "open_loop_rmse": error,
        "baseline_rmse": min(unchanged, coasting),
        "nothing_changes_rmse": unchanged,
        "constant_velocity_rmse": coasting,
    }


def picture(held_out: list[pendulum.Rollout], predicted: list[list[float]], metrics: dict[str, float]) -> str:
    """The plot of four held-out rollouts, from the best predicted to the worst."""
    errors = [evaluation.rmse([rollout], [angles]) for rollout, angles in zip(held_out, predicted)]
    order = sorted(range(len(held_out)), key=errors.__getitem__)
    last = len(order) - 1
    panels = []
    for name, rank in (("best", 0), ("median", last // 2), ("90th percentile", last * 9 // 10), ("worst", last)):
        at = order[rank]
        unchanged = evaluation.unchanged_angles(held_out[at])
        panels.append(plot.Panel(f"{name}: RMSE {errors[at]:.3f} rad", held_out[at].angles, predicted[at], unchanged))
    model, baseline = metrics["open_loop_rmse"], metrics["baseline_rmse"]
    subtitle = f"RMSE over all {len(held_out)}: world model {model:.3f} rad, better baseline {baseline:.3f} rad"
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


def stream(seed: int, purpose: str) -> random.Random:
    """A random source of its own for each purpose, so that a change in one leaves the others as they were."""
    return random.Random(f"{seed} {purpose}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small world model of a driven pendulum.", allow_abbrev=False)
    parser.add_argument("--epochs", type=whole(1, 10_000), default=30, help="passes over the training data (default 30)")
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="same seed, same result (default 0)")
    parser.add_argument("--rollouts", type=whole(2, 10_000), default=48, help="recorded for training (default 48)")
    parser.add_argument("--horizon", type=whole(2, 1_000), default=60, help="frames predicted open loop (default 60)")
    parser.add_argument("--hidden", type=whole(1, 512), default=16, help="units of the transition (default 16)")
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
