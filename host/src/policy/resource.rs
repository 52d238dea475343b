//! What programs may use up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    confinement::ChildLimits,
    purpose::Purpose,
    resource_form::{ResourceForm, ResourcesForm},
};
use crate::names::{Bytes, Cpus, parse_size, write_size};

/// Something that can be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Memory, in bytes.
    Memory,
    /// Processors, in decimal numbers.
    Cpus,
    /// Processes and threads at once.
    Processes,
    /// The longest file, in bytes.
    File,
}

/// The most that a plugin says its programs need of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ResourceForm", into = "ResourceForm")]
pub struct ResourceAsk {
    /// What, and how much.
    pub most: Amount,
    /// Why.
    pub purpose: Purpose,
}

/// A resource and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Memory.
    Memory(Bytes),
    /// Processors.
    Cpus(Cpus),
    /// Processes and threads at once.
    Processes(u32),
    /// The longest file.
    File(Bytes),
}

/// The most that the programs of a plugin may use; nothing where the host's own limits hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ResourcesForm", into = "ResourcesForm")]
pub struct Resources {
    /// Memory.
    pub memory: Option<Bytes>,
    /// Processors.
    pub cpus: Option<Cpus>,
    /// Processes and threads at once.
    pub processes: Option<u32>,
    /// The longest file.
    pub file: Option<Bytes>,
}

impl Resource {
    /// Everything that can be used up.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Cpus, Self::Processes, Self::File];

    /// Its name in asks and grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpus => "cpus",
            Self::Processes => "processes",
            Self::File => "file",
        }
    }

    /// So much of it: `8GiB` of memory, `1.5` processors, `64` processes.
    pub fn amount(self, text: &str) -> Result<Amount, String> {
        let bytes = || {
            let bytes = parse_size(text).map_err(|expected| format!("`{}` is no amount of {self}: expected {expected}", shown(text)))?;
            if bytes < LEAST { Err(format!("`{}` is too little {self}: at least {}", shown(text), write_size(LEAST))) } else { Ok(bytes) }
        };
        match self {
            Self::Memory => Ok(Amount::Memory(bytes()?)),
            Self::Cpus => {
                let cpus = text
                    .parse::<Cpus>()
                    .map_err(|expected| format!("`{}` is no number of processors: expected {expected}", shown(text)))?;
                Ok(Amount::Cpus(cpus))
            }
            Self::File => Ok(Amount::File(bytes()?)),
            Self::Processes => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse::<u32>().ok().filter(|number| digits && (1..=PROCESSES).contains(number));
                let number = number.ok_or_else(|| format!("`{}` is no number of processes: expected 1 to {PROCESSES}", shown(text)))?;
                Ok(Amount::Processes(number))
            }
        }
    }
}

/// No program starts with less memory than this, and none that writes does with shorter files.
const LEAST: Bytes = Bytes::mebi(1);

/// More than the kernel of a usual machine has numbers for.
const PROCESSES: u32 = 4_194_304;

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Amount {
    /// Of what.
    #[must_use]
    pub const fn resource(self) -> Resource {
        match self {
            Self::Memory(_) => Resource::Memory,
            Self::Cpus(_) => Resource::Cpus,
            Self::Processes(_) => Resource::Processes,
            Self::File(_) => Resource::File,
        }
    }

    /// The amount alone.
    pub(super) fn number(self) -> String {
        match self {
            Self::Memory(bytes) | Self::File(bytes) => write_size(bytes),
            Self::Cpus(cpus) => cpus.to_string(),
            Self::Processes(number) => number.to_string(),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.resource(), self.number())
    }
}

/// As typed: `memory=8GiB`.
impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, amount) = text.split_once('=').unwrap_or((text, ""));
        let resource = Resource::ALL.into_iter().find(|resource| resource.name() == name);
        let resource = resource.ok_or("expected `memory=8GiB`, `cpus=1.5`, `processes=64` or `file=10GiB`")?;
        resource.amount(amount)
    }
}

impl Resources {
    /// Every amount that is there.
    #[must_use]
    pub fn amounts(&self) -> Vec<Amount> {
        let memory = self.memory.map(Amount::Memory);
        let cpus = self.cpus.map(Amount::Cpus);
        let processes = self.processes.map(Amount::Processes);
        let file = self.file.map(Amount::File);
        [memory, cpus, processes, file].into_iter().flatten().collect()
    }

    /// Set one amount.
    pub fn set(&mut self, amount: Amount) {
        match amount {
            Amount::Memory(bytes) => self.memory = Some(bytes),
            Amount::Cpus(cpus) => self.cpus = Some(cpus),
            Amount::Processes(number) => self.processes = Some(number),
            Amount::File(bytes) => self.file = Some(bytes),
        }
    }

