//! A program finds what it needs to start, also below the home folder, and nothing else there.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use worldflux::{
    names::EndKind,
    policy::{self, Asks, Grants, Level, Origin, Places, Profile, ProgramRequest, Rights},
    sandbox::SpawnError,
};

use super::world::world;
use crate::kit::{launcher, order, quiet, run};

/// A program in a granted folder or elsewhere.
fn script(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_program_below_the_home_folder_is_shown_without_its_neighbours() {
    let world = world();
    let (programs, share) = (world.outside.join(".local/bin"), world.outside.join(".local/share"));
    script(&share.join("tool/real"), "#!/bin/sh\necho \"$0\"; cat /proc/self/mounts > mounts; ls \"$HOME\" \"$HOME/.local/share\"\n");
    fs::write(share.join("keyring"), "secret").unwrap();
    fs::create_dir_all(&programs).unwrap();
    symlink("../share/tool/real", programs.join("tool")).unwrap();
    let mut order = order(["tool"]).strict([&world.work]).variable("HOME", world.outside.to_str().unwrap());
    order.variables.insert("PATH".into(), format!("{}:/usr/bin", programs.display()).into());
    order.working_directory.clone_from(&world.work);
    let output = run(order.output(|_| ()));
    let (home, local) = (world.outside.display(), share.display());
    assert_eq!(output.stdout(), format!("{}\n{home}:\n\n{local}:\ntool\n", programs.join("tool").display()));
}

#[test]
fn an_interpreter_that_a_first_line_names_is_shown_too() {
    let world = world();
    script(&world.outside.join("opt/interpreter"), "#!/bin/sh\necho interpreted \"$1\"\n");
    let file = world.work.join("script");
    script(&file, &format!("#!{}\n", world.outside.join("opt/interpreter").display()));
    let output = run(order([&file]).strict([&world.work]).output(|_| ()));
    assert_eq!(output.stdout(), format!("interpreted {}\n", file.display()));
}

#[test]
fn python_in_an_environment_counts_computes_and_starts_others() {
    let world = world();
    let venv = world.outside.join("venv");
    // Also a Python below the home folder can be the base: whichever is first in PATH here.
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let installed = Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--no-input", "numpy"]).output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let script = "
import multiprocessing, os, subprocess, sys, tempfile, threading
import numpy

def square(number):
    return number * number

if __name__ == '__main__':
    matrix = numpy.arange(90000, dtype=float).reshape(300, 300)
    print((matrix @ matrix.T).shape, sys.prefix == os.environ['VIRTUAL_ENV'])
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, range(4)))
    queue = multiprocessing.Queue()
    other = multiprocessing.Process(target=queue.put, args=('put',))
    other.start(); print(queue.get()); other.join()
    threads = [threading.Thread(target=lambda: numpy.linalg.inv(numpy.eye(50))) for _ in range(4)]
    [thread.start() for thread in threads]; [thread.join() for thread in threads]
    print(subprocess.run([sys.executable, '-c', 'import numpy; print(6 * 7)'], capture_output=True, text=True).stdout.strip())
    with tempfile.TemporaryDirectory() as folder:
        print(folder.startswith('/tmp/'))
    numpy.save('result.npy', matrix)
";
    fs::write(world.work.join("train.py"), script).unwrap();
    let mut order = order(["python", "train.py"]).strict([&world.work]).variable("VIRTUAL_ENV", venv.to_str().unwrap());
    order.variables.insert("PATH".into(), format!("{}:/usr/bin:/bin", venv.join("bin").display()).into());
    order.working_directory.clone_from(&world.work);
    let output = run(order.output(|_| ()));
    let errors = String::from_utf8(output.bytes(worldflux::names::Channel::Stderr)).unwrap();
    assert_eq!(output.stdout(), "(300, 300) True\n[0, 1, 4, 9]\nput\n42\nTrue\n", "{errors}");
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert!(world.work.join("result.npy").is_file());
}

#[test]
fn a_shim_of_pyenv_becomes_the_version_that_is_meant() {
    let world = world();
    let root = world.outside.join(".pyenv");
    script(&root.join("shims/tool"), "#!/usr/bin/env bash\nexec pyenv exec tool\n");
    script(&root.join("versions/3.9.1/bin/tool"), "#!/bin/sh\necho 3.9.1\n");
    script(&root.join("versions/3.11.7/bin/tool"), "#!/bin/sh\necho 3.11.7\n");
    fs::write(root.join("version"), "3.11\n").unwrap();
    let mut order = order(["tool"]).strict([&world.work]);
    order.variables.insert("PATH".into(), format!("{}:/usr/bin", root.join("shims").display()).into());
    order.working_directory.clone_from(&world.work);
    assert_eq!(run(order.clone().output(|_| ())).stdout(), "3.11.7\n");
    assert_eq!(run(order.clone().variable("PYENV_VERSION", "3.9.1").output(|_| ())).stdout(), "3.9.1\n");
    let error = run(order.variable("PYENV_VERSION", "../..").try_start(quiet())).unwrap_err();
    assert!(matches!(&error, SpawnError::OutsideView { why, .. } if why.contains("shim")), "{error}");
}

/// A granted tool, found by its name.
async fn tool(path: PathBuf, work: &Path) -> Result<worldflux::sandbox::Child, SpawnError> {
    let asks: Asks = toml::from_str("[[program]]\nname = 'tool'\npurpose = 'to test it'\nduring = ['doctor']").unwrap();
    let grants = Grants { level: Some(Level::Full), ..Grants::all_of(&asks) };
    let rights = Rights {
        plugin: "test".parse().unwrap(),
        typed: "test".into(),
        origin: Origin::Added,
        digest: worldflux::names::Digest::of(b""),
        asks,
        grants,
    };
    let request = ProgramRequest {
        name: "tool".into(),
        program: "tool".into(),
        arguments: vec![],
        base_variables: [("PATH".into(), path.into())].into(),
        added_variables: std::collections::BTreeMap::new(),
        carried: std::collections::BTreeMap::new(),
        working_directory: work.into(),
        profile: Profile::Strict,
        places: Places { writes: [work.to_owned()].into(), ..Places::default() },
        network: policy::ChildNetwork::None,
    };
    launcher().start(policy::start_program(&rights, worldflux::names::Export::Doctor, request).unwrap(), quiet()).await
}

/// PR02, PR03, PR33
#[test]
fn a_granted_tool_is_not_taken_from_where_a_command_can_write() {
    let world = world();
    script(&world.work.join("bin/tool"), "#!/bin/sh\n");
    script(&world.outside.join("tool"), "#!/bin/sh\n");
    fs::create_dir(world.outside.join("links")).unwrap();
    symlink(world.work.join("bin/tool"), world.outside.join("links/tool")).unwrap();
    run(async {
        for folder in [world.work.join("bin"), world.outside.join("links")] {
            let error = tool(folder, &world.work).await.unwrap_err();
            assert!(
                matches!(&error, SpawnError::Writable { program, folder, .. } if program == "tool" && *folder == world.work),
                "{error}"
            );
        }
        let exit = tool(world.outside.clone(), &world.work).await.unwrap().wait().await;
        assert_eq!(exit.ending.kind, EndKind::Exited { code: 0 });
        // The user's own command is the user's own choice.
        let mut order = order(["tool"]).strict([&world.work]);
        order.variables.insert("PATH".into(), world.work.join("bin").into());
        assert_eq!(order.start(quiet()).await.wait().await.ending.kind, EndKind::Exited { code: 0 });
    });
}
