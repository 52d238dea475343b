//! Which state of the sources a run was made from.

use std::{ffi::OsStr, path::Path, sync::Arc, time::Duration};

use crate::{
    names::{Bytes, Channel, EndKind},
    policy::{self, HostTool},
    sandbox::{Capture, Launcher, StartOptions},
};

/// Time for one question to git. A repository that is too large for it leaves the answer open; a run does not wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// Commit and cleanliness of the repository that a folder is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// The commit, 40 hexadecimal digits; `None` outside of a repository.
    pub(super) commit: Option<String>,
    /// Whether files differ from it; `None` where that is not known.
    pub(super) dirty: Option<bool>,
}

/// Ask git about `folder`. No git and no repository are ordinary answers.
pub(super) async fn sources(launcher: &Launcher, folder: &Path, path: &OsStr) -> Sources {
    // Walking up is cheaper than asking git to find out that there is nothing.
    if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
        return Sources::default();
    }
    // One question for both: the header has the commit, and every line after it is a difference.
    let arguments = ["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--ignore-submodules=all"];
    let capture = Arc::new(Capture::default());
    let options = StartOptions { cap: Bytes::mebi(1), deadline: Some(PATIENCE), ..StartOptions::new(capture.clone()) };
    let permit = policy::host_tool(HostTool::Git, &arguments, path, folder);
    let Ok(child) = launcher.start(permit, options).await else { return Sources::default() };
    if child.wait().await.ending.kind != (EndKind::Exited { code: 0 }) {
        return Sources::default();
    }
    let output = String::from_utf8_lossy(&capture.bytes(Channel::Stdout)).into_owned();
    let commit = output.lines().find_map(|line| line.strip_prefix("# branch.oid ")).filter(|commit| is_commit(commit));
    Sources { commit: commit.map(str::to_owned), dirty: Some(output.lines().any(|line| !line.starts_with('#'))) }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
