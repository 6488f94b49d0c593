//! How sure an answer is: what everyone who answers shares, so that the same knowledge has the same
//! confidence wherever it is kept.
//!
//! The numbers order candidates and say how answers compare; they were chosen, and are not measured
//! probabilities.

use std::time::Duration;

/// How much later than the use of an address its look-up may seem to be: the clocks of two machines
/// differ.
pub const TOLERANCE: Duration = Duration::from_secs(2);

/// What the confidences of an answer sum up to if the client itself was told.
pub const CLIENT: f32 = 0.95;

/// What they sum up to if other clients were told.
pub const OTHERS: f32 = 0.7;

/// By how much a name is less likely than the one that was looked up after it.
pub const NEXT_FACTOR: f32 = 0.125;

/// By how much a name that no longer held is less likely than one that did.
pub const EXPIRED_FACTOR: f32 = 0.25;

/// After which time the confidence in what no longer holds is half.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// By how much the confidence is less if nothing held any more for so long: from 1 towards 0.
#[must_use]
pub fn decay(expired_for: Duration) -> f32 {
    HALF_LIFE.as_secs_f32() / HALF_LIFE.saturating_add(expired_for).as_secs_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_halves_in_an_hour() {
        assert!((decay(Duration::ZERO) - 1.0).abs() < f32::EPSILON);
        assert!((decay(HALF_LIFE) - 0.5).abs() < f32::EPSILON);
        assert!(decay(Duration::from_secs(u64::MAX - 3600)) >= 0.0);
    }
}
