//! A browser, as far as log-ins need one: cookies by host and port, redirects, one form.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::harness::Answer;
use crate::harness::client::exchange;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// More redirects than that are a circle.
const MOST: usize = 12;

/// Cookies, and the addresses it came by.
#[derive(Debug, Default, Clone)]
pub(super) struct Browser {
    jar: BTreeMap<SocketAddr, BTreeMap<String, String>>,
    /// Every URL of the last navigation.
    pub(super) trail: Vec<String>,
}

/// Host and port of a URL, and the rest of it.
fn parts(url: &str) -> (SocketAddr, &str) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is nowhere a test should go"));
    let at = rest.find('/').unwrap_or(rest.len());
    (rest[..at].parse().unwrap(), if at == rest.len() { "/" } else { &rest[at..] })
}

impl Browser {
    /// Asks for a page as a person who types its address or follows a link, and takes what it answers.
    pub(super) async fn open(&mut self, url: &str) -> Answer {
        self.ask("GET", url, &[("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate")], "").await
    }

    /// Asks with the cookies for that place, and keeps what cookies come back.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let (address, path) = parts(url);
        let cookies = self.cookies(address);
        let mut headers = headers.to_vec();
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        let answer = exchange(address, method, path, &headers, body).await;
        self.keep(address, &answer);
        answer
    }

    /// Opens a page and goes wherever that leads; on the provider's page `who` logs in.
    pub(super) async fn visit(&mut self, url: &str, who: &str) -> Answer {
        self.go(url, who, "").await.1.unwrap_or_else(|| panic!("no answer: {:#?}", self.trail))
    }

    /// The same, but stops before it opens a URL that has this in it.
    pub(super) async fn until(&mut self, url: &str, who: &str, stop: &str) -> String {
        self.go(url, who, stop).await.0
    }

    async fn go(&mut self, url: &str, who: &str, stop: &str) -> (String, Option<Answer>) {
        let mut url = url.to_owned();
        self.trail.clear();
        loop {
            self.trail.push(url.clone());
            assert!(self.trail.len() < MOST, "this goes round in circles: {:#?}", self.trail);
            if !stop.is_empty() && url.contains(stop) {
                return (url, None);
            }
            let mut answer = self.open(&url).await;
            if answer.status == 200 && url.contains("/interaction/") {
                answer = self.ask("POST", &url, &[FORM], &format!("login={who}")).await;
            }
            if !answer.status.is_redirection() {
                return (url, Some(answer));
            }
            url = resolve(&url, answer.header("location"));
        }
    }

    /// Its cookies for a place, as it sends them.
    pub(super) fn cookies(&self, address: SocketAddr) -> String {
        let all = self.jar.get(&address).into_iter().flatten();
        all.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Writes a cookie's value anew; `None` where there is no such cookie.
    pub(super) fn change(
        &mut self,
        address: SocketAddr,
        name: &str,
        change: impl FnOnce(&mut String),
    ) -> Option<()> {
        self.jar.get_mut(&address)?.get_mut(name).map(change)
    }

    fn keep(&mut self, address: SocketAddr, answer: &Answer) {
        let jar = self.jar.entry(address).or_default();
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() || line.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Where a `Location` leads.
fn resolve(from: &str, location: &str) -> String {
    assert!(!location.is_empty(), "{from} redirects to nowhere");
    if location.starts_with("http") {
        location.to_owned()
    } else {
        format!("http://{}{location}", parts(from).0)
    }
}
