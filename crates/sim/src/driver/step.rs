//! The steps of a run, and how likely each is.

use super::Driver;
use super::address::Deed;
use super::user::{Patience, Power};
use crate::fuse::At;
use crate::rng::Rng;
use crate::world::Part;
use hypervisor::Ending;
use types::{InstanceId, VmType};

/// The most instances of one launch.
const MOST_AT_ONCE: usize = 4;
/// No more instances are launched in one run.
const MOST_ALTOGETHER: usize = 60;

/// One thing that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// A user launches instances.
    Launch {
        user: usize,
        count: (usize, usize),
        vm_type: String,
        /// The availability zone, by its place in the list of clusters.
        zone: Option<usize>,
        token: bool,
        patience: Patience,
    },
    /// A launch with a token is asked for again; its place in the list of launches.
    Repeat(usize),
    Terminate {
        user: usize,
        ids: Vec<InstanceId>,
        patience: Patience,
    },
    Reboot {
        user: usize,
        ids: Vec<InstanceId>,
        patience: Patience,
    },
    Power {
        user: usize,
        ids: Vec<InstanceId>,
        power: Power,
        patience: Patience,
    },
    /// A user lets their default group reach everything, or no longer.
    Egress {
        user: usize,
        open: bool,
        patience: Patience,
    },
    /// A user does something with one of their public addresses, which is chosen by the number.
    Address {
        user: usize,
        deed: Deed,
        at: usize,
        patience: Patience,
    },
    /// A user touches what belongs to another one.
    Trespass {
        user: usize,
        id: InstanceId,
    },
    Pass(Part),
    /// Everybody who lives passes once.
    Round,
    Kill(Part),
    /// It dies after so many more calls.
    Doom(Part, usize, At),
    Open(Part),
    /// The next start of a domain fails.
    FailStart(usize),
    /// The next start of a domain happens, but its answer is lost.
    LoseStart(usize),
    Hypervisor(usize, Reachable),
    /// The next disk cannot be made.
    FailDisk(usize),
    Disks(usize, Quick),
    /// Networks of this machine can be changed, or not.
    Net(usize, Works),
    /// Guests of this machine shut down and reboot when they are asked, or not.
    Guests(usize, Obedient),
    /// A domain comes to an end; none when it is not even known any more.
    End(InstanceId, Option<Ending>),
    /// The guest's kernel panics.
    Crash(InstanceId),
    PowerCut(usize),
    /// A machine is shut down in order, and comes back.
    ShutDown(usize),
    /// Somebody else starts a domain of this name.
    Foreign(usize, String),
    /// A machine is taken into NODES, or out of it.
    Register(usize, Listed),
    /// A machine of NODES is given no new instances any more, or again.
    Drain(usize, Drained),
    /// A cluster is registered, or registered anew.
    Admit {
        site: usize,
        endpoint: String,
        patience: Patience,
    },
    /// A cluster is deregistered.
    Dismiss {
        site: usize,
        patience: Patience,
    },
    /// Everybody terminates all that they have in a cluster.
    Vacate(usize),
    /// The controller of a cluster listens somewhere else from now on.
    Relocate(usize),
    /// Nothing that the cloud sends to a cluster arrives, or it does again.
    Silence(usize, Silent),
    /// Time passes.
    Wait(u32),
    /// So many of a hundred messages get lost or repeated.
    Weather(usize),
    /// An old message to a node arrives again.
    LateToNode(usize),
    /// An old message to a cluster controller arrives again.
    LateToCluster(usize),
}

/// Whether a hypervisor can be reached.
pub(super) type Reachable = bool;
/// Whether disks are made at once.
pub(super) type Quick = bool;
/// Whether guests do as they are asked.
pub(super) type Obedient = bool;
/// Whether something works.
pub(super) type Works = bool;
/// Whether nothing arrives.
pub(super) type Silent = bool;
/// Whether a machine is in NODES.
pub(super) type Listed = bool;
/// Whether a machine is in DRAINED_NODES.
pub(super) type Drained = bool;

