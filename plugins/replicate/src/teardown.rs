//! Ending a prediction, and leaving nothing of a run behind.

use std::{
    thread,
    time::{Duration, Instant},
};

use worldflux_plugin::{Cause, Failure, Release, context::Context, log};

use crate::{create, dialect, handle::Handle, note::Note};

/// How long to wait until something that was asked to end has ended.
const END: Duration = Duration::from_mins(1);

/// How often to look meanwhile.
const LOOK: Duration = Duration::from_millis(500);

/// Ask it to end. Safe twice and after the end.
pub(crate) fn cancel(handle: &Handle) -> Result<(), Failure> {
    let Err(refused) = dialect::cancel(handle)?.checked(&format!("ending {}", handle.words())) else { return Ok(()) };
    // What has ended cannot be ended, and that is what was wanted.
    if dialect::look_patiently(handle)?.is_over() { Ok(()) } else { Err(refused) }
}

/// End what the run has made, also where its id never came, and remove the files that were sent for it.
pub(crate) fn release(context: &Context) -> Result<Release, Failure> {
    let Some(mut note) = Note::read(context)? else { return Ok(Release::because("nothing was made")) };
    let handle = match (note.handle()?, &note.asked) {
        (Some(handle), _) => Some(handle),
        (None, Some(asked)) => create::find(context, note.kind, asked)?.map(|found| Handle::new(note.kind, &found.id)).transpose()?,
        (None, None) => None,
    };
    note.id = handle.as_ref().map(|handle| handle.id.clone());
    let evidence = match handle {
        Some(handle) => end(&handle)?,
        None => format!("no {} was made", note.kind.word()),
    };
    for file in &note.files {
        // It is removed by itself after a day; that it is still there is no reason to keep the run open.
        let gone = dialect::delete_file(file).and_then(|answer| answer.checked("removing a file that was sent"));
        if let Err(failure) = gone.map(drop)
            && failure.cause != Cause::NotFound
        {
            log::warning(&failure.message);
        }
    }
    note.retire(context)?;
    Ok(Release::because(evidence))
}

/// End it, and wait until it has ended.
fn end(handle: &Handle) -> Result<String, Failure> {
    let until = Instant::now() + END;
    let mut asked = false;
    loop {
        let seen = match dialect::look_patiently(handle) {
            Ok(seen) => seen,
            Err(failure) if failure.cause == Cause::NotFound => return Ok(format!("{} is not there any more", handle.words())),
            Err(failure) => return Err(failure),
        };
        if seen.is_over() {
            return Ok(seen.evidence(handle));
        }
        if !asked {
            cancel(handle)?;
            asked = true;
        }
        if Instant::now() > until {
            let message = format!("{} was asked to end and is still `{}`", handle.words(), seen.status);
            return Err(Failure::unavailable(message, Some(LOOK)));
        }
        thread::sleep(LOOK);
    }
}
