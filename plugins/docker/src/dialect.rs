//! The Engine API of docker, as podman speaks it too: every request that is made, every answer that is read, and the line that runs a command.
//! What an answer has beyond this is ignored. No version is named in a path, so that the daemon speaks its own.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};
use worldflux_plugin::{
    Cause, Failure,
    http::{Body, Content, Request, Response, encode},
    process::Command,
};

use crate::{
    answers::{Container, Image, Info, Version, or_default},
    settings::Client,
};

/// The name under which the socket of the daemon is asked for.
pub(crate) const HOST: &str = "docker.sock";

/// The same with its port, as the host names what is behind it.
pub(crate) const ENDPOINT: &str = "docker.sock:80";

/// By these labels everything that is made is found again.
pub(crate) const LABEL: &str = "worldflux.run";
pub(crate) const LABEL_IMAGE: &str = "worldflux.image";

/// The longest that one look may take.
const LOOK: Duration = Duration::from_secs(20);

/// The longest that the daemon may look at itself. That of podman asks the package manager about every program it uses.
const ITSELF: Duration = Duration::from_secs(50);

/// The longest that making, starting or removing may take, on a machine with much to do.
const WORK: Duration = Duration::from_mins(4);

/// The longest that an image may take to come or to be built.
const IMAGE: Duration = Duration::from_mins(55);

/// The longest a program may take to tell its version.
const ANSWER: Duration = Duration::from_secs(10);

/// One of a list of containers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    warnings: Vec<String>,
}

/// A command that was started in a container by this plugin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helper {
    running: bool,
}

fn url(path: &str) -> String {
    format!("http://{HOST}/{path}")
}

fn get(path: &str) -> Request {
    Request::get(url(path)).within(LOOK).answer_within(LOOK)
}

fn post(path: &str) -> Request {
    Request::post(url(path)).within(WORK).answer_within(WORK)
}

/// A failure of the connection, in words of this runtime.
pub(crate) fn explained(failure: Failure) -> Failure {
    if failure.message.contains("permission denied") {
        let cure = "use a daemon of your own (`systemctl --user start podman.socket`, then `worldflux endpoint add docker.sock:80 --at \
                    unix:/run/user/1000/podman/podman.sock` with your own number), or have root put you into the group of the socket";
        let (action, rule) = ("open the socket of the daemon", "it belongs to root and its group");
        let cause = Cause::Denied { action: action.into(), rule: rule.into(), cure: cure.into() };
        return Failure { cause, ..failure }.hint(cure);
    }
    if !matches!(failure.cause, Cause::Unavailable { .. } | Cause::NotFound | Cause::Other) || failure.hint.is_some() {
        return failure;
    }
    failure.hint(
        "start the daemon (`systemctl start docker`, or `podman system service -t 0` for podman), or say where its socket is: `worldflux endpoint \
         add docker.sock:80 --at unix:/run/user/1000/podman/podman.sock`",
    )
}

fn ask(request: &Request) -> Result<Response, Failure> {
    request.send().map_err(explained)
}

pub(crate) fn info() -> Result<Info, Failure> {
    ask(&get("info").within(ITSELF).answer_within(ITSELF))?.checked("asking the daemon about itself")?.json()
}

/// Whether the daemon is podman's.
pub(crate) fn is_podman() -> Result<bool, Failure> {
    let version: Version = ask(&get("version"))?.checked("asking the daemon for its version")?.json()?;
    Ok(version.components.iter().any(|component| component.name.to_ascii_lowercase().contains("podman")))
}

/// The image of this name or id; `None` where it is not here.
pub(crate) fn image(reference: &str) -> Result<Option<Image>, Failure> {
    let answer = ask(&get(&format!("images/{reference}/json")))?;
    if answer.status() == 404 {
        return Ok(None);
    }
    answer.checked(&format!("looking at the image `{reference}`"))?.json().map(Some)
}

