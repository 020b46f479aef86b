//! One client of a stream, from its role to the end of the part that it leads.

use std::convert::Infallible;

use http::Response;

use super::frames::{Current, Protocol};
use super::join::{Role, join, label};
use super::lead::{Audience, Began, Report, hold, lead};
use super::part::{Channel, FIRST, Subscription, prefix};
use super::ports::StreamPorts;
use super::writers::Writers;
use crate::pop::ports::PortError;
use crate::pop::{CopyRevision, Pop};

/// Answers a client with a stream. If the client becomes a leader, this returns only when its part has ended. No client is
/// ever sent away with an answer that ends at once, whatever fails.
pub fn serve<P: StreamPorts>(mut head: Response<()>, subscription: &Subscription, pop: &mut Pop<P>) {
    let began = Began::now(pop.ports());
    let Subscription { channel, protocol, .. } = subscription;
    let role = join(subscription, pop.ports());
    label(&mut head, channel, &role);
    match role {
        Role::Follower(_, part) => {
            let before = before_part(subscription, pop);
            pop.ports().answer_with_part(head, before, part);
        }
        Role::Leader(n, obligation) => {
            // Before the part begins: a client that joins it finds this revision, or a later one.
            let copy = copy_revision(channel, pop);
            let joinable = pop.settings().join;
            let name = channel.part(n, Protocol::Flagsmith);
            match Writers::begin(pop.ports(), channel, *protocol, (n, obligation), joinable) {
                Ok((writers, part)) => {
                    let before = before_part(subscription, pop);
                    pop.ports().answer_with_part(head, before, part);
                    write(pop, channel, &name, began, writers, Audience::Part, copy);
                }
                Err(error) => {
                    pop.ports().log(format_args!("{name} could not be begun: {error}"));
                    label(&mut head, channel, &Role::<Infallible, Infallible>::Alone);
                    serve_alone(head, subscription, pop, began);
                }
            }
        }
        Role::Alone => serve_alone(head, subscription, pop, began),
    }
}

/// Serves a client for which there is no part.
fn serve_alone<P: StreamPorts>(
    head: Response<()>,
    subscription: &Subscription,
    pop: &mut Pop<P>,
    began: Began,
) {
    let copy = copy_revision(&subscription.channel, pop);
    let before = before_part(subscription, pop);
    let writer = pop.ports().answer_alone(head, &format!("{before}{FIRST}"));
    if let Ok(writer) = writer {
        let writers = Writers::alone(subscription.protocol, writer);
        write(pop, &subscription.channel, "a stream alone", began, writers, Audience::Single, copy);
    }
}

/// What this client alone reads, before the part that it has joined: where its protocol wants that, with the current revision,
/// unless it has heard of it. It joins first and looks then: what is not here, the part brings.
fn before_part<P: StreamPorts>(subscription: &Subscription, pop: &mut Pop<P>) -> String {
    let mut before = prefix(chance(pop.ports()));
    let frames = subscription.protocol.frames();
    if let Channel::Environment(key) = &subscription.channel
        && frames.current == Current::BeforePart
        && let Some(revision) = pop.revision_to_signal(key)
        && subscription.heard < Some(revision)
    {
        before.push_str(&(frames.event)(revision));
    }
    before
}

fn copy_revision<P: StreamPorts>(channel: &Channel, pop: &mut Pop<P>) -> Option<CopyRevision> {
    match channel {
        Channel::Environment(key) => pop.copy_revision(key),
        Channel::Silent => None,
    }
}

/// Writes a part to its end.
fn write<P: StreamPorts>(
    pop: &mut Pop<P>,
    channel: &Channel,
    name: &str,
    began: Began,
    mut writers: Writers<P::Writer>,
    audience: Audience,
    copy: Option<CopyRevision>,
) {
    let length = pop.settings().stream;
    let led = match channel {
        Channel::Environment(key) => lead(pop, key, &mut writers, began, length, audience, copy),
        Channel::Silent => hold(pop.ports(), &mut writers, began, length),
    };
    trace(pop.ports(), name, began, &led);
    // Without a clean end a part counts as broken off, and no client joins it.
    if let Err(error) = led.and_then(|_| writers.finish(pop.ports())) {
        pop.ports().log(format_args!("{name} broke off: {error}"));
    }
}

fn trace<P: StreamPorts>(ports: &P, name: &str, began: Began, led: &Result<Report, PortError>) {
    let elapsed = began.elapsed(ports).as_millis();
    let vcpu = began.vcpu(ports).as_millis();
    let Report { events, looks, requests } = led.clone().unwrap_or_default();
    ports.trace(format_args!(
        "stream part {name} ended after {elapsed} ms: {vcpu} ms of vCPU, {events} events, {looks} looks at the KV store, \
         {requests} requests to the origin"
    ));
}

pub(super) fn chance<P: StreamPorts>(ports: &P) -> u64 {
    u64::try_from(ports.random() >> 64).unwrap_or_default()
}