impl Step {
    pub(super) fn draw(driver: &mut Driver) -> Self {
        match driver.rng.below(118) {
            0..=11 => Self::launch(driver),
            12..=14 => Self::repeat(driver),
            15..=18 => Self::terminate(driver),
            19..=22 => Self::reboot(driver),
            23 => Self::trespass(driver),
            24..=27 => Self::stop(driver),
            28..=31 => Self::start(driver),
            32..=53 => Self::Pass(part(driver)),
            54..=57 => Self::edit_nodes(driver),
            58 => Self::egress(driver),
            59..=66 => Self::Round,
            67..=72 => Self::death(driver),
            73..=76 => Self::Open(part(driver)),
            77..=86 => Self::machine_fault(driver),
            87..=89 => Self::guest_fault(driver),
            90..=93 => {
                Self::Wait(*driver.rng.pick(&[500, 2_000, 10_000, 40_000, 600_000, 4_000_000]))
            }
            94..=95 => Self::Weather(*driver.rng.pick(&[0, 0, 10, 30, 60])),
            96..=98 => Self::LateToNode(machine(driver)),
            99 => Self::LateToCluster(driver.rng.below(driver.world.sites.len())),
            100..=107 => Self::address(driver),
            _ => Self::cluster(driver),
        }
    }

    fn launch(driver: &mut Driver) -> Self {
        if driver.ledger.instances.len() >= MOST_ALTOGETHER {
            return Self::Round;
        }
        let sites = driver.world.sites.len();
        let rng = &mut driver.rng;
        let min = rng.between(1, MOST_AT_ONCE);
        let names: Vec<_> = VmType::of_1_4().into_iter().map(|vm_type| vm_type.name).collect();
        Self::Launch {
            user: rng.below(driver.world.users.len()),
            count: (min, min + rng.below(2)),
            vm_type: if rng.chance(60) { names[0].clone() } else { rng.pick(&names).clone() },
            zone: rng.chance(40).then(|| rng.below(sites)),
            token: rng.chance(60),
            patience: Patience::draw(rng),
        }
    }

    fn repeat(driver: &mut Driver) -> Self {
        let with_token = driver.launches.iter().enumerate().filter(|(_, launch)| launch.token);
        let places: Vec<usize> = with_token.map(|(at, _)| at).collect();
        if places.is_empty() { Self::Round } else { Self::Repeat(*driver.rng.pick(&places)) }
    }

    fn terminate(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        match some_of(driver, user) {
            ids if ids.is_empty() => Self::Round,
            ids => Self::Terminate { user, ids, patience: Patience::draw(&mut driver.rng) },
        }
    }

    fn reboot(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        match some_of(driver, user) {
            ids if ids.is_empty() => Self::Round,
            ids => Self::Reboot { user, ids, patience: Patience::draw(&mut driver.rng) },
        }
    }

    fn stop(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        match some_of(driver, user) {
            ids if ids.is_empty() => Self::Round,
            ids => {
                let power = Power::Stop { force: driver.rng.chance(20) };
                Self::Power { user, ids, power, patience: Patience::draw(&mut driver.rng) }
            }
        }
    }

    /// Mostly of one that is stopped, or may be.
    fn start(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        let asked = &driver.ledger.asked;
        let may_be_stopped = |id: &InstanceId| asked[id].stopped != Some(false);
        let theirs = driver.ledger.of(user).into_iter();
        let stopped: Vec<_> = theirs.filter(may_be_stopped).collect();
        let ids = if stopped.is_empty() || driver.rng.chance(20) {
            some_of(driver, user)
        } else {
            vec![*driver.rng.pick(&stopped)]
        };
        if ids.is_empty() {
            return Self::Round;
        }
        let patience = Patience::draw(&mut driver.rng);
        Self::Power { user, ids, power: Power::Start, patience }
    }

    fn egress(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        let open = driver.rng.chance(50);
        Self::Egress { user, open, patience: Patience::draw(&mut driver.rng) }
    }

    fn address(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        let theirs = driver.ledger.of(user);
        let rng = &mut driver.rng;
        let deed = match rng.below(8) {
            0..=1 => Deed::Allocate,
            2 => Deed::Release,
            3..=4 => Deed::Disassociate,
            _ if theirs.is_empty() => Deed::Allocate,
            _ => Deed::Associate(*rng.pick(&theirs)),
        };
        Self::Address { user, deed, at: rng.below(5), patience: Patience::draw(rng) }
    }

    fn trespass(driver: &mut Driver) -> Self {
        let user = driver.rng.below(driver.world.users.len());
        let owner = (user + 1) % driver.world.users.len();
        match driver.ledger.of(owner).as_slice() {
            [] => Self::Round,
            ids => Self::Trespass { user, id: *driver.rng.pick(ids) },
        }
    }

