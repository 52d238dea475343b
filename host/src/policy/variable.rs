//! The rule for environment variables that a plugin sets.

use super::{
    denial::{Denial, shell_word},
    rights::Rights,
};

/// Names that make a program load code, run another program or find other files. Nobody can grant them to a plugin.
///
/// The list is a second line: the first is that a plugin may set only the names it asked for and was granted.
const NEVER: &[&str] = &[
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "EDITOR",
    "GCONV_PATH",
    "GLOBIGNORE",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LESSOPEN",
    "LOCPATH",
    "MALLOC_TRACE",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONBREAKPOINT",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC_WRAPPER",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "TMPDIR",
    "VISUAL",
];

/// Families of such names.
const NEVER_PREFIX: &[&str] = &["BASH_FUNC_", "DYLD_", "GIT_", "LD_", "NPM_CONFIG_", "PIP_", "UV_", "WORLDFLUX_", "npm_config_"];

/// Whether a name is one that nobody can grant.
pub(super) fn is_never_granted(name: &str) -> bool {
    NEVER.contains(&name) || NEVER_PREFIX.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a text can be the name of a variable at all.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.contains(['=', '\0'])
}

/// Refuse a variable that can neither be asked for nor granted.
pub fn grantable(name: &str) -> Result<(), String> {
    let shown: String = name.escape_debug().take(80).collect();
    if !is_name(name) || name.chars().any(char::is_control) {
        return Err(format!("`{shown}` is not the name of a variable"));
    }
    if is_never_granted(name) {
        return Err(format!("variable `{shown}` can make a program run other code; nobody can grant it"));
    }
    Ok(())
}

/// Whether a program that stands for the user's command may find a variable of that command under this name. The value is the user's, and
/// no plugin chose it: so no ask is needed, but a name that does no harm.
pub(super) fn check_carried(rights: &Rights, name: &str) -> Result<(), Denial> {
    let shown: String = name.escape_debug().take(80).collect();
    let deny = |rule: &str| Denial {
        plugin: rights.plugin.to_string(),
        action: format!("set variable `{shown}`"),
        rule: rule.into(),
        cure: String::new(),
    };
    if !is_name(name) {
        return Err(deny("it is not the name of a variable"));
    }
    if is_never_granted(name) {
        return Err(deny("it can make a program run other code"));
    }
    Ok(())
}

/// Whether the plugin may set the variable `name` for the user's command.
pub(super) fn check(rights: &Rights, name: &str) -> Result<(), Denial> {
    check_carried(rights, name)?;
    let shown: String = name.escape_debug().take(80).collect();
    let deny =
        |rule: String, cure: String| Denial { plugin: rights.plugin.to_string(), action: format!("set variable `{shown}`"), rule, cure };
    if !rights.asks.variables.contains(name) {
        return Err(deny("its plugin.toml does not ask for it".into(), String::new()));
    }
    if !rights.grants.variables.contains(name) {
        let cure = rights.cure(&format!("--variable {}", shell_word(name)));
        return Err(deny("it is not granted".into(), cure));
    }
    Ok(())
}
