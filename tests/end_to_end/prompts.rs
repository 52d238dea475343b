//! Questions at a terminal: nothing but a yes is a yes.

use std::{fs, path::PathBuf, process::Command};

use worldflux::plugin::pack;

use crate::{guests::guest, kit::Place};

/// Runs a program on a terminal of its own; for each pair of arguments waits for the first to be shown, and types the second.
const TYPIST: &str = r"
import os, pty, signal, sys
# Whoever runs these tests in the background has it ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.SIG_DFL)
answers = [line.split('|') for line in sys.argv[1].split('\n') if line]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = ''
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    os.write(1, piece)
    seen += piece.decode('utf-8', 'replace')
    while answers and answers[0][0] in seen and seen.rstrip().endswith('[y/N]'):
        seen = ''
        os.write(terminal, answers.pop(0)[1].encode().decode('unicode_escape').encode())
status = os.waitpid(pid, 0)[1]
print('\nanswers left: %d, ended with %d' % (len(answers), os.waitstatus_to_exitcode(status)))
";

const TOML: &str = "[plugin]\nname = 'bare'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 'runs commands'\n\
                    [asks]\ncommand = 'run it'\nvariables = ['X']\n\
                    [[asks.program]]\nname = 'git'\npurpose = '\u{202e}read the version'\nduring = ['doctor']\n";

/// What is shown when this line is typed at a terminal, and these answers are given to the questions that contain the words before them.
fn typed(place: &Place, answers: &[(&str, &str)], line: &[&str]) -> String {
    let answers: Vec<_> = answers.iter().map(|(question, answer)| format!("{question}|{answer}")).collect();
    let program = place.command(line);
    let mut command = Command::new("python3");
    command.args(["-S", "-c", TYPIST, &answers.join("\n")]).arg(program.get_program()).args(line).current_dir(place.work()).env_clear();
    command.env("NO_COLOR", "1").envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn plugin(place: &Place, toml: &str) -> PathBuf {
    place.write("bare.wasm", pack(&fs::read(guest("bare")).unwrap(), toml).unwrap())
}

fn granted(place: &Place) -> String {
    place.type_in(["plugin", "grants"]).expect(0).text().to_owned()
}

#[test]
fn each_right_is_a_question_and_only_a_yes_grants_it() {
    let place = Place::new();
    plugin(&place, TOML);
    let answers = [("launch the command", "y\\n"), ("start `git`", "\\n"), ("variable X", "yess\\n")];
    let shown = typed(&place, &answers, &["plugin", "add", "bare.wasm"]);
    assert!(shown.contains("answers left: 0, ended with 0"), "{shown}");
    assert!(shown.contains("Allow `bare` to start `git` during doctor: \\u{202e}read the version? [y/N]"), "{shown}");
    let held = granted(&place);
    assert!(held.contains("to launch the command") && !held.contains("git") && !held.contains("variable"), "{held}");
    // What is held is not asked for again.
    let shown = typed(&place, &[("start `git`", "YES\\n"), ("variable X", "n\\n")], &["plugin", "grant", "bare"]);
    assert!(shown.contains("answers left: 0, ended with 0") && !shown.contains("Allow `bare` to launch"), "{shown}");
    assert!(granted(&place).contains("to start `git`"));
}

#[test]
fn ctrl_c_at_a_question_leaves_everything_as_it_was() {
    let place = Place::new();
    plugin(&place, TOML);
    let shown = typed(&place, &[("launch the command", "y\\n"), ("start `git`", "\\x03")], &["plugin", "add", "bare.wasm"]);
    assert!(shown.contains("answers left: 0, ended with -2"), "{shown}");
    assert_eq!(place.type_in(["runtime", "list"]).expect(0).text(), "docker\nlocal\nreplicate\n");
    assert_eq!(granted(&place), "");
    assert!(!place.state().join("plugins").exists());
    // The end of the input is no yes either.
    let answers = [("launch the command", "\\x04"), ("start `git`", "\\x04"), ("variable X", "\\x04")];
    typed(&place, &answers, &["plugin", "add", "bare.wasm"]);
    assert_eq!(granted(&place), "");
}

/// SC03
#[test]
fn growth_is_a_question_and_a_no_keeps_the_old_version_with_its_grants() {
    let place = Place::new();
    plugin(&place, TOML);
    place.type_in(["plugin", "add", "bare.wasm", "--command"]).expect(0);
    let before = place.type_in(["plugin", "grants"]).expect(0).text().to_owned();
    plugin(&place, &format!("{TOML}[[asks.program]]\nname = 'curl'\npurpose = 'x'\nduring = ['start']\n"));
    let shown = typed(&place, &[("asks to start `curl`", "n\\n")], &["plugin", "update", "bare"]);
    assert!(shown.contains("answers left: 0, ended with 2") && shown.contains("stays as it was, with what it was granted"), "{shown}");
    assert_eq!(granted(&place), before);
    place.run(&["--runtime", "bare"], "true").expect(0);
    let shown = typed(&place, &[("asks to start `curl`", "y\\n")], &["plugin", "update", "bare"]);
    assert!(shown.contains("answers left: 0, ended with 0"), "{shown}");
    let after = granted(&place);
    assert!(after.contains("to launch the command") && !after.contains("curl") && after != before, "{after}");
}

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_granted() {
    let place = Place::new();
    plugin(&place, TOML);
    place.type_in(["plugin", "add", "bare.wasm"]).expect(0);
    let answer = place.type_in(["plugin", "grant", "bare"]).expect(2);
    assert!(
        answer.stderr.contains("there is no terminal to ask at") && answer.stderr.contains("worldflux plugin grant bare --program git")
    );
    assert_eq!(granted(&place), "");
}
