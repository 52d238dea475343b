//! A program that stands for the command: its connection into a container, or to another machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    sync::PoisonError,
};

use serde::de::DeserializeOwned;

use super::{
    bindings::worldflux::runtime::{process as wit, types as wire},
    call::CommandLaunch,
};
use crate::{
    names::{Cause, Failure},
    sandbox::Stdin,
};

/// What a program has of the command that it stands for, as it asks for it in its details.
#[derive(Debug, Default)]
pub(super) struct Carrier {
    /// Whether it reads the input of the command.
    pub(super) input: bool,
    /// Variables of the command, under the names that they have in the program.
    pub(super) variables: BTreeMap<String, OsString>,
}

impl Carrier {
    /// What `program` asks for; nothing where it asks for nothing. Only in `start` is there a command to stand for.
    ///
    /// The values that it names are those of the user and of secrets that were granted: a plugin that names one of the host's other variables
    /// is told that there is none.
    pub(super) fn read(program: &wit::Command, command: Option<&CommandLaunch>) -> Result<Self, Failure> {
        let input: Option<bool> = detail(program, "input", "`true` or `false`")?;
        let names: Option<BTreeMap<String, String>> = detail(program, "carries", "an object of names of variables")?;
        if input.is_none() && names.is_none() {
            return Ok(Self::default());
        }
        let Some(command) = command else {
            return Err(Failure::new(Cause::Conflict, "a program can stand for the command in `start` only"));
        };
        if input == Some(true) && !program.stdin.is_empty() {
            return Err(Failure::invalid("stdin", format!("{} bytes", program.stdin.len()), "nothing beside the input of the command"));
        }
        let value = |(name, of_command): (String, String)| {
            let known = command.given.contains(OsStr::new(&of_command));
            let value = command.variables.get(OsStr::new(&of_command)).filter(|_| known);
            let unknown = || Failure::invalid("details.carries", &of_command, "the name of a variable that the user gave to the command");
            Ok((name, value.ok_or_else(unknown)?.clone()))
        };
        let variables = names.unwrap_or_default().into_iter().map(value).collect::<Result<_, Failure>>()?;
        Ok(Self { input: input.unwrap_or(false), variables })
    }
}

impl CommandLaunch {
    /// Its input. Whoever comes second finds it empty.
    pub(super) fn take_input(&self) -> Stdin {
        let mut options = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        options.as_mut().map(|options| std::mem::take(&mut options.stdin)).unwrap_or_default()
    }

    /// Whether nobody has launched it: after a `start` that answered with a process of this machine, that one stands for it.
    #[must_use]
    pub fn is_there_still(&self) -> bool {
        self.options.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The names of the variables that are the command's own: those that the user gave, and those that hold secrets.
    #[must_use]
    pub fn given<'n>(variables: impl IntoIterator<Item = &'n String>, secrets: impl IntoIterator<Item = &'n String>) -> BTreeSet<OsString> {
        variables.into_iter().chain(secrets).map(OsString::from).collect()
    }
}

fn detail<T: DeserializeOwned>(program: &wit::Command, key: &str, expected: &str) -> Result<Option<T>, Failure> {
    let Some(wire::Detail { value, .. }) = program.details.iter().find(|detail| detail.key == key) else { return Ok(None) };
    serde_json::from_str(value).map(Some).map_err(|_| Failure::invalid(format!("details.{key}"), value, expected))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes as Buffer;

    use super::*;
    use crate::{
        policy::{ChildNetwork, Profile},
        sandbox::{Capture, StartOptions},
    };

    fn command() -> CommandLaunch {
        let stdin = Stdin::Bytes(Buffer::from_static(b"in"));
        CommandLaunch {
            argv: vec!["true".into()],
            variables: [("TOKEN", "s3cret"), ("OTHER", "of the host")].map(|(name, value)| (name.into(), value.into())).into(),
            secrets: BTreeMap::new(),
            given: CommandLaunch::given([&"TOKEN".to_owned()], []),
            working_directory: "/".into(),
            profile: Profile::Own,
            network: ChildNetwork::None,
            options: Mutex::new(Some(StartOptions { stdin, ..StartOptions::new(Arc::new(Capture::default())) })),
        }
    }

    fn program(details: &[(&str, &str)]) -> wit::Command {
        let detail = |(key, value): &(&str, &str)| wire::Detail { key: (*key).into(), value: (*value).into() };
        wit::Command {
            program: "docker".into(),
            arguments: vec![],
            variables: vec![],
            working_directory: None,
            stdin: vec![],
            deadline: None,
            shown: false,
            details: details.iter().map(detail).collect(),
        }
    }

    #[test]
    fn a_program_has_of_the_command_what_it_asks_for_and_no_variable_of_the_host() {
        let (command, nothing) = (command(), program(&[("unknown", "1")]));
        let carrier = Carrier::read(&nothing, Some(&command)).unwrap();
        assert!(!carrier.input && carrier.variables.is_empty());
        let carrier = Carrier::read(&program(&[("input", "true"), ("carries", r#"{"A":"TOKEN"}"#)]), Some(&command)).unwrap();
        assert!(carrier.input && carrier.variables == BTreeMap::from([("A".to_owned(), "s3cret".into())]));
        for wrong in [("carries", r#"{"A":"OTHER"}"#), ("carries", r#"{"A":"NONE"}"#), ("carries", "7"), ("input", "1")] {
            assert!(Carrier::read(&program(&[wrong]), Some(&command)).is_err(), "{wrong:?}");
        }
        assert!(Carrier::read(&program(&[("input", "true")]), None).is_err(), "there is no command");
        assert!(Carrier::read(&wit::Command { stdin: vec![1], ..program(&[("input", "true")]) }, Some(&command)).is_err());
    }

    #[test]
    fn the_input_of_a_command_is_there_once() {
        let command = command();
        assert!(matches!(command.take_input(), Stdin::Bytes(_)) && matches!(command.take_input(), Stdin::Empty));
    }
}
