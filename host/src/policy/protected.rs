//! Folders of this machine that nobody can grant.
//!
//! One rule: a grant is a folder of data. What is the kernel's, what configures or starts the system, what is a whole home, what holds keys,
//! and what worldflux decides by, is none; nor is a folder that contains such a place, since the grant would contain it too.

use std::path::{Path, PathBuf};

/// How far a place is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// With everything in it.
    Whole,
    /// Only itself: what lies in it can be granted folder by folder.
    Itself,
}

use Reach::{Itself, Whole};

const KERNEL: &str = "what is there is the kernel, not files";
const SETTINGS: &str = "it decides how the system works";
const SERVICES: &str = "the system's services are reached there";
const SYSTEM: &str = "it belongs to the whole system; name a folder in it";
const HOMES: &str = "it holds whole homes; name a folder in one";
const HOME: &str = "it is a whole home; name a folder in it";
const KEYS: &str = "keys and passwords are kept there";
const OWN: &str = "worldflux keeps there what it decides by";

const PLACES: &[(&str, Reach, &str)] = &[
    ("/proc", Whole, KERNEL),
    ("/sys", Whole, KERNEL),
    ("/dev", Whole, KERNEL),
    ("/etc", Whole, SETTINGS),
    ("/boot", Whole, SETTINGS),
    ("/lost+found", Whole, SETTINGS),
    ("/var/lib/dpkg", Whole, SETTINGS),
    ("/var/spool", Whole, SETTINGS),
    ("/var/run", Whole, SERVICES),
    ("/run/user", Whole, SERVICES),
    ("/run", Itself, SERVICES),
    ("/tmp", Itself, SYSTEM),
    ("/var/tmp", Itself, SYSTEM),
    ("/var", Itself, SYSTEM),
    ("/var/lib", Itself, SYSTEM),
    ("/opt", Itself, SYSTEM),
    ("/srv", Itself, SYSTEM),
    ("/mnt", Itself, SYSTEM),
    ("/media", Itself, SYSTEM),
    ("/run/media", Itself, SYSTEM),
    ("/home", Itself, HOMES),
    ("/Users", Itself, HOMES),
    ("/root", Itself, HOME),
];

/// Where the system's programs and libraries are: everybody may read there, and nobody is granted to write.
const PROGRAMS: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu", "/snap"];

/// What holds keys, below a home.
const KEY_STORES: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".config/sops",
    ".config/worldflux",
    ".docker",
    ".kube",
    ".local/share/keyrings",
    ".local/state/worldflux",
    ".modal",
    ".mozilla",
    ".password-store",
    ".pki",
    ".terraform.d",
];

/// Places of this user and this machine that nobody can grant, beside those of every system.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    home: Option<PathBuf>,
    own: Vec<PathBuf>,
}

impl Protected {
    /// The home of the user, and the folders that worldflux keeps its state and its configuration in.
    #[must_use]
    pub fn new(home: Option<PathBuf>, own: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { home, own: own.into_iter().collect() }
    }

    /// Why the folder at `path` cannot be granted.
    #[must_use]
    pub fn rule(&self, path: &Path) -> Option<String> {
        of_the_system(path)
            .or_else(|| self.home.as_deref().and_then(|home| in_home(path, home)))
            .or_else(|| self.own.iter().find_map(|own| rule(path, own, Whole, OWN)))
    }
}

/// Why the folder at `path`, an absolute path in its one spelling, cannot be granted on any machine.
pub(super) fn of_the_system(path: &Path) -> Option<String> {
    let places = || PLACES.iter().find_map(|(place, reach, why)| rule(path, Path::new(place), *reach, why));
    let socket_folder = || {
        // Disks that a person plugs in appear below `/run/media`; everything else in `/run` is sockets and state of services.
        (path.starts_with("/run") && !path.starts_with("/run/media")).then(|| format!("`/run`: {SERVICES}"))
    };
    let home = || {
        let homes = path.ancestors().filter(|above| matches!(above.parent().and_then(Path::to_str), Some("/home" | "/Users")));
        homes.chain([Path::new("/root")]).find_map(|home| in_home(path, home))
    };
    let programs = || PROGRAMS.iter().find_map(|place| rule(path, Path::new(place), Itself, SYSTEM));
    places().or_else(socket_folder).or_else(home).or_else(programs)
}

