//! Writes log lines on a separate thread, so that callers never wait for the reader and never see an error. Lines that
//! do not fit in the buffer are dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::counter;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes buffered for a slow reader.
const CAPACITY: usize = 1024 * 1024;
/// How long a process waits at its end for the last lines to be written.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);

/// Passes lines to the writer thread. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Everything was written or dropped.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    is_writing: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl LogWriter {
    /// Starts the thread, which lives as long as the process.
    pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let written = shared.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_pending(&written, sink))?;
        Ok(Self(shared))
    }

    /// Waits briefly until everything logged so far is written.
    pub(super) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_PATIENCE;
        let mut state = self.0.state();
        while state.is_writing || !state.pending.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.0.drained.wait_for(&mut state, left);
        }
    }
}

/// Writes everything pending at once: under load, one system call carries many lines.
fn write_pending(shared: &Shared, mut sink: impl Write) {
    let mut lines = Vec::new();
    loop {
        let mut state = shared.state();
        state.is_writing = false;
        while state.pending.is_empty() {
            shared.drained.notify_all();
            shared.filled.wait(&mut state);
        }
        state.is_writing = true;
        lines.clear();
        std::mem::swap(&mut lines, &mut state.pending);
        drop(state);
        if sink.write_all(&lines).and_then(|()| sink.flush()).is_err() {
            // Nobody reads the log, so there is no better place to report this.
            counter!("vantage_log_write_failures_total").increment(1);
        }
    }
}

/// A line being written.
pub(super) struct Line<'a>(&'a Shared);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        if state.pending.len() + line.len() > CAPACITY {
            drop(state);
            counter!("vantage_log_lines_dropped_total").increment(1);
            return Ok(line.len());
        }
        let was_empty = state.pending.is_empty();
        state.pending.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.0.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn log(writer: &LogWriter, line: &str) {
        writer.make_writer().write_all(line.as_bytes()).unwrap();
    }

    struct Sink(mpsc::Sender<Vec<u8>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (sink, written) = mpsc::channel();
        let writer = LogWriter::start(Sink(sink)).unwrap();
        let lines: Vec<_> = (0..1_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        for line in &lines {
            log(&writer, line);
        }
        writer.flush();
        let all: Vec<u8> = written.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(all).unwrap(), lines.concat());
    }

    /// Blocks until the test releases it.
    struct Stuck(mpsc::Receiver<()>, Sink);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_does_not_read_delays_nobody_and_costs_bounded_memory() {
        let (go_on, stuck) = mpsc::channel();
        let (sink, written) = mpsc::channel();
        let writer = LogWriter::start(Stuck(stuck, Sink(sink))).unwrap();
        let line = "x".repeat(1_024);
        for _ in 0..4 * CAPACITY / line.len() {
            log(&writer, &line);
        }
        assert!(writer.0.state().pending.capacity() <= 2 * CAPACITY);
        // The end of the process does not wait for it either.
        writer.flush();
        for _ in 0..2 {
            go_on.send(()).unwrap();
        }
        drop(go_on);
        writer.flush();
        let all: Vec<u8> = written.try_iter().flatten().collect();
        assert!(
            all.len() <= 2 * CAPACITY && all.len() >= CAPACITY,
            "{}",
            all.len()
        );
    }

    #[test]
    fn a_reader_who_is_gone_is_no_error() {
        let (sink, written) = mpsc::channel();
        drop(written);
        let writer = LogWriter::start(Sink(sink)).unwrap();
        for _ in 0..10 {
            log(&writer, "lost\n");
            writer.flush();
        }
    }
}
