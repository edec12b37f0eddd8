use super::*;
use crate::Rejection;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use tower::{Layer, Service, service_fn};

fn settings() -> Settings {
    Settings { requests: 10, per: Duration::from_secs(1), burst: 4 }
}

/// A bucket of tokens, counted in hundredths of a token per millisecond: the algorithm's textbook twin.
#[derive(Clone)]
struct Bucket {
    level: u64,
    at: u64,
}

impl Bucket {
    const FULL: u64 = 400;

    fn new() -> Self {
        Self { level: Self::FULL, at: 0 }
    }

    fn take(&mut self, now: u64) -> bool {
        self.level = (self.level + (now - self.at)).min(Self::FULL);
        self.at = now;
        let enough = self.level >= 100;
        if enough {
            self.level -= 100;
        }
        enough
    }
}

proptest! {
    #[test]
    fn allows_what_a_token_bucket_allows(gaps in prop::collection::vec(0..300_u64, 1..200)) {
        let limit = RateLimit::new(settings());
        let start = Instant::now();
        let mut bucket = Bucket::new();
        let mut ms = 0;
        for gap in gaps {
            ms += gap;
            let decision = limit.decide(start + Duration::from_millis(ms));
            prop_assert_eq!(decision.allowed, bucket.take(ms));
            prop_assert_eq!(u64::from(decision.remaining), bucket.level / 100);
            if !decision.allowed {
                let wait = Duration::from_millis(100 - bucket.level);
                prop_assert_eq!(decision.retry_after.as_millis(), wait.as_millis());
            }
        }
    }

    /// With room for every key, the table is as many single limiters; without, it stays within its bound and lets
    /// a key forget its past only when it must.
    #[test]
    fn keys_are_independent_and_bounded(
        calls in prop::collection::vec((0..12_u8, 0..200_u64), 1..300),
        bound in 1..16_usize,
    ) {
        let limiter = KeyedLimiter::new(settings(), bound);
        let start = Instant::now();
        let mut kept: HashMap<u8, Bucket> = HashMap::new();
        let mut ms = 0;
        for (key, gap) in calls {
            ms += gap;
            if !kept.contains_key(&key) && kept.len() == bound {
                // the one that is whole first leaves: the fullest bucket
                let (_, most) = kept.iter().map(|(key, bucket)| (key, bucket.level as i128 - bucket.at as i128))
                    .max_by_key(|(_, fullness)| *fullness).unwrap();
                let ties = kept.values().filter(|bucket| bucket.level as i128 - bucket.at as i128 == most).count();
                prop_assume!(ties == 1);
                kept.retain(|_, bucket| bucket.level as i128 - bucket.at as i128 != most);
            }
            let expected = kept.entry(key).or_insert_with(|| Bucket { level: Bucket::FULL, at: ms }).take(ms);
            let decision = limiter.decide(&key, start + Duration::from_millis(ms));
            prop_assert_eq!(decision.allowed, expected, "key {} at {}", key, ms);
            prop_assert!(limiter.len() <= bound);
        }
    }
}

#[test]
fn a_flood_of_keys_pushes_out_whole_ones_first() {
    let limiter = KeyedLimiter::new(settings(), 3);
    let start = Instant::now();
    let drained = |at| (0..4).for_each(|_| assert!(limiter.decide("busy", at).allowed));
    drained(start);
    limiter.decide("quiet", start);
    let later = start + Duration::from_millis(150);
    for i in 0..1_000 {
        limiter.decide(format!("hostile-{i}").as_str(), later);
    }
    assert_eq!(limiter.len(), 3);
    let forgotten =
        limiter.effects().into_iter().find(|effect| effect.name == "whole_keys_forgotten").unwrap();
    assert_eq!(forgotten.count, 1);
    // 250 ms of debt are left; the hostile keys have 100 each and push each other out
    let decision = limiter.decide("busy", later);
    assert_eq!((decision.allowed, decision.remaining), (true, 0));
}

#[test]
fn shards_add_up_to_the_bound() {
    for bound in [1, 63, 64, 1_000, 1_031] {
        let limiter = KeyedLimiter::new(settings(), bound);
        let now = Instant::now();
        for i in 0..bound as u64 * 20 {
            limiter.decide(&i, now);
        }
        assert_eq!(limiter.len(), bound);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_never_reaches_the_service() {
    let policy = Arc::new(RateLimit::new(settings()));
    let mut asked = 0;
    let mut service = RateLimitLayer::new(policy.clone()).layer(service_fn(|()| {
        asked += 1;
        async { Ok::<_, Rejection>(()) }
    }));
    for _ in 0..4 {
        service.call(()).await.unwrap();
    }
    let refused = service.call(()).await.unwrap_err();
    assert_eq!(refused, Rejection::RateLimited { retry_after: Duration::from_millis(100) });
    tokio::time::advance(Duration::from_millis(100)).await;
    service.call(()).await.unwrap();
    assert_eq!(asked, 5);
    assert_eq!(policy.effects().iter().map(|effect| effect.count).collect::<Vec<_>>(), [5, 1]);
}
