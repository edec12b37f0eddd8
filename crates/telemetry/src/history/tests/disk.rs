//! Slots on the disk: across restarts, and as a hostile disk has them.

use super::*;
use crate::history::rollup::{Limit, Loader};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seaworthy-history-{name}-{}", std::process::id()));
        let _nothing_there = fs::remove_dir_all(&path);
        Self(path)
    }

    fn settings(&self) -> Settings {
        let slots = Slots { folder: Some(self.0.clone()), ..Slots::default() };
        Settings { window: Duration::from_secs(1_200), slots, ..Settings::default() }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// One process: 5 counted every ten seconds from `from` on, as many gauges, waits of 20 ms; written at the end.
fn run(settings: Settings, from: f64, samples: u32) -> (Registry, History, Loaded) {
    let values = Values::default();
    let registry = values.registry();
    let history = History::new(&registry, settings);
    let loaded = history.load(second(from)).unwrap();
    let wait = registry.histogram("shop.wait", "", &[]);
    for i in 0..samples {
        values.set("c", "", Some(f64::from(i) * 5.0));
        values.set("g", "", Some(f64::from(i % 7)));
        values.set("g", "still", Some(42.0));
        history.sample(second(from + f64::from(i) * 10.0));
        wait.observe(0.02);
    }
    history.close().unwrap();
    (registry, history, loaded)
}

#[test]
fn a_restart_loses_nothing_and_invents_nothing() {
    let folder = Folder::new("restart");
    let (_, _, loaded) = run(folder.settings(), 7.0, 1_000);
    assert_eq!(loaded, Loaded::default());
    // down for an hour, then two short lives, the second of which ends in the slot it began in
    run(folder.settings(), 13_600.0, 100);
    run(folder.settings(), 14_700.0, 3);
    let (registry, history, loaded) = run(folder.settings(), 14_760.0, 200);
    assert_eq!((loaded.files, loaded.damaged), (3, 0));
    let day = |name, function| number(&history, &query(name, function, 86_400), second(16_750.0)).unwrap();
    assert_eq!(day("c_total", Function::Increase), 5.0 * (999 + 99 + 2 + 199) as f64);
    assert_eq!(day("shop_wait_seconds", Function::Observations), (999 + 99 + 2 + 199) as f64);
    assert!((day("shop_wait_seconds", Function::Mean) - 0.02).abs() < 1e-9);
    let gauges = history.query(&query("g", Function::Max, 86_400), second(16_750.0)).unwrap();
    assert_eq!(gauges.iter().map(|sample| sample.value).collect::<Vec<_>>(), [6.0, 42.0]);

    // no window of any length grew by more than five every ten seconds
    for window in [30, 300, 900, 7_200] {
        let rates = query("c_total", Function::Rate, window);
        let range = history.range(&rates, second(0.0), second(16_750.0), Duration::from_secs(10)).unwrap();
        let highest = range[0].points.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
        assert!((0.45..=0.52).contains(&highest), "{highest} over {window} s");
    }
    let during = |at: f64| number(&history, &query("g", Function::Latest, 600), second(at));
    assert_eq!(
        history.query(&query("g", Function::Latest, 600), second(12_500.0)).unwrap(),
        [],
        "it was down"
    );
    assert_eq!(during(12_500.0), None);
    assert!(registry.render().contains("seaworthy_history_slots_lost_total 0"));
}

#[test]
fn a_gauge_that_vanished_does_not_come_back_from_the_disk() {
    let folder = Folder::new("vanished");
    let values = Values::default();
    let history = History::new(&values.registry(), folder.settings());
    history.load(second(0.0)).unwrap();
    for i in 0..200 {
        values.set("g", "gone", (i < 100).then_some(1.0));
        values.set("g", "there", Some(2.0));
        history.sample(second(f64::from(i) * 10.0));
    }
    history.close().unwrap();
    let history = History::new(&Registry::new(), folder.settings());
    history.load(second(2_000.0)).unwrap();
    let at = |at: f64| {
        let found = history.query(&query("g", Function::Latest, 300), second(at)).unwrap();
        found.into_iter().map(|sample| sample.value).collect::<Vec<_>>()
    };
    assert_eq!(at(600.0), [1.0, 2.0]);
    assert_eq!(at(1_990.0), [2.0]);
}

#[test]
fn a_history_knows_since_when() {
    let folder = Folder::new("since");
    let (_, history, _) = run(folder.settings(), 310.0, 100);
    assert_eq!(history.since(), Some(second(310.0)));
    history.close().unwrap();
    let values = Values::default();
    let history = History::new(&values.registry(), folder.settings());
    assert_eq!(history.since(), None);
    history.load(second(4_000.0)).unwrap();
    history.sample(second(4_000.0));
    assert_eq!(history.since(), Some(second(300.0)), "from the beginning of the first slot on");
}

#[test]
fn a_damaged_tail_costs_only_itself() {
    let folder = Folder::new("tail");
    run(folder.settings(), 0.0, 400);
    let file = folder.files().pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let all = History::new(&Registry::new(), folder.settings()).load(second(4_000.0)).unwrap();
    assert_eq!((all.slots, all.damaged), (15, 0));
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let cut = History::new(&Registry::new(), folder.settings()).load(second(4_000.0)).unwrap();
    assert_eq!((cut.slots, cut.damaged), (14, 1));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(&file, flipped).unwrap();
    let registry = Registry::new();
    let half = History::new(&registry, folder.settings()).load(second(4_000.0)).unwrap();
    assert!(half.slots < 14 && half.damaged == 1, "{half:?}");
    assert!(registry.render().contains("seaworthy_history_files_damaged_total 1"));
    // the next process begins a file of its own and reads both
    let (_, history, _) = run(folder.settings(), 5_000.0, 100);
    assert_eq!(folder.files().len(), 2);
    drop(history);
    let again = History::new(&Registry::new(), folder.settings()).load(second(6_500.0)).unwrap();
    assert!(again.slots > half.slots, "{again:?}");
}

#[test]
fn other_files_are_left_alone() {
    let folder = Folder::new("others");
    run(folder.settings(), 0.0, 100);
    fs::write(folder.0.join("notes.txt"), "mine").unwrap();
    fs::write(folder.0.join("000000000000001.slots"), "").unwrap();
    fs::create_dir(folder.0.join("000000000000002.slots")).unwrap();
    let loaded = History::new(&Registry::new(), folder.settings()).load(second(1_000.0)).unwrap();
    assert_eq!((loaded.files, loaded.damaged), (2, 1));
    assert!(folder.0.join("notes.txt").exists());
}

#[test]
fn the_folder_stays_within_its_bounds() {
    let folder = Folder::new("bound");
    let mut settings = folder.settings();
    settings.slots.bytes = 16_384;
    let values = Values::default();
    let history = History::new(&values.registry(), settings);
    let mut noise = fastrand::Rng::with_seed(3);
    for i in 0..6_000 {
        for label in ["a", "b", "c", "d"] {
            values.set("g", label, Some(noise.f64()));
        }
        history.sample(second(f64::from(i) * 10.0));
        if i % 60 == 59 {
            history.flush().unwrap();
        }
    }
    let bytes: u64 = folder.files().iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    // the file that is being written comes on top
    assert!((8_000..20_000).contains(&bytes), "{bytes} bytes");
    assert!(folder.files().len() > 4);
}

#[test]
fn files_older_than_the_retention_are_deleted() {
    let folder = Folder::new("retention");
    let mut settings = folder.settings();
    settings.slots.retention = Duration::from_secs(3_600);
    run(settings.clone(), 0.0, 100);
    run(settings.clone(), 2_000.0, 100);
    assert_eq!(folder.files().len(), 2);
    // how old the slots of a file are is known from the first one of the next
    run(settings.clone(), 9_000.0, 100);
    assert_eq!(folder.files().len(), 2);
    run(settings, 13_000.0, 100);
    assert_eq!(folder.files().len(), 2);
}

#[test]
fn a_disk_that_fails_is_told_and_the_next_file_needs_none_before() {
    let folder = Folder::new("fails");
    let values = Values::default();
    let registry = values.registry();
    let history = History::new(&registry, folder.settings());
    history.load(second(0.0)).unwrap();
    fs::remove_dir_all(&folder.0).unwrap();
    fs::write(&folder.0, "no folder").unwrap();
    let sample = |from: u32| {
        for i in from..from + 100 {
            values.set("c", "", Some(f64::from(i)));
            history.sample(second(f64::from(i) * 10.0));
        }
    };
    sample(0);
    history.flush().unwrap_err();
    assert!(registry.render().contains("seaworthy_history_slots_lost_total 4"), "{}", registry.render());
    fs::remove_file(&folder.0).unwrap();
    sample(100);
    history.close().unwrap();
    assert_eq!(number(&history, &query("c_total", Function::Increase, 86_400), second(1_990.0)), Some(199.0));
    let later = History::new(&Registry::new(), folder.settings());
    assert_eq!(later.load(second(2_000.0)).unwrap().damaged, 0);
    let kept = number(&later, &query("c_total", Function::Increase, 86_400), second(1_990.0)).unwrap();
    assert!((100.0..199.0).contains(&kept), "{kept}");
}

fn load(bytes: &[u8]) -> State {
    let mut state = State::new(&Settings::default());
    let mut loader = Loader::new(&mut state, Limit { series: 50, slots: 100 }, i64::MIN, i64::MAX);
    loader.file(bytes);
    loader.finish();
    state
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let head = [(payload.len() as u32).to_le_bytes(), crc32fast::hash(payload).to_le_bytes()].concat();
    [&b"SWSLOTS\x01"[..], &head, payload].concat()
}

proptest! {
    #[test]
    fn any_file_is_read_without_harm(payload in proptest::collection::vec(any::<u8>(), 0..300), frames in 1usize..4) {
        load(&payload);
        load(&framed(&payload).repeat(frames));
    }

    /// Damage that its checksum does not show: what a file claims is not believed.
    #[test]
    fn a_file_changed_anywhere_is_read_without_harm(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        static FILE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let file = FILE.get_or_init(|| {
            let folder = Folder::new("fuzz");
            run(folder.settings(), 0.0, 40);
            fs::read(&folder.files()[0]).unwrap()
        });
        let mut payload = file[16..].to_vec();
        let at = at.index(payload.len());
        payload[at] = byte;
        payload.truncate(cut.index(payload.len()) + 1);
        let state = load(&framed(&payload));
        prop_assert!(state.series <= 50);
        for family in state.families.values() {
            for track in &family.tracks {
                track.slots.read(0..100, family.kind.slot_width(), |_, row| assert!(row.iter().all(|value| value.is_finite())));
            }
        }
    }
}

#[test]
fn a_file_that_claims_much_costs_little() {
    // more series than there are bytes, a text longer than any, a bound that is no number
    let claims: [&[u8]; 4] = [
        &[0xff, 0xff, 0x03],
        &[1, 0, 0xff, 0xff, 0x7f],
        &[1, 2, 1, b'a', 0, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
        &[1, 9],
    ];
    for claim in claims {
        assert_eq!(load(&framed(claim)).series, 0);
    }
    let mut long = framed(&[0; 9]);
    long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(load(&long).slots.len(), 0);
}
