//! A plugin that does what no plugin must do, one thing at a time, as the settings say.
//!
//! The settings are an object: the name of an export, and what to do in it. `{"doctor": "hang", "collect": "nan"}`. An export that is not named
//! answers like an honest plugin. A behaviour may have a value after a colon: `read:/etc/passwd`.
//!
//! There are two kinds. An *act* (act.rs) tries something and says what came of it, as a line that begins with `ok`, `denied` or `failed`: as
//! the message of the finding `rogue` in `doctor`, as a step of `plan`, as the metadata `rogue` of `build-env` and `collect`, as the
//! evidence of `teardown`, and for every export as a log line. A *lie* (lie.rs) makes the answer itself unusable.
//!
//! `describe` gets no settings. What it does stands in the marker below, which a test overwrites in the binary.

mod act;
mod broken;
mod files;
mod http;
mod lie;
mod network;
mod processes;
mod resources;
mod settings;
mod transfer;

mod wit {
    wit_bindgen::generate!({ path: "../../../wit", world: "runtime-plugin", generate_all, pub_export_macro: true, default_bindings_module: "crate::wit" });
}

use wit::{
    exports::worldflux::runtime::plugin::{
        Context, Description, Ending, Environment, ExecutionRequest, Failure, Features, Finding, Guest, Observation, Outcome, Outline,
        PathMapping, Phase, Release, RemoteExecution, Severity, Started,
    },
    worldflux::runtime::{
        log::{self, Level},
        process::{self, LaunchOptions, ProcessState},
        types::Detail,
    },
};

/// What `describe` does: the text after the colon, without spaces. 48 bytes.
#[used]
static DESCRIBE: [u8; 48] = *b"rogue-describe:                                 ";

/// What it calls itself: the text after the colon, without spaces. Tests make a hundred of it.
#[used]
static NAME: [u8; 32] = *b"rogue-name:rogue                ";

/// The text of a marker. Volatile, because a test changes it in the binary.
fn marked<const N: usize>(marker: &'static [u8; N]) -> String {
    // SAFETY: the static is initialised and never written.
    let bytes = unsafe { std::ptr::read_volatile(marker) };
    String::from_utf8_lossy(&bytes).split_once(':').map_or(String::new(), |(_, rest)| rest.trim().to_owned())
}

struct Rogue;

/// The length of a text on whose release the guest traps: after its answer was given, when the memory of the answer is freed.
pub const FATAL: usize = 123_457;

struct Allocator;

