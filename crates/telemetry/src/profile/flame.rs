//! A flame graph as SVG.

use super::Profile;
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: f64 = 1_200.0;
const ROW: f64 = 17.0;
const TOP: f64 = 30.0;
/// Narrower than this, in pixels, a box is not drawn: nobody could see it.
const NARROWEST: f64 = 0.3;
/// How wide a letter is.
const LETTER: f64 = 6.6;
/// Deeper than this nothing is drawn.
const DEEPEST: usize = 256;

#[derive(Default)]
struct Node<'a> {
    count: u64,
    callees: BTreeMap<&'a str, Node<'a>>,
}

pub(super) fn draw(profile: &Profile) -> String {
    let mut root = Node::default();
    for (stack, count) in &profile.stacks {
        let mut node = &mut root;
        node.count += count;
        for function in stack.iter().take(DEEPEST) {
            node = node.callees.entry(function).or_default();
            node.count += count;
        }
    }
    let height = TOP + ROW * (depth(&root) as f64 + 1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
         <text x=\"4\" y=\"18\" font-size=\"13\">{} samples in {:.1} s, {} per second of processor time</text>\n",
        root.count,
        profile.duration.as_secs_f64(),
        profile.hertz
    );
    let scale = WIDTH / root.count.max(1) as f64;
    callees(&mut out, &root, root.count, scale, 0.0, TOP);
    out.push_str("</svg>\n");
    out
}

fn depth(node: &Node<'_>) -> usize {
    node.callees.values().map(|callee| 1 + depth(callee)).max().unwrap_or_default()
}

fn callees(out: &mut String, node: &Node<'_>, all: u64, scale: f64, left: f64, top: f64) {
    let mut left = left;
    for (name, callee) in &node.callees {
        let width = callee.count as f64 * scale;
        if width >= NARROWEST {
            rectangle(out, name, callee.count, all, (left, top, width));
            callees(out, callee, all, scale, left, top + ROW);
        }
        left += width;
    }
}

fn rectangle(out: &mut String, name: &str, count: u64, all: u64, (left, top, width): (f64, f64, f64)) {
    let share = 100.0 * count as f64 / all.max(1) as f64;
    let shade = name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let (green, blue) = (80 + shade % 110, (shade >> 8) % 60);
    let _infallible = write!(
        out,
        "<g><title>{} ({count}, {share:.1} %)</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
         height=\"{:.1}\" fill=\"rgb(230,{green},{blue})\" rx=\"1\"/>",
        escaped(name),
        ROW - 1.0
    );
    let letters = ((width - 6.0) / LETTER).max(0.0) as usize;
    if letters >= 3 {
        let short: String = name.chars().take(letters).collect();
        let _infallible =
            write!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", left + 3.0, top + 12.0, escaped(&short));
    }
    out.push_str("</g>\n");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
