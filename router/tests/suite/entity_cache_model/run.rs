//! One run of the model: what happens in which order, and what each read may get.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, poll};
use proptest::prelude::*;
use serde_json::Value;

use super::shared::Mode;
use super::world::{Instance, PRODUCTS, World};
use super::{Read, Selects, execute, planned};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Read(usize, Read),
    /// Changes a product; a process is about to invalidate it.
    Write(usize),
    /// A process invalidates one of the changes, perhaps not for the last time.
    Announce {
        which: usize,
        process: usize,
        repeats: bool,
    },
    /// A process hears of what another has invalidated, perhaps not for the last time.
    Deliver {
        which: usize,
        repeats: bool,
    },
    /// The subgraph answers so many fetches.
    Answer(usize),
    /// Lets other tasks run.
    Yield,
    /// A process forgets its own values.
    Clear(usize),
    /// The connection of a process is lost, and with it what it would have heard; until it is back, nothing is used.
    Disconnect(usize),
    /// Somebody gives up waiting for their answer.
    Cancel(usize),
    /// A process dies, and another takes its place.
    Kill(usize),
    /// So many values arrive at the server that they are shared on.
    Put(usize),
    Server(Mode),
    Evict(usize),
    Save,
    Restart {
        with_saved: bool,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let selects = prop_oneof![
        4 => Just(Selects::Public),
        1 => Just(Selects::Private),
        2 => Just(Selects::Both),
        2 => Just(Selects::Root),
    ];
    let read = (1..16_u8, 0..12_u16, selects).prop_map(|(products, caller, selects)| Read {
        products,
        caller,
        selects,
    });
    let process = || 0..PROCESSES;
    let mode = prop_oneof![
        2 => Just(Mode::Up),
        1 => Just(Mode::Unacknowledged),
        1 => Just(Mode::Away),
    ];
    let reading = (process(), read).prop_map(|(process, read)| Step::Read(process, read));
    let announcing = (any::<usize>(), process(), any::<bool>());
    // Mostly what lets processes find each other's values: only then can one be too old.
    prop_oneof![
        30 => reading,
        2 => (0..PRODUCTS).prop_map(Step::Write),
        3 => announcing.prop_map(|(which, process, repeats)| Step::Announce {
            which,
            process,
            repeats,
        }),
        5 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, repeats)| Step::Deliver { which, repeats }),
        20 => (1..4_usize).prop_map(Step::Answer),
        30 => Just(Step::Yield),
        5 => process().prop_map(Step::Clear),
        1 => process().prop_map(Step::Disconnect),
        2 => any::<usize>().prop_map(Step::Cancel),
        1 => process().prop_map(Step::Kill),
        20 => (1..4_usize).prop_map(Step::Put),
        1 => mode.prop_map(Step::Server),
        1 => any::<usize>().prop_map(Step::Evict),
        1 => Just(Step::Save),
        1 => any::<bool>().prop_map(|with_saved| Step::Restart { with_saved }),
    ]
}

/// Processes at a time, and those that take the place of others.
const PROCESSES: usize = 2;
const SPARE: usize = 1;

type Versions = [u64; PRODUCTS];

/// A read that has begun, and the oldest versions that it may get.
struct Begun {
    process: usize,
    read: Read,
    oldest: Versions,
    answer: LocalBoxFuture<'static, Value>,
}

/// An invalidation on its way to the shared values.
struct Announcing {
    process: usize,
    product: usize,
    version: u64,
    recording: LocalBoxFuture<'static, bool>,
}

/// What a process is about to hear.
#[derive(Clone, Copy)]
struct Message {
    to: usize,
    product: usize,
    version: u64,
    is_recorded: bool,
}

/// A process, and the versions that it has heard of.
struct Process {
    instance: Instance,
    is_connected: bool,
    arrived: Versions,
}

impl Process {
    fn new(instance: Instance, arrived: Versions) -> Self {
        Self {
            instance,
            is_connected: true,
            arrived,
        }
    }

    fn arrives(&mut self, product: usize, version: u64) {
        self.arrived[product] = self.arrived[product].max(version);
    }
}

/// The state of a run.
struct Run {
    world: World,
    processes: Vec<Process>,
    spare: Vec<Instance>,
    /// Changes that are not invalidated yet.
    written: Vec<(usize, u64)>,
    announcing: Vec<Announcing>,
    messages: Vec<Message>,
    /// What is certainly invalid for everybody, also for processes that begin.
    certain: Versions,
    begun: Vec<Begun>,
}

