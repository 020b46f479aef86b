//! Which member a misspelt name stands for.

use std::collections::BTreeSet;

use engine::members::{Member, ObjectMembers};

/// The member that a name is most likely to mean, of those that are read and that the object lacks.
pub(super) fn meant(
    name: &str,
    object: &'static ObjectMembers,
    present: &BTreeSet<&'static str>,
) -> Option<&'static str> {
    let letters = letters(name);
    let lacking = object.read.iter().filter(|member| !present.contains(member.name));
    let near = lacking.filter_map(|member| Some((distance(&letters, member)?, member.name)));
    near.min().map(|(_, name)| name)
}

/// How many mistakes lie between a name and a member or its alias; none if too many.
fn distance(name: &str, member: &Member) -> Option<usize> {
    let spellings = [Some(member.name), member.alias].into_iter().flatten();
    let near = spellings.filter_map(|spelling| {
        let spelling = letters(spelling);
        // A swap of two neighbours counts as one mistake. Texts of very different lengths are not compared.
        let mistakes = allowed(&spelling);
        if name.len().abs_diff(spelling.len()) > mistakes {
            return None;
        }
        Some(strsim::osa_distance(name, &spelling)).filter(|distance| *distance <= mistakes)
    });
    near.min()
}

/// How many mistakes a name may have. Of a short name, few changes make another word.
fn allowed(spelling: &str) -> usize {
    match spelling.len() {
        0..=2 => 0,
        3..=7 => 1,
        8..=15 => 2,
        _ => 3,
    }
}

/// The letters and digits of a name in lower case. So `featureStateValue`, `Feature-State-Value` and
/// `feature_state_value` are one.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
