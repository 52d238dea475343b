//! Fetching an image, with what is shown meanwhile.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use worldflux_plugin::{Failure, log};

use crate::{
    dialect,
    progress::{self, Line},
};

/// How often to tell.
const OFTEN: Duration = Duration::from_millis(250);

/// How far the layers are that are being fetched.
#[derive(Debug, Default)]
struct Layers(BTreeMap<String, (u64, Option<u64>)>);

impl Layers {
    fn take(&mut self, line: &Line) {
        let (Some(id), Some(status)) = (&line.id, &line.status) else { return };
        let known = self.0.entry(id.clone()).or_default();
        match (status.as_str(), line.progress) {
            ("Downloading", Some(progress)) => {
                let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
                *known = (number(progress.current).unwrap_or(known.0), number(progress.total).or(known.1));
            }
            // All of it is here.
            ("Download complete" | "Extracting" | "Pull complete", _) => known.0 = known.1.unwrap_or(known.0),
            _ => {}
        }
    }

    /// Bytes that are here, and bytes in all where every layer has told them.
    fn sum(&self) -> (u64, Option<u64>) {
        let layers = || self.0.values().filter(|(_, total)| total.is_some());
        let total = layers().filter_map(|(_, total)| *total).sum();
        (layers().map(|(here, _)| here).sum(), Some(total).filter(|total| *total > 0))
    }
}

pub(crate) fn pull(name: &str) -> Result<(), Failure> {
    let label = format!("fetching {name}");
    log::progress(&label, 0, None, "bytes");
    let mut layers = Layers::default();
    let mut told = Instant::now();
    progress::follow(dialect::pull(name)?, &format!("fetching the image `{name}`"), |line| {
        layers.take(line);
        if told.elapsed() >= OFTEN {
            let (here, total) = layers.sum();
            log::progress(&label, here, total, "bytes");
            told = Instant::now();
        }
    })?;
    let (here, total) = layers.sum();
    log::progress(&label, total.unwrap_or(here), total.or(Some(here)), "bytes");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Progress;

    fn line(id: &str, status: &str, current: i64, total: i64) -> Line {
        let progress = Some(Progress { current: Some(current), total: Some(total) });
        Line { id: Some(id.into()), status: Some(status.into()), progress, ..Line::default() }
    }

    #[test]
    fn progress_is_that_of_all_layers_and_never_goes_back() {
        let mut layers = Layers::default();
        layers.take(&Line { id: Some("latest".into()), status: Some("Pulling from library/x".into()), ..Line::default() });
        assert_eq!(layers.sum(), (0, None));
        layers.take(&line("a", "Downloading", 10, 100));
        layers.take(&line("b", "Downloading", 5, 50));
        assert_eq!(layers.sum(), (15, Some(150)));
        layers.take(&line("a", "Download complete", 0, 0));
        layers.take(&line("b", "Extracting", 1, 50));
        assert_eq!(layers.sum(), (150, Some(150)));
    }
}
