//! The runtime `docker`: who a command runs as, what it sees and reaches, and who sees what it was given.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    process::Command,
};

use crate::{
    containers::{Harbour, IMAGE, docker, podman},
    kit::{Going, Place, answer, command_line, descendants, files, mark, text, until},
};

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
    assert_eq!(made.uid(), 1234);
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
    fs::set_permissions(&fifo, fs::Permissions::from_mode(0o666)).unwrap();
    for name in ["TOKEN", "PYTHONPATH", "LD_LIBRARY_PATH"] {
        command.env(name, &secret);
    }
    command.env("STRANGER", "of the host");
    let mut going = Going::start(&mut command);
    assert_eq!(going.line(), "started\n", "{}", going.told());
    let lines: Vec<_> = descendants(going.pid()).into_iter().map(command_line).collect();
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
    let mut going = Going::start(&mut harbour.place.command(line));
    assert_eq!(going.line(), "up\n", "{}", going.told());
    let network = docker().pid.to_string();
    let fetch = || {
        let mut command = Command::new("nsenter");
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
    symlink(&outside, harbour.place.work().join("link")).unwrap();
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

/// F213, F205: an asset lies where its placeholder says.
#[test]
fn assets_are_seen_where_their_placeholders_say_and_cannot_be_changed() {
    let harbour = Harbour::new(docker());
    harbour.place.write("sets/train.csv", "1,2\n");
    let file = format!(
        "runtime = 'docker'\nmode = 'evaluation'\n[assets]\ntrain = {{ file = 'sets/train.csv', save_path = 'data/train.csv' }}\n\
         [environment]\nuser = '0:0'\n[environment.docker]\nimage = '{IMAGE}'\n"
    );
    harbour.place.write("worldflux.toml", file);
    let script = "echo {{static:train}}; cat {{static:train}}; echo x > {{static:train}} || echo kept";
    let told = harbour.place.type_in(["run", "--run-id", "asset", "--", "sh", "-c", script]).expect(0);
    assert_eq!(told.text(), "/static/data/train.csv\n1,2\nkept\n", "{}", told.stderr);
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
