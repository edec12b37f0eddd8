//! Routes: which alerts are told to whom, how they are put together, and how often.

use crate::Error;
use crate::alert::Alert;
use crate::labels::{LabelSet, Matchers, is_name};
use crate::rule::Severity;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many routes there may be, and how deep.
const MOST_ROUTES: usize = 1_000;
const DEEPEST: usize = 16;
/// How many routes one alert may take.
const MOST_TAKEN: usize = 16;

/// A branch of the tree. An alert goes down to the deepest route that matches, and to more than one only where a
/// route says `continue`. What is not given is the parent's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Who is told. The root has to have one.
    pub receiver: Option<String>,
    /// Which alerts; all of these hold.
    pub matchers: Matchers,
    /// Whether routes after this one are looked at too; default false.
    pub r#continue: bool,
    /// Alerts with the same values of these labels are told of together; `...` alone: each on its own. Default:
    /// `alertname` and `seaworthy_service`.
    pub group_by: Option<Vec<String>>,
    /// How long the first alert of a group waits for others; default 30 s, and 0 for critical ones.
    pub group_wait: Option<Duration>,
    /// How long further changes of a group are collected; default 5 min. A new critical alert does not wait.
    pub group_interval: Option<Duration>,
    /// After how long a group that goes on is told of again; default 4 h.
    pub repeat_interval: Option<Duration>,
    /// Names of times at which nothing is told.
    pub mute_times: Vec<String>,
    /// The chain of people that is gone through until somebody acknowledges.
    pub escalation: Option<String>,
    /// Finer routes, first match first.
    pub routes: Vec<Route>,
}

/// A route with what it has of its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The same for the same place among the same matchers.
    pub(crate) key: String,
    pub(crate) receiver: String,
    pub(crate) group_by: Option<BTreeSet<String>>,
    /// As it was set: alerts differ in what is meant where it was not.
    pub(crate) group_wait: Option<Duration>,
    pub(crate) group_interval: Duration,
    pub(crate) repeat_interval: Duration,
    pub(crate) mute_times: Vec<String>,
    pub(crate) escalation: Option<String>,
    matchers: Matchers,
    goes_on: bool,
    children: Vec<usize>,
}

/// The whole tree. The root is the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree(Vec<Resolved>);

impl Tree {
    pub(crate) fn new(root: &Route) -> Result<Self, Error> {
        if root.receiver.is_none() {
            return Err(Error::invalid("route", "the first route names a receiver"));
        }
        if !root.matchers.is_empty() {
            return Err(Error::invalid("route", "the first route takes every alert: it has no matchers"));
        }
        let mut all = Vec::new();
        add(&mut all, root, None, 0)?;
        Ok(Self(all))
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Resolved> {
        self.0.get(at)
    }

    pub(crate) fn all(&self) -> &[Resolved] {
        &self.0
    }

    pub(crate) fn by_key(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|route| route.key == key)
    }

    /// The routes an alert takes: at least one.
    pub(crate) fn of(&self, labels: &LabelSet) -> Vec<usize> {
        let mut taken = Vec::new();
        self.walk(0, labels, &mut taken);
        if taken.is_empty() {
            taken.push(0);
        }
        taken
    }

    fn walk(&self, at: usize, labels: &LabelSet, taken: &mut Vec<usize>) {
        let Some(route) = self.0.get(at) else { return };
        let before = taken.len();
        for child in &route.children {
            let Some(finer) = self.0.get(*child).filter(|finer| finer.matchers.match_all(labels)) else {
                continue;
            };
            self.walk(*child, labels, taken);
            if !finer.goes_on || taken.len() >= MOST_TAKEN {
                break;
            }
        }
        if taken.len() == before {
            taken.push(at);
        }
    }
}

fn add(all: &mut Vec<Resolved>, route: &Route, parent: Option<usize>, depth: usize) -> Result<usize, Error> {
    if all.len() >= MOST_ROUTES || depth >= DEEPEST {
        return Err(Error::invalid("route", format!("at most {MOST_ROUTES} routes, {DEEPEST} deep")));
    }
    check(route)?;
    let resolved = resolve(route, parent.and_then(|at| all.get(at)));
    let at = all.len();
    // routes with the same matchers under one parent are told apart by which of them they are
    let twins = all.iter().filter(|other| other.key.starts_with(&resolved.key)).count();
    let key = if twins == 0 { resolved.key.clone() } else { format!("{}#{twins}", resolved.key) };
    all.push(Resolved { key, ..resolved });
    for finer in &route.routes {
        let child = add(all, finer, Some(at), depth + 1)?;
        if let Some(own) = all.get_mut(at) {
            own.children.push(child);
        }
    }
    Ok(at)
}

