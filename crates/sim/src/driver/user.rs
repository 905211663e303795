//! What users do.

use super::Driver;
use crate::check::Rule;
use crate::ledger::Asked;
use crate::public::Answer;
use crate::rng::Rng;
use std::pin::pin;
use std::task::Poll;
use types::{ClusterName, InstanceId, InstanceState};

/// How long a user waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Until it comes.
    Waits,
    /// The connection breaks when the cloud has worked on it so many times.
    HangsUp(usize),
}

impl Patience {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        if rng.chance(85) { Self::Waits } else { Self::HangsUp(rng.between(1, 10)) }
    }

    /// For what is asked seldom.
    pub(super) fn little(rng: &mut Rng) -> Self {
        if rng.chance(50) { Self::Waits } else { Self::HangsUp(rng.between(1, 20)) }
    }
}

/// What is done with an instance's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    Stop { force: bool },
    Start,
}

/// A launch that was asked for.
pub(super) struct Launch {
    user: usize,
    pub(super) token: bool,
    count: (usize, usize),
    /// The availability zone that is asked for.
    zone: Option<ClusterName>,
    parameters: Vec<(String, String)>,
    /// The instances that the cloud answered with.
    pub(super) made: Option<Vec<InstanceId>>,
    /// Whether a user hung up on it, so that it may have made some that nobody was told of.
    unheard: bool,
}

/// What came of a call.
pub(super) enum Outcome {
    /// There is no cloud.
    Nobody,
    /// Nobody knows whether the cloud did it.
    HungUp,
    Answered(Answer),
}

impl Driver {
    pub(super) async fn launch(
        &mut self,
        user: usize,
        (count, vm_type, zone): ((usize, usize), &str, Option<usize>),
        token: bool,
        patience: Patience,
    ) -> String {
        let mut parameters = vec![
            ("ImageId".to_owned(), self.world.image()),
            ("MinCount".to_owned(), count.0.to_string()),
            ("MaxCount".to_owned(), count.1.to_string()),
            ("InstanceType".to_owned(), vm_type.to_owned()),
        ];
        let zone = zone.map(|at| self.world.sites[at].name.clone());
        if let Some(zone) = &zone {
            parameters.push(("Placement.AvailabilityZone".to_owned(), zone.to_string()));
        }
        if token {
            parameters.push(("ClientToken".to_owned(), format!("token-{}", self.launches.len())));
        }
        self.launches.push(Launch {
            user,
            token,
            count,
            zone,
            parameters,
            made: None,
            unheard: false,
        });
        self.ask_to_launch(self.launches.len() - 1, patience).await
    }

    /// Asks for a launch, for the first time or again.
    pub(super) async fn ask_to_launch(&mut self, at: usize, patience: Patience) -> String {
        let Launch { user, count, zone, parameters, made, unheard, .. } = &self.launches[at];
        let (user, count, zone, made, unheard) =
            (*user, *count, zone.clone(), made.clone(), *unheard);
        let answer = match self.call(user, "RunInstances", parameters, patience).await {
            Outcome::Answered(answer) => answer,
            other => {
                self.launches[at].unheard |= matches!(other, Outcome::HungUp);
                return other.told();
            }
        };
        if let Some(code) = answer.refusal() {
            let expected = match &made {
                None if code == "IdempotentInstanceTerminated" => unheard,
                None => self.may_refuse(code, zone.as_ref()).await,
                // The token outlives the instances.
                Some(made) => {
                    code == "IdempotentInstanceTerminated"
                        && self.ended(made).await.iter().all(|it| *it)
                }
            };
            if !expected {
                self.break_rule(Rule::AnsweredAsAsked, format!("RunInstances: {}", answer.body));
            }
            return code.to_owned();
        }
        let ids = answer.instances();
        match made {
            Some(made) => {
                // Those whose record is deleted are left out.
                let ended = self.ended(&made).await;
                let may_be_gone =
                    |id: &InstanceId| made.iter().zip(&ended).any(|(it, ended)| it == id && *ended);
                let mut kept = made.clone();
                kept.retain(|id| ids.contains(id) || !may_be_gone(id));
                if kept != ids {
                    self.break_rule(Rule::TokenKept, format!("first {made:?}, then {ids:?}"));
                }
            }
            None if (count.0..=count.1).contains(&ids.len()) => {
                self.note_launch(user, &ids, zone, &answer);
                self.launches[at].made = Some(ids.clone());
            }
            None => self.break_rule(Rule::AnsweredAsAsked, format!("{count:?} made {ids:?}")),
        }
        format!("{ids:?}")
    }

