//! What goes with every verb, before or after it.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// What goes with every verb, before or after it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Keep runs, environments and compiled plugins here [env: WORLDFLUX_STATE_DIR]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// Keep grants here [env: WORLDFLUX_CONFIG_DIR]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub config_dir: Option<PathBuf>,
    /// Know this plugin file too; may be repeated [env: WORLDFLUX_PLUGIN_PATH]
    #[arg(long = "plugin", global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plugins: Vec<PathBuf>,
    /// Use colours [env: NO_COLOR]
    #[arg(long, global = true, value_name = "auto|always|never", value_enum, hide_possible_values = true, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Say more about what goes wrong, on standard error
    #[arg(long, global = true)]
    pub debug: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
