//! The runtime `docker`, against the daemons of docker and of podman (`tests/real/docker`).

use std::{fs, io::Write as _, process::Stdio, thread, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    containers::{Harbour, IMAGE, docker, podman},
    kit::{Place, answer, command_line, files, lives, mark, text, until},
};

/// F054, F112, F137, F144, F014, F017, F019
#[test]
fn a_command_runs_in_a_container_and_its_results_come_home() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        harbour.place.write("data.txt", "from the workspace\n");
        let script = "cat data.txt; echo to-stderr >&2; pwd; mkdir -p /output; echo done > \"$WORLDFLUX_OUTPUT_DIR/result.txt\"; \
                      echo '{\"loss\": 0.5}' > \"$WORLDFLUX_METRICS\"; exit 42";
        let told = harbour.script("home", &["--set", "user=0:0"], script).expect(1);
        assert_eq!(told.text(), "from the workspace\n/workspace\n", "{}", told.stderr);
        assert!(told.stderr.contains("to-stderr"), "{}", told.stderr);
        let manifest = harbour.manifest("home");
        assert_eq!(manifest.pointer("/executions/0/ending/kind/exited"), None, "{:#}", manifest["executions"]);
        let log = String::from_utf8(harbour.place.log("home")).unwrap();
        assert!(log.contains("from the workspace") && log.contains("to-stderr"), "{log}");
        assert_eq!(manifest["metrics"]["loss"], 0.5, "{manifest:#}");
        assert!(manifest["artifacts"].as_array().unwrap().iter().any(|artifact| artifact["name"] == "result.txt"), "{manifest:#}");
        assert_eq!(fs::read_to_string(harbour.place.output("home").join("result.txt")).unwrap(), "done\n");
        let shown = manifest.to_string();
        assert!(shown.contains("worldflux-home") && shown.contains(IMAGE), "{manifest:#}");
        assert!(daemon.container("home").is_none(), "the container is gone");
        harbour.place.type_in(["manifest", "verify", "home"]).expect(0);
    }
}

/// F142, F143, X31, X32
#[test]
fn a_container_is_closed_unless_it_is_said_otherwise() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let script =
            "id -u; grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status; ls /sys/class/net; touch /bin/x 2>/dev/null || echo kept";
        let told = harbour.script("closed", &[], script).expect(0);
        let lines: Vec<_> = told.text().split_whitespace().collect();
        let expected = ["1000", "CapEff:", "0000000000000000", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "lo", "kept"];
        assert_eq!(lines, expected, "{}", told.stderr);
        assert!(told.stderr.contains("user=0:0"), "root is told that its commands are not: {}", told.stderr);
    }
}

/// F142, F140: who owns what a command leaves is the user's to say.
#[test]
fn a_command_runs_as_whom_the_user_says() {
    let harbour = Harbour::new(docker());
    let told = harbour.script("named", &["--set", "user=1234:77"], "id -u; id -g; touch made").expect(0);
    assert_eq!(told.text(), "1234\n77\n");
    let made = fs::metadata(harbour.place.work().join("made")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), 1234);
    let told = harbour.script("owner", &["--env", "HUID=4321", "--env", "HGID=55"], "id -u; id -g").expect(0);
    assert_eq!(told.text(), "4321\n55\n");
    let told = harbour.script("nobody", &["--set", "user=ghost"], "true").expect(14);
    assert!(told.stderr.contains("the image does not know this user"), "{}", told.stderr);
}

/// F143
#[test]
fn the_network_is_what_was_asked_for() {
    let harbour = Harbour::new(docker());
    let seen = |id: &str, options: &[&str]| harbour.script(id, options, "ls /sys/class/net").expect(0).text().to_owned();
    assert_eq!(seen("none", &[]), "lo\n");
    assert_eq!(seen("typed-none", &["--network", "none"]), "lo\n");
    assert!(seen("full", &["--network", "full"]).contains("eth0"));
    assert!(seen("named", &["--set", "network=benchmark"]).contains("eth0"));
    assert!(seen("host", &["--set", "network=host"]).contains("docker0"));
    let told = harbour.script("hosts", &["--network", "example.test"], "true");
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("opens a network as a whole"), "{}", told.stderr);
    let told = harbour.script("nowhere", &["--set", "network=nowhere"], "true").expect(14);
    assert!(told.stderr.contains("network nowhere not found") && told.stderr.contains("docker network create"), "{}", told.stderr);
}

