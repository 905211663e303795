//! Uploads in parts.

use crate::client::{Answer, Everybody, call, content};
use crate::kill::blobs;
use crate::protocol::{furnished, refused};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use walrus::{Door, Walrus};

/// The least that a part may have that is not the last one.
const LEAST: usize = 5 << 20;
const PATH: &str = "/bucket/large";

/// Begins an upload with these headers; its id.
async fn begin(walrus: &Walrus, headers: &[(&str, &str)]) -> String {
    let call = call("ALICE", "POST", &format!("{PATH}?uploads"));
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    let answer = call.send(walrus).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.elements("Key"), ["large"]);
    answer.elements("UploadId")[0].to_owned()
}

async fn put(walrus: &Walrus, id: &str, number: usize, bytes: &[u8]) -> Answer {
    let path = format!("{PATH}?partNumber={number}&uploadId={id}");
    call("ALICE", "PUT", &path).body(bytes.to_vec()).send(walrus).await
}

/// The list that completes an upload: numbers, ETags, and what else is said of each part.
fn list(parts: &[(usize, &str, &str)]) -> String {
    let part = |(number, etag, more): &(usize, &str, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{more}</Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
         </CompleteMultipartUpload>"
    )
}

async fn complete(walrus: &Walrus, id: &str, list: &str) -> Answer {
    let path = format!("{PATH}?uploadId={id}");
    call("ALICE", "POST", &path).body(list.to_owned()).send(walrus).await
}

async fn get(walrus: &Walrus, range: &str) -> Answer {
    call("ALICE", "GET", PATH).header("range", range).send(walrus).await
}