    /// Whether a new launch may be refused so.
    async fn may_refuse(&self, code: &str, zone: Option<&ClusterName>) -> bool {
        match code {
            "InsufficientInstanceCapacity" | "InsufficientFreeAddressesInSubnet" => true,
            "InvalidZone.NotFound" => {
                let registered = self.world.registered().await;
                zone.is_some_and(|zone| !registered.contains_key(zone))
            }
            _ => false,
        }
    }

    /// One zone, and the one that was asked for, takes the whole of a launch.
    fn note_launch(
        &mut self,
        user: usize,
        ids: &[InstanceId],
        asked: Option<ClusterName>,
        answer: &Answer,
    ) {
        let mut zones: Vec<_> = answer.all("availabilityZone");
        zones.dedup();
        let zone = match zones.as_slice() {
            [zone] => zone.parse().ok(),
            _ => None,
        };
        match asked.or(zone) {
            Some(zone) if zones == [zone.as_str()] => self.ledger.launched(user, ids, &zone),
            zone => self.break_rule(Rule::ZoneKept, format!("{zone:?} was asked for: {zones:?}")),
        }
    }

    pub(super) async fn terminate(
        &mut self,
        user: usize,
        ids: &[InstanceId],
        patience: Patience,
    ) -> String {
        match self.call(user, "TerminateInstances", &numbered(ids), patience).await {
            Outcome::Answered(answer) if answer.refusal().is_none() => {
                self.of_each(user, ids, |asked| asked.terminate = true);
                "done".to_owned()
            }
            Outcome::Answered(answer) => {
                self.refused(ids, &answer, InstanceState::Terminated).await
            }
            hung_up => {
                self.of_each(user, ids, |asked| asked.perhaps_terminate = true);
                hung_up.told()
            }
        }
    }

    pub(super) async fn reboot(
        &mut self,
        user: usize,
        ids: &[InstanceId],
        patience: Patience,
    ) -> String {
        match self.call(user, "RebootInstances", &numbered(ids), patience).await {
            Outcome::Answered(answer) if answer.refusal().is_none() => {
                self.of_each(user, ids, |asked| asked.reboots += 1);
                self.remember_what_is_rebooted(ids).await;
                "done".to_owned()
            }
            Outcome::Answered(answer) => self.refused(ids, &answer, InstanceState::Stopping).await,
            Outcome::HungUp => {
                self.of_each(user, ids, |asked| asked.perhaps_reboots += 1);
                Outcome::HungUp.told()
            }
            nobody => nobody.told(),
        }
    }

    /// Stops instances, by force or not, or starts them.
    pub(super) async fn power(
        &mut self,
        user: usize,
        ids: &[InstanceId],
        power: Power,
        patience: Patience,
    ) -> String {
        let (action, refused_from) = match power {
            Power::Stop { .. } => ("StopInstances", InstanceState::ShuttingDown),
            Power::Start => ("StartInstances", InstanceState::Stopping),
        };
        let mut parameters = numbered(ids);
        if let Power::Stop { force } = power {
            parameters.push(("Force".to_owned(), force.to_string()));
        }
        match self.call(user, action, &parameters, patience).await {
            Outcome::Answered(answer) if answer.refusal().is_none() => {
                let stopped = Some(power != Power::Start);
                self.of_each(user, ids, |asked| asked.stopped = stopped);
                "done".to_owned()
            }
            Outcome::Answered(answer) => self.refused(ids, &answer, refused_from).await,
            hung_up => {
                self.of_each(user, ids, |asked| asked.stopped = None);
                hung_up.told()
            }
        }
    }

    async fn remember_what_is_rebooted(&mut self, ids: &[InstanceId]) {
        let scene = self.world.look().await;
        for (id, domain) in scene.hosts.iter().flat_map(crate::scene::Host::ours) {
            let running = scene.instance(id).is_some_and(|it| it.state == InstanceState::Running);
            if running && ids.contains(&id) {
                self.ledger.before_reboot.insert(id, domain.starts_and_reboots);
            }
        }
    }

    /// Which of these instances have ended: the record of one that has is deleted after an hour.
    async fn ended(&self, ids: &[InstanceId]) -> Vec<bool> {
        let records = self.world.records().await;
        let state = |id: &InstanceId| {
            let record = records.iter().find(|(it, _)| it.id == *id).map(|(it, _)| it.state);
            record.or_else(|| self.ledger.furthest.get(id).map(|(_, state)| *state))
        };
        ids.iter().map(|id| state(id) == Some(InstanceState::Terminated)).collect()
    }