/// X33, X35, N20: the daemon, the list of processes and the files of the run are looked through while the command runs.
#[test]
fn the_value_of_a_variable_is_on_no_command_line_and_in_no_inspection() {
    let harbour = Harbour::new(docker());
    let secret = mark();
    let mut command = harbour.command(
        "secret",
        &["--env", "TOKEN", "--env", "PYTHONPATH", "--env", "LD_LIBRARY_PATH"],
        &["sh", "-c", "echo started; read -r line < /workspace/go; echo ${#TOKEN} ${#PYTHONPATH} ${#LD_LIBRARY_PATH} ${STRANGER-none}"],
    );
    let fifo = harbour.place.work().join("go");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
    fs::set_permissions(&fifo, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    for name in ["TOKEN", "PYTHONPATH", "LD_LIBRARY_PATH"] {
        command.env(name, &secret);
    }
    command.env("STRANGER", "of the host");
    let mut going = crate::kit::Going::start(&mut command);
    assert_eq!(going.line(), "started\n", "{}", going.told());
    let lines: Vec<_> = crate::kit::descendants(going.pid()).into_iter().map(command_line).collect();
    assert!(lines.iter().any(|line| line.contains("exec") && line.contains("worldflux-secret")), "{lines:?}");
    let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let open: Vec<_> = all.map(command_line).filter(|line| line.contains(&secret)).collect();
    assert!(open.is_empty(), "{open:?}");
    let container = docker().container("secret").unwrap();
    assert!(!container.to_string().contains(&secret), "{container:#}");
    fs::write(&fifo, "go\n").unwrap();
    let told = going.end().expect(0);
    let long = secret.len();
    assert_eq!(told.text(), format!("{long} {long} {long} none\n"), "{}", told.stderr);
    for file in [files(&harbour.place.state()), files(&harbour.place.work())].concat() {
        let content = fs::read(&file).unwrap();
        assert!(!content.windows(long).any(|window| window == secret.as_bytes()), "{}", file.display());
    }
}

/// F127, N04, N05, X02, X05, X08
#[test]
fn a_deadline_ends_the_processes_inside_the_container() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let mark = mark();
        // One that has left the session and holds the pipe, and one that will not hear.
        let script = format!("setsid sh -c 'trap \"\" TERM; : {mark}; sleep 600' & trap '' TERM; echo on; : {mark}; sleep 600; sleep 600");
        let told = harbour.script("late", &["--timeout", "3s", "--grace", "1s"], &script).expect(16);
        assert_eq!(told.text(), "on\n", "{}", told.stderr);
        assert!(told.took < Duration::from_secs(50), "{:?}", told.took);
        assert_eq!(text(&harbour.manifest("late"), "/reason/code"), "timeout");
        assert!(crate::kit::marked(&mark, &[]).is_empty(), "{:?}", crate::kit::marked(&mark, &[]));
        // Not only because the container went: a helper was sent inside before.
        let record = record(&harbour.place, "late");
        let killed = record.iter().any(|line| line["export"] == "kill" && line.to_string().contains("/exec"));
        assert!(killed, "{record:#?}");
    }
}

/// F134, N23
#[test]
fn ctrl_c_and_kill_reach_the_command_inside() {
    let harbour = Harbour::new(docker());
    for id in ["interrupted", "killed"] {
        let mut going = harbour.going(id, &["--grace", "30s"], "trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.1; done");
        assert_eq!(going.line(), "on\n", "{}", going.told());
        if id == "killed" {
            harbour.place.type_in(["kill", id]).expect(0);
        } else {
            going.send(Signal::INT);
        }
        let told = going.end();
        assert_eq!(told.code, Some(if id == "killed" { 19 } else { 130 }), "{}", told.stderr);
        assert!(String::from_utf8_lossy(&harbour.place.log(id)).contains("bye"), "it ended by itself: {}", told.stderr);
        assert!(docker().container(id).is_none());
    }
}

