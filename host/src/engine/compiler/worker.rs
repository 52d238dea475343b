//! The compiler, as a process of its own.

use std::{
    env,
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::AsFd,
    process::ExitCode,
};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{
    answer::{ARGUMENT, Answer},
    survey,
};
use crate::engine::{cache::COMPONENT, load::one_line, machine::config};

/// Where this process was started as a compiler, be one to the end and return its exit code; else `None`, at once.
///
/// Belongs at the beginning of `main`, like that of the sandbox.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    // Started by hand: nobody is there who gives limits, or takes an answer.
    let (Some(seconds), Some(memory)) = (number(), number()) else { return Some(ExitCode::from(2)) };
    Some(work(seconds, memory).map_or(ExitCode::from(1), |()| ExitCode::SUCCESS))
}

/// Read a component from the standard input, and write what came of it to the standard output.
fn work(seconds: u64, memory: u64) -> io::Result<()> {
    // Before the first byte of a stranger is looked at; none of them can be raised again.
    bound(Resource::Data, memory, memory)?;
    bound(Resource::Cpu, seconds, seconds.saturating_add(1))?;
    bound(Resource::Fsize, 0, 0)?;
    bound(Resource::Core, 0, 0)?;
    let mut component = Vec::new();
    let input = File::from(rustix::stdio::stdin().as_fd().try_clone_to_owned()?);
    input.take(COMPONENT as u64 + 1).read_to_end(&mut component)?;
    let answer = match wasmtime::Engine::new(&config()) {
        Ok(engine) => precompile(&engine, &component),
        Err(error) => return Err(io::Error::other(one_line(&error))),
    };
    let (head, rest) = answer.pieces();
    let mut output = File::from(rustix::stdio::stdout().as_fd().try_clone_to_owned()?);
    output.write_all(&head)?;
    output.write_all(rest)
}

fn bound(what: Resource, soft: u64, hard: u64) -> io::Result<()> {
    Ok(setrlimit(what, Rlimit { current: Some(soft), maximum: Some(hard) })?)
}

/// The machine code of a stranger's component, once its shape was looked at.
pub(super) fn precompile(engine: &wasmtime::Engine, component: &[u8]) -> Answer {
    if let Err(answer) = survey::check(component) {
        return answer;
    }
    match engine.precompile_component(component) {
        Ok(code) => Answer::Code(code),
        Err(error) => Answer::Invalid(one_line(&error)),
    }
}
