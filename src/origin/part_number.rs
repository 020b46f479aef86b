//! The number that clients of a part see: it grows with every announcement, whatever the clocks of publishers say.
//!
//! SDKs compare the number of an event with the one of the flags that they have, or of the last event, and fetch if it is
//! greater. A publisher tells whole seconds, so two changes within one second have the same revision, and a change that is
//! announced late has a lower one. To a client that compares, the second event would say nothing new. So an announcement
//! whose revision is not greater moves the number by one step.

use std::fmt;

use api::Revision;

/// Steps of a second. A step is exact as a float, in decimal digits and in nanoseconds, and is more than a millisecond, the
/// least that any SDK distinguishes. It is small, so that the number does not run ahead of the clock: that takes more than
/// so many announcements of one environment a second. A client that has seen a number ahead of the clock would ignore
/// what another replica, or this one after a restart, announces until the clock is there.
const STEPS: u64 = 512;

/// Decimal digits of one step as a part of a second.
const DIGITS: usize = 9;
const STEP: u64 = 10_u64.pow(9) / STEPS;

/// Seconds since the epoch, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartNumber(u64);

impl PartNumber {
    /// The number of an announcement of a revision: the revision itself, if that is greater than the number `before`.
    pub(crate) fn next(before: Option<PartNumber>, revision: Revision) -> Self {
        let own = revision.0.saturating_mul(STEPS);
        Self(before.map_or(own, |PartNumber(before)| own.max(before.saturating_add(1))))
    }
}

/// `1772450553.0` or `1772450553.001953125`: seconds, with a point, which some SDKs insist on.
impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, steps) = (self.0 / STEPS, self.0 % STEPS);
        let fraction = format!("{:0DIGITS$}", steps * STEP);
        let digits = fraction.trim_end_matches('0');
        write!(f, "{seconds}.{}", if digits.is_empty() { "0" } else { digits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of announcements of these revisions.
    fn numbers(revisions: &[u64]) -> Vec<PartNumber> {
        let mut numbers = Vec::new();
        for revision in revisions {
            numbers.push(PartNumber::next(numbers.last().copied(), Revision(*revision)));
        }
        numbers
    }

    #[test]
    fn each_announcement_moves_the_number_whatever_its_revision() {
        for (situation, revisions, expected) in [
            ("greater ones", &[7, 8, 20][..], &["7.0", "8.0", "20.0"][..]),
            ("two within a second", &[7, 7, 7], &["7.0", "7.001953125", "7.00390625"]),
            ("one that comes late", &[20, 7, 21], &["20.0", "20.001953125", "21.0"]),
            ("a clock that was set back", &[20, 8, 9], &["20.0", "20.001953125", "20.00390625"]),
            ("none known", &[0, 0], &["0.0", "0.001953125"]),
        ] {
            let numbers: Vec<String> = numbers(revisions).iter().map(ToString::to_string).collect();
            assert_eq!(numbers, expected, "{situation}");
        }
    }

    /// SDKs read it as a float, and some go on with milliseconds or with microseconds.
    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "as SDKs do"
    )]
    fn every_step_is_greater_as_a_float_and_in_milliseconds() {
        let revision = 1_772_450_553;
        let numbers = numbers(&[revision; 1_025]);
        let read = |number: &PartNumber| number.to_string().parse::<f64>().unwrap();
        for pair in numbers.windows(2) {
            let [before, after] = [read(&pair[0]), read(&pair[1])];
            assert!(before < after, "{pair:?}");
            assert!(((before * 1e3) as u64) < (after * 1e3) as u64, "{pair:?}");
        }
        assert_eq!(read(numbers.last().unwrap()), (revision + 2) as f64);
    }

    #[test]
    fn the_greatest_number_does_not_wrap() {
        let numbers = numbers(&[u64::MAX, u64::MAX]);
        assert_eq!(numbers[0], numbers[1]);
    }
}