/// F123, N08, X07
#[test]
fn much_input_and_early_output_do_not_wait_for_each_other() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let input = harbour.place.write("input", "x".repeat(499_999) + "\n");
        let input = input.to_str().unwrap();
        let told = harbour.script("much", &["--stdin", input], "yes | head -c 300000; wc -c").expect(0);
        assert_eq!(told.stdout.len(), 300_000 + "500000\n".len(), "{}", told.stderr);
        // One that never reads.
        let told = harbour.script("deaf", &["--stdin", input], "echo ended").expect(0);
        assert_eq!(told.text(), "ended\n");
        // None is empty, and not what the host reads.
        let told = harbour.script("empty", &[], "cat; echo ended").expect(0);
        assert_eq!(told.text(), "ended\n");
    }
}

/// N03, N06, X04
#[test]
fn input_is_interactive_and_output_comes_at_once() {
    let harbour = Harbour::new(docker());
    let mut command =
        harbour.command("talk", &["--stdin", "-"], &["sh", "-c", "while read -r line; do echo \"heard $line\"; done; sleep 300 & exit 7"]);
    command.stdin(Stdio::piped());
    let mut going = crate::kit::Going::start(&mut command);
    let mut stdin = going.process.stdin.take().unwrap();
    for word in ["one", "zwölf"] {
        writeln!(stdin, "{word}").unwrap();
        assert_eq!(going.line(), format!("heard {word}\n"), "{}", going.told());
    }
    drop(stdin);
    let told = going.end().expect(1);
    assert!(told.took < Duration::from_mins(2), "a child in the background holds nobody up: {:?}", told.took);
}

/// N01, N02, N07, N09, X01, X03, X10
#[test]
fn no_byte_of_output_is_lost_or_broken() {
    let harbour = Harbour::new(docker());
    let script = "i=0; while [ $i -lt 2000 ]; do echo \"zeile $i — ünïcödé 漢字\"; echo \"fehler $i\" >&2; i=$((i+1)); done; head -c 300000 /dev/zero >&2";
    let told = harbour.script("whole", &[], script).expect(0);
    let lines: Vec<_> = told.text().lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1999]), (2000, "zeile 0 — ünïcödé 漢字", "zeile 1999 — ünïcödé 漢字"));
    let log = harbour.place.log("whole");
    assert_eq!(log.iter().filter(|byte| **byte == 0).count(), 300_000);
    assert_eq!(log.windows(7).filter(|window| *window == b"fehler ").count(), 2000);
}

/// Issue 6, 4: what a host that was killed has left is found by its label, and nothing else is touched.
#[test]
fn reap_removes_the_container_of_a_host_that_was_killed_and_no_other() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let stranger = json!({ "Image": IMAGE, "Cmd": ["sleep", "600"], "Labels": { "worldflux.run": "of-somebody-else" } });
        let name = format!("stranger-{}", mark());
        let (status, made) = daemon.ask("POST", &format!("containers/create?name={name}"), &stranger);
        assert_eq!(status, 201, "{made}");
        let mut going = harbour.going("orphan", &[], "echo on; sleep 600");
        assert_eq!(going.line(), "on\n", "{}", going.told());
        // It is listed while it is used.
        let listed = harbour.place.type_in(["env", "list", "--json"]).expect(0);
        assert!(listed.text().contains("worldflux-orphan"), "{}", listed.text());
        going.send(Signal::KILL);
        going.process.wait().unwrap();
        assert!(daemon.container("orphan").is_some(), "nobody was there to remove it");
        let reaped = harbour.place.type_in(["reap"]).expect(0);
        assert!(daemon.container("orphan").is_none(), "{}", reaped.stderr);
        assert!(daemon.names().contains(&name));
        let rows = harbour.place.runs();
        assert_ne!(text(&rows[0], "/status"), "succeeded");
        daemon.ask("DELETE", &format!("containers/{name}?force=1"), &Value::Null);
    }
}

