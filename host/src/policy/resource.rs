//! What programs may use up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{confinement::ChildLimits, purpose::Purpose};
use crate::names::{Bytes, parse_size, write_size};

/// Something that can be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Memory, in bytes.
    Memory,
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
    /// Processes and threads at once.
    pub processes: Option<u32>,
    /// The longest file.
    pub file: Option<Bytes>,
}

impl Resource {
    /// Everything that can be used up.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Processes, Self::File];

    /// Its name in asks and grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::File => "file",
        }
    }

    /// So much of it: `8GiB` of memory, `64` processes.
    pub fn amount(self, text: &str) -> Result<Amount, String> {
        let bytes = || {
            let bytes = parse_size(text).map_err(|expected| format!("`{}` is no amount of {self}: expected {expected}", shown(text)))?;
            if bytes < LEAST { Err(format!("`{}` is too little {self}: at least {}", shown(text), write_size(LEAST))) } else { Ok(bytes) }
        };
        match self {
            Self::Memory => Ok(Amount::Memory(bytes()?)),
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
            Self::Processes(_) => Resource::Processes,
            Self::File(_) => Resource::File,
        }
    }

    fn number(self) -> String {
        match self {
            Self::Memory(bytes) | Self::File(bytes) => write_size(bytes),
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
        let resource = resource.ok_or("expected `memory=8GiB`, `processes=64` or `file=10GiB`")?;
        resource.amount(amount)
    }
}

impl Resources {
    /// Every amount that is there.
    #[must_use]
    pub fn amounts(&self) -> Vec<Amount> {
        let memory = self.memory.map(Amount::Memory);
        let processes = self.processes.map(Amount::Processes);
        memory.into_iter().chain(processes).chain(self.file.map(Amount::File)).collect()
    }

    /// Set one amount.
    pub fn set(&mut self, amount: Amount) {
        match amount {
            Amount::Memory(bytes) => self.memory = Some(bytes),
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
            processes: lower(self.processes, other.processes),
            file: lower(self.file, other.file),
        }
    }

    /// What they mean for a child: where nothing is said, the host's own limit holds.
    #[must_use]
    pub fn limits(&self) -> ChildLimits {
        let own = ChildLimits::default();
        ChildLimits { processes: self.processes.unwrap_or(own.processes), memory: self.memory.or(own.memory), file: self.file.or(own.file) }
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

/// One `[[asks.resource]]`, as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceForm {
    name: Resource,
    most: Written,
    purpose: Purpose,
}

/// A number, or a number with its unit.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a number of processes, or a size with its unit such as \"8GiB\"")]
enum Written {
    Number(u64),
    Text(String),
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

impl From<Amount> for Written {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Processes(number) => Self::Number(number.into()),
            amount => Self::Text(amount.number()),
        }
    }
}

impl TryFrom<ResourceForm> for ResourceAsk {
    type Error = String;

    fn try_from(form: ResourceForm) -> Result<Self, String> {
        Ok(Self { most: form.name.amount(&form.most.text())?, purpose: form.purpose })
    }
}

impl From<ResourceAsk> for ResourceForm {
    fn from(ask: ResourceAsk) -> Self {
        Self { name: ask.most.resource(), most: ask.most.into(), purpose: ask.purpose }
    }
}

/// A table of amounts, as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourcesForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    processes: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<Written>,
}

impl TryFrom<ResourcesForm> for Resources {
    type Error = String;

    fn try_from(form: ResourcesForm) -> Result<Self, String> {
        let written = [(Resource::Memory, form.memory), (Resource::Processes, form.processes), (Resource::File, form.file)];
        written.into_iter().filter_map(|(resource, written)| Some(resource.amount(&written?.text()))).collect()
    }
}

impl From<Resources> for ResourcesForm {
    fn from(resources: Resources) -> Self {
        let written = |resource| resources.get(resource).map(Written::from);
        Self { memory: written(Resource::Memory), processes: written(Resource::Processes), file: written(Resource::File) }
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
        for text in [
            "",
            "memory",
            "memory=",
            "memory=8",
            "memory=-1GiB",
            "memory=0B",
            "memory=*",
            "memory=1e9GiB",
            "processes=0",
            "processes=+1",
            "processes=64MiB",
            "processes=99999999999",
            "disk=1GiB",
            "file=99999999999999999999B",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_amount_is_written_as_a_person_would() {
        let resources: Resources = toml::from_str("memory = '8GiB'\nprocesses = 64").unwrap();
        assert_eq!(toml::to_string(&resources).unwrap(), "memory = \"8GiB\"\nprocesses = 64\n");
        assert_eq!(resources.limits(), ChildLimits { processes: 64, memory: Some(Bytes::gibi(8)), file: None });
        assert!(toml::from_str::<Resources>("memory = 1000000000").is_err(), "a size has a unit");
        assert!(toml::from_str::<Resources>("disk = '1GiB'").is_err());
    }

    proptest! {
        #[test]
        fn an_amount_is_read_back(bytes in 1_u64 << 20.., number in 1..=PROCESSES) {
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
