"""Real `cog` servers, one for each model, started when a model is first used."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(method, url, body=None, headers=()):
    """Status and bytes of an answer, also of a refusal."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json", **dict(headers)})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


class Cog:
    """One server. It dies with this process, whatever ends it."""

    def __init__(self, what, hooks):
        self.what, self.hooks = what, hooks
        self.port = free_port()
        self.process = None
        self.ready = threading.Event()
        # The signal at the death of a parent follows the thread that started the child, so this one stays.
        threading.Thread(target=self.keep, daemon=True).start()

    def keep(self):
        folder = os.path.dirname(sys.executable)
        variables = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PORT": str(self.port),
            "COG_PREDICT_TYPE_STUB": f"predict.py:{'Echo' if self.what == 'train' else self.what}",
            "COG_TRAIN_TYPE_STUB": "predict.py:train",
            "COG_LOG_LEVEL": "warning",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        mode = ["--x-mode", "train"] if self.what == "train" else []
        die = lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        line = ["python", "-m", "cog.server.http", "--host", "127.0.0.1", "--upload-url", f"{self.hooks}/upload", *mode]
        self.process = subprocess.Popen(
            line, cwd=HERE, env={**os.environ, **variables}, preexec_fn=die, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while self.process.poll() is None and not self.is_ready():
            time.sleep(0.02)
        self.ready.set()
        self.process.wait()

    def is_ready(self):
        try:
            status, body = request("GET", f"http://127.0.0.1:{self.port}/health-check")
        except OSError:
            return False
        return status == 200 and json.loads(body)["status"] == "READY"

    def start(self, prediction, inputs):
        """Whether the server took it; it has one place, and says so when that is taken."""
        self.ready.wait()
        body = {
            "input": inputs,
            "webhook": f"{self.hooks}/cog/{prediction}",
            "webhook_events_filter": ["start", "output", "logs", "completed"],
        }
        url = f"http://127.0.0.1:{self.port}/predictions/{prediction}"
        status, _ = request("PUT", url, body, {"prefer": "respond-async"}.items())
        return status == 202

    def cancel(self, prediction):
        request("POST", f"http://127.0.0.1:{self.port}/predictions/{prediction}/cancel")