fn resolve(route: &Route, parent: Option<&Resolved>) -> Resolved {
    let usual = || Some(["alertname", "seaworthy_service"].into_iter().map(str::to_owned).collect());
    let own = |labels: &Vec<String>| match labels.as_slice() {
        [all] if all == "..." => None,
        labels => Some(labels.iter().cloned().collect()),
    };
    let group_by = route.group_by.as_ref().map(own);
    let key = format!("{}/{}", parent.map_or("", |parent| parent.key.as_str()), route.matchers);
    Resolved {
        key,
        receiver: route.receiver.clone().or(parent.map(|parent| parent.receiver.clone())).unwrap_or_default(),
        group_by: group_by.unwrap_or_else(|| parent.map_or_else(usual, |parent| parent.group_by.clone())),
        group_wait: route.group_wait.or(parent.and_then(|parent| parent.group_wait)),
        group_interval: route
            .group_interval
            .unwrap_or(parent.map_or(Duration::from_secs(300), |parent| parent.group_interval)),
        repeat_interval: route
            .repeat_interval
            .unwrap_or(parent.map_or(Duration::from_secs(4 * 3_600), |parent| parent.repeat_interval)),
        // muting the parent's times is not asked for, as in Alertmanager
        mute_times: route.mute_times.clone(),
        escalation: route.escalation.clone().or(parent.and_then(|parent| parent.escalation.clone())),
        matchers: route.matchers.clone(),
        goes_on: route.r#continue,
        children: Vec::new(),
    }
}

fn check(route: &Route) -> Result<(), Error> {
    let wrong = |reason: &str| Err(Error::invalid("route", reason));
    if let Some(labels) = &route.group_by {
        let each = labels.as_slice() == ["..."];
        if !each && (labels.len() > 32 || !labels.iter().all(|label| is_name(label))) {
            return wrong("group_by is up to 32 names of labels, or ... alone");
        }
    }
    let month = Duration::from_secs(31 * 86_400);
    let second = Duration::from_secs(1);
    if route.group_wait.is_some_and(|wait| wait > month) {
        return wrong("group_wait is up to 31d");
    }
    if [route.group_interval, route.repeat_interval].into_iter().flatten().any(|l| l < second || l > month) {
        return wrong("group_interval and repeat_interval are from 1s to 31d");
    }
    Ok(())
}

impl Resolved {
    /// How long an alert waits for others.
    pub(crate) fn wait(&self, alert: &Alert) -> Duration {
        let usual =
            if alert.severity() == Severity::Critical { Duration::ZERO } else { Duration::from_secs(30) };
        self.group_wait.unwrap_or(usual)
    }

    /// The labels that make an alert's group.
    pub(crate) fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        let pairs = labels.iter().map(|(name, value)| (name.clone(), value.clone()));
        match &self.group_by {
            None => pairs.collect(),
            Some(names) => pairs.filter(|(name, _)| names.contains(name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(receiver: &str, matchers: &[&str]) -> Route {
        let matchers = Matchers::parse(matchers).expect("matchers");
        Route { receiver: Some(receiver.to_owned()), matchers, ..Route::default() }
    }

    fn taken(tree: &Tree, pairs: &[(&str, &str)]) -> Vec<String> {
        let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        tree.of(&labels).into_iter().map(|at| tree.0[at].receiver.clone()).collect()
    }

    #[test]
    fn the_deepest_match_takes_it_and_continue_goes_on() {
        let mut root = route("all", &[]);
        let mut shop = route("shop", &["service=shop"]);
        shop.routes = vec![route("pager", &["severity=critical"])];
        shop.group_wait = Some(Duration::from_secs(5));
        root.routes =
            vec![Route { r#continue: true, ..route("log", &["service=~.+"]) }, shop, route("late", &[])];
        let tree = Tree::new(&root).expect("a tree");
        assert_eq!(taken(&tree, &[("service", "shop"), ("severity", "critical")]), ["log", "pager"]);
        assert_eq!(taken(&tree, &[("service", "shop")]), ["log", "shop"]);
        assert_eq!(taken(&tree, &[("service", "x")]), ["log", "late"]);
        assert_eq!(taken(&tree, &[]), ["late"]);
        let pager = tree.all().iter().find(|route| route.receiver == "pager").expect("there");
        assert_eq!(pager.group_wait, Some(Duration::from_secs(5)), "inherited");
    }

    #[test]
    fn keys_are_stable_and_differ() {
        let mut root = route("all", &[]);
        root.routes = vec![route("a", &["x=1"]), route("b", &["x=1"]), route("c", &["x=2"])];
        let tree = Tree::new(&root).expect("a tree");
        let keys: BTreeSet<_> = tree.0.iter().map(|route| route.key.clone()).collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert_eq!(tree.by_key(&tree.0[2].key), Some(2));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Tree::new(&Route::default()).is_err());
        assert!(Tree::new(&route("x", &["a=b"])).is_err());
        let mut deep = route("x", &["a=b"]);
        for _ in 0..DEEPEST {
            deep = Route { routes: vec![deep], ..Route::default() };
        }
        assert!(Tree::new(&Route { receiver: Some("x".to_owned()), ..deep }).is_err());
    }
}
