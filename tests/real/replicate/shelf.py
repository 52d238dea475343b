"""What the facade keeps: models, versions, deployments, files, predictions and trainings."""

import hashlib
import secrets
import threading
import time
from datetime import datetime, timezone

import predict
from cogs import Cog

OVER = ("succeeded", "failed", "canceled", "aborted")
LETTERS = "abcdefghijkmnpqrstvwxyz0123456789"


def now():
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_id():
    return "".join(secrets.choice(LETTERS) for _ in range(26))


def version(what, number):
    digest = hashlib.sha256(f"{what} {number}".encode()).hexdigest()
    return {"id": digest, "created_at": now(), "cog_version": "0.23.1", "openapi_schema": predict.SCHEMAS[what]}


class Model:
    def __init__(self, owner, name, what, official=False, versions=2):
        self.owner, self.name, self.what, self.official = owner, name, what, official
        self.versions = [version(what, number) for number in range(versions)][::-1]

    def shown(self):
        return {
            "url": f"https://replicate.com/{self.owner}/{self.name}",
            "owner": self.owner,
            "name": self.name,
            "description": "a model of the tests",
            "visibility": "private",
            "github_url": None,
            "paper_url": None,
            "license_url": None,
            "run_count": 0,
            "cover_image_url": None,
            "default_example": None,
            "is_official": self.official,
            "latest_version": self.versions[0] if self.versions else None,
        }


class Prediction:
    """One prediction or training, told by the webhooks of its cog server."""

    def __init__(self, model, version_id, inputs, kind="predictions", deployment=None, destination=None):
        self.id, self.model, self.version, self.input, self.kind = new_id(), model, version_id, inputs, kind
        self.deployment, self.destination = deployment, destination
        self.status, self.output, self.error, self.logs, self.metrics = "starting", None, None, "", {}
        self.created_at, self.started_at, self.completed_at = now(), None, None
        self.tokens = []
        self.changed = threading.Condition()
        self.wants_cancel = False

    def hear(self, told):
        """A webhook. They can overtake each other: nothing changes any more after the end."""
        with self.changed:
            if self.status in OVER:
                return
            status = told.get("status", self.status)
            self.started_at = self.started_at or now()
            if len(told.get("logs") or "") >= len(self.logs):
                self.logs = told.get("logs") or ""
            output = told.get("output")
            if isinstance(output, list) and all(isinstance(token, str) for token in output) and self.model.what == "Story":
                self.tokens.extend((f"{time.time_ns() // 1000}:{n}", token) for n, token in enumerate(output) if n >= len(self.tokens))
            if status in OVER or self.model.what == "Story":
                self.output = output if output is not None else self.output
            if status in OVER:
                self.error, self.completed_at = told.get("error"), now()
                self.metrics = {**told.get("metrics", {}), "total_time": round(time.time() - stamp(self.created_at), 6)}
                if self.kind == "trainings" and status == "succeeded":
                    self.output = {"version": self.destination.trained(), "weights": told.get("output")}
            self.status = status
            self.changed.notify_all()

    def wait(self, seconds, until=lambda self: self.status in OVER):
        with self.changed:
            self.changed.wait_for(lambda: until(self), timeout=seconds)


def stamp(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Trained(Model):
    """A model that trainings make versions of."""

    def trained(self):
        self.versions.insert(0, version(self.what, f"trained {len(self.versions)}"))
        return f"{self.owner}/{self.name}:{self.versions[0]['id']}"


class Shelf:
    def __init__(self, hooks):
        self.hooks = hooks
        self.lock = threading.RLock()
        models = [Model("acme", "echo", "Echo"), Model("acme", "story", "Story", official=True, versions=1), Model("acme", "paper", "Paper")]
        models += [Trained("acme", "tuned", "Echo", versions=0)]
        self.models = {(model.owner, model.name): model for model in models}
        self.deployments, self.files, self.uploads, self.cogs, self.all = {}, {}, {}, {}, {}
        self.deploy("acme", "lines", "acme/echo", self.models["acme", "echo"].versions[1]["id"], "cpu", 0, 1)

    def deploy(self, owner, name, model, version_id, hardware, least, most):
        release = {
            "number": 1,
            "model": model,
            "version": version_id,
            "created_at": now(),
            "created_by": {"type": "organization", "username": "acme", "name": "Acme", "github_url": None},
            "configuration": {"hardware": hardware, "min_instances": least, "max_instances": most},
        }
        self.deployments[owner, name] = {"owner": owner, "name": name, "current_release": release}
        return self.deployments[owner, name]

    def find_version(self, reference):
        """Model and version id of `ID`, `OWNER/NAME` or `OWNER/NAME:ID`."""
        path, _, wanted = reference.partition(":") if "/" in reference else ("", "", reference)
        for key, model in self.models.items():
            if path and "/".join(key) != path:
                continue
            for found in model.versions:
                if not wanted or found["id"] == wanted:
                    return model, found["id"]
        return None, None

    def create(self, prediction):
        with self.lock:
            self.all[prediction.id] = prediction
        threading.Thread(target=self.run, args=(prediction,), daemon=True).start()
        return prediction

    def run(self, prediction):
        """Hand it to its cog server once that has room, as a queue does."""
        what = "train" if prediction.kind == "trainings" else prediction.model.what
        with self.lock:
            cog = self.cogs.setdefault(what, None) or Cog(what, self.hooks)
            self.cogs[what] = cog
        inputs = {key: self.local(value) for key, value in prediction.input.items()}
        while not prediction.wants_cancel:
            if cog.start(prediction.id, inputs):
                if prediction.wants_cancel:
                    cog.cancel(prediction.id)
                return
            time.sleep(0.05)
        prediction.hear({"status": "canceled"})

    def local(self, value):
        """A file of this API is fetched by the cog server without a token, from beside the API."""
        for file_id in self.files:
            if isinstance(value, str) and value.endswith(f"/v1/files/{file_id}"):
                return f"{self.hooks}/files/{file_id}"
        return value

    def cancel(self, prediction, status="canceled"):
        prediction.wants_cancel = True
        if prediction.status == "starting" and prediction.started_at is None:
            prediction.hear({"status": status})
        cog = self.cogs.get("train" if prediction.kind == "trainings" else prediction.model.what)
        if cog is not None:
            threading.Thread(target=cog.cancel, args=(prediction.id,), daemon=True).start()