    /// More often than not a machine comes, so that there is something to place instances on.
    fn edit_nodes(driver: &mut Driver) -> Self {
        let at = machine(driver);
        match driver.rng.below(10) {
            0..=3 => Self::Register(at, true),
            4..=5 => Self::Register(at, false),
            6..=7 => Self::Drain(at, false),
            _ => Self::Drain(at, true),
        }
    }

    /// What the administrator does with a cluster, and what happens to it as a whole. That of the
    /// cloud controller's machine stays where it is.
    fn cluster(driver: &mut Driver) -> Self {
        let Driver { rng, world, .. } = driver;
        let (any, last) = (rng.below(world.sites.len()), world.sites.len() - 1);
        match rng.below(10) {
            0..=1 => Self::Silence(any, true),
            2 => Self::Silence(any, false),
            _ if last == 0 => Self::Round,
            3 => Self::Relocate(last),
            4..=5 => {
                let address = world.sites[last].address();
                Self::Admit { site: last, endpoint: address, patience: Patience::little(rng) }
            }
            6 => Self::mistake(any, driver),
            7 => Self::Vacate(last),
            _ => Self::Dismiss {
                site: if rng.chance(10) { 0 } else { last },
                patience: Patience::little(rng),
            },
        }
    }

    /// A registration at the wrong place, or of the wrong name.
    fn mistake(site: usize, driver: &mut Driver) -> Self {
        let Driver { rng, world, .. } = driver;
        let others = world.sites[rng.below(world.sites.len())].address();
        let endpoint = if rng.chance(50) { others } else { "nowhere.sim:8774".to_owned() };
        Self::Admit { site, endpoint, patience: Patience::Waits }
    }

    fn death(driver: &mut Driver) -> Self {
        let part = part(driver);
        let rng = &mut driver.rng;
        if rng.chance(30) {
            return Self::Kill(part);
        }
        Self::Doom(part, rng.below(7), *rng.pick(&[At::Begin, At::End]))
    }

    fn machine_fault(driver: &mut Driver) -> Self {
        let at = machine(driver);
        let rng = &mut driver.rng;
        match rng.below(20) {
            0..=2 => Self::FailStart(at),
            3..=5 => Self::LoseStart(at),
            6..=7 => Self::Hypervisor(at, false),
            8..=9 => Self::Hypervisor(at, true),
            10 => Self::FailDisk(at),
            11..=12 => Self::Disks(at, false),
            13..=14 => Self::Disks(at, true),
            15 => Self::Net(at, false),
            16..=17 => Self::Net(at, true),
            18 if rng.chance(50) => Self::PowerCut(at),
            18 => Self::ShutDown(at),
            _ => Self::Foreign(at, foreign_name(rng)),
        }
    }

    fn guest_fault(driver: &mut Driver) -> Self {
        let Driver { ledger, rng, world, .. } = driver;
        let machines = world.machines.len();
        match ledger.instances.as_slice() {
            [] => Self::Round,
            _ if rng.chance(30) => Self::Guests(rng.below(machines), rng.chance(50)),
            ids if rng.chance(25) => Self::Crash(*rng.pick(ids)),
            ids => Self::End(
                *rng.pick(ids),
                *rng.pick(&[
                    Some(Ending::PoweredOff),
                    Some(Ending::Died),
                    Some(Ending::Destroyed),
                    Some(Ending::Unknown),
                    None,
                ]),
            ),
        }
    }
}

fn part(driver: &mut Driver) -> Part {
    *driver.rng.pick(&driver.world.parts())
}

fn machine(driver: &mut Driver) -> usize {
    driver.rng.below(driver.world.machines.len())
}

/// One to three of a user's instances, the newest most likely.
fn some_of(driver: &mut Driver, user: usize) -> Vec<InstanceId> {
    let mut theirs = driver.ledger.of(user);
    let keep = driver.rng.between(1, 12);
    theirs.drain(..theirs.len().saturating_sub(keep));
    let mut some = Vec::new();
    for _ in 0..driver.rng.between(1, 3) {
        if !theirs.is_empty() {
            some.push(theirs.remove(driver.rng.below(theirs.len())));
        }
    }
    some
}

/// A name that is no instance's, or looks like one's.
fn foreign_name(rng: &mut Rng) -> String {
    if rng.chance(50) {
        "mail-server".to_owned()
    } else {
        format!("i-FFFF{:04X}", rng.below(65536))
    }
}
