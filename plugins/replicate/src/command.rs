//! The command that a person types: `owner/model[:version] input=value ...`.

use std::fmt;

use worldflux_plugin::{Failure, context::Context};

/// `owner/name` of a model or a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) owner: String,
    pub(crate) name: String,
}

/// A model, and the version of it if one was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) model: Name,
    pub(crate) version: Option<String>,
    /// Name and value of every input, in the order in which they were typed.
    pub(crate) inputs: Vec<(String, Given)>,
}

/// The value of an input, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// `key=value`.
    Text(String),
    /// `key=@path`: a file of the workspace, by its path in there.
    File(String),
}

impl Name {
    /// `field` says in a failure where the text comes from.
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self, Failure> {
        let is_word = |word: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            (1..=128).contains(&word.len()) && word.bytes().all(allowed) && !word.bytes().all(|b| b == b'.')
        };
        match text.split_once('/') {
            Some((owner, name)) if is_word(owner) && is_word(name) => Ok(Self { owner: owner.into(), name: name.into() }),
            _ => Err(Failure::invalid(field, text, "`owner/name`, as on its page at replicate.com")),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl Command {
    pub(crate) fn parse(argv: &[String]) -> Result<Self, Failure> {
        let Some((model, inputs)) = argv.split_first() else {
            return Err(Failure::invalid("command", "", "`owner/model input=value ...`"));
        };
        let (name, version) = match model.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (model.as_str(), None),
        };
        let expected = "a model as `owner/name`, or `owner/name:version`, and then its input as `key=value`";
        let name = Name::parse("command", name).map_err(|_| Failure::invalid("command", model, expected))?;
        let is_version = |version: &str| (1..=128).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_alphanumeric());
        if version.is_some_and(|version| !is_version(version)) {
            return Err(Failure::invalid("command", model, expected));
        }
        let mut all: Vec<(String, Given)> = Vec::new();
        for input in inputs {
            let Some((key, value)) = input.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(Failure::invalid("command", input, "an input as `key=value`, or `key=@path` for a file of the workspace"));
            };
            if all.iter().any(|(known, _)| known == key) {
                return Err(Failure::invalid(format!("input.{key}"), value, "every input once"));
            }
            all.push((key.to_owned(), given(key, value)?));
        }
        Ok(Self { model: name, version: version.map(str::to_owned), inputs: all })
    }

    /// The command of the run, where the host tells it before it is started.
    pub(crate) fn of_run(context: &Context) -> Result<Option<Self>, Failure> {
        let Some(detail) = context.details.iter().find(|detail| detail.key == "command") else { return Ok(None) };
        let argv: Vec<String> = serde_json::from_str(&detail.value)
            .map_err(|error| Failure::other(format!("the command that the host tells cannot be read: {error}")))?;
        Self::parse(&argv).map(Some)
    }
}

/// `@@x` is the text `@x`.
fn given(key: &str, value: &str) -> Result<Given, Failure> {
    let Some(rest) = value.strip_prefix('@') else { return Ok(Given::Text(value.to_owned())) };
    if rest.starts_with('@') {
        return Ok(Given::Text(rest.to_owned()));
    }
    let path = rest.strip_prefix("./").unwrap_or(rest);
    let stays = !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !stays || path.chars().any(char::is_control) {
        return Err(Failure::invalid(
            format!("input.{key}"),
            value,
            "`@path` of a file in the workspace (`@@` for a text that begins with @)",
        ));
    }
    Ok(Given::File(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Command, Failure> {
        Command::parse(&line.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_is_a_model_and_its_input() {
        let command = parse(&["acme/echo:5c7d", "text=a=b", "empty=", "file=@./in/x.txt", "at=@@me"]).unwrap();
        assert_eq!((command.model.to_string().as_str(), command.version.as_deref()), ("acme/echo", Some("5c7d")));
        let text = |text: &str| Given::Text(text.into());
        let wanted = [("text", text("a=b")), ("empty", text("")), ("file", Given::File("in/x.txt".into())), ("at", text("@me"))];
        assert_eq!(command.inputs, wanted.map(|(key, given)| (key.to_owned(), given)));
        assert_eq!(parse(&["acme/echo"]).unwrap().version, None);
    }

    #[test]
    fn what_is_no_model_or_no_input_is_named() {
        for line in [
            &["echo"][..],
            &["acme/echo:"],
            &["acme/../x"],
            &["acme/.."],
            &["https://replicate.com/acme/echo"],
            &["acme/echo", "text"],
            &["acme/echo", "=x"],
            &["acme/echo", "a=1", "a=2"],
            &["acme/echo", "f=@"],
            &["acme/echo", "f=@/etc/passwd"],
            &["acme/echo", "f=@../key"],
            &[],
        ] {
            let failure = parse(line).unwrap_err();
            assert!(failure.message.contains(line.last().unwrap_or(&"").split('=').next().unwrap()), "{line:?}: {failure}");
        }
    }
}
