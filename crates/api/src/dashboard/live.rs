//! Pages that are kept current: a page's content is sent again whenever it has changed.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::Uri;
use http::request::Parts;
use seaworthy_core::{ErrorCode, RequestId};
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout};
use utoipa::IntoParams;

use super::page::{self, Asked, Page};
use super::visit::Visit;
use crate::access::presented;
use crate::request::Params;
use crate::{Phase, Problem};

/// Streams that are open at a time, over all pages.
const MOST: usize = 64;
static STREAMS: Semaphore = Semaphore::const_new(MOST);
/// A stream ends after this; browsers open another one.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// A page that takes longer is not sent this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds after which somebody who found no room may come again.
const RETRY_AFTER: u32 = 30;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Its path, with its query.
    page: String,
}

/// A page's content whenever it has changed, as events (`text/event-stream`): `main` with the content as a JSON string,
/// `beat` where nothing has changed, `gone` where there is nothing more to see. Needs what the page needs.
#[utoipa::path(get, path = "/dashboard/live", tag = "dashboard", params(Which),
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 401, body = Problem)))]
pub(crate) async fn live(
    visit: Visit,
    Params(which): Params<Which>,
    parts: Parts,
) -> Result<Response, Problem> {
    let none = || Problem::new(ErrorCode::NotFound, "no_route", "there is no such page");
    let uri: Uri = which.page.parse().map_err(|_| none())?;
    let (page, asked) = page::wanted(&uri).ok_or_else(none)?;
    let full = |_| {
        let detail = "too many pages are kept current; reload to see what is new";
        Problem::new(ErrorCode::Limited, "too_many_streams", detail).retry_after(RETRY_AFTER)
    };
    let mut stream = Stream {
        visit,
        parts,
        page,
        asked,
        seen: None,
        next: Instant::now(),
        end: Instant::now() + LASTS,
        is_over: false,
        _place: STREAMS.try_acquire().map_err(full)?,
    };
    // whoever may not see it is told by the status
    stream.look_again().await?;
    let events = stream::unfold(stream, |mut stream| async move {
        let event = stream.event().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    Ok(Sse::new(events).into_response())
}

struct Stream {
    visit: Visit,
    parts: Parts,
    page: Page,
    asked: Asked,
    /// What was sent last.
    seen: Option<u64>,
    next: Instant,
    end: Instant,
    is_over: bool,
    _place: SemaphorePermit<'static>,
}

impl Stream {
    async fn event(&mut self) -> Option<Event> {
        if self.is_over || self.next >= self.end {
            return None;
        }
        sleep_until(self.next).await;
        self.next = Instant::now() + self.page.every();
        if self.visit.control.lifecycle.phase() == Phase::Draining {
            return None;
        }
        match self.look_again().await {
            Ok(()) => {}
            Err(problem) if problem.is_unavailable() => return Some(self.beat()),
            Err(_) => {
                self.is_over = true;
                return Some(Event::default().event("gone").data("log in again"));
            }
        }
        match timeout(PATIENCE, self.page.main(&self.visit, &self.asked)).await {
            Ok(Ok(main)) => Some(self.told(&main.0)),
            Ok(Err(problem)) if !problem.is_unavailable() => {
                self.is_over = true;
                Some(Event::default().event("gone").data("it is not there any more"))
            }
            Ok(Err(_)) | Err(_) => Some(self.beat()),
        }
    }

    fn told(&mut self, main: &str) -> Event {
        let mut hasher = DefaultHasher::new();
        main.hash(&mut hasher);
        let hash = Some(hasher.finish());
        if self.seen == hash {
            return self.beat();
        }
        self.seen = hash;
        Event::default().event("main").json_data(main).unwrap_or_else(|_| self.beat())
    }

    fn beat(&self) -> Event {
        Event::default().event("beat").data(crate::jobs::moment(self.visit.now.into()))
    }

    /// Who it is now: sessions end, and roles change, while somebody looks.
    async fn look_again(&mut self) -> Result<(), Problem> {
        let id = RequestId::generate();
        let shown = presented(&self.parts, self.visit.client(), &id);
        let recognised = self.visit.control.access.recognise(&shown).await?;
        let mut actor = self.visit.actor.clone();
        actor.principal = Arc::new(recognised.principal);
        self.visit = self.visit.again(&actor);
        if self.visit.may_see(self.page.route()) {
            return Ok(());
        }
        let (code, reason) = match self.visit.is_nobody() {
            true => (ErrorCode::Unauthenticated, "no_credential"),
            false => (ErrorCode::Forbidden, "permission_missing"),
        };
        Err(Problem::new(code, reason, "this page is not for whoever asks"))
    }
}
