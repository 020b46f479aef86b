//! The arguments of an origin, for those commands that run one.

use anyhow::Result;
use clap::Args;
use origin::{Origin, Segment, Settings, Token, WebhookSecret};

#[derive(Args)]
pub(crate) struct OriginArguments {
    /// How many streams may be open; more are refused with 503. Each takes a file descriptor and about 12 KB
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_streams)]
    max_streams: usize,
    /// How many environments may be announced; new ones are refused with 503 beyond. As many again may be listened to
    /// without having been announced
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_environments)]
    max_environments: usize,
    /// End each stream after so many seconds, 5 to 90, for a cache that hands it on to clients (vcl/); not for edges
    ///
    /// Clients read what the origin writes, so it says when to come back, sends a comment every 10 seconds, tells no
    /// revision twice, and holds whoever asks with a bad key. Caches may join clients for three eighths of that time.
    /// 40 is a good number: whoever joins has 25 to 40 seconds.
    #[arg(long, value_name = "SECONDS", value_parser = segment)]
    segment: Option<Segment>,
}

fn segment(text: &str) -> Result<Segment, String> {
    let (least, most) = Segment::SECONDS;
    let segment = text.parse().ok().and_then(Segment::of_seconds);
    segment.ok_or_else(|| format!("not a whole number from {least} to {most}"))
}

/// Files for what is no stream: listener, announcements, questions for health and metrics.
const OTHER_FILES: u64 = 64;

impl OriginArguments {
    /// The origin, with what announcements have to bring; what it lacks is said aloud, in the name of a `command`.
    /// Webhooks are of use where something is published in this very process.
    pub(crate) fn origin(
        &self,
        command: &str,
        token: Option<Token>,
        webhook_secret: Option<WebhookSecret>,
    ) -> Result<Origin> {
        let origin = Origin::new(Settings {
            token,
            webhook_secret,
            max_streams: possible(command, self.max_streams),
            max_environments: self.max_environments,
            segment: self.segment,
        });
        if origin.accepts_everyone() {
            eprintln!(
                "jackstaff {command}: no token for announcements, so everybody who reaches it may announce changes"
            );
        }
        Ok(origin)
    }
}

/// As many of the wanted streams as there can be open files, for which the limit of the process is raised as far as the
/// system lets it. Said aloud if it is fewer: beyond, nobody could ask for health or announce anything.
fn possible(command: &str, streams: usize) -> usize {
    let wanted = u64::try_from(streams).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    // A system that does not say has no such limit.
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(u64::MAX);
    if files >= wanted {
        return streams;
    }
    let possible = files.saturating_sub(OTHER_FILES).max(1);
    eprintln!(
        "jackstaff {command}: only {files} files may be open (ulimit -n), so it takes {possible} streams at most"
    );
    usize::try_from(possible).unwrap_or(streams)
}
