//! Many requests at once: after each step, `shuttle` chooses which one takes the next.

use std::sync::Arc;
use std::time::Duration;

use shuttle::rand::Rng as _;
use shuttle::sync::{Condvar, Mutex};

use super::Driver;
use super::state::State;

/// One step in so many lets time come to the next deadline, although somebody could go on: a request may be slow.
const SLOW: u32 = 24;

/// Something that runs beside others.
pub(crate) type Task = Box<dyn FnOnce(&Together) + Send>;

#[derive(Clone)]
pub(crate) struct Together(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    changed: Condvar,
}

struct World {
    state: State,
    /// Requests that run, and how many of them wait and were not woken since.
    running: usize,
    waiting: usize,
    /// The times until which requests wait.
    deadlines: Vec<Duration>,
    /// How often time may still come although somebody could go on.
    slow_steps: u32,
}

impl Together {
    /// Time comes at most so often while somebody could go on.
    pub(crate) fn new(state: State, slow_steps: u32) -> Together {
        let world = World { state, running: 0, waiting: 0, deadlines: Vec::new(), slow_steps };
        Together(Arc::new(Shared { world: Mutex::new(world), changed: Condvar::new() }))
    }

    /// Runs tasks beside one another to their ends.
    pub(crate) fn run(&self, tasks: Vec<Task>) {
        self.0.world.lock().unwrap().running = tasks.len();
        let threads: Vec<_> = tasks
            .into_iter()
            .map(|task| {
                let driver = self.clone();
                shuttle::thread::spawn(move || {
                    task(&driver);
                    driver.end();
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    fn end(&self) {
        let mut world = self.0.world.lock().unwrap();
        world.running -= 1;
        // The last one that could go on has ended.
        if world.running > 0 && world.waiting == world.running {
            world.let_time_come();
        }
        self.wake_all(&mut world);
    }

    fn wake_all(&self, world: &mut World) {
        world.waiting = 0;
        self.0.changed.notify_all();
    }

    /// Sleeps, for tasks that are no requests.
    pub(crate) fn sleep(&self, time: Duration) {
        let until = self.step(|state| state.now) + time;
        self.wait(until, |_| None::<()>);
    }
}

impl World {
    /// Lets time come to the next deadline or event.
    fn let_time_come(&mut self) {
        let deadlines = self.deadlines.iter().copied().filter(|deadline| *deadline > self.state.now);
        let next = deadlines.chain(self.state.next_event()).min();
        if let Some(next) = next {
            while let Some(event) = self.state.take_event(next) {
                self.state.happen(event);
            }
            self.state.set_time(next);
        }
    }
}

impl Driver for Together {
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R {
        let mut world = self.0.world.lock().unwrap();
        if world.slow_steps > 0 && shuttle::rand::thread_rng().gen_range(0..SLOW) == 0 {
            world.slow_steps -= 1;
            world.let_time_come();
        }
        let result = step(&mut world.state);
        self.wake_all(&mut world);
        result
    }

    fn wait<R>(&self, until: Duration, mut step: impl FnMut(&mut State) -> Option<R>) -> Option<R> {
        let mut world = self.0.world.lock().unwrap();
        loop {
            if let Some(result) = step(&mut world.state) {
                self.wake_all(&mut world);
                return Some(result);
            }
            if world.state.now >= until {
                return None;
            }
            world.deadlines.push(until);
            if world.waiting + 1 == world.running {
                world.let_time_come();
                self.wake_all(&mut world);
            } else {
                world.waiting += 1;
                world = self.0.changed.wait(world).unwrap();
            }
            let place = world.deadlines.iter().position(|deadline| *deadline == until).unwrap();
            world.deadlines.swap_remove(place);
        }
    }
}
