use super::chain;
use super::*;
use crate::{Actor, text};
use proptest::prelude::*;
use seaworthy_store::Timestamp;
use seaworthy_store::seal::Keyring;
use serde_json::json;

fn signer() -> Signer {
    Signer::new(&Keyring::ephemeral().expect("keys")).expect("a signer")
}

fn entry(n: u64) -> Entry {
    let actor = Actor::anonymous(Some("192.0.2.1".parse().expect("an address")));
    let mut entry = Entry::new(&actor, "user.update", format!("user:{n}"), Outcome::Success);
    entry.request_id = Some(format!("request-{n}"));
    entry.change(
        Some(json!({ "roles": ["viewer"], "n": n })),
        Some(json!({ "name": "ä \"quoted\"\n", "f": 0.1 })),
    )
}

fn chained(count: u64) -> Vec<Recorded> {
    let mut prev = ZERO;
    (1..=count)
        .map(|seq| {
            let at = Timestamp::from_micros(1_800_000_000_000_000 + seq.cast_signed());
            let recorded = chain::link(seq, at, entry(seq).settle(), prev);
            prev = recorded.hash;
            recorded
        })
        .collect()
}

fn mark(signer: &Signer, entries: &[Recorded], seq: u64, kind: Kind) -> Checkpoint {
    let hash = entries.iter().find(|entry| entry.seq == seq).map_or(ZERO, |entry| entry.hash);
    signer.sign(seq, hash, Timestamp::from_micros(1), kind)
}

/// Twelve entries with checkpoints after 5 and 10, as lines, and the entry each line is about.
fn export(signer: &Signer) -> Vec<(u64, String)> {
    let entries = chained(12);
    let mut lines = Vec::new();
    for entry in &entries {
        lines.push((entry.seq, entry.to_line().expect("json")));
        if entry.seq % 5 == 0 {
            lines.push((entry.seq, mark(signer, &entries, entry.seq, Kind::Periodic).to_line()));
        }
    }
    lines
}

fn whole(lines: &[(u64, String)]) -> Vec<u8> {
    lines.iter().flat_map(|(_, line)| format!("{line}\n").into_bytes()).collect()
}

fn check(signer: &Signer, bytes: &[u8]) -> Report {
    verify(bytes, Verifier::new(signer.publics().clone())).expect("memory can be read")
}

fn fault(signer: &Signer, lines: &[(u64, String)]) -> Option<(u64, FaultKind)> {
    check(signer, &whole(lines)).fault.map(|fault| (fault.seq, fault.kind))
}

#[test]
fn what_was_written_is_sound() {
    let signer = signer();
    let report = check(&signer, &whole(&export(&signer)));
    assert!(report.is_sound());
    assert_eq!((report.entries, report.checkpoints), (12, 2));
    assert_eq!((report.first, report.last, report.vouched), (1, 12, 10));
    assert!(check(&signer, b"").is_sound(), "nothing is wrong with nothing");
}

// 16.4.2
#[test]
fn entries_that_are_gone_or_moved_are_named() {
    let signer = signer();
    let lines = export(&signer);
    // lines: entries 1-5, checkpoint, 6-10, checkpoint, 11, 12
    let mut gone = lines.clone();
    gone.remove(2);
    assert_eq!(fault(&signer, &gone), Some((3, FaultKind::Missing)));
    let mut gone = lines.clone();
    gone.drain(6..9);
    assert_eq!(fault(&signer, &gone), Some((6, FaultKind::Missing)));
    let mut swapped = lines.clone();
    swapped.swap(7, 8);
    assert_eq!(fault(&signer, &swapped), Some((7, FaultKind::Reordered)));
    let mut twice = lines.clone();
    twice.insert(3, lines[1].clone());
    assert_eq!(fault(&signer, &twice), Some((2, FaultKind::Reordered)));
    let first = lines[1..].to_vec();
    assert_eq!(fault(&signer, &first), Some((1, FaultKind::Missing)));
}

