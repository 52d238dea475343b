//! The program that may make namespaces where nobody else may.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};

use super::wire::shown;

/// Where it is. The rules of a system that lets it alone make namespaces name this path, so one from anywhere else would be of no use.
pub(super) const PROGRAM: &str = "/usr/bin/bwrap";

/// The oldest version that is used. Those before follow links out of the root folder that they make.
const OLDEST: [u32; 2] = [0, 12];

/// Whether it is there and can be used; else why not, in words for a person.
pub(super) fn check() -> Result<(), String> {
    let metadata = fs::metadata(PROGRAM).map_err(|error| format!("there is no bubblewrap at `{PROGRAM}`: {error}"))?;
    if !metadata.is_file() || metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
        return Err(format!("`{PROGRAM}` is not a program that root alone can write"));
    }
    let asked = Command::new(PROGRAM).arg("--version").env_clear().stdin(Stdio::null()).stderr(Stdio::null()).output();
    let answer = asked.map_err(|error| format!("`{PROGRAM}` cannot be started: {error}"))?;
    let answer = String::from_utf8_lossy(&answer.stdout);
    if is_new_enough(&answer) {
        Ok(())
    } else {
        Err(format!("`{PROGRAM}` is too old: 0.12 is needed, and it is `{}`", shown(answer.trim())))
    }
}

/// What tells it from another one in its place; `None` where there is none.
pub(super) fn identity() -> Option<String> {
    let program = fs::metadata(PROGRAM).ok()?;
    Some(format!("{:?}", (program.dev(), program.ino(), program.size(), program.mtime(), program.mtime_nsec())))
}

/// What it answers is its name and its version: `bubblewrap 0.12.0`.
fn is_new_enough(answer: &str) -> bool {
    let version = answer.strip_prefix("bubblewrap ").map(|version| version.split('.').map(|part| part.trim().parse::<u32>()));
    let Some(mut parts) = version else { return false };
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if [major, minor] >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for new in ["bubblewrap 0.12.0\n", "bubblewrap 0.13\n", "bubblewrap 1.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
        for other in ["", "bubblewrap", "bubblewrap 0.8.0", "bubblewrap 0.11.2\n", "bubblewrap 0", "bwrap 0.12.0", "bubblewrap x.12"] {
            assert!(!is_new_enough(other), "{other}");
        }
    }
}
