use crate::harness::{Bed, settings};
use futures_util::future::BoxFuture;
use seaworthy_identity::audit::{
    Entry, Exporter, FaultKind, Filter, Kind, Outcome, Recorded, Verifier, verify,
};
use seaworthy_identity::{Actor, Settings};
use seaworthy_store::{Backend, Query};
use std::sync::Mutex;
use std::time::Duration;

crate::on_both!(
    what_is_recorded_is_there_in_order,
    nothing_is_changed_and_nothing_deleted,
    several_processes_write_one_chain,
    edits_of_the_table_are_named,
    notes_that_tell_the_same_are_one,
    nothing_is_dropped_in_silence,
    an_export_is_verified_elsewhere,
    retention_leaves_an_anchor,
    an_exporter_gets_everything,
    filters_find,
    a_change_that_fails_leaves_no_entry,
    any_text_is_kept_as_it_was_hashed,
    a_change_without_its_entry_is_none,
);

fn entry(action: &str, n: usize) -> Entry {
    Entry::new(&Actor::system(), action, format!("thing:{n}"), Outcome::Success)
}

async fn record(bed: &Bed, count: usize) {
    for n in 0..count {
        bed.identity.audit().record(entry("thing.do", n)).await.expect("recorded");
    }
}

// 16.2.1, 16.2.2
async fn what_is_recorded_is_there_in_order(bed: Bed) {
    let log = bed.identity.audit();
    let before = log.last().await.expect("read");
    let mut one = entry("thing.do", 1)
        .because("why")
        .change(None, Some(serde_json::json!({ "password": "x", "a": 1 })));
    one.request_id = Some("r-1".to_owned());
    log.record(one).await.expect("recorded");
    assert_eq!(log.last().await.expect("read"), before + 1, "it is durable");
    let listed = log.list(&Filter::default(), 1).await.expect("listed");
    let entry = &listed[0];
    assert_eq!((entry.actor(), entry.action(), entry.resource()), ("system", "thing.do", "thing:1"));
    assert_eq!((entry.reason(), entry.request_id()), (Some("why"), Some("r-1")));
    assert_eq!(entry.after(), Some(r#"{"a":1,"password":"…"}"#));
    assert_eq!(entry.at, bed.identity.now());
    bed.sound().await;
}

// 16.4.2
async fn nothing_is_changed_and_nothing_deleted(bed: Bed) {
    record(&bed, 3).await;
    let mut forbidden = vec![
        "UPDATE identity_audit SET actor = 'nobody'",
        "DELETE FROM identity_audit",
        "DELETE FROM identity_audit WHERE seq = 1",
        "UPDATE identity_audit_checkpoints SET kind = 'anchor'",
        "DELETE FROM identity_audit_checkpoints",
    ];
    if bed.store.backend() == Backend::Postgres {
        forbidden.extend(["TRUNCATE identity_audit", "TRUNCATE identity_audit_checkpoints"]);
    }
    for text in forbidden {
        let error = bed.store.execute(Query::new(text)).await.expect_err(text);
        assert!(error.to_string().contains("append-only"), "{text}: {error}");
    }
    bed.sound().await;
}

async fn several_processes_write_one_chain(bed: Bed) {
    let other = bed.again(settings()).await;
    let (here, there) = (bed.identity.audit(), other.audit());
    let many = |log: &seaworthy_identity::audit::Log, name: &'static str| {
        let log = log.clone();
        async move {
            let all = (0..50).map(|n| log.record(entry(name, n)));
            futures_util::future::join_all(all).await.into_iter().for_each(|done| done.expect("recorded"));
        }
    };
    tokio::join!(many(here, "here.do"), many(there, "there.do"));
    let report = here.verify(None).await.expect("verified");
    assert!(report.is_sound());
    for action in ["here.do", "there.do"] {
        let filter = Filter { action: Some(action.to_owned()), ..Filter::default() };
        assert_eq!(here.list(&filter, 100).await.expect("listed").len(), 50);
    }
}

/// As somebody does who owns the database.
async fn without_triggers(bed: &Bed, text: &'static str) {
    let triggers: &[&'static str] = match bed.store.backend() {
        Backend::Sqlite => &[
            "DROP TRIGGER IF EXISTS identity_audit_no_update",
            "DROP TRIGGER IF EXISTS identity_audit_no_delete",
            "DROP TRIGGER IF EXISTS identity_audit_checkpoints_no_delete",
        ],
        Backend::Postgres => &[
            "ALTER TABLE identity_audit DISABLE TRIGGER ALL",
            "ALTER TABLE identity_audit_checkpoints DISABLE TRIGGER ALL",
        ],
    };
    for trigger in triggers {
        bed.store.execute(Query::new(trigger)).await.expect("an owner may");
    }
    bed.store.execute(Query::new(text)).await.expect("an owner may");
}

async fn edits_of_the_table_are_named(bed: Bed) {
    record(&bed, 30).await;
    bed.identity.audit().checkpoint(Kind::Stop).await.expect("signed");
    let last = bed.identity.audit().last().await.expect("read");
    let found = async || {
        let report = bed.identity.audit().verify(None).await.expect("verified");
        report.fault.map(|fault| (fault.seq, fault.kind))
    };
    assert_eq!(found().await, None);
    without_triggers(&bed, "UPDATE identity_audit SET resource = 'thing:x' WHERE seq = 20").await;
    assert_eq!(found().await, Some((20, FaultKind::Edited)));
    without_triggers(&bed, "UPDATE identity_audit SET before = '{' WHERE seq = 15").await;
    assert_eq!(found().await, Some((15, FaultKind::Edited)));
    without_triggers(&bed, "UPDATE identity_audit SET seq = 1000000 WHERE seq = 10").await;
    assert_eq!(found().await, Some((10, FaultKind::Missing)));
    without_triggers(&bed, "DELETE FROM identity_audit WHERE seq = 7").await;
    assert_eq!(found().await, Some((7, FaultKind::Missing)));
    let mut lines = Vec::new();
    let exported = bed.identity.audit().export(|line| {
        lines.extend_from_slice(line.as_bytes());
        Ok(())
    });
    exported.await.expect("exported");
    let keys = bed.identity.audit().public_keys().clone();
    let report = verify(&lines[..], Verifier::new(keys)).expect("read");
    assert_eq!(report.fault.map(|fault| fault.seq), Some(7), "elsewhere as well");
    // the end, and the head with it: the checkpoint knows
    without_triggers(&bed, "DELETE FROM identity_audit WHERE seq >= 5").await;
    assert_eq!(found().await, Some((5, FaultKind::Truncated)));
    without_triggers(&bed, "UPDATE identity_audit_head SET seq = 4").await;
    assert_eq!(found().await, Some((5, FaultKind::Truncated)), "{last} are known of");
}

async fn notes_that_tell_the_same_are_one(bed: Bed) {
    let log = bed.identity.audit();
    for n in 0..300 {
        log.note(entry("flood.do", n % 3));
    }
    log.flush().await;
    let filter = Filter { action: Some("flood.do".to_owned()), ..Filter::default() };
    let listed = log.list(&filter, 1_000).await.expect("listed");
    assert_eq!(listed.iter().map(Recorded::count).sum::<u64>(), 300, "none is lost");
    bed.sound().await;
}

async fn nothing_is_dropped_in_silence(bed: Bed) {
    let mut settings = settings();
    settings.audit.queue = 1;
    let log = bed.again(Settings { ..settings }).await.audit().clone();
    for n in 0..2_000 {
        // each another: none stands for another
        log.note(entry("flood.do", n));
    }
    log.flush().await;
    log.record(entry("after.do", 0)).await.expect("recorded");
    let all = async |action: &str| {
        let mut filter = Filter { action: Some(action.to_owned()), ..Filter::default() };
        let mut sum = 0;
        loop {
            let page = log.list(&filter, 1_000).await.expect("listed");
            let Some(last) = page.last() else { return sum };
            filter.before = Some(last.seq);
            sum += page.iter().map(Recorded::count).sum::<u64>();
        }
    };
    let (kept, counted) = (all("flood.do").await, all("audit.overflow").await);
    assert_eq!(kept + counted, 2_000);
    assert_eq!(log.counts().1, counted);
    bed.sound().await;
}

async fn an_export_is_verified_elsewhere(bed: Bed) {
    record(&bed, 25).await;
    bed.identity.close().await.expect("closed");
    let mut lines = Vec::new();
    let exported = bed.identity.audit().export(|line| {
        lines.extend_from_slice(line.as_bytes());
        Ok(())
    });
    let count = exported.await.expect("exported");
    let known = bed.identity.audit().newest_checkpoint().await.expect("read").expect("one");
    assert_eq!(known.seq, bed.identity.audit().last().await.expect("read"), "the end is signed for");
    let verifier = Verifier::new(bed.identity.audit().public_keys().clone()).knowing(known);
    let report = verify(&lines[..], verifier).expect("read");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.entries, report.vouched), (count, report.last));
    assert!(!lines.windows(8).any(|part| part == b"password"));
    let full = bed.identity.audit().export(|_| Err(std::io::Error::other("full"))).await;
    assert!(full.is_err(), "what could not be written is told");
}