#[test]
fn an_end_that_is_gone_is_seen_where_a_checkpoint_knows_of_it() {
    let signer = signer();
    let lines = export(&signer);
    let known = mark(&signer, &chained(12), 12, Kind::Stop);
    let cut = whole(&lines[..12]);
    assert!(check(&signer, &cut).is_sound(), "nothing in it tells");
    let report =
        verify(&cut[..], Verifier::new(signer.publics().clone()).knowing(known.clone())).expect("read");
    assert_eq!(report.fault.map(|fault| (fault.seq, fault.kind)), Some((11, FaultKind::Truncated)));
    let report =
        verify(&whole(&lines)[..], Verifier::new(signer.publics().clone()).knowing(known)).expect("read");
    assert!(report.is_sound() && report.vouched == 12);
    let mut without = lines.clone();
    without.drain(9..11);
    without.truncate(10);
    assert_eq!(fault(&signer, &without), Some((9, FaultKind::Truncated)));
}

#[test]
fn a_chain_that_was_made_anew_does_not_fit_its_checkpoints() {
    let signer = signer();
    let entries = chained(12);
    let mut prev = ZERO;
    let mut lines = Vec::new();
    for entry in &entries {
        let mut changed = entry.entry.clone();
        if entry.seq == 3 {
            changed.actor = "user:somebody-else".to_owned();
        }
        let again = chain::link(entry.seq, entry.at, changed, prev);
        prev = again.hash;
        lines.push((again.seq, again.to_line().expect("json")));
        if again.seq == 5 {
            lines.push((5, mark(&signer, &entries, 5, Kind::Periodic).to_line()));
        }
    }
    assert_eq!(fault(&signer, &lines), Some((1, FaultKind::Rewritten)));
    // an entry made anew without those that follow
    let mut lines = export(&signer);
    let mut changed = entries[2].entry.clone();
    changed.actor = "user:somebody-else".to_owned();
    lines[2].1 = chain::link(3, entries[2].at, changed, entries[1].hash).to_line().expect("json");
    assert_eq!(fault(&signer, &lines), Some((3, FaultKind::Edited)));
}

#[test]
fn checkpoints_of_others_are_not_believed() {
    let (ours, theirs) = (signer(), signer());
    let mut lines = export(&ours);
    lines[5].1 = mark(&theirs, &chained(12), 5, Kind::Periodic).to_line();
    assert_eq!(fault(&ours, &lines), Some((5, FaultKind::ForgedCheckpoint)));
    // a real one that says less, in the place of an anchor: a beginning cannot be cut off with it
    let mut cut = export(&ours);
    cut.drain(..5);
    assert_eq!(fault(&ours, &cut), Some((1, FaultKind::Missing)));
    let anchor = mark(&ours, &chained(12), 5, Kind::Anchor).to_line();
    cut[0] = (5, anchor.clone());
    assert_eq!(fault(&ours, &cut), None, "retention's own anchor is good");
    assert_eq!(check(&ours, &whole(&cut)).first, 6);
    cut[0].1 = mark(&ours, &chained(12), 5, Kind::Periodic).to_line().replace("periodic", "anchor");
    assert_eq!(fault(&ours, &cut).map(|fault| fault.1), Some(FaultKind::ForgedCheckpoint));
    assert_eq!(Checkpoint::from_line(&anchor).map(|read| read.seq), Some(5));
}

#[test]
fn keys_that_were_replaced_are_still_believed() {
    let folder = seaworthy_store::testing::Folder::new("audit-keys");
    let path = folder.path().join("key");
    let old = Signer::new(&Keyring::open(&path).expect("made")).expect("a signer");
    let checkpoint = old.sign(1, ZERO, Timestamp::from_micros(1), Kind::Periodic);
    let new = Signer::new(&Keyring::rotate(&path).expect("rotated")).expect("a signer");
    assert!(new.publics().believe(&checkpoint));
    assert_eq!(new.sign(1, ZERO, Timestamp::from_micros(1), Kind::Periodic).key_id, "v2");
}

