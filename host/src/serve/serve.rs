//! The whole of it: an input, an output, and the server between them.

use std::{
    io::{Read, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{line::lines, outbox::Outbox, server::Server};
use crate::{config::Environment, run::Host};

/// How long a client may take to read what is left when the server ends.
const GOODBYE: Duration = Duration::from_secs(10);

/// Serve one client: read requests from `input`, write answers and notifications to `output`, a line each, until the input ends, the output is
/// closed, or `stop` says so. Every session that is open then is closed: nothing of it goes on running. Answers with what could not be
/// cleaned up.
///
/// `folder` is where paths begin that are not absolute. Needs a tokio runtime with more than one thread, since plugins compute on it.
pub async fn serve(
    host: Arc<Host>,
    environment: Environment,
    folder: PathBuf,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    stop: impl Future<Output = ()>,
) -> Vec<String> {
    let (outbox, written) = Outbox::open(output);
    let server = Server::new(host, environment, folder, outbox.clone());
    let problems = server.lead(lines(input), stop).await;
    outbox.finish(written, GOODBYE).await;
    problems
}
