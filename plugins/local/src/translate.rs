//! From what was asked and answered on this machine to findings and failures.

use worldflux_plugin::{Cause, Detail, EndKind, Failure, Finding, Severity, context::Context, process::Output};

use crate::{
    dialect,
    settings::{Settings, Source},
};

/// Below this much free disk, in KiB, doctor warns: a venv with a learning framework needs more.
const LITTLE_DISK: u64 = 2 << 20;

/// What a question to a program gave.
pub(crate) enum Answer {
    /// The program is there and answered with this output.
    Here(Output),
    /// There is no such program.
    Missing,
    /// It is there, but cannot be used: why, and what to do.
    Broken(String, Option<String>),
}

impl Answer {
    pub(crate) fn of(program: &str, result: Result<Output, Failure>) -> Self {
        match result {
            Ok(output) if output.succeeded() => Self::Here(output),
            Ok(output) if output.ending.kind == EndKind::TimedOut => {
                Self::Broken(format!("{program} gave no answer within {} s", dialect::ANSWER.as_secs()), None)
            }
            Ok(output) => {
                let line = output.first_line().map(|line| format!(": {line}")).unwrap_or_default();
                Self::Broken(format!("{program} ended with {}{line}", output.ending.kind.words()), None)
            }
            Err(failure) => match failure.cause {
                Cause::NotFound => Self::Missing,
                Cause::Denied { cure, .. } => Self::Broken(failure.message, Some(cure).filter(|cure| !cure.is_empty())),
                _ => Self::Broken(failure.message, failure.hint),
            },
        }
    }

    pub(crate) fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }
}

/// A program that answers with its version. `missing` tells what its absence means.
pub(crate) fn program(check: &str, answer: &Answer, missing: Finding) -> Finding {
    match answer {
        Answer::Here(output) => {
            let line = output.first_line().unwrap_or_else(|| "no version".into());
            // The first number in `git version 2.39.5`, `uv 0.9.1 (abc)`, `Python 3.12.4`.
            let version = line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned);
            let finding = Finding::info(check, line);
            version.into_iter().fold(finding, |finding, version| finding.detail(Detail::text("version", version)))
        }
        Answer::Missing => missing,
        Answer::Broken(why, remedy) => {
            let severity = if missing.severity == Severity::Info { Severity::Warning } else { missing.severity };
            let finding = Finding::new(severity, check, why.clone());
            match remedy.clone().or(missing.remedy) {
                Some(remedy) => finding.remedy(remedy),
                None => finding,
            }
        }
    }
}

/// The graphics processors.
pub(crate) fn gpu(answer: &Answer) -> Finding {
    let none = "no NVIDIA GPU: nvidia-smi is not installed";
    match answer {
        Answer::Here(output) => {
            let text = output.text();
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() {
                return Finding::info("gpu", "no NVIDIA GPU");
            }
            Finding::info("gpu", lines.join("; ")).detail(Detail::number("count", lines.len() as u64))
        }
        Answer::Missing => Finding::info("gpu", none).remedy("for an NVIDIA GPU, install its driver"),
        broken @ Answer::Broken(..) => program("gpu", broken, Finding::info("gpu", none).remedy("check the NVIDIA driver")),
    }
}

/// How much can be written.
pub(crate) fn disk(answer: &Answer) -> Finding {
    let Answer::Here(output) = answer else {
        return program("disk", answer, Finding::warning("disk", "how much disk is free is not known: there is no `df`"));
    };
    let Some((free, place)) = dialect::read_free_disk(&String::from_utf8_lossy(&output.stdout)) else {
        return Finding::warning("disk", "how much disk is free is not known: the answer of `df` cannot be read");
    };
    let message = format!("{}.{} GiB free on {place}", free >> 20, ((free % (1 << 20)) * 10) >> 20);
    let finding = match free {
        0 => Finding::error("disk", message).remedy("free some space: nothing can be written"),
        1..LITTLE_DISK => Finding::warning("disk", message).remedy("free some space before making an environment"),
        _ => Finding::info("disk", message),
    };
    finding.detail(Detail::number("free_bytes", free << 10))
}

/// What a missing python means under these settings.
pub(crate) fn no_python(settings: &Settings, uv: bool) -> Finding {
    let remedy = "install Python 3 and have `python3` in PATH, or install uv";
    if matches!(settings.source, Source::Requirements(_) | Source::Interpreter) && !uv {
        return Finding::error("python", "neither python3 nor uv is here, but the settings ask for an environment").remedy(remedy);
    }
    Finding::warning("python", "there is no python3 in PATH").remedy(remedy)
}

/// What a missing uv means under these settings.
pub(crate) fn no_uv(settings: &Settings) -> Finding {
    let remedy = "install uv: https://docs.astral.sh/uv/";
    if matches!(settings.source, Source::Project(_)) {
        return Finding::error("uv", "uv is not here, but `project` in the settings needs it").remedy(remedy);
    }
    Finding::info("uv", "uv is not here: environments are made with python3 and pip, which takes longer").remedy(remedy)
}

