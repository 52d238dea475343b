//! A tunnel: bytes in both directions, once it is known that they are for the host that was asked for.

use std::io;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes};

use super::{
    hello::{NoHello, read_hello},
    limits::BUFFER,
    meter::{Meter, Metered, Report},
};
use crate::{egress::Connection, policy::Host};

/// A tunnel that was granted, and begins when the answer that says so is sent.
pub(super) struct Tunnel {
    pub(super) begins: OnUpgrade,
    pub(super) there: Metered<Connection>,
    /// Where it leads, if what goes through it has to be encrypted and for that host.
    pub(super) only: Option<Host>,
    pub(super) meter: std::sync::Arc<Meter>,
    pub(super) report: Report,
}

impl Tunnel {
    /// Let everything through, in both directions, until both are at their end.
    pub(super) async fn run(self) {
        let Self { begins, there, only, meter, report } = self;
        let Ok(here) = begins.await else { return report.fail("it was closed before it began") };
        let work = dig(TokioIo::new(here), there, only, &report);
        tokio::select! {
            result = work => if let Err(error) = result {
                // One of the two was cut off: the other one is cut off as well.
                report.fail(error.to_string());
            },
            () = meter.idle() => report.fail("nothing went through it for too long"),
        }
    }
}

async fn dig(
    mut here: impl AsyncRead + AsyncWrite + Unpin,
    mut there: impl AsyncRead + AsyncWrite + Unpin,
    only: Option<Host>,
    report: &Report,
) -> io::Result<()> {
    if let Some(host) = only {
        match read_hello(&mut here, &host).await {
            Ok(seen) => there.write_all(&seen).await?,
            Err(refused) => {
                refuse(&mut here, &refused).await;
                report.fail(format!("refused: {refused}"));
                return Ok(());
            }
        }
    }
    copy_bidirectional_with_sizes(&mut here, &mut there, BUFFER.as_len(), BUFFER.as_len()).await.map(drop)
}

/// Say it so that a library for TLS shows it, where one listens.
async fn refuse(here: &mut (impl AsyncWrite + Unpin), why: &NoHello) {
    if let Some(alert) = why.alert() {
        // Whoever is gone does not need it.
        let _ = here.write_all(&alert).await;
    }
    let _ = here.shutdown().await;
}
