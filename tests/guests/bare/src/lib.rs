//! A runtime plugin as somebody writes it who has the WIT and nothing else.

wit_bindgen::generate!({ path: "../../../wit", world: "runtime-plugin", generate_all });

use exports::worldflux::runtime::plugin::{
    Artifact, Context, Description, Ending, Environment, ExecutionRequest, Failure, Features, Finding, Guest, Observation, Outcome,
    Outline, PathMapping, Phase, PlannedResource, Release, Severity, Started,
};
use worldflux::runtime::process::{self, LaunchOptions, ProcessState};

struct Bare;

impl Guest for Bare {
    fn describe() -> Description {
        Description {
            name: "bare".into(),
            version: "0.1.0".into(),
            summary: "runs commands on this machine, from the WIT alone".into(),
            settings_schema: r#"{"type":"object","additionalProperties":false}"#.into(),
            features: Features::STREAMS | Features::STDIN,
            paths: PathMapping::HostPaths,
            details: vec![],
        }
    }

    fn doctor(_settings: String) -> Result<Vec<Finding>, Failure> {
        let message = "nothing is needed".into();
        Ok(vec![Finding { severity: Severity::Info, check: "machine".into(), message, remedy: None, details: vec![] }])
    }

    fn plan(_context: Context) -> Result<Outline, Failure> {
        let nothing = PlannedResource { kind: "nothing".into(), name: "here".into(), count: 1, price_per_hour: Some(0) };
        let steps = vec!["run the command".into()];
        Ok(Outline { resources: vec![nothing], price_in_all: Some(0), steps, reuse_key: None, details: vec![] })
    }

    fn build_env(_context: Context, existing: Option<String>) -> Result<Environment, Failure> {
        Ok(Environment { handle: "here".into(), reused: existing.is_some(), interpreter: None, metadata: vec![] })
    }

    fn start(_context: Context, _environment: String, _request: ExecutionRequest) -> Result<Started, Failure> {
        let options = LaunchOptions { variables: vec![], path_prefix: vec![], working_directory: None, details: vec![] };
        process::launch_command(&options).map(Started::HostProcess)
    }

    fn poll(_context: Context, _environment: String, execution: String, after: String) -> Result<Observation, Failure> {
        let (phase, evidence) = match process::observe(&execution)? {
            ProcessState::Running => (Phase::Running, "running".into()),
            ProcessState::Ended(ending) => (Phase::Ended(ending.clone()), ending.evidence),
        };
        Ok(Observation { phase, evidence, observed_at: 0, output: vec![], next: after, ask_again_after: 100 })
    }

    fn kill(_context: Context, _environment: String, execution: String, _grace: u64) -> Result<(), Failure> {
        process::stop(&execution)
    }

    fn collect(_context: Context, _environment: String, _execution: String, _ending: Ending) -> Result<Outcome, Failure> {
        let path = "/output/result.txt";
        let result = Artifact { name: "result.txt".into(), path: path.into(), commit: true, media_type: Some("text/plain".into()) };
        let artifacts = if std::fs::metadata(path).is_ok() { vec![result] } else { vec![] };
        Ok(Outcome {
            exit_code: None,
            duration: None,
            log: None,
            artifacts,
            metrics: vec![],
            cost: None,
            metadata: vec![],
            ending: None,
            phases: vec![],
            details: vec![],
        })
    }

    fn teardown(_context: Context, _environment: Option<String>) -> Result<Release, Failure> {
        Ok(Release { evidence: "nothing was made".into(), details: vec![] })
    }
}

export!(Bare);
