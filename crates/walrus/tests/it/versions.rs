//! Buckets that keep what is written over and deleted.

use crate::client::{Answer, Call, call, content, open};
use crate::kill::blobs;
use crate::protocol::{furnished, refused};
use walrus::Walrus;

const CONFIGURATION: &str =
    "<VersioningConfiguration><Status>{}</Status></VersioningConfiguration>";

async fn done(call: Call<'_>, walrus: &Walrus) -> Answer {
    let answer = call.send(walrus).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer
}

pub(crate) async fn set(walrus: &Walrus, bucket: &str, status: &str) {
    let put = call("ALICE", "PUT", &format!("/{bucket}?versioning"));
    done(put.body(CONFIGURATION.replace("{}", status)), walrus).await;
}

/// Writes `/bucket/key`, and says the id of the version that it became.
async fn put(walrus: &Walrus, body: impl Into<bytes::Bytes>) -> String {
    let answer = done(call("ALICE", "PUT", "/bucket/key").body(body), walrus).await;
    answer.header("x-amz-version-id").to_owned()
}

async fn get(walrus: &Walrus, path: &str) -> Answer {
    call("ALICE", "GET", path).send(walrus).await
}

/// A line for each version and marker, as they are listed, without what differs each time.
fn lines(answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    for part in answer.text().split("<Key>").skip(1) {
        let of = |name: &str| {
            let start = format!("<{name}>");
            let rest = part.split(&start).nth(1).unwrap_or("");
            rest.split('<').next().unwrap_or("").to_owned()
        };
        let key = part.split('<').next().unwrap();
        let what = if part.contains("</DeleteMarker>") { "marker".to_owned() } else { of("Size") };
        lines.push(format!("{key} {} {what} {}", of("VersionId"), of("IsLatest")));
    }
    lines
}

#[tokio::test]
async fn versioning_is_set_and_shown_and_nothing_else_is_read() {
    let (_dir, walrus) = furnished().await;
    let shown = get(&walrus, "/bucket?versioning").await;
    assert!(shown.elements("Status").is_empty());
    for status in ["Enabled", "Suspended", "Enabled"] {
        set(&walrus, "bucket", status).await;
        assert_eq!(get(&walrus, "/bucket?versioning").await.elements("Status"), [status]);
        // making the bucket again leaves it alone
        done(call("ALICE", "PUT", "/bucket"), &walrus).await;
        assert_eq!(get(&walrus, "/bucket?versioning").await.elements("Status"), [status]);
    }
    let with = |inner: &str| CONFIGURATION.replace("<Status>{}</Status>", inner);
    for (body, status, code) in [
        (with(""), 400, "IllegalVersioningConfigurationException"),
        (with("<Status>On</Status>"), 400, "MalformedXML"),
        (with("<Status>Enabled</Status><Status>Enabled</Status>"), 400, "MalformedXML"),
        (with("<Status>Enabled</Status><Other/>"), 400, "MalformedXML"),
        (with("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"), 501, "NotImplemented"),
        (String::new(), 400, "MalformedXML"),
    ] {
        let put = call("ALICE", "PUT", "/bucket?versioning").body(body.clone());
        let answer = put.send(&walrus).await;
        refused(&answer, status, code);
    }
    let plain = with("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>");
    done(call("ALICE", "PUT", "/bucket?versioning").body(plain), &walrus).await;
    let mfa = call("ALICE", "DELETE", "/bucket/key?versionId=null").header("x-amz-mfa", "1 2");
    refused(&mfa.send(&walrus).await, 501, "NotImplemented");
}

