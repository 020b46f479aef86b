//! From a reply to what the platform sends: sections of a copy are read, or handed to the host as streams.

use http::{Request, Response};

use crate::pop::ports::{Cache, Found, Ports};
use crate::pop::{AnswerBody, Pop};
use crate::relay::Subscription;
use crate::reply::{After, Reply, ReplyBody};
use crate::respond::{respond, unavailable};
use crate::store::{Body, Store};

/// An answer, ready to be sent.
pub type Answer<S> = Response<AnswerBody<S>>;

/// What becomes of a request.
#[derive(Debug)]
pub enum Served<S> {
    /// An answer, and what is to be done once the client has it: see [`finish`].
    Answer(Answer<S>, Vec<After>),
    /// A stream of change signals, which [`relay::serve`](crate::relay::serve) serves.
    Stream(Response<()>, Subscription),
}

type StreamOf<P> = <<P as Cache>::Found as Found>::Stream;

/// Answers a request from a POP. Never fails.
pub fn serve<P: Ports>(request: &Request<()>, body: &mut dyn Body, pop: &mut Pop<P>) -> Served<StreamOf<P>> {
    let settings = pop.settings();
    let reply = respond(request, body, pop, &settings);
    prepare(reply, request, pop)
}

/// Does what was left for the time after an answer.
pub fn finish<P: Ports>(after: Vec<After>, pop: &mut Pop<P>) {
    for todo in after {
        match todo {
            After::Log(line) => {
                pop.log_seldom(&line);
            }
            After::Record(line) => pop.record(&line),
            After::Store(write) => pop.store_traits(&write),
        }
    }
}

fn prepare<P: Ports>(
    reply: Reply<<Pop<P> as Store>::Handle>,
    request: &Request<()>,
    pop: &mut Pop<P>,
) -> Served<StreamOf<P>> {
    let body = match reply.body {
        ReplyBody::Stream(subscription) => return Served::Stream(reply.head, subscription),
        ReplyBody::Full(bytes) => AnswerBody::Bytes(bytes),
        ReplyBody::Section(mut copy, section) => match pop.section_body(&mut copy, section) {
            Ok(body) => body,
            Err(_) => return prepare(unavailable(request.headers(), &pop.settings()), request, pop),
        },
    };
    Served::Answer(reply.head.map(|()| body), reply.after)
}
