//! Devices of this machine, by kind.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::purpose::Purpose;

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The graphics processors. A wide opening: a driver has hundreds of commands, and memory may keep what others left in it.
    Gpu,
}

/// A device that a plugin wants its programs to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceAsk {
    /// Which.
    pub name: Device,
    /// Why.
    pub purpose: Purpose,
}

impl Device {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::Gpu];

    /// Its name in asks and grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|device| device.name() == text);
        found.ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