#[tokio::test]
async fn what_is_written_over_and_deleted_stays_until_it_is_deleted_for_good() {
    let (dir, mut walrus) = furnished().await;
    assert_eq!(put(&walrus, "null one").await, "", "there are no versions yet");
    set(&walrus, "bucket", "Enabled").await;
    let large = content(1, 100_000);
    let first = put(&walrus, large.clone()).await;
    let second = put(&walrus, "second").await;
    assert!(first != second && !first.is_empty());
    let deleted = done(call("ALICE", "DELETE", "/bucket/key"), &walrus).await;
    assert_eq!(deleted.header("x-amz-delete-marker"), "true");
    let marker = deleted.header("x-amz-version-id").to_owned();
    drop(walrus);
    walrus = open(dir.path());

    let gone = get(&walrus, "/bucket/key").await;
    refused(&gone, 404, "NoSuchKey");
    assert_eq!(gone.header("x-amz-delete-marker"), "true");
    assert_eq!(gone.header("x-amz-version-id"), marker);
    for method in ["GET", "HEAD"] {
        let path = format!("/bucket/key?versionId={marker}");
        let answer = call("ALICE", method, &path).send(&walrus).await;
        assert_eq!(answer.status, 405);
        assert_eq!(
            (answer.header("x-amz-delete-marker"), answer.header("allow")),
            ("true", "DELETE")
        );
        assert!(!answer.header("last-modified").is_empty());
        for (id, size) in [(&first, large.len()), (&second, 6), (&"null".to_owned(), 8)] {
            let path = format!("/bucket/key?versionId={id}");
            let answer = call("ALICE", method, &path).send(&walrus).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("x-amz-version-id"), id);
            assert_eq!(answer.header("content-length"), size.to_string());
        }
    }
    assert!(get(&walrus, &format!("/bucket/key?versionId={first}")).await.body == large);
    assert!(get(&walrus, "/bucket").await.elements("Key").is_empty());
    let all = [
        format!("key {marker} marker true"),
        format!("key {second} 6 false"),
        format!("key {first} 100000 false"),
        "key null 8 false".to_owned(),
    ];
    assert_eq!(lines(&get(&walrus, "/bucket?versions").await), all);
    refused(&call("ALICE", "DELETE", "/bucket").send(&walrus).await, 409, "BucketNotEmpty");

    let for_good = async |id: &str| {
        done(call("ALICE", "DELETE", &format!("/bucket/key?versionId={id}")), &walrus).await
    };
    let answer = for_good(&marker).await;
    assert_eq!(answer.header("x-amz-delete-marker"), "true");
    assert_eq!(answer.header("x-amz-version-id"), marker);
    assert_eq!(get(&walrus, "/bucket/key").await.body, "second", "it is back");
    let answer = for_good(&second).await;
    assert_eq!(
        (answer.header("x-amz-delete-marker"), answer.header("x-amz-version-id")),
        ("", &*second)
    );
    assert!(get(&walrus, "/bucket/key").await.body == large);
    let answer = for_good(&second).await;
    assert_eq!(answer.header("x-amz-version-id"), second, "it is gone already");
    refused(&get(&walrus, &format!("/bucket/key?versionId={second}")).await, 404, "NoSuchVersion");
    for_good("null").await;
    refused(&get(&walrus, "/bucket/key?versionId=null").await, 404, "NoSuchVersion");
    for_good(&first).await;
    refused(&get(&walrus, "/bucket/key").await, 404, "NoSuchKey");
    done(call("ALICE", "DELETE", "/bucket"), &walrus).await;
    drop(walrus);
    assert_eq!(blobs(dir.path()), 0);
}

#[tokio::test]
async fn a_bucket_whose_versioning_is_suspended_has_one_null_version_of_each_key() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let named = put(&walrus, "named").await;
    set(&walrus, "bucket", "Suspended").await;
    assert_eq!(put(&walrus, "null two").await, "null");
    let two = ["key null 8 true".to_owned(), format!("key {named} 5 false")];
    assert_eq!(lines(&get(&walrus, "/bucket?versions").await), two, "the first null one is gone");
    let answer = get(&walrus, "/bucket/key").await;
    assert_eq!((answer.text(), answer.header("x-amz-version-id")), ("null two", "null"));
    for _ in 0..2 {
        let answer = done(call("ALICE", "DELETE", "/bucket/key"), &walrus).await;
        assert_eq!(answer.header("x-amz-version-id"), "null");
        assert_eq!(answer.header("x-amz-delete-marker"), "true");
        let two = ["key null marker true".to_owned(), format!("key {named} 5 false")];
        assert_eq!(lines(&get(&walrus, "/bucket?versions").await), two);
    }
    assert_eq!(get(&walrus, "/bucket/key?versionId=null").await.status, 405);
    // the marker is the null version, which an object takes the place of
    assert_eq!(put(&walrus, "null three").await, "null");
    set(&walrus, "bucket", "Enabled").await;
    let last = put(&walrus, "last").await;
    let three = [
        format!("key {last} 4 true"),
        "key null 10 false".to_owned(),
        format!("key {named} 5 false"),
    ];
    assert_eq!(lines(&get(&walrus, "/bucket?versions").await), three);
    set(&walrus, "bucket", "Suspended").await;
    done(call("ALICE", "DELETE", "/bucket/key"), &walrus).await;
    done(call("ALICE", "DELETE", "/bucket/key?versionId=null"), &walrus).await;
    assert_eq!(get(&walrus, "/bucket/key").await.body, "last");
    let two = [format!("key {last} 4 true"), format!("key {named} 5 false")];
    assert_eq!(lines(&get(&walrus, "/bucket?versions").await), two);
}

