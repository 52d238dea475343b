//! How an environment is named to the host, and how its commands are told apart.

use std::{fmt, fs, str::FromStr};

use worldflux_plugin::{AtPath as _, Failure, context::Context};

/// Where it is noted which process of the host stands for which command. Gone with the environment.
const NOTES: &str = "/env/commands";

/// A container of a run, by its name. A name outlives what it names: one that is gone can be made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) container: String,
}

impl Handle {
    /// The container of this run.
    pub(crate) fn of(context: &Context) -> Self {
        Self { container: format!("worldflux-{}", context.run.run_id) }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container:{}", self.container)
    }
}

impl FromStr for Handle {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let name = text.strip_prefix("container:").filter(|name| name.starts_with("worldflux-") && name.chars().all(plain));
        let wrong = || Failure::invalid("environment", text, "a handle that this version of `docker` made");
        Ok(Self { container: name.ok_or_else(wrong)?.to_owned() })
    }
}

/// Where it is noted that the daemon is podman's.
const PODMAN: &str = "/env/podman";

/// Note whose daemon it is.
pub(crate) fn note_daemon(is_podman: bool) -> Result<(), Failure> {
    if is_podman { fs::write(PODMAN, "").at(PODMAN) } else { Ok(()) }
}

/// Whether the daemon is podman's.
pub(crate) fn is_podman() -> bool {
    fs::symlink_metadata(PODMAN).is_ok()
}

/// What every process of one command finds in its variables. Ends with a stop, so that no number is the beginning of another.
pub(crate) fn mark(context: &Context, index: u32) -> String {
    format!("{}.{index}.", context.run.run_id)
}

/// Note which command the process `process` of the host stands for.
pub(crate) fn note(process: &str, mark: &str) -> Result<(), Failure> {
    fs::create_dir_all(NOTES).at(NOTES)?;
    let path = format!("{NOTES}/{process}");
    fs::write(&path, mark).at(&path)
}

/// The mark of the command that `process` stands for; `None` where it was never noted.
pub(crate) fn marked(process: &str) -> Option<String> {
    let plain = process.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    fs::read_to_string(format!("{NOTES}/{process}")).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::tests::image;

    #[test]
    fn a_handle_comes_back_as_it_went_and_names_no_other_container() {
        let handle = Handle::of(&image());
        assert_eq!(handle.to_string(), "container:worldflux-r-1");
        assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        for wrong in ["", "nothing", "container:", "container:db", "container:worldflux-a/b", "container:worldflux-a?x"] {
            assert!(wrong.parse::<Handle>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_mark_is_the_beginning_of_another() {
        assert!(!mark(&image(), 11).starts_with(&mark(&image(), 1)));
    }
}
