//! Looks whether there is a daemon, what it is, and whether commands can be connected to it.

use worldflux_plugin::{
    Cause, Detail, Failure, Finding, Severity,
    process::{self, Output},
};

use crate::{
    answers::Info,
    dialect,
    settings::{self, Client, Pull, Settings, Source},
};

/// Below this much free disk, in KiB, doctor warns: an image with a learning framework needs more.
const LITTLE_DISK: u64 = 4 << 20;

pub(crate) fn findings(text: &str) -> Result<Vec<Finding>, Failure> {
    let settings = settings::read(text)?;
    // Asked without a run, nobody has said that a container is wanted: what is missing blocks nobody then.
    let missing = if settings.source.is_some() { Severity::Error } else { Severity::Warning };
    let mut findings = vec![];
    let info = match dialect::info() {
        Ok(info) => info,
        Err(failure) => {
            findings.push(no_daemon(missing, failure));
            findings.push(client(&settings, missing));
            return Ok(findings);
        }
    };
    findings.push(daemon(&info));
    findings.push(rights(&info));
    findings.push(limits(&info, &settings));
    findings.push(client(&settings, missing));
    findings.push(disk(&info));
    findings.push(gpu(&info, &settings));
    if let Some(Source::Image(name, pull)) = &settings.source {
        findings.push(image(name, *pull)?);
    }
    Ok(findings)
}

fn no_daemon(severity: Severity, failure: Failure) -> Finding {
    let finding = Finding::new(severity, "daemon", format!("no daemon answers: {}", failure.message));
    let cure = match failure.cause {
        Cause::Denied { cure, .. } if !cure.is_empty() => Some(cure),
        _ => failure.hint,
    };
    cure.into_iter().fold(finding, Finding::remedy)
}

fn daemon(info: &Info) -> Finding {
    let Info { server_version, operating_system, driver, containers_running, .. } = info;
    let message = format!("version {server_version} on {operating_system}, storage {driver}, {containers_running} containers running");
    Finding::info("daemon", message).detail(Detail::text("version", server_version))
}

/// Whose rights the socket gives away.
fn rights(info: &Info) -> Finding {
    let detail = Detail::new("rootless", &info.is_rootless().into());
    if info.is_rootless() {
        return Finding::info("rights", "the daemon has only your own rights (rootless)").detail(detail);
    }
    let message = "the daemon is root: whoever may use its socket is as good as root on this machine";
    let remedy = "rootless podman gives no more than you have: `systemctl --user start podman.socket`, then `worldflux endpoint add \
                  docker.sock:80 --at unix:/run/user/1000/podman/podman.sock` with your own number";
    Finding::info("rights", message).remedy(remedy).detail(detail)
}

fn limits(info: &Info, settings: &Settings) -> Finding {
    let wanted = &settings.limits;
    let [memory, processes, processors] = info.limits();
    let all = [
        ("memory", memory, wanted.memory.is_some()),
        ("processes", processes, false),
        ("processors", processors, wanted.nano_cpus.is_some()),
    ];
    let lacks: Vec<_> = all.into_iter().filter(|(_, can, _)| !can).collect();
    if lacks.is_empty() {
        return Finding::info("limits", "memory, processors and processes of a container can be limited");
    }
    let names: Vec<_> = lacks.iter().map(|(name, ..)| *name).collect();
    let message = format!("the daemon cannot limit {} of a container", names.join(", "));
    let severity = if lacks.iter().any(|(.., is_wanted)| *is_wanted) { Severity::Error } else { Severity::Warning };
    Finding::new(severity, "limits", message).remedy("give the daemon control groups (version 2, delegated to you where it is rootless)")
}

/// The program that connects a command with its input and output.
fn client(settings: &Settings, missing: Severity) -> Finding {
    let wanted = settings.client.map_or_else(|| vec![Client::Docker, Client::Podman], |client| vec![client]);
    let answers = process::output_all(&wanted.iter().map(|client| dialect::version_of(*client)).collect::<Vec<_>>());
    client_finding(&wanted, answers, missing)
}

fn client_finding(wanted: &[Client], answers: Vec<Result<Output, Failure>>, missing: Severity) -> Finding {
    let mut why = None;
    for (client, answer) in wanted.iter().zip(answers) {
        match answer {
            Ok(output) if output.succeeded() => {
                return Finding::info("client", output.first_line().unwrap_or_else(|| client.program().to_owned()));
            }
            Ok(output) => why = why.or(Some((format!("{} ended with {}", client.program(), output.ending.kind.words()), None))),
            Err(Failure { cause: Cause::NotFound, .. }) => {}
            Err(Failure { cause: Cause::Denied { cure, .. }, message, .. }) => why = why.or(Some((message, Some(cure)))),
            Err(failure) => why = why.or(Some((failure.message, failure.hint))),
        }
    }
    let install = "install the client: `docker` (on Debian docker.io, or docker-cli) or `podman`";
    let (message, cure) = why.unwrap_or_else(|| {
        let names: Vec<_> = wanted.iter().map(|client| format!("`{}`", client.program())).collect();
        (format!("there is no {}", names.join(" and no ")), None)
    });
    Finding::new(missing, "client", message).remedy(cure.filter(|cure| !cure.is_empty()).unwrap_or_else(|| install.to_owned()))
}