/// F201: several at once.
#[test]
fn several_containers_live_side_by_side() {
    let harbour = Harbour::new(docker());
    let answers: Vec<_> = thread::scope(|scope| {
        let run = |number: usize| {
            let harbour = &harbour;
            scope.spawn(move || harbour.script(&format!("side-{number}"), &[], &format!("echo {number} > /tmp/own; sleep 1; cat /tmp/own")))
        };
        (0..3).map(run).collect::<Vec<_>>().into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (number, told) in answers.into_iter().enumerate() {
        assert_eq!(told.expect(0).text(), format!("{number}\n"));
    }
}

/// F138: ports are open on this machine alone.
#[test]
fn a_port_leads_to_a_server_inside_and_one_in_use_is_told() {
    let harbour = Harbour::new(docker());
    let file = |port: u16| format!("runtime = 'docker'\n[environment.ports]\n{port} = 8000\n[environment.docker]\nimage = '{IMAGE}'\n");
    harbour.place.write("worldflux.toml", file(18_080));
    let line = [
        "run",
        "--run-id",
        "served",
        "--",
        "sh",
        "-c",
        "echo page > /tmp/index.html; httpd -p $WORLDFLUX_LISTEN:8000 -h /tmp; echo up; sleep 600",
    ];
    let mut going = crate::kit::Going::start(&mut harbour.place.command(line));
    assert_eq!(going.line(), "up\n", "{}", going.told());
    let network = docker().pid.to_string();
    let fetch = || {
        let mut command = std::process::Command::new("nsenter");
        answer(command.args(["--net", "--target", &network, "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:18080/index.html"]))
    };
    until("the server answers", || fetch().stdout == b"page\n");
    let bound = docker().container("served").unwrap();
    assert_eq!(text(&bound, "/HostConfig/PortBindings/8000~1tcp/0/HostIp"), "127.0.0.1");
    let told = harbour.place.type_in(["run", "--run-id", "second", "--", "true"]).expect(14);
    assert!(told.stderr.contains("another process has this port"), "{}", told.stderr);
    assert!(docker().container("second").is_none());
    drop(going);
    harbour.place.type_in(["reap"]).expect(0);
}

/// F139, X37, X38, X39, N14
#[test]
fn mounts_show_what_was_opened_and_nothing_else() {
    let harbour = Harbour::new(docker());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "outside\n").unwrap();
    harbour.place.write("data/file", "inside\n");
    let outside = outside.path().canonicalize().unwrap();
    let file = |mounts: &str| format!("runtime = 'docker'\n[environment.docker]\nimage = '{IMAGE}'\n[environment.mounts]\n{mounts}\n");
    let run = |id: &str, mounts: &str, script: &str| {
        harbour.place.write("worldflux.toml", file(mounts));
        harbour.place.type_in(["run", "--run-id", id, "--", "sh", "-c", script])
    };
    // One folder at two places, and a name that only begins like the workspace.
    let both = "'/a' = 'data'\n'/workspace2' = 'data'";
    assert_eq!(run("both", both, "cat /a/file /workspace2/file").expect(0).text(), "inside\ninside\n");
    assert_eq!(run("read", "'/a' = 'data'", "echo x > /a/new || echo kept").expect(0).text(), "kept\n");
    let told = run("escape", &format!("'/a' = '{}'", outside.display()), "cat /a/file");
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let cure = format!("worldflux plugin grant docker --folder {}=read", outside.display());
    assert!(told.stderr.contains("lies outside of the project") && told.stderr.contains(&cure), "{}", told.stderr);
    std::os::unix::fs::symlink(&outside, harbour.place.work().join("link")).unwrap();
    let told = run("link", "'/a' = 'link'", "cat /a/file");
    assert_eq!(told.code, Some(2), "a link leads nowhere else: {}", told.stderr);
    harbour.place.type_in(["plugin", "grant", "docker", "--folder", &format!("{}=read", outside.display())]).expect(0);
    assert_eq!(run("granted", &format!("'/a' = '{}'", outside.display()), "cat /a/file").expect(0).text(), "outside\n");
    for (id, mounts) in
        [("taken", "'/workspace/x' = 'data'"), ("above", "'/output' = 'data'"), ("inside", "'/a' = 'data'\n'/a/b' = 'data'")]
    {
        let told = run(id, mounts, "true");
        assert!(matches!(told.code, Some(2 | 14)) && told.stderr.contains("is there already"), "{id}: {:?} {}", told.code, told.stderr);
    }
}

/// F115, F112, F106: as they are, but for the image, which no registry here has.
#[test]
fn the_specifications_of_the_older_system_are_read_as_they_are() {
    let harbour = Harbour::new(docker());
    let specs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/specs/docker-uv.yaml");
    let text = fs::read_to_string(specs).unwrap();
    harbour.place.write("env.yaml", text.replace("ghcr.io/astral-sh/uv:python3.12-trixie-slim", IMAGE));
    let told = harbour.place.type_in([
        "run",
        "--spec",
        "env.yaml",
        "--run-id",
        "older",
        "--",
        "sh",
        "-c",
        "echo $UV_CACHE_DIR; pwd; ls /sys/class/net",
    ]);
    let told = told.expect(0);
    assert_eq!(told.text().lines().take(2).collect::<Vec<_>>(), ["/tmp/uv-cache", "/workspace"], "{}", told.stderr);
    assert!(told.text().contains("eth0"), "it is in the network `benchmark`");
}

/// F213, F205: an asset lies where its placeholder says.
#[test]
fn assets_are_seen_where_their_placeholders_say_and_cannot_be_changed() {
    let harbour = Harbour::new(docker());
    harbour.place.write("sets/train.csv", "1,2\n");
    let file = format!(
        "runtime = 'docker'\nmode = 'evaluation'\n[assets]\ntrain = {{ path = 'sets/train.csv', save_path = 'data/train.csv' }}\n\
         [environment.docker]\nimage = '{IMAGE}'\n"
    );
    harbour.place.write("worldflux.toml", file);
    let script = "echo {{static:train}}; cat {{static:train}}; echo x > {{static:train}} || echo kept";
    let told = harbour.place.type_in(["run", "--run-id", "asset", "--", "sh", "-c", script]).expect(0);
    assert_eq!(told.text(), "/static/data/train.csv\n1,2\nkept\n", "{}", told.stderr);
}

/// F104, F135, F144, N13: what one line leaves in the container the next one finds.
#[test]
fn setup_lines_run_in_the_container_and_one_that_fails_ends_the_run() {
    let harbour = Harbour::new(docker());
    let told = harbour.script("set-up", &["--setup", "echo made > /tmp/state"], "cat /tmp/state").expect(0);
    assert_eq!(told.text(), "made\n");
    let told = harbour.script("broken", &["--setup", "echo why >&2; exit 3"], "echo never");
    assert!(told.code != Some(0) && !told.text().contains("never"), "{}", told.stderr);
    assert!(docker().container("broken").is_none());
}

/// F146, F147
#[test]
fn an_image_is_built_once_from_the_same() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let unique = mark();
        harbour.place.write("docker/Dockerfile", format!("FROM {IMAGE}\nCOPY tool /usr/bin/\nRUN echo {unique} > /unique\n"));
        harbour.place.write("docker/tool", "#!/bin/sh\necho tool\n");
        let image = |id: &str, options: &[&str]| {
            let options = [&["--set", "dockerfile=docker/Dockerfile"], options].concat();
            let told = harbour.script(id, &options, "tool; cat /unique").expect(0);
            assert_eq!(told.text(), format!("tool\n{unique}\n"), "{}", told.stderr);
            let manifest = harbour.manifest(id).to_string();
            manifest
                .split("\"image_id\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_else(|| panic!("{manifest}"))
                .to_owned()
        };
        let first = image("built", &[]);
        assert_eq!(image("again", &[]), first);
        harbour.place.write("docker/.dockerignore", "nothing\n");
        harbour.place.write("docker/tool", "#!/bin/sh\necho tool # changed\n");
        assert_ne!(image("changed", &[]), first);
        harbour.place.write("docker/Dockerfile", format!("FROM {IMAGE}\nRUN echo before; false\n"));
        let told = harbour.script("broken", &["--set", "dockerfile=docker/Dockerfile"], "true").expect(14);
        assert!(told.stderr.contains("building the image"), "{}", told.stderr);
    }
}

