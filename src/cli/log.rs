//! The lines that a command writes while it works. Threads of their own write them: a pipe that nobody reads, or a disk that
//! is full, must stop neither a publication nor a stream.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use publisher::on_one_line;
use publisher::watch::LogLine;

/// Prints a line on standard output. What it is made of may be text of others; a closed output is ignored.
macro_rules! say {
    ($($text:tt)*) => { $crate::log::print(std::io::stdout(), &format!($($text)*)) };
}

/// The same on standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::log::print(std::io::stderr(), &format!($($text)*)) };
}

pub(crate) use {complain, say};

pub(crate) fn print(mut output: impl Write, text: &str) {
    let _ = writeln!(output, "{}", on_one_line(text));
}

/// Lines that wait to be written. What comes beyond is left out, and counted.
const WAITING: usize = 1_024;
/// How long the last lines may take at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where a command writes its lines. Clones are the same.
#[derive(Clone)]
pub(crate) struct Log {
    command: &'static str,
    information: Output,
    warnings: Output,
}

impl Log {
    /// Of a command of this name: information goes to standard output, warnings to standard error.
    pub(crate) fn new(command: &'static str) -> Log {
        Log { command, information: Output::new(io::stdout), warnings: Output::new(io::stderr) }
    }

    /// Writes a line soon, and on one line, whatever it is made of. It never waits.
    pub(crate) fn line(&self, line: &LogLine) {
        let output = if line.is_warning { &self.warnings } else { &self.information };
        output.put(format!("jackstaff {}: {}", self.command, on_one_line(&line.line)));
    }

    pub(crate) fn information(&self, text: &str) {
        self.line(&LogLine { is_warning: false, line: text.to_owned() });
    }

    pub(crate) fn warning(&self, text: &str) {
        self.line(&LogLine { is_warning: true, line: text.to_owned() });
    }

    /// Waits for the lines before, but not for long.
    pub(crate) fn finish(&self) {
        let until = Instant::now() + LAST_LINES;
        for output in [&self.information, &self.warnings] {
            let (done, is_done) = channel();
            let mut mark = Entry::Mark(done);
            while let Err(TrySendError::Full(still)) = output.lines.try_send(mark) {
                if Instant::now() >= until {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
                mark = still;
            }
            let _ = is_done.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
}

enum Entry {
    Line(String),
    /// All before it is written.
    Mark(Sender<()>),
}

#[derive(Clone)]
struct Output {
    lines: SyncSender<Entry>,
    left_out: Arc<AtomicU64>,
}

impl Output {
    fn new<W: Write + 'static>(open: impl FnOnce() -> W + Send + 'static) -> Output {
        let (lines, to_write) = sync_channel(WAITING);
        let left_out = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&left_out);
        thread::spawn(move || write_all(&mut open(), &to_write, &counted));
        Output { lines, left_out }
    }

    fn put(&self, line: String) {
        if self.lines.try_send(Entry::Line(line)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes lines until nobody has any. An output that is closed, or full, is ignored.
fn write_all(output: &mut impl Write, to_write: &Receiver<Entry>, left_out: &AtomicU64) {
    for entry in to_write {
        match entry {
            Entry::Line(line) => drop(writeln!(output, "{line}")),
            Entry::Mark(done) => drop(done.send(())),
        }
        let count = left_out.swap(0, Ordering::Relaxed);
        if count > 0 {
            drop(writeln!(
                output,
                "jackstaff: {count} lines were left out here, since nobody read the ones before"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// An output that takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Stuck(Arc<Pipe>);

    #[derive(Default)]
    struct Pipe {
        written: Mutex<Vec<u8>>,
        is_open: Mutex<bool>,
        opened: Condvar,
    }

    impl Stuck {
        fn open(&self) {
            *self.0.is_open.lock().unwrap() = true;
            self.0.opened.notify_all();
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.written.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.0.opened.wait_while(self.0.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
            self.0.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_takes_nothing_delays_nobody_and_what_is_left_out_is_counted() {
        let stuck = Stuck::default();
        let writer = stuck.clone();
        let output = Output::new(move || writer);
        let log = Log { command: "test", information: output.clone(), warnings: output };
        let begun = Instant::now();
        for number in 0..5_000 {
            log.warning(&format!("line {number}"));
        }
        log.finish();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        stuck.open();
        log.finish();
        let text = stuck.text();
        assert!(text.starts_with("jackstaff test: line 0\n"), "{text:.100}");
        let written = text.lines().filter(|line| line.contains(" line ")).count();
        let left_out: usize = text
            .lines()
            .filter_map(|line| line.strip_prefix("jackstaff: ")?.split(' ').next()?.parse::<usize>().ok())
            .sum();
        assert_eq!(written + left_out, 5_000, "{written} written");
        log.warning("after that");
        log.finish();
        assert!(stuck.text().ends_with("jackstaff test: after that\n"));
    }
}