/// Fetch an image. The answer tells how far it is, a line each.
pub(crate) fn pull(reference: &str) -> Result<Body, Failure> {
    let request = Request::post(url("images/create")).within(IMAGE).answer_within(IMAGE);
    let request = match split_reference(reference) {
        (name, Some(tag)) => request.query("fromImage", name).query("tag", tag),
        (name, None) => request.query("fromImage", name),
    };
    Ok(ask(&request)?.checked(&format!("fetching the image `{reference}`"))?.into_body())
}

/// Name and tag, or digest, of an image. Without either it is the tag `latest`.
fn split_reference(reference: &str) -> (&str, Option<&str>) {
    if reference.contains('@') {
        return (reference, None);
    }
    match reference.rsplit_once(':') {
        // What follows the last colon of `registry:5000/name` is no tag.
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (reference, Some("latest")),
    }
}

/// What an image is built from.
pub(crate) struct Build<'b> {
    pub(crate) tag: &'b str,
    /// Below the folder that is sent.
    pub(crate) dockerfile: &'b str,
    pub(crate) arguments: &'b BTreeMap<String, String>,
    pub(crate) network: &'b str,
    /// Whether nothing of an earlier build is used.
    pub(crate) anew: bool,
    pub(crate) label: &'b str,
    /// The archive.
    pub(crate) context: Vec<Content>,
}

/// Build an image. The answer tells what is done, a line each.
pub(crate) fn build(wanted: Build<'_>) -> Result<Body, Failure> {
    let Build { tag, dockerfile, arguments, network, anew, label, context } = wanted;
    let labels = json!({ LABEL_IMAGE: label }).to_string();
    let mut request = Request::post(url("build")).within(IMAGE).answer_within(IMAGE);
    for (key, value) in [
        ("t", tag),
        ("dockerfile", dockerfile),
        ("buildargs", &json!(arguments).to_string()),
        ("networkmode", network),
        ("nocache", if anew { "1" } else { "0" }),
        ("labels", &labels),
        ("rm", "1"),
        ("forcerm", "1"),
    ] {
        request = request.query(key, value);
    }
    let request = request.parts("application/x-tar", context);
    Ok(ask(&request)?.checked("building the image")?.into_body())
}

/// The container of this name; `None` where there is none.
pub(crate) fn container(name: &str) -> Result<Option<Container>, Failure> {
    let answer = ask(&get(&format!("containers/{}/json", encode(name))))?;
    if answer.status() == 404 {
        return Ok(None);
    }
    answer.checked(&format!("looking at the container `{name}`"))?.json().map(Some)
}

/// Make a container; the answer has what the daemon warns of.
pub(crate) fn create(name: &str, wanted: &Value) -> Result<Vec<String>, Failure> {
    let request = post("containers/create").query("name", name).json(wanted);
    let made: Made = ask(&request)?.checked("making the container")?.json()?;
    let _ = made.id;
    Ok(made.warnings)
}

/// Start it. One that runs already is fine.
pub(crate) fn start(name: &str) -> Result<(), Failure> {
    let answer = ask(&post(&format!("containers/{}/start", encode(name))))?;
    if answer.status() == 304 {
        return Ok(());
    }
    answer.checked("starting the container").map(drop)
}

/// Let a container that was paused go on.
pub(crate) fn unpause(name: &str) -> Result<(), Failure> {
    ask(&post(&format!("containers/{}/unpause", encode(name))))?.checked("letting the container go on").map(drop)
}

/// The ids of all containers of a run, whether they run or not.
pub(crate) fn containers_of(run: &str) -> Result<Vec<String>, Failure> {
    let filters = json!({ "label": [format!("{LABEL}={run}")] }).to_string();
    let answer = ask(&get("containers/json").query("all", "1").query("filters", &filters))?;
    let listed: Vec<Listed> = answer.checked("looking for the containers of the run")?.json()?;
    Ok(listed.into_iter().map(|listed| listed.id).collect())
}

