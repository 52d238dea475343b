"""The models behind the facade, each run by a real `cog` server."""

import tempfile
import time

from cog import BasePredictor, ConcatenateIterator, Input, Path


class Echo(BasePredictor):
    """Says back what it is given; slowly, loudly or not at all if it is asked to."""

    def run(
        self,
        text: str = Input(description="what to say back"),
        seconds: float = Input(default=0, description="how long to take"),
        lines: int = Input(default=0, description="lines to print on the way"),
        fail: bool = Input(default=False, description="fail instead"),
    ) -> str:
        print(f"working on {text}", flush=True)
        for line in range(lines):
            print(f"line {line}", flush=True)
            time.sleep(seconds / lines)
        # In small steps, so that a cancellation is noticed soon.
        end = time.monotonic() + (0 if lines else seconds)
        while time.monotonic() < end:
            time.sleep(0.05)
        if fail:
            raise ValueError(f"asked to fail over {text}")
        return text


class Story(BasePredictor):
    """Tells one word after the other."""

    def run(
        self,
        text: str = Input(description="the story"),
        seconds: float = Input(default=0, description="how long each word takes"),
    ) -> ConcatenateIterator[str]:
        for word in text.split():
            print(f"saying {word}", flush=True)
            yield f"{word} "
            time.sleep(seconds)


class Paper(BasePredictor):
    """Writes what it is given into a file, in capital letters."""

    def run(
        self,
        text: str = Input(default="", description="what to write"),
        file: Path = Input(default=None, description="a file with more of it"),
        repeat: int = Input(default=1, description="how often to write it"),
    ) -> Path:
        more = Path(file).read_text() if file is not None else ""
        out = Path(tempfile.mkdtemp()) / "paper.txt"
        out.write_text((text + more).upper() * repeat)
        return out


def train(rows: int = Input(default=1, description="how much to learn")) -> str:
    """Learns nothing."""
    for row in range(rows):
        print(f"row {row}", flush=True)
        time.sleep(0.05)
    return f"weights of {rows} rows"


TRAINING = {"type": "object", "title": "TrainingInput", "required": [], "properties": {"rows": {"type": "integer", "default": 1}}}


def schema(required, **properties):
    """What the API tells about the input of a version; `cog` itself has none where it runs outside of an image."""
    inputs = {"type": "object", "title": "Input", "required": required, "properties": properties}
    return {"openapi": "3.0.2", "components": {"schemas": {"Input": inputs, "TrainingInput": TRAINING, "Output": {"title": "Output"}}}}


SCHEMAS = {
    "Echo": schema(
        ["text"],
        text={"type": "string"},
        seconds={"type": "number", "default": 0},
        lines={"type": "integer", "default": 0},
        fail={"type": "boolean", "default": False},
    ),
    "Story": schema(["text"], text={"type": "string"}, seconds={"type": "number", "default": 0}),
    "Paper": schema(
        [],
        text={"type": "string", "default": ""},
        file={"type": "string", "format": "uri"},
        repeat={"type": "integer", "default": 1},
    ),
}
