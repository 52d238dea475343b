//! What is made before anything runs: the row, the folders, the record.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt},
    path::PathBuf,
};

use super::{error::RunError, host::Host, mounts, resolve::Resolved, secrets::hide, step::Step};
use crate::{
    config::{self, RunSettings},
    engine::Question,
    imports::Folders,
    names::{Moment, RunId},
    policy::{Folder, Profile, Rights},
    sandbox::Stdin,
    secrets::Held,
    store::{ControlReceiver, NewRun, ReasonCode, Record, RunLock, RunStatus, StoreError},
    workspace::{Workspace, WorkspaceError},
};

/// What a run begins with.
pub(super) struct Prepared {
    pub(super) lock: RunLock,
    /// Where other processes ask this run to end.
    pub(super) control: Result<ControlReceiver, StoreError>,
    pub(super) record: Record,
    pub(super) folders: Folders,
    pub(super) stdin: Stdin,
    pub(super) created_at: Moment,
    pub(super) own_workspace: Option<Workspace>,
}

/// A story whose workspace is made for it alone, in the folder of the run.
pub(super) struct OwnWorkspace {
    /// The workspace that the settings named before: what the user chose is checked as always.
    pub(super) named: PathBuf,
}

/// Whether the user's command can be confined here as the user wants it. Asked before anything is made: it is no fault of the plugin.
pub(super) async fn check_sandbox(host: &Host, settings: &RunSettings, rights: &Rights) -> Result<(), RunError> {
    if settings.sandbox == Profile::Own || rights.grants.is_unconfined() {
        return Ok(());
    }
    let (proof, needed) = (host.proof().await, rights.grants.least());
    if proof.level.is_enough_for(needed) {
        return Ok(());
    }
    let lower = format!("worldflux plugin grant {} --level {}", rights.typed, proof.level);
    Err(RunError::SandboxUnavailable { needed, have: proof.level, why: proof.why.clone(), fix: proof.fix.clone(), lower })
}

/// Check what the user named, then write the run down.
pub(super) fn prepare(
    host: &Host,
    settings: &mut RunSettings,
    own: Option<OwnWorkspace>,
    resolved: &Resolved,
    held: &Held,
) -> Result<Prepared, RunError> {
    let stdin = open_stdin(&settings.stdin)?;
    // What is made below needs no check, and is not there yet.
    let own = own.map(|own| settings.work_in(own.named));
    check_places(host, settings, &resolved.rights)?;
    settings.prepare_output()?;
    // Once more: another run may have put something in its place meanwhile.
    check_places(host, settings, &resolved.rights)?;
    let logs = settings.output.join("logs");
    fs::create_dir_all(&logs).map_err(|cause| RunError::Output { path: logs, cause })?;
    let created_at = Moment::now();
    let mut command = settings.command.clone();
    hide(held).texts(&mut command);
    let lock = host.state.create_run(&NewRun {
        id: settings.run_id.clone(),
        client_run_id: settings.client_run_id.clone(),
        adapter_id: settings.adapter.clone(),
        task: settings.task.clone(),
        runtime: settings.runtime.to_string(),
        plugin_digest: Some(resolved.file.digest),
        command,
        step: Step::Open.name().to_owned(),
        output_dir: settings.output.clone(),
    })?;
    // From here on others know of the run, and may want its end.
    let control = ControlReceiver::create(&host.state, &settings.run_id);
    let own_workspace = own.map(|path| {
        settings.work_in(path.clone());
        Workspace::at(path)
    });
    let begun = begin(host, settings, own_workspace, resolved, held);
    if let Err(error) = &begun {
        // The row is there already: it must not look as if a host were still at work on it.
        let _ = host.state.finish_run(&settings.run_id, RunStatus::Failed, ReasonCode::HostFault, &error.to_string());
    }
    let (record, folders, own_workspace) = begun?;
    Ok(Prepared { lock, control, record, folders, stdin, created_at, own_workspace })
}

