//! The ways in which requests write the time.

use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use types::Timestamp;

/// How far a client's clock may be off, both for EC2 and S3.
pub(crate) const SKEW_MS: i64 = 15 * 60 * 1000;

fn stamp(at: OffsetDateTime) -> Timestamp {
    Timestamp::from_millis((at.unix_timestamp_nanos() / 1_000_000) as i64)
}

/// `20130524T000000Z`, as version 4 writes it.
pub(crate) fn parse_basic(text: &str) -> Option<Timestamp> {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    PrimitiveDateTime::parse(text, form).ok().map(|at| stamp(at.assume_utc()))
}

/// The reverse of [`parse_basic`].
pub(crate) fn basic(at: Timestamp) -> String {
    at.to_string().split('.').next().unwrap_or("").replace(['-', ':'], "") + "Z"
}

/// `Thu, 17 Nov 2005 18:49:58 GMT` and the other forms of RFC 2822, in any case (ec2-ami-tools
/// sends lower case), or the form of [`parse_basic`].
pub(crate) fn parse_http(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    parse_basic(text).or_else(|| {
        let utc = text.to_ascii_uppercase().replace(" UTC", " GMT");
        OffsetDateTime::parse(&title_case(&utc), &Rfc2822).ok().map(stamp)
    })
}

/// `THU, 17 NOV` as `Thu, 17 Nov`; the zone stays in capitals.
fn title_case(upper: &str) -> String {
    let word = |word: &str| match word {
        "GMT" | "UT" | "Z" => word.to_owned(),
        _ => {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            first.to_owned() + &rest.to_ascii_lowercase()
        }
    };
    upper.split_ascii_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// `yyyy-MM-ddTHH:mm:ss[.SSS]` with `Z`, a numeric zone, both or none (FACTS 8.2); UTC when no
/// zone is given.
pub fn parse_iso(text: &str) -> Option<Timestamp> {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let (main, rest) = text.split_at_checked(19)?;
    let at = PrimitiveDateTime::parse(main, form).ok()?;
    let digits = rest.strip_prefix('.').map_or("", |rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        &rest[..end]
    });
    let zone = match rest.strip_prefix('.') {
        Some(rest) if !digits.is_empty() => &rest[digits.len()..],
        Some(_) => return None,
        None => rest,
    };
    let millis: i64 = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    let at = at.assume_offset(parse_zone(zone)?);
    Some(stamp(at).plus_millis(millis))
}

fn parse_zone(text: &str) -> Option<UtcOffset> {
    let zone = text.strip_prefix('Z').unwrap_or(text);
    if zone.is_empty() {
        return Some(UtcOffset::UTC);
    }
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = (digits[..2].parse::<i8>().ok()?, digits[2..].parse::<i8>().ok()?);
    match zone.as_bytes()[0] {
        b'+' => UtcOffset::from_hms(hours, minutes, 0).ok(),
        b'-' => UtcOffset::from_hms(-hours, -minutes, 0).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_date_reads_the_same() {
        let want = Timestamp::from_millis(1_132_253_398_000);
        for text in [
            "Thu, 17 Nov 2005 18:49:58 GMT",
            "thu, 17 nov 2005 18:49:58 gmt",
            "Thu, 17 Nov 2005 18:49:58 +0000",
            "Thu, 17 Nov 2005 19:49:58 +0100",
            "Thu, 17 Nov 2005 18:49:58 UTC",
            "20051117T184958Z",
        ] {
            assert_eq!(parse_http(text), Some(want), "{text}");
        }
        for text in [
            "2005-11-17T18:49:58",
            "2005-11-17T18:49:58Z",
            "2005-11-17T18:49:58.000Z",
            "2005-11-17T19:49:58+0100",
            "2005-11-17T17:19:58-01:30",
            "2005-11-17T18:49:58.000000Z+0000",
        ] {
            assert_eq!(parse_iso(text), Some(want), "{text}");
        }
        assert_eq!(basic(want), "20051117T184958Z");
    }

    #[test]
    fn nonsense_is_no_date() {
        for text in [
            "",
            "now",
            "2005-11-17",
            "2005-11-17T18:49:58x",
            "2005-13-17T18:49:58Z",
            "2005-11-17T18:49:58.Z",
            "2005-11-17T18:49:58+9999",
            "é005-11-17T18:49:58Z",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
            assert_eq!(parse_http(text), None, "{text}");
        }
    }
}