async fn retention_leaves_an_anchor(bed: Bed) {
    record(&bed, 40).await;
    bed.identity.audit().checkpoint(Kind::Stop).await.expect("signed");
    let old = bed.identity.audit().last().await.expect("read");
    bed.pass(2_555 * 86_400 - 10);
    record(&bed, 5).await;
    assert_eq!(bed.identity.audit().prune(1_000).await.expect("pruned"), 0, "none is old enough");
    bed.pass(20);
    assert_eq!(bed.identity.audit().prune(30).await.expect("pruned"), 30, "a piece at a time");
    bed.sound().await;
    assert_eq!(bed.identity.audit().prune(1_000).await.expect("pruned"), old - 30);
    assert_eq!(bed.identity.audit().prune(1_000).await.expect("pruned"), 0);
    let report = bed.identity.audit().verify(None).await.expect("verified");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.first, report.last), (old + 1, old + 5));
    record(&bed, 2).await;
    bed.sound().await;
    // a prefix that somebody else removed is still missed
    let text = match bed.store.backend() {
        Backend::Sqlite => "DELETE FROM identity_audit WHERE seq = (SELECT MIN(seq) FROM identity_audit)",
        Backend::Postgres => "DELETE FROM identity_audit WHERE seq IN (SELECT MIN(seq) FROM identity_audit)",
    };
    assert!(bed.store.execute(Query::new(text)).await.is_err(), "retention is over");
    without_triggers(&bed, text).await;
    let fault = bed.identity.audit().verify(None).await.expect("verified").fault.expect("missed");
    assert_eq!((fault.seq, fault.kind), (old + 1, FaultKind::Missing));
}