    /// A refusal of something that is refused when an instance is in this state, or further.
    async fn refused(
        &mut self,
        ids: &[InstanceId],
        answer: &Answer,
        from: InstanceState,
    ) -> String {
        let records = self.world.records().await;
        let is_any = |state: InstanceState| {
            records.iter().any(|(it, _)| ids.contains(&it.id) && it.state >= state)
        };
        let code = answer.refusal().unwrap_or_default().to_owned();
        let expected = match code.as_str() {
            "InvalidInstanceID.NotFound" => self.ended(ids).await.contains(&true),
            "IncorrectInstanceState" => is_any(from),
            _ => false,
        };
        if !expected {
            self.break_rule(Rule::AnsweredAsAsked, answer.body.clone());
        }
        code
    }

    /// Adds or removes the rule that lets everything out of the user's default group. What comes of
    /// it is seen when the router is compared with the records.
    pub(super) async fn egress(&mut self, user: usize, open: bool, patience: Patience) -> String {
        let (action, no_change) = if open {
            ("AuthorizeSecurityGroupEgress", "InvalidPermission.Duplicate")
        } else {
            ("RevokeSecurityGroupEgress", "InvalidPermission.NotFound")
        };
        let parameters = [("GroupName", "default"), ("IpProtocol", "-1"), ("CidrIp", "0.0.0.0/0")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = match self.call(user, action, &parameters, patience).await {
            Outcome::Answered(answer) => answer,
            other => return other.told(),
        };
        match answer.refusal() {
            None => "done".to_owned(),
            Some(code) => {
                if code != no_change {
                    self.break_rule(Rule::AnsweredAsAsked, format!("{action}: {}", answer.body));
                }
                code.to_owned()
            }
        }
    }

    pub(super) async fn trespass(&mut self, user: usize, id: InstanceId) -> String {
        const ACTIONS: [&str; 5] = [
            "TerminateInstances",
            "RebootInstances",
            "DescribeInstances",
            "StopInstances",
            "StartInstances",
        ];
        for action in ACTIONS {
            match self.call(user, action, &numbered(&[id]), Patience::Waits).await {
                Outcome::Answered(answer)
                    if answer.refusal() == Some("InvalidInstanceID.NotFound") => {}
                Outcome::Answered(answer) => {
                    let detail = format!("{action} of user{user}: {}", answer.body);
                    self.break_rule(Rule::OwnOnly, detail);
                }
                other => return other.told(),
            }
        }
        "refused".to_owned()
    }

    /// A user terminates all that they are shown.
    pub(super) async fn terminate_all(&mut self, user: usize) {
        let described = self.call(user, "DescribeInstances", &[], Patience::Waits).await;
        let Outcome::Answered(answer) = described else { return };
        let states = answer.states().into_iter();
        let live: Vec<_> = states.filter(|(_, state)| state.is_live()).map(|(id, _)| id).collect();
        if !live.is_empty() {
            let outcome = self.terminate(user, &live, Patience::Waits).await;
            self.trace.push(format!("user{user} terminates {live:?} {outcome}"));
        }
    }

    pub(super) async fn call(
        &self,
        user: usize,
        action: &str,
        parameters: &[(String, String)],
        patience: Patience,
    ) -> Outcome {
        let call = self.world.call_as(&self.world.users[user], action, parameters);
        let answer = match patience {
            Patience::Waits => Some(call.await),
            Patience::HangsUp(_) if !self.hanging_up => Some(call.await),
            Patience::HangsUp(polls) => until_hung_up(call, polls).await,
        };
        match answer {
            None => {
                // What the cloud has in hand is done before anybody looks.
                crate::world::breathe().await;
                Outcome::HungUp
            }
            Some(None) => Outcome::Nobody,
            Some(Some(answer)) => Outcome::Answered(answer),
        }
    }

    /// Notes what a user asked of instances; they may stem from a launch that was never answered.
    fn of_each(&mut self, by: usize, ids: &[InstanceId], change: impl Fn(&mut Asked)) {
        for id in ids {
            change(
                self.ledger.asked.entry(*id).or_insert_with(|| Asked { by, ..Asked::default() }),
            );
        }
    }
}

impl Outcome {
    pub(super) fn told(&self) -> String {
        match self {
            Self::Nobody => "nobody answers".to_owned(),
            Self::HungUp => "hung up".to_owned(),
            Self::Answered(answer) => answer.body.clone(),
        }
    }
}

fn numbered(ids: &[InstanceId]) -> Vec<(String, String)> {
    let numbers = 1..;
    numbers.zip(ids).map(|(at, id)| (format!("InstanceId.{at}"), id.to_string())).collect()
}

/// The result of a future, unless it takes more than so many polls.
pub(super) async fn until_hung_up<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
