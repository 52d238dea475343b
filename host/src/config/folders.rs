//! Where the user's state and configuration are.

use std::path::{Path, PathBuf};

use super::{ConfigError, Environment};
use crate::policy::Protected;

/// The two folders outside of any project, absolute. Neither needs to exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Runs, environments, compiled plugins: `--state-dir`, else `WORLDFLUX_STATE_DIR`, else `worldflux` in `XDG_STATE_HOME`, else
    /// `~/.local/state/worldflux`.
    pub state: PathBuf,
    /// Grants: `--config-dir`, else `WORLDFLUX_CONFIG_DIR`, else `worldflux` in `XDG_CONFIG_HOME`, else `~/.config/worldflux`.
    pub config: PathBuf,
}

impl Folders {
    /// The folders for this environment; what was typed comes first. Relative paths start at `current_directory`.
    pub fn find(
        environment: &Environment,
        current_directory: &Path,
        typed_state: Option<&Path>,
        typed_config: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let find = |typed: Option<&Path>, own: &str, xdg: &str, in_home: &str| {
            if let Some(chosen) = typed.filter(|path| !path.as_os_str().is_empty()).or_else(|| environment.get(own).map(Path::new)) {
                return Ok(current_directory.join(chosen));
            }
            // The XDG base directory specification says that a relative path there is to be ignored.
            if let Some(base) = environment.get(xdg).map(Path::new).filter(|path| path.is_absolute()) {
                return Ok(base.join("worldflux"));
            }
            environment.home().map(|home| home.join(in_home).join("worldflux")).ok_or(ConfigError::NoHome)
        };
        Ok(Self {
            state: find(typed_state, "WORLDFLUX_STATE_DIR", "XDG_STATE_HOME", ".local/state")?,
            config: find(typed_config, "WORLDFLUX_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")?,
        })
    }

    /// What nobody can grant on this machine: the user's home with its keys, and what worldflux decides by.
    #[must_use]
    pub fn protected(&self, environment: &Environment) -> Protected {
        Protected::new(environment.home(), [self.state.clone(), self.config.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pairs: &[(&str, &str)]) -> Result<Folders, ConfigError> {
        Folders::find(&Environment::from_pairs(pairs.iter().copied()), Path::new("/here"), None, None)
    }

    #[test]
    fn the_nearest_choice_wins() {
        let home = ("HOME", "/home/ada");
        let xdg = ("XDG_STATE_HOME", "/xdg");
        let own = ("WORLDFLUX_STATE_DIR", "own");
        assert_eq!(find(&[home]).unwrap().state, Path::new("/home/ada/.local/state/worldflux"));
        assert_eq!(find(&[home]).unwrap().config, Path::new("/home/ada/.config/worldflux"));
        assert_eq!(find(&[home, xdg]).unwrap().state, Path::new("/xdg/worldflux"));
        assert_eq!(find(&[home, xdg, own]).unwrap().state, Path::new("/here/own"));
        let environment = Environment::from_pairs([home, xdg, own]);
        let typed = Folders::find(&environment, Path::new("/here"), Some(Path::new("/typed")), None).unwrap();
        assert_eq!(typed.state, Path::new("/typed"));
    }

    #[test]
    fn a_relative_xdg_folder_is_ignored() {
        let folders = find(&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "relative")]).unwrap();
        assert_eq!(folders.config, Path::new("/home/ada/.config/worldflux"));
    }

    #[test]
    fn without_a_home_the_error_says_what_to_set() {
        let error = find(&[("HOME", "not/absolute")]).unwrap_err();
        assert!(error.hint().unwrap().contains("WORLDFLUX_STATE_DIR"), "{error}");
        assert!(find(&[("WORLDFLUX_STATE_DIR", "/s"), ("WORLDFLUX_CONFIG_DIR", "/c")]).is_ok());
    }
}