/// F146: setup lines become an image, once.
#[test]
fn setup_lines_can_be_baked_into_an_image() {
    let harbour = Harbour::new(docker());
    let unique = mark();
    let line = format!("echo {unique} > /baked");
    for id in ["bake", "baked"] {
        let told = harbour.script(id, &["--set", "bake=true", "--setup", &line], "cat /baked").expect(0);
        assert_eq!(told.text(), format!("{unique}\n"), "{}", told.stderr);
        assert_eq!(told.stderr.contains("was built from the same before"), id == "baked", "{}", told.stderr);
    }
}

#[test]
fn a_container_that_is_removed_from_outside_ends_the_run_cleanly() {
    let harbour = Harbour::new(docker());
    let mut going = harbour.going("removed", &[], "echo on; sleep 600");
    assert_eq!(going.line(), "on\n", "{}", going.told());
    docker().ask("DELETE", "containers/worldflux-removed?force=1", &Value::Null);
    let told = going.end();
    assert!(told.code != Some(0), "{}", told.stderr);
    assert_ne!(text(&harbour.manifest("removed"), "/status"), "succeeded");
    assert_eq!(harbour.place.type_in(["env", "list", "--json"]).expect(0).text().matches("worldflux-removed").count(), 0);
}

/// F132, T-W10
#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let harbour = Harbour::new(docker());
    let told = harbour.run("no-image", &["--set", "image=worldflux-test:nothing", "--set", "pull=never"], &["true"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("`worldflux-test:nothing` is not here") && told.stderr.contains("docker pull"), "{}", told.stderr);
    let told = harbour.run("no-registry", &["--set", "image=127.0.0.1:9/x:1"], &["true"]).expect(14);
    assert!(told.stderr.contains("the image `127.0.0.1:9/x:1` is not here"), "{}", told.stderr);
    let told = harbour.place.type_in(["run", "--runtime", "docker", "--", "true"]);
    assert!(told.code != Some(0) && told.stderr.contains("--set image=NAME"), "{}", told.stderr);
    let told = harbour.run("no-program", &[], &["no-such-program"]);
    assert!(told.code != Some(0), "{}", told.stderr);
    let place = Place::new();
    let nowhere = format!("unix:{}", place.state().join("nothing.sock").display());
    place.type_in(["endpoint", "add", "docker.sock:80", "--at", &nowhere]).expect(0);
    let told = place.type_in(["run", "--runtime", "docker", "--set", "image=x", "--", "true"]).expect(2);
    assert!(told.stderr.contains("no daemon answers") && told.stderr.contains("worldflux endpoint add"), "{}", told.stderr);
    // Somebody who has no docker is not told that the machine is broken.
    let told = place.type_in(["runtime", "doctor", "docker"]).expect(0);
    assert!(told.text().lines().any(|line| line.starts_with("warning: docker: daemon: ")), "{}", told.text());
}