    /// The amount of one resource.
    #[must_use]
    pub fn get(&self, resource: Resource) -> Option<Amount> {
        self.amounts().into_iter().find(|amount| amount.resource() == resource)
    }

    /// Forget the amount of one resource.
    pub fn clear(&mut self, resource: Resource) {
        match resource {
            Resource::Memory => self.memory = None,
            Resource::Cpus => self.cpus = None,
            Resource::Processes => self.processes = None,
            Resource::File => self.file = None,
        }
    }

    /// The lower of both, one by one.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            memory: lower(self.memory, other.memory),
            cpus: lower(self.cpus, other.cpus),
            processes: lower(self.processes, other.processes),
            file: lower(self.file, other.file),
        }
    }

    /// What they mean for a child: where nothing is said, the host's own limit holds.
    #[must_use]
    pub fn limits(&self) -> ChildLimits {
        let own = ChildLimits::default();
        ChildLimits {
            processes: self.processes.unwrap_or(own.processes),
            memory: self.memory.or(own.memory),
            cpus: self.cpus.or(own.cpus),
            file: self.file.or(own.file),
        }
    }
}

impl FromIterator<Amount> for Resources {
    fn from_iter<I: IntoIterator<Item = Amount>>(amounts: I) -> Self {
        let mut resources = Self::default();
        for amount in amounts {
            resources.set(amount);
        }
        resources
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_has_a_unit_and_is_neither_nothing_nor_everything() {
        assert_eq!("memory=8GiB".parse(), Ok(Amount::Memory(Bytes::gibi(8))));
        assert_eq!("processes=64".parse(), Ok(Amount::Processes(64)));
        assert_eq!("cpus=1".parse(), Ok(Amount::Cpus(Cpus::ONE)));
        for text in [
            "",
            "memory",
            "memory=",
            "memory=8",
            "memory=-1GiB",
            "memory=0B",
            "memory=*",
            "memory=1e9GiB",
            "cpus=",
            "cpus=0",
            "cpus=-1",
            "cpus=NaN",
            "cpus=1e99",
            "cpus=two",
            "cpus=1GiB",
            "processes=0",
            "processes=+1",
            "processes=64MiB",
            "processes=1.5",
            "processes=99999999999",
            "disk=1GiB",
            "file=99999999999999999999B",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_amount_is_written_as_a_person_would() {
        let resources: Resources = toml::from_str("memory = '8GiB'\ncpus = 1.5\nprocesses = 64").unwrap();
        assert_eq!(toml::to_string(&resources).unwrap(), "memory = \"8GiB\"\ncpus = 1.5\nprocesses = 64\n");
        let cpus = "1.5".parse().ok();
        assert_eq!(resources.limits(), ChildLimits { processes: 64, memory: Some(Bytes::gibi(8)), cpus, file: None });
        assert_eq!(serde_json::to_string(&Resources { cpus: Some(Cpus::ONE), ..Resources::default() }).unwrap(), r#"{"cpus":1}"#);
        assert!(toml::from_str::<Resources>("memory = 1000000000").is_err(), "a size has a unit");
        assert!(toml::from_str::<Resources>("processes = 64.0").is_err(), "there is no part of a process");
        for (text, said) in [("cpus = 0", "`0` is"), ("cpus = -2", "`-2.0` is"), ("cpus = nan", "`NaN` is"), ("cpus = 1e99", "`1e99` is")] {
            let error = toml::from_str::<Resources>(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{said} no number of processors: expected 0.01 to 4096")), "{error}");
        }
        assert!(toml::from_str::<Resources>("disk = '1GiB'").is_err());
    }

    proptest! {
        #[test]
        fn an_amount_is_read_back(bytes in 1_u64 << 20.., number in 1..=PROCESSES, thousandths in 10..=4_096_000_u32) {
            let cpus: Cpus = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000).parse().unwrap();
            let resources = Resources { cpus: Some(cpus), ..Resources::default() };
            prop_assert_eq!(toml::from_str::<Resources>(&toml::to_string(&resources).unwrap()).unwrap(), resources);
            prop_assert_eq!(Amount::Cpus(cpus).to_string().parse(), Ok(Amount::Cpus(cpus)));
            for amount in [Amount::Memory(Bytes(bytes)), Amount::File(Bytes(bytes)), Amount::Processes(number)] {
                prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            }
        }

        #[test]
        fn the_lower_of_two_is_never_above_either(one in 1..100_u32, other in 1..100_u32) {
            let of = |number| Resources { processes: Some(number), ..Resources::default() };
            prop_assert_eq!(of(one).at_most(&of(other)).processes, Some(one.min(other)));
            prop_assert_eq!(of(one).at_most(&Resources::default()).processes, Some(one));
        }
    }
}
