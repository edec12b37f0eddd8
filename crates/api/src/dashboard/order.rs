//! What can be pressed: calls of the API, shown to whoever may make them.

use maud::{Markup, html};
use serde_json::Value;

use super::visit::Visit;

/// A call of the API by a press.
pub(super) struct Order<'a> {
    /// Its method.
    pub(super) method: &'static str,
    /// The route, as the API writes it: decides who may.
    pub(super) route: &'static str,
    /// The path.
    pub(super) path: String,
    /// The body.
    pub(super) body: Option<Value>,
    /// What stands on the button.
    pub(super) label: &'a str,
    /// What it is done to, for whoever hears the button alone.
    pub(super) of: &'a str,
    /// What is asked before.
    pub(super) confirm: Option<String>,
    /// What is said when it is done.
    pub(super) done: String,
    /// Whether it takes something away.
    pub(super) danger: bool,
}

impl Order<'_> {
    /// A button, where the visitor may press it.
    pub(super) fn button(&self, visit: &Visit) -> Markup {
        if !visit.may(self.method, self.route) {
            return Markup::default();
        }
        let class = if self.danger { "order danger" } else { "order" };
        let body = self.body.as_ref().map(|body| super::text::escaped(&body.to_string()));
        html! {
            button type="button" class=(class) data-method=(self.method) data-path=(self.path) data-body=[body]
                data-confirm=[self.confirm.as_deref()] data-done=(self.done) {
                (self.label) span.vh { " " (super::text::middle_cut(self.of, 80)) }
            }
        }
    }
}

/// A form whose fields become the JSON body of a call, where the visitor may make it. Names with dots make objects.
pub(super) struct Form<'a> {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) path: String,
    pub(super) confirm: Option<String>,
    pub(super) done: &'a str,
    /// Where to go when it is done.
    pub(super) then: Option<&'a str>,
}

impl Form<'_> {
    /// The form around its fields.
    pub(super) fn around(&self, visit: &Visit, fields: &Markup) -> Markup {
        if !visit.may(self.method, self.route) {
            return Markup::default();
        }
        html! {
            form.order method="post" action=(self.path) data-method=(self.method) data-path=(self.path)
                data-confirm=[self.confirm.as_deref()] data-done=(self.done) data-then=[self.then] { (fields) }
        }
    }
}
