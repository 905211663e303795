//! What users do with public addresses.

use super::Driver;
use super::user::{Outcome, Patience};
use crate::check::Rule;
use types::{InstanceId, InstanceState};

/// What is done with a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Allocate,
    Associate(InstanceId),
    Disassociate,
    Release,
}

impl Driver {
    pub(super) async fn address(
        &mut self,
        user: usize,
        deed: Deed,
        at: usize,
        patience: Patience,
    ) -> String {
        let shown = match self.call(user, "DescribeAddresses", &[], Patience::Waits).await {
            Outcome::Answered(answer) => answer,
            other => return other.told(),
        };
        let theirs = shown.all("publicIp");
        let mut parameters = Vec::new();
        if deed != Deed::Allocate {
            let Some(ip) = theirs.get(at % theirs.len().max(1)) else { return "has none".into() };
            parameters.push(("PublicIp".to_owned(), (*ip).to_owned()));
        }
        if let Deed::Associate(id) = deed {
            parameters.push(("InstanceId".to_owned(), id.to_string()));
        }
        let action = match deed {
            Deed::Allocate => "AllocateAddress",
            Deed::Associate(_) => "AssociateAddress",
            Deed::Disassociate => "DisassociateAddress",
            Deed::Release => "ReleaseAddress",
        };
        let answer = match self.call(user, action, &parameters, patience).await {
            Outcome::Answered(answer) => answer,
            other => return other.told(),
        };
        let Some(code) = answer.refusal() else {
            return format!("{parameters:?} {:?}", answer.all("publicIp"));
        };
        if !self.may_refuse_address(deed, code).await {
            self.break_rule(Rule::AnsweredAsAsked, format!("{action}: {}", answer.body));
        }
        code.to_owned()
    }

    async fn may_refuse_address(&self, deed: Deed, code: &str) -> bool {
        let Deed::Associate(id) = deed else {
            let codes = ["AddressLimitExceeded", "InsufficientAddressCapacity"];
            return deed == Deed::Allocate && codes.contains(&code);
        };
        let records = self.world.records().await;
        let record = records.iter().find(|(it, _)| it.id == id).map(|(it, _)| it.state);
        match code {
            "IncorrectInstanceState" => record.is_some_and(|it| it >= InstanceState::ShuttingDown),
            "InvalidInstanceID.NotFound" => {
                record.is_none_or(|state| state == InstanceState::Terminated)
            }
            // of another zone
            "InvalidParameterCombination" => self.world.sites.len() > 1,
            _ => false,
        }
    }
}
