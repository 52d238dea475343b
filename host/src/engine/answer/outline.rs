//! The answer of `plan`.

use serde::{Deserialize, Serialize};

use super::check::{Details, Refused, TEXT, count, details, name, refuse, text};
use crate::{
    imports::answers,
    names::{Digest, Usd},
};

/// Resources and steps of one plan.
const ENTRIES: usize = 1_000;

/// What would be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The things, with their prices.
    pub resources: Vec<PlannedResource>,
    /// Upper bound for the run; `None` where there is none.
    pub price_in_all: Option<Usd>,
    /// The steps in words.
    pub steps: Vec<String>,
    /// Digest of what the environment is made from; `None` where it is made for this run alone.
    pub reuse_key: Option<Digest>,
    /// Keys that this host does not know.
    pub details: Details,
}

/// One thing that would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedResource {
    /// `venv`, `container`, `instance`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Millionths of a US dollar an hour, for one; `None` where the price is not known.
    pub price_per_hour_micros: Option<u64>,
}

impl Outline {
    pub(in crate::engine) fn checked(answer: answers::Outline) -> Result<Self, Refused> {
        count("resources", answer.resources.len(), ENTRIES)?;
        count("steps", answer.steps.len(), ENTRIES)?;
        let resource = |resource: answers::PlannedResource| {
            Ok(PlannedResource {
                kind: name("resource.kind", resource.kind)?,
                name: name("resource.name", resource.name)?,
                count: resource.count,
                price_per_hour_micros: resource.price_per_hour,
            })
        };
        let reuse_key = |key: String| key.parse().or_else(|error| refuse("reuse-key", format!("{error}")));
        Ok(Self {
            resources: answer.resources.into_iter().map(resource).collect::<Result<_, Refused>>()?,
            price_in_all: answer.price_in_all.map(Usd::from_micros),
            steps: answer.steps.into_iter().map(|step| text("steps", step, TEXT)).collect::<Result<_, _>>()?,
            reuse_key: answer.reuse_key.map(reuse_key).transpose()?,
            details: details("details", answer.details)?,
        })
    }
}
