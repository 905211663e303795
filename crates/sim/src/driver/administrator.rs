//! What the administrator does with clusters.

use super::user::{Patience, until_hung_up};
use super::{Driver, Stopped};
use crate::check::Rule;
use crate::world::Part;
use cc::NodeEntry;
use http::StatusCode;
use std::collections::BTreeMap;
use types::{ClusterName, InstanceId};

impl Driver {
    /// Registers a cluster at an endpoint.
    pub(super) async fn admit(&mut self, site: usize, at: &str, patience: Patience) -> String {
        let name = self.world.sites[site].name.clone();
        let known = self.world.registered().await;
        let taken = known.iter().any(|(other, endpoint)| *other != name && endpoint == at);
        let expected = match site == 0 || taken {
            true => StatusCode::CONFLICT,
            false => StatusCode::OK,
        };
        let answer = self.patient(self.world.register(&name, at), patience).await;
        self.judge(&name, answer, expected, Some(at.to_owned()))
    }

    /// Deregisters a cluster, which is refused while it has instances.
    pub(super) async fn dismiss(&mut self, site: usize, patience: Patience) -> String {
        let name = self.world.sites[site].name.clone();
        let known = self.world.registered().await.contains_key(&name);
        let records = self.world.records().await;
        let has_any = records.iter().any(|(it, _)| it.cluster == name && it.state.is_live());
        let expected = match known {
            false => StatusCode::NOT_FOUND,
            true if site == 0 || has_any => StatusCode::CONFLICT,
            true => StatusCode::NO_CONTENT,
        };
        let answer = self.patient(self.world.deregister(&name), patience).await;
        self.judge(&name, answer, expected, None)
    }

    /// Compares an answer with the expected one, and notes what it promised.
    fn judge(
        &mut self,
        name: &ClusterName,
        answer: Option<Option<StatusCode>>,
        expected: StatusCode,
        promised: Option<String>,
    ) -> String {
        let Some(answer) = answer else {
            self.ledger.clusters.remove(name);
            return "hung up".to_owned();
        };
        let Some(status) = answer else { return "nobody answers".to_owned() };
        if status != expected {
            let detail = format!("{name}, {promised:?}: {status} and not {expected}");
            self.break_rule(Rule::AnsweredAsAsked, detail);
        }
        if status.is_success() {
            self.ledger.clusters.insert(name.clone(), promised);
        }
        status.to_string()
    }

    /// All users terminate all that they have in a cluster.
    pub(super) async fn vacate(&mut self, site: usize) {
        let name = self.world.sites[site].name.clone();
        let mut theirs: BTreeMap<usize, Vec<InstanceId>> = BTreeMap::new();
        for (it, _) in self.world.records().await {
            let owner = self.world.users.iter().position(|user| user.account == it.account);
            if let Some(user) = owner.filter(|_| it.cluster == name && it.state.is_live()) {
                theirs.entry(user).or_default().push(it.id);
            }
        }
        for (user, ids) in theirs {
            let outcome = self.terminate(user, &ids, Patience::Waits).await;
            self.trace.push(format!("user{user} terminates {ids:?} {outcome}"));
        }
    }

    /// The administrator corrects where the cloud looks for its clusters.
    pub(super) async fn correct_registrations(&mut self) {
        self.world.spare_all();
        self.world.bury_the_dead().await;
        self.world.open(Part::Cloud).await;
        let known = self.world.registered().await;
        for site in 1..self.world.sites.len() {
            let (name, address) = (&self.world.sites[site].name, self.world.sites[site].address());
            if known.get(name).is_some_and(|endpoint| *endpoint != address) {
                let answer = self.admit(site, &address, Patience::Waits).await;
                self.trace.push(format!("site {site} is corrected to {address} {answer}"));
            }
        }
    }

    /// A cluster without instances is deregistered, forgotten and registered again; then it takes
    /// instances as ever.
    pub(super) async fn replace(&mut self, site: usize) -> Result<(), Stopped> {
        let name = self.world.sites[site].name.clone();
        let dismissed = self.dismiss(site, Patience::Waits).await;
        let gone_for = *self.rng.pick(&[0, 4_000_000, 200_000_000]);
        self.world.clock.advance(gone_for);
        self.trace.push(format!("{name} is dismissed {dismissed}, for {gone_for} ms"));
        self.rest().await?;
        let address = self.world.sites[site].address();
        let admitted = self.admit(site, &address, Patience::Waits).await;
        self.trace.push(format!("{name} is admitted {admitted}"));
        let own = self.world.machines.iter().filter(|machine| machine.site == site);
        let entry = |name| NodeEntry { name, drained: false };
        let all = own.map(|machine| entry(machine.name.clone())).collect();
        self.world.sites[site].edit_nodes(|nodes| *nodes = all);
        self.rest().await?;
        let launch = ((1, 1), "m1.small", Some(site));
        let outcome = self.launch(0, launch, false, Patience::Waits).await;
        self.trace.push(format!("a launch in {name} {outcome}"));
        if self.launches.last().is_none_or(|launch| launch.made.is_none()) {
            self.break_rule(Rule::AnsweredAsAsked, format!("{name} is empty: {outcome}"));
        }
        self.rest().await?;
        self.vacate(site).await;
        self.rest().await
    }

    /// The result of a request, unless the administrator hangs up. The cloud goes on with it then.
    async fn patient<T>(&self, request: impl Future<Output = T>, patience: Patience) -> Option<T> {
        match patience {
            Patience::Waits => Some(request.await),
            Patience::HangsUp(_) if !self.hanging_up => Some(request.await),
            Patience::HangsUp(polls) => {
                let answer = until_hung_up(request, polls).await;
                self.world.settle_cloud().await;
                answer
            }
        }
    }
}
