//! A plugin's "no".

use std::time::Duration;

use super::check::{Refused, TEXT, text};
use crate::{
    imports::wire,
    names::{Cause, Failure},
};

/// A failure as it came, checked. What a plugin says about a denial is kept as its word; the record has the host's own.
pub(in crate::engine) fn checked(failure: wire::Failure) -> Result<Failure, Refused> {
    let short = |field: &str, value| text(field, value, TEXT);
    Ok(Failure {
        cause: match failure.cause {
            wire::Cause::Denied(denial) => Cause::Denied {
                action: short("failure.action", denial.action)?,
                rule: short("failure.rule", denial.rule)?,
                cure: short("failure.cure", denial.cure)?,
            },
            wire::Cause::Invalid(value) => Cause::Invalid {
                field: short("failure.field", value.field)?,
                value: short("failure.value", value.value)?,
                expected: short("failure.expected", value.expected)?,
            },
            wire::Cause::Unavailable(retry_after) => Cause::Unavailable { retry_after: retry_after.map(Duration::from_millis) },
            wire::Cause::NotFound => Cause::NotFound,
            wire::Cause::Conflict => Cause::Conflict,
            wire::Cause::Quota => Cause::Quota,
            wire::Cause::Auth => Cause::Auth,
            wire::Cause::TimedOut => Cause::TimedOut,
            wire::Cause::Other => Cause::Other,
        },
        message: short("failure.message", failure.message)?,
        repeatable: failure.repeatable,
        hint: failure.hint.map(|hint| short("failure.hint", hint)).transpose()?,
    })
}
