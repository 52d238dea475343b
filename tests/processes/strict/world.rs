//! A granted folder beside one that is not.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::kit::{Order, python, run};

pub(crate) struct World {
    _folder: TempDir,
    /// Granted, to write.
    pub(crate) work: PathBuf,
    /// Not granted; holds `secret`.
    pub(crate) outside: PathBuf,
    pub(crate) secret: PathBuf,
}

pub(crate) fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (work, outside) = (root.join("work"), root.join("outside"));
    fs::create_dir(&work).unwrap();
    fs::create_dir(&outside).unwrap();
    let secret = outside.join("secret");
    fs::write(&secret, "hunter2").unwrap();
    World { _folder: folder, work, outside, secret }
}

impl World {
    /// A script of Python, confined to the granted folder.
    pub(crate) fn python(&self, script: &str) -> Order {
        const HEAD: &str = "import ctypes, errno, functools, os, signal, socket, subprocess, sys, time
print = functools.partial(print, flush=True)
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act):
    try:
        print('worked', act())
    except OSError as error:
        print(errno.errorcode[error.errno])
def call(*arguments):
    if libc.syscall(*arguments) == -1:
        raise OSError(ctypes.get_errno(), 'syscall')
";
        let mut order = python(&format!("{HEAD}{script}"));
        order.working_directory.clone_from(&self.work);
        order.strict([&self.work]).variable("SECRET", self.secret.to_str().unwrap()).variable("OUTSIDE", self.outside.to_str().unwrap())
    }

    /// What it prints.
    pub(crate) fn says(&self, script: &str) -> String {
        let output = run(self.python(script).output(|_| ()));
        let errors = String::from_utf8(output.bytes(worldflux::names::Channel::Stderr)).unwrap();
        assert_eq!(errors, "", "{}", output.stdout());
        output.stdout()
    }
}