fn disk(info: &Info) -> Finding {
    let folder = &info.docker_root_dir;
    let unknown = |why: &str| Finding::info("disk", format!("how much disk is free for images is not known: {why}"));
    if folder.is_empty() {
        return unknown("the daemon does not say where it keeps them");
    }
    match process::output(&dialect::free_disk(folder)) {
        Ok(output) if output.succeeded() => match dialect::read_free_disk(&String::from_utf8_lossy(&output.stdout)) {
            Some(free) => disk_finding(free, folder),
            None => unknown("the answer of `df` cannot be read"),
        },
        Ok(_) => unknown(&format!("you cannot look at {folder}")),
        Err(failure) => unknown(&failure.message),
    }
}

fn disk_finding(free: u64, folder: &str) -> Finding {
    let message = format!("{}.{} GiB free for images in {folder}", free >> 20, ((free % (1 << 20)) * 10) >> 20);
    let remedy = "`docker system prune` removes what nobody uses";
    let finding = match free {
        0 => Finding::error("disk", message).remedy(remedy),
        1..LITTLE_DISK => Finding::warning("disk", message).remedy(remedy),
        _ => Finding::info("disk", message),
    };
    finding.detail(Detail::number("free_bytes", free << 10))
}

fn gpu(info: &Info, settings: &Settings) -> Finding {
    let remedy = "install the NVIDIA container toolkit";
    match (info.has_gpus(), settings.gpus) {
        (true, _) => Finding::info("gpu", "the daemon has a runtime for graphics processors"),
        // podman does not list what it finds by CDI: only trying tells.
        (false, Some(_)) => {
            Finding::warning("gpu", "the daemon names no runtime for graphics processors, and the settings ask for them").remedy(remedy)
        }
        (false, None) => Finding::info("gpu", "the daemon names no runtime for graphics processors"),
    }
}

fn image(name: &str, pull: Pull) -> Result<Finding, Failure> {
    Ok(match (dialect::image(name)?, pull) {
        (Some(image), _) => Finding::info("image", format!("`{name}` is here")).detail(Detail::text("id", image.id)),
        (None, Pull::Never) => Finding::error("image", format!("`{name}` is not here, and is not to be fetched"))
            .remedy(format!("`docker pull {name}`, or leave out `pull = \"never\"`")),
        (None, _) => Finding::info("image", format!("`{name}` is not here and will be fetched")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use worldflux_plugin::{EndKind, Ending};

    #[allow(clippy::unnecessary_wraps, reason = "as the host answers it")]
    fn output(code: i32, stdout: &str) -> Result<Output, Failure> {
        Ok(Output { ending: Ending::new(EndKind::Exited(code), "wait status"), stdout: stdout.into(), stderr: vec![] })
    }

    fn nothing() -> Result<Output, Failure> {
        Err(Failure::not_found("there is no such program"))
    }

    #[test]
    fn one_client_is_enough_and_none_blocks_a_run() {
        let both = [Client::Docker, Client::Podman];
        let finding = client_finding(&both, vec![nothing(), output(0, "podman version 4.3.1\n")], Severity::Error);
        assert_eq!((finding.severity, finding.message.as_str()), (Severity::Info, "podman version 4.3.1"));
        let finding = client_finding(&both, vec![nothing(), nothing()], Severity::Error);
        assert_eq!((finding.severity, finding.message.as_str()), (Severity::Error, "there is no `docker` and no `podman`"));
        assert_eq!(client_finding(&both, vec![nothing(), nothing()], Severity::Warning).severity, Severity::Warning);
        let denied = Cause::Denied { action: "a".into(), rule: "r".into(), cure: "worldflux plugin grant".into() };
        let finding = client_finding(&[Client::Docker], vec![Err(Failure::new(denied, "no"))], Severity::Error);
        assert_eq!(finding.remedy.as_deref(), Some("worldflux plugin grant"));
    }

    #[test]
    fn a_daemon_of_root_is_called_so() {
        let rootful = rights(&Info::default());
        assert!(rootful.message.contains("as good as root") && rootful.remedy.unwrap().contains("podman"));
        let rootless = Info { security_options: vec!["name=rootless".into()], ..Info::default() };
        assert_eq!(rights(&rootless).remedy, None);
    }

    #[test]
    fn a_limit_that_is_wanted_and_cannot_be_kept_blocks() {
        let plain = settings::read(r#"{"image":"x"}"#).unwrap();
        let limited = settings::read(r#"{"image":"x","memory":"1GiB"}"#).unwrap();
        let none = Info::default();
        assert_eq!(limits(&none, &plain).severity, Severity::Warning);
        assert_eq!(limits(&none, &limited).severity, Severity::Error);
        let all = Info { memory_limit: true, pids_limit: true, cpu_cfs_quota: true, ..Info::default() };
        assert_eq!(limits(&all, &limited).severity, Severity::Info);
    }

    #[test]
    fn a_full_disk_blocks_and_a_small_one_warns() {
        let severity = |free| disk_finding(free, "/x").severity;
        assert_eq!([severity(0), severity(1 << 10), severity(1 << 30)], [Severity::Error, Severity::Warning, Severity::Info]);
    }

    #[test]
    fn a_daemon_that_is_not_there_is_told_with_what_to_do() {
        let failure = dialect::explained(Failure::unavailable("GET http://docker.sock/info: refused", None));
        let finding = no_daemon(Severity::Error, failure);
        assert!(finding.remedy.unwrap().contains("worldflux endpoint add"));
    }
}