#[tokio::test]
async fn version_ids_are_read_strictly() {
    let (_dir, walrus) = furnished().await;
    let unknown = "0".repeat(32);
    for (method, path, status, code) in [
        ("GET", "/bucket/key?versionId=", 400, "InvalidArgument"),
        ("GET", "/bucket/key?versionId=x", 400, "InvalidArgument"),
        ("DELETE", "/bucket/key?versionId=x", 400, "InvalidArgument"),
        ("GET", &format!("/bucket/key?versionId={unknown}"), 404, "NoSuchVersion"),
        ("GET", &format!("/bucket/missing?versionId={unknown}"), 404, "NoSuchVersion"),
        ("GET", &format!("/bucket/key?acl&versionId={unknown}"), 404, "NoSuchVersion"),
        ("PUT", "/bucket/key?versionId=null", 501, "NotImplemented"),
        ("POST", "/bucket/key?uploads&versionId=null", 501, "NotImplemented"),
        ("GET", "/bucket?versions&version-id-marker=null", 400, "InvalidArgument"),
        ("GET", "/bucket?versions&key-marker=a&version-id-marker=x", 400, "InvalidArgument"),
        ("GET", "/bucket?versions&max-keys=-1", 400, "InvalidArgument"),
    ] {
        refused(&call("ALICE", method, path).send(&walrus).await, status, code);
    }
    // where there never were versions, the null one is all there is
    let answer = get(&walrus, "/bucket/key?versionId=null").await;
    assert_eq!((answer.text(), answer.header("x-amz-version-id")), ("hello", ""));
    assert_eq!(lines(&get(&walrus, "/bucket?versions").await), ["key null 5 true"]);
    done(call("ALICE", "DELETE", "/bucket/key?versionId=null"), &walrus).await;
    refused(&get(&walrus, "/bucket/key").await, 404, "NoSuchKey");
}

#[tokio::test]
async fn versions_are_listed_page_by_page_in_their_order() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    for key in ["a/1", "a/1", "a/2", "a%20b", "b", "b", "key"] {
        done(call("ALICE", "PUT", &format!("/bucket/{key}")).body("x"), &walrus).await;
    }
    for key in ["a/2", "b", "never"] {
        done(call("ALICE", "DELETE", &format!("/bucket/{key}")), &walrus).await;
    }
    let whole = lines(&get(&walrus, "/bucket?versions").await);
    let kinds: Vec<_> = whole
        .iter()
        .map(|line| {
            let words: Vec<_> = line.rsplitn(4, ' ').collect();
            format!("{} {} {}", words[3], words[1], words[0])
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "a b 1 true",
            "a/1 1 true",
            "a/1 1 false",
            "a/2 marker true",
            "a/2 1 false",
            "b marker true",
            "b 1 false",
            "b 1 false",
            "key 1 true",
            "key 5 false",
            "never marker true",
        ]
    );
    for limit in 1..=12 {
        let (mut from, mut paged) = (String::new(), Vec::new());
        loop {
            let path = format!("/bucket?versions&max-keys={limit}{from}");
            let page = get(&walrus, &path).await;
            paged.extend(lines(&page));
            if page.elements("IsTruncated") == ["false"] {
                break;
            }
            let (key, id) = (page.elements("NextKeyMarker"), page.elements("NextVersionIdMarker"));
            let key = signature::uri_encode(key[0]);
            from = format!("&key-marker={key}&version-id-marker={}", id[0]);
        }
        assert_eq!(paged, whole, "in pages of {limit}");
    }
    for (query, names) in [
        ("prefix=a/", &["a/1", "a/1", "a/2", "a/2"][..]),
        ("key-marker=b", &["key", "key", "never"]),
        ("key-marker=a/", &["a/1", "a/1", "a/2", "a/2", "b", "b", "b", "key", "key", "never"]),
        ("prefix=a&delimiter=/", &["a b"]),
        ("delimiter=/&key-marker=a/", &["b", "b", "b", "key", "key", "never"]),
        ("max-keys=0", &[]),
        ("prefix=b%00", &[]),
        ("encoding-type=url&prefix=a%20", &["a%20b"]),
        ("key-marker=key&version-id-marker=null", &["never"]),
        ("key-marker=b&version-id-marker=null&prefix=b", &["b", "b", "b"]),
    ] {
        let page = get(&walrus, &format!("/bucket?versions&{query}")).await;
        assert_eq!(page.elements("Key"), names, "{query}");
    }
    let grouped = get(&walrus, "/bucket?versions&delimiter=/&max-keys=2").await;
    assert_eq!(grouped.elements("Prefix"), ["", "a/"]);
    assert_eq!(grouped.elements("NextKeyMarker"), ["a/"]);
    assert!(grouped.elements("NextVersionIdMarker").is_empty());
}

