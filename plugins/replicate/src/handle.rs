//! How a prediction or a training is named to the host: as in its path.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use worldflux_plugin::Failure;

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Prediction,
    Training,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) kind: Kind,
    pub(crate) id: String,
}

impl Kind {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Prediction => "predictions",
            Self::Training => "trainings",
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::Training => "training",
        }
    }
}

impl Handle {
    /// The API makes ids of letters and digits; anything else would be another path.
    pub(crate) fn new(kind: Kind, id: &str) -> Result<Self, Failure> {
        let is_id = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !is_id {
            return Err(Failure::invalid(kind.word(), id, "an id of letters and digits"));
        }
        Ok(Self { kind, id: id.to_owned() })
    }

    /// For a message.
    pub(crate) fn words(&self) -> String {
        format!("{} `{}`", self.kind.word(), self.id)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.path(), self.id)
    }
}

impl FromStr for Handle {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = || Failure::invalid("execution", text, "a handle that this version of `replicate` made");
        let (kind, id) = text.split_once('/').ok_or_else(wrong)?;
        let kind = [Kind::Prediction, Kind::Training].into_iter().find(|known| known.path() == kind).ok_or_else(wrong)?;
        Self::new(kind, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_comes_back_as_it_went_and_is_no_other_path() {
        for kind in [Kind::Prediction, Kind::Training] {
            let handle = Handle::new(kind, "gm3qorzdhgbfurvjtvhg6dckhu").unwrap();
            assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        }
        for wrong in ["", "predictions", "predictions/", "predictions/a/b", "predictions/..", "files/x", "predictions/a?b"] {
            assert!(wrong.parse::<Handle>().is_err(), "{wrong}");
        }
    }
}
