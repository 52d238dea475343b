//! How the variables of a command come into a container: through the variables of the program that connects to it, so that no value stands
//! on a command line, where everybody on the machine can read it.

use std::fmt::Write as _;

use worldflux_plugin::{Failure, context::Variable};

/// Names that mean something to the program itself, or to what loads it. The host refuses most of them.
const OWN: &[&str] = &[
    "CDPATH",
    "EDITOR",
    "ENV",
    "GCONV_PATH",
    "GLOBIGNORE",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "LOCPATH",
    "NLSPATH",
    "NO_PROXY",
    "PAGER",
    "PATH",
    "PROMPT_COMMAND",
    "PS4",
    "PWD",
    "RES_OPTIONS",
    "SHELL",
    "SHELLOPTS",
    "TMPDIR",
    "USER",
    "VISUAL",
];

/// Families of such names.
const OWN_PREFIX: &[&str] = &[
    "BASH_",
    "BUILDAH_",
    "CARRIED_",
    "CONTAINER",
    "DOCKER_",
    "DYLD_",
    "GIT_",
    "GO",
    "HTTP",
    "JAVA_",
    "LD_",
    "LESS",
    "MALLOC_",
    "NODE_",
    "NPM_CONFIG_",
    "OTEL_",
    "PERL",
    "PIP_",
    "PODMAN_",
    "PYTHON",
    "REGISTRY_",
    "RUBY",
    "RUSTC_",
    "SSH_",
    "SSL_",
    "STORAGE_",
    "UV_",
    "WORLDFLUX_",
    "XDG_",
    "http",
    "npm_config_",
];

/// One variable on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    /// How it is called in the container.
    pub(crate) name: String,
    /// How it is called on the way.
    pub(crate) on_the_way: String,
}

/// How these variables travel: under their own names, or under a name that means nothing to the program on the way.
pub(crate) fn carry(variables: &[Variable]) -> Result<Vec<Carried>, Failure> {
    let carry = |(number, variable): (usize, &Variable)| {
        let name = variable.name.clone();
        if !has_meaning(&name) && !name.contains(['\n', '\r']) {
            return Ok(Carried { on_the_way: name.clone(), name });
        }
        let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_identifier {
            return Err(Failure::invalid("variables", name, "a name of letters, digits and `_`, that a shell can set"));
        }
        Ok(Carried { on_the_way: format!("CARRIED_{number}"), name })
    };
    variables.iter().enumerate().map(carry).collect()
}

/// The command that puts variables back under their own names and then becomes `argv`; `argv` itself where all have theirs.
pub(crate) fn restoring(carried: &[Carried], shell: &str, argv: &[String]) -> Vec<String> {
    let mut script = String::new();
    for Carried { name, on_the_way } in carried.iter().filter(|carried| carried.name != carried.on_the_way) {
        let _ = write!(script, "{name}=\"${on_the_way}\"; export {name}; unset {on_the_way}; ");
    }
    if script.is_empty() {
        return argv.to_vec();
    }
    script.push_str("exec \"$@\"");
    [shell.to_owned(), "-c".to_owned(), script, "sh".to_owned()].into_iter().chain(argv.iter().cloned()).collect()
}

fn has_meaning(name: &str) -> bool {
    OWN.contains(&name) || OWN_PREFIX.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(names: &[&str]) -> Vec<Carried> {
        carry(&names.iter().map(|name| Variable::new(*name, "v")).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_name_that_means_something_on_the_way_is_another_one_there() {
        let argv = ["env".to_owned(), "a b".to_owned()];
        let plain = carried(&["A", "TOKEN"]);
        assert!(plain.iter().all(|carried| carried.name == carried.on_the_way));
        assert_eq!(restoring(&plain, "/bin/sh", &argv), argv);
        let both = carried(&["A", "LD_PRELOAD", "PATH"]);
        assert_eq!(both[1], Carried { name: "LD_PRELOAD".into(), on_the_way: "CARRIED_1".into() });
        let restored = restoring(&both, "/bin/sh", &argv);
        assert_eq!(restored[2].matches("unset CARRIED_").count(), 2);
        assert_eq!(restored[3..], ["sh", "env", "a b"]);
    }

    #[test]
    fn a_name_that_no_shell_can_set_is_refused_where_a_shell_has_to() {
        assert!(carry(&[Variable::new("BASH_FUNC_x%%", "v")]).is_err());
        assert!(carry(&[Variable::new("a.b", "v")]).is_ok());
    }

    #[test]
    fn the_shell_gives_the_program_what_it_should_have() {
        let both = carried(&["PYTHONPATH"]);
        let argv = ["sh", "-c", "echo \"$PYTHONPATH\" \"${CARRIED_0-none}\" \"$0\" \"$1\"", "x y", "z"].map(str::to_owned);
        let line = restoring(&both, "/bin/sh", &argv);
        let output = std::process::Command::new(&line[0]).args(&line[1..]).env("CARRIED_0", "a \"b\" $c").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "a \"b\" $c none x y z\n");
    }
}