impl Run {
    async fn new() -> Self {
        let world = planned(PROCESSES + SPARE).await;
        let mut spare = world.instances.clone();
        let processes = spare.drain(..PROCESSES);
        let processes = processes.map(|instance| Process::new(instance, [0; PRODUCTS]));
        Self {
            processes: processes.collect(),
            spare,
            written: Vec::new(),
            announcing: Vec::new(),
            messages: Vec::new(),
            certain: [0; PRODUCTS],
            begun: Vec::new(),
            world,
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Read(process, read) => self.read(process, read),
            Step::Write(product) => {
                let versions = &self.world.shop.versions;
                let version = 1 + versions[product].fetch_add(1, Ordering::SeqCst);
                self.written.push((product, version));
            }
            Step::Announce {
                which,
                process,
                repeats,
            } => self.announce(which, process, repeats),
            Step::Deliver { which, repeats } => self.deliver(which, repeats),
            Step::Answer(count) => self.world.answers.add_permits(count),
            Step::Yield => tokio::task::yield_now().await,
            Step::Clear(process) => self.processes[process].instance.cache.clear(),
            Step::Disconnect(process) => self.disconnect(process),
            Step::Cancel(which) => {
                if let Some(which) = which.checked_rem(self.begun.len()) {
                    drop(self.begun.swap_remove(which));
                }
            }
            Step::Kill(process) => self.kill(process),
            Step::Put(count) => self.world.server.puts.add_permits(count),
            Step::Server(mode) => self.world.server.set(mode),
            Step::Evict(which) => self.world.server.evict(which),
            Step::Save => self.world.server.save(),
            Step::Restart { with_saved } => self.world.server.restart(with_saved),
        }
    }

    fn read(&mut self, process: usize, read: Read) {
        let Process {
            instance, arrived, ..
        } = &self.processes[process];
        let router = Arc::clone(&instance.router);
        self.begun.push(Begun {
            process,
            read,
            oldest: *arrived,
            answer: async move { execute(&router, read).await }.boxed_local(),
        });
    }

    fn announce(&mut self, which: usize, process: usize, repeats: bool) {
        let Some(which) = which.checked_rem(self.written.len()) else {
            return;
        };
        let (product, version) = self.written[which];
        if !repeats {
            self.written.swap_remove(which);
        }
        let announcer = &mut self.processes[process];
        let recording = announcer.instance.announce(product).boxed_local();
        announcer.arrives(product, version);
        self.announcing.push(Announcing {
            process,
            product,
            version,
            recording,
        });
    }

    fn deliver(&mut self, which: usize, repeats: bool) {
        let Some(which) = which.checked_rem(self.messages.len()) else {
            return;
        };
        let message = self.messages[which];
        let receiver = &mut self.processes[message.to];
        if !receiver.is_connected {
            return;
        }
        receiver.instance.hear(message.product, message.is_recorded);
        receiver.arrives(message.product, message.version);
        if !repeats {
            self.messages.swap_remove(which);
        }
    }

    /// Or connects again. What was lost counts as arrived: nothing older may be used any more.
    fn disconnect(&mut self, process: usize) {
        let lost = self
            .messages
            .extract_if(.., |message| message.to == process);
        let lost: Vec<Message> = lost.collect();
        let receiver = &mut self.processes[process];
        for message in lost {
            receiver.arrives(message.product, message.version);
        }
        if receiver.is_connected {
            receiver.instance.cache.suspend();
        } else {
            receiver.instance.values.doubt();
            receiver.instance.cache.resume();
        }
        receiver.is_connected = !receiver.is_connected;
    }

    fn kill(&mut self, process: usize) {
        let Some(instance) = self.spare.pop() else {
            return;
        };
        self.begun.retain(|begun| begun.process != process);
        self.messages.retain(|message| message.to != process);
        // Their events are not published yet: another process does that.
        let interrupted = self.announcing.extract_if(.., |one| one.process == process);
        let interrupted = interrupted.map(|one| (one.product, one.version));
        self.written.extend(interrupted);
        self.processes[process] = Process::new(instance, self.certain);
    }

    /// Everything goes on until it waits for something.
    async fn proceed(&mut self) -> Result<(), TestCaseError> {
        let mut index = 0;
        while let Some(announcing) = self.announcing.get_mut(index) {
            let Poll::Ready(is_recorded) = poll!(&mut announcing.recording) else {
                index += 1;
                continue;
            };
            let Announcing {
                process,
                product,
                version,
                ..
            } = self.announcing.swap_remove(index);
            if is_recorded {
                self.certain[product] = self.certain[product].max(version);
            }
            let others = (0..PROCESSES).filter(|to| *to != process);
            self.messages.extend(others.map(|to| Message {
                to,
                product,
                version,
                is_recorded,
            }));
        }
        let mut index = 0;
        while let Some(reading) = self.begun.get_mut(index) {
            let Poll::Ready(answer) = poll!(&mut reading.answer) else {
                index += 1;
                continue;
            };
            let Begun { read, oldest, .. } = self.begun.swap_remove(index);
            read.check(&answer, &oldest)?;
        }
        Ok(())
    }
}

/// Runs these steps.
pub(super) async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut run = Run::new().await;
    for step in steps {
        run.step(step).await;
        run.proceed().await?;
    }
    run.world.answers.add_permits(10_000);
    run.world.server.puts.add_permits(10_000);
    // All at once, since some wait for what others fetch.
    let answers = run.begun.into_iter().map(async |reading| {
        let answer = reading.answer.await;
        (reading.read, reading.oldest, answer)
    });
    for (read, oldest, answer) in futures::future::join_all(answers).await {
        read.check(&answer, &oldest)?;
    }
    Ok(())
}
