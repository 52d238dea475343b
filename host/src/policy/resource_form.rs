//! What programs may use up, as it is written in files.

use serde::{Deserialize, Serialize};

use super::{
    purpose::Purpose,
    resource::{Amount, Resource, ResourceAsk, Resources},
};

/// One `[[asks.resource]]`, as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceForm {
    name: Resource,
    most: Written,
    purpose: Purpose,
}

/// A number, or a number with its unit.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a number of processors or processes, or a size with its unit such as \"8GiB\"")]
enum Written {
    Number(u64),
    Decimal(f64),
    Text(String),
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            // With a point in it, also where nothing is behind the point: no whole number of processes.
            Self::Decimal(number) => format!("{number:?}"),
            Self::Text(text) => text,
        }
    }
}

impl From<Amount> for Written {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Processes(number) => Self::Number(number.into()),
            Amount::Cpus(cpus) if cpus.thousandths() % 1_000 == 0 => Self::Number(u64::from(cpus.thousandths() / 1_000)),
            // The nearest there is, which is written with the same digits.
            Amount::Cpus(cpus) => Self::Decimal(f64::from(cpus.thousandths()) / 1_000.0),
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
pub(super) struct ResourcesForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    processes: Option<Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<Written>,
}

impl TryFrom<ResourcesForm> for Resources {
    type Error = String;

    fn try_from(form: ResourcesForm) -> Result<Self, String> {
        let ResourcesForm { memory, cpus, processes, file } = form;
        let written = [(Resource::Memory, memory), (Resource::Cpus, cpus), (Resource::Processes, processes), (Resource::File, file)];
        written.into_iter().filter_map(|(resource, written)| Some(resource.amount(&written?.text()))).collect()
    }
}

impl From<Resources> for ResourcesForm {
    fn from(resources: Resources) -> Self {
        let written = |resource| resources.get(resource).map(Written::from);
        Self {
            memory: written(Resource::Memory),
            cpus: written(Resource::Cpus),
            processes: written(Resource::Processes),
            file: written(Resource::File),
        }
    }
}
