//! The runtime `docker`: what the machine around it does wrong, and what is told then. Also the daemon that has no rights of its own.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        net::UnixListener,
    },
    process::{Child, Command, Stdio},
};

use crate::{
    containers::{Daemon, Harbour, IMAGE, docker},
    daemon::{rootless, small},
    kit::{Answer, Place, answer, until},
};

/// A socket of somebody else is no daemon that is down: another line cures it.
#[test]
fn a_socket_without_permission_is_told_as_such() {
    let place = Place::new();
    let path = place.work().join("docker.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&path, Some(1), Some(1)).unwrap();
    place.type_in(["endpoint", "add", "docker.sock:80", "--at", &format!("unix:{}", path.display())]).expect(0);
    // Root without what opens every file to it is a user like others.
    let typed = place.command(["run", "--runtime", "docker", "--set", "image=x", "--", "true"]);
    let mut command = Command::new("setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"]).arg(typed.get_program()).args(typed.get_args());
    command.env_clear().envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(place.work());
    let told = answer(command.stdin(Stdio::null())).expect(2);
    assert!(told.stderr.contains("permission denied") && told.stderr.contains("podman.socket"), "{}", told.stderr);
    assert!(!told.stderr.contains("start the daemon"), "{}", told.stderr);
}

/// F210: two assets at one place would be one.
#[test]
fn two_assets_at_one_place_are_refused_before_anything_is_made() {
    let harbour = Harbour::new(docker());
    harbour.place.write("set", "1\n");
    let asset = "{ file = 'set', save_path = 'data/x' }";
    let file =
        format!("runtime = 'docker'\nmode = 'evaluation'\n[assets]\na = {asset}\nb = {asset}\n[environment.docker]\nimage = '{IMAGE}'\n");
    harbour.place.write("worldflux.toml", file);
    let told = harbour.place.type_in(["run", "--run-id", "two-assets", "--", "true"]).expect(2);
    assert!(told.stderr.contains("`assets.b`") && told.stderr.contains("another `save_path`"), "{}", told.stderr);
    assert!(docker().container("two-assets").is_none());
}

/// A disk that is full is told as that, with what makes room on it.
#[test]
fn a_full_disk_of_the_daemon_is_told_with_what_makes_room() {
    let daemon = small();
    daemon.fill();
    let harbour = Harbour::new(daemon);
    let told = harbour.script("full", &[], "true").expect(14);
    assert!(told.stderr.contains("no space left on device") && told.stderr.contains("docker system prune"), "{}", told.stderr);
    assert!(daemon.container("full").is_none());
}

/// F142: the root of a rootless daemon is its user, and a command is nobody else.
#[test]
fn a_rootless_daemon_gives_no_more_than_its_user_has() {
    let harbour = Harbour::new(rootless());
    // The user of the daemon has to come to the workspace.
    let home = harbour.place.work();
    fs::set_permissions(home.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let told = harbour.script("rootless", &[], "id -u; touch made; exit 3").expect(1);
    assert_eq!(told.text(), "0\n", "{}", told.stderr);
    let (user, own) = (fs::metadata(home.join("made")).unwrap().uid(), fs::metadata(rootless().socket()).unwrap().uid());
    assert!(user == own && user != 0, "{user} {own}");
    let told = harbour.place.type_in(["runtime", "doctor", "docker"]).expect(0);
    assert!(told.text().contains("only your own rights (rootless)"), "{}", told.text());
    assert!(rootless().container("rootless").is_none(), "the container is gone");
}

/// A registry on the loopback of a daemon, which ends with the test.
struct Registry {
    process: Child,
    _folder: tempfile::TempDir,
}

/// Where it listens.
const REGISTRY: &str = "127.0.0.1:5050";

impl Registry {
    fn start(daemon: &Daemon) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.yml");
        let data = folder.path().join("data");
        fs::write(
            &file,
            format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {REGISTRY}\n", data.display()),
        )
        .unwrap();
        let mut process = inside(daemon, "docker-registry");
        let process = process.arg("serve").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { process: process.spawn().unwrap(), _folder: folder };
        until("the registry answers", || {
            let mut look = inside(daemon, "busybox");
            answer(look.args(["wget", "-q", "-O", "-", &format!("http://{REGISTRY}/v2/")])).code == Some(0)
        });
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program in the network of the daemon.
fn inside(daemon: &Daemon, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--target", &daemon.pid.to_string(), program]);
    command
}

/// What the client of docker does at this daemon.
fn client(daemon: &Daemon, arguments: &[&str]) -> Answer {
    let mut command = Command::new("docker");
    command.env("PATH", "/usr/bin:/bin").env("DOCKER_BUILDKIT", "0").arg("--host").arg(format!("unix://{}", daemon.socket().display()));
    answer(command.args(arguments)).expect(0)
}

/// F146: an image comes from its registry with its progress, and one that the registry does not have is told.
#[test]
fn an_image_is_fetched_from_a_registry_with_its_progress() {
    let harbour = Harbour::new(docker());
    let _registry = Registry::start(docker());
    let image = format!("{REGISTRY}/noise:1");
    let mut noise = vec![0_u8; 8 << 20];
    File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    let folder = harbour.place.write("noise/noise", noise).parent().unwrap().display().to_string();
    harbour.place.write("noise/Dockerfile", format!("FROM {IMAGE}\nCOPY noise /noise\n"));
    client(docker(), &["build", "--quiet", "--network", "none", "--tag", &image, &folder]);
    client(docker(), &["push", "--quiet", &image]);
    client(docker(), &["image", "rm", &image]);

    let setting = format!("image={image}");
    let told = harbour.script("fetched", &["--set", &setting, "--events"], "wc -c < /noise").expect(0);
    let events = told.events();
    let fetching: Vec<_> = events.iter().filter(|event| event["message"].as_str().is_some_and(|text| text.contains("fetching"))).collect();
    let last = fetching.last().unwrap_or_else(|| panic!("{events:#?}"));
    assert!(last["done"].as_u64() >= Some(8 << 20) && last["done"] == last["total"], "{fetching:#?}");
    assert!(events.iter().any(|event| event["event"] == "stdout" && event["text"] == "8388608\n"), "{events:#?}");
    let manifest = harbour.manifest("fetched");
    assert!(manifest.pointer("/environment/metadata/image_digest").is_some(), "{:#}", manifest["environment"]);

    let told = harbour.script("unknown", &["--set", &format!("image={REGISTRY}/nothing:1")], "true").expect(14);
    assert!(told.stderr.contains("nothing:1` is not here") && told.stderr.contains("manifest unknown"), "{}", told.stderr);
    client(docker(), &["image", "rm", &image]);
}
