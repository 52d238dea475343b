"""Drive worldflux sessions from Python: one file, the standard library alone, Python 3.9 or later.

    from worldflux_client import Client

    with Client() as client, client.open_session() as session:
        session.write("greeting.txt", "hello\\n")
        print(session.exec("cat greeting.txt").stdout)

A `Client` starts `worldflux serve --stdio` and owns it. A `Session` is a workspace and an environment in which any number of commands run,
also at once and from several threads. When a `with` block ends, also by an exception, its commands are ended and what it made is cleaned up;
when this very program is killed, the server sees the end of its input and does the same.

A command is a list of words, or a text for the shell of the runtime. Output is streamed with back-pressure: a command whose events nobody
takes waits, and neither this program nor the server keeps more than `window` bytes of it.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import tempfile
import threading
import weakref
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

__all__ = [
    "BusyError",
    "Change",
    "Checkpoint",
    "Client",
    "CommandFailed",
    "Diff",
    "Event",
    "Failure",
    "FileReadError",
    "FileWriteError",
    "InputFile",
    "Places",
    "ProcessError",
    "Process",
    "RequestError",
    "Result",
    "ServerGone",
    "Session",
    "SessionError",
]

PROTOCOL = "worldflux.serve.v1"

Command = Union[str, Sequence[str]]
Content = Union[str, bytes]
Input = Union[None, str, bytes, Sequence[str], Path]
Timeout = Union[None, float, str]

# The longest line that the server takes.
_LINE = 16 << 20

# Contents beyond this travel as a file or in pieces; escaped, a text can be six times as long.
_LARGE = 2 << 20

# Output of one command that may be on its way, or wait here to be taken.
_WINDOW = 4 << 20


# Errors


class Failure(Exception):
    """What every error of this module is.

    `code` is stable and meant for programs; `hint` says what can be done; `field` and `value` name the parameter at fault, and `log` the file
    that has the output of what failed, where there is one. After a `recoverable` one the session goes on as if nothing had been asked.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        hint: Optional[str] = None,
        field: Optional[str] = None,
        value: Optional[str] = None,
        log: Optional[str] = None,
        recoverable: bool = True,
    ) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.message = message
        self.code = code
        self.hint = hint
        self.field = field
        self.value = value
        self.log = Path(log) if log is not None else None
        self.recoverable = recoverable


class RequestError(Failure):
    """The request itself was wrong: an unknown parameter, a value of the wrong type, a line that is too long."""


class ProcessError(Failure):
    """A command could not be started, reached or fed. The session goes on."""


class SessionError(Failure):
    """There is no such session, it could not be set up, or it is over."""


class FileReadError(Failure):
    """A file of the workspace could not be read."""


class FileWriteError(Failure):
    """A file of the workspace could not be written."""


class BusyError(Failure):
    """Too much at once: try again when something has ended."""


class ServerGone(Failure):
    """The server has ended, or was killed; `worldflux reap` cleans up what a killed one left."""


class CommandFailed(ProcessError):
    """A command that was to be checked did not exit with 0. `result` has all that is known."""

    def __init__(self, result: Result) -> None:
        how = result.how if result.how != "exited" else f"exit code {result.exit_code}"
        super().__init__(f"`{' '.join(result.argv)}` failed: {how}", code="command-failed")
        self.result = result


def _failure(error: Mapping[str, Any]) -> Failure:
    data = error.get("data") or {}
    number = error.get("code", 0)
    code = data.get("code", "")
    kinds: Dict[int, Callable[..., Failure]] = {-32001: ProcessError, -32002: SessionError, -32003: BusyError}
    kind = kinds.get(number, Failure)
    if -32700 <= number <= -32600 and number != -32603:
        kind = RequestError
    elif code == "workspace-read":
        kind = FileReadError
    elif code == "workspace-write":
        kind = FileWriteError
    elif not data.get("recoverable", True):
        kind = SessionError
    return kind(
        error.get("message", "the server refused"),
        code=code,
        hint=data.get("hint"),
        field=data.get("field"),
        value=data.get("value"),
        log=data.get("log"),
        recoverable=data.get("recoverable", True),
    )


# Values


