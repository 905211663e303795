//! Many packets at once, each with a number of its own, and who has seen which.

use crate::packets::{IPV4, Wire, ethernet, mark, ping};
use crate::tenants::{INSTANCES, Tenants, gateway};
use crate::world::{Guest, LIMIT};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use types::MacAddr;

/// The world outside, as a sender.
pub(crate) const OUTSIDE: usize = INSTANCES.len();

/// As good as not waiting at all.
const NOW: Duration = Duration::from_millis(1);

/// A packet that is to be sent.
pub(crate) struct Attempt {
    pub(crate) what: String,
    pub(crate) from: usize,
    /// The instances at which it arrives, and those that may see it: a switch sends everywhere what
    /// is for a card that it does not know.
    pub(crate) arrives: BTreeSet<usize>,
    pub(crate) may_be_seen: BTreeSet<usize>,
}

/// What one end of an Ethernet has heard: the numbers of what came.
struct Ear {
    wire: Wire,
    heard: BTreeSet<u32>,
}

impl Ear {
    /// Listens until all of these have come, or the test's patience is over.
    fn listen(&mut self, wanted: &BTreeSet<u32>) {
        let until = Instant::now() + LIMIT;
        while !wanted.is_subset(&self.heard) && Instant::now() < until {
            let Some(frame) = self.wire.next(LIMIT) else { return };
            self.note(&frame);
        }
    }

    /// Takes what has come already.
    fn drain(&mut self) {
        while let Some(frame) = self.wire.next(NOW) {
            self.note(&frame);
        }
    }

    fn note(&mut self, frame: &[u8]) {
        let number = mark(frame).and_then(|text| u32::from_str_radix(text, 16).ok());
        self.heard.extend(number);
    }
}

/// The attempts that are sent together.
pub(crate) struct Volley<'a> {
    tenants: &'a Tenants,
    /// The instances that are there.
    present: &'a [usize],
    attempts: Vec<(u32, Vec<u8>, Attempt)>,
}

impl<'a> Volley<'a> {
    pub(crate) fn new(tenants: &'a Tenants, present: &'a [usize]) -> Self {
        Self { tenants, present, attempts: Vec::new() }
    }

    /// Adds one; the frame is made of its number and of the mark by which it is known.
    pub(crate) fn add(&mut self, attempt: Attempt, frame: impl Fn(u16, &[u8]) -> Vec<u8>) {
        let number = next();
        let frame = frame(number as u16, &marked(number));
        self.attempts.push((number, frame, attempt));
    }

    /// Sends all of them; fails when anything did not arrive that should, or was seen by those who
    /// must not see it.
    pub(crate) fn fire(self) {
        let mut ears = self.ears();
        // Now every switch knows where the router and the senders are, and floods nothing for them.
        self.wait_until_routed(&mut ears);
        for (_, frame, attempt) in &self.attempts {
            ears[attempt.from].wire.send(frame);
        }
        self.wait_until_routed(&mut ears);
        let ends = self.tell_the_end();
        for (at, ear) in ears[..OUTSIDE].iter_mut().enumerate() {
            let here = |(_, _, attempt): &&(u32, Vec<u8>, Attempt)| attempt.arrives.contains(&at);
            let due = self.attempts.iter().filter(here).map(|(number, ..)| *number);
            ear.listen(&due.chain(ends[at]).collect());
            ear.drain();
            assert!(ends[at].is_none_or(|end| ear.heard.contains(&end)), "{at} is not reached");
        }
        let wrong: Vec<_> = self.attempts.iter().flat_map(|it| wrong(it, &ears)).collect();
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            self.attempts.len(),
            wrong.join("\n")
        );
    }

    fn ears(&self) -> Vec<Ear> {
        let guests = self.tenants.guests.iter().map(|guest| &guest.namespace);
        let spaces = guests.chain([&self.tenants.outside.space]);
        spaces.map(|it| Ear { wire: Wire::of(it, "eth0"), heard: BTreeSet::new() }).collect()
    }

    /// Packets keep their order: once the router answers a sender, it has done with all that the
    /// sender sent before.
    fn wait_until_routed(&self, ears: &mut [Ear]) {
        for at in self.present.iter().copied().chain([OUTSIDE]) {
            let number = next();
            let (mac, ip) = address_of(self.tenants, at);
            let (router_mac, router) = router_of(self.tenants, at);
            let packet = ping((ip, router), number as u16, &marked(number));
            ears[at].wire.send(&ethernet(mac, router_mac, IPV4, &packet));
            ears[at].listen(&[number].into());
            assert!(ears[at].heard.contains(&number), "the router does not answer {at}");
        }
    }

    /// The router tells every instance that nothing more is to come, in a packet behind the others.
    fn tell_the_end(&self) -> Vec<Option<u32>> {
        let socket = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let socket = self.tenants.machines[0].space.run(socket);
        let tell = |(at, guest): (usize, &Guest)| {
            let number = self.present.contains(&at).then(next)?;
            socket.send_to(&marked(number), (guest.nic.ip, 9)).unwrap();
            Some(number)
        };
        self.tenants.guests.iter().enumerate().map(tell).collect()
    }
}

fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

fn marked(number: u32) -> Vec<u8> {
    format!("<<{number:08x}>>").into_bytes()
}

/// What is wrong with where a packet came. An answer brings the sender's own mark back.
fn wrong((number, _, attempt): &(u32, Vec<u8>, Attempt), ears: &[Ear]) -> Vec<String> {
    let has_seen = |at: &usize| ears[*at].heard.contains(number);
    let Attempt { what, from, arrives, may_be_seen } = attempt;
    let lost = arrives.iter().filter(|at| !has_seen(at));
    let lost = lost.map(|at| format!("{what} from {from} did not arrive at {at}"));
    let must_not = |at: &usize| {
        let is_own_answer = at == from && !arrives.contains(at);
        has_seen(at) && !may_be_seen.contains(at) && !is_own_answer
    };
    let seen = (0..OUTSIDE).filter(must_not);
    let seen = seen.map(|at| format!("{what} from {from} was seen by {at}"));
    lost.chain(seen).collect()
}

/// A sender's own addresses.
pub(crate) fn address_of(tenants: &Tenants, at: usize) -> (MacAddr, Ipv4Addr) {
    match tenants.guests.get(at) {
        Some(guest) => (guest.nic.mac, guest.nic.ip),
        None => (tenants.outside_mac, tenants.outside.ip),
    }
}

/// Those of the router, as a sender knows them.
pub(crate) fn router_of(tenants: &Tenants, at: usize) -> (MacAddr, Ipv4Addr) {
    match tenants.guests.get(at) {
        Some(guest) => {
            let ip = gateway(guest.nic.tag.get());
            let [a, b, c, d] = ip.octets();
            (MacAddr([0xd2, 0x0d, a, b, c, d]), ip)
        }
        None => (tenants.router_mac, tenants.machines[0].ip),
    }
}
