//! `GetBucketCors`, `PutBucketCors`, `DeleteBucketCors`.

use super::{Answer, empty, no_content, xml};
use crate::access::Place;
use crate::cors::Rule;
use crate::fault::{Fault, INVALID_REQUEST, MALFORMED_XML, NO_SUCH_CORS_CONFIGURATION};
use crate::ingest;
use crate::request::{Incoming, Request, shown};
use crate::store::{Change, Configuration, Error};
use crate::walrus::Walrus;
use crate::xml::{self, Element, Xml};
use http::HeaderName;

const KIND: Configuration = Configuration::Cors;
/// S3's limits (user guide, CORS): 64 KB and a hundred rules.
const MOST_BYTES: usize = 64 * 1024;
const MOST_RULES: usize = 100;
const MOST_ID_CHARACTERS: usize = 255;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

pub(super) async fn get(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    let read = walrus.store.read(move |store| store.configuration(id, KIND));
    let document = read.await?.ok_or(NO_SUCH_CORS_CONFIGURATION)?;
    Ok(xml(document_of(&Rule::all(&document, &name)?)))
}

pub(super) async fn put(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let rules = read(&ingest::small(&mut request, body, MOST_BYTES).await?)?;
    let document = serde_json::to_vec(&rules).map_err(|error| Error::Corrupt(error.to_string()))?;
    let (name, id, document) = (place.name, place.bucket.id, Some(document));
    walrus.store.change(Change::Configure { name, id, kind: KIND, document }).await??;
    Ok(empty())
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::Configure { name, id, kind: KIND, document: None }).await??;
    Ok(no_content())
}

fn document_of(rules: &[Rule]) -> Xml {
    let mut answer = Xml::root("CORSConfiguration");
    for rule in rules {
        answer.open("CORSRule");
        if let Some(id) = &rule.id {
            answer.text("ID", id);
        }
        for (name, values) in [
            ("AllowedOrigin", &rule.origins),
            ("AllowedMethod", &rule.methods),
            ("AllowedHeader", &rule.headers),
            ("ExposeHeader", &rule.expose_headers),
        ] {
            for value in values {
                answer.text(name, value);
            }
        }
        if let Some(seconds) = rule.max_age_seconds {
            answer.value("MaxAgeSeconds", seconds);
        }
        answer.close("CORSRule");
    }
    answer.close("CORSConfiguration");
    answer
}

fn read(body: &[u8]) -> Result<Vec<Rule>, Fault> {
    let document = xml::parse(body, "CORSConfiguration")?;
    document.only(&["CORSRule"])?;
    let rules: Vec<Rule> = document.all("CORSRule").map(rule).collect::<Result<_, _>>()?;
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(MALFORMED_XML.because("a bucket has 1 to 100 rules"));
    }
    Ok(rules)
}

fn rule(rule: &Element) -> Result<Rule, Fault> {
    const MAX_AGE: &str = "MaxAgeSeconds";
    const LISTS: [&str; 4] = ["AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader"];
    rule.only(&[&LISTS[..], &["ID", MAX_AGE]].concat())?;
    let [origins, methods, headers, expose_headers] = LISTS.map(|name| rule.texts_of(name));
    let (origins, methods) = (origins?, methods?);
    let (headers, expose_headers) = (headers?, expose_headers?);
    if origins.is_empty() || methods.is_empty() {
        let why = "a rule has an AllowedOrigin and an AllowedMethod at least";
        return Err(MALFORMED_XML.because(why));
    }
    check(&origins, &methods, &headers, &expose_headers)?;
    let id = rule.text_of("ID")?.map(str::to_owned);
    if id.as_ref().is_some_and(|id| id.chars().count() > MOST_ID_CHARACTERS) {
        return Err(MALFORMED_XML.because("a rule's ID has at most 255 characters"));
    }
    let seconds = rule.text_of(MAX_AGE)?.map(|text| text.trim().parse::<u32>()).transpose();
    let seconds = seconds.ok().filter(|seconds| seconds.is_none_or(|it| i32::try_from(it).is_ok()));
    let max_age_seconds = seconds
        .ok_or_else(|| MALFORMED_XML.because("MaxAgeSeconds is a number from 0 to 2147483647"))?;
    Ok(Rule { id, origins, methods, headers, expose_headers, max_age_seconds })
}

