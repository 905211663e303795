//! The steps that are about versions.

use super::bucket::{Bucket, Version, Versioning};
use super::{
    Model, Operation, access, decoded, expect, expect_bytes, object, step_of_listing_and_parts,
};
use crate::client::{Answer, Call, call};
use walrus::Walrus;

pub(super) async fn step_of_versions(
    walrus: &Walrus,
    model: &mut Model,
    (user, name, operation): (&'static str, &'static str, Operation),
) {
    let at = |key: &str| format!("/{name}/{key}");
    let bucket_path = format!("/{name}");
    match operation {
        Operation::SetVersioning { suspended } => {
            let status = if suspended { "Suspended" } else { "Enabled" };
            let body = format!(
                "<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
            );
            let path = format!("{bucket_path}?versioning");
            let answer = call(user, "PUT", &path).body(body).send(walrus).await;
            let code = access(model, user, name).err().unwrap_or("");
            expect(&answer, code);
            if code.is_empty() {
                let versioning =
                    if suspended { Versioning::Suspended } else { Versioning::Enabled };
                model.get_mut(name).unwrap().versioning = versioning;
            }
        }
        Operation::GetVersion { key, pick } => {
            let id = picked(model, name, key, pick);
            let path = format!("{}?versionId={id}", at(key));
            let answer = call(user, "GET", &path).send(walrus).await;
            let version = version_of(model, user, name, key, &id);
            expect_version(&answer, &model.get(name), version);
            if let Ok(version) = version {
                let acl = format!("{}?acl&versionId={id}", at(key));
                let acl = call(user, "GET", &acl).send(walrus).await;
                assert_eq!(acl.elements("Permission").len(), version.grants);
            }
        }
        Operation::DeleteVersion { key, pick, among_others } => {
            let id = picked(model, name, key, pick);
            let answer = if among_others {
                let (key, path) = (decoded(key), format!("{bucket_path}?delete"));
                let list = format!("<Key>{key}</Key><VersionId>{id}</VersionId>");
                let list = format!("<Delete><Object>{list}</Object></Delete>");
                let answer = call(user, "POST", &path).body(list).send(walrus).await;
                assert_eq!(answer.code(), access(model, user, name).err().unwrap_or(""));
                answer
            } else {
                let path = format!("{}?versionId={id}", at(key));
                let answer = call(user, "DELETE", &path).send(walrus).await;
                expect(&answer, access(model, user, name).err().unwrap_or(""));
                answer
            };
            if !answer.code().is_empty() {
                return;
            }
            let bucket = model.get_mut(name).unwrap();
            let was_marker = bucket.remove(&decoded(key), &id);
            let marker = match (among_others, was_marker) {
                (true, true) => answer.elements("DeleteMarkerVersionId") == [&*id],
                (true, false) => answer.elements("DeleteMarker").is_empty(),
                (false, is) => (answer.header("x-amz-delete-marker") == "true") == is,
            };
            assert!(marker, "{answer:?}");
            if !among_others {
                assert_eq!(answer.header("x-amz-version-id"), bucket.shown(&id));
            }
        }
        Operation::Tag { key, pick, count } => {
            let tag = |number| format!("<Tag><Key>{number}</Key><Value/></Tag>");
            let tags = (0..count).map(tag).collect::<String>();
            let body = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
            let request = |path: &str| call(user, "PUT", path).body(body);
            amend(walrus, model, (user, name, key, pick), "tagging", request, |version| {
                version.tags = count;
            })
            .await;
        }
        Operation::SetAcl { key, pick, public } => {
            let acl = if public { "public-read" } else { "private" };
            let request = |path: &str| call(user, "PUT", path).header("x-amz-acl", acl);
            amend(walrus, model, (user, name, key, pick), "acl", request, |version| {
                version.grants = if public { 2 } else { 1 };
            })
            .await;
        }
        Operation::ListVersions { prefix, delimiter, limit } => {
            let path = format!(
                "{bucket_path}?versions&prefix={prefix}&delimiter={delimiter}&max-keys={limit}"
            );
            match access(model, user, name) {
                Err(code) => expect(&call(user, "GET", &path).send(walrus).await, code),
                Ok(bucket) => {
                    let listed = all_versions(walrus, user, &path, limit).await;
                    assert_eq!(listed, bucket.lines(prefix, delimiter), "{path}");
                }
            }
        }
        operation => step_of_listing_and_parts(walrus, model, (user, name, operation)).await,
    }
}

