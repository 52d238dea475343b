//! Where the reading of logs and output stopped.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use worldflux_plugin::Failure;

/// Positions in bytes; empty at the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// Of the logs.
    pub(crate) logs: usize,
    /// Of the output as text.
    pub(crate) output: usize,
    /// The last event of the stream that was read; empty before the first one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) event: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Cursor {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|_| Failure::invalid("after", text, "a cursor that this version of `replicate` made"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor { logs: 3, output: 14, event: "1690212292:0".into() };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert_eq!("".parse::<Cursor>().unwrap(), Cursor::default());
        assert!("x".parse::<Cursor>().is_err());
    }
}
