//! The time of a message.

use crate::rule::{Rule, ensure, require};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use types::Timestamp;

/// How long after it was made a message is taken, and how far the client's clock may be ahead.
const MOST_MS: i64 = 5 * 60 * 1000;

/// When a message was made and until when it is meant to be taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    created: Timestamp,
    expires: Timestamp,
}

pub(crate) fn lifetime(created: &str, expires: &str) -> Result<Lifetime, Rule> {
    let read = |text| require(instant(text), Rule::Times, || Some(Timestamp::from_millis(0)));
    let lifetime = Lifetime { created: read(created)?, expires: read(expires)? };
    ensure(lifetime.created < lifetime.expires, Rule::TimesInOrder)?;
    Ok(lifetime)
}

/// `2008-12-01T12:00:00.000Z`, with any number of digits behind the second. WS-Security times are
/// in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    let plain = text.len() <= 40 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| plain)?;
    let millis = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()?;
    Some(Timestamp::from_millis(millis))
}

impl Lifetime {
    /// Whether the message may be taken at this time.
    pub(crate) fn check(self, now: Timestamp) -> Result<(), Rule> {
        ensure(now < self.expires && now < self.forgotten(), Rule::NotExpired)?;
        ensure(self.created <= now.plus_millis(MOST_MS), Rule::NotFromFuture)
    }

    /// From when on the message is refused for its age alone, whatever it says itself, and need
    /// not be remembered.
    pub(crate) const fn forgotten(self) -> Timestamp {
        self.created.plus_millis(MOST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_with_any_fraction() {
        let want = Some(Timestamp::from_millis(1_228_132_800_045));
        for text in ["2008-12-01T12:00:00.045Z", " 2008-12-01T12:00:00.0451239Z\n"] {
            assert_eq!(instant(text), want, "{text}");
        }
        assert_eq!(
            instant("2008-12-01T12:00:00Z"),
            Some(Timestamp::from_millis(1_228_132_800_000))
        );
        for text in [
            "",
            "now",
            "2008-12-01",
            "2008-12-01T12:00:00",
            "2008-12-01T12:00:00+00:00",
            "2008-12-01 12:00:00Z",
            "2008-13-01T12:00:00Z",
            "2008-12-01T12:00:00.Z",
            "12008-12-01T12:00:00Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_lives_from_five_minutes_before_to_five_minutes_after_it_was_made() {
        let (made, minute) = (1_228_132_800_000, 60_000);
        let long = lifetime("2008-12-01T12:00:00Z", "2018-12-01T12:00:00Z").unwrap();
        let short = lifetime("2008-12-01T12:00:00Z", "2008-12-01T12:01:00Z").unwrap();
        for (lifetime, after_ms, want) in [
            (long, -5 * minute - 1, Err(Rule::NotFromFuture)),
            (long, -5 * minute, Ok(())),
            (long, 5 * minute - 1, Ok(())),
            (long, 5 * minute, Err(Rule::NotExpired)),
            (short, minute - 1, Ok(())),
            (short, minute, Err(Rule::NotExpired)),
        ] {
            assert_eq!(lifetime.check(Timestamp::from_millis(made + after_ms)), want, "{after_ms}");
        }
    }
}
