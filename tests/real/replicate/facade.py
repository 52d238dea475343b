"""The `/v1` API of Replicate over real `cog` servers, for tests.

What it keeps to was read from the public documentation and the public Python client, which checks it (`check_client.py`). It is served over TLS
with a given certificate. Beside it, on plain HTTP of the loopback interface, is the side of the tests: `GET /seen` (every request that came),
`POST /faults` (what to do wrong next), and what the cog servers need.

Prints one line of JSON once it is ready, and ends when its standard input does.
"""

import argparse
import json
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import predict
from shelf import OVER, Prediction, Shelf, new_id, now

PAGE = 5
NAME = r"([A-Za-z0-9._-]+)"


class Refusal(Exception):
    def __init__(self, status, detail, headers=()):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    facade = None

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in (self.headers.get("transfer-encoding") or "").lower():
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status, content=b"", media_type="application/json", headers=()):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**dict(headers), "content-type": media_type, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def any_method(self):
        self.path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        self.raw = self.body()
        try:
            self.serve()
        except Refusal as refusal:
            told = {"title": "Refused", "detail": refusal.detail, "status": refusal.status}
            self.answer(refusal.status, told, "application/problem+json", refusal.headers)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_QUERY = any_method


class Beside(Handler):
    """The side of the tests and of the cog servers."""

    def serve(self):
        facade, shelf = self.facade, self.facade.shelf
        if self.path == "/seen":
            self.answer(200, facade.seen)
        elif self.path == "/predictions":
            self.answer(200, [{"id": one.id, "status": one.status, "kind": one.kind} for one in shelf.all.values()])
        elif self.path == "/faults":
            facade.faults.extend(json.loads(self.raw))
            self.answer(200, facade.faults)
        elif self.path.startswith("/cog/"):
            shelf.all[self.path.removeprefix("/cog/")].hear(json.loads(self.raw))
            self.answer(200)
        elif self.path.startswith("/upload/"):
            shelf.uploads[os.path.basename(self.path)] = (self.headers.get("content-type"), self.raw)
            self.answer(200)
        elif self.path.startswith("/files/"):
            file = shelf.files[self.path.removeprefix("/files/")]
            self.answer(200, file["content"], file["content_type"])
        else:
            self.answer(404)


