//! Building an image, with what is shown meanwhile.

use std::collections::VecDeque;

use worldflux_plugin::{Detail, Failure, log};

use crate::{
    dialect::{self, Build},
    progress,
};

/// Lines of the output that stand in a failure.
const LAST: usize = 40;

/// The longest line of them, in characters.
const LONGEST: usize = 400;

pub(crate) fn build(wanted: Build<'_>) -> Result<(), Failure> {
    let label = format!("building {}", wanted.tag);
    let what = format!("building the image `{}`", wanted.tag);
    log::progress(&label, 0, None, "steps");
    let mut last = VecDeque::new();
    let body = dialect::build(wanted)?;
    let followed = progress::follow(body, &what, |line| {
        for text in line.stream.iter().flat_map(|text| text.lines()).map(str::trim_end).filter(|text| !text.is_empty()) {
            if let Some((done, total)) = step(text) {
                log::progress(&label, done - 1, Some(total), "steps");
                log::info(text);
            }
            last.push_back(text.chars().take(LONGEST).collect::<String>());
            if last.len() > LAST {
                last.pop_front();
            }
        }
    });
    followed.map_err(|failure| failure.detail(Detail::text("output", Vec::from_iter(last).join("\n"))))?;
    log::progress(&label, 1, Some(1), "steps");
    Ok(())
}

/// The numbers in `Step 2/5 : RUN make`, or in podman's `STEP 2/5: RUN make`.
fn step(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "))?;
    let (done, total) = rest.split([' ', ':']).next()?.split_once('/')?;
    let (done, total) = (done.parse().ok()?, total.parse().ok()?);
    (1..=total).contains(&done).then_some((done, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_daemons_number_their_steps() {
        assert_eq!(step("Step 2/5 : RUN make"), Some((2, 5)));
        assert_eq!(step("STEP 5/5: RUN make"), Some((5, 5)));
        for other in ["Step x", "Step 0/5 : x", "Step 6/5 : x", " ---> abc", "Stepping 1/2"] {
            assert_eq!(step(other), None, "{other}");
        }
    }
}