/// Changes what is said of a version, there and in the model.
async fn amend<'a>(
    walrus: &Walrus,
    model: &mut Model,
    (user, name, key, pick): (&str, &str, &str, Option<usize>),
    word: &str,
    request: impl FnOnce(&str) -> Call<'a>,
    change: impl FnOnce(&mut Version),
) {
    let id = pick.map(|pick| picked(model, name, key, pick));
    let version = id.as_ref().map_or(String::new(), |id| format!("&versionId={id}"));
    let answer = request(&format!("/{name}/{key}?{word}{version}")).send(walrus).await;
    let found = match &id {
        None => object(model, user, name, key),
        Some(id) => version_of(model, user, name, key, id),
    };
    let found = found.map(|version| version.id.clone());
    expect(&answer, found.as_ref().err().copied().unwrap_or(""));
    if let Ok(id) = found {
        let bucket = model.get_mut(name).unwrap();
        assert_eq!(answer.header("x-amz-version-id"), bucket.shown(&id));
        change(bucket.version(&decoded(key), &id).unwrap());
    }
}

/// All pages of a listing of versions, a line for each entry in their order.
async fn all_versions(walrus: &Walrus, user: &str, path: &str, limit: usize) -> Vec<String> {
    let (mut from, mut lines) = (String::new(), Vec::new());
    loop {
        let page = call(user, "GET", &format!("{path}{from}")).send(walrus).await;
        assert!(page.status.is_success(), "{page:?}");
        let mut entries = Vec::new();
        for entry in page.text().split("<Key>").skip(1) {
            let of = |name: &str| {
                let rest = entry.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
                rest.split('<').next().unwrap().to_owned()
            };
            let key = entry.split('<').next().unwrap();
            let size = if entry.contains("</DeleteMarker>") { String::new() } else { of("Size") };
            entries.push((key, format!("{key} {} {} {size}", of("VersionId"), of("IsLatest"))));
        }
        // the first Prefix is that of the request
        for group in page.elements("Prefix").into_iter().skip(1) {
            entries.push((group, format!("group {group}")));
        }
        entries.sort_by_key(|(name, _)| *name);
        let truncated = page.elements("IsTruncated") == ["true"];
        assert!(entries.len() == limit || !truncated && entries.len() < limit, "{page:?}");
        lines.extend(entries.into_iter().map(|(_, line)| line));
        if !truncated {
            return lines;
        }
        let key = signature::uri_encode(page.elements("NextKeyMarker")[0]);
        let id = page.elements("NextVersionIdMarker").concat();
        from = format!("&key-marker={key}&version-id-marker={id}");
    }
}

/// The id of one of a key's versions, or of none.
pub(super) fn picked(model: &Model, name: &str, key: &str, pick: usize) -> String {
    model.get(name).map_or_else(|| "null".to_owned(), |bucket| bucket.pick(&decoded(key), pick))
}

pub(super) fn version_of<'a>(
    model: &'a Model,
    user: &str,
    name: &str,
    key: &str,
    id: &str,
) -> Result<&'a Version, &'static str> {
    let versions = access(model, user, name)?.keys.get(&decoded(key));
    let version = versions.and_then(|versions| versions.iter().find(|version| version.id == id));
    match version {
        Some(version) if version.bytes.is_none() => Err("MethodNotAllowed"),
        version => version.ok_or("NoSuchVersion"),
    }
}

pub(super) fn expect_version(
    answer: &Answer,
    bucket: &Option<&Bucket>,
    version: Result<&Version, &str>,
) {
    let bytes = version.map(|version| version.bytes.as_deref().unwrap());
    expect_bytes(answer, bytes);
    if let (Ok(version), Some(bucket)) = (version, bucket) {
        assert_eq!(answer.header("x-amz-version-id"), bucket.shown(&version.id));
        let count = if version.tags == 0 { String::new() } else { version.tags.to_string() };
        assert_eq!(answer.header("x-amz-tagging-count"), count);
    }
}
