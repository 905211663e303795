//! A disk that is full, can only be read, or does not give some bytes: what clients are told, and
//! that all else goes on.

use crate::client::{call, content};
use crate::protocol::refused;
use crate::twin::Twin;
use std::io;
use std::sync::{Arc, Mutex};
use types::SystemClock;
use walrus::{Blob, Disk, Error, NewBlob, Settings, Walrus};

/// More than fits into the ordered store.
const LARGE: usize = 600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fault {
    #[default]
    None,
    /// No more bytes of blobs are taken.
    Full,
    /// Nor are files of blobs made or removed.
    ReadOnly,
    /// The bytes of blobs are not given.
    Unreadable,
    /// A blob is never certain to be on the disk.
    Unsynced,
}

/// A disk in memory with a fault that can be set. Clones are the same one.
#[derive(Debug, Clone)]
struct Faulty {
    disk: Twin,
    fault: Arc<Mutex<Fault>>,
}

impl Faulty {
    fn new() -> Self {
        Self { disk: Twin::with_power_for(u64::MAX), fault: Arc::default() }
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fails(&self, with: &[Fault], kind: io::ErrorKind) -> io::Result<()> {
        if with.contains(&self.fault.lock().unwrap()) { Err(kind.into()) } else { Ok(()) }
    }

    fn open(&self) -> Walrus {
        let settings = Settings { scrub_bytes_per_second: u64::MAX, ..Settings::default() };
        Walrus::open_on(Arc::new(self.clone()), settings, Arc::new(SystemClock)).unwrap()
    }
}

impl Disk for Faulty {
    fn database(&self, builder: &redb::Builder) -> Result<redb::Database, Error> {
        self.disk.database(builder)
    }

    fn create(&self, shelf: u8, name: &str) -> io::Result<Box<dyn NewBlob>> {
        self.fails(&[Fault::ReadOnly], io::ErrorKind::ReadOnlyFilesystem)?;
        let file = self.disk.create(shelf, name)?;
        Ok(Box::new(Open { file, disk: self.clone() }))
    }

    fn open(&self, shelf: u8, name: &str) -> io::Result<Box<dyn Blob>> {
        let file = self.disk.open(shelf, name)?;
        Ok(Box::new(Open { file, disk: self.clone() }))
    }

    fn remove(&self, shelf: u8, name: &str) -> io::Result<()> {
        self.fails(&[Fault::ReadOnly], io::ErrorKind::ReadOnlyFilesystem)?;
        self.disk.remove(shelf, name)
    }

    fn list(&self, shelf: u8) -> io::Result<Vec<String>> {
        self.disk.list(shelf)
    }

    fn sync_names(&self, shelf: u8) -> io::Result<()> {
        self.disk.sync_names(shelf)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
}

#[derive(Debug)]
struct Open<T> {
    file: T,
    disk: Faulty,
}

impl NewBlob for Open<Box<dyn NewBlob>> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.fails(&[Fault::Full], io::ErrorKind::StorageFull)?;
        self.file.append(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.fails(&[Fault::Unsynced], io::ErrorKind::Other)?;
        self.file.sync()
    }
}

impl Blob for Open<Box<dyn Blob>> {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.disk.fails(&[Fault::Unreadable], io::ErrorKind::Other)?;
        self.file.read_exact_at(buffer, at)
    }
}

async fn put(walrus: &Walrus, key: &str, bytes: &[u8]) -> crate::client::Answer {
    call("ALICE", "PUT", &format!("/bucket/{key}")).body(bytes.to_vec()).send(walrus).await
}

#[tokio::test]
async fn a_disk_that_takes_nothing_refuses_that_write_and_keeps_the_rest() {
    for (fault, status, code) in [
        (Fault::Full, 507, "StorageFull"),
        (Fault::ReadOnly, 500, "InternalError"),
        (Fault::Unsynced, 500, "InternalError"),
    ] {
        let disk = Faulty::new();
        let walrus = disk.open();
        call("ALICE", "PUT", "/bucket").send(&walrus).await;
        let old = content(1, LARGE);
        assert_eq!(put(&walrus, "large", &old).await.status, 200);
        disk.set(fault);
        for key in ["large", "other"] {
            refused(&put(&walrus, key, &content(2, LARGE)).await, status, code);
        }
        let kept = call("ALICE", "GET", "/bucket/large").send(&walrus).await;
        assert!(kept.body == old, "{fault:?}");
        refused(&call("ALICE", "GET", "/bucket/other").send(&walrus).await, 404, "NoSuchKey");
        assert_eq!(put(&walrus, "small", b"it needs no file").await.status, 200, "{fault:?}");
        disk.set(Fault::None);
        assert_eq!(put(&walrus, "other", &old).await.status, 200, "{fault:?}");
        drop(walrus);
        let check = walrus::check_on(Arc::new(disk.disk), false, &mut |_| {}).unwrap();
        assert_eq!((check.contents, check.damaged, check.flaws), (3, 0, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn bytes_that_a_disk_does_not_give_are_told_by_the_scrubber() {
    let disk = Faulty::new();
    let walrus = disk.open();
    call("ALICE", "PUT", "/bucket").send(&walrus).await;
    put(&walrus, "large", &content(1, LARGE)).await;
    put(&walrus, "small", b"small").await;
    disk.set(Fault::Unreadable);
    let small = call("ALICE", "GET", "/bucket/small").send(&walrus).await;
    assert_eq!(small.text(), "small");
    let round = walrus.scrub(9).await.unwrap();
    assert_eq!((round.contents, round.damaged), (2, 1));
    disk.set(Fault::None);
    assert!(walrus.scrub(9).await.unwrap().ended.is_some());
    let round = walrus.scrub(9).await.unwrap();
    assert_eq!((round.contents, round.damaged), (2, 0), "another round");
}
