//! Whether the API can be used.

use worldflux_plugin::{Cause, Detail, Failure, Finding, secrets};

use crate::{
    dialect::{self, Account},
    settings::{self, Work},
};

/// What to do about a token that is missing or refused.
pub(crate) const HOW_TO_LOG_IN: &str =
    "make a token at https://replicate.com/account/api-tokens, and then `worldflux secret set replicate-api-token`";

pub(crate) fn findings(text: &str) -> Result<Vec<Finding>, Failure> {
    let settings = settings::read(text)?;
    // Without it every request would be refused, and the host says already that it is missing.
    if !secrets::is_available(dialect::TOKEN) {
        return Ok(vec![Finding::info("account", "it is not known without a token").remedy(HOW_TO_LOG_IN)]);
    }
    let account = account(dialect::account());
    let reached = account.remedy.is_none();
    let mut findings = vec![account];
    if reached {
        findings.extend(match &settings.work {
            Work::Predict => None,
            Work::Deployment(name) => Some(there("deployment", &name.to_string(), dialect::deployment(name).map(drop))),
            Work::Train(name) => Some(there("destination", &name.to_string(), dialect::model(name).map(drop))),
        });
    }
    Ok(findings)
}

fn account(answer: Result<Account, Failure>) -> Finding {
    match answer {
        Ok(account) => {
            let kind = if account.kind.is_empty() { "account" } else { &account.kind };
            let message = format!("{kind} `{}`", account.username);
            Finding::info("account", message).detail(Detail::text("username", account.username))
        }
        Err(failure) if failure.cause == Cause::Auth => {
            Finding::error("account", format!("the API does not accept the token: {failure}")).remedy(HOW_TO_LOG_IN)
        }
        Err(failure) => broken("account", failure),
    }
}

fn there(check: &str, name: &str, answer: Result<(), Failure>) -> Finding {
    match answer {
        Ok(()) => Finding::info(check, format!("`{name}` is there")),
        Err(failure) if failure.cause == Cause::NotFound => {
            Finding::error(check, format!("there is no {check} `{name}`, or this token may not use it")).remedy("check the name")
        }
        Err(failure) => broken(check, failure),
    }
}

fn broken(check: &str, failure: Failure) -> Finding {
    let remedy = match failure.cause {
        Cause::Denied { cure, .. } if !cure.is_empty() => cure,
        _ => failure.hint.unwrap_or_else(|| "check the network, and https://www.replicatestatus.com".into()),
    };
    Finding::error(check, failure.message).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use worldflux_plugin::Severity;

    use super::*;

    #[test]
    fn a_token_that_is_refused_blocks_and_so_does_an_api_that_cannot_be_reached() {
        let refused = account(Err(Failure::new(Cause::Auth, "reading the account failed with status 401")));
        assert_eq!(refused.severity, Severity::Error);
        assert!(refused.message.contains("401") && refused.remedy.is_some());
        assert_eq!(account(Err(Failure::unavailable("x", None))).severity, Severity::Error);
        assert_eq!(account(Ok(Account { username: "ada".into(), kind: "user".into() })).message, "user `ada`");
    }
}
