//! Ending a command inside its container: to end the program that connects to it does not.
//!
//! A small script runs in the container, as the user of the command, and finds the processes by the mark in their variables, by their
//! sessions and by their parents. It goes on by itself, so nobody has to wait for the grace.

use std::{
    thread,
    time::{Duration, Instant},
};

use worldflux_plugin::{Failure, log};

use crate::{
    dialect,
    handle::{self, Handle},
};

/// What runs in the container.
const SCRIPT: &str = include_str!("kill.sh");

/// How long to wait until processes that are ended by force are gone. The host gives a call for this 5 seconds.
const GONE: Duration = Duration::from_secs(4);

/// End the command that `process` of the host stands for. Safe twice and after the end.
pub(crate) fn kill(handle: &Handle, process: &str, grace: Duration) -> Result<(), Failure> {
    let begin = Instant::now();
    let Some(mark) = handle::marked(process) else { return Ok(()) };
    let Some(container) = dialect::container(&handle.container)?.filter(|container| container.state.running) else {
        // With the container everything in it has ended.
        return Ok(());
    };
    let seconds = grace.as_secs().to_string();
    let how = if grace.is_zero() { "kill" } else { "stop" };
    let line = ["/bin/sh", "-c", SCRIPT, "sh", &mark, &seconds, how];
    let helper = dialect::help(&handle.container, &container.config.user, &line)?;
    while grace.is_zero() && begin.elapsed() < GONE {
        if !dialect::is_helping(&helper)? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    if grace.is_zero() {
        log::debug("the processes of the command are still being ended");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        process::{Command, Stdio},
    };

    use super::*;

    /// The script on this machine, where other processes live as well.
    #[test]
    fn the_script_ends_what_has_the_mark_and_what_comes_from_it_and_nothing_else() {
        let mark = format!("test-{}-{:?}.1.", std::process::id(), thread::current().id()).replace(['(', ')'], "");
        let sleeper = |mark: &str| {
            // One in the foreground, one that has left the session, and one that has lost the mark as well.
            let script = "setsid sleep 600 & env -i sleep 600 & echo here; exec sleep 600";
            let mut command = Command::new("setsid");
            command.args(["sh", "-c", script]).env("WORLDFLUX_EXECUTION", mark).stdout(Stdio::piped()).spawn().unwrap()
        };
        let mut wanted = sleeper(&mark);
        let mut other = sleeper(&mark.replace(".1.", ".11."));
        for child in [&mut wanted, &mut other] {
            let mut line = [0; 5];
            child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        }
        for how in ["kill", "kill", "stop"] {
            let done = Command::new("/bin/sh").args(["-c", SCRIPT, "sh", &mark, "1", how]).status().unwrap();
            assert!(done.success());
        }
        assert!(!wanted.wait().unwrap().success());
        // The pipe is at its end only when all that hold it have gone.
        wanted.stdout.take().unwrap().read_to_end(&mut vec![]).unwrap();
        assert!(other.try_wait().unwrap().is_none());
        let status = Command::new("/bin/sh").args(["-c", SCRIPT, "sh", &mark.replace(".1.", ".11."), "9", "stop"]).status().unwrap();
        assert!(status.success() && !other.wait().unwrap().success());
    }
}