class Api(Handler):
    """What a client of the API sees."""

    def serve(self):
        facade = self.facade
        host = self.headers.get("host", "")
        token = self.headers.get("authorization", "")
        facade.seen.append(
            {
                "at": now(),
                "method": self.command,
                "host": host,
                "path": self.path,
                "query": self.query,
                "authorized": token == f"Bearer {facade.token}",
                "headers": {name: value for name, value in self.headers.items() if name.lower() != "authorization"},
                "body": self.raw[:4096].decode(errors="replace"),
            }
        )
        fault = facade.fault(f"{self.command} {self.path}")
        if fault and not fault.get("after"):
            return self.go_wrong(fault)
        if fault:
            self.answer = lambda *_, **__: None
        if self.path.startswith("/delivery/"):
            media_type, content = facade.shelf.uploads.get(os.path.basename(self.path), (None, None))
            if content is None:
                raise Refusal(404, "there is no such file")
            self.answer(200, content, media_type or "application/octet-stream")
        elif token != f"Bearer {facade.token}":
            raise Refusal(401, "You did not pass a valid authentication token")
        else:
            self.route()
        if fault:
            del self.answer
            self.go_wrong(fault)

    def go_wrong(self, fault):
        if fault["do"] == "drop":
            self.close_connection = True
            self.connection.close()
            return
        raise Refusal(int(fault["do"]), "as the test asked for", fault.get("headers", {}).items())

    def route(self):
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, self.path)
            if found and method == self.command:
                return act(self, *found.groups())
        raise Refusal(404, f"there is no {self.command} {self.path}")

    def json(self):
        try:
            return json.loads(self.raw)
        except ValueError:
            raise Refusal(400, "the body is not JSON") from None

    # The names by which a client reaches the API, the files and the streams.
    def origin(self, name):
        host = self.headers.get("host", "")
        real = {"api": "api.replicate.com", "stream": "stream.replicate.com", "delivery": "replicate.delivery"}
        return f"https://{real[name] if host in real.values() else host}"

    def shown(self, one):
        api = f"{self.origin('api')}/v1/{one.kind}/{one.id}"
        urls = {"get": api, "cancel": f"{api}/cancel"}
        if one.model.what == "Story":
            urls["stream"] = f"{self.origin('stream')}/v1/stream/{one.id}"
        shown = {
            "id": one.id,
            "model": f"{one.model.owner}/{one.model.name}",
            "version": one.version,
            "source": "api",
            "status": one.status,
            "input": one.input,
            "output": self.delivered(one.output),
            "error": one.error,
            "logs": one.logs,
            "metrics": one.metrics,
            "data_removed": False,
            "created_at": one.created_at,
            "started_at": one.started_at,
            "completed_at": one.completed_at,
            "urls": urls,
        }
        if one.kind == "trainings":
            shown["destination"] = f"{one.destination.owner}/{one.destination.name}"
        return {**shown, "deployment": one.deployment} if one.deployment else shown

    def delivered(self, output):
        """Files are behind the name under which they are given out."""
        if isinstance(output, str) and output.startswith(self.facade.shelf.hooks):
            return f"{self.origin('delivery')}/delivery/{output.rsplit('/', 1)[1]}"
        return [self.delivered(part) for part in output] if isinstance(output, list) else output

    def page(self, things, shown, path):
        """Newest first, in pages that a cursor goes through."""
        begin = int(self.query.get("cursor", 0))
        link = lambda at: f"{self.origin('api')}{path}?cursor={at}"
        following = link(begin + PAGE) if begin + PAGE < len(things) else None
        before = link(max(begin - PAGE, 0)) if begin else None
        self.answer(200, {"previous": before, "next": following, "results": [shown(thing) for thing in things[begin : begin + PAGE]]})

    def list_runs(self, kind):
        every = [one for one in self.facade.shelf.all.values() if one.kind == kind]
        self.page(every[::-1], self.shown, f"/v1/{kind}")

    def find(self, kind, wanted):
        one = self.facade.shelf.all.get(wanted)
        if one is None or one.kind != kind:
            raise Refusal(404, f"there is no such {kind[:-1]}")
        return one

    def model(self, owner, name):
        model = self.facade.shelf.models.get((owner, name))
        if model is None:
            raise Refusal(404, "The requested resource could not be found.")
        return model

    def create(self, model, version, deployment=None, kind="predictions", destination=None):
        given = self.json().get("input")
        if not isinstance(given, dict):
            raise Refusal(422, "input is missing")
        schemas = predict.SCHEMAS[model.what]["components"]["schemas"]
        schema = schemas["TrainingInput" if kind == "trainings" else "Input"]
        kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
        for name in schema["required"]:
            if name not in given:
                raise Refusal(422, f"- input: {name} is required")
        for name, value in given.items():
            wanted = schema["properties"].get(name, {}).get("type")
            if wanted and not isinstance(value, kinds[wanted]):
                raise Refusal(422, f"- input.{name}: Invalid type. Expected: {wanted}, given: {type(value).__name__}")
        one = self.facade.shelf.create(Prediction(model, version, given, kind, deployment, destination))
        if after := self.headers.get("cancel-after"):
            units = {"s": 1, "m": 60, "h": 3600}
            seconds = sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smh]?)", after.replace(" ", "")) if unit)
            seconds = seconds or int(after)
            timer = threading.Timer(seconds, lambda: self.facade.shelf.cancel(one, "aborted"))
            timer.daemon = True
            timer.start()
        prefer = re.match(r"wait(?:=(\d+))?", self.headers.get("prefer", ""))
        if prefer:
            one.wait(int(prefer.group(1) or 60))
        self.answer(201, self.shown(one))

    def create_by_version(self):
        reference = self.json().get("version") or ""
        model, version = self.facade.shelf.find_version(reference)
        if model is None:
            raise Refusal(422, "The specified version does not exist (or perhaps you don't have permission to use it?)")
        self.create(model, version)

    def create_by_model(self, owner, name):
        model = self.model(owner, name)
        if not model.official:
            raise Refusal(404, "The requested resource could not be found.")
        self.create(model, model.versions[0]["id"])

    def create_by_deployment(self, owner, name):
        release = self.deployment(owner, name)["current_release"]
        self.create(self.model(*release["model"].split("/")), release["version"], f"{owner}/{name}")

    def create_training(self, owner, name, version):
        model = self.model(owner, name)
        if version not in [found["id"] for found in model.versions]:
            raise Refusal(404, "there is no such version")
        destination = self.json().get("destination", "")
        target = self.facade.shelf.models.get(tuple(destination.split("/")))
        if target is None:
            raise Refusal(404, "The specified training destination does not exist")
        self.create(model, version, kind="trainings", destination=target)

    def cancel(self, kind, wanted):
        one = self.find(kind, wanted)
        if one.status not in OVER:
            self.facade.shelf.cancel(one)
            one.wait(0.3)
        self.answer(200, self.shown(one))

    def stream(self, wanted):
        """Words as server-sent events; goes on after the `Last-Event-ID` that a client names."""
        one = self.find("predictions", wanted)
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", "cache-control": "no-store", "connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        last, sent = self.headers.get("last-event-id"), 0
        if last:
            sent = next((n + 1 for n, (known, _) in enumerate(one.tokens) if known == last), 0)
        event = lambda kind, id, data: self.wfile.write(
            f"event: {kind}\nid: {id}\n{''.join(f'data: {line}{chr(10)}' for line in data.split(chr(10)))}\n".encode()
        )
        while True:
            one.wait(5, lambda one: len(one.tokens) > sent or one.status in OVER)
            for known, token in one.tokens[sent:]:
                event("output", known, token)
                sent += 1
            if one.status in OVER and sent == len(one.tokens):
                break
            self.wfile.write(b": still here\n")
        reason = {"succeeded": "{}", "canceled": '{"reason": "canceled"}'}.get(one.status, '{"reason": "error"}')
        if one.status == "failed":
            event("error", f"{time.time_ns() // 1000}:0", json.dumps({"detail": one.error}))
        event("done", f"{time.time_ns() // 1000}:1", reason)

    def deployment(self, owner, name):
        found = self.facade.shelf.deployments.get((owner, name))
        if found is None:
            raise Refusal(404, "The requested resource could not be found.")
        return found

    def create_deployment(self):
        ask = self.json()
        model, version = self.facade.shelf.find_version(ask["version"])
        if model is None:
            raise Refusal(422, "there is no such version")
        least, most = ask["min_instances"], ask["max_instances"]
        self.answer(201, self.facade.shelf.deploy("acme", ask["name"], ask["model"], version, ask["hardware"], least, most))

    def change_deployment(self, owner, name):
        release = self.deployment(owner, name)["current_release"]
        for key, value in self.json().items():
            (release["configuration"] if key in release["configuration"] else release)[key] = value
        release["number"] += 1
        self.answer(200, self.deployment(owner, name))

    def delete_deployment(self, owner, name):
        self.deployment(owner, name)
        del self.facade.shelf.deployments[owner, name]
        self.answer(204)

    def versions(self, owner, name):
        self.page(self.model(owner, name).versions, dict, f"/v1/models/{owner}/{name}/versions")

    def version(self, owner, name, wanted):
        for found in self.model(owner, name).versions:
            if found["id"] == wanted:
                return self.answer(200, found)
        raise Refusal(404, "The requested resource could not be found.")

    def file(self, wanted):
        found = self.facade.shelf.files.get(wanted)
        if found is None:
            raise Refusal(404, "there is no such file")
        shown = {key: value for key, value in found.items() if key != "content"}
        return {**shown, "urls": {"get": f"{self.origin('api')}/v1/files/{wanted}"}}

    def create_file(self):
        kind, _, boundary = self.headers.get("content-type", "").partition("boundary=")
        if not kind.startswith("multipart/form-data"):
            raise Refusal(400, "expected a form")
        for part in self.raw.split(b"--" + boundary.strip('"').encode())[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            name = re.search(rb'name="content"; filename="([^"]*)"', head)
            if name:
                media_type = re.search(rb"(?i)content-type: ([^\r\n]+)", head)
                content = content.removesuffix(b"\r\n")
                file = {
                    "id": new_id(),
                    "name": name.group(1).decode(),
                    "content_type": media_type.group(1).decode() if media_type else "application/octet-stream",
                    "size": len(content),
                    "etag": new_id(),
                    "checksums": {},
                    "metadata": {},
                    "created_at": now(),
                    "expires_at": None,
                    "content": content,
                }
                self.facade.shelf.files[file["id"]] = file
                return self.answer(201, self.file(file["id"]))
        raise Refusal(422, "the form has no `content`")

    def delete_file(self, wanted):
        self.file(wanted)
        del self.facade.shelf.files[wanted]
        self.answer(204)


ACCOUNT = {"type": "organization", "username": "acme", "name": "Acme", "github_url": None, "avatar_url": None}
HARDWARE = [{"name": "CPU", "sku": "cpu"}, {"name": "Nvidia T4 GPU", "sku": "gpu-t4"}]

ROUTES = [
    ("GET", "/v1/account", lambda api: api.answer(200, ACCOUNT)),
    ("GET", "/v1/hardware", lambda api: api.answer(200, HARDWARE)),
    ("GET", "/v1/models", lambda api: api.page(list(api.facade.shelf.models.values()), lambda model: model.shown(), "/v1/models")),
    ("GET", f"/v1/models/{NAME}/{NAME}", lambda api, *model: api.answer(200, api.model(*model).shown())),
    ("GET", f"/v1/models/{NAME}/{NAME}/versions", Api.versions),
    ("GET", f"/v1/models/{NAME}/{NAME}/versions/{NAME}", Api.version),
    ("POST", f"/v1/models/{NAME}/{NAME}/predictions", Api.create_by_model),
    ("POST", f"/v1/models/{NAME}/{NAME}/versions/{NAME}/trainings", Api.create_training),
    ("GET", "/v1/(predictions|trainings)", Api.list_runs),
    ("POST", "/v1/predictions", Api.create_by_version),
    ("GET", f"/v1/(predictions|trainings)/{NAME}", lambda api, kind, wanted: api.answer(200, api.shown(api.find(kind, wanted)))),
    ("POST", f"/v1/(predictions|trainings)/{NAME}/cancel", Api.cancel),
    ("GET", f"/v1/stream/{NAME}", Api.stream),
    ("GET", "/v1/deployments", lambda api: api.page(list(api.facade.shelf.deployments.values())[::-1], dict, "/v1/deployments")),
    ("POST", "/v1/deployments", Api.create_deployment),
    ("GET", f"/v1/deployments/{NAME}/{NAME}", lambda api, *name: api.answer(200, api.deployment(*name))),
    ("PATCH", f"/v1/deployments/{NAME}/{NAME}", Api.change_deployment),
    ("DELETE", f"/v1/deployments/{NAME}/{NAME}", Api.delete_deployment),
    ("POST", f"/v1/deployments/{NAME}/{NAME}/predictions", Api.create_by_deployment),
    ("GET", "/v1/files", lambda api: api.page([api.file(one) for one in api.facade.shelf.files][::-1], dict, "/v1/files")),
    ("POST", "/v1/files", Api.create_file),
    ("GET", f"/v1/files/{NAME}", lambda api, wanted: api.answer(200, api.file(wanted))),
    ("DELETE", f"/v1/files/{NAME}", Api.delete_file),
]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        """A client that goes away, or does not trust the certificate, is no error of the server."""


class Facade:
    def __init__(self, arguments):
        self.token, self.seen, self.faults = arguments.token, [], []
        self.beside = Server(("127.0.0.1", 0), type("B", (Beside,), {"facade": self}))
        self.shelf = Shelf(f"http://127.0.0.1:{self.beside.server_port}")
        self.api = Server(("127.0.0.1", 0), type("A", (Api,), {"facade": self}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        # The handshake is left to the thread of the connection: one that does not come about must not keep the others waiting.
        self.api.socket = context.wrap_socket(self.api.socket, server_side=True, do_handshake_on_connect=False)

    def fault(self, what):
        """The first fault that is meant for this request, once."""
        for fault in self.faults:
            if re.fullmatch(fault["on"], what):
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
                return dict(fault)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--certificate", required=True, help="PEM file: the certificate and those above it")
    parser.add_argument("--key", required=True, help="PEM file: its private key")
    parser.add_argument("--token", required=True, help="the only API token that is accepted")
    facade = Facade(parser.parse_args())
    for server in (facade.beside, facade.api):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"api": facade.api.server_port, "beside": facade.beside.server_port}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
