//! Whether a process may be started.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::super::{
    action::{HostTool, StartProcess},
    confinement::{ChildLimits, ChildNetwork, Confinement, Known, Least, Level, Places, Profile, View},
    denial::Denial,
    device::Device,
    folder::Access,
    permit::Permit,
    process,
    rights::{Origin, Rights},
    variable,
};
use crate::names::{Bytes, Export};

/// The user's command, and what the plugin wants to add to it.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    /// What the user typed, whole.
    pub argv: Vec<OsString>,
    /// The variables that the user's settings give to the command.
    pub variables: BTreeMap<OsString, OsString>,
    /// Variables that the plugin adds.
    pub added_variables: BTreeMap<String, String>,
    /// Folders of the environment, on this machine, that the plugin puts in front of `PATH`.
    pub path_prefix: Vec<PathBuf>,
    /// Where it runs, on this machine, already known to be inside the workspace.
    pub working_directory: PathBuf,
    /// What the user wants it to see. With a plugin that was added it is strict whatever stands here.
    pub profile: Profile,
    /// The folders of the run that it sees where it is strict.
    pub places: Places,
    /// What the user typed for it, where it is strict.
    pub network: ChildNetwork,
}

/// A program of the plugin's choice.
#[derive(Debug, Clone)]
pub struct ProgramRequest {
    /// The name that has to be granted.
    pub name: String,
    /// What is started for that name: the name itself, or a path on this machine inside the environment.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The base variables, chosen by the host.
    pub base_variables: BTreeMap<OsString, OsString>,
    /// Variables that the plugin adds.
    pub added_variables: BTreeMap<String, String>,
    /// Variables of the command that it stands for, under the names that they have in the program.
    pub carried: BTreeMap<String, OsString>,
    /// Where it runs, on this machine, already known to be inside a granted folder.
    pub working_directory: PathBuf,
    /// What the user wants it to see. With a plugin that was added it is strict whatever stands here.
    pub profile: Profile,
    /// The folders of the run that it sees where it is strict.
    pub places: Places,
    /// The indexes from which the user has environments filled, where it is strict.
    pub network: ChildNetwork,
}

/// Whether the user's command may be launched like this.
pub fn start_command(rights: &Rights, export: Export, request: CommandRequest) -> Result<Permit<StartProcess>, Denial> {
    process::check_command(rights, export)?;
    let mut variables = request.variables;
    for (name, value) in request.added_variables {
        variable::check(rights, &name)?;
        variables.insert(name.into(), value.into());
    }
    if !request.path_prefix.is_empty() {
        let path = OsString::from("PATH");
        let prefixed = prefix_path(&request.path_prefix, variables.get(&path).map(OsString::as_os_str));
        variables.insert(path, prefixed);
    }
    Ok(Permit::grant(StartProcess {
        argv: request.argv,
        variables,
        working_directory: request.working_directory,
        confinement: confine(rights, request.profile, request.places, request.network),
    }))
}

/// Whether a program of the plugin's choice may be started now.
pub fn start_program(rights: &Rights, export: Export, request: ProgramRequest) -> Result<Permit<StartProcess>, Denial> {
    process::check_program(rights, export, &request.name)?;
    let mut variables = request.base_variables;
    for (name, value) in request.added_variables {
        variable::check(rights, &name)?;
        variables.insert(name.into(), value.into());
    }
    for (name, value) in request.carried {
        variable::check_carried(rights, &name)?;
        variables.insert(name.into(), value);
    }
    let mut argv = vec![request.program];
    argv.extend(request.arguments);
    let working_directory = request.working_directory;
    let is_bare = argv.first().is_some_and(|program| !program.as_encoded_bytes().contains(&b'/'));
    let mut confinement = confine(rights, request.profile, request.places, network(rights, export, request.network));
    if let Confinement::Strict(view) = &mut confinement {
        // What was made in the environment of the run is for the run to start; anything else has its own place on the machine.
        view.tool = is_bare;
        view.known = if is_bare { known(rights, &request.name) } else { None };
    }
    Ok(Permit::grant(StartProcess { argv, variables, working_directory, confinement }))
}

