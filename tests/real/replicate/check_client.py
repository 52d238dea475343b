"""Checks the facade with the public `replicate` client: what that client understands is the API.

Takes the port of the API, the file of the authority that signed its certificate, and the token.
"""

import io
import os
import sys

import httpx
import replicate
from replicate.exceptions import ModelError, ReplicateError

PORT, AUTHORITY, TOKEN = sys.argv[1:4]
BASE = f"https://127.0.0.1:{PORT}"


def client(token):
    import ssl

    trust = ssl.create_default_context(cafile=AUTHORITY)
    return replicate.Client(api_token=token, base_url=BASE, transport=httpx.HTTPTransport(verify=trust))


def refused(status, act):
    try:
        act()
    except ReplicateError as error:
        assert error.status == status, error
    else:
        raise AssertionError(f"expected status {status}")


def main():
    here = client(TOKEN)
    assert here.accounts.current().username == "acme"
    assert [hardware.sku for hardware in here.hardware.list()] == ["cpu", "gpu-t4"]

    model = here.models.get("acme/echo")
    latest = model.latest_version.id
    assert [version.id for version in model.versions.list()][0] == latest
    assert model.versions.get(latest).cog_version == "0.23.1"
    assert {model.name for model in here.models.list()} >= {"echo", "story", "paper", "tuned"}

    assert here.run(f"acme/echo:{latest}", input={"text": "hi"}) == "hi"
    assert "".join(here.run("acme/story", input={"text": "once upon a time"})) == "once upon a time "
    paper = here.models.get("acme/paper").latest_version.id
    assert here.run(f"acme/paper:{paper}", input={"text": "ink"}).read() == b"INK"
    try:
        here.run(f"acme/echo:{latest}", input={"text": "x", "fail": True})
    except ModelError as error:
        assert "asked to fail over x" in error.prediction.error, error.prediction.error
    else:
        raise AssertionError("a prediction that fails has to fail")
    refused(422, lambda: here.predictions.create(version=latest, input={"text": 5}))
    refused(422, lambda: here.predictions.create(version=latest, input={}))
    refused(404, lambda: here.models.predictions.create(model="acme/echo", input={"text": "x"}))
    refused(404, lambda: here.models.get("acme/nothing"))

    told = list(here.stream("acme/story", input={"text": "a b c"}))
    assert [event.data for event in told if event.event.value == "output"] == ["a ", "b ", "c "], told
    assert told[-1].event.value == "done"

    slow = here.predictions.create(version=latest, input={"text": "slow", "seconds": 30})
    assert slow.status in ("starting", "processing")
    slow.cancel()
    slow.wait()
    assert slow.status == "canceled" and here.predictions.get(slow.id).status == "canceled"
    slow.cancel()

    first = here.predictions.list()
    assert first.results[0].id == slow.id and len(first.results) == 5 and first.previous is None
    second = here.predictions.list(cursor=first.next)
    assert second.results and not {one.id for one in first} & {one.id for one in second}

    logged = here.predictions.create(version=latest, input={"text": "loud", "lines": 3})
    logged.wait()
    assert logged.logs == "working on loud\nline 0\nline 1\nline 2\n", logged.logs
    assert logged.metrics["predict_time"] > 0

    file = here.files.create(io.BytesIO(b"from a file"), filename="a.txt")
    assert file.size == 11 and here.files.get(file.id).name == "a.txt"
    assert here.run(f"acme/paper:{paper}", input={"file": io.BytesIO(b"sent along")}).read() == b"SENT ALONG"
    assert file.id in [one.id for one in here.files.list()]
    assert here.files.delete(file.id)
    refused(404, lambda: here.files.get(file.id))

    deployment = here.deployments.get("acme/lines")
    made = deployment.predictions.create(input={"text": "deployed"})
    made.wait()
    assert made.output == "deployed" and made.version == deployment.current_release.version
    ask = {"model": "acme/echo", "version": latest, "hardware": "cpu", "min_instances": 0, "max_instances": 2}
    here.deployments.create(name="more", **ask)
    assert here.deployments.update("acme", "more", max_instances=3).current_release.configuration.max_instances == 3
    assert {one.name for one in here.deployments.list()} == {"lines", "more"}
    assert here.deployments.delete("acme", "more")

    training = here.trainings.create(model="acme/echo", version=latest, input={"rows": 3}, destination="acme/tuned")
    while training.status not in ("succeeded", "failed", "canceled"):
        training.reload()
    assert training.status == "succeeded" and training.logs == "row 0\nrow 1\nrow 2\n", training
    assert training.output["version"] == f"acme/tuned:{here.models.get('acme/tuned').latest_version.id}"
    assert here.trainings.list().results[0].id == training.id

    refused(401, lambda: client("wrong").accounts.current())
    print("the client and the facade agree")


if __name__ == "__main__":
    os.environ.pop("REPLICATE_API_TOKEN", None)
    main()
