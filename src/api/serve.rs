//! From a reply to what the platform sends: sections of a copy are read, or handed to the host as streams.

use http::{Method, Request, Response};

use crate::pop::ports::{Cache, Found, Ports};
use crate::pop::{AnswerBody, Pop};
use crate::relay::Channel;
use crate::reply::Reply;
use crate::respond::{respond, unavailable};
use crate::store::{Body, Store};

/// An answer, ready to be sent.
pub type Answer<S> = Response<AnswerBody<S>>;

/// What becomes of a request.
#[derive(Debug)]
pub enum Served<S> {
    Answer(Answer<S>),
    /// A stream of change signals, which [`relay::serve`](crate::relay::serve) serves.
    Stream(Response<()>, Channel),
}

type StreamOf<P> = <<P as Cache>::Found as Found>::Stream;

/// Answers a request from a POP. Never fails.
pub fn serve<P: Ports>(request: &Request<()>, body: &mut dyn Body, pop: &mut Pop<P>) -> Served<StreamOf<P>> {
    let settings = pop.settings();
    let reply = respond(request, body, pop, &settings);
    finish(reply, request, pop)
}

fn finish<P: Ports>(
    reply: Reply<<Pop<P> as Store>::Handle>,
    request: &Request<()>,
    pop: &mut Pop<P>,
) -> Served<StreamOf<P>> {
    let head_only = request.method() == Method::HEAD;
    Served::Answer(match reply {
        Reply::Stream(head, channel) => return Served::Stream(head, channel),
        Reply::Full(response) if head_only => response.map(|_| AnswerBody::Bytes(Vec::new())),
        Reply::Full(response) => response.map(AnswerBody::Bytes),
        Reply::Section(head, ..) if head_only => head.map(|()| AnswerBody::Bytes(Vec::new())),
        Reply::Section(head, mut copy, section) => match pop.section_body(&mut copy, section) {
            Ok(body) => head.map(|()| body),
            Err(_) => return finish(unavailable(request.headers(), &pop.settings()), request, pop),
        },
    })
}