/// Remove a container, with everything that runs in it and the volumes that belong to it alone, and wait until it is gone. One that is not
/// there is fine.
pub(crate) fn remove(id: &str) -> Result<(), Failure> {
    let until = Instant::now() + WORK;
    loop {
        let request = Request::delete(url(&format!("containers/{}", encode(id)))).query("force", "1").query("v", "1");
        let answer = ask(&request.within(WORK).answer_within(WORK))?;
        match answer.status() {
            404 => return Ok(()),
            // Somebody else removes it at this moment.
            409 if Instant::now() < until => {}
            _ => drop(answer.checked(&format!("removing the container `{id}`"))?),
        }
        if container(id)?.is_none() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Start a helper in a container, as `user`, and leave it to itself; the answer is its id.
pub(crate) fn help(name: &str, user: &str, argv: &[&str]) -> Result<String, Failure> {
    let wanted = json!({ "Cmd": argv, "User": user, "AttachStdout": false, "AttachStderr": false });
    let made: Made = ask(&post(&format!("containers/{}/exec", encode(name))).json(&wanted))?.checked("preparing a helper")?.json()?;
    let start = post(&format!("exec/{}/start", encode(&made.id))).json(&json!({ "Detach": true, "Tty": false }));
    ask(&start)?.checked("starting a helper")?;
    Ok(made.id)
}

/// Whether a helper still runs.
pub(crate) fn is_helping(id: &str) -> Result<bool, Failure> {
    let helper: Helper = ask(&get(&format!("exec/{}/json", encode(id))))?.checked("looking at a helper")?.json()?;
    Ok(helper.running)
}

/// The line that runs a command in a container, up to the name of the container and the command.
pub(crate) fn exec(client: Client, socket: &str) -> Command {
    let command = Command::new(client.program());
    match client {
        Client::Docker => command.arguments(["--host", &format!("unix://{socket}"), "exec"]),
        Client::Podman => command.arguments(["--remote", "--url", &format!("unix://{socket}"), "exec"]),
    }
}

pub(crate) fn version_of(client: Client) -> Command {
    Command::new(client.program()).argument("--version").deadline(ANSWER)
}

pub(crate) fn free_disk(folder: &str) -> Command {
    Command::new("df").arguments(["-Pk", "--", folder]).deadline(ANSWER)
}

/// The free KiB in the answer of `df -Pk` (POSIX: the fourth field of the second line).
pub(crate) fn read_free_disk(text: &str) -> Option<u64> {
    let fields: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    // The name of the device may hold spaces: the field that ends in `%` tells where the others are.
    let percent = fields.iter().rposition(|field| field.ends_with('%'))?;
    fields.get(percent.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_somebody_else_is_not_taken_for_a_daemon_that_is_down() {
        let failure =
            explained(Failure::other("GET http://docker.sock/info: the socket may not be opened by this user: permission denied"));
        assert!(matches!(failure.cause, Cause::Denied { .. }) && failure.hint.unwrap().contains("podman.socket"));
        let failure = explained(Failure::unavailable("GET http://docker.sock/info: refused", None));
        assert!(matches!(failure.cause, Cause::Unavailable { .. }) && failure.hint.unwrap().starts_with("start the daemon"));
    }

    #[test]
    fn the_name_of_an_image_has_a_tag_a_digest_or_neither() {
        assert_eq!(split_reference("busybox"), ("busybox", Some("latest")));
        assert_eq!(split_reference("a.test:5000/x/y"), ("a.test:5000/x/y", Some("latest")));
        assert_eq!(split_reference("a.test:5000/x:1"), ("a.test:5000/x", Some("1")));
        assert_eq!(split_reference("x@sha256:ab"), ("x@sha256:ab", None));
    }

    #[test]
    fn the_socket_stands_in_the_line_of_both_clients() {
        assert_eq!(exec(Client::Docker, "/run/x.sock").arguments_given(), ["--host", "unix:///run/x.sock", "exec"]);
        assert_eq!(exec(Client::Podman, "/run/x.sock").arguments_given(), ["--remote", "--url", "unix:///run/x.sock", "exec"]);
    }

    #[test]
    fn free_disk_is_read_whatever_the_device_is_called() {
        assert_eq!(read_free_disk("head\n/dev/a b 1 1 77 1% /x y\n"), Some(77));
        assert_eq!(read_free_disk("head\n"), None);
    }
}
