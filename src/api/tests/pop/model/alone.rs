//! One request at a time: what is planned happens while it waits.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use api::relay::{head, serve};

use super::ports::read_environment;
use super::state::{Event, State};
use super::{Driver, by_ofrep, sandbox};

#[derive(Clone)]
pub(crate) struct Alone(Rc<RefCell<State>>);

/// The sandbox of requests that happen beside the one that waits.
const BESIDE: u32 = 1_000;

impl Alone {
    pub(crate) fn new(state: State) -> Alone {
        Alone(Rc::new(RefCell::new(state)))
    }

    /// Lets the time come, and all that is planned until then.
    pub(crate) fn wait_until(&self, time: Duration) {
        loop {
            let event = self.0.borrow_mut().take_event(time);
            match event {
                Some(Event::Read) => read_environment(&mut sandbox(self, BESIDE)),
                Some(Event::Connects(heard)) => {
                    serve(head(), &by_ofrep(heard), &mut sandbox(self, BESIDE));
                }
                Some(event) => self.0.borrow_mut().happen(event),
                None => break,
            }
        }
        self.0.borrow_mut().set_time(time);
    }
}

impl Driver for Alone {
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R {
        step(&mut self.0.borrow_mut())
    }

    fn wait<R>(&self, until: Duration, mut step: impl FnMut(&mut State) -> Option<R>) -> Option<R> {
        loop {
            let result = step(&mut self.0.borrow_mut());
            if result.is_some() {
                return result;
            }
            let (now, next) = self.step(|state| (state.now, state.next_event()));
            if now >= until {
                return None;
            }
            // The origin's ping is the only thing that happens unplanned.
            let ping = self.step(|state| state.origin.next_ping());
            let next = next.unwrap_or(until).max(now).min(ping).min(until);
            self.wait_until(next);
        }
    }
}
