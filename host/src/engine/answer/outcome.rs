//! The answer of `collect`.

use std::time::Duration;

use super::{
    check::{Details, Refused, TEXT, count, details, name, name_up_to, path, refuse, text, unique},
    observation::ending,
};
use crate::{
    imports::answers,
    names::{Ending, Usd},
    policy::Folder,
    workspace::GuestPath,
};

/// Artifacts of one run. A run that leaves more should leave an archive.
const ARTIFACTS: usize = 50_000;

/// Characters of the name of an artifact, which is a path as a rule.
const ARTIFACT_NAME: usize = 4_096;

/// Metrics of one run.
const METRICS: usize = 10_000;

/// What came of a run, as the plugin tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The exit code, where the backend has one.
    pub exit_code: Option<i32>,
    /// Wall time of the command alone.
    pub duration: Option<Duration>,
    /// A log of the plugin's own.
    pub log: Option<GuestPath>,
    /// Files that are left behind.
    pub artifacts: Vec<Artifact>,
    /// Numbers.
    pub metrics: Vec<Metric>,
    /// What it cost; `None` is not known.
    pub cost: Option<Cost>,
    /// Leaves under `runtime` in the manifest.
    pub metadata: Details,
    /// How the command ended, as the backend tells it.
    pub ending: Option<Ending>,
    /// Phases of the backend.
    pub phases: Vec<PhaseDuration>,
    /// Keys that this host does not know.
    pub details: Details,
}

/// A file that is left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its logical name.
    pub name: String,
    /// Where it is.
    pub path: GuestPath,
    /// Whether it is marked for upload.
    pub commit: bool,
    /// Its media type.
    pub media_type: Option<String>,
}

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name, with dots.
    pub name: String,
    /// Finite.
    pub value: f64,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// How much.
    pub amount: Usd,
    /// Where the number comes from.
    pub basis: String,
    /// Whether it will not change any more.
    pub is_final: bool,
}

/// How long a phase of the backend took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseDuration {
    /// The phase.
    pub phase: String,
    /// How long.
    pub duration: Duration,
}

impl Outcome {
    pub(in crate::engine) fn checked(answer: answers::Outcome) -> Result<Self, Refused> {
        count("artifacts", answer.artifacts.len(), ARTIFACTS)?;
        count("metrics", answer.metrics.len(), METRICS)?;
        count("phases", answer.phases.len(), 100)?;
        let artifacts: Vec<_> = answer.artifacts.into_iter().map(artifact).collect::<Result<_, _>>()?;
        let metrics: Vec<_> = answer.metrics.into_iter().map(metric).collect::<Result<_, _>>()?;
        unique("artifacts", artifacts.iter().map(|artifact| artifact.name.as_str()))?;
        unique("metrics", metrics.iter().map(|metric| metric.name.as_str()))?;
        Ok(Self {
            exit_code: answer.exit_code,
            duration: answer.duration.map(Duration::from_millis),
            log: answer.log.map(|log| path("log", &log, &[Folder::Output])).transpose()?,
            artifacts,
            metrics,
            cost: answer.cost.map(cost).transpose()?,
            metadata: details("metadata", answer.metadata)?,
            ending: answer.ending.map(ending).transpose()?,
            phases: answer.phases.into_iter().map(phase).collect::<Result<_, _>>()?,
            details: details("details", answer.details)?,
        })
    }
}

fn artifact(answer: answers::Artifact) -> Result<Artifact, Refused> {
    let path = path("artifact.path", &answer.path, &[Folder::Output, Folder::Workspace])?;
    if path.inside().is_none() {
        return refuse("artifact.path", format!("`{path}` is a folder of the run, not a file"));
    }
    Ok(Artifact {
        name: name_up_to("artifact.name", answer.name, ARTIFACT_NAME)?,
        path,
        commit: answer.commit,
        media_type: answer.media_type.map(|media_type| name("artifact.media-type", media_type)).transpose()?,
    })
}

fn metric(answer: answers::Metric) -> Result<Metric, Refused> {
    let name = name("metric.name", answer.name)?;
    if !answer.value.is_finite() {
        return refuse("metric.value", format!("`{name}` is {}, which is not a finite number", answer.value));
    }
    Ok(Metric { name, value: answer.value })
}

fn cost(answer: answers::Cost) -> Result<Cost, Refused> {
    Ok(Cost { amount: Usd::from_micros(answer.amount), basis: text("cost.basis", answer.basis, TEXT)?, is_final: answer.final_ })
}

fn phase(answer: answers::PhaseDuration) -> Result<PhaseDuration, Refused> {
    Ok(PhaseDuration { phase: name("phase", answer.phase)?, duration: Duration::from_millis(answer.duration) })
}
