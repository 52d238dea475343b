//! The view is exactly what was granted.

use std::{
    fs::{self, File},
    os::{
        fd::OwnedFd,
        unix::fs::{OpenOptionsExt, symlink},
    },
    path::Path,
};

use worldflux::{
    names::EndKind,
    sandbox::{SpawnError, Stdin},
};

use super::world::world;
use crate::kit::{order, quiet, run, shell};

#[test]
fn a_folder_to_read_inside_of_one_to_write_stays_as_it_is() {
    let world = world();
    let inner = world.work.join("source");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("code"), "x").unwrap();
    let script = "attempt(lambda: open('source/code').read()); attempt(lambda: open('source/new', 'w')); attempt(lambda: os.rename('source', 'other'))";
    let output = run(world.python(script).reads([&inner]).output(|_| ()));
    assert_eq!(output.stdout(), "worked x\nEROFS\nEBUSY\n");
}

#[test]
fn a_single_file_can_be_granted_and_its_neighbours_stay_hidden() {
    let world = world();
    fs::write(world.outside.join("data"), "shown").unwrap();
    let script = "print(os.listdir(os.environ['OUTSIDE']), open(os.environ['OUTSIDE'] + '/data').read()); attempt(lambda: open(os.environ['OUTSIDE'] + '/data', 'a'))";
    let output = run(world.python(script).reads([world.outside.join("data")]).output(|_| ()));
    assert_eq!(output.stdout(), "['data'] shown\nEROFS\n");
}

#[test]
fn a_grant_by_a_link_opens_what_it_leads_to_under_both_names() {
    let world = world();
    let link = world.outside.with_file_name("link");
    symlink("outside", &link).unwrap();
    let mut order = world.python("print(open(sys.argv[1] + '/secret').read(), open(os.environ['SECRET']).read())").reads([&link]);
    order.argv.push(link.into());
    assert_eq!(run(order.output(|_| ())).stdout(), "hunter2 hunter2\n");
}

/// PR13
#[test]
fn a_link_that_an_earlier_command_left_opens_nothing_that_was_not_granted() {
    let world = world();
    symlink("../outside", world.work.join("data")).unwrap();
    let error = run(world.python("").reads([world.work.join("data")]).try_start(quiet())).unwrap_err();
    assert!(matches!(&error, SpawnError::View { path, .. } if *path == world.work.join("data")), "{error}");
    assert!(error.hint().unwrap().contains("leads out"));
}

/// FS09
#[test]
fn what_cannot_be_granted_is_named() {
    for path in ["/", "/proc", "/dev", "/no/such/folder"] {
        let error = run(shell("true").strict([path]).try_start(quiet())).unwrap_err();
        assert!(matches!(&error, SpawnError::View { path: named, .. } if named == Path::new(path)), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_missing_program_is_named_as_in_any_shell() {
    let world = world();
    let error = |order: crate::kit::Order| run(order.strict([&world.work]).try_start(quiet())).unwrap_err().to_string();
    assert_eq!(error(order(["no-such-program"])), "program `no-such-program` was not found in PATH `/usr/local/bin:/usr/bin:/bin`");
    assert_eq!(error(order(["./no/such"])), "program `./no/such` was not found");
    assert_eq!(
        error(order([&world.secret])),
        format!("`{}` cannot be executed: it is not a file with execute permission", world.secret.display())
    );
}

#[test]
fn a_working_directory_that_is_not_granted_is_said_to_be_so() {
    let world = world();
    let mut order = shell("pwd").strict([&world.work]);
    order.working_directory.clone_from(&world.outside);
    let error = run(order.clone().try_start(quiet())).unwrap_err();
    assert!(matches!(&error, SpawnError::OutsideView { what: "working directory", path, .. } if *path == world.outside), "{error}");
    order.working_directory = "/no/such/directory".into();
    let error = run(order.try_start(quiet())).unwrap_err();
    assert!(matches!(&error, SpawnError::WorkingDirectory { .. }), "{error}");
}

#[test]
fn the_environment_and_the_arguments_are_exactly_what_was_given() {
    let world = world();
    let mut order = order(["/usr/bin/env", "-0"]).strict([&world.work]).variable("A", "b\n");
    order.variables.remove(std::ffi::OsStr::new("PATH"));
    assert_eq!(run(order.output(|_| ())).stdout(), "A=b\n\0");
}

/// PR18
#[test]
fn its_input_is_bytes_or_a_file_and_never_a_way_out() {
    let world = world();
    let cat = || order(["cat"]).strict([&world.work]);
    run(async {
        let output = cat().output(|options| options.stdin = Stdin::Bytes("typed".into())).await;
        assert_eq!(output.stdout(), "typed");
        let secret = File::open(&world.secret).unwrap();
        assert_eq!(cat().output(|options| options.stdin = Stdin::File(secret)).await.stdout(), "hunter2", "it was handed over");
        for input in [OwnedFd::from(File::open("/").unwrap()), std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into()] {
            let mut options = quiet();
            options.stdin = Stdin::File(input.into());
            let error = cat().try_start(options).await.unwrap_err();
            assert!(matches!(error, SpawnError::Invalid { .. }), "{error}");
        }
        // A terminal of our own stands for that of the user.
        let terminal =
            File::options().read(true).write(true).custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed()).open("/dev/ptmx").unwrap();
        let output = shell("test -t 0 || cat").strict([&world.work]).output(|options| options.stdin = Stdin::File(terminal)).await;
        assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("", EndKind::Exited { code: 0 }));
    });
}

#[test]
fn what_it_leaves_is_for_its_user_to_read_and_for_nobody_else_to_write() {
    let world = world();
    world.says("os.umask(os.umask(0)); open('result', 'w').close(); os.mkdir('folder')");
    let mode = |name: &str| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(world.work.join(name)).unwrap().permissions());
    assert_eq!((mode("result") & 0o622, mode("folder") & 0o722), (0o600, 0o700));
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(world.work.join("result")).unwrap());
    assert_eq!(owner, rustix::process::getuid().as_raw());
}

#[test]
fn its_temporary_folders_are_its_own_and_gone_with_it() {
    let world = world();
    let said = world.says("import tempfile; file = tempfile.NamedTemporaryFile(); print(file.name); open('/dev/shm/left', 'w').write('x')");
    assert!(said.starts_with("/tmp/") && !Path::new(said.trim()).exists() && !Path::new("/dev/shm/left").exists());
    assert_eq!(
        world.says("print(os.listdir('/tmp'), os.listdir('/dev/shm'))"),
        format!(
            "{} []\n",
            if world.work.starts_with("/tmp") { format!("[{:?}]", top(&world.work)).replace('"', "'") } else { "[]".into() }
        )
    );
}

/// The name below `/tmp` that leads to the granted folder.
fn top(work: &Path) -> String {
    work.components().nth(2).unwrap().as_os_str().to_str().unwrap().to_owned()
}
