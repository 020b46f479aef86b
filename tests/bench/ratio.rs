//! Ratios of two things that are measured in turns.

/// What was measured, by round: of the old thing, and of the new one.
#[derive(Debug, Default)]
pub(crate) struct Ratios(Vec<[f64; 2]>);

impl Ratios {
    /// Measures a round: each of the two, 0 and 1, has two turns. A drift of the machine within a round counts for neither,
    /// since the one that begins also ends it; they begin in turn.
    pub(crate) fn add_round(&mut self, round: usize, mut measure: impl FnMut(usize) -> f64) {
        let first = round % 2;
        let mut sums = [0.0; 2];
        for thing in [first, 1 - first, 1 - first, first] {
            sums[thing] += measure(thing) / 2.0;
        }
        self.0.push(sums);
    }

    /// The median ratio of the new thing to the old one, and its interval of 95 % confidence, by order statistics: whatever
    /// the distribution is.
    pub(crate) fn median(&self) -> (f64, f64, f64) {
        let ratios = sorted(self.0.iter().map(|[old, new]| new / old));
        let count = as_f64(ratios.len());
        // The number of rounds below the median is binomial; 1.96 standard deviations from the middle.
        let reach = 0.98 * count.sqrt();
        let low = nearest(&ratios, (count / 2.0 - reach).floor());
        let high = nearest(&ratios, (count / 2.0 + reach).ceil());
        (quantile(&ratios, 0.5), low, high)
    }

    /// A quantile of each of the two. The noise of a machine only ever adds, so low quantiles show more of the thing.
    pub(crate) fn times(&self, of: f64) -> [f64; 2] {
        [0, 1].map(|thing| quantile(&sorted(self.0.iter().map(|round| round[thing])), of))
    }
}

/// What an interval says about a limit.
pub(crate) fn verdict(low: f64, high: f64, limit: f64) -> &'static str {
    if high <= limit {
        "not slower"
    } else if low > limit {
        "slower"
    } else {
        "open"
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn quantile(sorted: &[f64], of: f64) -> f64 {
    let place = of * as_f64(sorted.len().saturating_sub(1));
    (nearest(sorted, place.floor()) + nearest(sorted, place.ceil())) / 2.0
}

/// The value at a place; the last or the first if there is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an index")]
fn nearest(sorted: &[f64], place: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((place.max(0.0) as usize).min(last)).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "a number of rounds")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