fn check(
    origins: &[String],
    methods: &[String],
    headers: &[String],
    expose_headers: &[String],
) -> Result<(), Fault> {
    if let Some(method) = methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
        let why = "Found unsupported HTTP method in CORS config. Unsupported method is";
        return Err(INVALID_REQUEST.because(format!("{why} {}", shown(method))));
    }
    for (name, patterns) in [("AllowedOrigin", origins), ("AllowedHeader", headers)] {
        if let Some(two) = patterns.iter().find(|it| it.matches('*').count() > 1) {
            let why = format!("{name} \"{}\" can not have more than one wildcard.", shown(two));
            return Err(INVALID_REQUEST.because(why));
        }
    }
    let is_name = |text: &str| HeaderName::try_from(text).is_ok();
    if let Some(bad) = expose_headers.iter().find(|name| name.contains('*') || !is_name(name)) {
        let why = format!("ExposeHeader \"{}\" is not the name of a header.", shown(bad));
        return Err(INVALID_REQUEST.because(why));
    }
    // a wildcard may stand for any part of a name
    if let Some(bad) = headers.iter().find(|name| !is_name(&name.replace('*', "x"))) {
        let why = format!("AllowedHeader \"{}\" is not the name of a header.", shown(bad));
        return Err(INVALID_REQUEST.because(why));
    }
    let plain =
        |origin: &String| !origin.is_empty() && origin.bytes().all(|b| b.is_ascii_graphic());
    if !origins.iter().all(plain) {
        return Err(INVALID_REQUEST.because("an AllowedOrigin is ASCII without blanks"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(rule: &str) -> String {
        format!("<CORSConfiguration><CORSRule>{rule}</CORSRule></CORSConfiguration>")
    }

    #[test]
    fn rules_come_back_as_they_were() {
        let rule = "<ID>a &amp; b</ID><AllowedOrigin>*</AllowedOrigin>\
                    <AllowedOrigin>https://*.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>\
                    <AllowedMethod>POST</AllowedMethod><AllowedHeader>*</AllowedHeader>\
                    <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds>";
        let rules = read(body(rule).as_bytes()).unwrap();
        let written = document_of(&rules).into_string();
        assert!(written.contains(rule), "{written}");
        assert_eq!(read(written.as_bytes()).unwrap(), rules);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let least = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>";
        assert!(read(body(least).as_bytes()).is_ok());
        for (rule, code) in [
            ("<AllowedOrigin>*</AllowedOrigin>", "MalformedXML"),
            ("<AllowedMethod>GET</AllowedMethod>", "MalformedXML"),
            (&format!("{least}<MaxAgeSeconds>-1</MaxAgeSeconds>"), "MalformedXML"),
            (&format!("{least}<MaxAgeSeconds>2147483648</MaxAgeSeconds>"), "MalformedXML"),
            (&format!("{least}<ID>{}</ID>", "i".repeat(256)), "MalformedXML"),
            (&format!("{least}<AllowedVerb>GET</AllowedVerb>"), "MalformedXML"),
            (&format!("{least}<AllowedMethod>PATCH</AllowedMethod>"), "InvalidRequest"),
            (&format!("{least}<AllowedMethod>get</AllowedMethod>"), "InvalidRequest"),
            (&format!("{least}<AllowedOrigin>*.a.*</AllowedOrigin>"), "InvalidRequest"),
            (&format!("{least}<AllowedOrigin>a b</AllowedOrigin>"), "InvalidRequest"),
            (&format!("{least}<AllowedHeader>x-*-*</AllowedHeader>"), "InvalidRequest"),
            (&format!("{least}<AllowedHeader>a:b</AllowedHeader>"), "InvalidRequest"),
            (&format!("{least}<ExposeHeader>*</ExposeHeader>"), "InvalidRequest"),
        ] {
            let fault = read(body(rule).as_bytes()).unwrap_err();
            assert_eq!(fault.code(), code, "{rule}");
        }
        assert!(read(b"<CORSConfiguration/>").is_err());
        let many = |rules| {
            let rules = format!("<CORSRule>{least}</CORSRule>").repeat(rules);
            read(format!("<CORSConfiguration>{rules}</CORSConfiguration>").as_bytes()).is_ok()
        };
        assert!(many(100) && !many(101));
    }
}
