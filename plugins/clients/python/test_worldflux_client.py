"""What the client promises, against a real server: `python3 -m unittest` in this folder, after `cargo build --release`.

Everything here is the same in containers: with `WORLDFLUX_TEST_SOCKET`, the socket of a daemon of docker or podman that has the image
`WORLDFLUX_TEST_IMAGE` (busybox), the very same tests run there, and what they saw is compared with this machine.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import worldflux_client
from worldflux_client import (
    Checkpoint,
    Client,
    CommandFailed,
    Failure,
    FileReadError,
    InputFile,
    ProcessError,
    RequestError,
    Result,
    ServerGone,
    SessionError,
)

HERE = Path(__file__).resolve().parent

PATIENCE = 180.0

# The daemon in whose containers the sessions are, if they are not on this machine; images with busybox, and with Python as well.
SOCKET = os.environ.get("WORLDFLUX_TEST_SOCKET", "")
IMAGE = os.environ.get("WORLDFLUX_TEST_IMAGE", "worldflux-test:latest")
IMAGE_WITH_PYTHON = os.environ.get("WORLDFLUX_TEST_IMAGE_WITH_PYTHON", "")

state = tempfile.TemporaryDirectory(prefix="worldflux-client-test-")


def program() -> str:
    """The program under test: the one that is named, or the one that was built here."""
    named = os.environ.get("WORLDFLUX")
    if named:
        return named
    built = HERE.parents[2] / "target" / "release" / "worldflux"
    if not built.is_file():
        raise RuntimeError(f"`{built}` is missing: build it first, or name another in WORLDFLUX")
    return str(built)


def choose_runtime(project: Path, config: Path, image: str = IMAGE):
    """Say in the files of a project, and of its user, that sessions are containers. No program that opens one is changed for it."""
    place = ["endpoint", "add", "docker.sock:80", "--at", f"unix:{SOCKET}"]
    environment = {**os.environ, "WORLDFLUX_CONFIG_DIR": str(config), "WORLDFLUX_STATE_DIR": str(config / "state")}
    subprocess.run([program(), *place], env=environment, stderr=subprocess.DEVNULL, check=True)
    text = f"runtime = 'docker'\n[environment.docker]\nimage = '{image}'\nuser = '0:0'\n"
    (project / "worldflux.toml").write_text(text)


def until(what, condition):
    """Poll until the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {PATIENCE} s")
        time.sleep(0.01)