#[tokio::test]
async fn a_page_whose_versions_are_deleted_does_not_hide_the_next_ones() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    put(&walrus, "older").await;
    set(&walrus, "bucket", "Suspended").await;
    put(&walrus, "the null one").await;
    let mut from = String::new();
    loop {
        let page = get(&walrus, &format!("/bucket?versions&max-keys=1{from}")).await;
        let id = page.elements("VersionId")[0].to_owned();
        done(call("ALICE", "DELETE", &format!("/bucket/key?versionId={id}")), &walrus).await;
        if page.elements("IsTruncated") == ["false"] {
            break;
        }
        let next = page.elements("NextVersionIdMarker")[0];
        from = format!("&key-marker=key&version-id-marker={next}");
    }
    done(call("ALICE", "DELETE", "/bucket"), &walrus).await;
}

#[tokio::test]
async fn every_version_has_an_acl_of_its_own() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let first = put(&walrus, "first").await;
    let second = put(&walrus, "second").await;
    let acl = |id: &str| format!("/bucket/key?acl&versionId={id}");
    let open = call("ALICE", "PUT", &acl(&first)).header("x-amz-acl", "public-read");
    assert_eq!(done(open, &walrus).await.header("x-amz-version-id"), first);
    for (id, permissions) in [(&first, 2), (&second, 1)] {
        let answer = get(&walrus, &acl(id)).await;
        assert_eq!(answer.elements("Permission").len(), permissions);
        assert_eq!(answer.header("x-amz-version-id"), id);
    }
    let path = format!("/bucket/key?versionId={first}");
    assert_eq!(call("BOB", "GET", &path).send(&walrus).await.body, "first");
    refused(&call("BOB", "GET", "/bucket/key").send(&walrus).await, 403, "AccessDenied");
    // it is so still when it is the newest one again
    done(call("ALICE", "DELETE", &format!("/bucket/key?versionId={second}")), &walrus).await;
    assert_eq!(call("BOB", "GET", "/bucket/key").send(&walrus).await.body, "first");
    let marker = done(call("ALICE", "DELETE", "/bucket/key"), &walrus).await;
    let marker = marker.header("x-amz-version-id");
    assert_eq!(get(&walrus, &acl(marker)).await.status, 405);
    refused(&get(&walrus, "/bucket/key?acl").await, 404, "NoSuchKey");
}

