//! What becomes of messages on their way.

use crate::rng::Rng;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives, and so does its answer.
    Delivered,
    /// It does not arrive.
    RequestLost,
    /// It arrives and is acted upon; its answer does not arrive.
    AnswerLost,
    /// It arrives twice.
    Repeated,
}

/// How bad one way is.
#[derive(Debug)]
pub(crate) struct Weather {
    rng: Rng,
    /// Of a hundred messages so many have a fate other than delivery.
    bad_percent: usize,
    /// Nothing arrives.
    silent: bool,
}

impl Weather {
    /// Calm weather, whose storms follow from `rng`.
    pub(crate) const fn calm(rng: Rng) -> Self {
        Self { rng, bad_percent: 0, silent: false }
    }

    pub(crate) const fn set(&mut self, bad_percent: usize) {
        self.bad_percent = bad_percent;
    }

    pub(crate) const fn silence(&mut self, silent: bool) {
        self.silent = silent;
    }

    pub(crate) const fn draw(&mut self) -> Fate {
        if self.silent {
            return Fate::RequestLost;
        }
        if !self.rng.chance(self.bad_percent) {
            return Fate::Delivered;
        }
        match self.rng.below(3) {
            0 => Fate::RequestLost,
            1 => Fate::AnswerLost,
            _ => Fate::Repeated,
        }
    }
}
