//! Which verb it is.

use super::{add, audit, grant, inspect, list, pack, revoke, update};
use crate::{
    cli::{args::PluginVerb, context::Context, exit::Exit},
    run::RunError,
};

pub(in crate::cli) fn plugin(context: &Context, verb: PluginVerb) -> Result<Exit, RunError> {
    match verb {
        PluginVerb::Pack(arguments) => pack::pack(context, &arguments),
        PluginVerb::Inspect(arguments) => inspect::inspect(context, &arguments.plugin),
        PluginVerb::Add(arguments) => add::add(context, &arguments),
        PluginVerb::Remove(arguments) => revoke::remove(context, &arguments.plugin),
        PluginVerb::Update(arguments) => update::update(context, &arguments),
        PluginVerb::List => list::list(context),
        PluginVerb::Grant(arguments) => grant::grant(context, &arguments),
        PluginVerb::Revoke(arguments) => revoke::revoke(context, &arguments),
        PluginVerb::Grants => list::grants(context),
        PluginVerb::Audit(arguments) => audit::audit(context, arguments.run.as_ref()),
    }
}
