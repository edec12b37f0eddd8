//! Charts as SVG, each with its words and its numbers beside it.

mod bars;
mod frame;
mod heat;
mod lines;
mod spark;

pub(super) use bars::bars;
pub(super) use heat::heat;
pub(super) use lines::{Line, Scale, lines};
pub(super) use spark::spark;

use maud::{Markup, html};

/// What a chart is called and says.
pub(super) struct Caption<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// The chart in a sentence, for whoever does not see it.
    pub(super) told: String,
    /// What stands beside the title: the number that counts.
    pub(super) now: String,
}

/// A name with its sign, for a legend.
pub(super) struct Key {
    pub(super) class: &'static str,
    pub(super) name: String,
}

impl Caption<'_> {
    /// A drawing with all that belongs to it.
    fn figure(&self, place: frame::Place, keys: &[Key], drawing: &Markup, table: &Markup) -> Markup {
        let (title, told) = (format!("{}-title", self.id), format!("{}-told", self.id));
        html! {
            figure.chart {
                figcaption { span.name { (self.title) } span.now { (self.now) } }
                @if !keys.is_empty() {
                    ul.keys aria-hidden="true" {
                        @for key in keys {
                            li { svg class={ "key " (key.class) } viewBox="0 0 14 10" aria-hidden="true" { rect width="14" height="10" rx="2" {} line x1="0" y1="5" x2="14" y2="5" {} } (key.name) }
                        }
                    }
                }
                div class=[place.is_whole().then_some("far")] { svg.drawing role="img" aria-labelledby={ (title) " " (told) } viewBox=(place.view) {
                    title id=(title) { (self.title) }
                    desc id=(told) { (self.told) }
                    (drawing)
                } }
                details id={ (self.id) "-table" } { summary { "As a table" } (table) }
            }
        }
    }
}

/// The numbers of a chart: at most so many rows, evenly picked.
fn numbers(heads: &[&str], rows: &[Vec<String>]) -> Markup {
    const MOST: usize = 24;
    let every = rows.len().div_ceil(MOST).max(1);
    html! {
        table.numbers {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for row in rows.iter().rev().step_by(every) {
                    tr { @for (at, cell) in row.iter().enumerate() { @if at == 0 { th scope="row" { (cell) } } @else { td.n { (cell) } } } }
                }
            }
        }
    }
}