/// The host's own use of a program. Always allowed: what it does is fixed here, argument by argument.
#[must_use]
pub fn host_tool(tool: HostTool, arguments: &[&str], path: &OsStr, working_directory: &Path) -> Permit<StartProcess> {
    let (program, fixed): (&str, &[&str]) = match tool {
        // A repository's own configuration can name programs to run; these settings switch off the two that reading would start.
        HostTool::Git => ("git", &["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks"]),
    };
    let argv = [program].iter().chain(fixed).chain(arguments).map(OsString::from).collect();
    let variables = BTreeMap::from([(OsString::from("PATH"), path.to_owned()), (OsString::from("LC_ALL"), OsString::from("C"))]);
    Permit::grant(StartProcess { argv, variables, working_directory: working_directory.to_owned(), confinement: Confinement::Own })
}

/// The compiler of strangers' components: `program` is this very program, which with these arguments is nothing else. Always allowed, for
/// the same reason. It runs at the best level that this machine has proven, whatever that is: it needs nothing but its own program.
#[must_use]
pub fn compiler(program: &Path, arguments: &[String], memory: Bytes) -> Permit<StartProcess> {
    let mut argv = vec![program.as_os_str().to_owned()];
    argv.extend(arguments.iter().map(OsString::from));
    // Each thread of the compiler holds one function of the component: their number is a bound of its memory.
    let variables = BTreeMap::from([(OsString::from("RAYON_NUM_THREADS"), OsString::from("4"))]);
    let limits = ChildLimits { processes: 64, memory: Some(memory), cpus: None, file: Some(Bytes(0)) };
    let view = View { reads: [program.to_owned()].into(), least: Least(Level::None), limits, ..View::default() };
    Permit::grant(StartProcess { argv, variables, working_directory: "/".into(), confinement: Confinement::Strict(view) })
}

/// How a process that this plugin starts is confined: it sees the folders of the run that belong to it, and what the user granted.
fn confine(rights: &Rights, wanted: Profile, places: Places, network: ChildNetwork) -> Confinement {
    if rights.profile(wanted) == Profile::Own || rights.grants.is_unconfined() {
        return Confinement::Own;
    }
    let Places { mut reads, mut writes } = places;
    for (folder, access) in rights.grants.machine_folders() {
        let places = if access == Access::Write { &mut writes } else { &mut reads };
        places.insert(folder.path().to_owned());
    }
    let (network, hosts) = network.into();
    Confinement::Strict(View {
        reads,
        writes,
        gpu: rights.grants.devices.contains(&Device::Gpu),
        least: Least(rights.grants.least()),
        limits: rights.resources().limits(),
        network,
        hosts,
        ..View::default()
    })
}

/// What the program was when the user granted it.
fn known(rights: &Rights, name: &str) -> Option<Known> {
    let (name, tool) = rights.grants.tools.iter().find(|(known, _)| known.as_str() == name)?;
    Some(Known { digest: tool.digest, cure: rights.cure(&format!("--program {name}")) })
}

/// The network of a program: the indexes that the user has configured, while a bundled plugin fills an environment.
fn network(rights: &Rights, export: Export, indexes: ChildNetwork) -> ChildNetwork {
    if rights.origin == Origin::Bundled && export == Export::BuildEnv { indexes } else { ChildNetwork::None }
}

