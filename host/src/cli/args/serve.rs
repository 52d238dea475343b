//! `worldflux serve`.

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  worldflux serve --stdio        read requests from standard input, one a line, and answer on standard output
  worldflux serve --schema       print what can be asked for, as JSON Schema

Each line is one JSON-RPC 2.0 object. At the end of the input every session is closed, and nothing of it goes on running.
`plugins/clients/python/worldflux_client.py` speaks it, in one file without dependencies.";

/// `worldflux serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
#[group(required = true, multiple = false)]
pub struct ServeArgs {
    /// Speak over standard input and standard output
    #[arg(long)]
    pub stdio: bool,
    /// Print the schema of every method, notification and error
    #[arg(long)]
    pub schema: bool,
}