def lives(mark: str) -> bool:
    """Whether a process has `mark` among its variables."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                return True
        except OSError:
            continue
    return False


class Place(unittest.TestCase):
    """A folder, and one server for all tests of a class."""

    client: Client

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="worldflux-client-test-")
        if SOCKET:
            choose_runtime(Path(cls.folder.name), Path(state.name) / "config")
        cls.client = cls.connect()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.folder.cleanup()

    @classmethod
    def connect(cls, **options) -> Client:
        place = Path(state.name)
        return Client(program(), state_dir=place / "state", config_dir=place / "config", folder=cls.folder.name, **options)

    def path(self, name: str) -> Path:
        return Path(self.folder.name) / name


class Commands(Place):
    def setUp(self):
        self.session = self.client.open_session()
        self.addCleanup(self.session.close)

    def test_a_command_is_run_and_its_output_comes_back(self):
        """F120, F130, F137"""
        result = self.session.exec(["sh", "-c", "pwd; echo error >&2; exit 3"])
        self.assertEqual(result.stdout, f"{self.session.places.workspace}\n")
        self.assertEqual((result.stderr, result.exit_code, result.how, result.ok), ("error\n", 3, "exited", False))
        self.assertGreater(result.elapsed, 0)
        with self.assertRaises(CommandFailed) as failed:
            result.check()
        self.assertEqual(failed.exception.result.exit_code, 3)

    def test_a_text_is_a_line_of_shell_and_a_list_is_not(self):
        self.assertEqual(self.session.exec("echo a | tr a b", check=True).stdout, "b\n")
        self.assertEqual(self.session.exec(["echo", "a | tr a b"], check=True).stdout, "a | tr a b\n")

    def test_input_is_text_bytes_list_or_file_and_nothing_is_the_end(self):
        """F123, X20"""
        self.path("input").write_bytes(b"\xff\x00file")
        for given, expected in [
            (None, b""),
            ("text ü", "text ü".encode()),
            (b"\xff\xfe", b"\xff\xfe"),
            (["a", "b\n", "c"], b"ab\nc"),
            (self.path("input"), b"\xff\x00file"),
        ]:
            self.assertEqual(self.session.exec("cat", stdin=given, check=True).stdout_bytes, expected)

    def test_input_and_output_larger_than_a_line_come_through(self):
        """N08"""
        data = os.urandom(1 << 10) * (20 << 10)
        result = self.session.exec("cat", stdin=data, cap=64 << 20, check=True)
        self.assertTrue(result.stdout_bytes == data)
        with self.session.spawn("sha256sum") as process:
            result = process.communicate(data)
        self.assertEqual(result.stdout.split()[0], __import__("hashlib").sha256(data).hexdigest())

    def test_variables_of_a_call_win_over_those_of_the_session(self):
        """F103, F140, X16"""
        with self.client.open_session({"environment": {"env": {"A": "spec", "B": "spec", "C": "spec"}}}, env={"B": "session", "C": "session"}) as session:
            for start in (session.exec, lambda *given, **more: session.stream(*given, **more).communicate()):
                self.assertEqual(start("echo $A $B $C", env={"C": "call"}).stdout, "spec session call\n")

    def test_what_takes_too_long_is_ended_with_everything_it_started(self):
        """F127, N04, N05, X02, X05"""
        begin = time.monotonic()
        mark = f"mark{os.urandom(8).hex()}"
        for limit in (0.3, 3, 20):
            result = self.session.exec("echo early; sleep 1000 & sleep 1000", env={"MARK": mark}, timeout=limit)
            if result.stdout:  # Else this machine needs longer to begin.
                break
        self.assertLess(time.monotonic() - begin, 60)
        self.assertEqual((result.how, result.timed_out, result.stdout), ("timed-out", True, "early\n"))
        self.assertFalse(lives(mark))

    def test_output_beyond_the_cap_is_dropped_and_said(self):
        """N11, X09"""
        result = self.session.exec("head -c 100000 /dev/zero; echo few >&2", cap=1000)
        self.assertEqual((len(result.stdout_bytes), result.stdout_truncated), (1000, True))
        self.assertEqual((result.stderr, result.stderr_truncated), ("few\n", False))

    def test_events_put_together_are_the_output(self):
        """F121, F122, N02, N09, X01, X10, X11"""
        script = r"i=0; while [ $i -lt 300 ]; do printf 'ä\n\n \377'; printf '%s' \"$i\" >&2; i=$((i+1)); done"
        events = list(self.session.stream(["sh", "-c", script.replace('\\"', '"')]))
        self.assertEqual([event.kind for event in events].count("finished"), 1)
        self.assertEqual(events[-1].kind, "finished")
        self.assertEqual(b"".join(event.data for event in events if event.kind == "stdout"), b"\xc3\xa4\n\n \xff" * 300)
        self.assertEqual("".join(event.text for event in events if event.kind == "stderr"), "".join(map(str, range(300))))
        self.assertEqual(events[-1].result.exit_code, 0)

    def test_the_first_event_comes_while_the_command_runs(self):
        """N03, X04"""
        with self.session.spawn("echo first; read answer; echo got $answer") as process:
            events = iter(process)
            self.assertEqual(next(events).text, "first\n")
            self.assertEqual(process.state(), "running")
            process.write("an")
            process.write("swer\n")
            self.assertEqual(next(events).text, "got answer\n")
            self.assertTrue(next(events).result.ok)
        self.assertEqual(process.state(), "ended")

    def test_lines_come_whole(self):
        with self.session.stream("printf 'a\\nb'; printf 'c\\n\\nend'") as process:
            self.assertEqual([line for _, line in process.lines()], ["a", "bc", "", "end"])
            self.assertTrue(process.wait().ok)

    def test_a_command_whose_events_nobody_takes_waits_and_others_go_on(self):
        """X22"""
        counter = self.session.workspace / "written"
        script = "n=0; while [ $n -lt 256 ]; do head -c 1048576 /dev/zero; echo $n > written; n=$((n+1)); done"
        with self.session.stream(script, window=1 << 20) as process:
            first = next(iter(process))
            self.assertEqual(first.kind, "stdout")
            self.assertEqual(self.session.exec("echo other").stdout, "other\n")
            done = -1

            def is_still():
                nonlocal done
                before, done = done, int(counter.read_text() or 0) if counter.exists() else -1
                time.sleep(0.2)
                return before == done >= 0

            until("the command waits", is_still)
            self.assertLess(done, 250, "256 MiB are not kept anywhere")
            size = len(first.data) + sum(len(event.data) for event in process)
        self.assertEqual(size, 256 << 20)
        self.assertTrue(process.result.ok)

    def test_a_command_is_killed_from_another_thread(self):
        """N23, F134, X25"""
        mark = f"mark{os.urandom(8).hex()}"
        with self.session.spawn("sleep 1000 & echo ready; wait", env={"MARK": mark}) as process:
            self.assertEqual(next(iter(process)).text, "ready\n")
            self.assertIsNone(process.poll())
            thread = threading.Thread(target=process.kill)
            thread.start()
            result = process.wait()
            thread.join()
        self.assertEqual((result.how, result.ok), ("killed", False))
        process.kill()
        self.assertFalse(lives(mark))

    def test_leaving_a_block_ends_the_command(self):
        """X22"""
        mark = f"mark{os.urandom(8).hex()}"
        with self.assertRaises(KeyError):
            with self.session.stream("yes", env={"MARK": mark}) as process:
                next(iter(process))
                raise KeyError
        self.assertEqual(process.result.how, "killed")
        self.assertFalse(lives(mark))

    def test_many_commands_run_at_once_in_one_session(self):
        """F125, F126, X22"""
        barrier = self.session.places.workspace
        results = {}

        def run(number):
            script = f"touch {barrier}/at-{number}; while [ $(ls {barrier} | grep -c at-) -lt 8 ]; do sleep 0.02; done; echo {number}"
            results[number] = self.session.exec(script, timeout=60).stdout

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, {number: f"{number}\n" for number in range(8)})

    def test_a_command_that_cannot_be_started_is_an_error_of_its_own_and_the_session_goes_on(self):
        """F132, F231, X19"""
        for start in (self.session.exec, self.session.stream):
            if SOCKET:
                # Whether an image has a program shows only when it is started there: an end with the number that a shell has for it.
                started = start(["no-such-program-anywhere"])
                result = started if isinstance(started, Result) else started.communicate()
                self.assertIn(result.exit_code, (126, 127))
                self.assertIn("no-such-program-anywhere", result.stdout + result.stderr)
                continue
            with self.assertRaises(ProcessError) as error:
                start(["no-such-program-anywhere"])
            self.assertTrue(error.exception.recoverable and error.exception.code, error.exception)
            self.assertIn("no-such-program-anywhere", error.exception.message)
        self.assertEqual(self.session.exec("echo on").stdout, "on\n")

    def test_a_wrong_parameter_is_named(self):
        """F230, F233, X80"""
        for call, named in [
            (lambda: self.session.exec([]), "argv"),
            (lambda: self.session.exec("true", timeout=0), "timeout"),
            (lambda: self.session.exec("true", timeout=float("nan")), "JSON"),
            (lambda: self.session.exec("true", folder="../x"), "folder"),
            (lambda: self.client.call("execution.run", {"session": self.session.id, "command": {"shel": "x"}}), "shel"),
            (lambda: self.client.call("execution.ran"), "execution.ran"),
        ]:
            with self.assertRaises(RequestError) as error:
                call()
            self.assertIn(named, f"{error.exception} {error.exception.field}")

    def test_writing_to_a_command_that_has_ended_is_an_error_of_its_own(self):
        """F231"""
        with self.session.spawn("true") as process:
            process.wait()
            with self.assertRaises(ProcessError):
                process.write("late")
            process.close_stdin()


class Files(Place):
    def setUp(self):
        self.session = self.client.open_session(mode="agent")
        self.addCleanup(self.session.close)

    def test_files_are_written_and_read(self):
        """F162, F163, F165"""
        self.session.write("a/b.txt", "text")
        self.session.write("a/c.bin", b"\xff\x00")
        self.session.write(".hidden", "dot")
        self.session.write("run.sh", "#!/bin/sh\necho ran\n", executable=True)
        self.assertEqual(self.session.exec(["./run.sh"]).stdout, "ran\n")
        self.assertEqual(self.session.read("a", "missing"), {"a/b.txt": "text", "a/c.bin": b"\xff\x00"})
        self.assertEqual(self.session.read("**/*.txt", ".hidden", "a/b.txt"), {"a/b.txt": "text", ".hidden": "dot"})
        self.assertEqual(self.session.read(), {})

    def test_values_are_written_as_their_name_says(self):
        """F220, F221, F222, X72"""
        rows = [{"id": 1, "name": "ü"}, {"id": 2, "name": "b"}]
        self.session.write_value("v.json", {"a": [1, None]})
        self.session.write_value("v.jsonl.gz", rows)
        self.session.write_value("v.csv", rows)
        self.session.write_value("v.parquet", rows)
        self.session.write_value("v.sqlite", {"tables": {"t": rows}})
        self.session.write_value("v.yaml", {"a": "b"})
        self.session.write_value("odd", rows, kind="tsv", compression="zstd")
        values = self.session.read_values("v.json", "v.jsonl.gz", "v.csv", "v.parquet", "v.sqlite", "v.yaml")
        self.assertEqual(values["v.json"], {"a": [1, None]})
        self.assertEqual(values["v.jsonl.gz"], rows)
        self.assertEqual(values["v.yaml"], {"a": "b"})
        for table in (values["v.csv"], values["v.parquet"], values["v.sqlite"]["tables"]["t"]):
            self.assertEqual([column["name"] for column in table["columns"]], ["id", "name"])
            self.assertEqual(table["rows"][0][1], "ü")
        self.assertEqual(self.session.read("odd")["odd"][:4], b"\x28\xb5\x2f\xfd")
        self.assertEqual(json.loads(self.session.read("v.json")["v.json"]), {"a": [1, None]})

    def test_large_files_and_many_files_come_through(self):
        """F165"""
        large = os.urandom(1 << 20) * 20
        sizes = self.session.materialize([InputFile("large", data=large), *(InputFile(f"f/{n}", data=b"x" * 500_000) for n in range(50))])
        self.assertEqual((sizes["large"], len(sizes)), (len(large), 51))
        self.assertTrue(self.session.read("large")["large"] == large)
        source = self.path("source")
        source.write_bytes(b"\x00as it is")
        self.session.copy_in(source, "in/copy")
        self.assertEqual(self.session.read("in"), {"in/copy": "\x00as it is"})

    def test_no_path_leads_out_of_the_workspace(self):
        """N14, F164, X50, X51, X52, X53"""
        secret = self.path("secret")
        secret.write_text("outside")
        self.session.exec(f"ln -s {secret} link; ln -s {self.folder.name} folder", check=True)
        for path in ("../secret", str(secret), "link", "folder/secret", "a/../../secret"):
            with self.assertRaises(Failure, msg=path) as error:
                self.session.read(path)
            self.assertTrue(error.exception.recoverable)
        for path in ("../written", str(self.path("written")), "folder/written"):
            with self.assertRaises(Failure, msg=path):
                self.session.write(path, "x")
        self.assertFalse(self.path("written").exists())
        self.assertEqual(self.session.read("*"), {}, "links are skipped where a pattern meets them")
        archive = self.path("evil.tar")
        subprocess.run(["tar", "-cPf", archive, "--transform", "s,^,../,", "-C", self.folder.name, "secret"], check=True)
        with self.assertRaises(Failure):
            self.session.unpack(archive)
        with self.assertRaises(FileReadError):
            self.session.read("../secret")

    def test_an_archive_is_unpacked(self):
        self.path("tree").mkdir()
        self.path("tree/a").write_text("A")
        subprocess.run(["tar", "-czf", self.path("tree.tgz"), "-C", self.folder.name, "tree"], check=True)
        self.session.unpack(self.path("tree.tgz"))
        self.assertEqual(self.session.read("tree"), {"tree/a": "A"})

    def test_snapshots_are_compared_and_patched_and_gone_back_to(self):
        """F160, F166, F182, F187, F188, N15, N16, N17, N24, X56, X62"""
        self.session.write("kept", "1\n2\n3\n")
        old = self.session.snapshot()
        self.assertEqual(self.session.snapshot(), old)
        self.session.exec("echo 4 >> kept; printf '\\0\\1' > binary; chmod +x kept", check=True)
        diff = self.session.diff(old)
        self.assertEqual((diff.created, diff.modified, diff.lines_added), (1, 1, 1))
        self.assertEqual({change.path: (change.kind, change.is_binary) for change in diff.changes}["binary"], ("created", True))
        patch = self.session.patch(old)
        with tempfile.TemporaryDirectory() as other:
            Path(other, "kept").write_text("1\n2\n3\n")
            subprocess.run(["git", "apply"], input=patch, cwd=other, check=True)
            self.assertEqual((Path(other, "kept").read_text(), Path(other, "binary").read_bytes()), ("1\n2\n3\n4\n", b"\0\1"))
        archive = self.session.export(old, "gz")
        self.assertIn(b"kept", subprocess.run(["tar", "-tzf", archive], stdout=subprocess.PIPE, check=True).stdout)
        self.session.exec("chmod 755 kept; ln -s kept link; mkdir empty", check=True)
        self.session.update_snapshot()
        self.session.exec("rm -r kept link empty; touch more", check=True)
        self.session.reset()
        self.assertEqual(self.session.read("kept", "more"), {"kept": "1\n2\n3\n4\n"})
        modes = self.session.exec("stat -c %a kept; readlink link; ls -A empty; cd empty", check=True).stdout
        self.assertEqual(modes, "755\nkept\n")

    def test_work_is_handed_over_by_a_checkpoint(self):
        """F106, F202, F203, N25"""
        self.session.write("part", "one\n")
        copy = self.path("copy")
        checkpoint, diff = self.session.checkpoint(copy_to=copy)
        self.assertEqual((diff.created, (copy / "part").read_text()), (1, "one\n"))
        self.session.write("more", "two\n")
        second, diff = self.session.checkpoint()
        self.assertEqual([change.path for change in diff.changes], ["more"])
        archive = self.session.export(second.snapshot)
        self.session.close()
        self.assertFalse(archive.exists() or self.session.workspace.exists())
        spec = {"environment": {"setup": {"resume_commands": ["echo resumed > resumed"]}}}
        with self.client.open_session(spec, mode="agent", resume=Checkpoint.from_json(checkpoint.to_json())) as session:
            self.assertEqual(session.read("."), {"part": "one\n", "resumed": "resumed\n"})
            session.restore(second)
            self.assertEqual(session.read("part", "more"), {"part": "one\n", "more": "two\n"})

    def test_assets_are_placed_for_agents_and_resolved_for_all(self):
        """F167, F168, F205, F210, F212, X71"""
        self.path("data").mkdir(exist_ok=True)
        self.path("data/numbers.txt").write_text("1 2 3\n")
        spec = {"assets": {"numbers": {"file": "data/numbers.txt", "save_path": "in/numbers.txt"}}}
        with self.client.open_session(spec, mode="agent") as session:
            self.assertTrue(session.materialize_assets())
            self.assertEqual(session.read("in"), {"in/numbers.txt": "1 2 3\n"})
        with self.client.open_session(spec, mode="evaluation") as session:
            self.assertFalse(session.materialize_assets())
            resolved = session.resolve({"{{static:numbers}}": ["cat {{static:numbers}}", 1, None]})
            (key,) = resolved
            self.assertEqual(session.exec(resolved[key][0]).stdout, "1 2 3\n")
            with self.assertRaises(Failure) as error:
                session.resolve("{{static:nothing}}")
            self.assertIn("nothing", error.exception.message)
            variables = session.assets_for_tests()
            (name,) = (name for name in variables if name.endswith("NUMBERS"))
            self.assertEqual(session.exec(f"cat ${name}").stdout, "1 2 3\n")


class Sessions(Place):
    def test_a_session_is_a_run_with_a_manifest_and_leaves_nothing(self):
        """F160, F201"""
        with self.client.open_session(name="named") as session:
            self.assertIn("named", self.client.sessions())
            session.exec("echo 1", check=True)
            session.exec("exit 3")
        manifest = session.close()
        self.assertEqual(manifest["run_id"], "named")
        self.assertEqual(len(manifest["executions"]), 2)
        self.assertFalse(session.workspace.exists())
        self.assertNotIn("named", self.client.sessions())
        with self.assertRaises(SessionError) as error:
            session.exec("true")
        self.assertEqual((error.exception.code, error.exception.value), ("no-such-session", "named"))

    def test_a_workspace_is_new_or_a_copy_or_stays(self):
        """F160, F161, X57"""
        base = self.path("base")
        base.mkdir()
        (base / "run").write_text("#!/bin/sh\n")
        (base / "run").chmod(0o755)
        with self.client.open_session(copy_of=base) as session:
            session.exec("test -x run && rm run", check=True)
            session.reset()
            session.exec("test -x run", check=True)
        self.assertTrue((base / "run").exists())
        with self.client.open_session(workspace=base) as session:
            self.assertEqual(session.workspace, base)
            session.exec("touch made", check=True)
        self.assertTrue((base / "made").exists())

    def test_a_spec_is_a_file_of_any_kind_or_a_value(self):
        """F115, F204"""
        self.path("local.yaml").write_text("type: local\nname: e\nenvironment:\n  env:\n    FROM: yaml\n")
        with self.client.open_session(self.path("local.yaml")) as session:
            self.assertEqual(session.exec("echo $FROM").stdout, "yaml\n")
        with self.client.open_session({"type": "local", "name": "e", "environment": {"env": {"FROM": "value"}}}) as session:
            self.assertEqual(session.exec("echo $FROM").stdout, "value\n")
        for spec, named in [({"environmnt": {}}, "environmnt"), ({"environment": {"env": {"A": 1}}}, "environment.env.A"), ("none.toml", "none.toml")]:
            with self.assertRaises(Failure) as error:
                self.client.open_session(spec)
            self.assertIn(named, error.exception.message)

    def test_setup_runs_first_and_its_output_is_apart_from_that_of_commands(self):
        """F104, F105, F107, F108, F135, F136, N10, X12, X13"""
        spec = {"environment": {"setup": {"commands": ["echo all > order"], "eval_commands": ["echo eval >> order"]}}}
        with self.client.open_session(spec, mode="evaluation", setup=["echo call >> order; echo told"]) as session:
            self.assertEqual(session.exec("cat order").stdout, "all\neval\ncall\n")
            logs = session.setup_logs()
            self.assertIn("told\n", [path.read_text() for path in logs.values()])
        with self.client.open_session(spec, mode="agent") as session:
            self.assertEqual(session.exec("cat order").stdout, "all\n")
        with self.client.open_session(spec, disable_setup=True) as session:
            self.assertEqual(session.read("order"), {})

    def test_a_setup_that_fails_is_told_and_there_is_no_session(self):
        """N13, X14"""
        before = self.client.sessions()
        with self.assertRaises(SessionError) as error:
            self.client.open_session(setup=["echo why it failed >&2; exit 7"])
        self.assertIn("7", error.exception.message)
        self.assertIn("why it failed", error.exception.log.read_text())
        self.assertEqual(self.client.sessions(), before)

    def test_what_happens_while_it_is_opened_can_be_watched(self):
        events = []
        with self.client.open_session(setup=["echo from setup"], on_event=events.append) as session:
            self.assertTrue(all(event["session"] == session.id for event in events))
        self.assertEqual([event["sequence"] for event in events], list(range(len(events))))
        self.assertIn("setup", [event.get("step") for event in events])
        told = "".join(event["data"]["text"] for event in events if event["event"] == "output")
        self.assertIn("from setup\n", told)

    def test_many_sessions_at_once_do_not_know_each_other(self):
        sessions = [self.client.open_session(env={"NUMBER": str(number)}) for number in range(16)]
        try:
            processes = [session.stream("echo $NUMBER > mine; cat *; ls") for session in sessions]
            for number, process in enumerate(processes):
                self.assertEqual(process.communicate().stdout, f"{number}\nmine\n")
        finally:
            for session in sessions:
                session.close()

    def test_a_session_that_is_closed_ends_its_commands_and_says_so_to_who_watches(self):
        """F201, N19, X67"""
        session = self.client.open_session()
        mark = f"mark{os.urandom(8).hex()}"
        process = session.stream("echo ready; sleep 1000", env={"MARK": mark})
        events = iter(process)
        self.assertEqual(next(events).text, "ready\n")
        session.close()
        last = next(events)
        self.assertEqual((last.kind, last.result.ok), ("finished", False))
        self.assertFalse(lives(mark))


def shown(result: Result):
    """What everybody has to see of an end, wherever the command ran."""
    truncated = (result.stdout_truncated, result.stderr_truncated)
    return (result.how, result.exit_code, result.timed_out, result.stdout_bytes, result.stderr_bytes, truncated)


def counted(diff):
    """A diff, without the digests of what it compares."""
    changes = sorted((change.path, change.kind, change.is_binary, change.lines_added, change.lines_removed) for change in diff.changes)
    return (diff.created, diff.deleted, diff.modified, diff.renamed, diff.lines_added, diff.lines_removed, changes)


class Harness(Place):
    """An evaluation harness from its beginning to its end, which knows nothing of the runtime."""

    def story(self, client: Client):
        """What it does, and all that came of it."""
        came = {}
        with client.open_session(mode="agent", env={"LEVEL": "session"}, setup=["umask 022; mkdir -p data; echo kept > data/kept; echo told"]) as work:
            work.write("sum.sh", "while read -r a b; do echo $((a + b)); done\n", executable=True)
            work.write_value("data/rows.csv", [{"id": 1, "points": 3}, {"id": 2, "points": 4}])
            came["prepared"] = before = work.snapshot()
            came["lines"] = shown(work.exec("wc -l < data/rows.csv | tr -d ' '"))
            came["both streams"] = shown(work.exec("echo out; echo err >&2; exit 42"))
            came["variables"] = shown(work.exec("echo $LEVEL", env={"LEVEL": "call"}))
            came["input"] = shown(work.exec(["sh", "./sum.sh"], stdin="1 2\n3 4\n"))
            came["late"] = shown(work.exec("sleep 1000", timeout=2))
            came["cut"] = shown(work.exec("head -c 5000 /dev/zero; echo few >&2", cap=1000))
            with work.spawn(["sh", "./sum.sh"], timeout=PATIENCE) as process:
                answers = process.lines()
                for pair in ("10 20", "30 40"):
                    process.write(f"{pair}\n")
                    came[f"answer to {pair}"] = next(answers)
                process.close_stdin()
                came["spoken to"] = shown(process.wait())[:3]
            events = list(work.stream("i=0; while [ $i -lt 500 ]; do echo \"line $i ä\"; echo $i >&2; i=$((i+1)); done; exit 5"))
            for kind in ("stdout", "stderr"):
                came[f"streamed {kind}"] = b"".join(event.data for event in events if event.kind == kind)
            came["streamed end"] = [shown(event.result)[:3] for event in events if event.result]
            work.exec("umask 022; rm data/rows.csv; echo 3 >> sum.sh; printf '\\0\\1' > binary; echo new > made", check=True)
            came["after"] = work.snapshot()
            came["diff"] = counted(work.diff(before))
            came["patch"] = work.patch(before)
            came["files"] = work.read("**/*")
            checkpoint, diff = work.checkpoint()
            came["handed over"] = (checkpoint.snapshot, counted(diff))
        came["first manifest"] = work.close()["status"]
        with client.open_session(mode="evaluation", resume=checkpoint) as check:
            came["resumed"] = (check.snapshot(), check.read("**/*"))
            came["checked"] = shown(check.exec(["sh", "-c", "cat made; test -x sum.sh"]))
        came["second manifest"] = check.close()["status"]
        return came

    def test_a_harness_gets_the_same_results_wherever_its_commands_run(self):
        """F120, F123, F125, F127, F130, F137, F144, F187, F202, F203, N02, N11, N16"""
        here = self.story(self.client)
        self.assertEqual(here["lines"], ("exited", 0, False, b"3\n", b"", (False, False)))
        self.assertEqual(here["both streams"], ("exited", 42, False, b"out\n", b"err\n", (False, False)))
        self.assertEqual((here["variables"][3], here["input"][3]), (b"call\n", b"3\n7\n"))
        self.assertEqual((here["late"][0], here["late"][2], here["cut"][5]), ("timed-out", True, (True, False)))
        self.assertEqual((here["answer to 10 20"], here["answer to 30 40"]), (("stdout", "30"), ("stdout", "70")))
        self.assertEqual(here["streamed stderr"], "".join(f"{number}\n" for number in range(500)).encode())
        self.assertEqual(here["streamed end"], [("exited", 5, False)])
        self.assertEqual(here["diff"][:6], (2, 1, 1, 0, 2, 3))
        self.assertEqual(here["resumed"][0], here["after"], "work goes on exactly where it ended")
        self.assertEqual((here["first manifest"], here["second manifest"]), ("succeeded", "succeeded"))
        if SOCKET:
            with tempfile.TemporaryDirectory() as elsewhere:
                place = Path(state.name)
                with Client(program(), state_dir=place / "state", config_dir=place / "config", folder=elsewhere) as client:
                    there = self.story(client)
            for step, value in there.items():
                self.assertEqual(here[step], value, f"{step}: in a container, and on this machine")


class Ends(Place):
    def test_closing_the_client_ends_everything(self):
        """X22"""
        client = self.connect()
        mark = f"mark{os.urandom(8).hex()}"
        session = client.open_session()
        process = session.stream("yes", env={"MARK": mark})
        next(iter(process))
        client.close()
        client.close()
        self.assertFalse(lives(mark) or session.workspace.exists())
        with self.assertRaises(ServerGone):
            session.exec("true")

    def test_a_server_that_is_killed_is_told_and_no_result_is_made_up(self):
        """X23"""
        client = self.connect()
        self.addCleanup(client.close)
        session = client.open_session()
        mark = f"mark{os.urandom(8).hex()}"
        process = session.stream("echo ready; sleep 1000", env={"MARK": mark})
        events = iter(process)
        self.assertEqual(next(events).text, "ready\n")
        os.kill(client.pid, signal.SIGKILL)
        with self.assertRaises(ServerGone):
            list(events)
        with self.assertRaises(ServerGone):
            session.exec("true")
        if SOCKET:
            # A container has a life of its own, which ends when somebody cleans up.
            place = {"WORLDFLUX_STATE_DIR": f"{state.name}/state", "WORLDFLUX_CONFIG_DIR": f"{state.name}/config"}
            subprocess.run([program(), "reap"], env={**os.environ, **place}, check=True)
        until("the command is gone", lambda: not lives(mark))

    def test_a_program_that_is_killed_leaves_nothing_running(self):
        mark = f"mark{os.urandom(8).hex()}"
        script = (
            "import sys, worldflux_client as w\n"
            f"c = w.Client({program()!r}, state_dir={state.name + '/state'!r}, config_dir={state.name + '/config'!r}, folder={self.folder.name!r})\n"
            "s = c.open_session()\n"
            f"p = s.stream('echo ready; sleep 1000', env={{'MARK': {mark!r}}})\n"
            "print(next(iter(p)).text, flush=True)\n"
            "sys.stdin.read()\n"
        )
        child = subprocess.Popen([sys.executable, "-c", script], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(child.stdout.readline(), b"ready\n")
        self.assertTrue(lives(mark))
        child.kill()
        child.communicate()
        until("the command is gone", lambda: not lives(mark))

    def test_a_fork_does_not_keep_the_server_alive(self):
        client = self.connect()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        try:
            begin = time.monotonic()
            client.close()
            self.assertLess(time.monotonic() - begin, 30)
        finally:
            os.close(write)
            os.waitpid(child, 0)

    def test_a_program_that_is_not_there_is_an_error_of_its_own(self):
        with self.assertRaises(ServerGone) as error:
            Client("/nowhere/worldflux")
        self.assertIn("/nowhere/worldflux", error.exception.message)

    def test_broken_lines_are_refused_and_the_session_goes_on(self):
        """F230, F233"""
        with self.client.open_session() as session:
            with self.client._write_lock:
                for line in (b"{broken\n", b"[]\n", b"\xff\xff\n", b"\n"):
                    self.client._input.write(line)
            self.assertEqual(session.exec("echo on").stdout, "on\n")
            with self.assertRaises(RequestError) as error:
                session.client.call("workspace.write", {"session": session.id, "files": [{"path": "x", "data": {"text": "x" * (17 << 20)}}]}, timeout=1)
        self.assertEqual(error.exception.code, "line-too-long")


class Documents(unittest.TestCase):
    def test_the_example_of_the_readme_prints_what_it_says(self):
        text = (HERE / "README.md").read_text()
        example = re.search(r"```python\n(.*?)```", text, re.S).group(1)
        printed = re.search(r"```text\n(.*?)```", text, re.S).group(1)
        with tempfile.TemporaryDirectory() as place:
            environment = {**os.environ, "WORLDFLUX": program(), "PYTHONPATH": str(HERE), "WORLDFLUX_STATE_DIR": f"{place}/state"}
            environment["WORLDFLUX_CONFIG_DIR"] = f"{place}/config"
            if SOCKET:
                choose_runtime(Path(place), Path(place) / "config", IMAGE_WITH_PYTHON)
            answer = subprocess.run([sys.executable, "-c", example], cwd=place, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(answer.stdout, printed)

    def test_everything_that_is_offered_is_there_and_explained(self):
        for name in worldflux_client.__all__:
            self.assertTrue(getattr(worldflux_client, name).__doc__, name)
        for owner in (worldflux_client.Client, worldflux_client.Session, worldflux_client.Process):
            for name, method in vars(owner).items():
                if not name.startswith("_") and callable(method):
                    self.assertTrue(method.__doc__, f"{owner.__name__}.{name}")

    def test_it_needs_nothing_but_the_standard_library(self):
        script = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p and 'dist-packages' not in p]; import worldflux_client"
        subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); {script}"], check=True)


if __name__ == "__main__":
    unittest.main()