@dataclass(frozen=True)
class Result:
    """What came of a command."""

    execution: int
    argv: Tuple[str, ...]
    how: str
    """`exited`, `signalled`, `timed-out`, `killed`, `preempted` or `lost`."""
    exit_code: int
    """The exit code; minus the number of the signal that ended it, -9 where its time was over or it was killed; -1 where nobody knows."""
    timed_out: bool
    stdout_bytes: bytes
    stderr_bytes: bytes
    stdout_truncated: bool
    stderr_truncated: bool
    elapsed: float
    """Seconds."""
    log: Optional[Path]
    """The file that has its output, where one is kept."""
    complete: bool = True
    """Whether all output was seen, up to the cap. It was not where the session was closed meanwhile."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """All that the server said."""

    @property
    def stdout(self) -> str:
        """Standard output as text; what is not UTF-8 in it is replaced."""
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """Standard error as text; what is not UTF-8 in it is replaced."""
        return self.stderr_bytes.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.how == "exited" and self.exit_code == 0

    def check(self) -> Result:
        """The result, or `CommandFailed` where it is not `ok`."""
        if not self.ok:
            raise CommandFailed(self)
        return self


@dataclass(frozen=True)
class Event:
    """Something that a streamed command did: `stdout` or `stderr` with a piece of what it wrote, then exactly one `finished`.

    A piece has any length and is not a line; no UTF-8 character is split between two pieces of a channel.
    """

    kind: str
    data: bytes = b""
    result: Optional[Result] = None

    @property
    def text(self) -> str:
        """The piece as text; what is not UTF-8 in it is replaced."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Checkpoint:
    """A state of a workspace that another session can begin with."""

    run: str
    snapshot: str

    def to_json(self) -> Dict[str, str]:
        """As it is written into a file."""
        return {"run": self.run, "snapshot": self.snapshot}

    @staticmethod
    def from_json(value: Mapping[str, str]) -> Checkpoint:
        """From what `to_json` gave."""
        return Checkpoint(value["run"], value["snapshot"])