/// Settings that are accepted and have no effect.
pub(crate) fn without_effect(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if settings.requires_tty {
        findings.push(Finding::warning("terminal", "`requires_tty` has no effect: commands get pipes, not a terminal"));
    }
    if let Some(shell) = &settings.shell {
        let message = format!("`shell = \"{}\"` has no effect: a command runs without a shell", shell.escape_debug());
        findings.push(Finding::warning("shell", message).remedy("write the shell into the command: `sh -c '...'`"));
    }
    findings
}

/// Refuses what this machine cannot do for a command.
pub(crate) fn check(context: &Context) -> Result<(), Failure> {
    let specification = &context.specification;
    if let Some(mount) = specification.mounts.first() {
        let expected = "no mount: a command on this machine sees its folders where they are";
        return Err(Failure::invalid("specification.mounts", &mount.target, expected));
    }
    if let Some(port) = specification.ports.iter().find(|port| port.host != 0 && port.host != port.inside) {
        let shown = format!("{}:{}", port.host, port.inside);
        return Err(Failure::invalid("specification.ports", shown, "the same port on both sides: there is only this machine"));
    }
    if !specification.user.is_empty() {
        let user = &specification.user;
        return Err(Failure::invalid("specification.user", user, "no user: a command on this machine runs as you"));
    }
    match &context.interpreter {
        Some(path) if !path.starts_with("/env/") => {
            let failure = Failure::invalid("interpreter", path, "none: this runtime finds python in PATH or makes a venv");
            Err(failure.hint("put its folder in front of PATH in the variables of the run"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use worldflux_plugin::Ending;

    fn output(kind: EndKind, stdout: &str, stderr: &str) -> Output {
        Output { ending: Ending::new(kind, "wait status"), stdout: stdout.into(), stderr: stderr.into() }
    }

    fn missing() -> Result<Output, Failure> {
        Err(Failure::not_found("there is no program `x`"))
    }

    #[test]
    fn a_program_tells_its_version() {
        let answer = Answer::of("git", Ok(output(EndKind::Exited(0), "git version 2.39.5\n", "")));
        let finding = program("git", &answer, Finding::warning("git", "none"));
        assert_eq!((finding.severity, finding.message.as_str()), (Severity::Info, "git version 2.39.5"));
        assert_eq!(finding.details[0].value, "\"2.39.5\"");
    }

    #[test]
    fn a_missing_program_blocks_only_what_needs_it() {
        let none = settings::read("").unwrap();
        assert_eq!(no_uv(&none).severity, Severity::Info);
        assert_eq!(no_python(&none, false).severity, Severity::Warning);
        let project = settings::read(r#"{"project":"."}"#).unwrap();
        assert_eq!(no_uv(&project).severity, Severity::Error);
        let requirements = settings::read(r#"{"requirements":"r.txt"}"#).unwrap();
        assert_eq!(no_python(&requirements, false).severity, Severity::Error);
        assert_eq!(no_python(&requirements, true).severity, Severity::Warning);
    }

    #[test]
    fn a_driver_that_hangs_or_fails_is_a_warning() {
        for result in [output(EndKind::TimedOut, "", ""), output(EndKind::Exited(9), "NVIDIA-SMI has failed\n", "")] {
            assert_eq!(gpu(&Answer::of("nvidia-smi", Ok(result))).severity, Severity::Warning);
        }
        assert_eq!(gpu(&Answer::of("nvidia-smi", missing())).severity, Severity::Info);
        let two = output(EndKind::Exited(0), "NVIDIA H100, 81559 MiB\nNVIDIA H100, 81559 MiB\n", "");
        assert_eq!(gpu(&Answer::of("nvidia-smi", Ok(two))).details[0].value, "2");
    }

    #[test]
    fn a_denial_keeps_its_cure() {
        let denied = Cause::Denied { action: "start program `git`".into(), rule: "r".into(), cure: "worldflux plugin grant".into() };
        let answer = Answer::of("git", Err(Failure::new(denied, "not granted")));
        let finding = program("git", &answer, Finding::warning("git", "none").remedy("install git"));
        assert_eq!(finding.remedy.as_deref(), Some("worldflux plugin grant"));
    }

    #[test]
    fn a_full_disk_blocks_and_a_small_one_warns() {
        let severity = |free: u64| {
            let text = format!("Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 1 1 {free} 1% /\n");
            disk(&Answer::of("df", Ok(output(EndKind::Exited(0), &text, "")))).severity
        };
        assert_eq!([severity(0), severity(1 << 10), severity(1 << 30)], [Severity::Error, Severity::Warning, Severity::Info]);
        let text = "h\n/dev/x 1 1 1572864 1% /\n";
        assert_eq!(disk(&Answer::of("df", Ok(output(EndKind::Exited(0), text, "")))).message, "1.5 GiB free on /");
    }

    #[test]
    fn settings_without_effect_are_told() {
        let settings = settings::read(r#"{"requires_tty":true,"shell":"zsh"}"#).unwrap();
        assert_eq!(without_effect(&settings).len(), 2);
    }
}
