//! What would be made, on what, and for how much, as far as the API tells.

use std::time::Duration;

use worldflux_plugin::{Cause, Failure, Outline, PlannedResource, context::Context};

use crate::{
    command::Command,
    doctor,
    settings::{self, Settings},
    target::{Target, Way},
};

pub(crate) fn outline(context: &Context) -> Result<Outline, Failure> {
    check(context)?;
    let settings = settings::read(&context.settings)?;
    let deadline = context.deadline.map(Duration::from_millis);
    let outline = Outline { price_in_all: price_in_all(&settings, deadline), ..Outline::free() };
    let Some(command) = Command::of_run(context)? else {
        return Ok(outline.step("create a prediction, and follow it to its end"));
    };
    let target = Target::look_up(&command, &settings)
        .map_err(|failure| if failure.cause == Cause::Auth { failure.hint(doctor::HOW_TO_LOG_IN) } else { failure })?;
    target.schema.check(&command)?;
    Ok(of_target(&target, &settings, &command, outline))
}

fn of_target(target: &Target, settings: &Settings, command: &Command, mut outline: Outline) -> Outline {
    let per_hour = settings.price_per_second.map(|price| micro_dollars(price * 3600.0));
    outline.resources.push(PlannedResource { kind: target.kind().word().into(), name: target.words(), count: 1, price_per_hour: per_hour });
    let hardware = match &target.hardware {
        Some(hardware) => format!("on `{hardware}`"),
        None => format!("on the hardware of the model, which the API does not tell: https://replicate.com/{}", target.model),
    };
    let keys: Vec<_> = command.inputs.iter().map(|(key, _)| key.as_str()).collect();
    let input = if keys.is_empty() { "without input".to_owned() } else { format!("with {}", keys.join(", ")) };
    let of = match &target.way {
        Way::Version(_) | Way::Model => String::new(),
        Way::Deployment(name) => format!(" by the deployment `{name}`"),
        Way::Training { destination, .. } => format!(" into `{destination}`"),
    };
    let outline = outline.step(format!("create a {} of {}{of} {input}", target.kind().word(), target.words()));
    let outline = outline.step(format!("let it run {hardware}"));
    let outline = match settings.price_per_second {
        Some(_) => outline.step("take the price of a second from the setting `price_per_second`"),
        None => {
            outline.step("the price is not told by the API; the setting `price_per_second` says it, as it stands on the page of the model")
        }
    };
    outline.step("follow it to its end, and bring its output home")
}

/// What the environment asks for and a hosted model cannot have.
pub(crate) fn check(context: &Context) -> Result<(), Failure> {
    let specification = &context.specification;
    let never = |field: &str, value: String, why: &str| Err(Failure::invalid(field, value, why));
    let all = [&specification.setup_commands, &specification.caller_setup_commands, &specification.resume_commands];
    if let Some(line) = all.into_iter().flatten().next().filter(|_| !specification.setup_disabled) {
        return never("setup", line.clone(), "no setup lines: a hosted model has no shell");
    }
    if let Some(variable) = context.variables.first() {
        return never("variables", variable.name.clone(), "no variables: a model has inputs by name, `key=value`");
    }
    if let Some(mount) = specification.mounts.first() {
        return never("mounts", mount.target.clone(), "no mounts: give a file to an input with `key=@path`");
    }
    if let Some(port) = specification.ports.first() {
        return never("ports", port.inside.to_string(), "no ports: a hosted model has none");
    }
    if !specification.user.is_empty() {
        return never("user", specification.user.clone(), "no user: a hosted model has none");
    }
    Ok(())
}

/// The most that it can cost, where both the price and a limit are known.
fn price_in_all(settings: &Settings, deadline: Option<Duration>) -> Option<u64> {
    let price = settings.price_per_second?;
    if price <= 0.0 {
        return Some(0);
    }
    Some(micro_dollars(price * deadline?.as_secs_f64()))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a price is not negative, and a larger one than fits is the largest"
)]
pub(crate) fn micro_dollars(price: f64) -> u64 {
    price.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Name;

    fn plan(settings: &str, deadline: Option<u64>) -> Outline {
        let settings = settings::read(settings).unwrap();
        let outline = Outline { price_in_all: price_in_all(&settings, deadline.map(Duration::from_secs)), ..Outline::free() };
        let command = Command::parse(&["acme/echo".into(), "text=hi".into()]).unwrap();
        of_target(&Target::of(Name::parse("x", "acme/echo").unwrap()), &settings, &command, outline)
    }

    #[test]
    fn without_a_price_nothing_is_said_to_be_free() {
        let outline = plan("", Some(60));
        assert_eq!((outline.price_in_all, outline.resources[0].price_per_hour), (None, None));
        assert!(outline.steps.iter().any(|step| step.contains("the price is not told by the API")), "{:?}", outline.steps);
    }

    #[test]
    fn a_price_and_a_limit_bound_the_cost() {
        let outline = plan(r#"{"price_per_second":0.000225}"#, Some(60));
        assert_eq!((outline.price_in_all, outline.resources[0].price_per_hour), (Some(13_500), Some(810_000)));
        assert_eq!(plan(r#"{"price_per_second":0.000225}"#, None).price_in_all, None);
        assert_eq!(plan(r#"{"price_per_second":0}"#, None).price_in_all, Some(0));
    }
}
