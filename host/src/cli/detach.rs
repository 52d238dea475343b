//! `worldflux run --detach`: the same command again, in the background.

use std::{
    io::Read,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use super::{context::Context, exit::Exit, output::Mark};
use crate::{names::RunId, run::RunError};

/// How long the run in the background may take to be written down.
const PATIENCE: Duration = Duration::from_mins(2);

/// Start this program again without `--detach`, and answer once its run is written down.
pub(super) async fn detach(context: &Context, run: &RunId) -> Result<Exit, RunError> {
    let failed = |cause| RunError::Output { path: "the run in the background".into(), cause };
    let host = context.host()?;
    let mut typed: Vec<_> = std::env::args_os().skip(1).collect();
    let end = typed.iter().position(|argument| argument == "--").unwrap_or(typed.len());
    if let Some(index) = typed.iter().take(end).position(|argument| argument == "--detach") {
        typed.splice(index..=index, ["--run-id".into(), run.as_str().into()]);
    }
    let mut child = Command::new("/proc/self/exe")
        .args(typed)
        // Out of the group that Ctrl-C reaches.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let written_down = async {
        loop {
            look.tick().await;
            if host.state().run(run).is_ok() {
                return Ok::<bool, RunError>(true);
            }
            if child.try_wait().map_err(failed)?.is_some() {
                return Ok(host.state().run(run).is_ok());
            }
        }
    };
    let begun = tokio::time::timeout(PATIENCE, written_down).await.unwrap_or(Ok(false))?;
    if begun {
        if context.output.json {
            context.output.document(&serde_json::json!({ "run_id": run }));
        } else {
            context.output.line(run.as_str());
        }
        return Ok(Exit::Ok);
    }
    // It ended before there was a run: what it said is the answer.
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    for line in said.lines() {
        context.output.talk(Mark::Note, line);
    }
    let code = child.wait().map_err(failed)?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(Exit::Host, Exit::Passed))
}
