//! Secrets: kept, given to a command, and nowhere to be read.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::json;
use worldflux::plugin::pack;

use crate::{
    authority::Authority,
    guests::{guest, rogue_that_asks},
    kit::{Answer, Going, Place, command_line, descendants, files, mark, marked, state, text, until},
    origin::{Origin, text as answer_with},
};

const BARE: &str = "[plugin]\nname = 'bare'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 'runs commands'\n\
                    [asks]\ncommand = 'run it'\n";

const IN_A_VARIABLE: &str = "[[asks.secret]]\nname = 'hf-token'\nvariable = 'HF_TOKEN'\npurpose = 'fetch models'\n";

const IN_A_REQUEST: &str = "[[asks.secret]]\nname = 'api-token'\npurpose = 'log in'\n[[asks.http]]\nhost = 'api.test.net'\nmethods = ['GET']\n\
                            credentials = [{ secret = 'api-token', as = 'bearer' }]\npurpose = 'ask it'\n";

/// A place with a plugin that asks for this, and has it all.
fn with_plugin(asks: &str) -> Place {
    let place = Place::new();
    place.write("bare.wasm", pack(&fs::read(guest("bare")).unwrap(), &format!("{BARE}{asks}")).unwrap());
    place.type_in(["plugin", "add", "bare.wasm", "--all-asked"]).expect(0);
    place
}

/// Type this with `input` in a pipe.
fn piped(command: &mut Command, input: &str) -> Answer {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let begin = std::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    Answer { code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap(), took: begin.elapsed() }
}

fn set(place: &Place, name: &str, value: &str) {
    let answer = piped(&mut place.command(["secret", "set", name]), &format!("{value}\n")).expect(0);
    assert!(!answer.text().contains(value) && !answer.stderr.contains(value));
}

