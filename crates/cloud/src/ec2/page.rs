//! MaxResults and NextToken: long answers in pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ec2_wire::{Code, Error, Text};

/// The most things of one page (Amazon's limit of most actions).
const MOST: u32 = 1000;

/// What NextToken holds: the key of the last thing of the page before. Nothing is kept here, so a
/// token never ends, and a thing that has gone meanwhile does no harm.
pub(super) type Token = Text<512>;

/// A page of an answer.
pub(super) struct Page {
    most: usize,
    after: Option<String>,
}

impl Page {
    /// The page that a request asks for; none when it wants everything at once.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidNextToken`.
    pub(super) fn of(most: Option<u32>, token: Option<&Token>) -> Result<Option<Self>, Error> {
        if let Some(most) = most.filter(|most| !(1..=MOST).contains(most)) {
            let rule = format!("It must be from 1 to {MOST}.");
            return Err(Error::invalid("MaxResults", &most.to_string(), rule));
        }
        let after = token.map(key_in).transpose()?;
        if most.is_none() && after.is_none() {
            return Ok(None);
        }
        Ok(Some(Self { most: most.unwrap_or(MOST) as usize, after }))
    }
}

fn key_in(token: &Token) -> Result<String, Error> {
    let bytes = BASE64.decode(token.as_str()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        let message = "the NextToken is not one that this cloud gave";
        Error::new(Code::InvalidNextToken, message)
    })
}

/// The things of a page in the order of their keys, which are unique, and the token of the next
/// page; without a page all of them as they come.
pub(super) fn cut<T>(
    page: Option<Page>,
    things: Vec<T>,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let Some(Page { most, after }) = page else { return (things, None) };
    let mut rest: Vec<(String, T)> = things.into_iter().map(|thing| (key(&thing), thing)).collect();
    rest.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    let more = rest.len() > most;
    rest.truncate(most);
    let last = rest.last().filter(|_| more).map(|(key, _)| BASE64.encode(key));
    (rest.into_iter().map(|(_, thing)| thing).collect(), last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec2_wire::{Place, Value};

    fn page(most: u32, token: Option<&str>) -> Result<Option<Page>, Error> {
        let token = token.map(|token| Token::parse(token, &Place::ROOT).unwrap());
        Page::of(Some(most), token.as_ref())
    }

    #[test]
    fn pages_hold_everything_once_whatever_comes_and_goes() {
        let mut things = vec!["d", "a", "c", "b", "e"];
        let (first, token) = cut(page(2, None).unwrap(), things.clone(), ToString::to_string);
        assert_eq!(first, ["a", "b"]);
        things.retain(|thing| *thing != "b");
        things.push("f");
        let next = page(2, token.as_deref()).unwrap();
        let (second, token) = cut(next, things.clone(), ToString::to_string);
        assert_eq!(second, ["c", "d"]);
        let next = page(2, token.as_deref()).unwrap();
        let (third, token) = cut(next, things, ToString::to_string);
        assert_eq!((third, token), (vec!["e", "f"], None));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for most in [0, 1001] {
            assert!(page(most, None).is_err(), "{most}");
        }
        for token in ["%", "_-_-", "A"] {
            let error = page(5, Some(token)).err().unwrap();
            assert_eq!(error.code(), Code::InvalidNextToken, "{token}");
        }
        assert!(Page::of(None, None).unwrap().is_none());
    }
}
