//! Every outside power has one home.

use crate::sources::rust;

/// A power: its name, the words that show its use, and the places where it lives, each with a reason. A place is a prefix of a path below
/// `host/src`.
type Power = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const POWERS: &[Power] = &[
    ("the command line", &["clap::", "clap_complete::", "clap_mangen::"], &[("cli/", "words are its business")]),
    (
        "wasmtime",
        &["wasmtime::", "wasmtime_wasi::", "wasmtime_wasi_http::"],
        &[("engine/", "owns it"), ("imports/", "implements what a guest may call")],
    ),
    (
        "reading components",
        &["wasmparser::"],
        &[("plugin/", "a file is looked at before it is compiled"), ("engine/compiler/survey.rs", "so is what its functions look like")],
    ),
    (
        "starting processes",
        &["Command::new(", "process::Command"],
        &[
            ("sandbox/", "owns every child"),
            ("cli/detach.rs", "starts this very program again, which then owns its run; it is no child of a run"),
        ],
    ),
    (
        "signals to processes",
        &["kill_process", "pidfd_send_signal", "kill_process_group"],
        &[("sandbox/", "owns every child"), ("run/story.rs", "stops the host itself at a named step, for the tests of a crash")],
    ),
    ("ending this program", &["process::exit(", "process::abort("], &[]),
    (
        "the database",
        &["rusqlite::"],
        &[
            ("store/", "every row is its business"),
            ("workspace/files/", "a file of tables of the user's is read in memory; no row is ours"),
        ],
    ),
    (
        "printing",
        &["println!(", "eprintln!(", " print!(", "eprint!(", "io::stdout()", "io::stderr()", "dbg!("],
        &[
            ("cli/", "the only room that a person sees"),
            ("sandbox/proof/canary.rs", "says to the host how its attacks went"),
            ("engine/compiler/worker.rs", "its answer is no print: the host is at the other end of the pipe"),
        ],
    ),
    (
        "the standard streams, to hand them on",
        &["io::stdin()"],
        &[
            ("sandbox/", "a command can be given the terminal, and the supervisor finds its control socket there"),
            ("cli/prompt.rs", "reads the answer to a question"),
            ("cli/serve.rs", "the requests of a program come there"),
            ("engine/compiler/worker.rs", "the compiler finds the component there"),
        ],
    ),
    (
        "environment variables and the current directory",
        &[
            "env::var(",
            "env::var_os(",
            "env::vars(",
            "env::vars_os(",
            "env::current_dir(",
            "env::home_dir(",
            "env::temp_dir(",
            "env::set_var(",
        ],
        &[("config/env.rs", "reads them once; everybody else is told")],
    ),
    (
        "the arguments of this program",
        &["env::args(", "env::args_os("],
        &[
            ("main.rs", "hands them to cli"),
            ("cli/detach.rs", "types the same again"),
            ("sandbox/", "the supervisor is this program with one argument"),
            ("engine/compiler/worker.rs", "and so is the compiler"),
        ],
    ),
    (
        "the values of secrets",
        &[".reveal()"],
        &[
            ("egress/proxy/password.rs", "asks a program of the sandbox for its own"),
            ("secrets/", "keeps them, puts them into requests and hides them"),
            ("run/execute.rs", "puts them into a variable of the user's command"),
            ("run/assets.rs", "puts one into a file that only the command of the user finds"),
        ],
    ),
    ("the keyring of the operating system", &["secret_service::"], &[("secrets/keyring.rs", "keeps values there")]),
    ("making permits", &["Permit::grant("], &[("policy/decide/", "so a forgotten check does not compile")]),
    (
        "the network",
        &["TcpStream", "TcpListener", "UdpSocket", "lookup_host", "reqwest", "hyper::", "rustls::"],
        &[
            ("egress/", "the only way out, for what has a permit"),
            ("sandbox/proof/", "attacks its own sandbox, from this machine to this machine"),
        ],
    ),
    (
        "unsafe code",
        &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"],
        &[
            ("engine/cache.rs", "maps compiled code that was authenticated first"),
            ("sandbox/supervisor/", "what happens between fork and exec, which signals reach the supervisor, and what makes a sandbox"),
            ("sandbox/proof/", "an attacker asks the kernel for what no library offers"),
        ],
    ),
];

/// What a room must never mention, whatever it is used for.
const PURE: &[(&str, &[&str], &str)] = &[
    (
        "policy/",
        &["std::fs", "std::env", "std::time", "std::net", "std::process", "tokio", "rustix", "jiff", "getrandom", "Moment::now"],
        "a decision depends on what was asked and what was granted, on nothing else",
    ),
    ("names/", &["std::fs", "std::env", "std::net", "tokio", "rustix"], "the words that rooms share do no input or output"),
];

#[test]
fn every_outside_power_has_one_home() {
    let mut wrong = Vec::new();
    for file in rust("host/src").iter().filter(|file| !file.is_test()) {
        let place = file.path.strip_prefix("host/src/").unwrap();
        for (power, marks, homes) in POWERS {
            if homes.iter().any(|(home, _)| place.starts_with(home)) {
                continue;
            }
            let uses = file.code().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
            wrong.extend(uses.map(|(number, line)| format!("{}:{number}: {power} does not live here: {}", file.path, line.trim())));
        }
        for (_, marks, reason) in PURE.iter().filter(|(room, ..)| place.starts_with(room)) {
            let uses = file.code().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
            wrong.extend(uses.map(|(number, line)| format!("{}:{number}: {reason}: {}", file.path, line.trim())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_home_stands_empty() {
    let files = rust("host/src");
    for (power, marks, homes) in POWERS {
        for (home, _) in *homes {
            let mut there = files.iter().filter(|file| file.path.strip_prefix("host/src/").is_some_and(|place| place.starts_with(home)));
            let used = there.any(|file| file.code().any(|(_, line)| marks.iter().any(|mark| line.contains(mark))));
            assert!(used, "{power} is not used in `{home}` any more: take the line out of the table");
        }
    }
}