/// Fails at first.
#[derive(Default)]
struct Collector(Mutex<(bool, Vec<u64>)>);

impl Exporter for Collector {
    fn export<'a>(&'a self, entries: &'a [Recorded]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let mut state = self.0.lock().expect("no panic");
            if !std::mem::replace(&mut state.0, true) {
                return Err("away".to_owned());
            }
            state.1.extend(entries.iter().map(|entry| entry.seq));
            Ok(())
        })
    }
}

async fn an_exporter_gets_everything(bed: Bed) {
    record(&bed, 10).await;
    let log = bed.identity.audit().clone();
    let collector = Collector::default();
    let got = |collector: &Collector| collector.0.lock().expect("no panic").1.clone();
    let reached = async |collector: &Collector, last: u64| {
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while got(collector).last() != Some(&last) {
            assert!(std::time::Instant::now() < until, "everything comes: {:?}", got(collector));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let last = log.last().await.expect("read");
    tokio::select! {
        () = log.ship("test", &collector) => panic!("it runs until it is dropped"),
        () = reached(&collector, last) => {}
    }
    assert_eq!(got(&collector), (1..=last).collect::<Vec<_>>());
}

async fn filters_find(bed: Bed) {
    record(&bed, 3).await;
    bed.pass(10);
    bed.identity.audit().record(entry("thing_.other", 1)).await.expect("recorded");
    let mut failed = entry("thing.fail", 9);
    failed.outcome = Outcome::Failure;
    bed.identity.audit().record(failed).await.expect("recorded");
    let count = async |filter: Filter| bed.identity.audit().list(&filter, 100).await.expect("listed").len();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(count(Filter { action: text("thing.do"), ..Filter::default() }).await, 3);
    assert_eq!(count(Filter { action: text("thing.*"), ..Filter::default() }).await, 4);
    assert_eq!(
        count(Filter { action: text("thing_.*"), ..Filter::default() }).await,
        1,
        "no wildcard of the database's"
    );
    assert_eq!(count(Filter { action: text("%.*"), ..Filter::default() }).await, 0);
    assert_eq!(count(Filter { resource: text("thing:1"), ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { outcome: Some(Outcome::Failure), ..Filter::default() }).await, 1);
    assert_eq!(count(Filter { actor: text("nobody"), ..Filter::default() }).await, 0);
    let now = bed.identity.now();
    assert_eq!(count(Filter { from: Some(now), ..Filter::default() }).await, 2);
    let early = Filter { to: Some(now), action: text("thing.*"), ..Filter::default() };
    assert_eq!(count(early).await, 3);
    let page = bed.identity.audit().list(&Filter::default(), 2).await.expect("listed");
    let next = Filter { before: Some(page[1].seq), ..Filter::default() };
    let next = bed.identity.audit().list(&next, 1).await.expect("listed");
    assert_eq!(next[0].seq, page[1].seq - 1);
}

async fn a_change_that_fails_leaves_no_entry(bed: Bed) {
    bed.person("ann", &["admin"]).await;
    let before = bed.identity.audit().last().await.expect("read");
    let again = seaworthy_identity::NewUser { name: "ann".to_owned(), ..Default::default() };
    assert!(bed.identity.create_user(&bed.system, again).await.is_err());
    bed.identity.audit().flush().await;
    assert_eq!(bed.identity.audit().last().await.expect("read"), before);
}

// 16.4.1
async fn any_text_is_kept_as_it_was_hashed(bed: Bed) {
    let texts = [
        "",
        "\0",
        "a\0b",
        "\u{feff}bom",
        "\u{202e}back",
        "'; DROP TABLE identity_audit; --",
        "\\u0000",
        "\"}\n{\"",
        "\u{10ffff}",
        "e\u{301}",
        "\r\n\t\u{7f}",
        "null",
        "1e400",
        "💣",
    ];
    for text in texts {
        let mut one = entry(text, 1).because(text).change(
            Some(serde_json::json!({ "value": text, text: [1.0e-300, -0.0, u64::MAX, i64::MIN, null] })),
            Some(serde_json::json!(text)),
        );
        (one.actor, one.actor_name, one.resource) = (text.to_owned(), text.to_owned(), text.to_owned());
        (one.client, one.request_id, one.trace_id) =
            (Some(text.into()), Some(text.into()), Some(text.into()));
        one.count = u64::MAX;
        bed.identity.audit().record(one).await.expect("recorded");
    }
    bed.sound().await;
    let mut lines = Vec::new();
    let exported = bed.identity.audit().export(|line| {
        lines.extend_from_slice(line.as_bytes());
        Ok(())
    });
    exported.await.expect("exported");
    let report = verify(&lines[..], Verifier::new(bed.identity.audit().public_keys().clone())).expect("read");
    assert!(report.is_sound(), "{report:?}");
}

// 16.5.3: what cannot be told is not done
async fn a_change_without_its_entry_is_none(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    bed.store.execute(Query::new("DELETE FROM identity_audit_head")).await.expect("an owner may");
    let new = seaworthy_identity::NewUser { name: "bob".to_owned(), ..Default::default() };
    assert!(bed.identity.create_user(&bed.system, new).await.is_err());
    assert!(bed.identity.issue_tokens(&actor, None).await.is_err());
    let credentials = crate::harness::credentials("ann", crate::harness::PASSWORD);
    assert!(bed.identity.log_in(&crate::harness::from("192.0.2.1"), credentials).await.is_err());
    assert_eq!(bed.identity.users(&bed.system, "", 10).await.expect("listed").len(), 1);
    let row = bed
        .store
        .fetch_one(Query::new("SELECT COUNT(*) AS n FROM identity_sessions"))
        .await
        .expect("counted");
    assert_eq!(row.get::<i64>("n").expect("a number"), 1);
}

/// Needs a database that goes away and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_outlive_an_outage_and_records_fail() {
    let mut bed = Bed::postgres().await;
    bed.database.server().expect("a server").kill();
    let log = bed.identity.audit().clone();
    log.note(entry("outage.note", 1));
    assert!(
        log.record(entry("outage.record", 1)).await.is_err(),
        "it is not durable, and so not acknowledged"
    );
    bed.database.server().expect("a server").run();
    let filter = Filter { action: Some("outage.*".to_owned()), ..Filter::default() };
    let until = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let told: Vec<String> =
            log.list(&filter, 10).await.unwrap_or_default().iter().map(|e| e.action().to_owned()).collect();
        if told == ["outage.note"] {
            break;
        }
        assert!(std::time::Instant::now() < until, "the note is written in the end: {told:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bed.sound().await;
}