@dataclass(frozen=True)
class Change:
    """One path that is not as it was."""

    path: str
    kind: str
    """`created`, `deleted`, `modified`, `renamed`, `mode` or `type`."""
    is_binary: bool
    lines_added: int
    lines_removed: int
    old_path: Optional[str]
    """Where a renamed file was."""
    patch: Optional[str]
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Diff:
    """What changed from one snapshot to another."""

    old: Optional[str]
    new: Optional[str]
    created: int
    deleted: int
    modified: int
    renamed: int
    lines_added: int
    lines_removed: int
    changes: Tuple[Change, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole document."""


@dataclass(frozen=True)
class Places:
    """Where commands see things; in a container that is not where this machine has them."""

    workspace: str
    assets: Optional[str]
    output: Optional[str]


@dataclass(frozen=True)
class InputFile:
    """A file for the workspace: `data` as it is, `value` written as its name or `kind` says, or `source`, a file of this machine."""

    path: str
    data: Optional[Content] = None
    value: Any = None
    source: Union[None, str, Path] = None
    kind: Optional[str] = None
    """`json`, `jsonl`, `csv`, `tsv`, `yaml`, `sqlite`, `parquet`, `text` or `binary`."""
    compression: Optional[str] = None
    """`none`, `gzip`, `bzip2` or `zstd`."""
    executable: Optional[bool] = None


# The client


class Client:
    """A server of its own, and a way to ask it.

    `program` is the worldflux to start: a path, a name in `PATH`, or several words. `state_dir`, `config_dir` and `plugins` are its options of
    these names; `folder` is where relative paths begin; `environment` is that of the server, this program's own where nothing is said.
    Safe to use from several threads.
    """

    def __init__(
        self,
        program: Union[str, Path, Sequence[str], None] = None,
        *,
        state_dir: Union[str, Path, None] = None,
        config_dir: Union[str, Path, None] = None,
        plugins: Iterable[Union[str, Path]] = (),
        folder: Union[str, Path, None] = None,
        environment: Optional[Mapping[str, str]] = None,
    ) -> None:
        if program is None:
            program = os.environ.get("WORLDFLUX", "worldflux")
        words = [str(program)] if isinstance(program, (str, Path)) else list(program)
        for option, value in (("--state-dir", state_dir), ("--config-dir", config_dir)):
            words += [option, str(value)] if value is not None else []
        for plugin in plugins:
            words += ["--plugin", str(plugin)]
        try:
            # In a session of its own: Ctrl-C is for this program, which decides what becomes of its commands.
            self._process = subprocess.Popen(
                [*words, "serve", "--stdio"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=folder,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
            )
        except OSError as error:
            raise ServerGone(f"`{words[0]}` cannot be started: {error}", code="not-started", recoverable=False) from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input = self._process.stdin
        self._output = io.BufferedReader(self._process.stdout, 1 << 20)  # type: ignore[arg-type]
        self._write_lock = threading.Lock()
        self._lock = threading.Lock()
        self._pending: Dict[int, _Answer] = {}
        self._streams: Dict[Tuple[str, int], Process] = {}
        self._watchers: Dict[str, Callable[[Dict[str, Any]], None]] = {}
        self._next = 0
        self._gone: Optional[str] = None
        self._sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
        self._reader = threading.Thread(target=self._read, name="worldflux-client", daemon=True)
        self._reader.start()
        _clients.add(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def info(self) -> Dict[str, Any]:
        """What the server is, and how much it takes."""
        return self.call("server.info")

    def sessions(self) -> List[str]:
        """The names of the sessions that are open."""
        return list(self.call("session.list")["sessions"])

    def open_session(
        self,
        spec: Union[None, str, Path, Mapping[str, Any]] = None,
        *,
        runtime: Optional[str] = None,
        mode: Optional[str] = None,
        workspace: Union[None, str, Path] = None,
        copy_of: Union[None, str, Path] = None,
        output: Union[None, str, Path] = None,
        env: Optional[Mapping[str, str]] = None,
        setup: Iterable[str] = (),
        disable_setup: bool = False,
        resume: Optional[Checkpoint] = None,
        timeout: Optional[str] = None,
        grace: Optional[str] = None,
        sandbox: Optional[str] = None,
        network: Iterable[str] = (),
        name: Optional[str] = None,
        on_event: Optional[Callable[[Dict[str, Any]], None]] = None,
        **others: Any,
    ) -> Session:
        """Open a session.

        `spec` is an environment spec or run file: its path, or what would stand in one. `mode` is `agent` or `evaluation`. Commands work in
        a new folder, in one that begins as a copy of `copy_of`, or in `workspace`, which stays. `env` holds variables for every command,
        `setup` lines of shell. `resume` is the checkpoint of another session. `timeout` and `grace` are written as `90s`, `2h`. `on_event` is
        called with what happens while the session is set up, from another thread. `others` are further parameters of `session.open`.
        """
        asked: Dict[str, Any] = {"setup": list(setup), "disable_setup": disable_setup, "network": list(network), **others}
        asked["variables"] = dict(env or {})
        asked["events"] = on_event is not None
        if spec is not None:
            asked["spec"] = str(spec) if isinstance(spec, (str, Path)) else dict(spec)
        if workspace is not None and copy_of is not None:
            raise RequestError("a session has either `workspace` or `copy_of`", code="invalid-parameters", field="workspace")
        if workspace is not None:
            asked["workspace"] = {"folder": os.path.abspath(workspace)}
        if copy_of is not None:
            asked["workspace"] = {"copy-of": os.path.abspath(copy_of)}
        if output is not None:
            asked["output"] = os.path.abspath(output)
        if resume is not None:
            asked["resume"] = resume.to_json()
        for key, value in (("runtime", runtime), ("mode", mode), ("timeout", timeout), ("grace", grace), ("sandbox", sandbox), ("run_id", name)):
            if value is not None:
                asked[key] = value
        if on_event is not None:
            # Events come before the answer, which says what the session is called; so it is called something here.
            asked.setdefault("run_id", f"session-{os.urandom(8).hex()}")
            with self._lock:
                self._watchers[asked["run_id"]] = on_event
        try:
            session = Session(self, self.call("session.open", asked))
        except BaseException:
            self._unwatch(asked.get("run_id", ""))
            raise
        self._sessions.add(session)
        return session

    def call(self, method: str, parameters: Optional[Mapping[str, Any]] = None, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """Ask for anything that `worldflux serve --schema` lists, and wait for the answer."""
        return self._ask(method, parameters or {}).wait(timeout)

    def close(self, timeout: float = 60.0) -> None:
        """Close every session and end the server. Harmless twice.

        A server that takes longer than `timeout` seconds is killed; `worldflux reap` cleans up then.
        """
        with self._write_lock:
            if not self._input.closed:
                self._input.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._output.close()

    # The way to the server

    def _ask(self, method: str, parameters: Mapping[str, Any], taken: Optional[Callable[[Dict[str, Any]], None]] = None) -> _Answer:
        answer = _Answer(taken)
        with self._lock:
            if self._gone is not None:
                raise ServerGone(self._gone, code="server-gone", recoverable=False)
            self._next += 1
            number = self._next
            self._pending[number] = answer
        try:
            self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters})
        except BaseException:
            with self._lock:
                self._pending.pop(number, None)
            raise
        return answer

    def _tell(self, method: str, parameters: Mapping[str, Any]) -> None:
        try:
            self._send({"jsonrpc": "2.0", "method": method, "params": parameters})
        except ServerGone:
            pass

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            line = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8") + b"\n"
        except (TypeError, ValueError) as error:
            raise RequestError(f"{message['method']}: this cannot be said in JSON: {error}", code="invalid-parameters") from error
        if len(line) > _LINE:
            raise RequestError(
                f"{message['method']}: the request has {len(line)} bytes, and at most {_LINE} are taken",
                code="line-too-long",
                hint="hand large contents over as files, or in pieces",
            )
        with self._write_lock:
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._input.write(rest) :]
            except (OSError, ValueError) as error:
                raise ServerGone("the server takes no more requests", code="server-gone", recoverable=False) from error
            except BaseException:
                # Ctrl-C in the middle of a line: with its end, the server refuses it, and the next line is whole again.
                self._input.write(b"\n")
                raise

    # The way from the server

    def _read(self) -> None:
        try:
            for line in self._output:
                self._take(json.loads(line))
        except (OSError, ValueError):
            pass
        gone = "the server has ended"
        with self._lock:
            self._gone = gone
            pending, self._pending = list(self._pending.values()), {}
            streams, self._streams = list(self._streams.values()), {}
            self._watchers.clear()
        for answer in pending:
            answer.put(error=ServerGone(gone, code="server-gone", recoverable=False))
        for stream in streams:
            stream._put_end(None)

    def _take(self, message: Dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            with self._lock:
                answer = self._pending.pop(message.get("id"), None)  # type: ignore[arg-type]
            if answer is None:
                return
            error = message.get("error")
            if error is not None:
                answer.put(error=_failure(error))
            else:
                answer.put(value=message["result"])
            return
        parameters = message["params"]
        if method == "session.event":
            with self._lock:
                watcher = self._watchers.get(parameters["session"])
            if watcher is not None:
                watcher(parameters)
            return
        key = (parameters["session"], parameters["execution"])
        with self._lock:
            stream = self._streams.pop(key, None) if method == "execution.ended" else self._streams.get(key)
        if stream is None:
            return
        if method == "execution.ended":
            stream._put_end(parameters)
        else:
            stream._put(parameters)

    def _follow(self, process: Process) -> None:
        with self._lock:
            self._streams[(process.session.id, process.execution)] = process

    def _unwatch(self, name: str) -> None:
        with self._lock:
            self._watchers.pop(name, None)

    def _leave(self) -> None:
        """In a child of a fork: the pipes are the parent's, and the server must see the end of its input when the parent has gone."""
        for stream in (self._input, self._process.stdout):
            try:
                os.close(stream.fileno())  # type: ignore[union-attr]
            except (OSError, ValueError):
                pass
        self._gone = "the server belongs to the process that forked"


_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()


def _leave_all() -> None:
    for client in list(_clients):
        client._leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)


