//! `wasi:cli/stdout` and `stderr`: what a plugin prints becomes log lines.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::{call::TalkLevel, log::LogContext};

/// Bytes that a plugin may write at once.
const AT_ONCE: usize = 64 * 1024;

/// One of the two standard streams of a plugin.
#[derive(Clone)]
pub(super) struct Lines {
    source: &'static str,
    log: LogContext,
    rest: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    pub(super) fn new(source: &'static str, log: LogContext) -> Self {
        Self { source, log, rest: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            rest.extend_from_slice(piece);
            if rest.last() == Some(&b'\n') || rest.len() >= AT_ONCE {
                let line = String::from_utf8_lossy(&rest).trim_end().to_owned();
                self.log.line(self.source, TalkLevel::Debug, &line, &[]);
                rest.clear();
            }
        }
    }

    /// The last line, if it did not end.
    pub(super) fn close(&self) {
        if !self.rest.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.take(b"\n");
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}
