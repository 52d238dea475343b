//! Compiled plugins, made once for all tests of a program: compiling one takes a second.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Put the compiled code of the bundled plugins of these names into the cache of `state`. `tests` is what the tests are called that share it.
pub(crate) fn take_compiled_code(state: &Path, tests: &str, plugins: &[&str]) {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    let from = COMPILED.get_or_init(|| {
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(tests);
        private(&state);
        for name in plugins {
            let info = Command::new(env!("CARGO_BIN_EXE_worldflux"))
                .args(["runtime", "info", name])
                .env("WORLDFLUX_STATE_DIR", &state)
                .output()
                .unwrap();
            assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
        }
        state
    });
    private(state);
    private(&state.join("cache"));
    fs::copy(from.join("key"), state.join("key")).unwrap();
    for file in fs::read_dir(from.join("cache")).unwrap().flatten() {
        if file.path().extension() == Some(OsStr::new("cwasm")) {
            fs::copy(file.path(), state.join("cache").join(file.file_name())).unwrap();
        }
    }
}

/// A folder for its owner alone.
fn private(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}