class _Answer:
    """An answer that will come."""

    def __init__(self, taken: Optional[Callable[[Dict[str, Any]], None]]) -> None:
        self._ready = threading.Event()
        self._taken = taken
        self._value: Optional[Dict[str, Any]] = None
        self._error: Optional[Failure] = None

    def put(self, value: Optional[Dict[str, Any]] = None, error: Optional[Failure] = None) -> None:
        self._value, self._error = value, error
        if value is not None and self._taken is not None:
            # Before the next line is read: what a command prints comes after the answer that names it.
            self._taken(value)
        self._ready.set()

    def wait(self, timeout: Optional[float] = None) -> Dict[str, Any]:
        if not self._ready.wait(timeout):
            raise TimeoutError(f"no answer within {timeout} s")
        if self._error is not None:
            raise self._error
        assert self._value is not None
        return self._value


# Sessions


class Session:
    """A workspace and an environment in which commands run. Made by `Client.open_session`."""

    def __init__(self, client: Client, info: Mapping[str, Any]) -> None:
        self.client = client
        self.id: str = info["session"]
        self.runtime: str = info["runtime"]
        self.mode: str = info["mode"]
        self.features = frozenset(info["features"])
        self.workspace = Path(info["workspace"])
        self.output = Path(info["output"])
        places = info["places"]
        self.places = Places(places["workspace"], places.get("assets"), places.get("output"))
        self.notes: List[str] = list(info["notes"])
        self.setup_stdout = _to_bytes(info["setup_stdout"]).decode("utf-8", "replace")
        self.setup_stderr = _to_bytes(info["setup_stderr"]).decode("utf-8", "replace")
        self._manifest: Optional[Dict[str, Any]] = None
        self._closing = threading.Lock()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close()
        except ServerGone:
            # Whoever closes the client first has closed its sessions with it.
            pass

    def setup_logs(self) -> Dict[str, Path]:
        """The logs of the preparation by name, apart from what any command prints."""
        logs = self._call("session.info")["logs"]
        return {log["name"]: self.output / log["path"] for log in logs if not log["name"].startswith("command")}

    def close(self) -> Dict[str, Any]:
        """End every command, clean up, and answer with the manifest. The second time it answers the same."""
        with self._closing:
            if self._manifest is None:
                self._manifest = self._call("session.close")["manifest"]
                self.client._unwatch(self.id)
            return self._manifest

    cleanup = close

    # Commands

    def exec(
        self,
        command: Command,
        *,
        env: Optional[Mapping[str, str]] = None,
        folder: Optional[str] = None,
        stdin: Input = None,
        timeout: Timeout = None,
        grace: Optional[float] = None,
        cap: Optional[int] = None,
        log: bool = True,
        check: bool = False,
    ) -> Result:
        """Run a command to its end, and answer with what it printed.

        `env` holds variables for it alone; `folder` is below the workspace. `stdin` is a text, bytes, a list of texts, which are joined
        without anything between them, or the `Path` of a file; without it the command reads the end at once. `timeout` is seconds, `"none"`,
        or what the session says; everything that the command started ends with it. Of each stream `cap` bytes are kept, and the result says
        where there was more. With `check`, whatever is not exit code 0 is `CommandFailed`. An exception here, such as Ctrl-C, ends the command.
        """
        with _Given(stdin) as given:
            command_ = _command(command, env, folder, given, timeout, grace, cap, log)
            started = self._call("execution.start", command=command_, output="buffer")
            try:
                answer = self._call("execution.wait", execution=started["execution"])
            except BaseException:
                self.client._tell("execution.kill", {"session": self.id, "execution": started["execution"]})
                raise
        result = _result(answer)
        return result.check() if check else result

    def stream(
        self,
        command: Command,
        *,
        env: Optional[Mapping[str, str]] = None,
        folder: Optional[str] = None,
        stdin: Input = None,
        timeout: Timeout = None,
        grace: Optional[float] = None,
        cap: Optional[int] = None,
        log: bool = True,
        window: int = _WINDOW,
    ) -> Process:
        """Start a command, and go through what it does: `for event in session.stream(...)`. The rest is as for `exec`."""
        with _Given(stdin) as given:
            return self._start(_command(command, env, folder, given, timeout, grace, cap, log), window)

    def spawn(
        self,
        command: Command,
        *,
        env: Optional[Mapping[str, str]] = None,
        folder: Optional[str] = None,
        timeout: Timeout = None,
        grace: Optional[float] = None,
        cap: Optional[int] = None,
        log: bool = True,
        window: int = _WINDOW,
    ) -> Process:
        """Start a command whose input is written while it runs, with `Process.write`. The rest is as for `stream`."""
        return self._start(_command(command, env, folder, "interactive", timeout, grace, cap, log), window)

    def stop(self, gently: bool = False) -> None:
        """End every command. The session goes on."""
        self._call("session.stop", gently=gently)

    def _start(self, command: Mapping[str, Any], window: int) -> Process:
        process: List[Process] = []

        def taken(answer: Dict[str, Any]) -> None:
            process.append(Process(self, answer["execution"], window))
            self.client._follow(process[0])

        asked = {"session": self.id, "command": command, "output": "stream", "window": window}
        self.client._ask("execution.start", asked, taken).wait()
        return process[0]

    # Files

    def read(self, *paths: str) -> Dict[str, Content]:
        """Read files, folders and patterns: text where it is UTF-8, else bytes, by path. What does not exist is left out."""
        answer = self._call("workspace.read", paths=list(paths))
        return {file["path"]: _text_or_bytes(file["data"]) for file in answer["files"]}

    get_file_contents = read

    def read_values(self, *paths: str) -> Dict[str, Any]:
        """Read files as what they are, compressed or not: a table is `{"columns": [...], "rows": [...]}`."""
        answer = self._call("workspace.read", paths=list(paths), typed=True)
        return {file["path"]: file["content"] if "content" in file else _text_or_bytes(file["data"]) for file in answer["files"]}

    def write(self, path: str, content: Content, *, executable: bool = False) -> None:
        """Write a file as it is, with the folders that it needs."""
        self.materialize([InputFile(path, data=content, executable=executable)])

    def write_value(self, path: str, value: Any, *, kind: Optional[str] = None, compression: Optional[str] = None) -> None:
        """Write a value as the name says, or `kind` and `compression`: JSON, JSON lines, CSV, TSV, YAML, SQLite, Parquet."""
        self.materialize([InputFile(path, value=value, kind=kind, compression=compression)])

    def copy_in(self, source: Union[str, Path], path: Optional[str] = None) -> None:
        """Copy a file of this machine into the workspace, under its own name where no other is given."""
        self.materialize([InputFile(path or Path(source).name, source=source)])

    def materialize(self, files: Union[Mapping[str, Content], Iterable[InputFile]]) -> Dict[str, int]:
        """Write files, and answer how large each is. Each is written in one step; at the first that cannot be, it stops."""
        if isinstance(files, Mapping):
            files = [InputFile(path, data=content) for path, content in files.items()]
        sizes: Dict[str, int] = {}
        batch: List[Dict[str, Any]] = []
        size = 0
        for file in files:
            given, weight = _given_file(file)
            if given is None:
                sizes.update(self._write(batch))
                batch, size = [], 0
                sizes.update(self._write_large(file))
                continue
            if size + weight > _LARGE:
                sizes.update(self._write(batch))
                batch, size = [], 0
            batch.append(given)
            size += weight
        sizes.update(self._write(batch))
        return sizes

    materialize_input_files = materialize

    def unpack(self, archive: Union[str, Path]) -> None:
        """Unpack a tar archive of this machine into the workspace. What leads out of it is refused."""
        self._call("workspace.unpack", archive=os.path.abspath(archive))

    def _write(self, files: List[Dict[str, Any]]) -> Dict[str, int]:
        if not files:
            return {}
        return {file["path"]: file["bytes"] for file in self._call("workspace.write", files=files)["files"]}

    def _write_large(self, file: InputFile) -> Dict[str, int]:
        with _spooled(_bytes(file.data)) as path:
            given: Dict[str, Any] = {"path": file.path, "from": path, "executable": bool(file.executable)}
            return self._write([given])

    # Snapshots

    def snapshot(self) -> str:
        """Remember what the workspace holds; equal content has the equal digest. Forgotten with the session."""
        return str(self._call("snapshot.take")["snapshot"])

    def update_snapshot(self) -> Optional[str]:
        """Let `reset` go back to what the workspace holds now, and answer what it went back to before, if anything."""
        previous = self._call("snapshot.update")["previous"]
        return str(previous) if previous is not None else None

    def reset(self) -> None:
        """Make the workspace what it was at the beginning, or at the last checkpoint or `update_snapshot`."""
        self._call("workspace.reset")

    def diff(self, old: str, new: Optional[str] = None) -> Diff:
        """What changed from a snapshot to another, or to what the workspace holds now."""
        return _diff(self._call("snapshot.compare", old=old, new=new or self.snapshot()))

    def patch(self, old: str, new: Optional[str] = None) -> bytes:
        """The same as a patch for `git apply`, with binary files and modes."""
        return _to_bytes(self._call("snapshot.patch", old=old, new=new or self.snapshot())["patch"])

    def export(self, snapshot: str, compression: str = "gz") -> Path:
        """Write a snapshot into a tar archive: `none`, `gz`, `bz2`, `xz` or `zstd`. It goes away with the session; copy it to keep it."""
        return Path(self._call("snapshot.export", snapshot=snapshot, compression=compression)["archive"])

    def checkpoint(self, copy_to: Union[None, str, Path] = None) -> Tuple[Checkpoint, Diff]:
        """Finish one part of the work, in agent mode: what another session can resume, and what changed since the last checkpoint. With
        `copy_to`, that folder of this machine becomes what the workspace is."""
        extra = {"copy_to": os.path.abspath(copy_to)} if copy_to is not None else {}
        answer = self._call("workspace.checkpoint", **extra)
        return Checkpoint.from_json(answer["checkpoint"]), _diff(answer["diff"])

    finish_checkpoint = checkpoint

    def restore(self, checkpoint: Checkpoint) -> None:
        """Make the workspace exactly what a checkpoint says, place the assets again, and run the resume lines of the spec."""
        self._call("workspace.restore", checkpoint=checkpoint.to_json())

    # Assets

    def materialize_assets(self) -> bool:
        """Copy the assets of the spec into the workspace, in agent mode; `False` in evaluation mode, in which they stay where they are."""
        return bool(self._call("asset.materialize")["placed"])

    def assets_for_tests(self) -> Dict[str, str]:
        """Copy the assets into the hidden folder of the tests, and answer by which variables commands find them."""
        return dict(self._call("asset.for-tests")["variables"])

    def resolve(self, value: Any) -> Any:
        """Replace `{{static:NAME}}` in texts, lists and the keys and values of maps with the path at which commands see that asset."""
        return self._call("asset.resolve", value=value)["value"]

    def _call(self, method: str, **parameters: Any) -> Dict[str, Any]:
        return self.client.call(method, {"session": self.id, **parameters})


