//! Disturbs a simulated cloud as a seed says, and looks whether all holds that must hold.

mod address;
mod administrator;
mod fault;
mod step;
mod user;

use crate::check::{Broken, Rule, check};
use crate::ledger::Ledger;
use crate::rng::Rng;
use crate::shape::Shape;
use crate::world::SimCloud;
use std::fmt;
use step::Step;
use user::Launch;

/// How often, in a run, the cloud is left alone until it rests.
const RESTS: usize = 3;
/// So many of the last steps are told of a failure.
const TOLD: usize = 40;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every step with what came of it.
    pub trace: Vec<String>,
    /// How many instances were launched.
    pub launched: usize,
}

/// What did not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Every step until then.
    pub trace: Vec<String>,
    /// What does not hold.
    pub broken: Vec<Broken>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.trace.len().saturating_sub(TOLD);
        writeln!(f, "seed {} after {} steps; the last ones:", self.seed, self.trace.len())?;
        self.trace.iter().skip(left_out).try_for_each(|line| writeln!(f, "  {line}"))?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "BROKEN {broken}"))?;
        writeln!(
            f,
            "repeat it with: EUCALYPTUS_SEED={} cargo test -p sim --test sim seeds",
            self.seed
        )
    }
}

/// Runs a future on a runtime of its own on this thread, with ids that follow from the seed:
/// what depends on nothing else then does the same again.
pub fn run_isolated<T>(seed: u64, future: impl Future<Output = T>) -> T {
    types::simulate_ids(Some(seed));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .expect("a runtime");
    let result = runtime.block_on(future);
    types::simulate_ids(None);
    result
}

/// Disturbs a cloud in so many steps that follow from the seed.
///
/// # Errors
/// With the first moment at which something does not hold.
pub fn drive(seed: u64, steps: usize) -> Result<Report, Box<Failure>> {
    drive_with(seed, steps, true)
}

/// The same with users who wait for every answer. Whether one that hangs up is answered before is
/// for the threads of the real database to say; all else is said by the seed.
///
/// # Errors
/// As of [`drive`].
pub fn drive_patiently(seed: u64, steps: usize) -> Result<Report, Box<Failure>> {
    drive_with(seed, steps, false)
}

fn drive_with(seed: u64, steps: usize, hanging_up: bool) -> Result<Report, Box<Failure>> {
    run_isolated(seed, async {
        let mut rng = Rng::new(seed);
        let shape = Shape::drawn(&mut rng);
        let world = SimCloud::new(&shape, &mut rng).await;
        let clusters = world.registered().await.into_iter();
        let mut driver = Driver {
            trace: vec![format!("{shape:?}")],
            ledger: Ledger {
                excuses: ["simulated:", "no node has room"].map(str::to_owned).to_vec(),
                clusters: clusters.map(|(name, at)| (name, Some(at))).collect(),
                ..Ledger::default()
            },
            launches: Vec::new(),
            broken: Vec::new(),
            world,
            rng,
            hanging_up,
        };
        match driver.run(steps).await {
            Ok(()) => Ok(Report { trace: driver.trace, launched: driver.ledger.instances.len() }),
            Err(Stopped) => {
                Err(Box::new(Failure { seed, trace: driver.trace, broken: driver.broken }))
            }
        }
    })
}

/// Something does not hold; there is no point in going on.
struct Stopped;

struct Driver {
    world: SimCloud,
    ledger: Ledger,
    launches: Vec<Launch>,
    rng: Rng,
    trace: Vec<String>,
    broken: Vec<Broken>,
    /// Whether there are users who do not wait for their answers.
    hanging_up: bool,
}

impl Driver {
    async fn run(&mut self, steps: usize) -> Result<(), Stopped> {
        for at in 1..=steps {
            let step = Step::draw(self);
            let told = format!("{at}: {step:?}");
            let outcome = self.take(step).await;
            self.trace.push(format!("{told} {outcome}"));
            self.world.bury_the_dead().await;
            self.look().await?;
            if at % steps.div_ceil(RESTS) == 0 {
                self.rest().await?;
            }
        }
        self.rest().await?;
        self.end_everything().await
    }

    /// What holds at every moment holds.
    async fn look(&mut self) -> Result<(), Stopped> {
        let scene = self.world.look().await;
        self.broken.extend(check(&scene, &self.ledger));
        self.ledger.closed = self.world.closed(&scene);
        for (instance, _) in &scene.instances {
            self.ledger.furthest.insert(instance.id, (instance.turn, instance.state));
        }
        self.go_on()
    }

    /// The cloud comes to rest, and what holds then holds.
    async fn rest(&mut self) -> Result<(), Stopped> {
        self.correct_registrations().await;
        self.trace.push("rest".to_owned());
        if let Err(detail) = self.world.come_to_rest().await {
            self.broken.push(Broken { rule: Rule::Rest, detail });
        }
        let scene = self.world.look_closely().await;
        self.broken.extend(check(&scene, &self.ledger));
        self.look().await
    }

    /// All users terminate all that they have; nothing is left of it.
    async fn end_everything(&mut self) -> Result<(), Stopped> {
        for user in 0..self.world.users.len() {
            self.terminate_all(user).await;
        }
        self.rest().await?;
        let scene = self.world.look().await;
        let left: Vec<_> = scene.live().map(|instance| instance.id).collect();
        if !left.is_empty() {
            self.break_rule(Rule::EndKept, format!("{left:?} are left of everything"));
        }
        self.go_on()?;
        for site in 1..self.world.sites.len() {
            self.replace(site).await?;
        }
        self.go_on()
    }

    fn break_rule(&mut self, rule: Rule, detail: String) {
        self.broken.push(Broken { rule, detail });
    }

    fn go_on(&self) -> Result<(), Stopped> {
        if self.broken.is_empty() { Ok(()) } else { Err(Stopped) }
    }
}