/// Whether the system keeps programs and libraries there.
pub(super) fn holds_programs(path: &Path) -> bool {
    PROGRAMS.iter().any(|place| path.starts_with(place))
}

fn in_home(path: &Path, home: &Path) -> Option<String> {
    rule(path, home, Itself, HOME).or_else(|| KEY_STORES.iter().find_map(|store| rule(path, &home.join(store), Whole, KEYS)))
}

fn rule(path: &Path, place: &Path, reach: Reach, why: &str) -> Option<String> {
    if path == place || reach == Whole && path.starts_with(place) {
        return Some(format!("`{}`: {why}", place.display()));
    }
    place.starts_with(path).then(|| format!("it contains `{}`: {why}", place.display()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn protected() -> Protected {
        Protected::new(Some("/homes/ada".into()), ["/var/lib/wf/state".into(), "/homes/ada/cfg/worldflux".into()])
    }

    /// FS09, MA02
    #[test]
    fn what_is_no_folder_of_data_is_refused_with_the_place_and_the_reason() {
        for (path, expected) in [
            ("/proc", "`/proc`: what is there is the kernel, not files"),
            ("/proc/self/fd", "`/proc`: what is there is the kernel, not files"),
            ("/dev/shm", "`/dev`: what is there is the kernel, not files"),
            ("/sys/fs/cgroup", "`/sys`: what is there is the kernel, not files"),
            ("/etc", "`/etc`: it decides how the system works"),
            ("/etc/ssl", "`/etc`: it decides how the system works"),
            ("/run/docker", "`/run`: the system's services are reached there"),
            ("/run/user/1000/bus", "`/run/user`: the system's services are reached there"),
            ("/usr", "`/usr`: it belongs to the whole system; name a folder in it"),
            ("/var", "it contains `/var/lib/dpkg`: it decides how the system works"),
            ("/tmp", "`/tmp`: it belongs to the whole system; name a folder in it"),
            ("/home", "`/home`: it holds whole homes; name a folder in one"),
            ("/home/ada", "`/home/ada`: it is a whole home; name a folder in it"),
            ("/home/ada/.ssh", "`/home/ada/.ssh`: keys and passwords are kept there"),
            ("/home/ada/.ssh/keys", "`/home/ada/.ssh`: keys and passwords are kept there"),
            ("/home/ada/.config", "it contains `/home/ada/.config/gcloud`: keys and passwords are kept there"),
            ("/root", "`/root`: it is a whole home; name a folder in it"),
            ("/homes/ada", "`/homes/ada`: it is a whole home; name a folder in it"),
            ("/homes", "it contains `/homes/ada`: it is a whole home; name a folder in it"),
            ("/homes/ada/.gnupg", "`/homes/ada/.gnupg`: keys and passwords are kept there"),
            ("/homes/ada/cfg", "it contains `/homes/ada/cfg/worldflux`: worldflux keeps there what it decides by"),
            ("/var/lib/wf", "it contains `/var/lib/wf/state`: worldflux keeps there what it decides by"),
            ("/var/lib/wf/state/runs", "`/var/lib/wf/state`: worldflux keeps there what it decides by"),
        ] {
            assert_eq!(protected().rule(Path::new(path)).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/data",
            "/scratch/x",
            "/home/ada/data",
            "/homes/ada/.cache/huggingface",
            "/usr/share/zoneinfo",
            "/tmp/x",
            "/run/media/ada/disk",
            "/var/lib/wf2",
        ] {
            assert_eq!(protected().rule(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn nobody_writes_where_programs_are() {
        assert!(holds_programs(Path::new("/usr/local/lib")) && !holds_programs(Path::new("/usrlocal")));
    }

    proptest! {
        #[test]
        fn what_contains_a_protected_place_is_protected(path in "(/[a-z.]{1,6}){1,5}") {
            let path = Path::new(&path);
            if protected().rule(path).is_some() {
                let above = path.parent().filter(|above| above.parent().is_some());
                prop_assert!(above.is_none_or(|above| !above.starts_with("/homes/ada/.ssh") || protected().rule(above).is_some()));
            }
            let inside_own = protected().own.iter().any(|own| path.starts_with(own) || own.starts_with(path));
            prop_assert!(!inside_own || protected().rule(path).is_some());
        }
    }
}
