//! Who fires: the holder of a lease in the database, by the database's clock.
//!
//! The lease only keeps the others quiet. What keeps ticks from being fired twice is the fence: whoever takes the lease
//! raises it, and every write of a leader begins by holding the row with the fence it was given.

use crate::Error;
use seaworthy_store::{Query, Store, Timestamp, Tx};
use std::time::Duration;

/// What an attempt at the lease gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lease {
    Ours { fence: i64 },
    Theirs { until: Timestamp },
}

/// Takes the lease where it is free or lapsed.
pub(super) async fn acquire(store: &Store, holder: &str, lease: Duration) -> Result<Lease, Error> {
    store.refresh_clock().await?;
    let holder = holder.to_owned();
    let write = store.write(move |tx| {
        Box::pin(async move {
            let now = tx.now();
            let take = Query::new(
                "UPDATE schedule_leader SET holder = $1, fence = fence + 1, until = $2
                 WHERE id = 1 AND until < $3 RETURNING fence",
            );
            let take = take.bind(holder).bind(now.plus(lease)).bind(now);
            if let Some(row) = tx.fetch_optional(take).await? {
                return Ok::<_, Error>(Lease::Ours { fence: row.get("fence")? });
            }
            let query = Query::new("SELECT until FROM schedule_leader WHERE id = 1");
            Ok(Lease::Theirs { until: Timestamp::from_micros(tx.fetch_one(query).await?.get("until")?) })
        })
    });
    write.await
}

/// Makes it last longer; false where somebody else has it by now.
pub(super) async fn renew(store: &Store, fence: i64, lease: Duration) -> Result<bool, Error> {
    let query = Query::new("UPDATE schedule_leader SET until = $2 WHERE id = 1 AND fence = $1");
    Ok(store.execute(query.bind(fence).bind(store.now().plus(lease))).await? == 1)
}

/// Gives it back, so that nobody has to wait for its end.
pub(super) async fn release(store: &Store, fence: i64) -> Result<(), Error> {
    let query = Query::new("UPDATE schedule_leader SET until = 0 WHERE id = 1 AND fence = $1");
    store.execute(query.bind(fence)).await?;
    Ok(())
}

/// Refuses whoever is no longer the leader, and keeps others from becoming it before this transaction is over.
pub(super) async fn check(tx: &mut Tx, fence: i64) -> Result<(), Error> {
    let query =
        Query::new("SELECT fence FROM schedule_leader WHERE id = 1 AND fence = $1 {lock}").bind(fence);
    match tx.fetch_optional(query).await? {
        Some(_) => Ok(()),
        None => Err(Error::Superseded),
    }
}
