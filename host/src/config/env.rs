//! The environment variables of this process: the only place that reads them.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::PathBuf,
};

use super::ConfigError;
use crate::policy::Profile;

/// What a program that is started without the user's whole environment still gets.
const BASE: &[&str] = &["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TERM", "TMPDIR", "TZ", "USER"];

/// The environment variables, taken once. Made from a map in tests.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    home: Option<PathBuf>,
}

impl Environment {
    /// Those of this process. The home directory comes from the user database where `HOME` is not set.
    #[must_use]
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect(), home: etcetera::home_dir().ok() }
    }

    /// These, and nothing of this process.
    pub fn from_pairs<N: Into<OsString>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect(), home: None }
    }

    /// The folder that this process is in.
    pub fn current_directory() -> Result<PathBuf, ConfigError> {
        std::env::current_dir().map_err(ConfigError::NoCurrentDirectory)
    }

    /// Every variable, byte for byte, for a command that inherits the user's environment.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// The few variables that every program needs to work at all: where programs, home and temporary files are, and the language. A strict
    /// one has its home where its temporary files are: the user's is not there.
    #[must_use]
    pub fn base(&self, profile: Profile) -> BTreeMap<OsString, OsString> {
        let pair = |name: &&str| Some((OsString::from(name), self.variables.get(OsStr::new(name))?.clone()));
        let mut base: BTreeMap<_, _> = BASE.iter().filter_map(pair).collect();
        if profile == Profile::Strict {
            base.remove(OsStr::new("TMPDIR"));
            base.insert("HOME".into(), "/tmp".into());
        }
        base
    }

    /// One variable; one that is set to nothing counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// `HOME`, else what the user database says.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).or_else(|| self.home.clone()).filter(|home| home.is_absolute())
    }

    /// `PATH`, for looking up a program as the user's shell would.
    #[must_use]
    pub fn path(&self) -> &OsStr {
        self.get("PATH").unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"))
    }

    /// Plugin files and folders of plugin files: those in `WORLDFLUX_PLUGIN_PATH`, separated by `:`, then those that were typed.
    #[must_use]
    pub fn plugins(&self, typed: &[PathBuf]) -> Vec<PathBuf> {
        let text = self.get("WORLDFLUX_PLUGIN_PATH").unwrap_or_default().as_bytes();
        let parts = text.split(|byte| *byte == b':').filter(|part| !part.is_empty());
        parts.map(|part| PathBuf::from(OsString::from_vec(part.to_vec()))).chain(typed.iter().cloned()).collect()
    }

    /// Whether the user wants no colours (no-color.org).
    #[must_use]
    pub fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// Whether nobody watches: `CI` is set, to something other than `false` or `0`.
    #[must_use]
    pub fn is_ci(&self) -> bool {
        self.get("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// Whether the user has a session bus, on which there may be a keyring: it is named, or it is where every session has it.
    #[must_use]
    pub fn has_session_bus(&self) -> bool {
        let usual = || self.get("XDG_RUNTIME_DIR").is_some_and(|folder| PathBuf::from(folder).join("bus").exists());
        self.get("DBUS_SESSION_BUS_ADDRESS").is_some() || usual()
    }

    /// The step of a run at which the host stops itself, as with SIGSTOP. For the tests of what a crash leaves behind.
    #[must_use]
    pub fn halt_at(&self) -> Option<&str> {
        self.get("WORLDFLUX_HALT_AT")?.to_str()
    }
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_set_to_nothing_counts_as_not_set() {
        let environment = Environment::from_pairs([("NO_COLOR", ""), ("CI", "false"), ("HOME", ""), ("PATH", "")]);
        assert!(!environment.no_color() && !environment.is_ci() && environment.home().is_none());
        assert_eq!(environment.path(), "/usr/local/bin:/usr/bin:/bin");
    }

    #[test]
    fn values_that_are_not_text_are_kept() {
        let value = OsString::from_vec(b"\xff\xfe".to_vec());
        let environment = Environment::from_pairs([("LATIN", value.clone())]);
        assert_eq!(environment.all()[OsStr::new("LATIN")], value);
    }

    #[test]
    fn the_base_has_no_variable_of_the_users_own() {
        let environment = Environment::from_pairs([("PATH", "/bin"), ("AWS_SECRET_ACCESS_KEY", "x"), ("LANG", "C")]);
        assert_eq!(environment.base(Profile::Own).keys().collect::<Vec<_>>(), ["LANG", "PATH"]);
    }

    #[test]
    fn printing_an_environment_shows_no_value() {
        let shown = format!("{:?}", Environment::from_pairs([("TOKEN", "secret-value")]));
        assert!(shown.contains("TOKEN") && !shown.contains("secret-value"));
    }

    #[test]
    fn the_plugin_path_is_split_at_colons() {
        let environment = Environment::from_pairs([("WORLDFLUX_PLUGIN_PATH", "/a:b.wasm::")]);
        assert_eq!(environment.plugins(&["c".into()]), ["/a", "b.wasm", "c"].map(PathBuf::from));
    }
}