fn has(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[track_caller]
fn nowhere_below(folder: &Path, secret: &str) {
    for file in files(folder) {
        assert!(!has(&fs::read(&file).unwrap(), secret), "{}", file.display());
        assert!(!file.to_string_lossy().contains(secret));
    }
}

/// SE04
#[test]
fn a_secret_is_kept_for_its_owner_alone_and_only_its_name_is_shown() {
    let place = with_plugin(IN_A_VARIABLE);
    let secret = mark();
    set(&place, "hf-token", &secret);
    let file = place.state().with_file_name("config").join("secrets.toml");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let listed = place.type_in(["secret", "list"]).expect(0);
    let words: Vec<_> = listed.text().lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words, ["hf-token", "file", file.to_str().unwrap(), "bare"]);
    let json = place.type_in(["secret", "list", "--json"]).expect(0).json();
    assert_eq!(json[0], json!({ "name": "hf-token", "kept_in": "file", "place": file, "granted_to": ["bare"] }));
    nowhere_below(place.state().parent().unwrap(), &secret);

    let argument = place.type_in(["secret", "set", "hf-token", &secret]).expect(2);
    assert!(argument.stderr.contains("unexpected argument"), "{}", argument.stderr);
    for (value, complaint) in [("", "is empty"), ("short", "has fewer than 6 bytes"), ("with\0nul-in-it", "has a NUL in it")] {
        let refused = piped(&mut place.command(["secret", "set", "other"]), value).expect(2);
        assert!(refused.stderr.contains(&format!("the value of secret `other` {complaint}")), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: worldflux secret set other"), "{}", refused.stderr);
    }
    let keyring = piped(&mut place.command(["secret", "set", "other", "--store", "keyring"]), &secret).expect(2);
    assert!(keyring.stderr.contains("no keyring") && keyring.stderr.contains("--store file"), "{}", keyring.stderr);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = place.type_in(["secret", "list"]).expect(2);
    assert!(refused.stderr.contains("others can read or write it (mode 0644)") && refused.stderr.contains("hint: chmod 600 "));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();

    assert_eq!(place.type_in(["secret", "remove", "hf-token"]).expect(0).text(), "hf-token: removed\n");
    place.type_in(["secret", "remove", "hf-token"]).expect(2);
    let mut environment = place.command(["secret", "list", "--json"]);
    let json = crate::kit::answer(environment.env("HF_TOKEN", &secret)).expect(0).json();
    assert_eq!(json[0], json!({ "name": "hf-token", "kept_in": "variable", "place": "HF_TOKEN", "granted_to": ["bare"] }));
}

/// Types a line at a terminal of its own once a question is shown, and says whether the terminal shows again afterwards what is typed.
const TYPIST: &str = r"
import os, pty, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, typed = b'', False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if not typed and seen.endswith(b': ') and not termios.tcgetattr(terminal)[3] & termios.ECHO:
        os.write(terminal, sys.argv[1].encode().decode('unicode_escape').encode())
        typed = True
shows = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
status = os.waitpid(pid, 0)[1]
print(seen.decode(), 'shows:', shows, 'ended with', os.waitstatus_to_exitcode(status))
";

#[test]
fn a_value_is_typed_unseen_and_ctrl_c_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    let secret = mark();
    let typed = |keys: &str| {
        let line = ["secret", "set", "hf-token"];
        let program = place.command(line);
        let mut command = Command::new("python3");
        command.args(["-S", "-c", TYPIST, keys]).arg(program.get_program()).args(line).current_dir(place.work()).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = typed(&format!("{secret}\\n"));
    assert!(shown.contains("shows: True ended with 0") && !shown.contains(&secret), "{shown}");
    assert!(place.type_in(["secret", "list"]).expect(0).text().contains("hf-token"));
    place.type_in(["secret", "remove", "hf-token"]).expect(0);
    let shown = typed(&format!("{secret}\\x03"));
    assert!(shown.contains("shows: True ended with 130") && !shown.contains(&secret), "{shown}");
    assert!(!place.type_in(["secret", "list"]).expect(0).text().contains("hf-token"));
}

/// SE01, SE04
#[test]
fn a_command_has_the_secret_that_was_granted_and_whatever_it_prints_nobody_reads_it() {
    let place = with_plugin(IN_A_VARIABLE);
    let secret = mark();
    set(&place, "hf-token", &secret);
    let script = "printf %s \"$HF_TOKEN\" | wc -c; echo one $HF_TOKEN; echo two $HF_TOKEN >&2; printf '%.5s' \"$HF_TOKEN\"; sleep 0.05; \
                  printf '%s\\n' \"${HF_TOKEN#?????}\"; printf me:$HF_TOKEN | base64; echo ready; until [ -e go ]; do sleep 0.02; done; \
                  echo last ${HF_TOKEN%???}";
    let setup = "echo set up with $HF_TOKEN";
    let line = ["run", "--events", "--runtime", "bare", "--run-id", "told", "--setup", setup, "--", "sh", "-c", script];
    let mut going = Going::start(&mut place.command(line));
    let mut told = String::new();
    while !told.contains("ready") {
        let line = going.line();
        assert!(!line.is_empty(), "{}", going.told());
        told.push_str(&line);
    }
    // Only what was given the secret has it; nobody has it on a command line.
    for pid in descendants(going.pid()).into_iter().chain([going.pid()]) {
        assert!(!command_line(pid).contains(&secret), "{}", command_line(pid));
    }
    assert!(!has(&fs::read(format!("/proc/{}/environ", going.pid())).unwrap_or_default(), &secret));
    nowhere_below(place.state().parent().unwrap(), &secret);
    place.write("go", "");
    let answer = going.end().expect(0);
    assert!(!answer.stderr.contains(&secret) && !has(&answer.stdout, &secret) && !told.contains(&secret));
    nowhere_below(place.state().parent().unwrap(), &secret);

    let hidden = "*".repeat(secret.len());
    let log = String::from_utf8(place.log("told")).unwrap();
    let base64 = log.lines().find(|line| line.starts_with("bWU6")).unwrap();
    assert!(base64.trim_end_matches('=').bytes().filter(|byte| *byte == b'*').count() + 5 >= secret.len() * 4 / 3, "{base64}");
    for line in [secret.len().to_string(), format!("one {hidden}"), format!("two {hidden}"), hidden.clone()] {
        assert!(log.lines().any(|told| told == line), "{line}:\n{log}");
    }
    assert!(log.ends_with(&format!("last {}\n", &secret[..secret.len() - 3])), "what only begins like it is shown: {log}");
    // The events, put together, are the log.
    let all: String = told.lines().chain(std::str::from_utf8(&answer.stdout).unwrap().lines()).fold(String::new(), |mut all, line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if matches!(event["event"].as_str(), Some("stdout" | "stderr")) {
            all.push_str(event["text"].as_str().unwrap());
        }
        all
    });
    assert_eq!(all, log);
    let manifest = place.manifest("told");
    assert_eq!(manifest["capabilities"]["granted"]["secrets"], json!({ "hf-token": ["variable HF_TOKEN"] }));
    let setup = fs::read_to_string(place.output("told").join("logs/told.setup-0.log")).unwrap();
    assert_eq!(setup, format!("set up with {hidden}\n"));
    place.type_in(["manifest", "told", "verify"]).expect(0);
    let audit = place.type_in(["plugin", "audit", "told"]).expect(0);
    assert!(audit.text().contains("secrets   hf-token"), "{}", audit.text());
}