fn prefix_path(prefix: &[PathBuf], rest: Option<&OsStr>) -> OsString {
    let mut path = OsString::new();
    for part in prefix.iter().map(|folder| folder.as_os_str()).chain(rest) {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(part);
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        names::{Bytes, Digest},
        policy::{Asks, ChildLimits, Grants, Level, Network},
    };

    fn rights(asks: &str, grants: &str) -> Rights {
        Rights {
            plugin: "test".parse().unwrap(),
            typed: "test".into(),
            origin: Origin::Bundled,
            digest: Digest::of(b""),
            asks: toml::from_str(asks).unwrap(),
            grants: toml::from_str(grants).unwrap(),
        }
    }

    fn command() -> CommandRequest {
        CommandRequest {
            argv: vec!["true".into()],
            variables: BTreeMap::from([("PATH".into(), "/usr/bin".into())]),
            added_variables: BTreeMap::new(),
            path_prefix: vec![],
            working_directory: "/work".into(),
            profile: Profile::Own,
            places: Places::default(),
            network: ChildNetwork::None,
        }
    }

    fn program(name: &str) -> ProgramRequest {
        ProgramRequest {
            name: name.into(),
            program: name.into(),
            arguments: vec![],
            base_variables: BTreeMap::new(),
            added_variables: BTreeMap::new(),
            carried: BTreeMap::new(),
            working_directory: "/work".into(),
            profile: Profile::Strict,
            places: Places::default(),
            network: ChildNetwork::None,
        }
    }

    const GIT: &str = "[[program]]\nname = 'git'\npurpose = 'read the version'\nduring = ['doctor']";

    #[test]
    fn nothing_is_allowed_without_a_grant() {
        let denial = start_program(&rights(GIT, ""), Export::Doctor, program("git")).unwrap_err();
        assert_eq!(denial.to_string(), "plugin `test` may not start program `git`: it is not granted");
        assert_eq!(denial.cure, "worldflux plugin grant test --program git");
    }

    #[test]
    fn nothing_is_allowed_without_an_ask() {
        assert!(start_program(&rights("", "programs = ['git']"), Export::Doctor, program("git")).is_err());
        assert!(start_command(&rights("", "command = true"), Export::Start, command()).is_err());
    }

    #[test]
    fn a_program_is_allowed_only_in_the_exports_it_was_asked_for() {
        let rights = rights(GIT, "programs = ['git']");
        for export in Export::ALL {
            assert_eq!(start_program(&rights, export, program("git")).is_ok(), export == Export::Doctor, "{export}");
        }
    }

    #[test]
    fn the_users_command_can_be_launched_in_start_only_and_keeps_its_argv() {
        let rights = rights("command = 'run it'", "command = true");
        for export in Export::ALL {
            assert_eq!(start_command(&rights, export, command()).is_ok(), export == Export::Start, "{export}");
        }
        let permit = start_command(&rights, Export::Start, command()).unwrap();
        assert_eq!(permit.action().argv, command().argv);
    }

    #[test]
    fn the_environment_comes_first_in_path() {
        let rights = rights("command = 'run it'", "command = true");
        let request = CommandRequest { path_prefix: vec!["/env/bin".into(), "/env/sbin".into()], ..command() };
        let permit = start_command(&rights, Export::Start, request).unwrap();
        assert_eq!(permit.action().variables[OsStr::new("PATH")], "/env/bin:/env/sbin:/usr/bin");
    }

    #[test]
    fn a_variable_that_loads_code_is_refused_even_when_granted() {
        for name in ["LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "GIT_SSH_COMMAND", "PATH", "BASH_FUNC_x%%", "", "A=B"] {
            let text = format!("variables = ['{name}']");
            let rights = rights(&format!("command = 'run it'\n{text}"), &format!("command = true\n{text}"));
            let request = CommandRequest { added_variables: BTreeMap::from([(name.into(), "x".into())]), ..command() };
            assert!(start_command(&rights, Export::Start, request).is_err(), "{name}");
        }
    }

    #[test]
    fn a_variable_of_the_command_is_carried_without_an_ask_but_never_one_that_loads_code() {
        let rights = rights(GIT, "programs = ['git']");
        let start = |name: &str| {
            let carried = BTreeMap::from([(name.to_owned(), OsString::from("x"))]);
            start_program(&rights, Export::Doctor, ProgramRequest { carried, ..program("git") })
        };
        assert_eq!(start("HF_TOKEN").unwrap().action().variables[OsStr::new("HF_TOKEN")], "x");
        for name in ["LD_PRELOAD", "PATH", "GIT_SSH_COMMAND", "", "A=B"] {
            assert!(start(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_an_added_plugin_starts_is_strict_whatever_was_wanted() {
        let own = rights("command = 'run it'", "command = true");
        let added = Rights { origin: Origin::Added, ..own.clone() };
        let places = Places { reads: ["/source".into()].into(), writes: ["/work".into()].into() };
        let start = |rights| start_command(rights, Export::Start, CommandRequest { places: places.clone(), ..command() }).unwrap();
        assert_eq!(start(&own).action().confinement, Confinement::Own);
        let Places { reads, writes } = places.clone();
        assert_eq!(start(&added).action().confinement, Confinement::Strict(View { reads, writes, ..View::default() }));
    }

    fn view(grants: &str) -> Confinement {
        let asks = format!("{GIT}\n[[resource]]\nname = 'memory'\nmost = '1GiB'\npurpose = 'x'");
        let rights = rights(&asks, &format!("programs = ['git']\n{grants}"));
        let places = Places { reads: ["/src".into()].into(), writes: ["/work".into()].into() };
        let request = ProgramRequest { places, ..program("git") };
        start_program(&rights, Export::Doctor, request).unwrap().into_action().confinement
    }

    #[test]
    fn a_strict_program_sees_its_places_and_what_was_granted_and_nothing_else() {
        let reads = |extra: &[&str]| ["/src"].iter().chain(extra).map(PathBuf::from).collect();
        let plain = View { reads: reads(&[]), writes: ["/work".into()].into(), tool: true, ..View::default() };
        assert_eq!(view(""), Confinement::Strict(plain.clone()));
        let granted = View {
            reads: reads(&["/data/in"]),
            writes: ["/work".into(), "/data/out".into()].into(),
            gpu: true,
            least: Least(Level::KernelFilter),
            limits: ChildLimits { processes: 64, memory: Some(Bytes::gibi(1)), cpus: "0.5".parse().ok(), file: None },
            tool: true,
            known: None,
            network: Network::None,
            hosts: [].into(),
        };
        let grants = "folders = { '/data/in' = 'read', '/data/out' = 'write', '/env' = 'write' }\ndevices = ['gpu']\nlevel = 'kernel-filter'\n\
                      resources = { processes = 64, memory = '4GiB', cpus = 0.5 }";
        assert_eq!(view(grants), Confinement::Strict(granted), "memory is clipped at what was asked for");
        assert_eq!(view("level = 'none'"), Confinement::Own, "the user opted out");
    }

    #[test]
    fn a_network_is_what_was_typed_for_the_command_and_the_indexes_while_an_environment_is_filled() {
        let hosts: std::collections::BTreeSet<crate::policy::NetworkTarget> = ["example.test".parse().unwrap()].into();
        let named = || ChildNetwork::Hosts(hosts.clone());
        let seen = |permit: Permit<StartProcess>| match permit.into_action().confinement {
            Confinement::Strict(view) => (view.network, view.hosts),
            Confinement::Own => panic!("it is not strict"),
        };
        let none = (Network::None, [].into());
        let own = rights(
            &format!("command = 'run it'\n{}", GIT.replace("'doctor'", "'doctor', 'build-env'")),
            "command = true\nprograms = ['git']",
        );
        for origin in [Origin::Bundled, Origin::Added] {
            let rights = Rights { origin, ..own.clone() };
            let start = |network| start_command(&rights, Export::Start, CommandRequest { profile: Profile::Strict, network, ..command() });
            assert_eq!(seen(start(named()).unwrap()), (Network::Named, hosts.clone()));
            assert_eq!(seen(start(ChildNetwork::Machine).unwrap()), (Network::Machine, [].into()));
            assert_eq!(seen(start(ChildNetwork::Hosts([].into())).unwrap()), none);
            let start = |export| start_program(&rights, export, ProgramRequest { network: named(), ..program("git") });
            assert_eq!(seen(start(Export::Doctor).unwrap()), none);
            let filling = if origin == Origin::Bundled { (Network::Named, hosts.clone()) } else { none.clone() };
            assert_eq!(seen(start(Export::BuildEnv).unwrap()), filling);
        }
    }

    proptest! {
        #[test]
        fn a_permit_for_a_program_needs_its_exact_name(asked in "[a-z]{1,4}", granted in "[a-z]{1,4}", wanted in "[a-z./-]{1,4}") {
            let asks: Asks = toml::from_str(&format!("[[program]]\nname='{asked}'\npurpose='x'\nduring=['doctor']")).unwrap();
            let grants: Grants = toml::from_str(&format!("programs=['{granted}']")).unwrap();
            let rights = Rights { plugin: "test".parse().unwrap(), typed: "test".into(), origin: Origin::Added, digest: Digest::of(b""), asks, grants };
            let allowed = start_program(&rights, Export::Doctor, program(&wanted)).is_ok();
            prop_assert_eq!(allowed, asked == wanted && granted == wanted);
        }
    }
}
