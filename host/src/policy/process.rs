//! The rules for processes.

use super::{denial::Denial, program::ProgramAsk, rights::Rights};
use crate::names::Export;

/// Whether the plugin may launch the user's command now.
pub(super) fn check_command(rights: &Rights, export: Export) -> Result<(), Denial> {
    let deny = |rule: String, cure: String| Denial {
        plugin: rights.plugin.to_string(),
        action: "launch the command that you typed".into(),
        rule,
        cure,
    };
    if export != Export::Start {
        return Err(deny(format!("that is possible in `start` only, not in `{export}`"), String::new()));
    }
    if rights.asks.command.is_none() {
        return Err(deny("its plugin.toml does not ask for it".into(), String::new()));
    }
    if !rights.grants.command {
        return Err(deny("it is not granted".into(), rights.cure("--command")));
    }
    Ok(())
}

/// Whether the plugin may start the program `name` now.
pub(super) fn check_program(rights: &Rights, export: Export, name: &str) -> Result<(), Denial> {
    let shown: String = name.escape_debug().take(80).collect();
    let deny =
        |rule: String, cure: String| Denial { plugin: rights.plugin.to_string(), action: format!("start program `{shown}`"), rule, cure };
    let named = |ask: &&ProgramAsk| ask.name.as_str() == name;
    let Some(ask) = rights.asks.program.iter().find(named) else {
        return Err(deny("its plugin.toml does not ask for it".into(), String::new()));
    };
    if !rights.grants.programs.contains(&ask.name) {
        return Err(deny("it is not granted".into(), rights.cure(&format!("--program {shown}"))));
    }
    if !rights.asks.program.iter().filter(named).any(|ask| ask.during.contains(&export)) {
        return Err(deny(format!("its plugin.toml asks for it, but not during `{export}`"), String::new()));
    }
    Ok(())
}
