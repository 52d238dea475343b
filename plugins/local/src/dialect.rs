//! The programs of this machine: how they are called, and how their answers are read.

use std::time::Duration;

use worldflux_plugin::process::Command;

use crate::handle::PYTHON;

/// The longest a question may take. A driver that hangs must not hang `doctor`.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// Prints path, base, version and ABI of an interpreter, one a line.
const IDENTIFY: &str = "import sys\n\
    print(sys.executable)\nprint(sys.base_prefix)\nprint(sys.version.replace('\\n', ' '))\nprint(sys.implementation.cache_tag)";

pub(crate) fn python_version() -> Command {
    Command::new("python3").argument("--version").deadline(ANSWER)
}

pub(crate) fn uv_version() -> Command {
    Command::new("uv").argument("--version").deadline(ANSWER)
}

pub(crate) fn git_version() -> Command {
    Command::new("git").argument("--version").deadline(ANSWER)
}

pub(crate) fn gpus() -> Command {
    Command::new("nvidia-smi").arguments(["--query-gpu=name,memory.total", "--format=csv,noheader"]).deadline(ANSWER)
}

pub(crate) fn free_disk() -> Command {
    Command::new("df").arguments(["-Pk", "."]).deadline(ANSWER)
}

/// Which interpreter `python3` is.
pub(crate) fn identify_python() -> Command {
    Command::new("python3").arguments(["-I", "-c", IDENTIFY]).deadline(ANSWER)
}

/// Which interpreter the venv has, if it still works.
pub(crate) fn identify_venv() -> Command {
    Command::new(PYTHON).arguments(["-I", "-c", IDENTIFY]).working_directory("/env").deadline(ANSWER)
}

/// Where uv would take an interpreter from, without getting one.
pub(crate) fn find_python(version: Option<&str>, folder: &str) -> Command {
    let command = Command::new("uv").arguments(["python", "find"]).arguments(version).working_directory(folder);
    command.deadline(ANSWER)
}

/// `venv` is a path of this machine.
pub(crate) fn uv_venv(python: &str, venv: &str) -> Command {
    Command::new("uv").shown().arguments(["venv", "--no-project", "--python", python, venv]).working_directory("/env")
}

/// `venv` is a path of this machine, `file` one relative to the workspace.
pub(crate) fn uv_install(venv: &str, file: &str) -> Command {
    let python = format!("{venv}/bin/python3");
    Command::new("uv").shown().arguments(["pip", "install", "--python", &python, "--requirement", file]).working_directory("/workspace")
}

/// `venv` is a path of this machine, `folder` a guest path.
pub(crate) fn uv_sync(venv: &str, folder: &str, python: Option<&str>) -> Command {
    let command = Command::new("uv").shown().arguments(["sync", "--frozen", "--active", "--no-install-project"]);
    let command = python.into_iter().fold(command, |command, version| command.arguments(["--python", version]));
    command.variable("VIRTUAL_ENV", venv).working_directory(folder)
}

/// `venv` is a path of this machine.
pub(crate) fn python_venv(venv: &str) -> Command {
    Command::new("python3").shown().arguments(["-m", "venv", venv]).working_directory("/env")
}

/// `file` is relative to the workspace.
pub(crate) fn pip_install(file: &str) -> Command {
    let pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--requirement", file];
    Command::new(PYTHON).shown().arguments(pip).working_directory("/workspace")
}

/// An interpreter as it names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    pub(crate) path: String,
    pub(crate) base: String,
    /// Everything that `sys.version` tells: also compiler and build.
    pub(crate) build: String,
    pub(crate) abi: String,
}

impl Interpreter {
    /// Reads what [`IDENTIFY`] printed.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(|line| line.trim().to_owned());
        let (path, base, build, abi) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let found = Self { path, base, build, abi };
        found.version().starts_with(|c: char| c.is_ascii_digit()).then_some(found)
    }

    /// `3.12.4`.
    pub(crate) fn version(&self) -> &str {
        self.build.split_whitespace().next().unwrap_or_default()
    }

    /// Whether it is of `version`, such as `3.12`.
    pub(crate) fn is(&self, version: &str) -> bool {
        self.version().strip_prefix(version).is_some_and(|rest| rest.is_empty() || !rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// The free KiB in the answer of `df -Pk` (POSIX: the fourth field of the second line), and where the disk is mounted.
pub(crate) fn read_free_disk(text: &str) -> Option<(u64, String)> {
    let line = text.lines().nth(1)?;
    let fields: Vec<&str> = line.split_whitespace().collect();
    // The name of the device may hold spaces, the four fields after it do not: the one that ends in `%` tells where they are.
    let percent = fields.iter().rposition(|field| field.ends_with('%'))?;
    let free = fields.get(percent.checked_sub(1)?)?.parse().ok()?;
    Some((free, fields.get(percent + 1..).unwrap_or_default().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_names_itself() {
        let text = "/usr/bin/python3\n/usr\n3.11.2 (main, Nov 30 2024, 21:22:50) [GCC 12.2.0]\ncpython-311\n";
        let python = Interpreter::read(text).unwrap();
        assert_eq!((python.path.as_str(), python.version(), python.abi.as_str()), ("/usr/bin/python3", "3.11.2", "cpython-311"));
        assert!(python.is("3.11") && python.is("3.11.2") && !python.is("3.1") && !python.is("3.12"));
        assert_eq!(Interpreter::read("Traceback\na\nb\nc"), None);
        assert_eq!(Interpreter::read(""), None);
    }

    #[test]
    fn free_disk_is_read_also_when_a_device_has_spaces() {
        let head = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
        assert_eq!(read_free_disk(&format!("{head}/dev/sda1 100 40 60 40% /")), Some((60, "/".into())));
        assert_eq!(read_free_disk(&format!("{head}//server/my share 100 40 60 40% /mnt/my share")), Some((60, "/mnt/my share".into())));
        assert_eq!(read_free_disk(head), None);
        assert_eq!(read_free_disk("x\n100%"), None);
    }
}
