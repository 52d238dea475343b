//! How an environment is named to the host.

use std::{fmt, str::FromStr};

use worldflux_plugin::{Failure, context::Context, process::Launch};

/// Where the venv is, and what is in front of `PATH`. The version in the handle below covers this layout.
pub(crate) const VENV: &str = "/env/venv";
pub(crate) const BIN: &str = "/env/venv/bin";
pub(crate) const PYTHON: &str = "/env/venv/bin/python3";

/// An environment of this runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handle {
    /// Commands run as they are.
    Nothing,
    /// A venv at [`VENV`].
    Venv,
}

impl Handle {
    /// How a command is launched in it.
    pub(crate) fn launch(self, context: &Context) -> Result<Launch, Failure> {
        match self {
            Self::Nothing => Ok(Launch::default()),
            Self::Venv => Ok(Launch::default().path(BIN).variable("VIRTUAL_ENV", context.host_path(VENV)?)),
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Venv => "venv:1",
        })
    }
}

impl FromStr for Handle {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "nothing" => Ok(Self::Nothing),
            "venv:1" => Ok(Self::Venv),
            _ => Err(Failure::invalid("environment", text, "a handle that this version of `local` made")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_comes_back_as_it_went() {
        for handle in [Handle::Nothing, Handle::Venv] {
            assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        }
        assert!("venv:2".parse::<Handle>().is_err());
    }
}
