//! From a command to something that runs.

use std::time::Duration;

use worldflux_plugin::{ExecutionKind, ExecutionRequest, Failure, RemoteExecution, Started, Stdin, context::Context};

use crate::{
    command::Command,
    create,
    files::{self, media_type},
    handle::Handle,
    inputs,
    note::Note,
    plan, settings,
    target::Target,
};

/// When to look first: a model that is warm answers in less than a second.
const FIRST_LOOK: Duration = Duration::from_millis(250);

pub(crate) fn start(context: &Context, request: &ExecutionRequest) -> Result<Started, Failure> {
    plan::check(context)?;
    if request.kind != ExecutionKind::Command {
        return Err(Failure::invalid("setup", request.argv.join(" "), "no setup lines: a hosted model has no shell"));
    }
    if request.stdin != Stdin::Empty {
        return Err(Failure::invalid("stdin", "given", "no standard input: a model has inputs by name, `key=value`"));
    }
    // A start that was made and whose answer was lost: it is not made again.
    if let Some(handle) = Note::read(context)?.map(|note| note.handle()).transpose()?.flatten() {
        return Ok(started(&handle));
    }
    let settings = settings::read(&context.settings)?;
    let command = Command::parse(&request.argv)?;
    let target = Target::look_up(&command, &settings)?;
    target.schema.check(&command)?;
    let mut note = Note::new(target.kind());
    let input = inputs::input(&command, &target.schema, |path| {
        let sent = files::send(context, path, media_type(path))?;
        note.files.push(sent.id);
        note.write(context)?;
        Ok(sent.urls.get)
    })?;
    let deadline = request.deadline.map(Duration::from_millis);
    let prediction = create::create(context, &mut note, &target, input, settings.wait, deadline)?;
    Ok(started(&Handle::new(target.kind(), &prediction.id)?))
}

fn started(handle: &Handle) -> Started {
    let ask_again_after = u64::try_from(FIRST_LOOK.as_millis()).unwrap_or_default();
    Started::Remote(RemoteExecution { handle: handle.to_string(), ask_again_after })
}
