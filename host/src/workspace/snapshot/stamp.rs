//! How a file looked, to know without reading it that it is the same.

use std::time::Duration;

use rustix::{
    fs::Stat,
    time::{ClockId, clock_gettime},
};

/// What the system says of a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workspace) struct Stamp {
    /// Its identity, its size, and when its content and its description were last changed: seconds and nanoseconds.
    pub(super) fields: [u64; 7],
    executable: bool,
}

/// How many numbers a stamp has.
pub(super) const FIELDS: usize = 7;

/// How long ago a change must be before the next one is sure to look different, where the file system keeps parts of a second: the clock
/// that stamps files goes in steps of up to 10 ms.
const FINE: Duration = Duration::from_millis(50);

/// The same where the file system keeps whole seconds, or every second one.
const COARSE: Duration = Duration::from_secs(3);

impl Stamp {
    #[allow(clippy::cast_sign_loss, reason = "the numbers are compared, not computed with; a time before 1970 is as good as another")]
    pub(in crate::workspace) fn of(status: &Stat) -> Self {
        let fields = [
            status.st_dev,
            status.st_ino,
            status.st_size as u64,
            status.st_mtime as u64,
            status.st_mtime_nsec,
            status.st_ctime as u64,
            status.st_ctime_nsec,
        ];
        Self { fields, executable: status.st_mode & 0o100 != 0 }
    }

    pub(super) const fn is_executable(&self) -> bool {
        self.executable
    }

    pub(super) const fn size(&self) -> u64 {
        let [_, _, size, ..] = self.fields;
        size
    }

    /// Whether a file that looks so at `now` cannot be changed any more without looking different: a change within the same step of the
    /// clock would leave no trace.
    pub(super) fn is_settled(&self, now: Duration) -> bool {
        let [_, _, _, modified, modified_nanos, changed, changed_nanos] = self.fields;
        let settled = |seconds: u64, nanos: u64| {
            let at = Duration::from_secs(seconds) + Duration::from_nanos(nanos);
            let step = if nanos == 0 { COARSE } else { FINE };
            at.checked_add(step).is_some_and(|at| at < now)
        };
        settled(modified, modified_nanos) && settled(changed, changed_nanos)
    }
}

/// The clock that stamps files.
pub(super) fn now() -> Duration {
    let now = clock_gettime(ClockId::Realtime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