/// Whether the places of the run can be used, with links followed, and shown to somebody who is not trusted: none of them may hold more than
/// the data of a project.
pub(super) fn check_places(host: &Host, settings: &mut RunSettings, rights: &Rights) -> Result<(), RunError> {
    settings.check_places()?;
    settings.follow_links()?;
    mounts::check(settings, rights)?;
    for (what, path) in
        [("the workspace", &settings.workspace), ("the source folder", &settings.source), ("the output directory", &settings.output)]
    {
        if let Some(rule) = host.too_much(rights, settings.sandbox, path) {
            return Err(RunError::TooMuch { what, path: path.clone(), rule });
        }
    }
    if rights.profile(settings.sandbox) == Profile::Own {
        return Ok(());
    }
    match settings.reaches_out()? {
        None => Ok(()),
        Some((what, path)) => {
            let rule =
                format!("the run file of `{}` names it, and a project cannot open what lies outside of it", settings.project.display());
            Err(RunError::TooMuch { what, path, rule })
        }
    }
}

/// The record and the folders of a run that is written down, and the workspace that is its own.
fn begin(
    host: &Host,
    settings: &RunSettings,
    mut own_workspace: Option<Workspace>,
    resolved: &Resolved,
    held: &Held,
) -> Result<(Record, Folders, Option<Workspace>), RunError> {
    let record = Record::create(&host.state.layout().record(&settings.run_id), &settings.run_id)?.hiding(hide(held));
    if let Some(workspace) = &mut own_workspace {
        workspace.prepare(|_| Ok(()))?;
    }
    let mut places = vec![
        (Folder::Workspace, settings.workspace.clone()),
        (Folder::Source, settings.source.clone()),
        (Folder::Output, settings.output.clone()),
        (Folder::State, host.state.plugin_state_folder(&resolved.description.name)?),
    ];
    if !settings.assets.is_empty() {
        let path = host.state.layout().assets_of(&settings.run_id);
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|cause| WorkspaceError::Folder { path: path.clone(), cause })?;
        places.push((Folder::Assets, path));
    }
    Ok((record, Folders::open(places)?, own_workspace))
}

fn open_stdin(stdin: &config::Stdin) -> Result<Stdin, RunError> {
    match stdin {
        config::Stdin::Empty => Ok(Stdin::Empty),
        config::Stdin::Own => Ok(Stdin::Terminal),
        config::Stdin::File(path) => {
            let file = fs::File::open(path).map_err(|cause| RunError::Stdin { path: path.clone(), cause })?;
            Ok(Stdin::File(file))
        }
    }
}

/// Write the context down for a later host, which has to tear down what this one builds if this one is killed.
pub(super) fn keep_question(host: &Host, question: &Question, held: &Held) -> Result<(), RunError> {
    let kept = write_question(host, question, held);
    if let Err(error) = &kept {
        let _ = host.state.finish_run(&question.settings.run_id, RunStatus::Failed, ReasonCode::HostFault, &error.to_string());
    }
    kept
}

fn write_question(host: &Host, question: &Question, held: &Held) -> Result<(), RunError> {
    let path = question_path(host, &question.settings.run_id);
    let mut kept = question.clone();
    // Their values may be secrets, and nothing that releases needs them.
    kept.settings.variables.clear();
    kept.settings.environment.variables.clear();
    let failed = |cause: std::io::Error| RunError::Output { path: path.clone(), cause };
    // A secret that was typed into a setting or a command is hidden here too. What releases gets stars in its place: a secret that a plugin
    // needs is one that it names.
    let mut value = serde_json::to_value(&kept).map_err(|error| failed(error.into()))?;
    hide(held).json(&mut value);
    let text = serde_json::to_vec(&value).map_err(|error| failed(error.into()))?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(&text)).map_err(failed)?;
    Ok(())
}

/// The context that a former host wrote down.
pub(super) fn kept_question(host: &Host, run: &RunId) -> Option<Question> {
    let text = fs::read(question_path(host, run)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn question_path(host: &Host, run: &RunId) -> PathBuf {
    host.state.layout().run(run).join("context.json")
}
