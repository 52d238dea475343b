//! Everything here holds for root and for everybody else.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    process::{Command, Stdio},
};

use worldflux::policy::Level;

use crate::kit::HELPER;

/// Somebody without a name, without rights, and without processes.
const USER: u32 = 61_234;

/// Started as root, the tests run once more as somebody else; started as somebody else, they have run as such already.
#[test]
fn an_ordinary_user_is_confined_as_well_as_root() {
    if !rustix::process::getuid().is_root() || env::var_os(HELPER).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (tests, helper, temporary) = (folder.path().join("tests"), folder.path().join("worldflux"), folder.path().join("tmp"));
    fs::copy(env::current_exe().unwrap(), &tests).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_worldflux"), &helper).unwrap();
    fs::create_dir(&temporary).unwrap();
    chown(&temporary, Some(USER), Some(USER)).unwrap();
    let user = USER.to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", &user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"])
        .arg(&tests)
        // The packages of an index are those of root; a folder of this crate is looked at.
        .args(["strict::", "--skip", "python_in_an_environment"])
        // It makes a user namespace in which nobody is root, so that the file of bubblewrap is not root's there.
        .args(if crate::MOST == Level::FullBwrap { &["--skip", "a_processor_is_there"][..] } else { &[] })
        .env(HELPER, &helper)
        .env("TMPDIR", &temporary)
        .env("HOME", &temporary)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir(&temporary)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