/// Uploads and completes; the id.
async fn uploaded(walrus: &Walrus, parts: &[&[u8]]) -> String {
    let id = begin(walrus, &[]).await;
    let mut etags = Vec::new();
    for (at, bytes) in parts.iter().enumerate() {
        etags.push(put(walrus, &id, at + 1, bytes).await.header("etag").to_owned());
    }
    let rows: Vec<_> = etags.iter().enumerate().map(|(at, etag)| (at + 1, &**etag, "")).collect();
    let answer = complete(walrus, &id, &list(&rows)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    id
}

#[tokio::test]
async fn parts_become_one_object_with_its_headers() {
    let (dir, walrus) = furnished().await;
    let id = begin(&walrus, &[("content-type", "text/plain"), ("x-amz-meta-a", "b")]).await;
    let whole = content(7, 2 * LEAST + 1000);
    let [first, second, third] = [&whole[..LEAST], &whole[LEAST..2 * LEAST], &whole[2 * LEAST..]];
    // in any order, one of them twice, one that is not wanted in the end
    let three = put(&walrus, &id, 3000, third).await.header("etag").to_owned();
    put(&walrus, &id, 2, first).await;
    let two = put(&walrus, &id, 2, second).await.header("etag").to_owned();
    let one = put(&walrus, &id, 1, first).await.header("etag").to_owned();
    put(&walrus, &id, 9, &content(1, 100_000)).await;
    refused(&call("ALICE", "GET", PATH).send(&walrus).await, 404, "NoSuchKey");

    let shown = call("ALICE", "GET", &format!("{PATH}?uploadId={id}&max-parts=3"));
    let shown = shown.send(&walrus).await;
    assert_eq!(shown.elements("PartNumber"), ["1", "2", "9"]);
    assert_eq!(shown.elements("NextPartNumberMarker"), ["9"]);
    assert_eq!(shown.elements("IsTruncated"), ["true"]);
    let next = format!("{PATH}?uploadId={id}&part-number-marker=9");
    assert_eq!(call("ALICE", "GET", &next).send(&walrus).await.elements("PartNumber"), ["3000"]);

    let good = list(&[(1, &one, ""), (2, &two, ""), (3000, &three, "")]);
    let answer = complete(&walrus, &id, &good).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let etag = answer.elements("ETag")[0].replace("&quot;", "\"");
    assert!(etag.ends_with("-3\""), "{etag}");
    // whoever did not hear the answer asks again
    let again = complete(&walrus, &id, &good).await;
    assert_eq!(again.elements("ETag"), answer.elements("ETag"));
    refused(&put(&walrus, &id, 1, b"late").await, 404, "NoSuchUpload");

    let answer = call("ALICE", "GET", PATH).send(&walrus).await;
    assert!(answer.body == whole);
    assert_eq!((answer.header("etag"), answer.header("content-type")), (&*etag, "text/plain"));
    assert_eq!(answer.header("x-amz-meta-a"), "b");
    for (range, expected) in [
        ("bytes=0-0", &whole[..1]),
        (&format!("bytes={}-{}", LEAST - 2, LEAST + 1), &whole[LEAST - 2..LEAST + 2]),
        (&format!("bytes={}-{}", LEAST, 2 * LEAST), &whole[LEAST..=2 * LEAST]),
        (&format!("bytes={}-", LEAST - 1), &whole[LEAST - 1..]),
        ("bytes=-1001", &whole[whole.len() - 1001..]),
    ] {
        assert!(get(&walrus, range).await.body == expected, "{range}");
    }
    assert_eq!(call("ALICE", "HEAD", PATH).send(&walrus).await.header("content-length"), {
        whole.len().to_string()
    });
    call("ALICE", "DELETE", PATH).send(&walrus).await;
    drop(walrus);
    assert_eq!(blobs(dir.path()), 0);
}

#[tokio::test]
async fn an_upload_is_completed_with_the_parts_that_there_are_and_no_others() {
    let (_dir, walrus) = furnished().await;
    let id = begin(&walrus, &[]).await;
    let one = put(&walrus, &id, 1, b"small").await.header("etag").to_owned();
    let two = put(&walrus, &id, 2, b"last").await.header("etag").to_owned();
    for (list, code) in [
        (list(&[(1, &one, ""), (2, &two, "")]), "EntityTooSmall"),
        (list(&[(2, &two, ""), (1, &one, "")]), "InvalidPartOrder"),
        (list(&[(1, &one, ""), (1, &one, "")]), "InvalidPartOrder"),
        (list(&[(1, &two, "")]), "InvalidPart"),
        (list(&[(3, &one, "")]), "InvalidPart"),
        (list(&[]), "MalformedXML"),
        ("<!DOCTYPE a><CompleteMultipartUpload/>".to_owned(), "MalformedXML"),
        ("<Other/>".to_owned(), "MalformedXML"),
        (list(&[(70_000, &one, "")]), "MalformedXML"),
    ] {
        refused(&complete(&walrus, &id, &list).await, 400, code);
    }
    for (path, code) in [
        ("?partNumber=0&uploadId=", "InvalidArgument"),
        ("?partNumber=10001&uploadId=", "InvalidArgument"),
        ("?partNumber=x&uploadId=", "InvalidArgument"),
    ] {
        let path = format!("{PATH}{path}{id}");
        refused(&call("ALICE", "PUT", &path).body("x").send(&walrus).await, 400, code);
    }
    for user in ["BOB", "ROOT"] {
        let path = format!("{PATH}?uploadId={id}");
        for method in ["GET", "POST", "DELETE"] {
            let answer = call(user, method, &path).body(list(&[(1, &one, "")])).send(&walrus).await;
            refused(&answer, 403, "AccessDenied");
        }
        let answer = call(user, "PUT", &format!("{path}&partNumber=1")).body("x").send(&walrus);
        refused(&answer.await, 403, "AccessDenied");
        let answer = call(user, "GET", "/bucket?uploads").send(&walrus).await;
        refused(&answer, 403, "AccessDenied");
    }
    let condition = call("ALICE", "POST", &format!("{PATH}?uploadId={id}"));
    let condition = condition.header("if-match", "\"none\"").body(list(&[(1, &one, "")]));
    refused(&condition.send(&walrus).await, 404, "NoSuchKey");
    assert_eq!(complete(&walrus, &id, &list(&[(1, &one, "")])).await.status, 200);
    assert_eq!(call("ALICE", "GET", PATH).send(&walrus).await.body, "small");
}

#[tokio::test]
async fn uploads_are_listed_until_they_are_aborted_or_their_bucket_goes() {
    let (dir, walrus) = furnished().await;
    let mut ids = Vec::new();
    for key in ["a", "b/1", "b/1", "b/2"] {
        let path = format!("/bucket/{key}?uploads");
        let answer = call("ALICE", "POST", &path).send(&walrus).await;
        ids.push(answer.elements("UploadId")[0].to_owned());
    }
    let listed = async |query: &str| {
        let answer = call("ALICE", "GET", &format!("/bucket?uploads{query}")).send(&walrus).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let all = listed("").await;
    assert_eq!(all.elements("UploadId"), ids);
    assert_eq!(all.elements("IsTruncated"), ["false"]);
    let two = listed("&max-uploads=2").await;
    assert_eq!(two.elements("UploadId"), ids[..2]);
    assert_eq!(two.elements("NextKeyMarker"), ["b/1"]);
    let next =
        format!("&key-marker=b/1&upload-id-marker={}", two.elements("NextUploadIdMarker")[0]);
    assert_eq!(listed(&next).await.elements("UploadId"), ids[2..]);
    assert_eq!(listed("&key-marker=b/1").await.elements("UploadId"), ids[3..]);
    assert_eq!(listed("&prefix=b/&max-uploads=1").await.elements("UploadId"), ids[1..2]);

    let part = format!("/bucket/a?partNumber=1&uploadId={}", ids[0]);
    call("ALICE", "PUT", &part).body(content(1, 100_000)).send(&walrus).await;
    let abort = format!("/bucket/a?uploadId={}", ids[0]);
    assert_eq!(call("ALICE", "DELETE", &abort).send(&walrus).await.status, 204);
    refused(&call("ALICE", "DELETE", &abort).send(&walrus).await, 404, "NoSuchUpload");
    assert_eq!(listed("").await.elements("UploadId"), ids[1..]);

    let part = format!("/bucket/b/2?partNumber=1&uploadId={}", ids[3]);
    call("ALICE", "PUT", &part).body(content(1, 100_000)).send(&walrus).await;
    call("ALICE", "DELETE", "/bucket/key").send(&walrus).await;
    assert_eq!(call("ALICE", "DELETE", "/bucket").send(&walrus).await.status, 204);
    drop(walrus);
    assert_eq!(blobs(dir.path()), 0);
}

#[tokio::test]
async fn a_part_is_copied_from_an_object_or_a_range_of_it() {
    let (_dir, walrus) = furnished().await;
    let bytes = content(3, LEAST + 70_000);
    call("ALICE", "PUT", "/bucket/source").body(bytes.clone()).send(&walrus).await;
    let id = begin(&walrus, &[]).await;
    let copy = |number: usize| {
        let path = format!("{PATH}?partNumber={number}&uploadId={id}");
        call("ALICE", "PUT", &path).header("x-amz-copy-source", "bucket/source")
    };
    let one = copy(1).send(&walrus).await;
    let two = copy(2).header("x-amz-copy-source-range", "bytes=10-19").send(&walrus).await;
    for range in ["bytes=0-9999999", "bytes=5-4", "bytes=5-", "5-6"] {
        let answer = copy(3).header("x-amz-copy-source-range", range).send(&walrus).await;
        refused(&answer, 400, "InvalidArgument");
    }
    let stale = copy(3).header("x-amz-copy-source-if-match", "\"other\"").send(&walrus).await;
    refused(&stale, 412, "PreconditionFailed");
    let etags = [&one, &two].map(|answer| answer.elements("ETag")[0].to_owned());
    let list = list(&[(1, &etags[0], ""), (2, &etags[1], "")]);
    assert_eq!(complete(&walrus, &id, &list).await.status, 200);
    let answer = call("ALICE", "GET", PATH).send(&walrus).await;
    assert!(answer.body == [&bytes[..], &bytes[10..20]].concat());
}

#[tokio::test]
async fn checksums_of_parts_are_verified_and_make_one_of_the_object() {
    let (_dir, walrus) = furnished().await;
    let crc = |bytes: &[u8]| STANDARD.encode(crc32fast::hash(bytes).to_be_bytes());
    let bytes = content(5, LEAST + 5);
    for (kind, expected) in [
        ("FULL_OBJECT", crc(&bytes)),
        ("COMPOSITE", {
            let sums =
                [&bytes[..LEAST], &bytes[LEAST..]].map(|part| crc32fast::hash(part).to_be_bytes());
            format!("{}-2", crc(&sums.concat()))
        }),
    ] {
        let kind_asked = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", kind)];
        let id = begin(&walrus, &kind_asked).await;
        let mut rows = Vec::new();
        for (at, part) in [&bytes[..LEAST], &bytes[LEAST..]].into_iter().enumerate() {
            let path = format!("{PATH}?partNumber={}&uploadId={id}", at + 1);
            let send = |sum: &str| {
                let call = call("ALICE", "PUT", &path).header("x-amz-checksum-crc32", sum);
                call.body(part.to_vec())
            };
            refused(&send("AAAAAA==").send(&walrus).await, 400, "BadDigest");
            let answer = send(&crc(part)).send(&walrus).await;
            assert_eq!(answer.header("x-amz-checksum-crc32"), crc(part));
            let sum = format!("<ChecksumCRC32>{}</ChecksumCRC32>", crc(part));
            rows.push((at + 1, answer.header("etag").to_owned(), sum));
        }
        let of = |rows: &[(usize, String, String)]| {
            let rows: Vec<_> = rows.iter().map(|(at, etag, sum)| (*at, &**etag, &**sum)).collect();
            list(&rows)
        };
        let mut wrong = rows.clone();
        wrong[1].2 = wrong[0].2.clone();
        refused(&complete(&walrus, &id, &of(&wrong)).await, 400, "InvalidPart");
        let answer = complete(&walrus, &id, &of(&rows)).await;
        assert_eq!(answer.elements("ChecksumCRC32"), [&*expected], "{kind}");
        let get = call("ALICE", "GET", PATH).header("x-amz-checksum-mode", "ENABLED");
        let answer = get.send(&walrus).await;
        assert_eq!(answer.header("x-amz-checksum-crc32"), expected);
        assert_eq!(answer.header("x-amz-checksum-type"), kind);
    }
    // a part without the checksum that was promised
    let id = begin(&walrus, &[("x-amz-checksum-algorithm", "SHA256")]).await;
    let one = put(&walrus, &id, 1, b"x").await.header("etag").to_owned();
    refused(&complete(&walrus, &id, &list(&[(1, &one, "")])).await, 400, "InvalidPart");
    for bad in [("x-amz-checksum-algorithm", "MD4"), ("x-amz-checksum-type", "FULL_OBJECT")] {
        let path = format!("{PATH}?uploads");
        let answer = call("ALICE", "POST", &path).header(bad.0, bad.1).send(&walrus).await;
        refused(&answer, 400, "InvalidRequest");
    }
}

/// The files of parts are opened one after the other as they are sent.
#[tokio::test]
async fn a_read_goes_on_with_the_old_bytes_after_a_delete_and_an_overwrite() {
    let (dir, walrus) = furnished().await;
    let bytes = content(11, LEAST + 300_000);
    uploaded(&walrus, &[&bytes[..LEAST], &bytes[LEAST..]]).await;
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let request = call("ALICE", "GET", PATH).signed();
        bodies.push(walrus.handle(&Everybody, Door::Prefix, request).await.into_body());
    }
    call("ALICE", "PUT", PATH).body("new").send(&walrus).await;
    call("ALICE", "DELETE", PATH).send(&walrus).await;
    for body in bodies {
        assert!(body.collect().await.unwrap().to_bytes() == bytes);
    }
    drop(walrus);
    assert_eq!(blobs(dir.path()), 0, "the last reader has them unlinked");
}
