use super::{Check, Rule};
use crate::labels::ALERT_NAME;
use crate::objective::Measured;
use seaworthy_core::duration;
use std::sync::Arc;
use std::time::Duration;

/// The rules of an objective: one per burn rate, and one for little traffic that fails.
pub(super) fn rules(objective: &Arc<Measured>) -> Vec<Rule> {
    let promise = &objective.objective;
    let burns = promise.burn_rates.iter().map(|rate| {
        let (long, short) = (duration::format(rate.long), duration::format(rate.short));
        let check = Check::Burn { objective: Arc::clone(objective), rate: rate.clone() };
        let mut rule = Rule::new(format!("objective/{}/burn/{long}", promise.name), check);
        rule.severity = rate.severity;
        // what is looked at over hours need not be looked at every ten seconds
        rule.interval = Some(rate.short / 30).filter(|interval| *interval >= Duration::from_secs(60));
        rule.summary = format!(
            "{} burns its error budget {{{{value}}}} times as fast as it may (over {long} and {short})",
            promise.name
        );
        rule.labels.insert("window".to_owned(), long);
        named(rule, objective, "ObjectiveBurnRate")
    });
    let sustained = promise.sustained.iter().map(|sustained| {
        let check = Check::Sustained { objective: Arc::clone(objective), rule: sustained.clone() };
        let mut rule = Rule::new(format!("objective/{}/failing", promise.name), check);
        rule.severity = sustained.severity;
        rule.summary = format!(
            "{{{{percent}}}} of the few requests of {} in the last {} were bad",
            promise.name,
            duration::format(sustained.window)
        );
        named(rule, objective, "ObjectiveFailing")
    });
    burns.chain(sustained).collect()
}

fn named(mut rule: Rule, objective: &Measured, name: &str) -> Rule {
    let promise = &objective.objective;
    rule.labels.insert(ALERT_NAME.to_owned(), name.to_owned());
    rule.labels.extend(promise.labels.clone());
    rule.runbook.clone_from(&promise.runbook);
    if !promise.description.is_empty() {
        rule.annotations.insert("description".to_owned(), promise.description.clone());
    }
    rule
}
