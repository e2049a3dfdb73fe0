//! Runs each journey with each fault at each effect, several journeys at a time.

use parking_lot::Mutex;
use platform::testing::effects::{Effects, Fault, Kind};
use tokio::runtime::{Builder, Runtime};

use crate::books::assert_agree;
use crate::case::Case;
use crate::invariants::{assert_done, assert_hold};
use crate::journey::Journey;
use crate::process::Process;
use crate::world::World;

/// Journeys at a time. A run waits more than it computes: for retries, and for a payment that was not recorded.
const AT_ONCE: usize = 4;

/// All runs of a journey on a kind of database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    pub(crate) journey: Journey,
    pub(crate) database: &'static str,
    /// Of so many runs one is made,
    pub(crate) stride: usize,
    /// and so many are left out before the first.
    pub(crate) offset: usize,
}

/// Makes all runs of these sweeps.
pub(crate) fn all(sweeps: &[Sweep]) {
    let left = Mutex::new(sweeps.iter());
    let next = || left.lock().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(sweep) = next() {
                    sweep.run();
                }
            });
        }
    });
}

/// The faults that an effect of this kind can have. A transaction happens once or not at all.
const fn faults(kind: Kind) -> &'static [Fault] {
    match kind {
        Kind::Commit | Kind::Statement => &[Fault::Death, Fault::Lost],
        Kind::Call | Kind::Publish => &[Fault::Death, Fault::Lost, Fault::Twice],
    }
}

impl Sweep {
    fn run(self) {
        // Serves the third parties while a process runs on this thread.
        let outside = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let world = World::create(self.database, self.journey.capture());
        let world = outside.block_on(world);
        let (mut running, seen) = self.case(&outside, &world, Running::start(&world), None);
        assert!(!seen.is_empty());
        let of_effect = |(number, kind): (usize, &Kind)| {
            let faults = faults(*kind).iter();
            faults
                .map(move |fault| (number, *fault))
                .collect::<Vec<_>>()
        };
        let runs = seen.iter().enumerate().flat_map(of_effect);
        for fault in runs.skip(self.offset).step_by(self.stride) {
            (running, _) = self.case(&outside, &world, running, Some(fault));
        }
        self.end(running);
        outside.block_on(async {
            assert_hold(&world, &format!("{self:?}")).await;
            world.drop().await;
        });
    }

    /// One run, with this fault at the effect of this number. Returns the process that took over, and the journey's
    /// effects.
    fn case(
        self,
        outside: &Runtime,
        world: &World,
        running: Running,
        fault: Option<(usize, Fault)>,
    ) -> (Running, Vec<Kind>) {
        let (journey, database) = (self.journey, self.database);
        let run = format!("{journey:?} on {database}, {fault:?}");
        let case = outside.block_on(Case::begin(world));
        let (mut begun, mut before) = (None, 0);
        running.run(async |process, effects| {
            let start = begun.insert(journey.begin(process, &case).await);
            before = effects.seen().len();
            if let Some((number, fault)) = fault {
                effects.fail_after(number, fault);
            }
            journey.go(process, &case, start).await;
        });
        let (begun, effects) = (begun.unwrap(), running.effects.seen().split_off(before));
        drop(running);
        let next = Running::start(world);
        next.run(async |process, _| {
            process.settle().await;
            journey.go(process, &case, &begun).await;
            process.settle().await;
        });
        outside.block_on(async {
            assert_done(world, &run).await;
            assert_agree(world, journey, &case, &run).await;
        });
        (next, effects)
    }

    /// Reconciliation has nothing to mend.
    fn end(self, running: Running) {
        running.run(async |process, _| {
            let report = returns::workers::sweep(&process.returns_state)
                .await
                .unwrap();
            assert_eq!(report, returns::workers::SweepReport::default(), "{self:?}");
        });
    }
}

/// A process. Whatever it is doing ends with it.
struct Running {
    // Dropped before the runtime, which ends its tasks.
    process: Process,
    effects: Effects,
    runtime: Runtime,
}

impl Running {
    fn start(world: &World) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let effects = Effects::default();
        Self {
            process: runtime.block_on(Process::start(world, &effects)),
            effects,
            runtime,
        }
    }

    /// Has the process do this, unless it dies.
    fn run<'a>(&'a self, work: impl AsyncFnOnce(&'a Process, &'a Effects)) {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.effects.died() => {}
                () = work(&self.process, &self.effects) => {}
            }
        });
    }
}
