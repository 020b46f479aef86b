//! `jackstaff origin`: the origin of change signals.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use origin::{Origin, Segment, Settings, Token};
use tokio::signal;

/// Run the origin of change signals, which holds no flags
///
/// Takes announcements (`POST /sse/environments/KEY/queue-change`), tells streams (`GET /sse/environments/KEY/stream`)
/// of them, and answers `/health/liveness`, `/health/readiness` and `/metrics`. Streams ask for no token, since all they
/// tell is when an environment changed. On Ctrl-C or TERM it aborts them, finishes other requests, and ends.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff origin
  jackstaff origin --listen 0.0.0.0:8080 --token-file /run/secrets/origin-token
  jackstaff origin --max-streams 5000 --max-environments 200
  jackstaff origin --segment 40
  curl -N http://127.0.0.1:7678/sse/environments/KEY/stream")]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDR", env = "ORIGIN_ADDR", default_value = "127.0.0.1:7678")]
    listen: SocketAddr,
    /// The file that holds the token which announcements have to bring; without it, everybody may announce
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
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

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jackstaff origin: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<()> {
    let token = arguments.token_file.as_ref().map(|file| -> Result<Token> {
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
        Token::parse(text.trim_end()).with_context(|| name.to_string())
    });
    let origin = Origin::new(Settings {
        token: token.transpose()?,
        max_streams: possible(arguments.max_streams),
        max_environments: arguments.max_environments,
        segment: arguments.segment,
    });
    if origin.accepts_everyone() {
        eprintln!("jackstaff origin: no --token-file, so everybody who reaches it may announce changes");
    }
    let runtime = tokio::runtime::Runtime::new().context("no runtime could be started")?;
    runtime.block_on(async {
        let address = arguments.listen;
        let listener = origin::listen(address).with_context(|| format!("cannot listen on {address}"))?;
        println!("jackstaff origin: listening on http://{}", listener.local_addr()?);
        origin::run(listener, origin, end()).await;
        Ok(())
    })
}

/// As many of the wanted streams as there can be open files, for which the limit of the process is raised as far as the
/// system lets it. Said aloud if it is fewer: beyond, nobody could ask for health or announce anything.
fn possible(streams: usize) -> usize {
    let wanted = u64::try_from(streams).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    // A system that does not say has no such limit.
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(u64::MAX);
    if files >= wanted {
        return streams;
    }
    let possible = files.saturating_sub(OTHER_FILES).max(1);
    eprintln!(
        "jackstaff origin: only {files} files may be open (ulimit -n), so it takes {possible} streams at most"
    );
    usize::try_from(possible).unwrap_or(streams)
}

/// Ctrl-C, or TERM where there is such a thing.
pub(crate) async fn end() {
    let interrupt = async {
        // Without a handler the process ends by the signal itself.
        let _ = signal::ctrl_c().await;
    };
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    interrupt.await;
}
