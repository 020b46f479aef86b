//! How requests run beside one another: in threads, or one inside the other.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::state::State;

pub(crate) trait Driver: Clone {
    /// Does one step. No other request does anything meanwhile.
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R;

    /// Waits until a step gives something, so long at most.
    fn wait<R>(&self, time: Duration, step: impl FnMut(&mut State) -> Option<R>) -> Option<R>;
}

/// Time goes so much faster in threads.
const FASTER: u32 = 20;

/// Requests in threads of their own.
#[derive(Clone)]
pub(crate) struct Threads(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    began: Instant,
    epoch: Duration,
}

impl Threads {
    pub(crate) fn new(state: State) -> Threads {
        let epoch = state.now;
        Threads(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            began: Instant::now(),
            epoch,
        }))
    }

    fn now(&self) -> Duration {
        self.0.epoch + self.0.began.elapsed() * FASTER
    }
}

impl Driver for Threads {
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.0.state.lock().unwrap();
        state.now = self.now();
        let result = step(&mut state);
        self.0.changed.notify_all();
        result
    }

    fn wait<R>(&self, time: Duration, mut step: impl FnMut(&mut State) -> Option<R>) -> Option<R> {
        let until = self.now() + time;
        let mut state = self.0.state.lock().unwrap();
        loop {
            state.now = self.now();
            if let Some(result) = step(&mut state) {
                return Some(result);
            }
            let left = until.checked_sub(state.now).filter(|left| !left.is_zero())?;
            state = self.0.changed.wait_timeout(state, left / FASTER).unwrap().0;
        }
    }
}

/// Something that may happen while a request is under way.
pub(crate) type Task = Box<dyn FnOnce(&Nested)>;

/// One request at a time. Between any two of its steps others may run from their beginning to their end.
#[derive(Clone)]
pub(crate) struct Nested(Rc<World>);

struct World {
    state: RefCell<State>,
    tasks: RefCell<VecDeque<Task>>,
    depth: Cell<u32>,
    deepest: u32,
}

impl Nested {
    /// So many requests are under way at once, at most.
    pub(crate) fn new(state: State, deepest: u32) -> Nested {
        let (state, depth) = (RefCell::new(state), Cell::new(0));
        Nested(Rc::new(World { state, tasks: RefCell::default(), depth, deepest }))
    }

    /// Runs tasks, each after or within another.
    pub(crate) fn run(&self, tasks: Vec<Task>) {
        self.0.tasks.borrow_mut().extend(tasks);
        while self.next() {}
    }

    /// Lets time come; nothing happens meanwhile.
    pub(crate) fn let_pass(&self, time: Duration) {
        self.0.state.borrow_mut().now += time;
    }

    fn next(&self) -> bool {
        let task = self.0.tasks.borrow_mut().pop_front();
        let Some(task) = task else { return false };
        self.0.depth.set(self.0.depth.get() + 1);
        task(self);
        self.0.depth.set(self.0.depth.get() - 1);
        true
    }

    /// Not while a copy is compared and changed: that takes milliseconds, and who has waited a second goes on without.
    fn perhaps_another(&self) {
        let is_due = {
            let mut state = self.0.state.borrow_mut();
            let changes_copy = |name: &String| name.starts_with("lock/identity/");
            let is_free = !state.pops.iter().any(|pop| pop.held.keys().any(changes_copy));
            is_free && state.chance().is_multiple_of(6)
        };
        if is_due && self.0.depth.get() < self.0.deepest {
            self.next();
        }
    }
}

impl Driver for Nested {
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R {
        self.perhaps_another();
        let mut state = self.0.state.borrow_mut();
        state.now += Duration::from_millis(1);
        step(&mut state)
    }

    fn wait<R>(&self, time: Duration, mut step: impl FnMut(&mut State) -> Option<R>) -> Option<R> {
        let until = self.0.state.borrow().now + time;
        loop {
            self.perhaps_another();
            let mut state = self.0.state.borrow_mut();
            if let Some(result) = step(&mut state) {
                return Some(result);
            }
            if state.now >= until {
                return None;
            }
            state.now = (state.now + Duration::from_millis(50)).min(until);
        }
    }
}