class Process:
    """A command that was started: its events in order, its input, its end.

    Iterate over it for its events, or use `wait`, `lines` or `communicate`: one of them at a time. As a context manager it ends the command,
    if it goes on, when the block ends.
    """

    def __init__(self, session: Session, execution: int, window: int) -> None:
        self.session = session
        self.execution = execution
        self.result: Optional[Result] = None
        self._window = window
        self._ready = threading.Condition()
        self._events: Deque[Event] = deque()
        self._expected = 0
        self._taken = 0
        self._said = 0
        self._over = False
        self._error: Optional[Failure] = None

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.result is None:
            try:
                self.kill()
                self.wait()
            except (SessionError, ServerGone):
                # With its session, or with the server, the command has ended, too.
                pass

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self._next(None)
            yield event
            if event.kind == "finished":
                return

    def lines(self) -> Iterator[Tuple[str, str]]:
        """Whole lines as they come, each with its channel and without its line feed; `result` is there when they end."""
        rests: Dict[str, bytes] = {"stdout": b"", "stderr": b""}
        for event in self:
            if event.kind == "finished":
                break
            *whole, rests[event.kind] = (rests[event.kind] + event.data).split(b"\n")
            for line in whole:
                yield event.kind, line.decode("utf-8", "replace")
        for channel, rest in rests.items():
            if rest:
                yield channel, rest.decode("utf-8", "replace")

    def communicate(self, data: Optional[Content] = None, timeout: Optional[float] = None) -> Result:
        """Write `data` and the end of the input, take all that the command prints, and answer with it."""
        feeder = None
        if data is not None:
            # Beside the reading: a command may print before it reads all of it.
            feeder = threading.Thread(target=self._feed, args=(data,), daemon=True)
            feeder.start()
        pieces: Dict[str, List[bytes]] = {"stdout": [], "stderr": []}
        result: Optional[Result] = None
        while result is None:
            event = self._next(timeout)
            if event.kind == "finished":
                result = event.result
            else:
                pieces[event.kind].append(event.data)
        if feeder is not None:
            feeder.join()
        values = {**result.__dict__, "stdout_bytes": b"".join(pieces["stdout"]), "stderr_bytes": b"".join(pieces["stderr"])}
        return Result(**values)

    def wait(self, timeout: Optional[float] = None) -> Result:
        """Wait for the end. Events that nobody took are dropped."""
        while self.result is None:
            self._next(timeout)
        return self.result

    def poll(self) -> Optional[Result]:
        """The result where the command has ended and all events were taken, else `None`. Never waits."""
        return self.result

    def state(self) -> str:
        """`running` or `ended`, as the server knows it, whatever was taken of its events."""
        return str(self._call("execution.state")["state"])

    def write(self, data: Content) -> None:
        """Write to the input; waits while the command does not read. `ProcessError` where it reads no more."""
        rest = memoryview(_bytes(data))
        while rest:
            self._call("execution.write", data=_data(bytes(rest[:_LARGE])))
            rest = rest[_LARGE:]

    def close_stdin(self) -> None:
        """End the input. Harmless twice."""
        self._call("execution.close-stdin")

    def kill(self, gently: bool = False) -> None:
        """End the command and everything that it started; `gently` gives it its grace. Does not wait. Harmless twice, and after the end."""
        self._call("execution.kill", gently=gently)

    def _feed(self, data: Content) -> None:
        try:
            self.write(data)
            self.close_stdin()
        except Failure:
            # A command that does not read all of its input is no error; how it ended says what became of it.
            pass

    def _call(self, method: str, **parameters: Any) -> Dict[str, Any]:
        return self.session._call(method, execution=self.execution, **parameters)

    def _next(self, timeout: Optional[float]) -> Event:
        with self._ready:
            if not self._ready.wait_for(lambda: self._events or self._over, timeout):
                raise TimeoutError(f"nothing happened within {timeout} s")
            if not self._events:
                if self._error is not None:
                    raise self._error
                assert self.result is not None
                return Event("finished", result=self.result)
            event = self._events.popleft()
            if event.kind == "finished":
                self.result = event.result
                return event
            self._taken += len(event.data)
            # Not for every piece: a line for a quarter of the window keeps the command going as well.
            is_time = self._taken - self._said >= self._window // 4
            if is_time:
                self._said = self._taken
        if is_time:
            asked = {"session": self.session.id, "execution": self.execution, "bytes": self._taken}
            self.session.client._tell("execution.acknowledge", asked)
        return event

    def _put(self, parameters: Mapping[str, Any]) -> None:
        data = parameters["text"].encode("utf-8") if "text" in parameters else base64.b64decode(parameters["base64"])
        with self._ready:
            self._count(parameters["sequence"])
            self._expected += 1
            self._events.append(Event(parameters["channel"], data))
            self._ready.notify_all()

    def _put_end(self, parameters: Optional[Mapping[str, Any]]) -> None:
        with self._ready:
            if parameters is None:
                self._error = ServerGone("the server has ended before the command did", code="server-gone", recoverable=False)
            else:
                self._count(parameters["sequence"])
                if self._error is None:
                    self._events.append(Event("finished", result=_result(parameters)))
            self._over = True
            self._ready.notify_all()

    def _count(self, sequence: int) -> None:
        if sequence != self._expected and self._error is None:
            self._error = Failure(f"piece {self._expected} of the output is missing, {sequence} came", code="output-lost")


