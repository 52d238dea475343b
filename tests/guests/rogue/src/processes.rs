//! Tries to start what was not granted, and to change what was.

use crate::wit::worldflux::runtime::{
    process::{self, Command, LaunchOptions},
    types::{Cause, Failure, Variable},
};

/// `ok`, `denied` with action, rule and cure, or `failed` with the kind of failure.
pub fn report<T>(what: &str, result: Result<T, Failure>) -> String {
    let failure = match result {
        Ok(_) => return format!("ok: {what}"),
        Err(failure) => failure,
    };
    let kind = match &failure.cause {
        Cause::Denied(denial) => return format!("denied: {}; {}; {}", denial.action, denial.rule, denial.cure),
        Cause::Invalid(_) => "invalid",
        Cause::Unavailable(_) => "unavailable",
        Cause::NotFound => "not-found",
        Cause::Conflict => "conflict",
        Cause::Quota => "quota",
        Cause::Auth => "auth",
        Cause::TimedOut => "timed-out",
        Cause::Other => "other",
    };
    format!("failed: {kind}: {}", failure.message)
}

fn program(name: &str) -> Command {
    Command {
        program: name.into(),
        arguments: vec![],
        variables: vec![],
        working_directory: None,
        stdin: vec![],
        deadline: None,
        shown: false,
        details: vec![],
    }
}

fn variable(name: &str) -> Variable {
    Variable { name: name.into(), value: "/output/rogue.so".into() }
}

fn options() -> LaunchOptions {
    LaunchOptions { variables: vec![], path_prefix: vec![], working_directory: None, details: vec![] }
}

pub fn output(name: &str) -> String {
    report(&format!("output of {name}"), process::output(&program(name)))
}

/// A program with its arguments, separated by spaces.
fn with_arguments(line: &str) -> Command {
    let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
    Command { arguments: arguments.split_whitespace().map(String::from).collect(), ..program(name) }
}

pub fn output_with(line: &str) -> String {
    report(&format!("output of {line}"), process::output(&with_arguments(line)))
}

pub fn launch_with(line: &str) -> String {
    report(&format!("launch {line}"), process::launch(&with_arguments(line)))
}

pub fn output_variable(name: &str) -> String {
    let command = Command { variables: vec![variable(name)], ..program("true") };
    report(&format!("true with {name}"), process::output(&command))
}

pub fn output_folder(folder: &str) -> String {
    let command = Command { working_directory: Some(folder.into()), ..program("true") };
    report(&format!("true in {folder}"), process::output(&command))
}

pub fn output_nul() -> String {
    let command = Command { arguments: vec!["a\0b".into()], ..program("true") };
    report("true with NUL", process::output(&command))
}

/// More at once than is allowed.
pub fn output_many() -> String {
    let commands: Vec<Command> = (0..10_000).map(|_| program("true")).collect();
    let answers = process::output_all(&commands);
    let good = answers.iter().filter(|answer| answer.is_ok()).count();
    format!("ok: {good} of {} answers", answers.len())
}

/// Ten thousand short programs, one after the other, as fast as they are started.
pub fn storm_of_starts() -> String {
    let (mut good, mut late, mut other) = (0, 0, 0);
    for _ in 0..10_000 {
        match process::output(&program("true")) {
            Ok(_) => good += 1,
            Err(Failure { cause: Cause::Unavailable(Some(_)), .. }) => late += 1,
            Err(_) => other += 1,
        }
    }
    format!("ok: {good} started, {late} told to come later, {other} refused")
}

/// A program, launched until it is refused.
pub fn launch_many(line: &str) -> String {
    for count in 0..10_000 {
        if let Err(failure) = process::launch(&with_arguments(line)) {
            return format!("denied: after {count}: {}", report("launch", Err::<(), _>(failure)));
        }
    }
    "ok: 10000 live".into()
}

pub fn launch(name: &str) -> String {
    report(&format!("launch {name}"), process::launch(&program(name)))
}

pub fn command() -> String {
    report("launch-command", process::launch_command(&options()))
}

pub fn command_variable(name: &str) -> String {
    let options = LaunchOptions { variables: vec![variable(name)], ..options() };
    report(&format!("launch-command with {name}"), process::launch_command(&options))
}

pub fn command_folder(folder: &str) -> String {
    let options = LaunchOptions { working_directory: Some(folder.into()), ..options() };
    report(&format!("launch-command in {folder}"), process::launch_command(&options))
}

pub fn command_path(folder: &str) -> String {
    let options = LaunchOptions { path_prefix: vec![folder.into()], ..options() };
    report(&format!("launch-command with {folder} in PATH"), process::launch_command(&options))
}

pub fn observe(handle: &str) -> String {
    report(&format!("observe {handle}"), process::observe(handle))
}

pub fn stop(handle: &str) -> String {
    report(&format!("stop {handle}"), process::stop(handle))
}
