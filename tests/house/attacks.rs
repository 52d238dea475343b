//! The catalogue of attacks, and the tests that make them. A test says which it makes in the first line of its comment: `/// PR12, PR14`.

use crate::{generated::keep, named::tests_that_name};

/// What stands for one attack in the table.
enum State {
    /// Tests make it.
    Tried,
    /// Nobody can make it yet: what it attacks does not exist.
    Open(&'static str),
}

use State::{Open, Tried};

/// Every attack that this host has to hold against: its case, what a hostile plugin or its child does, and whether it can be tried.
#[rustfmt::skip]
const ATTACKS: &[(&str, &str, State)] = &[
    ("FS01", "goes upwards out of a folder that it was given", Tried),
    ("FS02", "opens an absolute path", Tried),
    ("FS03", "makes a link to a file outside and reads through it", Tried),
    ("FS05", "makes a second name for a file that it may only read, and writes to it", Tried),
    ("FS07", "opens the neighbour of a granted folder whose name begins alike", Tried),
    ("FS08", "uses names with NUL, line feeds, 4,096 bytes or broken UTF-8", Tried),
    ("FS09", "asks for `/` and looks for `/proc` and `/dev` in it", Tried),
    ("FS10", "renames a file over one that the host reads", Tried),
    ("FS11", "writes a denied name in another case or another Unicode form", Tried),
    ("FS12", "fills the disk, really and with holes", Tried),
    ("FS13", "makes a million files, and folders in folders", Tried),
    ("FS14", "makes and opens pipes and device files", Tried),
    ("FS15", "keeps a folder open after it was taken back", Tried),
    ("PR01", "starts a program that was not granted", Tried),
    ("PR02", "puts a program of the same name in front of the granted one", Tried),
    ("PR03", "replaces a granted program on the disk", Tried),
    ("PR05", "has git start a program by a setting", Tried),
    ("PR06", "has git start a program by an argument", Tried),
    ("PR07", "has tar start a program by an argument", Tried),
    ("PR08", "has find start a program", Tried),
    ("PR10", "puts NUL or nothing where a value belongs", Tried),
    ("PR11", "sets variables that make a program load code", Tried),
    ("PR12", "reads keys, password files and the host's folder from a child", Tried),
    ("PR13", "writes outside from a child", Tried),
    ("PR14", "looks at a file outside and changes its mode from a child", Tried),
    ("PR15", "speaks to sockets of the host and of the user from a child", Tried),
    ("PR16", "signals, traces and reads the host from a child", Tried),
    ("PR17", "looks for descriptors that the host left open", Tried),
    ("PR18", "types into the terminal of the user", Tried),
    ("PR19", "leaves a daemon behind", Tried),
    ("PR20", "leaves a grandchild that holds the output open", Tried),
    ("PR21", "makes processes that make processes", Tried),
    ("PR23", "prints without end", Tried),
    ("PR24", "blocks every signal", Tried),
    ("PR25", "kills by a handle that is over", Tried),
    ("PR27", "leaves links, pipes and huge files as results", Tried),
    ("PR28", "goes on after the host was killed", Tried),
    ("PR30", "meets the child of another plugin", Tried),
    ("PR31", "uses a graphics processor that was not granted", Tried),
    ("PR32", "starts ten thousand programs", Tried),
    ("PR33", "starts a script that a child can write, or a program with the rights of its owner", Tried),
    ("NE01", "sends a request to a host that was not granted", Tried),
    ("NE02", "reaches a granted host at another port, with another scheme or method, or another path", Tried),
    ("NE03", "has a host whose name looks like a granted one", Tried),
    ("NE04", "hides a host behind the name of a user", Tried),
    ("NE05", "writes an address in an odd spelling", Tried),
    ("NE06", "puts an address inside another one", Tried),
    ("NE08", "asks for the credentials of the cloud machine", Tried),
    ("NE09", "has a name mean an address of this machine or of its network", Tried),
    ("NE11", "has a server send the request elsewhere", Tried),
    ("NE13", "writes a granted host in another way", Tried),
    ("NE14", "puts control characters and escapes into a host", Tried),
    ("NE15", "makes two requests of one", Tried),
    ("NE16", "sets headers that are the host's business", Tried),
    ("NE17", "leaves a granted path by its dots, escapes and slashes", Tried),
    ("NE18", "is answered without end, or byte by byte", Tried),
    ("NE19", "is answered with what unpacks without end", Tried),
    ("NE20", "is answered with headers without end", Tried),
    ("NE22", "waits behind a proxy that the environment names", Tried),
    ("NE23", "has a server without the right certificate", Tried),
    ("NE24", "tells a name server something by what it asks", Tried),
    ("NE25", "goes around the proxy from a child", Tried),
    ("NE27", "uses the proxy of another run", Tried),
    ("NE28", "speaks another protocol than that of requests", Tried),
    ("RE01", "computes without end", Tried),
    ("RE02", "calls itself without end", Tried),
    ("RE03", "takes 4 GiB of memory", Tried),
    ("RE04", "takes ten million table elements", Tried),
    ("RE05", "takes a million handles", Tried),
    ("RE06", "logs a line of 100 MB", Tried),
    ("RE07", "answers with a huge list", Tried),
    ("RE09", "is given up in the middle of a call, and called again", Tried),
    ("RE10", "computes without end while it is made", Tried),
    ("RE11", "takes minutes and gigabytes to compile", Tried),
    ("RE12", "is no component, or a broken one", Tried),
    ("RE13", "waits a million times for nothing", Tried),
    ("RE15", "asks for a gigabyte of random bytes", Tried),
    ("RE16", "traps while it is taken down", Tried),
    ("PT01", "uses a handle after its end, twice, or somebody else's", Tried),
    ("PT02", "is called while it calls", Tried),
    ("PT03", "imports what the host does not have", Tried),
    ("PT04", "lacks an export, or has it with another type", Tried),
    ("PT05", "sends strings that are none", Tried),
    ("PT06", "never comes to an end, or writes byte by byte", Tried),
    ("PT07", "lies in its answers", Tried),
    ("PT08", "is called off again and again", Tried),
    ("PT09", "traps while it holds processes and files", Tried),
    ("PT10", "is called twice at once", Tried),
    ("SC01", "is changed after it was added", Tried),
    ("SC02", "comes again under its name with other bytes", Tried),
    ("SC03", "asks for more in a new version", Tried),
    ("SC04", "is another one when it is fetched than when it was looked at", Open("plugins are files; nothing is fetched from a registry")),
    ("SC06", "comes with compiled code, or changes that of the host", Tried),
    ("SC07", "has the cache lie behind a link or belong to somebody else", Tried),
    ("SC08", "is signed by somebody else", Open("there are no signatures; the digest is what is approved")),
    ("SC09", "comes as a package with two layers, or too large a one", Open("plugins are files; there are no packages")),
    ("SC10", "has a name that looks like another", Tried),
    ("SE01", "looks for secrets in its variables, arguments and context", Tried),
    ("SE02", "sets the header that belongs to a secret", Tried),
    ("SE03", "has a server repeat the header in which a secret came", Tried),
    ("SE04", "looks for secrets in errors, logs, records and manifests", Tried),
    ("SE06", "looks for secrets in the command line and the variables of the host", Tried),
    ("SE07", "names a secret in an argument of a program", Tried),
    ("SE09", "makes the host leave a core file", Tried),
    ("SE10", "has a secret sent where everybody can read it", Tried),
    ("MA01", "has a plugin.toml that is huge, deep, or says a thing twice", Tried),
    ("MA02", "asks for everything at once", Tried),
    ("MA04", "has a purpose that a shell or a terminal would act on", Tried),
    ("LO01", "steers the terminal with what it says", Tried),
    ("LO03", "floods log and disk", Tried),
    ("LO04", "says something in the name of the host", Tried),
];

#[test]
fn every_attack_of_the_catalogue_is_made_by_a_test_or_said_to_be_open() {
    let tests = tests_that_name(is_attack);
    let mut table = "| case | a hostile plugin, or its child, | tests |\n|---|---|---|\n".to_owned();
    for (case, attack, state) in ATTACKS {
        let made = tests.get(*case);
        let cell = match (state, made) {
            (Tried, Some(tests)) => tests.join("<br>"),
            (Tried, None) => panic!("{case}: no test says that it {attack}"),
            (Open(why), None) => format!("open: {why}"),
            (Open(_), Some(tests)) => panic!("{case} is said to be open, and tried by {tests:?}"),
        };
        table.extend(["| ", case, " | ", attack, " | ", &cell, " |\n"]);
    }
    if let Some(case) = tests.keys().find(|case| !ATTACKS.iter().any(|(known, ..)| known == case)) {
        panic!("{case} is tried by {:?}, and is not in the catalogue", tests[case]);
    }
    keep("tests/hostile/README.md", "attacks", &table);
}

/// A group and a number: `PR12`.
fn is_attack(word: &str) -> bool {
    const GROUPS: [&str; 9] = ["FS", "PR", "NE", "RE", "PT", "SC", "SE", "MA", "LO"];
    word.is_ascii() && word.len() == 4 && GROUPS.contains(&&word[..2]) && word[2..].bytes().all(|byte| byte.is_ascii_digit())
}