# From Python to JSON and back


class _Given:
    """Input of a command, as the server takes it; what is too large for a line lies in a file until the command runs."""

    def __init__(self, stdin: Input) -> None:
        self._stdin = stdin
        self._file: Any = None

    def __enter__(self) -> Union[str, Dict[str, Any]]:
        stdin = self._stdin
        if stdin is None:
            return "empty"
        if isinstance(stdin, Path):
            return {"file": os.path.abspath(stdin)}
        if not isinstance(stdin, (str, bytes, bytearray)):
            stdin = "".join(stdin)
        data = _bytes(stdin)
        if len(data) <= _LARGE:
            return _data(data)
        self._file = _spooled(data)
        return {"file": self._file.__enter__()}

    def __exit__(self, *error: Any) -> None:
        if self._file is not None:
            self._file.__exit__(*error)


class _spooled:
    """A file with this content, for as long as the block lasts."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> str:
        descriptor, self._path = tempfile.mkstemp(prefix="worldflux-")
        with open(descriptor, "wb") as file:
            file.write(self._data)
        return self._path

    def __exit__(self, *_: object) -> None:
        os.unlink(self._path)


def _command(
    command: Command,
    env: Optional[Mapping[str, str]],
    folder: Optional[str],
    stdin: Union[str, Dict[str, Any]],
    timeout: Timeout,
    grace: Optional[float],
    cap: Optional[int],
    log: bool,
) -> Dict[str, Any]:
    asked: Dict[str, Any] = {"shell": command} if isinstance(command, str) else {"argv": [str(word) for word in command]}
    asked.update(variables=dict(env or {}), stdin=stdin, log=log)
    for key, value in (("folder", folder), ("timeout", timeout), ("grace_seconds", grace), ("cap_bytes", cap)):
        if value is not None:
            asked[key] = value
    return asked


def _given_file(file: InputFile) -> Tuple[Optional[Dict[str, Any]], int]:
    """The file as the server takes it, and how long that is; none where it is too large for a line."""
    given: Dict[str, Any] = {"path": file.path}
    for key, value in (("kind", file.kind), ("compression", file.compression), ("executable", file.executable)):
        if value is not None:
            given[key] = value
    weight = len(file.path)
    if file.source is not None:
        given["from"] = os.path.abspath(file.source)
    elif file.data is not None:
        data = _bytes(file.data)
        if len(data) > _LARGE:
            return None, 0
        given["data"] = _data(data)
        weight += len(data)
    else:
        given["content"] = file.value
        weight += len(json.dumps(file.value, default=str))
    return given, weight


def _bytes(content: Union[None, Content, bytearray]) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else bytes(content or b"")


def _data(data: bytes) -> Dict[str, str]:
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _to_bytes(data: Mapping[str, str]) -> bytes:
    return data["text"].encode("utf-8") if "text" in data else base64.b64decode(data["base64"])


def _text_or_bytes(data: Mapping[str, str]) -> Content:
    return data["text"] if "text" in data else base64.b64decode(data["base64"])


def _result(answer: Mapping[str, Any]) -> Result:
    log = answer.get("log")
    return Result(
        execution=answer["execution"],
        argv=tuple(answer["argv"]),
        how=answer["ending"]["how"],
        exit_code=answer["exit_code"],
        timed_out=answer["timed_out"],
        stdout_bytes=_to_bytes(answer["stdout"]),
        stderr_bytes=_to_bytes(answer["stderr"]),
        stdout_truncated=answer["stdout_truncated"],
        stderr_truncated=answer["stderr_truncated"],
        elapsed=answer["duration_seconds"],
        log=Path(log) if log is not None else None,
        complete=answer.get("complete", True),
        raw=answer,
    )


def _diff(document: Mapping[str, Any]) -> Diff:
    def change(entry: Mapping[str, Any]) -> Change:
        old = entry.get("from")
        return Change(
            path=entry["path"],
            kind=entry["change"],
            is_binary=entry["is_binary"],
            lines_added=entry["lines_added"],
            lines_removed=entry["lines_removed"],
            old_path=old["path"] if old else None,
            patch=entry.get("patch"),
            raw=entry,
        )

    changes = tuple(change(entry) for entry in document["changes"])
    return Diff(old=document["from"], new=document["to"], changes=changes, raw=document, **document["stats"])
