//! A user who was told where a daemon of docker or podman is, which this program of tests has started itself.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::Value;

pub(crate) use crate::daemon::{Daemon, IMAGE, docker, podman};
use crate::kit::{Answer, Going, Place, answer};

/// A user who has a daemon.
pub(crate) struct Harbour {
    pub(crate) place: Place,
}

impl Harbour {
    pub(crate) fn new(daemon: &'static Daemon) -> Self {
        let place = Place::new();
        let at = format!("unix:{}", daemon.socket().display());
        place.type_in(["endpoint", "add", "docker.sock:80", "--at", &at]).expect(0);
        // The commands run as nobody in particular, who writes here as well.
        for folder in [place.work(), place.work().join("outputs")] {
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self { place }
    }

    /// `worldflux run --runtime docker --set image=IMAGE --run-id ID OPTIONS -- COMMAND`.
    pub(crate) fn line<'s>(id: &'s str, options: &[&'s str], command: &[&'s str]) -> Vec<&'s str> {
        let has_image = options.iter().any(|option| ["image=", "dockerfile=", "--spec"].iter().any(|word| option.starts_with(word)));
        let image: &[&str] = if has_image { &[] } else { &["--set", "image=worldflux-test:latest"] };
        [&["run", "--runtime", "docker", "--run-id", id], image, options, &["--"], command].concat()
    }

    pub(crate) fn command(&self, id: &str, options: &[&str], command: &[&str]) -> Command {
        self.place.command(Self::line(id, options, command))
    }

    pub(crate) fn run(&self, id: &str, options: &[&str], command: &[&str]) -> Answer {
        answer(&mut self.command(id, options, command))
    }

    /// `run` of a script for the shell in the container.
    pub(crate) fn script(&self, id: &str, options: &[&str], script: &str) -> Answer {
        self.run(id, options, &["sh", "-c", script])
    }

    pub(crate) fn going(&self, id: &str, options: &[&str], script: &str) -> Going {
        Going::start(&mut self.command(id, options, &["sh", "-c", script]))
    }

    pub(crate) fn manifest(&self, id: &str) -> Value {
        self.place.manifest(id)
    }
}