/// How long a million entries take: `cargo nextest run -p seaworthy-identity million --run-ignored all --no-capture`.
#[test]
#[ignore = "takes a while where nothing is optimised"]
fn a_million_entries_are_verified_in_little_memory() {
    let signer = signer();
    let (mut prev, mut verifier) = (ZERO, Verifier::new(signer.publics().clone()));
    let mut spent = std::time::Duration::ZERO;
    for thousand in 0..1_000 {
        let mut lines = Vec::new();
        for seq in thousand * 1_000 + 1..=(thousand + 1) * 1_000 {
            let recorded =
                chain::link(seq, Timestamp::from_micros(seq.cast_signed()), entry(seq).settle(), prev);
            prev = recorded.hash;
            lines.push(recorded.to_line().expect("json"));
        }
        let at = Timestamp::from_micros(1);
        lines.push(signer.sign((thousand + 1) * 1_000, prev, at, Kind::Periodic).to_line());
        let begun = std::time::Instant::now();
        lines.iter().for_each(|line| verifier.line(line.as_bytes()));
        spent += begun.elapsed();
    }
    let report = verifier.finish();
    assert!(report.is_sound() && report.vouched == 1_000_000);
    println!("1,000,000 entries and 1,000 checkpoints verified in {:.1} s", spent.as_secs_f64());
}

// 16.2.5
#[test]
fn secrets_are_blotted_out() {
    let value = json!({
        "name": "ann", "password": "hunter2", "Api-Key": "k", "nested": [{ "refresh_token": "t", "n": 1 }],
        "second_factor_removed": true, "client_secret": null, "has_password": true,
    });
    let shown = redact(value).to_string();
    for secret in ["hunter2", "\"k\"", "\"t\""] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("ann") && shown.contains("\"has_password\":true") && shown.contains("\"n\":1"));
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    assert!(redact(deep).to_string().len() < 100);
    let long = entry(1).change(None, Some(json!({ "text": "x".repeat(100_000) }))).settle();
    assert!(long.after.expect("there").len() < 1_000);
}

// 16.4.1: no line is ended, no field begun
#[test]
fn syslog_lines_are_one_line_each() {
    let mut hostile = entry(1);
    hostile.actor = "user:\"] evil\r\n<1>1 -\u{202e}\0".to_owned();
    hostile.resource = "a\\b]\"c".to_owned();
    let recorded = chain::link(7, Timestamp::from_micros(1_800_000_000_000_001), hostile.settle(), ZERO);
    let line = syslog::line(&recorded, "host name");
    assert!(line.starts_with("<109>1 2027-01-15T08:00:00.000001Z hostname seaworthy "), "{line}");
    assert!(!line.contains(['\n', '\r', '\0', '\u{202e}']));
    assert!(line.contains(r#"resource="a\\b\]\"c""#) && line.contains(r#"actor="user:\"\] evil"#), "{line}");
    assert!(line.contains("seq=\"7\"") && line.contains("outcome=\"success\""));
    assert_eq!(syslog::framed("abc ä"), "6 abc ä");
}

#[test]
fn texts_are_cut_where_they_end() {
    assert_eq!(text::fit("aäb", 2), "a");
    assert_eq!(text::fit("a\0b", 9), "a\u{fffd}b");
    let long = entry(1).because("ä".repeat(5_000)).settle();
    assert_eq!(long.reason.expect("there").len(), 1_024);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// Whatever bit is flipped, the verifier names the entry.
    #[test]
    fn one_flipped_bit_is_found_where_it_is(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let signer = signer();
        let lines = export(&signer);
        let mut bytes = whole(&lines);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let mut end = 0;
        let line = lines.iter().find(|(_, line)| {
            end += line.len() + 1;
            at < end
        });
        let fault = check(&signer, &bytes).fault.map(|fault| fault.seq);
        prop_assert_eq!(fault, line.map(|(seq, _)| *seq));
    }

    /// Any texts read back as they were written, and verify.
    #[test]
    fn lines_read_back(actor in ".{0,40}", reason in proptest::option::of(".{0,40}"), value in ".{0,40}", count in any::<u64>()) {
        let mut entry = entry(1);
        (entry.actor, entry.reason, entry.count) = (actor, reason, count);
        entry.after = Some(json!({ "value": value, "float": 1.0e-7 }));
        let recorded = chain::link(1, Timestamp::from_micros(5), entry.settle(), ZERO);
        let line = recorded.to_line().expect("json");
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(line::read(line.as_bytes()), line::Said::Entry(Box::new(recorded)));
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = check(&signer(), &bytes);
        let mut verifier = Verifier::new(PublicKeys::default());
        verifier.line(&bytes);
        let _ = verifier.finish();
    }
}
