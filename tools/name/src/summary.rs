//! What was done, in one line at the end.

use std::fmt;
use std::time::Duration;

use crate::namer::Counts;
use crate::options::RUNS;

/// What was done.
pub(crate) struct Summary {
    pub(crate) counts: Counts,
    pub(crate) format: Option<&'static str>,
    pub(crate) took: Duration,
    /// Look-ups that the source no longer knew.
    pub(crate) forgotten: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        write!(
            f,
            "{} flows ({}) in {:.1} s: {} named by client, {} by client-expired, {} by others, {} not named",
            counts.flows,
            self.format.unwrap_or("no format"),
            self.took.as_secs_f64(),
            counts.client,
            counts.expired,
            counts.others,
            counts.unnamed,
        )?;
        if counts.incomplete > 0 {
            write!(f, "; {} rows without addresses and time", counts.incomplete)?;
        }
        write!(f, "; {} lines passed unchanged", counts.unchanged)?;
        if self.forgotten > 0 {
            let forgotten = self.forgotten;
            write!(
                f,
                "; {forgotten} look-ups had no room in memory (--map-max), or were more than "
            )?;
            write!(f, "{RUNS} of one client and address")?;
        }
        Ok(())
    }
}