/// F002, F245
#[test]
fn doctor_tells_what_the_daemon_is() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let told = harbour.place.type_in(["runtime", "doctor", "docker", "--json"]).expect(0).json();
        let findings = told.pointer("/docker/findings").and_then(Value::as_array).unwrap().clone();
        let finding =
            |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {findings:#?}"));
        for check in ["daemon", "rights", "limits", "client", "disk", "gpu"] {
            assert!(!text(finding(check), "/message").is_empty());
        }
        assert!(text(finding("rights"), "/message").contains("as good as root"));
        assert!(finding("disk")["details"].to_string().contains("free_bytes"), "{:#}", finding("disk"));
    }
}

/// Issue 6, the grant.
#[test]
fn whoever_is_asked_for_the_socket_reads_what_it_means() {
    let place = Place::new();
    let told = place.type_in(["plugin", "inspect", "docker"]).expect(0);
    for word in ["unix:/run/docker.sock", "as good as root", "rootless podman"] {
        assert!(told.text().contains(word), "{word}: {}", told.text());
    }
}

#[test]
fn what_would_be_made_is_told_and_nothing_is_made() {
    let harbour = Harbour::new(docker());
    let told = harbour.run("dry", &["--dry-run"], &["true"]).expect(0);
    for word in [IMAGE, "as user 1000:1000", "without a network", "worldflux-dry"] {
        assert!(told.text().contains(word), "{word}: {}", told.text());
    }
    assert!(docker().container("dry").is_none());
}

/// F140, X31
#[test]
fn limits_hold() {
    let harbour = Harbour::new(docker());
    let options = ["--set", "memory=64MiB", "--set", "processes=16", "--set", "cpus=0.5", "--set", "read_only=true"];
    let mut going = harbour.going("limited", &options, "echo on; touch /x 2>/dev/null || echo kept; touch /tmp/x && echo there; sleep 600");
    for line in ["on\n", "kept\n", "there\n"] {
        assert_eq!(going.line(), line, "{}", going.told());
    }
    let host = docker().container("limited").unwrap()["HostConfig"].clone();
    assert_eq!((&host["Memory"], &host["PidsLimit"], &host["NanoCpus"]), (&json!(64 << 20), &json!(16), &json!(500_000_000)));
    harbour.place.type_in(["kill", "limited"]).expect(0);
    let pid = going.pid();
    going.end();
    assert!(!lives(pid));
}

/// The lines of the record of a run.
fn record(place: &Place, run: &str) -> Vec<Value> {
    let path = place.state().join("runs").join(run).join("record.jsonl");
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