/// SE04, SE07
#[test]
fn a_secret_that_was_typed_into_a_command_is_hidden_and_a_reference_to_one_is_only_a_text() {
    let place = with_plugin(IN_A_VARIABLE);
    let secret = mark();
    set(&place, "hf-token", &secret);
    let typed = format!("token {secret}");
    let line = ["run", "--runtime", "bare", "--run-id", "typed", "--", "echo", &typed, "{{secret:hf-token}}", "$HF_TOKEN"];
    place.type_in(line).expect(0);
    let hidden = "*".repeat(secret.len());
    assert_eq!(String::from_utf8(place.log("typed")).unwrap(), format!("token {hidden} {{{{secret:hf-token}}}} $HF_TOKEN\n"));
    assert_eq!(place.manifest("typed")["command"][1], format!("token {hidden}"));
    nowhere_below(place.state().parent().unwrap(), &secret);
    let status = place.type_in(["runs", "--json"]).expect(0);
    assert!(!has(&status.stdout, &secret));
}

/// SE01
#[test]
fn a_command_without_the_grant_has_nothing_of_it() {
    let place = with_plugin(IN_A_VARIABLE);
    let secret = mark();
    set(&place, "hf-token", &secret);
    place.type_in(["plugin", "revoke", "bare", "--secret", "hf-token"]).expect(0);
    let answer = place.run(&["--runtime", "bare"], "echo has ${HF_TOKEN-nothing}").expect(0);
    assert!(answer.text().contains("has nothing"), "{}", answer.text());
    let told = place.type_in(["runtime", "doctor", "bare"]);
    assert!(told.text().contains("worldflux plugin grant bare --secret hf-token"), "{}", told.text());
}

/// SE03, SE04
#[test]
fn a_secret_that_went_into_a_request_is_nowhere_on_this_machine_but_where_it_is_kept() {
    let place = Place::new();
    let (secret, authority) = (mark(), Authority::new());
    let origin = Origin::start_tls(&authority.issue("api.test.net"), |seen, stream| answer_with(stream, "200 OK", &seen.head));
    place.write("rogue.wasm", rogue_that_asks(IN_A_REQUEST));
    place.type_in(["plugin", "add", "rogue.wasm", "--all-asked"]).expect(0);
    let address = origin.address.to_string();
    let ca = authority.file().display().to_string();
    place.type_in(["endpoint", "add", "api.test.net", "--at", &address, "--ca", &ca]).expect(0);
    set(&place, "api-token", &secret);
    let echo = "start=http:GET https://api.test.net/echo";
    let script = "echo ready; until [ -e go ]; do sleep 0.02; done";
    let line = ["run", "--runtime", "rogue", "--run-id", "sent", "--set", echo, "--", "sh", "-c", script];
    let mut going = Going::start(&mut place.command(line));
    assert_eq!(going.line(), "ready\n", "{}", going.told());
    let seen = origin.seen();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, Some(&*format!("Bearer {secret}"))));
    assert_eq!(marked(&secret, &[]), Vec::<String>::new(), "no process has it among its arguments or variables");
    nowhere_below(place.state().parent().unwrap(), &secret);
    place.write("go", "");
    let answer = going.end().expect(0);
    assert!(!answer.stderr.contains(&secret) && answer.stderr.contains(&format!("authorization: Bearer {}", "*".repeat(secret.len()))));
    nowhere_below(place.state().parent().unwrap(), &secret);
    let audit = place.type_in(["plugin", "audit", "sent"]).expect(0);
    assert!(audit.text().contains("secrets   api-token"), "{}", audit.text());
}

#[test]
fn a_secret_that_is_missing_is_named_with_the_line_that_sets_it() {
    let place = with_plugin(&format!("{IN_A_VARIABLE}{IN_A_REQUEST}"));
    let told = place.type_in(["runtime", "doctor", "bare", "--json"]);
    let findings = told.json()["bare"]["findings"].as_array().unwrap().clone();
    let severity = |name: &str| {
        let finding = findings.iter().find(|finding| finding["check"] == format!("secret-{name}")).unwrap();
        assert_eq!(finding["remedy"], format!("worldflux secret set {name}"));
        finding["severity"].as_str().unwrap().to_owned()
    };
    assert_eq!((severity("hf-token"), severity("api-token")), ("warning".into(), "error".into()));
    let blocked = place.run(&["--runtime", "bare", "--json"], "echo never").expect(2);
    let manifest = blocked.json();
    assert_eq!(text(&manifest, "/reason/code"), "doctor-error");
    assert_eq!(text(&manifest, "/reason/next_action"), "worldflux secret set api-token");
    let secret = mark();
    set(&place, "api-token", &secret);
    assert!(place.run(&["--runtime", "bare"], "echo ran").expect(0).text().contains("ran"));
}

