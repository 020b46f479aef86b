//! The objects of one part: one for each protocol, all written by the same leader.
//!
//! Clients look up the object with Flagsmith's frames first, whatever their protocol: the client that is to begin it leads.
//! The other objects are begun before it, so a client that finds the first one finds its own.

use std::time::Duration;

use super::frames::{Current, Protocol};
use super::join::WAIT_FOR_FIRST_FRAME;
use super::part::{Channel, FIRST};
use super::ports::{PartState, Parts};
use crate::pop::ports::{Clock, Log, PortError};
use crate::revision::Revision;
use crate::signal;

/// How much longer than the first object the others are found.
const BEYOND_FIRST: Duration = Duration::from_secs(5);

/// How often the object of a protocol is begun anew in one part. Each is one more object to write to.
const RENEWALS: u32 = 8;

pub(super) struct Writers<W> {
    writers: Vec<(Protocol, W)>,
    /// A part that clients join; none for a single client.
    part: Option<Joinable>,
}

struct Joinable {
    channel: Channel,
    n: u32,
    /// When the last client joins, by the clock.
    until: Duration,
    renewals: u32,
}

impl<W> Writers<W> {
    /// Begins all objects of a part, and gives the one that clients of this protocol read.
    ///
    /// # Errors
    /// If the cache fails.
    pub(super) fn begin<P: Parts<Writer = W> + Clock>(
        ports: &P,
        channel: &Channel,
        protocol: Protocol,
        (n, obligation): (u32, P::Obligation),
        joinable: Duration,
    ) -> Result<(Writers<W>, P::Part), PortError> {
        let until = ports.elapsed() + joinable;
        let mut writers = Vec::new();
        for further in channel.further_protocols() {
            let name = channel.part(n, *further);
            writers.push((*further, ports.replace_part(&name, joinable + BEYOND_FIRST, FIRST)?));
        }
        let (first, own) = (channel.part(n, Protocol::Flagsmith), channel.part(n, protocol));
        let (writer, part) = ports.begin_part(obligation, &first, joinable, FIRST)?;
        writers.push((Protocol::Flagsmith, writer));
        let part = if own == first { part } else { look_up(ports, &own)? };
        let joinable = Joinable { channel: channel.clone(), n, until, renewals: RENEWALS };
        Ok((Writers { writers, part: Some(joinable) }, part))
    }

    /// The stream of a single client.
    pub(super) fn alone(protocol: Protocol, writer: W) -> Writers<W> {
        Writers { writers: vec![(protocol, writer)], part: None }
    }

    /// Tells of the revision with which a part begins.
    ///
    /// # Errors
    /// If nothing can be written any more.
    pub(super) fn begin_with<P: Parts<Writer = W> + Log>(
        &mut self,
        ports: &P,
        revision: Revision,
    ) -> Result<(), PortError> {
        self.write(ports, |protocol| {
            let frames = protocol.frames();
            (frames.current == Current::InPart).then(|| (frames.event)(revision))
        })
    }

    /// Tells of a new revision, which is recorded as signalled already.
    ///
    /// # Errors
    /// If nothing can be written any more.
    pub(super) fn tell<P: Parts<Writer = W> + Clock + Log>(
        &mut self,
        ports: &P,
        revision: Revision,
    ) -> Result<(), PortError> {
        let renewed = self.renew(ports);
        let told = self.write(ports, |protocol| Some((protocol.frames().event)(revision)));
        self.writers.extend(renewed);
        told
    }

    /// Begins the objects anew whose clients are told of the current revision before the part: clients that join from now on
    /// must not read of it again in the part, since each event makes them fetch their flags.
    fn renew<P: Parts<Writer = W> + Clock + Log>(&mut self, ports: &P) -> Vec<(Protocol, W)> {
        let Some(part) = &mut self.part else { return Vec::new() };
        let left = part.until.saturating_sub(ports.elapsed());
        if left.is_zero() || part.renewals == 0 {
            return Vec::new();
        }
        part.renewals -= 1;
        let mut renewed = Vec::new();
        for protocol in part.channel.further_protocols() {
            if protocol.frames().current == Current::InPart {
                continue;
            }
            let name = part.channel.part(part.n, *protocol);
            match ports.replace_part(&name, left + BEYOND_FIRST, FIRST) {
                Ok(writer) => renewed.push((*protocol, writer)),
                Err(error) => ports.log(format_args!("{name} could not be begun anew: {error}")),
            }
        }
        renewed
    }

    /// # Errors
    /// If nothing can be written any more.
    pub(super) fn comment<P: Parts<Writer = W> + Log>(
        &mut self,
        ports: &P,
        text: &str,
    ) -> Result<(), PortError> {
        let frame = signal::comment(text);
        self.write(ports, |_| Some(frame.clone()))
    }

    /// Writes to each object what there is for its protocol. One that cannot be written breaks off; the others go on.
    fn write<P: Parts<Writer = W> + Log>(
        &mut self,
        ports: &P,
        frame: impl Fn(Protocol) -> Option<String>,
    ) -> Result<(), PortError> {
        let mut failed = None;
        self.writers.retain_mut(|(protocol, writer)| {
            let Some(frame) = frame(*protocol) else { return true };
            match ports.write(writer, &frame) {
                Ok(()) => true,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        });
        match failed {
            Some(error) if self.writers.is_empty() => Err(error),
            Some(error) => {
                ports.log(format_args!("an object of a part broke off: {error}"));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Ends all objects cleanly.
    ///
    /// # Errors
    /// If one of them cannot be ended.
    pub(super) fn finish<P: Parts<Writer = W>>(self, ports: &P) -> Result<(), PortError> {
        let ends: Vec<_> = self.writers.into_iter().map(|(_, writer)| ports.finish(writer)).collect();
        ends.into_iter().collect()
    }
}

/// A part that was begun just now.
fn look_up<P: Parts>(ports: &P, name: &str) -> Result<P::Part, PortError> {
    match ports.look_up_part(name, WAIT_FOR_FIRST_FRAME)? {
        PartState::Taken { part, over: false } => Ok(part),
        PartState::Taken { .. } | PartState::Vacant(_) => Err(PortError(format!("{name} is not there"))),
    }
}
