//! What `/proc` tells about processes.

use std::{fs, io};

use rustix::{
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    system::uname,
};

/// One line of `/proc/PID/stat`, as far as it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: Pid,
    pub(super) parent: Option<Pid>,
    pub(super) group: Option<Pid>,
    pub(super) session: Option<Pid>,
    /// Whether it has ended and only waits to be reaped.
    pub(super) is_over: bool,
}

/// The state of one process; `None` when there is none.
pub(super) fn stat(pid: Pid) -> Option<Stat> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process that can be seen.
pub(super) fn all() -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").ok().into_iter().flatten().flatten();
    entries.filter_map(|entry| stat(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?))
}

/// The children of a process. May miss some while they come and go: callers look again.
pub(super) fn children(of: Pid) -> Vec<Pid> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{of}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(list) => found.extend(list.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?))),
            // A kernel without these files, unless it is only this thread that ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound && task.path().exists() => {
                return all().filter(|stat| stat.parent == Some(of)).map(|stat| stat.pid).collect();
            }
            Err(_) => {}
        }
    }
    found
}

/// The number of a process in the innermost namespace that it is in.
pub(super) fn number_inside(pid: Pid) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?.parse().ok()
}

/// Send `signal` to the process `pid` if `is_meant` holds for it, and never to another one that got its number meanwhile.
pub(super) fn signal_if(pid: Pid, signal: Signal, is_meant: impl FnOnce(&Stat) -> bool) -> bool {
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    // Looked at after the descriptor was opened: if the number had changed hands before, what is seen here is what the descriptor
    // means, and if it changes hands later, the descriptor reaches nobody.
    stat(pid).is_some_and(|stat| is_meant(&stat)) && pidfd_send_signal(pidfd, signal).is_ok()
}

/// Whether `kernel.pid_max` belongs to a process namespace, as it does since Linux 6.14.
pub(super) fn has_number_per_namespace() -> bool {
    let release = uname();
    let mut numbers = release.release().to_str().unwrap_or_default().split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 14)
}

fn parse(line: &[u8]) -> Option<Stat> {
    // The name in parentheses may hold anything, also parentheses.
    let name_end = line.iter().rposition(|byte| *byte == b')')?;
    let pid = std::str::from_utf8(line.get(..line.iter().position(|byte| *byte == b' ')?)?).ok()?;
    let mut fields = std::str::from_utf8(line.get(name_end + 1..)?).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let mut number = || fields.next()?.parse::<i32>().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    let known = |raw: i32| if raw > 0 { Pid::from_raw(raw) } else { None };
    Some(Stat {
        pid: known(pid.parse().ok()?)?,
        parent: known(parent),
        group: known(group),
        session: known(session),
        is_over: matches!(state, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_confuses_nobody() {
        let stat = parse(b"12 (a) R 1 1 1 (\xff) S 3 4 0 34816 12 4194304").unwrap();
        assert_eq!((stat.pid.as_raw_pid(), stat.parent.map(Pid::as_raw_pid), stat.session), (12, Some(3), None));
        assert_eq!(stat.group.map(Pid::as_raw_pid), Some(4));
        assert!(!stat.is_over);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"12 (a"), None);
        assert_eq!(parse(b"12 (a) S"), None);
    }

    #[test]
    fn a_process_finds_itself_and_its_parent() {
        let me = stat(rustix::process::getpid()).unwrap();
        assert_eq!(me.parent, rustix::process::getppid());
        assert!(all().any(|stat| stat.pid == me.pid));
        assert!(number_inside(me.pid).is_some());
    }
}