/// SE06
#[test]
fn a_confined_command_finds_no_secret_in_what_it_sees_of_the_machine() {
    let place = with_plugin(IN_A_REQUEST);
    let secret = mark();
    // What looks for it must not have it on its own command line.
    let script = "printf '%s%s\\n' \"$1\" \"$2\" > pattern; \
                  cat /proc/*/environ /proc/*/cmdline /proc/*/task/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c -f pattern; rm pattern; env";
    let (first, second) = secret.split_at(4);
    let mut command = place.command(["run", "--runtime", "bare", "--", "sh", "-c", script, "sh", first, second]);
    let answer = crate::kit::answer(command.env("API_TOKEN", &secret)).expect(0);
    assert!(answer.text().starts_with("0\n") && !has(&answer.stdout, &secret), "{}", answer.text());
}

/// SE06, SE09
#[test]
fn a_host_with_a_secret_leaves_no_core_file_and_no_other_process_of_the_user_reads_it() {
    let place = with_plugin(IN_A_REQUEST);
    let secret = mark();
    // Without privileges, as an ordinary user is: what a root may read is another matter.
    let plain = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    let read = |pid: u32| Command::new("setpriv").args(plain).args(["cat", &format!("/proc/{pid}/environ")]).output().unwrap();
    let start = |variable: &str| {
        let line = place.command(["run", "--runtime", "bare", "--", "true"]);
        let mut command = Command::new("setpriv");
        command.args(plain).args(["sh", "-c", "ulimit -S -c $(ulimit -H -c); exec \"$@\"", "sh"]).arg(line.get_program());
        command.args(line.get_args()).current_dir(place.work()).env_clear();
        command.envs(line.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let going = Going::start(command.env(variable, &secret).env("WORLDFLUX_HALT_AT", "open"));
        until("the host stops", || state(going.pid()) == Some('T'));
        going
    };
    let without = start("NO_SECRET_OF_ANYBODY");
    assert!(has(&read(without.pid()).stdout, &secret), "a process of the same user can be read, as long as it holds no secret");
    without.send(Signal::KILL);
    let with = start("API_TOKEN");
    let output = read(with.pid());
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", with.pid())).unwrap();
    let core: Vec<_> = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[4], "0", "{core:?}");
    with.send(Signal::SEGV);
    with.send(Signal::CONT);
    let mut with = with;
    let status = with.process.wait().unwrap();
    assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&status), "{status:?}");
}

/// A session bus with a real keyring, which is unlocked, and this line in it.
fn with_keyring(place: &Place, script: &str) -> Answer {
    let line = place.command(["secret"]);
    let program = line.get_program().to_str().unwrap();
    let begin = "echo password | gnome-keyring-daemon --unlock --components=secrets --daemonize > /dev/null || exit 99\n";
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-ec", &format!("{begin}{script}"), "sh", program]).current_dir(place.work()).env_clear();
    command.envs(line.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let runtime = place.work().join("runtime");
    fs::create_dir_all(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    crate::kit::answer(command.env("XDG_RUNTIME_DIR", &runtime).stdin(Stdio::null()))
}

#[test]
fn where_there_is_a_keyring_secrets_are_in_it_and_in_no_file() {
    let place = with_plugin(IN_A_VARIABLE);
    let secret = mark();
    place.write("value", &secret);
    let script = "$1 secret set hf-token < value\n$1 secret list\n$1 run --runtime bare -- sh -c 'printf %s \"$HF_TOKEN\" | wc -c; echo $HF_TOKEN'\n\
                  $1 secret set hf-token --store file < value\n$1 secret list\n$1 secret set hf-token < value\n\
                  $1 secret remove hf-token\n$1 secret list";
    let answer = with_keyring(&place, script).expect(0);
    fs::remove_file(place.work().join("value")).unwrap();
    let text = answer.text();
    let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let file = place.state().with_file_name("config").join("secrets.toml");
    for line in ["hf-token keyring bare", &secret.len().to_string(), &"*".repeat(secret.len()), "hf-token: removed"] {
        assert!(lines.iter().any(|told| told == line), "{line}:\n{text}\n{}", answer.stderr);
    }
    assert!(lines.contains(&format!("hf-token file {} bare", file.display())), "{text}");
    let last = lines.iter().rev().find(|line| line.starts_with("hf-token"));
    assert_eq!(last.map(String::as_str), Some("hf-token nowhere: it has no value bare"));
    assert!(answer.stderr.contains("hf-token is kept in the keyring of the operating system"), "{}", answer.stderr);
    assert!(!has(&fs::read(&file).unwrap(), "value ="), "nothing of it is in the file");
    nowhere_below(&place.state(), &secret);
}
