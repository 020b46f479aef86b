//! The control plane: whether it publishes, and what edges hear from it.

use std::time::Duration;

use api::Revision;
use api::progress::{Bus, EnvironmentProgress, Publishing};

use crate::asking::{Answer, Asking};
use crate::finding::Finding;
use crate::stream;
use crate::{Opened, Serve};

/// Seconds that a change may take.
const BEHIND: Duration = Duration::from_secs(30);
/// For how long the origin's stream is listened to. It writes every two seconds.
const LISTEN: Duration = Duration::from_secs(7);
/// The limits of the edge's backend.
const FIRST_BYTE: Duration = Duration::from_secs(2);
const BETWEEN_BYTES: Duration = Duration::from_secs(5);

pub(crate) fn examine(
    asking: &Asking,
    serve: Serve<'_>,
    opened: Option<Opened<'_>>,
    tell: &mut dyn FnMut(Finding),
) {
    let url = serve.url.trim_end_matches('/');
    let token = serve.token.map(|token| format!("Token {}", token.reveal()));
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.as_str())).collect();
    match asking.get(&format!("{url}/status"), &headers) {
        Ok(answer) => status(&answer, opened, tell),
        Err((asked, error)) => {
            tell(Finding::wrong(
                "control plane",
                asked,
                error,
                "nothing is published, and edges hear of changes by looking at the KV store every two seconds",
                "start `jackstaff serve`, and see that this address is the one that edges have as their backend `origin`",
            ));
            return;
        }
    }
    if let Some(Opened { key, .. }) = opened {
        origin(url, key, tell);
    }
}

fn status(answer: &Answer, opened: Option<Opened<'_>>, tell: &mut dyn FnMut(Finding)) {
    const CHECK: &str = "control plane";
    match answer.status {
        200 => {}
        401 | 403 => {
            return tell(Finding::wrong(
                CHECK,
                &answer.asked,
                answer.shown(),
                "the token is not that of the control plane, so nothing can be learned of publishing",
                "give the token of its --origin-token-file: --serve-token-file, or JACKSTAFF_ORIGIN_TOKEN",
            ));
        }
        404 => {
            let came = "404: it publishes nothing (`jackstaff origin`), or it is another program";
            return tell(Finding::wrong(CHECK, &answer.asked, came, "", "").noted());
        }
        _ => {
            return tell(Finding::wrong(
                CHECK,
                &answer.asked,
                answer.shown(),
                "what answers there is no control plane",
                "give the address of `jackstaff serve`",
            ));
        }
    }
    let Ok(Publishing { bus, progress }) = serde_json::from_slice(&answer.body) else {
        return tell(Finding::wrong(
            CHECK,
            &answer.asked,
            answer.shown(),
            "what answers there is no control plane, or one of another version",
            "give the address of `jackstaff serve`",
        ));
    };
    if let Some(since) = progress.silent_since {
        tell(Finding::wrong(
            "publishing",
            &answer.asked,
            format!("the publisher has not answered since {since}"),
            "it is stuck: on a disk, or on a server that does not answer",
            "restart `jackstaff serve`; it holds nothing that is not elsewhere",
        ));
    }
    if bus == Bus::Down {
        tell(Finding::wrong(
            "bus",
            &answer.asked,
            "down",
            "replicas do not hear of each other's changes; their edges look at the KV store every ten seconds",
            "see whether Redis answers at the address of --bus",
        ));
    }
    for trouble in &progress.troubles {
        tell(Finding::wrong(
            "publishing",
            &answer.asked,
            format!("{}: {}", trouble.place, trouble.why),
            "an earlier document stays served, or a part of this one never matches",
            "mend the document; `jackstaff lint` shows the places",
        ));
    }
    let Some(Opened { key, revision }) = opened else { return };
    match progress.environments.iter().find(|environment| environment.key.as_str() == key) {
        Some(environment) => of_environment(environment, &answer.asked, revision, tell),
        None => tell(Finding::wrong(
            "publishing",
            &answer.asked,
            format!("{} environments, and not {key}", progress.environments.len()),
            "this control plane does not publish the environment",
            "name its document, or its server-side key in the manifest",
        )),
    }
}

fn of_environment(
    environment: &EnvironmentProgress,
    asked: &str,
    served: Revision,
    tell: &mut dyn FnMut(Finding),
) {
    if let Some(behind) = environment.behind.filter(|behind| *behind > BEHIND) {
        let why = environment.why.as_deref().unwrap_or("no reason is given");
        tell(Finding::wrong(
            "publishing",
            asked,
            format!("behind for {} s: {why}", behind.as_secs()),
            "a change is not at the edge",
            "see the log of `jackstaff serve`; it tries again until it succeeds",
        ));
    } else {
        tell(Finding::sound("publishing", asked, format!("{}: all is published", environment.key)));
    }
    let Some(stored) = environment.revision else { return };
    let came = format!("stored {stored}, served {served}");
    if served < stored {
        tell(Finding::wrong(
            "revision",
            asked,
            came,
            "the edge serves less than what was published: its store is another one, or it lags, or purges do not arrive",
            "compare --store and --service of the control plane with what is linked to the service",
        ));
    } else if served > stored {
        tell(Finding::wrong(
            "revision",
            asked,
            came,
            "something else publishes this environment, too, or this control plane writes to another store",
            "let one control plane publish an environment, or let all of them use the same store",
        ));
    } else {
        tell(Finding::sound("revision", asked, came));
    }
}

/// What an edge hears at the origin, within the limits of its backend.
fn origin(url: &str, key: &str, tell: &mut dyn FnMut(Finding)) {
    const CHECK: &str = "origin";
    let url = format!("{url}/sse/environments/{key}/stream");
    let asked = format!("GET {url} for {} s", LISTEN.as_secs());
    let means = "edges give the connection up, and look at the KV store every two seconds instead of hearing of changes";
    let todo = "let whatever is before the control plane pass streams on as they come, and set the limits of the backend as `src/edge/README.md` has them";
    match stream::listen(&url, &[], LISTEN) {
        Ok(heard) if heard.status == 401 => {
            tell(Finding::sound(
                CHECK,
                asked,
                "401: it wants an edge token, as edges with the secret `edge_token` send",
            ));
        }
        Ok(heard) if heard.status != 200 => {
            tell(Finding::wrong(CHECK, asked, heard.status.to_string(), means, todo));
        }
        Ok(heard) => {
            let first = heard.first.unwrap_or(LISTEN);
            let came = format!(
                "the first byte after {:.1} s, silence of {:.1} s at most",
                first.as_secs_f64(),
                heard.silence.as_secs_f64()
            );
            let is_sound = first <= FIRST_BYTE && heard.silence <= BETWEEN_BYTES && heard.ended.is_none();
            tell(if is_sound {
                Finding::sound(CHECK, asked, came)
            } else {
                Finding::wrong(CHECK, asked, came, means, todo)
            });
        }
        Err(error) => tell(Finding::wrong(CHECK, asked, error, means, todo)),
    }
}
