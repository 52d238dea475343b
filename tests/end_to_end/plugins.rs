//! A stranger's plugin: looked at, added, granted a part, updated, removed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use worldflux::plugin::pack;

use crate::{
    guests::guest,
    kit::{Place, text},
};

const BARE: &str = "[plugin]\nname = 'bare'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 'runs commands'\n";

const COMMAND: &str = "[asks]\ncommand = 'run the command that you typed'\n";

/// The guest `bare` with this `plugin.toml`, in the folder where commands are typed.
fn bare(place: &Place, file: &str, toml: &str) -> PathBuf {
    let wasm = fs::read(guest("bare")).unwrap();
    place.write(file, pack(&wasm, toml).unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn config(place: &Place, file: &str) -> PathBuf {
    place.state().with_file_name("config").join(file)
}

/// The only file below the folder of added components.
fn copy(place: &Place) -> PathBuf {
    let files = crate::kit::files(&place.state().join("plugins"));
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// MA04, LO01
#[test]
fn a_file_is_looked_at_without_believing_a_letter_of_it() {
    let place = Place::new();
    let toml = format!(
        "{}{COMMAND}\n[[asks.program]]\nname = 'git'\npurpose = '$(reboot) \u{202e}gpj.exe `x`'\nduring = ['doctor']\n\
         [[asks.http]]\nhost = 'api.modal.com'\nmethods = ['POST']\ncredentials = [{{ secret = 'modal', as = 'bearer' }}]\npurpose = 'start it'\n\
         [[asks.secret]]\nname = 'modal'\npurpose = 'log in'\n[[asks.folder]]\npath = '/data/sets'\naccess = 'read'\npurpose = 'x'\n\
         [[asks.device]]\nname = 'gpu'\npurpose = 'x'\n[[asks.resource]]\nname = 'memory'\nmost = '8GiB'\npurpose = 'x'\n",
        BARE.replace("runs commands", "\u{202e}\u{2066}nice")
    );
    bare(&place, "bare.wasm", &toml);
    let told = place.type_in(["plugin", "inspect", "bare.wasm"]).expect(0);
    for part in [
        "digest    sha256:",
        "imports   worldflux:runtime/process@0.1.0",
        "possible  could start programs of this machine",
        "never     can never open a network connection",
        "asks      to start `git` during doctor: $(reboot) \\u{202e}gpj.exe `x`",
        "asks      to POST https://api.modal.com with secret `modal`: start it",
        "asks      to have secret `modal` put into requests to https://api.modal.com (bearer): log in",
        "asks      to read your folder /data/sets: x",
        "asks      to let its programs use the graphics processors: x",
        "asks      to use up to memory=8GiB: x",
    ] {
        assert!(told.text().contains(part), "{part}:\n{}", told.text());
    }
    assert!(!told.text().contains('\u{202e}') && !told.text().contains('\u{2066}'), "{}", told.text());
    let json = place.type_in(["plugin", "inspect", "./bare.wasm", "--json"]).expect(0).json();
    assert_eq!(text(&json, "/manifest/asks/folder/0/path"), "/data/sets");
    assert!(json["possible"].as_array().is_some_and(|lines| !lines.is_empty()));
    assert!(place.type_in(["plugin", "inspect", "local"]).expect(0).text().contains("source    bundled"));

    for (toml, complaint) in [
        (format!("{BARE}{BARE}"), "line 6"),
        (format!("{BARE}more = 1\n"), "unknown field `more`"),
        (format!("{BARE}[asks]\nvariables = ['PATH']\n"), "nobody can grant it"),
        (format!("{BARE}[[asks.folder]]\npath = '/'\naccess = 'read'\npurpose = 'x'\n"), "it is the whole machine"),
        (format!("{BARE}[[asks.folder]]\npath = '/proc/self'\naccess = 'read'\npurpose = 'x'\n"), "the kernel, not files"),
        (format!("{BARE}[[asks.resource]]\nname = 'processes'\nmost = 99999999999\npurpose = 'x'\n"), "is no number of processes"),
        (format!("{BARE}[[asks.http]]\nhost = '0x7f.1'\nmethods = ['GET']\npurpose = 'x'\n"), "an address is four numbers"),
        (format!("{BARE}x = {}1{}\n", "[".repeat(5_000), "]".repeat(5_000)), "plugin.toml of"),
        (BARE.replace("runs commands", &"x".repeat(1_000)), "longer than 200 characters"),
    ] {
        bare(&place, "bad.wasm", &toml);
        let answer = place.type_in(["plugin", "add", "bad.wasm", "--all-asked"]);
        assert!(answer.code != Some(0) && answer.stderr.contains(complaint), "{complaint}: {}", answer.stderr);
    }
    assert_eq!(place.type_in(["runtime", "list"]).expect(0).text(), "docker\nlocal\nreplicate\n");
}

#[test]
fn an_added_plugin_is_a_copy_that_has_a_name_and_no_right_that_nobody_gave() {
    let place = Place::new();
    let file = bare(&place, "my bare.wasm", &format!("{BARE}{COMMAND}"));
    let added = place.type_in(["plugin", "add", "my bare.wasm"]).expect(0);
    assert!(
        added.text().contains("granted   nothing") && added.text().contains("worldflux plugin grant bare --command"),
        "{}",
        added.text()
    );
    assert_eq!(fs::read(copy(&place)).unwrap(), fs::read(&file).unwrap());
    assert_eq!((mode(&copy(&place)), mode(copy(&place).parent().unwrap()), mode(&config(&place, "plugins.lock"))), (0o600, 0o700, 0o600));
    fs::remove_file(&file).unwrap();
    assert_eq!(place.type_in(["runtime", "list"]).expect(0).text(), "bare\ndocker\nlocal\nreplicate\n");
    let list = place.type_in(["plugin", "list"]).expect(0);
    assert!(list.text().contains("added from") && list.text().contains("bundled"), "{}", list.text());

    let denied = place.run(&["--runtime", "bare"], "true").expect(10);
    assert!(denied.stderr.contains("worldflux plugin grant bare --command"), "{}", denied.stderr);
    place.type_in(["plugin", "grant", "bare", "--command"]).expect(0);
    place.run(&["--runtime", "bare"], "true").expect(0);
    place.type_in(["plugin", "revoke", "bare", "--command"]).expect(0);
    place.run(&["--runtime", "bare"], "true").expect(10);
    place.type_in(["plugin", "grant", "bare", "--all-asked"]).expect(0);
    assert!(place.type_in(["plugin", "grants"]).expect(0).text().contains("to launch the command that you type"));
    place.type_in(["plugin", "remove", "bare"]).expect(0);
    assert_eq!(place.type_in(["runtime", "list"]).expect(0).text(), "docker\nlocal\nreplicate\n");
    assert!(crate::kit::files(&place.state().join("plugins")).is_empty());
    assert_eq!(place.type_in(["plugin", "grants"]).expect(0).text(), "");
    assert!(place.type_in(["plugin", "remove", "bare"]).expect(2).stderr.contains("no plugin `bare` was added"));
}

// The line of a denial is typed as it stands.
#[test]
fn the_line_that_cures_is_quoted_for_a_shell() {
    let place = Place::new();
    bare(&place, "my bare.wasm", &format!("{BARE}{COMMAND}"));
    let denied = place.run(&["--runtime", "./my bare.wasm"], "true").expect(10);
    let line = denied.stderr.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap();
    assert!(line.starts_with("worldflux plugin grant '/") && line.ends_with("my bare.wasm' --command"), "{line}");
    let words = format!("set -- {}; printf '%s' \"$4\"", line.trim_start_matches("worldflux "));
    let shell = std::process::Command::new("sh").args(["-c", &words]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shell.stdout), "--command");
}

// SC01.
/// SC01
#[test]
fn a_copy_or_a_grant_that_somebody_changed_is_named_and_nothing_runs() {
    let place = Place::new();
    bare(&place, "bare.wasm", &format!("{BARE}{COMMAND}"));
    place.type_in(["plugin", "add", "bare.wasm", "--command"]).expect(0);
    let copy = copy(&place);
    let good = fs::read(&copy).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    for tampered in [&bad[..], b"", &good[..good.len() - 1], &[&good[..], &[0, 3, 1, b'x', 0]].concat()] {
        fs::write(&copy, tampered).unwrap();
        let answer = place.run(&["--runtime", "bare"], "touch ran").expect(2);
        assert!(answer.stderr.contains("is not the plugin `bare` that you added"), "{}", answer.stderr);
    }
    let doctor = place.type_in(["runtime", "doctor"]);
    assert!(doctor.text().contains("error: bare: ") && doctor.text().contains("ok: local: "), "{}", doctor.text());
    fs::write(&copy, &good).unwrap();

    let (grants, lock) = (config(&place, "grants.toml"), config(&place, "plugins.lock"));
    let kept = fs::read_to_string(&grants).unwrap();
    fs::write(&grants, kept.replace("programs = []", "programs = ['sh']")).unwrap();
    let answer = place.run(&["--runtime", "bare"], "touch ran").expect(2);
    assert!(answer.stderr.contains("is not what plugins.lock confirms"), "{}", answer.stderr);
    assert!(place.type_in(["plugin", "grant", "bare", "--command"]).expect(2).stderr.contains("plugins.lock"));
    fs::write(&grants, kept).unwrap();

    fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
    let answer = place.run(&["--runtime", "bare"], "touch ran").expect(2);
    assert!(answer.stderr.contains("others can write it (mode 0666)"), "{}", answer.stderr);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).unwrap();
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(&lock, format!("{text}\nmore = 1\n")).unwrap();
    assert!(place.run(&["--runtime", "bare"], "touch ran").expect(2).stderr.contains("unknown key"));
    fs::write(&lock, text).unwrap();
    assert!(!place.work().join("ran").exists());
    place.run(&["--runtime", "bare"], "touch ran").expect(0);
}

// SC10.
/// SC10
#[test]
fn a_name_that_could_be_taken_for_another_is_refused() {
    let place = Place::new();
    for (name, code, complaint) in [
        ("local", 2, "the bundled plugin"),
        ("loca1", 2, "could be taken for `local`"),
        ("lo-cal", 2, "could be taken for `local`"),
        ("lokal", 2, "could be taken for `local`"),
        ("host", 2, "means something else to worldflux"),
        ("Local", 13, "is not a runtime name"),
        ("../x", 13, "is not a runtime name"),
        ("рlugin", 13, "is not a runtime name"),
    ] {
        bare(&place, "x.wasm", &BARE.replace("'bare'", &format!("'{name}'")));
        let answer = place.type_in(["plugin", "add", "x.wasm"]).expect(code);
        assert!(answer.stderr.contains(complaint), "{name}: {}", answer.stderr);
    }
    bare(&place, "x.wasm", &BARE.replace("'bare'", "'lokal'"));
    place.type_in(["plugin", "add", "x.wasm", "--similar-name"]).expect(0);
    bare(&place, "x.wasm", &BARE.replace("'bare'", "'loca1'"));
    place.type_in(["plugin", "add", "x.wasm", "--similar-name"]).expect(2);
    // Another file of the same name is another plugin.
    bare(&place, "y.wasm", &format!("{}{COMMAND}", BARE.replace("'bare'", "'lokal'")));
    for line in [&["plugin", "add", "y.wasm"][..], &["runtime", "info", "./y.wasm"]] {
        let answer = place.type_in(line).expect(2);
        assert!(answer.stderr.contains("worldflux plugin update"), "{}", answer.stderr);
    }
    assert_eq!(place.type_in(["runtime", "list"]).expect(0).text(), "docker\nlocal\nlokal\nreplicate\n");
}

// SC02, SC03.
/// SC02, SC03
#[test]
fn a_new_version_keeps_what_it_still_asks_for_and_needs_a_yes_for_all_that_grew() {
    let place = Place::new();
    let program = |name: &str| format!("[[asks.program]]\nname = '{name}'\npurpose = 'x'\nduring = ['doctor']\n");
    bare(&place, "bare.wasm", &format!("{BARE}{COMMAND}{}{}", program("git"), program("df")));
    place.type_in(["plugin", "add", "bare.wasm", "--command", "--program", "git", "--program", "df"]).expect(0);
    let files = ["grants.toml", "plugins.lock"].map(|file| config(&place, file));
    let before = files.clone().map(|file| fs::read_to_string(file).unwrap());
    assert!(place.type_in(["plugin", "update", "bare"]).expect(0).stderr.contains("is this version already"));

    bare(&place, "bare.wasm", &format!("{BARE}{COMMAND}{}{}", program("git"), program("curl")));
    let grown = place.type_in(["plugin", "update", "bare"]).expect(2);
    assert!(grown.stderr.contains("`bare` stays as it was: its new version asks to start `curl` during doctor: x"), "{}", grown.stderr);
    assert!(grown.stderr.contains("worldflux plugin update bare --accept-growth"), "{}", grown.stderr);
    assert_eq!(files.clone().map(|file| fs::read_to_string(file).unwrap()), before, "a no leaves everything as it was");
    place.run(&["--runtime", "bare"], "true").expect(0);

    let json = place.type_in(["plugin", "update", "./bare.wasm", "--accept-growth", "--json"]).expect(0).json();
    assert_eq!(json["granted"]["programs"], serde_json::json!(["git"]));
    assert_eq!(text(&json, "/not_granted/0/grant"), "worldflux plugin grant bare --program curl");
    copy(&place);
    place.run(&["--runtime", "bare"], "true").expect(0);
    // Less needs no yes.
    bare(&place, "bare.wasm", &format!("{BARE}{COMMAND}"));
    place.type_in(["plugin", "update", "bare"]).expect(0);
    // More imports is growth as well.
    let rogue = fs::read(guest("rogue")).unwrap();
    place.write("bare.wasm", pack(&rogue, &format!("{BARE}{COMMAND}")).unwrap());
    assert!(place.type_in(["plugin", "update", "bare"]).expect(2).stderr.contains("its new version imports "));
    assert!(place.type_in(["plugin", "update", "./other.wasm"]).code != Some(0));
}

// MA02, FS09.
/// FS09, MA02
#[test]
fn a_folder_that_is_no_folder_of_data_cannot_be_granted() {
    let place = Place::new();
    bare(&place, "bare.wasm", &format!("{BARE}{COMMAND}"));
    place.type_in(["plugin", "add", "bare.wasm"]).expect(0);
    let grant = |folder: &str| place.type_in(["plugin", "grant", "bare", "--folder", &format!("{folder}=read")]);
    let home = place.state().parent().unwrap().to_owned();
    symlink("/etc", place.work().join("link")).unwrap();
    let (work, state, link) = (place.work(), place.state(), place.work().join("link"));
    let show = |path: &Path| path.display().to_string();
    for (folder, complaint) in [
        ("*", "it is a pattern"),
        ("**", "it is a pattern"),
        ("/", "it is the whole machine"),
        ("~", "a word of the shell"),
        ("", "it is empty"),
        ("/proc/self", "the kernel, not files"),
        ("/dev/mem", "the kernel, not files"),
        ("/nowhere/at/all", "No such file"),
        (&show(&home), "it is a whole home"),
        (&show(&state), "worldflux keeps there what it decides by"),
        (&show(&link), "a link in it leads to `/etc`"),
        (&format!("{}/../x", show(&work)), "it has `..` in it"),
    ] {
        let answer = grant(folder).expect(2);
        assert!(answer.stderr.contains(complaint), "{folder}: {}", answer.stderr);
    }
    let data = show(&work);
    grant(&data).expect(0);
    assert!(place.type_in(["plugin", "grants"]).expect(0).text().contains(&format!("to read your folder {data}")));
    for (line, complaint) in [
        (["--http", "https://*"], "is no host"),
        (["--http", "https://api.modal.com:0"], "is no port"),
        (["--http", "https://127.1"], "is no host"),
        (["--secret", "../x"], "is not the name of a secret"),
    ] {
        let typed = [&["plugin", "grant", "bare"][..], &line].concat();
        assert!(place.type_in(typed).expect(2).stderr.contains(complaint), "{line:?}");
    }
    let beyond = place.type_in(["plugin", "grant", "bare", "--http", "https://api.modal.com", "--secret", "modal"]).expect(0);
    assert!(beyond.stderr.contains("does not ask for requests to `https://api.modal.com`; it will not get it"), "{}", beyond.stderr);
    assert!(beyond.stderr.contains("does not ask for secret `modal`; it will not get it"), "{}", beyond.stderr);
    let opted = place.type_in(["plugin", "grant", "bare", "--unconfined"]).expect(0);
    assert!(opted.stderr.contains("warning: programs that `bare` starts will not be confined"), "{}", opted.stderr);
    place.type_in(["plugin", "revoke", "bare", "--unconfined"]).expect(0);
    assert!(!place.type_in(["plugin", "grants"]).expect(0).text().contains("UNCONFINED"));
}

#[test]
fn a_project_takes_rights_away_and_gives_none() {
    let place = Place::new();
    bare(&place, "bare.wasm", &format!("{BARE}{COMMAND}"));
    place.type_in(["plugin", "add", "bare.wasm", "--command"]).expect(0);
    place.write("worldflux.toml", "runtime = 'bare'\n[plugin.bare]\ncommand = false\n");
    place.run(&[], "touch ran").expect(10);
    assert!(!place.work().join("ran").exists());
    place.write("worldflux.toml", "runtime = 'bare'\n[plugin.bare]\ncommand = true\n");
    let answer = place.run(&[], "true").expect(2);
    assert!(
        answer.stderr.contains("worldflux.toml:3:") && answer.stderr.contains("a project can only take rights away"),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("hint: leave it out here; you yourself allow it with `worldflux plugin grant bare --command`"));
    place.write("worldflux.toml", "runtime = 'bare'\n[plugin.bare]\nprograms = []\n");
    place.run(&[], "true").expect(0);
}
