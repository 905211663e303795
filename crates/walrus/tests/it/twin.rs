//! A disk in memory that loses its power: what was not synced is dropped, kept or torn.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use walrus::{Blob, Disk, Error, NewBlob};

/// The name of the ordered store.
const DATABASE: &str = "database";
/// What is written at once, whatever happens.
const SECTOR: usize = 512;

/// What there is room for in blobs, in bytes.
pub(crate) const ROOM: u64 = 1 << 40;

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsynced {
    Lost,
    Kept,
    /// Each sector and each name by itself, as the numbers of this seed have it.
    Torn(u64),
}

/// A file: as it is, as it was when it was synced last, and what happened since.
#[derive(Debug, Clone, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    since: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl File {
    fn take(&mut self, step: Step) {
        apply(&mut self.now, &step);
        self.since.push(step);
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.now);
        self.since.clear();
    }

    fn after_cut(&self, keeps: &mut impl FnMut() -> bool) -> Self {
        let mut left = self.synced.clone();
        for step in &self.since {
            let Step::Write(at, bytes) = step else {
                if keeps() {
                    apply(&mut left, step);
                }
                continue;
            };
            let mut from = 0;
            while from < bytes.len() {
                let to = (from + SECTOR - (at + from) % SECTOR).min(bytes.len());
                if keeps() {
                    apply(&mut left, &Step::Write(at + from, bytes[from..to].to_vec()));
                }
                from = to;
            }
        }
        Self { now: left.clone(), synced: left, since: Vec::new() }
    }
}

fn apply(bytes: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Length(length) => bytes.resize(*length, 0),
        Step::Write(at, new) => {
            if bytes.len() < at + new.len() {
                bytes.resize(at + new.len(), 0);
            }
            bytes[*at..*at + new.len()].copy_from_slice(new);
        }
    }
}

type SharedFile = Arc<Mutex<File>>;
type Names = BTreeMap<(u8, String), SharedFile>;

#[derive(Debug, Default)]
struct State {
    names: Names,
    synced_names: Names,
    /// How many more steps there is power for.
    steps_left: u64,
}

/// The disk. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Twin(Arc<Mutex<State>>);

impl Twin {
    /// A new disk, which loses its power after so many writes, syncs and the like.
    pub(crate) fn with_power_for(steps: u64) -> Self {
        let twin = Self::default();
        twin.state().steps_left = steps;
        twin
    }

    /// What is on the disk once there is power again, for so many steps.
    pub(crate) fn after_cut(&self, unsynced: Unsynced, steps: u64) -> Self {
        let state = self.state();
        let mut random = match unsynced {
            Unsynced::Torn(seed) => {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&seed.to_le_bytes());
                Some(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
            }
            Unsynced::Lost | Unsynced::Kept => None,
        };
        let mut keeps = move || match &mut random {
            Some(random) => random.next_u32() % 2 == 0,
            None => unsynced == Unsynced::Kept,
        };
        let mut names = Names::new();
        for name in state.names.keys().chain(state.synced_names.keys()) {
            let (now, synced) = (state.names.get(name), state.synced_names.get(name));
            let file = if keeps() { now } else { synced };
            if let Some(file) = file.filter(|_| !names.contains_key(name)) {
                let left = file.lock().unwrap().after_cut(&mut keeps);
                names.insert(name.clone(), Arc::new(Mutex::new(left)));
            }
        }
        let synced_names = names.clone();
        Self(Arc::new(Mutex::new(State { names, synced_names, steps_left: steps })))
    }

    pub(crate) fn has_power(&self) -> bool {
        self.state().steps_left > 0
    }

    pub(crate) fn blobs(&self) -> usize {
        self.state().names.keys().filter(|(_, name)| name != DATABASE).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The state, while there is power.
    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.steps_left == 0 { Err(io::Error::other("no power")) } else { Ok(state) }
    }

    /// The same for something that takes one of the steps that there is power for.
    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.running()?;
        state.steps_left -= 1;
        if state.steps_left == 0 { Err(io::Error::other("no power")) } else { Ok(state) }
    }
}

impl Disk for Twin {
    fn database(&self, builder: &redb::Builder) -> Result<redb::Database, Error> {
        let name = (0, DATABASE.to_owned());
        let open = |file: &SharedFile| {
            let file = Arc::clone(file);
            builder.create_with_backend(Open { twin: self.clone(), file })
        };
        if !self.state().names.contains_key(&name) {
            let new = SharedFile::default();
            drop(open(&new)?);
            self.step()?.names.insert(name.clone(), new);
            self.sync_names(0)?;
        }
        let file = Arc::clone(&self.state().names[&name]);
        Ok(open(&file)?)
    }

    fn create(&self, shelf: u8, name: &str) -> io::Result<Box<dyn NewBlob>> {
        let mut state = self.step()?;
        let file = SharedFile::default();
        let old = state.names.insert((shelf, name.to_owned()), Arc::clone(&file));
        assert!(old.is_none(), "a blob is written once");
        drop(state);
        Ok(Box::new(Open { twin: self.clone(), file }))
    }

    fn open(&self, shelf: u8, name: &str) -> io::Result<Box<dyn Blob>> {
        let state = self.running()?;
        let file = state.names.get(&(shelf, name.to_owned())).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Open { twin: self.clone(), file: Arc::clone(file) }))
    }

    fn remove(&self, shelf: u8, name: &str) -> io::Result<()> {
        let removed = self.step()?.names.remove(&(shelf, name.to_owned()));
        removed.map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn list(&self, shelf: u8) -> io::Result<Vec<String>> {
        let state = self.running()?;
        let here = state.names.keys().filter(|(on, _)| *on == shelf);
        Ok(here.map(|(_, name)| name.clone()).collect())
    }

    fn sync_names(&self, shelf: u8) -> io::Result<()> {
        let mut state = self.step()?;
        state.synced_names.retain(|(on, _), _| *on != shelf);
        let here = state.names.iter().filter(|((on, _), _)| *on == shelf);
        let here: Vec<_> = here.map(|(name, file)| (name.clone(), Arc::clone(file))).collect();
        state.synced_names.extend(here);
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.running()?;
        let blobs = state.names.iter().filter(|((_, name), _)| name != DATABASE);
        Ok(ROOM - blobs.map(|(_, file)| file.lock().unwrap().now.len() as u64).sum::<u64>())
    }
}

/// A file that is open: a blob, or that of the ordered store.
#[derive(Debug)]
struct Open {
    twin: Twin,
    file: SharedFile,
}

impl Open {
    fn change(&self, change: impl FnOnce(&mut File)) -> io::Result<()> {
        let _one_after_the_other = self.twin.step()?;
        change(&mut self.file.lock().unwrap());
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let _running = self.twin.running()?;
        Ok(self.file.lock().unwrap().now.len() as u64)
    }

    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let _running = self.twin.running()?;
        let file = self.file.lock().unwrap();
        let bytes = file.now.get(at as usize..at as usize + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl NewBlob for Open {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.change(|file| file.take(Step::Write(file.now.len(), bytes.to_vec())))
    }

    fn sync(&self) -> io::Result<()> {
        self.change(File::sync)
    }
}

impl Blob for Open {
    fn size(&self) -> io::Result<u64> {
        self.length()
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.fill(buffer, at)
    }
}

impl redb::StorageBackend for Open {
    fn len(&self) -> io::Result<u64> {
        self.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.fill(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|file| file.take(Step::Length(len as usize)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(File::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|file| file.take(Step::Write(offset as usize, data.to_vec())))
    }
}
