//! One client of a stream, from its role to the end of the part that it leads.

use std::convert::Infallible;

use http::Response;

use super::join::{Role, join, label};
use super::lead::{Audience, Began, Report, hold, lead};
use super::part::{Channel, FIRST, prefix};
use super::ports::StreamPorts;
use crate::pop::Pop;
use crate::pop::ports::PortError;

/// Answers a client with a stream. If the client becomes a leader, this returns only when its part has ended. No client is
/// ever sent away with an answer that ends at once, whatever fails.
pub fn serve<P: StreamPorts>(mut head: Response<()>, channel: &Channel, pop: &mut Pop<P>) {
    let began = Began::now(pop.ports());
    let role = join(channel, pop.ports());
    label(&mut head, channel, &role);
    let prefix = prefix(chance(pop.ports()));
    match role {
        Role::Follower(_, part) => pop.ports().answer_with_part(head, prefix, part),
        Role::Leader(n, obligation) => {
            let name = channel.part(n);
            let joinable = pop.settings().join;
            match pop.ports().begin_part(obligation, &name, joinable, FIRST) {
                Ok((writer, part)) => {
                    pop.ports().answer_with_part(head, prefix, part);
                    write(pop, channel, &name, began, writer, Audience::Part);
                }
                Err(error) => {
                    pop.ports().log(format_args!("{name} could not be begun: {error}"));
                    label(&mut head, channel, &Role::<Infallible, Infallible>::Alone);
                    serve_alone(head, &prefix, channel, pop, began);
                }
            }
        }
        Role::Alone => serve_alone(head, &prefix, channel, pop, began),
    }
}

/// Serves a client for which there is no part.
fn serve_alone<P: StreamPorts>(
    head: Response<()>,
    prefix: &str,
    channel: &Channel,
    pop: &mut Pop<P>,
    began: Began,
) {
    let writer = pop.ports().answer_alone(head, &format!("{prefix}{FIRST}"));
    if let Ok(writer) = writer {
        write(pop, channel, "a stream alone", began, writer, Audience::Single);
    }
}

/// Writes a part to its end.
fn write<P: StreamPorts>(
    pop: &mut Pop<P>,
    channel: &Channel,
    name: &str,
    began: Began,
    mut writer: P::Writer,
    audience: Audience,
) {
    let length = pop.settings().stream;
    let led = match channel {
        Channel::Environment(key) => lead(pop, key, &mut writer, began, length, audience),
        Channel::Silent => hold(pop.ports(), &mut writer, began, length),
    };
    trace(pop.ports(), name, began, &led);
    // Without a clean end a part counts as broken off, and no client joins it.
    if let Err(error) = led.and_then(|_| pop.ports().finish(writer)) {
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