#[tokio::test]
async fn versions_are_copied_and_made_by_uploads_in_parts() {
    let (dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let old = content(3, 90_000);
    let first = put(&walrus, old.clone()).await;
    put(&walrus, "second").await;
    let source = format!("/bucket/key?versionId={first}");
    let copy = call("ALICE", "PUT", "/bucket/key").header("x-amz-copy-source", &source);
    let answer = done(copy, &walrus).await;
    assert_eq!(answer.header("x-amz-copy-source-version-id"), first);
    let restored = answer.header("x-amz-version-id").to_owned();
    assert!(restored != first && get(&walrus, "/bucket/key").await.body == old);
    assert_eq!(blobs(dir.path()), 1, "both have the same bytes");

    let begun = done(call("ALICE", "POST", "/bucket/key?uploads"), &walrus).await;
    let upload = begun.elements("UploadId")[0].to_owned();
    let part = format!("/bucket/key?partNumber=1&uploadId={upload}");
    let part = call("ALICE", "PUT", &part).header("x-amz-copy-source", &source);
    let answer = done(part, &walrus).await;
    assert_eq!(answer.header("x-amz-copy-source-version-id"), first);
    let etag = answer.elements("ETag")[0].to_owned();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    let complete = format!("/bucket/key?uploadId={upload}");
    let answer = done(call("ALICE", "POST", &complete).body(list.clone()), &walrus).await;
    let made = answer.header("x-amz-version-id").to_owned();
    let again = done(call("ALICE", "POST", &complete).body(list), &walrus).await;
    assert_eq!(again.header("x-amz-version-id"), made);
    assert!(get(&walrus, "/bucket/key").await.body == old);
    let put = call("ALICE", "PUT", "/bucket/key").header("if-none-match", "*").body("x");
    refused(&put.send(&walrus).await, 412, "PreconditionFailed");

    let marker = done(call("ALICE", "DELETE", "/bucket/key"), &walrus).await;
    let marker = format!("/bucket/key?versionId={}", marker.header("x-amz-version-id"));
    let copy =
        |source: &str| call("ALICE", "PUT", "/bucket/new").header("x-amz-copy-source", source);
    refused(&copy(&marker).send(&walrus).await, 400, "InvalidRequest");
    refused(&copy("/bucket/key").send(&walrus).await, 404, "NoSuchKey");
    refused(&copy("/bucket/key?versionId=x").send(&walrus).await, 400, "InvalidArgument");
    let put = call("ALICE", "PUT", "/bucket/key").header("if-none-match", "*").body("x");
    done(put, &walrus).await;
}

#[tokio::test]
async fn many_versions_are_deleted_at_once() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let first = put(&walrus, "first").await;
    let delete = async |list: String| {
        let list = format!("<Delete>{list}</Delete>");
        done(call("ALICE", "POST", "/bucket?delete").body(list), &walrus).await
    };
    let object = |id: &str| {
        let id = if id.is_empty() { String::new() } else { format!("<VersionId>{id}</VersionId>") };
        format!("<Object><Key>key</Key>{id}</Object>")
    };
    let answer = delete(object("")).await;
    assert_eq!(answer.elements("DeleteMarker"), ["true"]);
    assert!(answer.elements("VersionId").is_empty());
    let marker = answer.elements("DeleteMarkerVersionId")[0].to_owned();
    let answer = delete([&*marker, &first, "null"].map(object).concat()).await;
    assert_eq!(answer.elements("VersionId"), [&*marker, &first, "null"]);
    assert_eq!(answer.elements("DeleteMarkerVersionId"), [&*marker]);
    assert!(lines(&get(&walrus, "/bucket?versions").await).is_empty());
    let bad = format!("<Delete>{}</Delete>", object("x"));
    let bad = call("ALICE", "POST", "/bucket?delete").body(bad).send(&walrus).await;
    refused(&bad, 400, "InvalidArgument");
}

#[tokio::test]
async fn a_policy_tells_versions_apart() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let first = put(&walrus, "first").await;
    let second = put(&walrus, "second").await;
    let allow = |action: &str, condition: &str| {
        format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "s3:{action}",
               "Resource": "arn:aws:s3:::bucket/*"{condition}}}]}}"#
        )
    };
    let named = format!(r#", "Condition": {{"StringEquals": {{"s3:VersionId": "{first}"}}}}"#);
    for (action, condition, plain, one, two) in [
        ("GetObject", "", 200, 403, 403),
        ("GetObjectVersion", "", 403, 200, 200),
        ("GetObjectVersion", &*named, 403, 200, 403),
    ] {
        let policy = call("ALICE", "PUT", "/bucket?policy").body(allow(action, condition));
        done(policy, &walrus).await;
        let path = |id: &str| format!("/bucket/key?versionId={id}");
        for (path, status) in
            [("/bucket/key".to_owned(), plain), (path(&first), one), (path(&second), two)]
        {
            let answer = call("BOB", "GET", &path).send(&walrus).await;
            assert_eq!(answer.status, status, "{action} {condition} {path}");
            let copy = call("BOB", "PUT", "/bobs/copy").header("x-amz-copy-source", &path);
            done(call("BOB", "PUT", "/bobs"), &walrus).await;
            assert_eq!(copy.send(&walrus).await.status, status, "{action} {condition} {path}");
        }
    }
    let delete = allow("DeleteObjectVersion", &named);
    done(call("ALICE", "PUT", "/bucket?policy").body(delete), &walrus).await;
    let object = |id: &str| format!("<Object><Key>key</Key><VersionId>{id}</VersionId></Object>");
    let list = format!(
        "<Delete>{}{}<Object><Key>key</Key></Object></Delete>",
        object(&first),
        object(&second)
    );
    let answer = done(call("BOB", "POST", "/bucket?delete").body(list), &walrus).await;
    assert_eq!(answer.elements("Code"), ["AccessDenied"; 2]);
    assert_eq!(lines(&get(&walrus, "/bucket?versions").await).len(), 2);
}