// SAFETY: the system's allocator, but for one length.
unsafe impl std::alloc::GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { std::alloc::System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: std::alloc::Layout) {
        if layout.size() == FATAL {
            act::unreachable();
        }
        // SAFETY: as above.
        unsafe { std::alloc::System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Does what the settings say for `export`, and gives what is to be reported and the behaviour, if it is a lie.
fn behave(settings: &str, export: &str) -> (Option<String>, String) {
    let behaviour = settings::behaviour(settings, export).unwrap_or_default();
    let report = act::act(&behaviour);
    if let Some(report) = &report {
        log::write(Level::Info, report, &[]);
    }
    (report, behaviour)
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => json.push(' '),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

fn rogue(report: Option<String>) -> Vec<Detail> {
    report.map(|report| Detail { key: "rogue".into(), value: quoted(&report) }).into_iter().collect()
}

impl Guest for Rogue {
    fn describe() -> Description {
        let honest = Description {
            name: marked(&NAME),
            version: "0.1.0".into(),
            summary: "does what a plugin must not do, one thing at a time".into(),
            settings_schema: r#"{"type":"object","additionalProperties":{"type":"string"}}"#.into(),
            features: Features::STREAMS | Features::CONCURRENT,
            paths: PathMapping::HostPaths,
            details: vec![],
        };
        let behaviour = &marked(&DESCRIBE);
        let report = act::act(behaviour);
        lie::describe(Description { details: rogue(report), ..honest }, behaviour)
    }

    fn doctor(settings: String) -> Result<Vec<Finding>, Failure> {
        let (report, behaviour) = behave(&settings, "doctor");
        let message = report.unwrap_or_else(|| "nothing was tried".into());
        let honest = Finding { severity: Severity::Info, check: "rogue".into(), message, remedy: None, details: vec![] };
        lie::doctor(honest, &behaviour)
    }

    fn plan(context: Context) -> Result<Outline, Failure> {
        let (report, behaviour) = behave(&context.settings, "plan");
        if report.as_deref().is_some_and(|report| behaviour.starts_with("http:") && report.starts_with("denied: ")) {
            return Err(lie::cannot_be_reached());
        }
        let honest =
            Outline { resources: vec![], price_in_all: Some(0), steps: report.into_iter().collect(), reuse_key: None, details: vec![] };
        lie::plan(honest, &behaviour)
    }

    fn build_env(context: Context, _existing: Option<String>) -> Result<Environment, Failure> {
        let (report, behaviour) = behave(&context.settings, "build-env");
        let honest = Environment { handle: "rogue".into(), reused: false, interpreter: None, metadata: rogue(report) };
        lie::build_env(honest, &behaviour)
    }

    fn start(context: Context, _environment: String, _request: ExecutionRequest) -> Result<Started, Failure> {
        let (_, behaviour) = behave(&context.settings, "start");
        let remote = |handle: String| Started::Remote(RemoteExecution { handle, ask_again_after: 50 });
        match behaviour.as_str() {
            "remote" => return Ok(remote("rogue-execution".into())),
            "huge-handle" => return Ok(remote("h".repeat(1 << 20))),
            "nul-handle" => return Ok(remote("a\0b".into())),
            "empty-handle" => return Ok(remote(String::new())),
            "fake-process" => return Ok(Started::HostProcess("made-up".into())),
            "failure" => return Err(lie::failure()),
            "huge-failure" => return Err(lie::huge_failure()),
            // The act was the launch.
            act if act.starts_with("command") => {}
            _ => {}
        }
        let options = LaunchOptions { variables: vec![], path_prefix: vec![], working_directory: None, details: vec![] };
        let first = process::launch_command(&options)?;
        if behaviour == "twice" {
            let second = processes::report("launch-command", process::launch_command(&options));
            log::write(Level::Info, &second, &[]);
        }
        if behaviour == "late" {
            resources::until_ended(&first);
        }
        Ok(Started::HostProcess(first))
    }

    fn poll(context: Context, _environment: String, execution: String, after: String) -> Result<Observation, Failure> {
        let (report, behaviour) = behave(&context.settings, "poll");
        let phase = match process::observe(&execution) {
            Ok(ProcessState::Ended(ending)) => Phase::Ended(ending),
            Ok(ProcessState::Running) | Err(_) => Phase::Running,
        };
        let evidence = report.unwrap_or_else(|| "a look".into());
        let honest = Observation { phase, evidence, observed_at: 0, output: vec![], next: after, ask_again_after: 50 };
        lie::poll(honest, &behaviour)
    }

    fn kill(context: Context, _environment: String, execution: String, _grace: u64) -> Result<(), Failure> {
        let (_, behaviour) = behave(&context.settings, "kill");
        match behaviour.as_str() {
            "failure" => Err(lie::failure()),
            // Says that it did, and does nothing.
            "ignore" => Ok(()),
            _ => process::stop(&execution).or(Ok(())),
        }
    }

    fn collect(context: Context, _environment: String, _execution: String, _ending: Ending) -> Result<Outcome, Failure> {
        let (report, behaviour) = behave(&context.settings, "collect");
        let honest = Outcome {
            exit_code: None,
            duration: None,
            log: None,
            artifacts: vec![],
            metrics: vec![],
            cost: None,
            metadata: rogue(report),
            ending: None,
            phases: vec![],
            details: vec![],
        };
        lie::collect(honest, &behaviour)
    }

    fn teardown(context: Context, _environment: Option<String>) -> Result<Release, Failure> {
        let (report, behaviour) = behave(&context.settings, "teardown");
        let evidence = report.unwrap_or_else(|| "nothing was made".into());
        lie::teardown(Release { evidence, details: vec![] }, &behaviour)
    }
}

wit::export!(Rogue with_types_in wit);
