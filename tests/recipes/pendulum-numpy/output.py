"""Where results go, and how they get there: whole, or not at all.

WORLDFLUX_OUTPUT_DIR names the folder for the model and the plot (default `outputs/pendulum-numpy` below the current folder),
WORLDFLUX_METRICS the file for the metrics (default `metrics.json` in that folder).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = "outputs/pendulum-numpy"


def folder() -> Path:
    """The output folder, made if missing."""
    path = Path(os.environ.get("WORLDFLUX_OUTPUT_DIR") or DEFAULT_FOLDER)
    path.mkdir(parents=True, exist_ok=True)
    return path


def metrics_file(folder: Path) -> Path:
    """The file for the metrics; its folder is made if missing."""
    path = Path(os.environ.get("WORLDFLUX_METRICS") or folder / "metrics.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Indented JSON with a final newline; NaN and infinities are refused with a ValueError."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a temporary file beside `path`, then put it in place: a reader sees the old file or the new, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
