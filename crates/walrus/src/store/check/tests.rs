//! Flaws that only a fault of the store itself, or of its disk, can make: they are made by hand.

use super::super::record::{BLOBS, INLINE, OBJECTS, PARTS, SHARED, object_key};
use super::{Check, check};
use crate::disk::Directory;
use crate::store::{
    Change, Content, Id, NewObject, Object, Precondition, Quotas, Store, open_database,
};
use redb::{ReadableDatabase, ReadableTable, WriteTransaction};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use types::{AccountId, SystemClock, Timestamp};

const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

/// A store with one object, `bucket/key`.
async fn filled(dir: &Path) -> (Id, Content) {
    let disk = Arc::new(Directory::open(dir).unwrap());
    let store = Store::open(disk, Arc::new(SystemClock)).unwrap();
    let now = Timestamp::now();
    let (id, content) = (store.new_id(now).unwrap(), Content::Inline(store.new_id(now).unwrap()));
    let alice: types::UserName = "alice".parse().unwrap();
    let bucket = serde_json::from_value(serde_json::json!({
        "id": id, "owner": AccountId::preferred(&alice), "owner_name": "alice", "acl": "private",
        "created": 0, "location": "",
    }));
    let name = || "bucket".to_owned();
    let make = Change::CreateBucket { name: name(), bucket: bucket.unwrap(), quotas: Quotas::NONE };
    store.change(make).await.unwrap().unwrap();
    let object: Object = serde_json::from_value(serde_json::json!({
        "content": content, "size": 3, "etag": MD5_OF_ABC, "modified": 0, "acl": "private",
        "headers": {}, "metadata": {}, "checksums": {},
    }))
    .unwrap();
    let new = NewObject { object, bytes: "abc".into(), blob: None, quotas: Quotas::NONE };
    let condition = Precondition::None;
    let put = Change::PutObject { bucket: name(), id, key: "key".to_owned(), new, condition };
    store.change(put).await.unwrap().unwrap();
    (id, content)
}

fn spoil(dir: &Path, spoil: impl FnOnce(&WriteTransaction)) {
    let db = open_database(&Directory::open(dir).unwrap()).unwrap();
    let txn = db.begin_write().unwrap();
    spoil(&txn);
    txn.commit().unwrap();
}

fn told(dir: &Path, repair: bool) -> (Vec<String>, Check) {
    let mut told = Vec::new();
    let check = check(dir, repair, &mut |finding| told.push(finding.to_string())).unwrap();
    told.sort();
    (told, check)
}

fn inline(dir: &Path) -> usize {
    let db = open_database(&Directory::open(dir).unwrap()).unwrap();
    db.begin_read().unwrap().open_table(INLINE).unwrap().iter().unwrap().count()
}

#[tokio::test]
async fn flaws_are_told_mended_once_and_gone_then() {
    let dir = TempDir::new().unwrap();
    let (_, content) = filled(dir.path()).await;
    assert_eq!(told(dir.path(), true).0, [""; 0]);
    spoil(dir.path(), |txn| {
        txn.open_table(INLINE).unwrap().insert(5, b"lost".as_slice()).unwrap();
        txn.open_table(BLOBS).unwrap().insert(6, 77).unwrap();
        txn.open_table(SHARED).unwrap().insert(content.id().0, 3).unwrap();
        txn.open_table(SHARED).unwrap().insert(8, 1).unwrap();
        let part = format!(
            r#"{{"content":{{"inline":"{}"}},"size":4,"etag":"","modified":0,"checksums":{{}}}}"#,
            Id(5)
        );
        txn.open_table(PARTS).unwrap().insert((9, 1), part.as_bytes()).unwrap();
    });
    let (lines, check) = told(dir.path(), false);
    assert_eq!((check.damaged, check.flaws, check.mended), (0, 5, 0), "{lines:#?}");
    let (lines, check) = told(dir.path(), true);
    assert_eq!((check.damaged, check.flaws, check.mended), (0, 0, 5), "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("mended: ")), "{lines:#?}");
    assert_eq!(told(dir.path(), false).0, [""; 0]);
    assert_eq!(inline(dir.path()), 1);
}

#[tokio::test]
async fn what_an_unreadable_record_may_refer_to_is_not_removed() {
    let dir = TempDir::new().unwrap();
    let (bucket, content) = filled(dir.path()).await;
    spoil(dir.path(), |txn| {
        let place = object_key(bucket, "key");
        txn.open_table(OBJECTS).unwrap().insert(place.as_slice(), b"{".as_slice()).unwrap();
    });
    let (lines, check) = told(dir.path(), true);
    assert_eq!((check.damaged, check.flaws, check.mended), (1, 1, 0), "{lines:#?}");
    assert!(
        lines[0].starts_with("damaged: bucket/key (version unknown): its record"),
        "{lines:#?}"
    );
    assert!(lines[1].contains(&content.id().to_string()), "{lines:#?}");
    assert_eq!(inline(dir.path()), 1);
}

#[tokio::test]
async fn altered_bytes_in_the_ordered_store_are_found() {
    let dir = TempDir::new().unwrap();
    let (_, content) = filled(dir.path()).await;
    spoil(dir.path(), |txn| {
        txn.open_table(INLINE).unwrap().insert(content.id().0, b"abd".as_slice()).unwrap();
    });
    let (lines, check) = told(dir.path(), true);
    assert_eq!(check.damaged, 1);
    assert!(lines[0].contains("its bytes were altered"), "{lines:#?}");
}

#[tokio::test]
async fn a_file_that_is_not_noted_is_noted_again() {
    let dir = TempDir::new().unwrap();
    let (bucket, _) = filled(dir.path()).await;
    let shelf = dir.path().join("blobs/00");
    std::fs::write(shelf.join(Id(4).to_string()), b"abc").unwrap();
    spoil(dir.path(), |txn| {
        let mut objects = txn.open_table(OBJECTS).unwrap();
        let place = object_key(bucket, "key");
        let record = objects.get(place.as_slice()).unwrap().unwrap().value().to_vec();
        let mut object: Object = serde_json::from_slice(&record).unwrap();
        object.content = Content::Blob(Id(4));
        let other = object_key(bucket, "large");
        let record = serde_json::to_vec(&object).unwrap();
        objects.insert(other.as_slice(), record.as_slice()).unwrap();
    });
    let (lines, check) = told(dir.path(), true);
    assert_eq!((check.damaged, check.flaws, check.mended), (0, 0, 1), "{lines:#?}");
    drop(
        Store::open(Arc::new(Directory::open(dir.path()).unwrap()), Arc::new(SystemClock)).unwrap(),
    );
    assert!(shelf.join(Id(4).to_string()).exists(), "the sweeper leaves it");
    assert_eq!(told(dir.path(), false).0, [""; 0]);
}
